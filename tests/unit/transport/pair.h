/* tests/unit/transport/pair.h - two peers in one process over loopback, and what they receive; for
 * test_rtc*.c. */
#ifndef TESTS_TRANSPORT_PAIR_H
#define TESTS_TRANSPORT_PAIR_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mcu/base/clock.h"
#include "transport/peer.h"
#include "transport/rtc.h"

enum {
    PAIR_WAIT_MS = 20000, /* generous: sanitizers, shared cores */
    PAIR_VIDEO_MAX = 600,
    PAIR_AUDIO_MAX = 8000,
    PAIR_CANDIDATES_MAX = 64,
};

struct end {
    struct rtc *rtc;
    struct rtc_peer *peer;
    struct rtc_feed *audio;
    struct rtc_feed *video;

    pthread_mutex_t lock; /* protects: */
    enum rtc_state states[16];
    size_t state_count;
    char reason[128];
    char candidates[PAIR_CANDIDATES_MAX][256];
    size_t candidate_count;
    bool has_all_candidates;
    struct mcu_packet *frames[PAIR_VIDEO_MAX];
    size_t frame_count;
    struct {
        uint64_t sequence;
        int64_t pts_us;
        uint32_t number; /* as sent */
        bool is_whole;
        bool is_repair;
    } audio_in[PAIR_AUDIO_MAX];
    size_t audio_count;
    enum rtc_audio_need need;
    size_t need_count;
    size_t key_asked;
    enum mcu_codec key_codec;
    struct rtc_estimate estimate;
    size_t estimate_count;
    struct rtc_feed *tuned; /* as told */
    size_t tuned_count;
};

/* Audio packet number n: 4 bytes of n, then bytes made of it. */
static inline struct mcu_packet *pair_audio(uint32_t n, int64_t pts_us)
{
    uint8_t data[80];
    memcpy(data, &n, 4);
    for (size_t i = 4; i < sizeof(data); i++)
        data[i] = (uint8_t)(n * 7 + i);
    struct mcu_packet *p = mcu_packet_copy(data, sizeof(data));
    p->codec = MCU_CODEC_OPUS;
    p->pts_us = p->dts_us = pts_us;
    p->is_key = true;
    return p;
}

static inline bool pair_is_audio(const uint8_t *data, size_t size, uint32_t *n)
{
    if (size != 80)
        return false;
    memcpy(n, data, 4);
    for (size_t i = 4; i < size; i++) {
        if (data[i] != (uint8_t)(*n * 7 + i))
            return false;
    }
    return true;
}

/* Bytes that never look like a start code. */
static inline void pair_fill(uint8_t *out, size_t size, uint32_t seed)
{
    for (size_t i = 0; i < size; i++) {
        seed = seed * 1664525u + 1013904223u;
        out[i] = (uint8_t)((seed >> 24) | 1);
    }
}

static inline size_t pair_nal(uint8_t *out, uint8_t head, size_t size, uint32_t seed)
{
    memcpy(out, (const uint8_t[]){0, 0, 0, 1, head}, 5);
    pair_fill(out + 5, size, seed);
    return size + 5;
}

/* Video frame number n of about `size` bytes; a key frame has what a key frame has. */
static inline struct mcu_packet *pair_video(enum mcu_codec codec, uint32_t n, bool is_key,
                                            size_t size, int64_t pts_us)
{
    struct mcu_packet *p = mcu_packet_create(size + 256);
    uint8_t *d = p->data;
    if (codec == MCU_CODEC_H264) {
        static const uint8_t sps[] = {0, 0, 0, 1, 0x67, 0x42, 0xe0, 0x1f, 0x8c, 0x8d, 0x40, 0x28,
                                      0x02, 0xdd, 0x80};
        static const uint8_t pps[] = {0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80};
        if (is_key) {
            memcpy(d + p->size, sps, sizeof(sps));
            p->size += sizeof(sps);
            memcpy(d + p->size, pps, sizeof(pps));
            p->size += sizeof(pps);
        }
        p->size += pair_nal(d + p->size, is_key ? 0x65 : 0x41, size, n);
    } else {
        /* RFC 6386, 9.1: 3 bytes of tag (bit 0: not a key frame), then the start code and size */
        static const uint8_t key[] = {0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01};
        static const uint8_t delta[] = {0x31, 0x02, 0x00};
        memcpy(d, is_key ? key : delta, is_key ? sizeof(key) : sizeof(delta));
        p->size = is_key ? sizeof(key) : sizeof(delta);
        pair_fill(d + p->size, size, n);
        p->size += size;
    }
    p->codec = codec;
    p->is_key = is_key;
    p->pts_us = p->dts_us = pts_us;
    return p;
}

static inline void end_on_state(void *ctx, enum rtc_state state, const char *reason)
{
    struct end *e = ctx;
    pthread_mutex_lock(&e->lock);
    if (e->state_count < 16)
        e->states[e->state_count++] = state;
    snprintf(e->reason, sizeof(e->reason), "%s", reason);
    pthread_mutex_unlock(&e->lock);
}

static inline void end_on_candidate(void *ctx, const char *candidate)
{
    struct end *e = ctx;
    pthread_mutex_lock(&e->lock);
    if (!candidate)
        e->has_all_candidates = true;
    else if (e->candidate_count < PAIR_CANDIDATES_MAX)
        snprintf(e->candidates[e->candidate_count++], 256, "%s", candidate);
    pthread_mutex_unlock(&e->lock);
}

static inline void end_on_audio(void *ctx, const struct rtc_audio *audio)
{
    struct end *e = ctx;
    pthread_mutex_lock(&e->lock);
    if (e->audio_count < PAIR_AUDIO_MAX) {
        const size_t i = e->audio_count++;
        e->audio_in[i].sequence = audio->sequence;
        e->audio_in[i].pts_us = audio->pts_us;
        e->audio_in[i].is_repair = audio->is_repair;
        e->audio_in[i].is_whole = pair_is_audio(audio->payload, audio->size,
                                                &e->audio_in[i].number);
    }
    pthread_mutex_unlock(&e->lock);
}

static inline void end_on_video(void *ctx, enum rtc_picture picture,
                                struct mcu_packet *frame)
{
    struct end *e = ctx;
    (void)picture;
    pthread_mutex_lock(&e->lock);
    if (e->frame_count < PAIR_VIDEO_MAX)
        e->frames[e->frame_count++] = mcu_packet_ref(frame);
    pthread_mutex_unlock(&e->lock);
}

static inline void end_on_need_key(void *ctx, enum mcu_codec codec)
{
    struct end *e = ctx;
    pthread_mutex_lock(&e->lock);
    e->key_asked++;
    e->key_codec = codec;
    pthread_mutex_unlock(&e->lock);
}

static inline void end_on_audio_need(void *ctx, enum rtc_audio_need need)
{
    struct end *e = ctx;
    pthread_mutex_lock(&e->lock);
    e->need = need;
    e->need_count++;
    pthread_mutex_unlock(&e->lock);
}

static inline void end_on_tuned(void *ctx, struct rtc_feed *feed)
{
    struct end *e = ctx;
    pthread_mutex_lock(&e->lock);
    e->tuned = feed;
    e->tuned_count++;
    pthread_mutex_unlock(&e->lock);
}

static inline void end_on_estimate(void *ctx, const struct rtc_estimate *estimate)
{
    struct end *e = ctx;
    pthread_mutex_lock(&e->lock);
    e->estimate = *estimate;
    e->estimate_count++;
    pthread_mutex_unlock(&e->lock);
}

static inline void end_open_with(struct end *e, const struct rtc_conf *conf)
{
    memset(e, 0, sizeof(*e));
    pthread_mutex_init(&e->lock, NULL);
    assert_int_equal(rtc_create(&e->rtc, conf), 0);
    const struct rtc_peer_sink sink = {
        .ctx = e,
        .on_state = end_on_state,
        .on_candidate = end_on_candidate,
        .on_audio = end_on_audio,
        .on_video = end_on_video,
        .on_need_key = end_on_need_key,
        .on_audio_need = end_on_audio_need,
        .on_tuned = end_on_tuned,
        .on_estimate = end_on_estimate,
    };
    assert_int_equal(rtc_peer_create(e->rtc, &e->peer, &sink), 0);
}

static inline void end_open(struct end *e)
{
    const struct rtc_conf conf = {
        .port_min = 42000, .port_max = 42999, .has_loopback = true, .peers_per_thread = 32};
    end_open_with(e, &conf);
}

static inline void end_close(struct end *e)
{
    rtc_peer_destroy(e->peer);
    rtc_feed_destroy(e->audio);
    rtc_feed_destroy(e->video);
    rtc_destroy(e->rtc);
    for (size_t i = 0; i < e->frame_count; i++)
        mcu_packet_unref(e->frames[i]);
    pthread_mutex_destroy(&e->lock);
}

/* Waits until is(e, n); fails the test when it does not come. */
/* A field that callbacks may still be writing. */
#define end_read(e, field)                                                                         \
    ({                                                                                             \
        pthread_mutex_lock(&(e)->lock);                                                            \
        const __typeof__((e)->field) value_ = (e)->field;                                          \
        pthread_mutex_unlock(&(e)->lock);                                                          \
        value_;                                                                                    \
    })

static inline bool pair_wait(bool (*is)(struct end *e, size_t n), struct end *e, size_t n)
{
    const int64_t by_us = mcu_now_us() + PAIR_WAIT_MS * MCU_US_PER_MS;
    while (mcu_now_us() < by_us) {
        pthread_mutex_lock(&e->lock);
        const bool is_so = is(e, n);
        pthread_mutex_unlock(&e->lock);
        if (is_so)
            return true;
        mcu_sleep_until_us(mcu_now_us() + 5000);
    }
    return false;
}

static inline bool has_state(struct end *e, size_t state)
{
    return e->state_count > 0 && e->states[e->state_count - 1] == (enum rtc_state)state;
}

static inline bool has_suspicion(struct end *e, size_t n)
{
    struct rtc_peer_stats stats;
    rtc_peer_read_stats(e->peer, &stats);
    return stats.is_suspect && stats.suspicions >= n;
}

/* It was suspected, and is not any more. */
static inline bool has_trust(struct end *e, size_t n)
{
    struct rtc_peer_stats stats;
    rtc_peer_read_stats(e->peer, &stats);
    return !stats.is_suspect && stats.suspicions > n;
}

static inline bool has_frames(struct end *e, size_t n)
{
    return e->frame_count >= n;
}

static inline bool has_audio(struct end *e, size_t n)
{
    return e->audio_count >= n;
}

static inline bool has_tuned(struct end *e, size_t n)
{
    return e->tuned_count >= n;
}

static inline bool has_key_asked(struct end *e, size_t n)
{
    return e->key_asked >= n;
}

/* Offer and answer; a offers. Unmeasured: without transport-wide numbers, so that no estimate holds
 * back what a test pushes faster than a new path is trusted with. */
static inline void pair_agree(struct end *a, struct end *b, enum mcu_direction audio,
                              enum mcu_direction video, enum mcu_codec codec, bool is_measured)
{
    struct mcu_desc offer, answer;
    assert_int_equal(rtc_peer_offer(a->peer, audio, video, codec, &offer), 0);
    for (size_t i = 0; !is_measured && i < offer.media_count; i++)
        offer.media[i].ext.transport_cc = 0;
    assert_int_equal(rtc_peer_accept(b->peer, &offer, codec, &answer), 0);
    assert_int_equal(rtc_peer_answered(a->peer, &answer), 0);
}

static inline void pair_negotiate(struct end *a, struct end *b, enum mcu_direction audio,
                                  enum mcu_direction video, enum mcu_codec codec)
{
    pair_agree(a, b, audio, video, codec, true);
}

static inline void pair_open_as(struct end *a, struct end *b, enum mcu_codec codec,
                                bool is_measured)
{
    end_open(a);
    end_open(b);
    pair_agree(a, b, MCU_SENDRECV, MCU_SENDRECV, codec, is_measured);
    assert_true(pair_wait(has_state, a, RTC_CONNECTED));
    assert_true(pair_wait(has_state, b, RTC_CONNECTED));
}

static inline void pair_open(struct end *a, struct end *b, enum mcu_codec codec)
{
    pair_open_as(a, b, codec, true);
}

static inline void pair_open_unmeasured(struct end *a, struct end *b, enum mcu_codec codec)
{
    pair_open_as(a, b, codec, false);
}

/* Feeds of e's own that its peer gets, so what is pushed there arrives at the other end. */
static inline void end_feed(struct end *e, enum mcu_codec codec)
{
    assert_int_equal(rtc_feed_create(e->rtc, &e->audio, MCU_CODEC_OPUS), 0);
    assert_int_equal(rtc_feed_create(e->rtc, &e->video, codec), 0);
    rtc_peer_tune(e->peer, MCU_AUDIO, e->audio);
    rtc_peer_tune(e->peer, MCU_VIDEO, e->video);
}

static inline void end_push_audio(struct end *e, uint32_t n)
{
    struct mcu_packet *p = pair_audio(n, mcu_now_us());
    rtc_feed_push(e->audio, p);
    mcu_packet_unref(p);
}

static inline void end_push_video(struct end *e, enum mcu_codec codec, uint32_t n, bool is_key,
                                  size_t size)
{
    struct mcu_packet *p = pair_video(codec, n, is_key, size, mcu_now_us());
    rtc_feed_push(e->video, p);
    mcu_packet_unref(p);
}

/* Is frame i that came in frame number n as it was sent? */
static inline bool pair_is_frame(struct end *e, size_t i, enum mcu_codec codec, uint32_t n,
                                 bool is_key, size_t size)
{
    struct mcu_packet *want = pair_video(codec, n, is_key, size, 0);
    pthread_mutex_lock(&e->lock);
    const struct mcu_packet *got = i < e->frame_count ? e->frames[i] : NULL;
    const bool is_equal = got && got->size == want->size && got->is_key == is_key &&
                          got->codec == codec && memcmp(got->data, want->data, want->size) == 0;
    pthread_mutex_unlock(&e->lock);
    mcu_packet_unref(want);
    return is_equal;
}

#endif
