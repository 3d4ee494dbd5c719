/* Each encoder library by itself: decodable, key frames only when asked, the rate that was set,
 * layers that can be left out, headers that say what SDP says. */
#include "tests/unit/compositor/codec_rig.h"

#include <errno.h>

#include "compositor/h264.h"

enum { ALL_LAYERS = COMP_TEMPORAL_LAYERS_MAX, GRAINY = 12 };

static const struct comp_codec *const codecs[] = {&comp_codec_h264, &comp_codec_openh264,
                                                  &comp_codec_vp8, &comp_codec_vp9};
enum { CODECS = sizeof(codecs) / sizeof(codecs[0]) };

static void any_number_of_pictures_of_any_size_decodes(void **state)
{
    (void)state;
    static const struct {
        uint32_t width, height;
        int frames;
    } rows[] = {{16, 16, 1}, {320, 180, 31}, {642, 358, 7}, {90, 160, 13}, {1280, 720, 3}};
    for (size_t c = 0; c < CODECS; c++) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            for (uint32_t threads = 1; threads <= 2; threads++) {
                struct rig r;
                struct comp_codec_conf conf = rig_conf(rows[i].width, rows[i].height, 4000000);
                conf.threads = threads;
                rig_open(&r, codecs[c], &conf);
                rig_paint(&r, 6, 1);
                rig_encode(&r, rows[i].frames, false);
                assert_int_equal(r.out.count, rows[i].frames);
                const double db = rig_look(&r, ALL_LAYERS, ALL_LAYERS, 0);
                if (db < 32)
                    fail_msg("%s %ux%u: %.1f dB", codecs[c]->thread_name, rows[i].width,
                             rows[i].height, db);
                rig_close(&r);
            }
        }
    }
}

static void packets_keep_the_time_of_their_pictures(void **state)
{
    (void)state;
    for (size_t c = 0; c < CODECS; c++) {
        struct rig r;
        const struct comp_codec_conf conf = rig_conf(320, 180, 500000);
        rig_open(&r, codecs[c], &conf);
        rig_paint(&r, 6, 1);
        r.pts_us = 123456789012345;
        rig_encode(&r, 3, false);
        r.pts_us += 1000000; /* a picture that stood still */
        rig_encode(&r, 3, false);
        for (int i = 0; i < 6; i++) {
            const struct mcu_packet *p = r.out.packets[i];
            assert_int_equal(p->pts_us, 123456789012345 + i * 33333 + (i >= 3 ? 1000000 : 0));
            assert_int_equal(p->dts_us, p->pts_us);
            assert_int_equal(p->duration_us, 33333);
            assert_int_equal(p->codec, codecs[c]->codec);
        }
        rig_close(&r);
    }
}

static void key_frames_come_only_when_asked(void **state)
{
    (void)state;
    for (size_t c = 0; c < CODECS; c++) {
        for (uint8_t layers = 1; layers <= COMP_TEMPORAL_LAYERS_MAX; layers++) {
            struct rig r;
            struct comp_codec_conf conf = rig_conf(320, 180, 300000);
            conf.temporal_layers = layers;
            rig_open(&r, codecs[c], &conf);
            rig_paint(&r, 12, 1);
            rig_encode(&r, 61, false);
            rig_encode(&r, 40, true);
            const struct comp_canvas dark = r.loop[0]; /* nothing in common with the next */
            comp_canvas_init(&r.loop[0], 320, 180);
            rig_encode(&r, 40, false);
            for (size_t i = 0; i < r.out.count; i++) {
                if (r.out.packets[i]->is_key != (i == 0 || i == 61))
                    fail_msg("%s, %d layers: packet %zu", codecs[c]->thread_name, layers, i);
            }
            assert_int_equal(r.out.count, 141);
            comp_canvas_finish(&r.loop[0]);
            r.loop[0] = dark;
            rig_close(&r);
        }
    }
}

/* In 5 s at 30 frames a second, or at what is left of them. */
static void check_rate(struct rig *r, uint32_t bps, uint32_t fps)
{
    assert_int_equal(r->codec->set_rate(r->impl, bps, fps), 0);
    r->fps = fps;
    const size_t from = r->out.count;
    rig_encode(r, 5 * (int)fps, false);
    assert_int_equal(r->out.count - from, 5 * fps);
    const double got_bps = (double)rig_bytes(r, from) * 8 / 5;
    if (got_bps < 0.9 * bps || got_bps > 1.1 * bps)
        fail_msg("%s, %d layers: %u bps at %u fps, got %.0f", r->codec->thread_name,
                 r->conf.temporal_layers, bps, fps, got_bps);
    for (size_t i = from; i < r->out.count; i++)
        assert_false(r->out.packets[i]->is_key);
}

static void a_new_rate_is_kept_without_a_key_frame(void **state)
{
    (void)state;
    for (size_t c = 0; c < CODECS; c++) {
        for (uint8_t layers = 1; layers <= COMP_TEMPORAL_LAYERS_MAX; layers++) {
            if (codecs[c] == &comp_codec_h264 && layers > 1)
                continue;
            struct rig r;
            struct comp_codec_conf conf = rig_conf(320, 180, 300000);
            conf.temporal_layers = layers;
            rig_open(&r, codecs[c], &conf);
            rig_paint(&r, RIG_LOOP, GRAINY);
            rig_encode(&r, 60, false);
            check_rate(&r, 600000, 30);
            check_rate(&r, 200000, 30);
            check_rate(&r, 250000, 15);
            check_rate(&r, 400000, 30);
            assert_int_equal(codecs[c]->set_rate(r.impl, 0, 30), -EINVAL);
            assert_int_equal(codecs[c]->set_rate(r.impl, 500000, 0), -EINVAL);
            assert_int_equal(codecs[c]->set_rate(r.impl, UINT32_MAX, 30), -EINVAL);
            rig_look(&r, ALL_LAYERS, ALL_LAYERS, 0);
            rig_close(&r);
        }
    }
}

static const struct comp_codec *const layered[] = {&comp_codec_openh264, &comp_codec_vp8,
                                                   &comp_codec_vp9};

/* What is left decodes to the same pictures as with the layers above: nothing looked up there. */
static void layers_can_be_left_out(void **state)
{
    (void)state;
    static const uint8_t cycles[][4] = {{0, 1, 0, 1}, {0, 2, 1, 2}};
    for (size_t c = 0; c < 3; c++) {
        for (uint8_t layers = 2; layers <= 3; layers++) {
            struct rig r;
            struct comp_codec_conf conf = rig_conf(480, 272, 500000);
            conf.temporal_layers = layers;
            rig_open(&r, layered[c], &conf);
            rig_paint(&r, RIG_LOOP, 3);
            rig_encode(&r, 62, false);
            rig_encode(&r, 63, true); /* starts the cycle anew */
            for (size_t i = 0; i < 125; i++) {
                const size_t place = i < 62 ? i : i - 62;
                if (r.out.packets[i]->temporal_id != cycles[layers - 2][place % 4])
                    fail_msg("%s, %d layers: packet %zu is of layer %d", layered[c]->thread_name,
                             layers, i, r.out.packets[i]->temporal_id);
            }
            for (uint8_t kept = 0; kept < layers; kept++) {
                const double with = rig_look(&r, ALL_LAYERS, kept, 0);
                const double without = rig_look(&r, kept, kept, 0);
                if (fabs(with - without) > 1e-6 || with < 28)
                    fail_msg("%s, layer %d of %d: %.2f dB, %.2f by itself", layered[c]->thread_name,
                             kept, layers, with, without);
            }
            rig_close(&r);
        }
    }
}

/* From the middle of a cycle on, too. */
static void a_left_out_layer_can_be_taken_up_again(void **state)
{
    (void)state;
    for (size_t c = 0; c < 3; c++) {
        struct rig r;
        struct comp_codec_conf conf = rig_conf(320, 180, 500000);
        conf.temporal_layers = 2;
        rig_open(&r, layered[c], &conf);
        rig_paint(&r, 12, 3);
        rig_encode(&r, 60, false);
        /* the upper layer of the first second never arrives */
        size_t kept = 0;
        for (size_t i = 0; i < r.out.count; i++) {
            if (i < 30 && r.out.packets[i]->temporal_id == 1)
                mcu_packet_unref(r.out.packets[i]);
            else
                r.out.packets[kept++] = r.out.packets[i];
        }
        r.out.count = kept;
        assert_int_equal(kept, 45);
        rig_look(&r, ALL_LAYERS, ALL_LAYERS, 0);
        rig_close(&r);
    }
}

static void the_lower_half_of_the_frames_has_most_of_the_rate(void **state)
{
    (void)state;
    for (size_t c = 0; c < 3; c++) {
        struct rig r;
        struct comp_codec_conf conf = rig_conf(480, 272, 600000);
        conf.temporal_layers = 2;
        rig_open(&r, layered[c], &conf);
        rig_paint(&r, RIG_LOOP, GRAINY);
        rig_encode(&r, 180, false);
        size_t lower = 0;
        for (size_t i = 30; i < r.out.count; i++)
            lower += r.out.packets[i]->temporal_id == 0 ? r.out.packets[i]->size : 0;
        const double share = (double)lower / (double)rig_bytes(&r, 30);
        if (share < 0.5 || share > 0.8)
            fail_msg("%s: %.2f of the rate", layered[c]->thread_name, share);
        rig_close(&r);
    }
}

static const uint8_t *find_nal(const struct mcu_packet *p, int type)
{
    for (size_t i = 0; i + 4 < p->size; i++) {
        if (p->data[i] == 0 && p->data[i + 1] == 0 && p->data[i + 2] == 1 &&
            (p->data[i + 3] & 0x1f) == type)
            return p->data + i + 3;
    }
    return NULL;
}

static void h264_says_its_profile_and_level(void **state)
{
    (void)state;
    static const struct {
        uint32_t width, height, fps;
        uint8_t level;
    } rows[] = {{320, 180, 30, 31},   {1280, 720, 30, 31},  {720, 1280, 30, 31},
                {1280, 720, 60, 40},  {1920, 1080, 30, 40}, {1080, 1920, 30, 40},
                {1920, 1080, 60, 42}, {2560, 1440, 30, 51}};
    for (size_t c = 0; c < 2; c++) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            struct rig r;
            struct comp_codec_conf conf = rig_conf(rows[i].width, rows[i].height, 3000000);
            conf.fps = rows[i].fps;
            rig_open(&r, codecs[c], &conf);
            rig_paint(&r, 1, 0);
            rig_encode(&r, 2, false);
            rig_encode(&r, 1, true);
            for (size_t k = 0; k < 3; k += 2) {
                const uint8_t *sps = find_nal(r.out.packets[k], 7);
                assert_non_null(sps);
                assert_non_null(find_nal(r.out.packets[k], 8));
                assert_non_null(find_nal(r.out.packets[k], 5));
                if (sps[1] != 0x42 || sps[2] != 0xe0 || sps[3] != rows[i].level)
                    fail_msg("%s %ux%u: %02x%02x%02x", codecs[c]->thread_name, rows[i].width,
                             rows[i].height, sps[1], sps[2], sps[3]);
            }
            assert_null(find_nal(r.out.packets[1], 7));
            rig_close(&r);
        }
    }
}

static void levels_have_room_for_so_many_references(void **state)
{
    (void)state;
    const struct comp_h264_level *level = comp_h264_level(1280, 720, 30);
    assert_int_equal(comp_h264_references(level, 1280, 720), 5);
    assert_int_equal(comp_h264_references(level, 64, 64), 16);
    assert_int_equal(comp_h264_references(comp_h264_level(1920, 1080, 30), 1920, 1080), 4);
    assert_int_equal(comp_h264_level(65536, 65536, 60)->idc, 51);
    assert_int_equal(comp_h264_references(level, 65536, 65536), 1);
}

static void only_a_baseline_sps_gets_flags(void **state)
{
    (void)state;
    static const struct {
        uint8_t in[8];
        size_t size;
        uint8_t flags; /* at the place they are in */
        size_t at;
    } rows[] = {
        {{0, 0, 0, 1, 0x67, 66, 0xc0, 31}, 8, 0xe0, 6},
        {{0, 0, 1, 0x67, 66, 0x40, 31}, 7, 0xe0, 5},
        {{0, 0, 0, 1, 0x67, 77, 0x40, 31}, 8, 0x40, 6},
        {{0, 0, 0, 1, 0x68, 66, 0x40, 31}, 8, 0x40, 6},
        {{0, 0, 0, 1, 0x67, 66, 0x40}, 6, 0x40, 6},
        {{0, 0, 1, 0x67, 66, 0x40}, 3, 0x40, 5},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t nal[8];
        memcpy(nal, rows[i].in, 8);
        comp_h264_set_constraints(nal, rows[i].size);
        assert_int_equal(nal[rows[i].at], rows[i].flags);
        nal[rows[i].at] = rows[i].in[rows[i].at];
        assert_memory_equal(nal, rows[i].in, 8);
    }
}

static double text_db(const struct comp_codec *codec, bool is_screen)
{
    struct rig r;
    struct comp_codec_conf conf = rig_conf(640, 360, 1000000);
    conf.is_screen = is_screen;
    rig_open(&r, codec, &conf);
    rig_paint_text(&r, RIG_LOOP);
    rig_encode(&r, 120, false);
    const double db = rig_look(&r, ALL_LAYERS, ALL_LAYERS, 30);
    const double bps = (double)rig_bytes(&r, 30) * 8 * RIG_FPS / 90;
    if (is_screen && bps > 1.25 * conf.bitrate_bps)
        fail_msg("%s: %.0f bps of text", codec->thread_name, bps);
    rig_close(&r);
    return db;
}

/* A file's own encoder, live: reordered, never more than 400 ms late, key frames when asked, and every
 * packet's time is that of a picture. */
static void a_files_encoder_reorders_within_400_ms(void **state)
{
    (void)state;
    static const struct {
        uint32_t fps, b_frames;
        const char *preset;
    } rows[] = {{30, 2, "veryfast"}, {30, 3, "slow"}, {10, 2, "veryfast"}, {5, 2, "faster"}, {1, 2, "fast"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig r;
        struct comp_codec_conf conf = rig_conf(160, 96, 200000);
        conf.fps = rows[i].fps;
        conf.b_frames = (uint8_t)rows[i].b_frames;
        snprintf(conf.preset, sizeof(conf.preset), "%s", rows[i].preset);
        rig_open(&r, &comp_codec_h264, &conf);
        rig_paint(&r, RIG_LOOP, 4);
        int most_late = 0, reordered = 0, keys = 0;
        for (int n = 0; n < 90; n++) {
            rig_encode(&r, 1, n == 0 || n == 40);
            const int late = n + 1 - r.out.count;
            most_late = late > most_late ? late : most_late;
        }
        comp_codec_h264.flush(r.impl, rig_take, &r);
        assert_int_equal(r.out.count, 90);
        for (int n = 0; n < 90; n++) {
            const struct mcu_packet *p = r.out.packets[n];
            reordered += p->pts_us > p->dts_us;
            keys += p->is_key;
            assert_true(n == 0 || p->dts_us > r.out.packets[n - 1]->dts_us);
            assert_true(p->dts_us <= p->pts_us);
        }
        print_message("%u fps, %s: %d frames late\n", rows[i].fps, rows[i].preset, most_late);
        assert_true(most_late * 1000 <= (int)rows[i].fps * 400);
        assert_int_equal(keys, 2);
        assert_int_equal(reordered > 0, rows[i].fps > 2);
        rig_close(&r);
    }
}

static void text_is_no_worse_when_tuned_for_it(void **state)
{
    (void)state;
    for (size_t c = 0; c < CODECS; c++) {
        const double plain = text_db(codecs[c], false), tuned = text_db(codecs[c], true);
        if (tuned < plain)
            fail_msg("%s: %.2f dB, tuned %.2f", codecs[c]->thread_name, plain, tuned);
    }
}

static void wrong_settings_are_refused(void **state)
{
    (void)state;
    const struct comp_codec_conf good = rig_conf(320, 180, 300000);
    struct comp_codec_conf bad[10];
    for (size_t i = 0; i < 10; i++)
        bad[i] = good;
    bad[0].width = 321;
    bad[1].height = 14;
    bad[2].width = 4098;
    bad[3].fps = 0;
    bad[4].fps = 61;
    bad[5].bitrate_bps = 0;
    bad[6].bitrate_bps = UINT32_MAX;
    bad[7].temporal_layers = 0;
    bad[8].temporal_layers = 4;
    bad[9].height = 0;
    for (size_t c = 0; c < CODECS; c++) {
        void *impl = &impl;
        void *const before = impl;
        for (size_t i = 0; i < 10; i++) {
            if (codecs[c]->create(&impl, &bad[i]) != -EINVAL || impl != before)
                fail_msg("%s, row %zu", codecs[c]->thread_name, i);
        }
        codecs[c]->destroy(NULL);
    }
    struct comp_codec_conf file = good;
    file.is_offline = true;
    void *impl;
    assert_int_equal(comp_codec_openh264.create(&impl, &file), -ENOTSUP);
}

static void each_codec_and_engine_has_its_library(void **state)
{
    (void)state;
    assert_ptr_equal(comp_codec_find(MCU_CODEC_H264, COMP_ENGINE_DEFAULT), &comp_codec_h264);
    assert_ptr_equal(comp_codec_find(MCU_CODEC_H264, COMP_ENGINE_X264), &comp_codec_h264);
    assert_ptr_equal(comp_codec_find(MCU_CODEC_H264, COMP_ENGINE_OPENH264), &comp_codec_openh264);
    assert_ptr_equal(comp_codec_find(MCU_CODEC_VP8, COMP_ENGINE_OPENH264), &comp_codec_vp8);
    assert_ptr_equal(comp_codec_find(MCU_CODEC_VP9, COMP_ENGINE_DEFAULT), &comp_codec_vp9);
    assert_null(comp_codec_find(MCU_CODEC_AV1, COMP_ENGINE_DEFAULT));
    assert_null(comp_codec_find(MCU_CODEC_OPUS, COMP_ENGINE_DEFAULT));
}

static void the_engine_fits_what_the_stream_is_for(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct comp_engine_need need;
        enum comp_engine engine;
    } rows[] = {
        {"shared, large", {1280, 720, 1, .is_recorded = false}, COMP_ENGINE_X264},
        {"shared, small", {640, 360, 1, .is_recorded = false}, COMP_ENGINE_OPENH264},
        {"upright, small", {360, 640, 1, .is_recorded = false}, COMP_ENGINE_OPENH264},
        {"just not small", {642, 360, 1, .is_recorded = false}, COMP_ENGINE_X264},
        {"small, recorded", {640, 360, 1, .is_recorded = true}, COMP_ENGINE_X264},
        {"layers", {1280, 720, 2, .is_recorded = false}, COMP_ENGINE_OPENH264},
        {"text", {1920, 1080, 1, .is_screen = true}, COMP_ENGINE_OPENH264},
        {"text, recorded",
         {1920, 1080, 1, .is_recorded = true, .is_screen = true},
         COMP_ENGINE_X264},
        {"of one viewer", {1280, 720, 1, .is_personal = true}, COMP_ENGINE_OPENH264},
        {"short of time", {1280, 720, 1, .is_overloaded = true}, COMP_ENGINE_OPENH264},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (comp_engine_for(&rows[i].need) != rows[i].engine)
            fail_msg("%s", rows[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_pictures_of_any_size_decodes),
        cmocka_unit_test(packets_keep_the_time_of_their_pictures),
        cmocka_unit_test(key_frames_come_only_when_asked),
        cmocka_unit_test(a_new_rate_is_kept_without_a_key_frame),
        cmocka_unit_test(layers_can_be_left_out),
        cmocka_unit_test(a_left_out_layer_can_be_taken_up_again),
        cmocka_unit_test(the_lower_half_of_the_frames_has_most_of_the_rate),
        cmocka_unit_test(h264_says_its_profile_and_level),
        cmocka_unit_test(levels_have_room_for_so_many_references),
        cmocka_unit_test(only_a_baseline_sps_gets_flags),
        cmocka_unit_test(a_files_encoder_reorders_within_400_ms),
        cmocka_unit_test(text_is_no_worse_when_tuned_for_it),
        cmocka_unit_test(wrong_settings_are_refused),
        cmocka_unit_test(each_codec_and_engine_has_its_library),
        cmocka_unit_test(the_engine_fits_what_the_stream_is_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
