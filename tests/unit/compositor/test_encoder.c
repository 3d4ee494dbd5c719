/* The encoders: what the streams say of themselves, when key frames come, and what a still costs.
 */
#include "tests/unit/compositor/views.h"

#include <errno.h>

#include "mcu/base/clock.h"

/* The first NAL unit of this type, after its start code; NULL: none. */
static const uint8_t *find_nal(const struct mcu_packet *p, int type)
{
    for (size_t i = 0; i + 4 < p->size; i++) {
        if (p->data[i] == 0 && p->data[i + 1] == 0 && p->data[i + 2] == 1 &&
            (p->data[i + 3] & 31) == type)
            return &p->data[i + 3];
    }
    return NULL;
}

static void live_h264_is_42e01f_and_says_its_colours(void **state)
{
    (void)state;
    static const struct {
        uint32_t width, height;
        uint8_t level;
    } rows[] = {{1280, 720, 31}, {720, 1280, 31}, {640, 360, 31}, {1920, 1080, 40}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct room r;
        const struct room_conf conf = room_conf(rows[i].width, rows[i].height, 0);
        room_open(&r, &conf, NULL);
        room_watch(&r, MCU_CODEC_H264);
        room_tick(&r, 1);
        assert_int_equal(r.h264.count, 1);
        const struct mcu_packet *p = r.h264.packets[0];
        assert_true(p->is_key);
        assert_memory_equal(p->data, "\0\0\0\1", 4);
        const uint8_t *sps = find_nal(p, 7);
        assert_non_null(sps);
        const uint8_t wanted[] = {0x67, 0x42, 0xe0, rows[i].level};
        assert_memory_equal(sps, wanted, sizeof(wanted));
        assert_non_null(find_nal(p, 8));
        const AVFrame *f = eye_see(&r.h264);
        assert_int_equal(f->width, rows[i].width);
        assert_int_equal(f->height, rows[i].height);
        assert_int_equal(f->colorspace, AVCOL_SPC_SMPTE170M);
        assert_int_equal(f->color_range, AVCOL_RANGE_MPEG);
        room_close(&r);
    }
}

static void live_frames_keep_their_time_and_are_not_reordered(void **state)
{
    (void)state;
    struct room r;
    struct clip clip;
    const struct room_conf conf = room_conf(320, 180, 0);
    room_open(&r, &conf, NULL);
    room_watch(&r, MCU_CODEC_H264);
    room_watch(&r, MCU_CODEC_VP8);
    add_moving(&r, &clip, 90);
    r.now_us = 5000000000; /* a clock that has been running */
    room_tick(&r, 0);
    r.now_us = 0;
    room_tick(&r, 90);
    assert_int_equal(r.h264.count, 90);
    assert_int_equal(r.vp8.count, 90);
    for (size_t i = 0; i < 90; i++) {
        assert_int_equal(r.h264.packets[i]->pts_us, (int64_t)i * TICK_US);
        assert_int_equal(r.h264.packets[i]->dts_us, (int64_t)i * TICK_US);
        assert_int_equal(r.vp8.packets[i]->pts_us, (int64_t)i * TICK_US);
    }
    assert_int_equal(count_keys(&r.h264), 1);
    assert_int_equal(count_keys(&r.vp8), 1);
    assert_colour(eye_see(&r.h264), 20, 20, green);
    assert_colour(eye_see(&r.vp8), 20, 20, green);
    room_close(&r);
    clip_free(&clip);
}

static void key_frames_come_when_asked_with_headers(void **state)
{
    (void)state;
    static const enum mcu_codec codecs[] = {MCU_CODEC_H264, MCU_CODEC_VP8};
    for (size_t c = 0; c < 2; c++) {
        struct room r;
        struct clip clip;
        const struct room_conf conf = room_conf(320, 180, 0);
        room_open(&r, &conf, NULL);
        const struct eye *eye = codecs[c] == MCU_CODEC_H264 ? &r.h264 : &r.vp8;
        room_watch(&r, codecs[c]);
        add_moving(&r, &clip, 60);
        room_tick(&r, 6);
        assert_int_equal(count_keys(eye), 1);

        room_ask_key(&r, codecs[c], false);
        room_ask_key(&r, codecs[c], false);
        room_tick(&r, 9); /* up to 466 ms after the first */
        assert_int_equal(count_keys(eye), 1);
        room_tick(&r, 2); /* past 500 ms */
        assert_int_equal(count_keys(eye), 2);
        assert_true(eye->packets[16]->is_key && !eye->packets[15]->is_key);

        room_ask_key(&r, codecs[c], true);
        room_tick(&r, 1);
        assert_int_equal(count_keys(eye), 3);
        assert_true(eye->packets[eye->count - 1]->is_key);
        if (codecs[c] == MCU_CODEC_H264)
            assert_non_null(find_nal(eye->packets[eye->count - 1], 7));
        room_tick(&r, 20);
        assert_int_equal(count_keys(eye), 3);
        room_close(&r);
        clip_free(&clip);
    }
}

static void a_still_is_encoded_once_a_second_and_for_a_key_at_once(void **state)
{
    (void)state;
    struct room r;
    const struct room_conf conf = room_conf(320, 180, 0);
    room_open(&r, &conf, NULL);
    room_watch(&r, MCU_CODEC_H264);
    struct comp_source *s = room_add(&r, MCU_CODEC_H264, "still");
    push_picture(s, MCU_CODEC_H264, 320, 180, blue, 0);
    room_tick(&r, 1);
    const struct comp_stats before = room_stats(&r);
    assert_int_equal(before.tiles_drawn, 1);
    room_tick(&r, 300); /* ten seconds */
    struct comp_stats after = room_stats(&r);
    assert_int_equal(after.tiles_drawn, 1);
    assert_int_equal(after.composed, before.composed);
    assert_in_range(after.encoded - before.encoded, 9, 10);

    room_ask_key(&r, MCU_CODEC_H264, false);
    room_tick(&r, 1);
    assert_int_equal(room_stats(&r).encoded, after.encoded + 1);
    assert_true(r.h264.packets[r.h264.count - 1]->is_key);
    assert_colour(eye_see(&r.h264), 160, 20, blue);
    room_close(&r);
}

static void streams_live_from_create_to_destroy(void **state)
{
    (void)state;
    struct room r;
    const struct room_conf conf = room_conf(320, 180, 0);
    room_open(&r, &conf, NULL);
    room_tick(&r, 60);
    assert_int_equal(room_stats(&r).encoded, 0); /* nobody looks */
    comp_stream_destroy(NULL);

    room_watch(&r, MCU_CODEC_H264);
    room_tick(&r, 1);
    assert_int_equal(r.h264.count, 1);
    room_tick(&r, 31);
    assert_int_equal(r.h264.count, 2);
    assert_false(r.h264.packets[1]->is_key);
    room_unwatch(&r, MCU_CODEC_H264);
    room_tick(&r, 60);
    assert_int_equal(r.h264.count, 2);
    room_watch(&r, MCU_CODEC_H264);
    room_tick(&r, 1);
    assert_int_equal(r.h264.count, 3);
    assert_true(r.h264.packets[2]->is_key);
    room_close(&r);
}

static void files_have_b_frames_and_a_key_every_two_seconds(void **state)
{
    (void)state;
    struct room r;
    struct clip clip;
    struct room_conf conf = room_conf(320, 180, 0);
    conf.is_offline = true;
    snprintf(conf.preset, sizeof(conf.preset), "veryfast");
    room_open(&r, &conf, NULL);
    room_watch(&r, MCU_CODEC_H264);
    add_moving(&r, &clip, 200);
    room_tick(&r, 200);
    assert_true(r.h264.count < 200); /* look-ahead */
    comp_flush(r.comp);
    assert_int_equal(r.h264.count, 200);

    bool seen[200] = {false};
    size_t reordered = 0;
    int64_t last_key_us = -2000000;
    for (size_t i = 0; i < 200; i++) {
        const struct mcu_packet *p = r.h264.packets[i];
        assert_int_equal(p->pts_us % TICK_US, 0); /* exact */
        assert_in_range(p->pts_us / TICK_US, 0, 199);
        assert_false(seen[p->pts_us / TICK_US]);
        seen[p->pts_us / TICK_US] = true;
        assert_true(p->dts_us <= p->pts_us);
        assert_true(i == 0 || p->dts_us > r.h264.packets[i - 1]->dts_us);
        reordered += p->dts_us < p->pts_us;
        if (!p->is_key)
            continue;
        assert_true(p->pts_us - last_key_us <= 2000000 + TICK_US);
        last_key_us = p->pts_us;
    }
    assert_true(reordered > 50);
    assert_true(200 * TICK_US - last_key_us <= 2000000 + TICK_US);
    comp_flush(r.comp); /* nothing comes twice */
    assert_int_equal(r.h264.count, 200);
    room_close(&r);
    clip_free(&clip);
}

static void files_of_a_still_have_their_keys_too(void **state)
{
    (void)state;
    struct room r;
    struct room_conf conf = room_conf(320, 180, 0);
    conf.is_offline = true;
    room_open(&r, &conf, NULL);
    room_watch(&r, MCU_CODEC_H264);
    room_tick(&r, 300); /* ten seconds, a frame each */
    comp_flush(r.comp);
    assert_in_range(r.h264.count, 10, 16);
    assert_in_range(count_keys(&r.h264), 5, 6);
    room_close(&r);
}

static void files_may_have_constant_quality(void **state)
{
    (void)state;
    struct room r;
    struct room_conf conf = room_conf(320, 180, 0);
    conf.is_offline = true;
    conf.bitrate_bps = 0;
    room_open(&r, &conf, NULL);
    room_watch(&r, MCU_CODEC_H264);
    room_tick(&r, 3);
    comp_flush(r.comp);
    assert_int_equal(r.h264.count, 1);
    room_close(&r);
}

static void a_settled_rate_is_kept(void **state)
{
    (void)state;
    struct room r;
    struct room_conf conf = room_conf(640, 360, 0);
    conf.bitrate_bps = 300000;
    room_open(&r, &conf, NULL);
    room_watch(&r, MCU_CODEC_H264);
    room_watch(&r, MCU_CODEC_VP8);
    /* noise, which costs whatever it is given */
    struct clip clip = {.count = 0};
    struct maker m;
    const struct maker_conf source = {.codec = MCU_CODEC_H264, .width = 640, .height = 360};
    maker_open(&m, &source, &clip);
    uint32_t seed = 1;
    for (int i = 0; i < 150; i++) {
        assert_int_equal(av_frame_make_writable(m.frame), 0);
        for (int y = 0; y < 360; y++) {
            for (int x = 0; x < 640; x++) {
                seed = seed * 1664525u + 1013904223u;
                m.frame->data[0][y * m.frame->linesize[0] + x] = (uint8_t)(100 + (seed >> 28));
            }
        }
        m.frame->pts = (int64_t)i * TICK_US;
        m.frame->pict_type = AV_PICTURE_TYPE_NONE;
        assert_int_equal(avcodec_send_frame(m.codec, m.frame), 0);
        maker_collect(&m);
    }
    maker_close(&m);
    push_all(room_add(&r, MCU_CODEC_H264, "noise"), &clip);
    room_tick(&r, 150);
    static const char *const names[] = {"H264", "VP8"};
    const struct eye *eyes[] = {&r.h264, &r.vp8};
    for (size_t e = 0; e < 2; e++) {
        size_t bytes = 0;
        for (size_t i = 60; i < 150; i++) /* three seconds, after the first two */
            bytes += eyes[e]->packets[i]->size;
        const double bps = (double)bytes * 8 / 3;
        if (bps > 300000 * 1.25)
            fail_msg("%s: %.0f bps", names[e], bps);
    }
    room_close(&r);
    clip_free(&clip);
}

static void wrong_compositors_and_views_are_refused(void **state)
{
    (void)state;
    struct room r;
    const struct room_conf conf = room_conf(320, 180, 0);
    room_open(&r, &conf, NULL);
    const struct comp_conf comps[] = {
        {.fps = 0}, {.fps = 61}, {.fps = 30, .workers = 17}, {.fps = 30, .freeze_us = -1}};
    const struct comp_sink sink = {0};
    struct comp *c = NULL;
    for (size_t i = 0; i < sizeof(comps) / sizeof(comps[0]); i++)
        assert_int_equal(comp_create(&c, &comps[i], &sink), -EINVAL);
    assert_null(c);
    comp_destroy(NULL);

    const struct layout *l = r.layout;
    const struct comp_view_conf views[] = {
        {.width = 321, .height = 180, .layout = l},
        {.width = 320, .height = 14, .layout = l},
        {.width = 4098, .height = 180, .layout = l},
        {.width = 320, .height = 180, .layout = l, .fps = 31},
        {.width = 320, .height = 180, .layout = l, .transition_us = -1},
        {.width = 320, .height = 180, .layout = NULL},
    };
    struct comp_view *v = NULL;
    for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++)
        assert_int_equal(comp_view_create(r.comp, &v, &views[i]), -EINVAL);
    assert_null(v);
    comp_view_destroy(NULL);
    room_close(&r);
}

static void spoil(struct comp_stream_conf *conf, int row)
{
    switch (row) {
    case 0:
        conf->bitrate_bps = 0; /* live */
        break;
    case 1:
        conf->bitrate_bps = UINT32_MAX;
        break;
    case 2:
        snprintf(conf->preset, sizeof(conf->preset), "quick");
        break;
    case 3:
        memset(conf->preset, 'a', sizeof(conf->preset));
        break;
    case 4:
        conf->speed = 0;
        break;
    case 5:
        conf->speed = -17;
        break;
    case 6:
        conf->threads = 17;
        break;
    case 7:
        conf->temporal_layers = 4;
        break;
    case 8:
        conf->fps = 31;
        break;
    case 9:
        conf->key_every_us = -1;
        break;
    default:
        conf->width = 161;
        break;
    }
}

static void wrong_streams_are_refused(void **state)
{
    (void)state;
    struct room r;
    const struct room_conf conf = room_conf(320, 180, 0);
    room_open(&r, &conf, NULL);
    struct comp_stream *s = NULL;
    for (int row = 0; row < 11; row++) {
        struct comp_stream_conf bad = stream_conf_of(&conf, MCU_CODEC_H264);
        spoil(&bad, row);
        const int err = comp_stream_create(r.view, &s, &bad);
        if (err != -EINVAL || s)
            fail_msg("row %d: %d", row, err);
    }
    const struct comp_stream_conf sound = stream_conf_of(&conf, MCU_CODEC_OPUS);
    assert_int_equal(comp_stream_create(r.view, &s, &sound), -ENOTSUP);
    assert_null(s);
    room_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(live_h264_is_42e01f_and_says_its_colours),
        cmocka_unit_test(live_frames_keep_their_time_and_are_not_reordered),
        cmocka_unit_test(key_frames_come_when_asked_with_headers),
        cmocka_unit_test(a_still_is_encoded_once_a_second_and_for_a_key_at_once),
        cmocka_unit_test(streams_live_from_create_to_destroy),
        cmocka_unit_test(files_have_b_frames_and_a_key_every_two_seconds),
        cmocka_unit_test(files_of_a_still_have_their_keys_too),
        cmocka_unit_test(files_may_have_constant_quality),
        cmocka_unit_test(a_settled_rate_is_kept),
        cmocka_unit_test(wrong_compositors_and_views_are_refused),
        cmocka_unit_test(wrong_streams_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
