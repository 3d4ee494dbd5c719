/* VP8 payload descriptors, and the video jitter buffer for all codecs. The input is a script:
 * first byte the codec, then packets of
 *
 *     [sequence step + 8][flags: marker, new timestamp, pop, late][length][payload]
 *
 * Whatever comes: frames rise in sequence, are of the right codec, and the first is a key. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/bytes.h"
#include "transport/payload_vp8.h"
#include "transport/video_jitter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool is_true)
{
    if (!is_true)
        abort();
}

struct play {
    struct rtc_video_jitter *jitter;
    enum mcu_codec codec;
    uint64_t seq;
    uint32_t timestamp;
    int64_t now_us;
    uint64_t last_seq;
    size_t frames;
};

static void drain(struct play *p)
{
    struct rtc_video_frame frame;
    int err;
    while ((err = rtc_video_jitter_pop(p->jitter, p->now_us, &frame)) == 0) {
        check(frame.last_seq > p->last_seq);
        check(frame.last_seq < rtc_video_jitter_next_seq(p->jitter));
        check(frame.packet->size > 0 && frame.packet->codec == p->codec);
        check(frame.packet->is_key || p->frames > 0);
        check(frame.first_arrival_us <= frame.last_arrival_us);
        p->last_seq = frame.last_seq;
        p->frames++;
        mcu_packet_unref(frame.packet);
    }
    check(err == -EAGAIN);
}

static void one_packet(struct play *p, struct mcu_reader *r)
{
    const int step = mcu_take_u8(r) - 8;
    const uint8_t flags = mcu_take_u8(r);
    size_t n = mcu_take_u8(r);
    n = n < mcu_left(r) ? n : mcu_left(r);
    p->seq += (uint64_t)(int64_t)(flags & 0x10 ? step * 64 : step);
    p->timestamp += flags & 2 ? 3000 : 0;
    p->now_us += flags >> 5 << 14;
    uint8_t *payload = malloc(n ? n : 1);
    memcpy(payload, r->at, n);
    mcu_take(r, n);
    const struct rtc_rtp rtp = {
        .marker = flags & 1, .timestamp = p->timestamp, .payload = payload, .payload_size = n};
    /* The numbers may not go so far back that the buffer begins anew: last_seq would fall. */
    if (p->seq + 512 > p->last_seq && p->seq < UINT64_C(1) << 40)
        rtc_video_jitter_insert(p->jitter, &rtp, p->seq, p->now_us - (flags & 8 ? 5000 : 0));
    free(payload);
    if (flags & 4)
        drain(p);
}

static void play(const uint8_t *data, size_t size)
{
    struct mcu_reader r = mcu_reader(data, size);
    struct play p = {.seq = 1 << 20};
    struct rtc_video_jitter_stats stats;
    const uint8_t choice = mcu_take_u8(&r);
    p.codec = choice & 1   ? MCU_CODEC_H264
              : choice & 2 ? MCU_CODEC_VP9
              : choice & 4 ? MCU_CODEC_AV1
                           : MCU_CODEC_VP8;
    if (rtc_video_jitter_create(&p.jitter, p.codec, RTC_VIDEO_JITTER_WAIT_US))
        return;
    while (mcu_left(&r) >= 3)
        one_packet(&p, &r);
    drain(&p);
    p.now_us += 1000000;
    drain(&p);
    rtc_video_jitter_read_stats(p.jitter, &stats);
    check(stats.frames == p.frames && stats.key_frames <= stats.frames);
    rtc_video_jitter_destroy(p.jitter);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rtc_vp8_descriptor d;
    if (rtc_vp8_parse(&d, data, size) == 0) {
        check(d.size >= 1 && d.size < size && d.size <= 6);
        check(d.picture_id <= 0x7fff && d.tid <= 3 && d.keyidx <= 31 && d.partition <= 7);
        rtc_vp8_is_key(data + d.size, size - d.size);
    }
    play(data, size);
    return 0;
}
