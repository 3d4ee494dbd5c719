/* transport/rtx.c - the send history and RTX packets. One [net] thread at a time.
 *
 * A ring by sequence number. Sequence numbers of one stream rise by one, so the slots between the
 * oldest and the newest are in order of time and expire from the oldest on. */
#include "transport/rtx.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/bytes.h"

enum {
    UNKNOWN_RTT_US = 20 * 1000,
};

struct sent {
    struct rtc_payloads *payloads; /* NULL: empty */
    int64_t sent_us;
    int64_t resent_us;
    uint32_t slice;
    uint16_t seq;
    bool was_resent;
    uint8_t head_size;
    uint8_t header_size;
    uint8_t head[RTC_HISTORY_HEAD_MAX];
};

struct rtc_history {
    bool is_started;
    uint16_t oldest;
    uint16_t newest;
    struct sent ring[RTC_HISTORY_PACKETS];
};

int rtc_history_create(struct rtc_history **out)
{
    struct rtc_history *h = calloc(1, sizeof(*h));
    if (!h)
        return -ENOMEM;
    *out = h;
    return 0;
}

void rtc_history_destroy(struct rtc_history *h)
{
    if (h)
        rtc_history_clear(h);
    free(h);
}

static struct sent *slot_of(struct rtc_history *h, uint16_t seq)
{
    return &h->ring[seq % RTC_HISTORY_PACKETS];
}

static void drop(struct sent *s)
{
    rtc_payloads_unref(s->payloads);
    s->payloads = NULL;
}

void rtc_history_clear(struct rtc_history *h)
{
    for (size_t i = 0; i < RTC_HISTORY_PACKETS; i++)
        drop(&h->ring[i]);
    h->is_started = false;
}

static bool is_expired(const struct sent *s, int64_t now_us)
{
    return !s->payloads || now_us - s->sent_us > RTC_HISTORY_US;
}

/* Makes seq the newest, its slot empty. */
static void advance(struct rtc_history *h, uint16_t seq, int64_t now_us)
{
    if (h->is_started && (uint16_t)(seq - h->newest - 1) >= RTC_HISTORY_PACKETS)
        rtc_history_clear(h); /* a leap, or backwards: not the same run of numbers */
    if (!h->is_started) {
        h->is_started = true;
        h->oldest = seq;
        h->newest = seq;
        return;
    }
    while (h->newest != seq)
        drop(slot_of(h, ++h->newest));
    if ((uint16_t)(h->newest - h->oldest) >= RTC_HISTORY_PACKETS)
        h->oldest = (uint16_t)(h->newest - RTC_HISTORY_PACKETS + 1);
    while (h->oldest != h->newest && is_expired(slot_of(h, h->oldest), now_us))
        drop(slot_of(h, h->oldest++));
}

int rtc_history_put(struct rtc_history *h, uint16_t seq, const uint8_t *head, size_t head_size,
                    size_t header_size, struct rtc_payloads *payloads, size_t slice, int64_t now_us)
{
    if (head_size > RTC_HISTORY_HEAD_MAX || header_size > head_size ||
        header_size < RTC_RTP_HEADER_SIZE || slice >= payloads->count)
        return -EINVAL;
    advance(h, seq, now_us);

    struct sent *s = slot_of(h, seq);
    s->payloads = rtc_payloads_ref(payloads);
    s->sent_us = now_us;
    s->slice = (uint32_t)slice;
    s->seq = seq;
    s->was_resent = false;
    s->head_size = (uint8_t)head_size;
    s->header_size = (uint8_t)header_size;
    memcpy(s->head, head, head_size);
    return 0;
}

/* The packet to send again, if it is there and it is time. */
static int look_up(struct rtc_history *h, uint16_t seq, int64_t now_us, int64_t rtt_us,
                   struct sent **out)
{
    struct sent *s = slot_of(h, seq);
    if (!s->payloads || s->seq != seq || is_expired(s, now_us))
        return -ENOENT;
    /* Who asks waits a round trip by his own reckoning, which may be a little shorter. */
    const int64_t pause_us = rtt_us < 0 ? UNKNOWN_RTT_US : rtt_us * 2 / 3;
    if (s->was_resent && now_us - s->resent_us < pause_us)
        return -EALREADY;
    *out = s;
    return 0;
}

static void put_rest(struct mcu_writer *w, const struct sent *s)
{
    const struct rtc_slice *slice = &s->payloads->slices[s->slice];
    mcu_put(w, s->head + s->header_size, (size_t)s->head_size - s->header_size);
    mcu_put(w, slice->data, slice->size);
}

static int finish(struct sent *s, const struct mcu_writer *w, int64_t now_us)
{
    if (w->failed)
        return -ENOSPC;
    s->was_resent = true;
    s->resent_us = now_us;
    return (int)mcu_written(w);
}

int rtc_history_build_rtx(struct rtc_history *h, uint16_t seq, struct rtc_rtx *rtx, int64_t now_us,
                          int64_t rtt_us, uint8_t *out, size_t capacity)
{
    struct mcu_writer w = mcu_writer(out, capacity);
    struct sent *s;
    int err = look_up(h, seq, now_us, rtt_us, &s);
    if (err)
        return err;

    mcu_put_u8(&w, s->head[0]);
    mcu_put_u8(&w, (uint8_t)((s->head[1] & 0x80) | rtx->pt));
    mcu_put_u16(&w, rtx->seq);
    mcu_put(&w, s->head + 4, 4); /* the timestamp */
    mcu_put_u32(&w, rtx->ssrc);
    mcu_put(&w, s->head + RTC_RTP_HEADER_SIZE, (size_t)s->header_size - RTC_RTP_HEADER_SIZE);
    mcu_put_u16(&w, seq);
    put_rest(&w, s);
    err = finish(s, &w, now_us);
    if (err > 0)
        rtx->seq++;
    return err;
}

int rtc_history_build_plain(struct rtc_history *h, uint16_t seq, int64_t now_us, int64_t rtt_us,
                            uint8_t *out, size_t capacity)
{
    struct mcu_writer w = mcu_writer(out, capacity);
    struct sent *s;
    const int err = look_up(h, seq, now_us, rtt_us, &s);
    if (err)
        return err;
    mcu_put(&w, s->head, s->header_size);
    put_rest(&w, s);
    return finish(s, &w, now_us);
}

int rtc_history_read(const struct rtc_history *h, uint16_t seq, uint8_t *out, size_t capacity)
{
    const struct sent *s = &h->ring[seq % RTC_HISTORY_PACKETS];
    struct mcu_writer w = mcu_writer(out, capacity);
    if (!s->payloads || s->seq != seq)
        return -ENOENT;
    mcu_put(&w, s->head, s->header_size);
    put_rest(&w, s);
    return w.failed ? -ENOSPC : (int)mcu_written(&w);
}

int rtc_rtx_unwrap(struct rtc_rtp *rtp, uint8_t media_pt, uint32_t media_ssrc)
{
    if (rtp->payload_size == 0)
        return -ENODATA;
    if (rtp->payload_size < RTC_RTX_OVERHEAD)
        return -EBADMSG;
    rtp->seq = (uint16_t)(rtp->payload[0] << 8 | rtp->payload[1]);
    rtp->pt = media_pt;
    rtp->ssrc = media_ssrc;
    rtp->payload += RTC_RTX_OVERHEAD;
    rtp->payload_size -= RTC_RTX_OVERHEAD;
    return 0;
}
