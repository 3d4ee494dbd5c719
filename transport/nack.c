/* transport/nack.c - missing sequence numbers and when to ask for them. One [net] thread at a time.
 *
 * A ring by wide sequence number covers the newest RING numbers; an entry counts only when its own
 * number says so, so nothing has to be cleared when the ring goes round. */
#include "transport/nack.h"

#include <errno.h>
#include <stdlib.h>

enum {
    RING = 1024, /* above RTC_NACK_MAX, a power of two */
    UNKNOWN_RTT_US = 100 * 1000,
    SLACK_US = 5 * 1000, /* beyond the round trip before asking again */
};

struct missing {
    uint64_t seq;
    int64_t since_us;
    int64_t asked_us;
    uint32_t tries;
    bool is_missing;
};

struct rtc_nack {
    struct rtc_nack_conf conf;
    bool is_started;
    uint64_t highest;
    uint64_t oldest; /* nothing below is missing */
    size_t outstanding;
    uint64_t given_up;
    struct missing ring[RING];
};

int rtc_nack_create(struct rtc_nack **out, const struct rtc_nack_conf *conf)
{
    static const struct rtc_nack_conf usual = {
        .reorder_us = 10 * 1000,
        .max_age_us = 1000 * 1000,
        .max_tries = 10,
    };
    if (!conf)
        conf = &usual;
    if (conf->reorder_us < 0 || conf->max_age_us <= 0 || conf->max_tries == 0)
        return -EINVAL;
    struct rtc_nack *n = calloc(1, sizeof(*n));
    if (!n)
        return -ENOMEM;
    n->conf = *conf;
    *out = n;
    return 0;
}

void rtc_nack_destroy(struct rtc_nack *n)
{
    free(n);
}

static struct missing *entry_of(struct rtc_nack *n, uint64_t seq)
{
    struct missing *m = &n->ring[seq % RING];
    return m->is_missing && m->seq == seq ? m : NULL;
}

static void settle(struct rtc_nack *n, struct missing *m)
{
    m->is_missing = false;
    n->outstanding--;
}

static void give_up(struct rtc_nack *n, struct missing *m)
{
    settle(n, m);
    n->given_up++;
}

static void add(struct rtc_nack *n, uint64_t seq, int64_t now_us)
{
    struct missing *m = &n->ring[seq % RING];
    if (m->is_missing)
        give_up(n, m); /* the ring went round */
    *m = (struct missing){.seq = seq, .since_us = now_us, .is_missing = true};
    n->outstanding++;
}

static void forget_all(struct rtc_nack *n, uint64_t next)
{
    for (size_t i = 0; i < RING; i++)
        if (n->ring[i].is_missing)
            give_up(n, &n->ring[i]);
    n->oldest = next;
}

bool rtc_nack_received(struct rtc_nack *n, uint64_t seq, int64_t now_us)
{
    if (!n->is_started) {
        n->is_started = true;
        n->highest = seq;
        n->oldest = seq + 1;
        return false;
    }
    if (seq <= n->highest) {
        struct missing *m = entry_of(n, seq);
        if (m)
            settle(n, m);
        return false;
    }

    const uint64_t gap = seq - n->highest - 1;
    const bool is_hopeless = gap + n->outstanding > RTC_NACK_MAX;
    if (is_hopeless)
        forget_all(n, seq + 1);
    for (uint64_t s = n->highest + 1; s < seq && !is_hopeless; s++)
        add(n, s, now_us);
    n->highest = seq;
    return is_hopeless;
}

/* Is it worth asking for now? Gives up what is too old or was asked for too often. */
static bool is_due(struct rtc_nack *n, struct missing *m, int64_t now_us, int64_t interval_us)
{
    if (now_us - m->since_us > n->conf.max_age_us) {
        give_up(n, m);
        return false;
    }
    if (m->tries == 0)
        return now_us - m->since_us >= n->conf.reorder_us;
    if (now_us - m->asked_us < interval_us)
        return false;
    if (m->tries < n->conf.max_tries)
        return true;
    give_up(n, m);
    return false;
}

/* The first number that may still be missing. */
static uint64_t first_missing(struct rtc_nack *n)
{
    if (n->highest >= RING && n->oldest < n->highest - RING + 1)
        n->oldest = n->highest - RING + 1;
    while (n->oldest < n->highest && !entry_of(n, n->oldest))
        n->oldest++;
    return n->oldest;
}

size_t rtc_nack_due(struct rtc_nack *n, int64_t now_us, int64_t rtt_us, uint16_t *out,
                    size_t capacity)
{
    const int64_t interval_us = rtt_us < 0 ? UNKNOWN_RTT_US : rtt_us + rtt_us / 4 + SLACK_US;
    size_t count = 0;
    size_t left = n->outstanding;

    for (uint64_t s = first_missing(n); left > 0 && s < n->highest && count < capacity; s++) {
        struct missing *m = entry_of(n, s);
        if (!m)
            continue;
        left--;
        if (!is_due(n, m, now_us, interval_us))
            continue;
        m->tries++;
        m->asked_us = now_us;
        out[count++] = (uint16_t)s;
    }
    return count;
}

void rtc_nack_forget_below(struct rtc_nack *n, uint64_t seq)
{
    for (uint64_t s = first_missing(n); n->outstanding > 0 && s < seq && s < n->highest; s++) {
        struct missing *m = entry_of(n, s);
        if (m)
            settle(n, m);
    }
}

size_t rtc_nack_outstanding(const struct rtc_nack *n)
{
    return n->outstanding;
}

uint64_t rtc_nack_given_up(const struct rtc_nack *n)
{
    return n->given_up;
}
