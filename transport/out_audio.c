/* One peer's outgoing audio packets; see out_audio.h. [net]
 *
 * A ring by sequence number. Which copies a packet took follows from the entries before it and from
 * `copies`; both stay as they are while the ring has not gone round, so it can be built again. */
#include "transport/out_audio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/bytes.h"
#include "transport/feed.h"
#include "transport/red.h"

enum { UNKNOWN_RTT_US = 20 * 1000 };

struct sent {
    struct rtc_payloads *payloads; /* NULL: empty */
    int64_t sent_us;
    int64_t resent_us;
    uint16_t seq;
    bool was_resent;
    uint8_t media_pt;
    uint8_t copies; /* of the entries before it, so many were considered; 0: a plain packet */
    bool is_red;
    uint8_t header_size;
    uint8_t header[RTC_RTP_HEADER_MAX];
};

struct rtc_out_audio {
    struct sent ring[RTC_OUT_AUDIO_PACKETS];
    size_t swept; /* the tick's place in the ring */
};

int rtc_out_audio_create(struct rtc_out_audio **out)
{
    struct rtc_out_audio *a = calloc(1, sizeof(*a));
    if (!a)
        return -ENOMEM;
    *out = a;
    return 0;
}

void rtc_out_audio_destroy(struct rtc_out_audio *a)
{
    for (size_t i = 0; a && i < RTC_OUT_AUDIO_PACKETS; i++)
        rtc_payloads_unref(a->ring[i].payloads);
    free(a);
}

static void drop(struct sent *s)
{
    rtc_payloads_unref(s->payloads);
    s->payloads = NULL;
}

static struct sent *find(struct rtc_out_audio *a, uint16_t seq)
{
    struct sent *s = &a->ring[seq % RTC_OUT_AUDIO_PACKETS];
    return s->payloads && s->seq == seq ? s : NULL;
}

bool rtc_out_audio_fits_red(const struct rtc_payloads *payloads)
{
    return payloads->slices[0].size + RTC_RED_PRIMARY_HEADER <= RTC_FEED_PAYLOAD_MAX;
}

/* --- building ------------------------------------------------------------------------------------
 */

static uint32_t timestamp_of(const struct sent *s)
{
    struct mcu_reader r = mcu_reader(s->header + 4, 4);
    return mcu_take_u32(&r);
}

static struct rtc_red_block block_of(const struct sent *s, uint32_t offset_rtp)
{
    return (struct rtc_red_block){
        .pt = s->media_pt,
        .offset_rtp = offset_rtp <= RTC_RED_OFFSET_MAX_RTP ? (uint16_t)offset_rtp : 0,
        .data = s->payloads->slices[0].data,
        .size = s->payloads->slices[0].size,
    };
}

/* Returns the payload's size, -ENOENT (an entry is gone) or -ENOSPC. */
static int build_red(struct rtc_out_audio *a, const struct sent *s, uint8_t *out, size_t capacity,
                     uint32_t *taken)
{
    struct rtc_red_block copies[RTC_RED_COPIES_MAX];
    for (uint8_t i = 0; i < s->copies; i++) {
        const struct sent *before = find(a, (uint16_t)(s->seq - 1 - i));
        if (!before)
            return -ENOENT;
        copies[i] = block_of(before, timestamp_of(s) - timestamp_of(before));
    }
    const struct rtc_red_block primary = block_of(s, 0);
    const size_t room = capacity < RTC_FEED_PAYLOAD_MAX ? capacity : RTC_FEED_PAYLOAD_MAX;
    return rtc_red_write(out, room, &primary, copies, s->copies, taken);
}

static int build(struct rtc_out_audio *a, const struct sent *s, uint8_t *out, size_t capacity,
                 uint32_t *taken)
{
    if (s->header_size > capacity)
        return -ENOSPC;
    memcpy(out, s->header, s->header_size);
    uint8_t *payload = out + s->header_size;
    const size_t room = capacity - s->header_size;
    const struct rtc_slice *slice = &s->payloads->slices[0];
    int n = slice->size;
    if (s->is_red)
        n = build_red(a, s, payload, room, taken);
    else if (slice->size > room)
        n = -ENOSPC;
    else
        memcpy(payload, slice->data, slice->size);
    return n < 0 ? n : n + s->header_size;
}

/* --- sending -------------------------------------------------------------------------------------
 */

/* How many entries in a row stand before seq, at most `most`. */
static uint8_t count_before(struct rtc_out_audio *a, uint16_t seq, uint32_t most)
{
    uint8_t n = 0;
    while (n < most && n < RTC_RED_COPIES_MAX && find(a, (uint16_t)(seq - 1 - n)))
        n++;
    return n;
}

int rtc_out_audio_put(struct rtc_out_audio *a, const struct rtc_out_audio_packet *packet,
                      uint8_t *out, size_t capacity, uint32_t *taken)
{
    if (packet->header_size > RTC_RTP_HEADER_MAX || packet->header_size < RTC_RTP_HEADER_SIZE)
        return -EINVAL;
    struct sent *s = &a->ring[packet->seq % RTC_OUT_AUDIO_PACKETS];
    drop(s);
    *s = (struct sent){
        .payloads = rtc_payloads_ref(packet->payloads),
        .sent_us = packet->now_us,
        .seq = packet->seq,
        .media_pt = packet->media_pt,
        .is_red = packet->copies > 0,
        .copies = count_before(a, packet->seq, packet->copies),
        .header_size = (uint8_t)packet->header_size,
    };
    memcpy(s->header, packet->header, packet->header_size);
    uint32_t mask = 0;
    const int n = build(a, s, out, capacity, &mask);
    *taken = (uint32_t)__builtin_popcount(mask);
    return n;
}

int rtc_out_audio_build_plain(const struct rtc_out_audio_packet *packet, uint8_t *out,
                              size_t capacity)
{
    const struct rtc_slice *slice = &packet->payloads->slices[0];
    struct mcu_writer w = mcu_writer(out, capacity);
    mcu_put(&w, packet->header, packet->header_size);
    mcu_put(&w, slice->data, slice->size);
    return w.failed ? -ENOSPC : (int)mcu_written(&w);
}

/* Else a stream that has stopped would keep the mixer's packets for ever. */
void rtc_out_audio_tick(struct rtc_out_audio *a, int64_t now_us)
{
    struct sent *s = &a->ring[a->swept++ % RTC_OUT_AUDIO_PACKETS];
    if (s->payloads && now_us - s->sent_us > RTC_OUT_AUDIO_US)
        drop(s);
}

static int build_rtx(const struct sent *s, struct rtc_rtx *rtx, uint8_t *out, size_t capacity)
{
    struct mcu_writer w = mcu_writer(out, capacity);
    mcu_put_u8(&w, s->header[0]);
    mcu_put_u8(&w, (uint8_t)((s->header[1] & 0x80) | rtx->pt));
    mcu_put_u16(&w, rtx->seq);
    mcu_put(&w, s->header + 4, 4); /* the timestamp */
    mcu_put_u32(&w, rtx->ssrc);
    mcu_put(&w, s->header + RTC_RTP_HEADER_SIZE, (size_t)s->header_size - RTC_RTP_HEADER_SIZE);
    mcu_put_u16(&w, s->seq);
    mcu_put(&w, s->payloads->slices[0].data, s->payloads->slices[0].size);
    if (w.failed)
        return -ENOSPC;
    rtx->seq++;
    return (int)mcu_written(&w);
}

int rtc_out_audio_again(struct rtc_out_audio *a, uint16_t seq, struct rtc_rtx *rtx, int64_t now_us,
                        int64_t rtt_us, uint8_t *out, size_t capacity)
{
    struct sent *s = find(a, seq);
    uint32_t mask;
    if (!s || now_us - s->sent_us > RTC_OUT_AUDIO_US)
        return -ENOENT;
    if (s->was_resent && now_us - s->resent_us < (rtt_us < 0 ? UNKNOWN_RTT_US : rtt_us * 2 / 3))
        return -EALREADY;
    const int n = rtx ? build_rtx(s, rtx, out, capacity) : build(a, s, out, capacity, &mask);
    if (n > 0) {
        s->was_resent = true;
        s->resent_us = now_us;
    }
    return n;
}
