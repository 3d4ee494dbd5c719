/* transport/twcc.h - transport-wide congestion control feedback
 * (draft-holmer-rmcat-transport-wide-cc-extensions-01): what arrived when, told to the sender.
 *
 * The receiver notes each packet's transport-wide number; every 50 to 100 ms the owner asks for
 * feedback. A packet that comes late, after its number was reported lost, is reported again from
 * there on, as libwebrtc does. One [net] thread at a time. */
#ifndef TRANSPORT_TWCC_H
#define TRANSPORT_TWCC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mcu/base/bytes.h"

struct rtc_twcc; /* opaque: the receiver's side; about 16 kB */

enum {
    RTC_TWCC_WINDOW = 2048,     /* newest numbers remembered */
    RTC_TWCC_FEEDBACK_MIN = 64, /* space that rtc_twcc_put() asks for at least */
};

/* The caller owns *out. Returns 0 or -ENOMEM. */
int rtc_twcc_create(struct rtc_twcc **out);
void rtc_twcc_destroy(struct rtc_twcc *t); /* NULL is fine */

/* A packet with this number arrived. Duplicates and what is older than the window are ignored; a
 * leap of more than the window forgets what was not reported yet. */
void rtc_twcc_note(struct rtc_twcc *t, uint16_t seq, int64_t arrival_us);

/* Is there something to report? */
bool rtc_twcc_is_due(const struct rtc_twcc *t);

/* Appends one RTCP feedback packet with what was not reported yet, as much as fits into w and in
 * one packet; call again while rtc_twcc_is_due(). from: our SSRC; media: the SSRC of any stream of
 * the sender. Returns 0, -ENODATA (nothing to report) or -ENOSPC (w has less than
 * RTC_TWCC_FEEDBACK_MIN bytes left, w is as before). */
int rtc_twcc_put(struct rtc_twcc *t, struct mcu_writer *w, uint32_t from, uint32_t media);

/* The sender's side: one packet's fate. arrival_us counts from an epoch of the receiver's that is
 * the same in all feedback (it wraps after 2^24 * 64 ms = 12 days). For what is lost it is that of
 * the one before. */
typedef void rtc_twcc_fate_fn(void *ctx, uint16_t seq, bool is_received, int64_t arrival_us);

/* Reads the FCI that on_twcc() got. fate is called in order of seq, only if all of it is well
 * formed, at most 65535 times; feedback_count (may be NULL) gets the packet's 8-bit count. Returns
 * 0 or -EBADMSG. */
int rtc_twcc_parse(const uint8_t *fci, size_t size, uint8_t *feedback_count, rtc_twcc_fate_fn *fate,
                   void *ctx);

#endif
