/* The AAC encode: exact times, holes, a slow consumer. What comes out is decoded again. */
#include "tests/unit/recorder/synth.h"

#include <math.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "mcu/base/clock.h"

enum { RATE = 48000, TICK = 960, SECONDS = 4 };

/* What the encoder gave out, decoded onto a time line of samples; 0 is `from_us`. */
struct ear {
    int64_t from_us;
    AVCodecContext *decoder;
    float pcm[RATE * SECONDS];
    int64_t last_pts_us;
    int packets;
    int holes;           /* packets that did not follow the one before */
    atomic_bool waits;
    sem_t go;
    atomic_bool is_inside;
};

static void hear(struct ear *e, const AVFrame *f, int64_t pts_us)
{
    const int64_t at = av_rescale(pts_us - e->from_us, RATE, 1000000);
    for (int i = 0; i < f->nb_samples; i++)
        if (at + i >= 0 && at + i < RATE * SECONDS)
            e->pcm[at + i] = ((const float *)(const void *)f->extended_data[0])[i];
}

static void on_packet(void *ctx, struct mcu_packet *packet)
{
    struct ear *e = ctx;
    atomic_store(&e->is_inside, true);
    if (atomic_load(&e->waits))
        sem_wait(&e->go);
    if (e->packets++ > 0 && llabs(packet->pts_us - e->last_pts_us - 21333) > 1)
        e->holes++;
    e->last_pts_us = packet->pts_us;
    AVPacket *p = av_packet_alloc();
    AVFrame *f = av_frame_alloc();
    p->data = packet->data;
    p->size = (int)packet->size;
    if (avcodec_send_packet(e->decoder, p) >= 0 && avcodec_receive_frame(e->decoder, f) >= 0)
        hear(e, f, packet->pts_us);
    av_frame_free(&f);
    av_packet_free(&p);
}

static struct rec_aac *create(struct ear *e, uint32_t channels, bool is_inline)
{
    const struct rec_aac_conf conf = {.channels = channels, .bitrate_bps = 128000,
                                      .is_inline = is_inline, .ctx = e, .on_packet = on_packet};
    struct rec_aac *a = NULL;
    assert_int_equal(rec_aac_create(&a, &conf), 0);
    size_t size = 0;
    const uint8_t *config = rec_aac_config(a, &size);
    assert_true(size >= 2);
    assert_int_equal(config[0] >> 3, 2);                            /* AAC LC */
    assert_int_equal((config[0] & 7) << 1 | config[1] >> 7, 3);     /* 48 kHz */
    assert_int_equal(config[1] >> 3 & 15, channels);
    e->decoder = avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_AAC));
    e->decoder->extradata = av_mallocz(size + AV_INPUT_BUFFER_PADDING_SIZE);
    memcpy(e->decoder->extradata, config, size);
    e->decoder->extradata_size = (int)size;
    assert_true(avcodec_open2(e->decoder, NULL, NULL) >= 0);
    sem_init(&e->go, 0, 0);
    return a;
}

static void finish(struct ear *e)
{
    avcodec_free_context(&e->decoder);
    sem_destroy(&e->go);
}

/* One tick of silence, or with a click of a few samples at `click` (negative: none). */
static int push(struct rec_aac *a, int channels, int64_t pts_us, int click)
{
    float pcm[TICK * 2] = {0};
    for (int i = 0; click >= 0 && i < 8 * channels; i++)
        pcm[click * channels + i] = 0.9f;
    return rec_aac_push(a, pcm, TICK, pts_us);
}

/* Where in [from, to) it is loudest. */
static int loudest(const struct ear *e, int from, int to)
{
    int best = from;
    for (int i = from; i < to; i++)
        if (fabsf(e->pcm[i]) > fabsf(e->pcm[best]))
            best = i;
    return best;
}

static void a_click_comes_out_when_it_went_in(void **state)
{
    (void)state;
    for (int mode = 0; mode < 4; mode++) {
        static struct ear e;
        e = (struct ear){.from_us = 77777};
        const int channels = mode & 1 ? 2 : 1;
        struct rec_aac *a = create(&e, (uint32_t)channels, mode < 2);
        for (int t = 0; t < 100; t++) {
            assert_int_equal(push(a, channels, e.from_us + t * 20000, t == 50 ? 100 : -1), 0);
            if (mode >= 2)
                mcu_sleep_until_us(mcu_now_us() + 200);
        }
        rec_aac_flush(a);
        rec_aac_destroy(a);
        assert_int_equal(e.packets, 96000 / 1024 + 2); /* all, padded, and the priming */
        assert_int_equal(e.holes, 0);
        const int at = loudest(&e, 0, 96000);
        if (abs(at - (50 * TICK + 103)) > 6)
            fail_msg("mode %d: click at %d", mode, at);
        finish(&e);
    }
}

static void holes_are_filled_with_silence(void **state)
{
    (void)state;
    static struct ear e;
    e = (struct ear){.from_us = -1000};
    struct rec_aac *a = create(&e, 2, true);
    for (int t = 0; t < 100; t++) {
        const bool is_missing = t >= 20 && t < 37;
        if (!is_missing) /* and every other time is off by the rounding of a clock */
            assert_int_equal(push(a, 2, e.from_us + t * 20000 + t % 2 * 20, t == 60 ? 0 : -1), 0);
    }
    rec_aac_destroy(a);
    assert_int_equal(e.holes, 0);
    assert_int_equal(e.packets, 96000 / 1024 + 2);
    assert_true(abs(loudest(&e, 0, 96000) - (60 * TICK + 3)) <= 6);
    finish(&e);
}

static void what_comes_twice_is_cut(void **state)
{
    (void)state;
    static struct ear e;
    e = (struct ear){.from_us = 0};
    struct rec_aac *a = create(&e, 1, true);
    for (int t = 0; t < 100; t++) {
        assert_int_equal(push(a, 1, t * 20000, t == 60 ? 500 : -1), 0);
        if (t == 30)
            assert_int_equal(push(a, 1, t * 20000 + 10000, -1), 0); /* half of it is new */
    }
    rec_aac_destroy(a);
    assert_int_equal(e.holes, 0);
    assert_true(abs(loudest(&e, 0, 96000) - (60 * TICK + 503)) <= 6);
    finish(&e);
}

static void a_slow_consumer_costs_pushes_but_no_time(void **state)
{
    (void)state;
    static struct ear e;
    e = (struct ear){.from_us = 0, .waits = true};
    struct rec_aac *a = create(&e, 2, false);
    int refused = 0;
    int t = 0;
    while (!atomic_load(&e.is_inside)) { /* the first packet is being given out, and waits */
        refused += push(a, 2, t++ * INT64_C(20000), -1) != 0;
        mcu_sleep_until_us(mcu_now_us() + 1000);
    }
    assert_int_equal(refused, 0);
    while (push(a, 2, t * INT64_C(20000), -1) == 0)
        t++;
    assert_int_equal(push(a, 2, t * INT64_C(20000), -1), -ENOBUFS);
    const int resumes = t + 10;
    atomic_store(&e.waits, false);
    for (int i = 0; i < 100; i++)
        sem_post(&e.go);
    while (push(a, 2, resumes * INT64_C(20000), 100) != 0)
        mcu_sleep_until_us(mcu_now_us() + 1000);
    rec_aac_flush(a);
    assert_int_equal(push(a, 2, (resumes + 1) * INT64_C(20000), -1), -ENOBUFS);
    assert_int_equal(e.holes, 0);
    assert_true(resumes * TICK < RATE * SECONDS);
    const int at = loudest(&e, 0, RATE * SECONDS);
    if (abs(at - (resumes * TICK + 103)) > 6)
        fail_msg("click at %d, not %d", at, resumes * TICK);
    rec_aac_destroy(a);
    finish(&e);
}

static void a_long_pause_is_jumped_over(void **state)
{
    (void)state;
    static struct ear e;
    e = (struct ear){.from_us = 0};
    struct rec_aac *a = create(&e, 1, true);
    for (int t = 0; t < 10; t++)
        assert_int_equal(push(a, 1, t * 20000, -1), 0);
    const int64_t later_us = INT64_C(3600) * 1000000;
    e.from_us = later_us;
    for (int t = 0; t < 50; t++)
        assert_int_equal(push(a, 1, later_us + t * 20000, t == 20 ? 0 : -1), 0);
    rec_aac_destroy(a);
    assert_int_equal(e.holes, 1);
    assert_true(e.packets < 100);
    assert_true(abs(loudest(&e, 0, 48000) - (20 * TICK + 3)) <= 6);
    finish(&e);
}

static void bad_settings_are_refused(void **state)
{
    (void)state;
    struct rec_aac *a = NULL;
    const struct rec_aac_conf good = {.channels = 2, .bitrate_bps = 128000, .on_packet = on_packet};
    struct rec_aac_conf bad[4] = {good, good, good, good};
    bad[0].channels = 0;
    bad[1].channels = 3;
    bad[2].bitrate_bps = 10;
    bad[3].on_packet = NULL;
    for (int i = 0; i < 4; i++)
        assert_int_equal(rec_aac_create(&a, &bad[i]), -EINVAL);
    assert_null(a);
    rec_aac_destroy(NULL);
}

int main(void)
{
    av_log_set_level(AV_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_click_comes_out_when_it_went_in),
        cmocka_unit_test(holes_are_filled_with_silence),
        cmocka_unit_test(what_comes_twice_is_cut),
        cmocka_unit_test(a_slow_consumer_costs_pushes_but_no_time),
        cmocka_unit_test(a_long_pause_is_jumped_over),
        cmocka_unit_test(bad_settings_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
