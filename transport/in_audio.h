/* transport/in_audio.h - one peer's incoming audio: each packet is handed on once, whatever way it
 * came: by itself, as a RED copy in a later one, or sent again.
 *
 * A RED copy says how much older it is, not which packet it is. That is found from the packets
 * around it: their timestamps rise with their sequence numbers. What is lost is asked for again
 * while it can still come in time to be heard. One [net] thread at a time. */
#ifndef TRANSPORT_IN_AUDIO_H
#define TRANSPORT_IN_AUDIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/clockmap.h"
#include "transport/rtc.h"

struct rtc_in_audio; /* opaque, 4 kB; 36 kB where NACK was negotiated */

enum {
    RTC_IN_AUDIO_WINDOW = 128, /* newest packets that are known; what is older is dropped */
    RTC_IN_AUDIO_RTT_MAX_US = 150 * 1000, /* beyond it nothing is asked for */
    RTC_IN_AUDIO_AGE_MAX_US =
        150 * 1000, /* the last time to ask: what comes is 250 ms late at most */
    RTC_IN_AUDIO_TRIES = 3,
};

struct rtc_in_audio_packet {
    const uint8_t *payload;
    size_t size;  /* 0: padding, it only fills its number */
    uint64_t seq; /* made wide */
    uint32_t timestamp;
    int64_t arrival_us;
    int level_dbov; /* of the primary; 1: not said */
    bool is_repair; /* sent again */
    bool is_red;
    uint8_t media_pt; /* of what RED carries */
};

/* The sink is copied, the clock map stays the caller's. The caller owns *out. Returns 0 or -ENOMEM.
 */
int rtc_in_audio_create(struct rtc_in_audio **out, const struct rtc_peer_sink *sink,
                        struct rtc_clockmap *clockmap);
void rtc_in_audio_destroy(struct rtc_in_audio *a); /* NULL is fine */

/* A stream begins, or another one takes its place: sequence numbers handed on continue after a gap
 * of `gap`. Returns 0 or -ENOMEM (all is as before). */
int rtc_in_audio_restart(struct rtc_in_audio *a, uint64_t first_seq, bool has_nack, uint64_t gap);

/* Takes a packet after the clock map has seen it, and calls on_audio for what is new in it, the
 * oldest first. Returns 0 or -EBADMSG (malformed RED, or RED of something else). */
int rtc_in_audio_take(struct rtc_in_audio *a, const struct rtc_in_audio_packet *packet);

/* Is a packet that arrives now under its own number the answer to our asking (RFC 4585 without
 * RTX)? */
bool rtc_in_audio_is_answer(const struct rtc_in_audio *a, uint64_t seq, int64_t now_us);

/* Numbers to ask for now; they count as asked. rtt_us -1: not known. */
size_t rtc_in_audio_missing(struct rtc_in_audio *a, int64_t now_us, int64_t rtt_us, uint16_t *seqs,
                            size_t capacity);

/* Packets that copies or retransmissions brought, ever. */
uint64_t rtc_in_audio_recovered(const struct rtc_in_audio *a);

/* A packet of this number comes soon. */
void rtc_in_audio_warm(const struct rtc_in_audio *a, uint16_t seq);

#endif
