/* transport/estimate.h - how much one receiver's network carries, from what was sent and what its
 * transport-wide feedback says of it (draft-holmer-rmcat-transport-wide-cc-extensions-01).
 *
 *     feedback -> fates of packets -+-> queues that grow (estimate_delay.h) -> back off, creep up
 *                                   +-> loss                                -> a bound
 *                                   +-> probes (probe.h)                    -> a leap up
 *
 * Pure: time and packets are told to it. Feedback comes from outside: what names packets that were
 * never sent, or twice, changes nothing. Nothing allocates after create. One [net] thread at a
 * time. */
#ifndef TRANSPORT_ESTIMATE_H
#define TRANSPORT_ESTIMATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rtc_estimator; /* opaque; about 20 kB */

enum {
    RTC_ESTIMATE_START_BPS = 300 * 1000,
    RTC_ESTIMATE_MIN_BPS = 10 * 1000,
    RTC_ESTIMATE_MAX_BPS = 12 * 1000 * 1000,
    RTC_ESTIMATE_PACKETS = 1024, /* whose fate may still be told */
};

/* The caller owns *out. Returns 0 or -ENOMEM. */
int rtc_estimator_create(struct rtc_estimator **out);
void rtc_estimator_destroy(struct rtc_estimator *e); /* NULL is fine */

/* More than this is of no use, so it is not looked for: RTC_ESTIMATE_MAX_BPS at first. */
void rtc_estimator_set_useful(struct rtc_estimator *e, uint64_t bps);

/* A packet left with this transport-wide number; numbers rise by one. */
void rtc_estimator_sent(struct rtc_estimator *e, uint16_t seq, size_t bytes, int64_t now_us);

struct rtc_fates {
    uint32_t sent; /* packets that were spoken of for the first time */
    uint32_t lost; /* of these */
};

/* Feedback, as rtc_twcc_parse() takes it; rtt_us -1: not known. *fates (may be NULL) gets what it
 * told. Returns 0 or -EBADMSG. */
int rtc_estimator_feedback(struct rtc_estimator *e, const uint8_t *fci, size_t size, int64_t now_us,
                           int64_t rtt_us, struct rtc_fates *fates);

/* Anything came that only the far side can have sent. While nothing does there is no path, and that
 * is no congestion: the estimate stays, and goes on from there. When it is heard and yet says
 * nothing of what was sent, the estimate is taken back. */
void rtc_estimator_heard(struct rtc_estimator *e, int64_t now_us);

/* Every 5 to 20 ms: notices silence, and when to look for more. */
void rtc_estimator_tick(struct rtc_estimator *e, int64_t now_us);

/* Bytes that are to leave now to find out whether there is more, whatever the estimate says: media
 * that waits, or padding in packets of at most *packet_bytes. 0: none. */
size_t rtc_estimator_probe_bytes(const struct rtc_estimator *e, int64_t now_us,
                                 size_t *packet_bytes);

struct rtc_estimator_state {
    uint64_t bitrate_bps;
    uint64_t delivered_bps; /* came lately */
    uint32_t loss_permille; /* smoothed */
    uint32_t queue_ms;      /* what waits on the way, about */
    bool is_probing;
    bool has_feedback; /* ever */
    bool has_fallen;   /* ever: until then no limit was met */
};
void rtc_estimator_read(const struct rtc_estimator *e, struct rtc_estimator_state *state);

#endif
