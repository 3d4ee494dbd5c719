/* tests/unit/transport/out_rig.h - one rtc_out alone, with made-up feeds and a made-up clock: what
 * it sends is kept and read again. For test_out*.c. */
#ifndef TESTS_UNIT_TRANSPORT_OUT_RIG_H
#define TESTS_UNIT_TRANSPORT_OUT_RIG_H

#include <errno.h>

#include "tests/unit/transport/pure.h"
#include "transport/out.h"
#include "transport/payload_vp8.h"
#include "transport/rtp.h"

enum { RIG_PACKETS_MAX = 20000, RIG_FEEDS = 4, RIG_PT = 96, RIG_RTX_PT = 97, RIG_TCC = 3 };

struct rig_packet {
    int64_t sent_us;
    size_t size;
    uint8_t pt;
    uint16_t seq;
    uint32_t timestamp;
    uint32_t ssrc;
    bool marker;
    size_t payload_size;
    size_t padding;
    uint16_t transport_seq;
    bool is_start; /* of a VP8 frame */
    struct rtc_vp8_descriptor vp8;
    uint32_t number; /* of the frame, as rig_push() had it; with is_start */
};

struct rig_feed {
    uint64_t index;
    struct rtc_payloads *kept;
    uint64_t kept_index;
    int64_t newest_pts_us;
    bool has_begun;
};

struct rig {
    struct rtc_out *out;
    struct rtc_session session;
    struct rtc_local local;
    int64_t now_us;
    struct rig_feed feeds[RIG_FEEDS]; /* ids are 1 and up */
    struct rtc_estimate estimate;     /* as told last */
    size_t told;
    size_t keys_asked;
    uint64_t begun[16];
    size_t begun_count;
    bool is_refusing; /* begins() says no */
    void (*on_packet)(void *ctx, const uint8_t *data, size_t size); /* NULL: none */
    void *on_packet_ctx;
    size_t count;
    struct rig_packet packets[RIG_PACKETS_MAX];
};

static inline void rig_send(void *ctx, uint8_t *data, size_t size)
{
    struct rig *r = ctx;
    struct rtc_rtp rtp;
    assert_true(r->count < RIG_PACKETS_MAX);
    assert_int_equal(rtc_rtp_parse(&rtp, data, size), 0);
    if (r->on_packet)
        r->on_packet(r->on_packet_ctx, data, size);
    struct rig_packet *p = &r->packets[r->count++];
    *p = (struct rig_packet){.sent_us = r->now_us,
                             .size = size,
                             .pt = rtp.pt,
                             .seq = rtp.seq,
                             .timestamp = rtp.timestamp,
                             .ssrc = rtp.ssrc,
                             .marker = rtp.marker,
                             .payload_size = rtp.payload_size,
                             .padding = rtp.padding};
    rtc_rtp_get_transport_seq(&rtp, RIG_TCC, &p->transport_seq);
    if (rtp.pt != RIG_PT || rtp.payload_size == 0 ||
        r->session.lines[MCU_VIDEO].codecs[0].codec != MCU_CODEC_VP8)
        return;
    assert_int_equal(rtc_vp8_parse(&p->vp8, rtp.payload, rtp.payload_size), 0);
    p->is_start = p->vp8.is_start;
    if (p->is_start && rtp.payload_size >= p->vp8.size + 14)
        memcpy(&p->number, rtp.payload + p->vp8.size + 10, 4);
}

static inline void rig_need_key(void *ctx, enum mcu_codec codec)
{
    struct rig *r = ctx;
    (void)codec;
    r->keys_asked++;
}

static inline void rig_audio_need(void *ctx, enum rtc_audio_need need)
{
    (void)ctx;
    (void)need;
}

static inline int rig_still(void *ctx, uint64_t feed_id, int64_t now_us, struct rtc_still *still)
{
    struct rig *r = ctx;
    (void)now_us;
    if (feed_id == 0 || feed_id > RIG_FEEDS || !r->feeds[feed_id - 1].has_begun)
        return -ENOENT;
    struct rig_feed *f = &r->feeds[feed_id - 1];
    if (!f->kept)
        return -ESTALE;
    *still = (struct rtc_still){
        .payloads = rtc_payloads_ref(f->kept), .index = f->kept_index, .pts_us = f->newest_pts_us};
    return 0;
}

static inline bool rig_begins(void *ctx, uint64_t feed_id)
{
    struct rig *r = ctx;
    if (r->is_refusing)
        return false;
    assert_true(r->begun_count < 16);
    r->begun[r->begun_count++] = feed_id;
    return true;
}

static inline void rig_estimate(void *ctx, const struct rtc_estimate *estimate)
{
    struct rig *r = ctx;
    r->estimate = *estimate;
    r->told++;
}

static inline struct rig *rig_create(enum mcu_codec codec)
{
    struct rig *r = calloc(1, sizeof(*r));
    assert_non_null(r);
    r->now_us = 1000 * 1000 * 1000;
    r->local.ssrc[MCU_AUDIO] = 0x1000;
    r->local.ssrc[MCU_VIDEO] = 0x1001;
    r->local.rtx_ssrc[MCU_VIDEO] = 0x1003;
    struct rtc_line *audio = &r->session.lines[MCU_AUDIO];
    *audio = (struct rtc_line){.is_used = true, .direction = MCU_SENDRECV, .codec_count = 1};
    audio->codecs[0] = (struct mcu_desc_codec){.codec = MCU_CODEC_OPUS, .pt = 111};
    audio->ext.transport_cc = RIG_TCC;
    struct rtc_line *video = &r->session.lines[MCU_VIDEO];
    *video = (struct rtc_line){.is_used = true, .direction = MCU_SENDRECV, .codec_count = 1};
    video->codecs[0] = (struct mcu_desc_codec){.codec = codec,
                                               .pt = RIG_PT,
                                               .rtx_pt = RIG_RTX_PT,
                                               .has_nack = true,
                                               .has_transport_cc = true};
    video->ext.transport_cc = RIG_TCC;
    const struct rtc_out_hooks hooks = {.ctx = r,
                                        .send = rig_send,
                                        .need_key = rig_need_key,
                                        .audio_need = rig_audio_need,
                                        .still = rig_still,
                                        .begins = rig_begins,
                                        .estimate = rig_estimate};
    assert_int_equal(rtc_out_create(&r->out, &r->session, &r->local, &hooks), 0);
    return r;
}

static inline void rig_destroy(struct rig *r)
{
    rtc_out_destroy(r->out);
    for (size_t i = 0; i < RIG_FEEDS; i++)
        rtc_payloads_unref(r->feeds[i].kept);
    free(r);
}

struct rig_frame {
    uint64_t feed_id;
    uint32_t number;
    bool is_key;
    uint8_t temporal_id;
    size_t size;
    bool is_lost; /* on the way to the [net] thread */
};

/* A frame comes out of a feed's encoder, dated now. */
static inline void rig_push(struct rig *r, const struct rig_frame *f)
{
    struct rig_feed *feed = &r->feeds[f->feed_id - 1];
    const size_t size = f->size > 64 ? f->size : 64;
    uint8_t *data = malloc(size);
    memset(data, 0x55, size);
    memcpy(data,
           f->is_key ? (const uint8_t[]){0x10, 0, 0, 0x9d, 1, 0x2a, 64, 1, 240, 0}
                     : (const uint8_t[]){0x31, 0, 0, 1, 1, 1, 1, 1, 1, 1},
           10);
    memcpy(data + 10, &f->number, 4);
    struct mcu_packet *packet = mcu_packet_copy(data, size);
    free(data);
    packet->codec = MCU_CODEC_VP8;
    packet->is_key = f->is_key;
    packet->temporal_id = f->temporal_id;
    packet->pts_us = packet->dts_us = r->now_us;
    struct rtc_payloads *payloads;
    assert_int_equal(rtc_payloads_create(&payloads, packet, RTC_FEED_PAYLOAD_MAX), 0);
    feed->index++;
    feed->has_begun = true;
    feed->newest_pts_us = packet->pts_us;
    if (f->is_key) {
        rtc_payloads_unref(feed->kept);
        feed->kept = rtc_payloads_ref(payloads);
        feed->kept_index = feed->index;
    }
    struct rtc_frame frame = {
        .feed_id = f->feed_id, .index = feed->index, .pushed_us = r->now_us, .payloads = payloads};
    if (!f->is_lost)
        rtc_out_frame(r->out, &frame, r->now_us);
    rtc_payloads_unref(payloads);
    mcu_packet_unref(packet);
}

/* Time passes, with the ticks that a peer gets. */
static inline void rig_wait(struct rig *r, int64_t us)
{
    const int64_t end_us = r->now_us + us;
    while (r->now_us < end_us) {
        const int64_t step_us = end_us - r->now_us < 5000 ? end_us - r->now_us : 5000;
        r->now_us += step_us;
        rtc_out_tick(r->out, r->now_us);
    }
}

/* The numbers of the VP8 frames that were sent, in order, from the first packet of each. */
static inline size_t rig_frames(const struct rig *r, uint32_t *numbers, size_t most)
{
    size_t n = 0;
    for (size_t i = 0; i < r->count && n < most; i++) {
        if (r->packets[i].is_start)
            numbers[n++] = r->packets[i].number;
    }
    return n;
}

/* What any receiver relies on: numbers without holes, time that does not run backwards, a frame's
 * packets together. */
static inline void rig_is_one_stream(const struct rig *r)
{
    const struct rig_packet *last = NULL;
    for (size_t i = 0; i < r->count; i++) {
        const struct rig_packet *p = &r->packets[i];
        if (p->pt != RIG_PT)
            continue;
        if (last) {
            assert_int_equal((uint16_t)(p->seq - last->seq), 1);
            const bool is_same = p->timestamp == last->timestamp;
            assert_int_equal(is_same, !last->marker);
            assert_true((int32_t)(p->timestamp - last->timestamp) >= 0);
            const uint16_t id_step = (uint16_t)(p->vp8.picture_id - last->vp8.picture_id) & 0x7fff;
            assert_int_equal(id_step, is_same ? 0 : 1);
            const uint8_t tl0_step = (uint8_t)(p->vp8.tl0picidx - last->vp8.tl0picidx);
            assert_int_equal(tl0_step, !is_same && p->vp8.tid == 0);
        }
        last = p;
    }
}

#endif
