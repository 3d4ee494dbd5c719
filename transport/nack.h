/* transport/nack.h - the receiver's list of what is missing, and when to ask for it (RFC 4585).
 *
 * A number is asked for when it is still missing reorder_us after something newer came, again each
 * round trip, at most max_tries times and not after max_age_us. One [net] thread at a time. */
#ifndef TRANSPORT_NACK_H
#define TRANSPORT_NACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rtc_nack; /* opaque, about 32 kB */

enum {
    RTC_NACK_MAX = 1000, /* most numbers missing at once */
};

struct rtc_nack_conf {
    int64_t reorder_us; /* wait for what is only reordered; 10 ms */
    int64_t max_age_us; /* give up; 1 s */
    uint32_t max_tries; /* 10 */
};

/* conf NULL: the values above. The caller owns *out. Returns 0, -EINVAL or -ENOMEM. */
int rtc_nack_create(struct rtc_nack **out, const struct rtc_nack_conf *conf);
void rtc_nack_destroy(struct rtc_nack *n); /* NULL is fine */

/* A packet came, by the stream or recovered by RTX; seq made wide (seq.h). Returns true when so
 * many are missing now that asking for all is no use: the list was emptied, ask for a key frame. */
bool rtc_nack_received(struct rtc_nack *n, uint64_t seq, int64_t now_us);

/* Numbers to ask for now, oldest first, at most capacity; they count as asked. rtt_us: -1 when not
 * known (100 ms then). Returns how many. */
size_t rtc_nack_due(struct rtc_nack *n, int64_t now_us, int64_t rtt_us, uint16_t *out,
                    size_t capacity);

/* Nobody waits for numbers below seq any more (rtc_video_jitter_next_seq()). */
void rtc_nack_forget_below(struct rtc_nack *n, uint64_t seq);

/* Missing now; missing that were given up by age or tries, ever. */
size_t rtc_nack_outstanding(const struct rtc_nack *n);
uint64_t rtc_nack_given_up(const struct rtc_nack *n);

#endif
