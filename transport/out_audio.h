/* transport/out_audio.h - one peer's outgoing audio packets: payloads with copies of those before
 * them, and the store from which they are sent again.
 *
 * The store holds references to shared payloads and each packet's own RTP header. A packet that is
 * sent again without RTX is built again from the same parts and so is the same, byte for byte: the
 * same SRTP nonce is harmless only then. Nothing allocates after create. One [net] thread at a
 * time. */
#ifndef TRANSPORT_OUT_AUDIO_H
#define TRANSPORT_OUT_AUDIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/payload.h"
#include "transport/rtp.h"
#include "transport/rtx.h"

struct rtc_out_audio; /* opaque, about 3 kB */

enum {
    RTC_OUT_AUDIO_PACKETS = 32, /* kept: 640 ms */
    RTC_OUT_AUDIO_US = 640 * 1000,
};

/* A packet to send. */
struct rtc_out_audio_packet {
    uint16_t seq;          /* rises by one with each */
    const uint8_t *header; /* RTP header with extensions */
    size_t header_size;    /* at most RTC_RTP_HEADER_MAX */
    uint8_t media_pt;
    uint32_t copies; /* RED with so many at most; the header says RED then. 0: plain */
    struct rtc_payloads *payloads; /* one slice; referenced */
    int64_t now_us;
};

/* The caller owns *out. Returns 0 or -ENOMEM. */
int rtc_out_audio_create(struct rtc_out_audio **out);
void rtc_out_audio_destroy(struct rtc_out_audio *a); /* NULL is fine */

/* Would this payload go into a RED packet? A very long one has to go plain. */
bool rtc_out_audio_fits_red(const struct rtc_payloads *payloads);

/* Remembers the packet and builds it. *taken gets the number of copies in it. Returns its size,
 * -ENOSPC or -EINVAL. */
int rtc_out_audio_put(struct rtc_out_audio *a, const struct rtc_out_audio_packet *packet,
                      uint8_t *out, size_t capacity, uint32_t *taken);

/* The same without remembering, for a receiver that can ask for nothing: no copies. */
int rtc_out_audio_build_plain(const struct rtc_out_audio_packet *packet, uint8_t *out,
                              size_t capacity);

/* Gives back what is too old to be sent again, a little at each call: every 10 ms or so. */
void rtc_out_audio_tick(struct rtc_out_audio *a, int64_t now_us);

/* The packet again, by RTX (the primary alone) when rtx is given, else byte for byte. Returns its
 * size, -ENOENT (not there any more, or its copies are not), -EALREADY (sent again less than
 * two thirds of a round trip ago; rtt_us -1: not known, 20 ms then) or -ENOSPC. */
int rtc_out_audio_again(struct rtc_out_audio *a, uint16_t seq, struct rtc_rtx *rtx, int64_t now_us,
                        int64_t rtt_us, uint8_t *out, size_t capacity);

#endif
