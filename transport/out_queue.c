/* Video that waits for the pacer, and what is left out when it waits too long. [net]
 *
 * First the upper temporal layers: the picture goes on at half the rate. Then whole frames up to
 * the newest key frame, or all, and a new key frame is asked for. What has begun to leave is
 * finished. */
#include "transport/out_priv.h"

static struct rtc_out_waiting *at(struct rtc_out *o, size_t i)
{
    return &o->ring[(o->first + i) % RTC_OUT_FRAMES_MAX];
}

void rtc_out_queue_finish(struct rtc_out *o)
{
    rtc_payloads_unref(o->ring[o->first].payloads);
    o->first = (o->first + 1) % RTC_OUT_FRAMES_MAX;
    o->count--;
}

void rtc_out_drop_waiting(struct rtc_out *o)
{
    while (o->count > 0)
        rtc_out_queue_finish(o);
}

void rtc_out_queue_put(struct rtc_out *o, struct rtc_payloads *payloads, int64_t pts_us)
{
    *at(o, o->count++) =
        (struct rtc_out_waiting){.payloads = rtc_payloads_ref(payloads), .pts_us = pts_us};
}

/* A key frame at the front is as long as it is: what counts is what waits behind it. */
static size_t queued_bytes(struct rtc_out *o)
{
    size_t bytes = 0;
    for (size_t i = 0; i < o->count; i++) {
        const struct rtc_payloads *p = at(o, i)->payloads;
        if (i > 0 || !p->packet->is_key)
            bytes += p->packet->size * (p->count - at(o, i)->next) / p->count;
    }
    return bytes;
}

static bool has_begun(const struct rtc_out_waiting *w)
{
    return w->next > 0;
}

/* Lets go of those in [begin, end) that have not begun to leave and are of a layer from `layer` on.
 */
static bool drop(struct rtc_out *o, size_t begin, size_t end, uint8_t layer)
{
    size_t kept = 0;
    const size_t count = o->count;
    for (size_t i = 0; i < count; i++) {
        struct rtc_out_waiting w = *at(o, i);
        if (i >= begin && i < end && !has_begun(&w) && w.payloads->packet->temporal_id >= layer)
            rtc_payloads_unref(w.payloads);
        else
            *at(o, kept++) = w;
    }
    o->count = kept;
    return kept < count;
}

static size_t newest_key(struct rtc_out *o)
{
    size_t i = o->count;
    while (i > 0 && !at(o, i - 1)->payloads->packet->is_key)
        i--;
    return i; /* one behind it; 0: none */
}

bool rtc_out_queue_shorten(struct rtc_out *o, size_t most_bytes)
{
    for (uint8_t layer = 3; layer > 0 && queued_bytes(o) > most_bytes; layer--) {
        /* What is to come of them refers to what is let go of here, until the next base frame. */
        if (drop(o, 0, o->count, layer) && o->playing.layers >= layer)
            o->playing.layers = (uint8_t)(layer - 1);
    }
    if (queued_bytes(o) <= most_bytes)
        return true;
    const size_t key = newest_key(o);
    if (key > 0)
        drop(o, 0, key - 1, 0);
    const size_t behind = newest_key(o);
    if (queued_bytes(o) <= most_bytes || behind == o->count)
        return true;
    drop(o, behind, o->count, 0); /* that key frame is a still then */
    return false;
}
