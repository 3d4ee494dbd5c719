/* What the composited picture shows, on one thread and a clock of our own. */
#include "tests/unit/compositor/room.h"

#include <errno.h>

enum { W = 640, H = 360 };

static void open_looking(struct room *r, const char *layout)
{
    const struct room_conf conf = room_conf(W, H, 0);
    room_open(r, &conf, layout);
    room_watch(r, MCU_CODEC_H264);
}

/* The picture as it is now, through encoder and decoder. */
static const AVFrame *look(struct room *r)
{
    room_ask_key(r, MCU_CODEC_H264, true);
    room_tick(r, 1);
    return eye_see(&r->h264);
}

static const struct yuv background = {33, 130, 127};

static void every_codec_is_decoded_into_its_tile(void **state)
{
    (void)state;
    static const enum mcu_codec codecs[] = {MCU_CODEC_H264, MCU_CODEC_VP8, MCU_CODEC_VP9,
                                            MCU_CODEC_AV1};
    static const struct yuv *const colours[] = {&red, &green, &blue, &white};
    struct room r;
    open_looking(&r, NULL);
    assert_colour(look(&r), 100, 100, background);
    for (size_t i = 0; i < 4; i++)
        push_picture(room_add(&r, codecs[i], "x"), codecs[i], 320, 180, *colours[i], r.now_us);
    const AVFrame *f = look(&r);
    for (int i = 0; i < 4; i++)
        assert_colour(f, i % 2 * 320 + 20, i / 2 * 180 + 20, *colours[i]);
    assert_int_equal(room_stats(&r).tiles_drawn, 4);
    room_close(&r);
}

static void tiles_stand_in_the_order_of_joining(void **state)
{
    (void)state;
    struct room r;
    open_looking(&r, NULL);
    struct comp_source *first = room_add(&r, MCU_CODEC_VP8, "first");
    struct comp_source *second = room_add(&r, MCU_CODEC_VP8, "second");
    push_picture(second, MCU_CODEC_VP8, 320, 180, blue, 0); /* its picture comes first */
    assert_colour(look(&r), 320, 100, blue);
    push_picture(first, MCU_CODEC_VP8, 320, 180, red, r.now_us);
    const AVFrame *f = look(&r);
    assert_colour(f, 20, 100, red);
    assert_colour(f, 620, 100, blue);
    room_close(&r);
}

static void a_source_that_leaves_or_hides_closes_the_grid(void **state)
{
    (void)state;
    struct room r;
    open_looking(&r, NULL);
    struct comp_source *a = room_add(&r, MCU_CODEC_VP8, "a"), *b = room_add(&r, MCU_CODEC_VP8, "b");
    push_picture(a, MCU_CODEC_VP8, 640, 360, red, 0);
    push_picture(b, MCU_CODEC_VP8, 640, 360, blue, 0);
    assert_colour(look(&r), 20, 100, red);

    comp_source_set_hidden(a, true);
    assert_colour(look(&r), 20, 100, blue);
    comp_source_set_hidden(a, false);
    assert_colour(look(&r), 20, 100, blue); /* it has no picture yet: the old one is not shown */
    push_picture(a, MCU_CODEC_VP8, 640, 360, green, r.now_us);
    const AVFrame *f = look(&r);
    assert_colour(f, 20, 100, green);
    assert_colour(f, 620, 100, blue);

    comp_source_remove(r.comp, b);
    assert_colour(look(&r), 620, 100, green);
    comp_source_remove(r.comp, a);
    assert_colour(look(&r), 20, 100, background);
    comp_source_remove(r.comp, NULL);
    room_close(&r);
}

static void tiles_stand_by_the_order_of_their_sources(void **state)
{
    (void)state;
    struct room r;
    open_looking(&r, NULL);
    struct comp_source *second = NULL, *first = NULL;
    const struct comp_source_conf later = {.codec = MCU_CODEC_VP8, .user = "later", .order = 7};
    const struct comp_source_conf earlier = {.codec = MCU_CODEC_VP8, .user = "earlier", .order = 2};
    assert_int_equal(comp_source_add(r.comp, &second, &later), 0);
    assert_int_equal(comp_source_add(r.comp, &first, &earlier), 0);
    push_picture(second, MCU_CODEC_VP8, 640, 360, blue, 0);
    assert_colour(look(&r), 20, 100, blue);
    push_picture(first, MCU_CODEC_VP8, 640, 360, red, r.now_us);
    const AVFrame *f = look(&r);
    assert_colour(f, 20, 100, red);
    assert_colour(f, 620, 100, blue);
    room_close(&r);
}

static void hidden_sources_are_not_decoded(void **state)
{
    (void)state;
    struct room r;
    struct clip clip;
    open_looking(&r, NULL);
    struct comp_source *s = room_add(&r, MCU_CODEC_VP8, "s");
    const struct maker_conf conf = {.codec = MCU_CODEC_VP8, .width = 64, .height = 64};
    clip_make(&clip, &conf, red, 40, 0, TICK_US, 1000);
    comp_source_set_hidden(s, true);
    push_all(s, &clip);
    room_tick(&r, 20);
    assert_int_equal(source_stats(s).decoded, 0);
    comp_source_set_hidden(s, false);
    assert_int_equal(r.key_requests, 0);
    room_tick(&r, 1); /* what was skipped is missing: a key frame is needed */
    assert_in_range(r.key_requests, 1, 2);
    assert_ptr_equal(r.key_source, &r);
    push_picture(s, MCU_CODEC_VP8, 64, 64, blue, r.now_us);
    room_tick(&r, 30);
    assert_colour(look(&r), 320, 100, blue);
    room_close(&r);
    clip_free(&clip);
}

static void a_tile_is_drawn_only_for_a_new_frame(void **state)
{
    (void)state;
    struct room r;
    struct clip slow, fast;
    open_looking(&r, NULL);
    const struct maker_conf conf = {.codec = MCU_CODEC_VP8, .width = 320, .height = 180};
    clip_make(&slow, &conf, red, 4, 0, 10 * TICK_US, 1000);
    clip_make(&fast, &conf, blue, 80, 0, TICK_US / 2, 1000); /* 60 frames a second */
    struct comp_source *a = room_add(&r, MCU_CODEC_VP8, "a"), *b = room_add(&r, MCU_CODEC_VP8, "b");
    push_all(a, &slow);
    push_all(b, &fast);
    room_tick(&r, 40);
    assert_int_equal(room_stats(&r).tiles_drawn, 4 + 40);
    assert_int_equal(room_stats(&r).composed, 40);
    assert_int_equal(source_stats(a).shown, 4);
    assert_int_equal(source_stats(b).shown, 40);
    assert_in_range(source_stats(b).decoded, 79, 80); /* the others were overtaken */
    room_close(&r);
    clip_free(&slow);
    clip_free(&fast);
}

static void the_newest_due_frame_is_shown_after_the_delay(void **state)
{
    (void)state;
    struct room r;
    open_looking(&r, NULL);
    struct comp_source *s = room_add(&r, MCU_CODEC_VP8, "s");
    comp_source_set_delay_us(s, 200000);
    push_picture(s, MCU_CODEC_VP8, 320, 180, red, 100000);
    push_picture(s, MCU_CODEC_VP8, 320, 180, green, 150000);
    push_picture(s, MCU_CODEC_VP8, 320, 180, blue, 300000);
    static const struct {
        int64_t now_us;
        const struct yuv *colour;
    } rows[] = {{299999, &background}, {300000, &red},  {349999, &red}, {350000, &green},
                {499999, &green},      {500000, &blue}, {900000, &blue}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        r.now_us = rows[i].now_us;
        assert_colour(look(&r), 320, 100, *rows[i].colour);
    }
    room_close(&r);
}

static void a_source_may_change_its_size(void **state)
{
    (void)state;
    static const enum mcu_codec codecs[] = {MCU_CODEC_H264, MCU_CODEC_VP8};
    static const struct {
        int width, height;
        const struct yuv *colour;
    } sizes[] = {{320, 180, &red},
                 {1280, 720, &green},
                 {90, 160, &blue},
                 {641, 361, &white},
                 {64, 48, &red}};
    for (size_t c = 0; c < 2; c++) {
        struct room r;
        open_looking(&r, NULL);
        struct comp_source *s = room_add(&r, codecs[c], "s");
        for (size_t i = 0; i < 5; i++) {
            if (codecs[c] == MCU_CODEC_H264 && sizes[i].width % 2)
                continue; /* 4:2:0 H264 is even */
            push_picture(s, codecs[c], sizes[i].width, sizes[i].height, *sizes[i].colour, r.now_us);
            const AVFrame *f = look(&r);
            assert_colour(f, 4, 4, *sizes[i].colour);
            assert_colour(f, 635, 355, *sizes[i].colour);
            assert_int_equal(source_stats(s).width, sizes[i].width);
            assert_int_equal(source_stats(s).height, sizes[i].height);
        }
        assert_int_equal(source_stats(s).undecodable, 0);
        room_close(&r);
    }
}

static void damage(struct mcu_packet *p, size_t from, uint32_t seed)
{
    for (size_t i = from; i < p->size; i++) {
        seed = seed * 1664525u + 1013904223u;
        p->data[i] = (uint8_t)(seed >> 24);
    }
}

static void broken_packets_cost_a_key_request_and_the_last_picture_stays(void **state)
{
    (void)state;
    static const enum mcu_codec codecs[] = {MCU_CODEC_H264, MCU_CODEC_VP8, MCU_CODEC_VP9};
    for (size_t c = 0; c < 3; c++) {
        struct room r;
        struct clip clip;
        open_looking(&r, NULL);
        struct comp_source *s = room_add(&r, codecs[c], "s");
        const struct maker_conf conf = {.codec = codecs[c], .width = 320, .height = 180};
        clip_make(&clip, &conf, red, 60, 0, TICK_US, 1000);
        for (size_t i = 0; i < 5; i++)
            comp_source_push(s, clip.packets[i]);
        clip.packets[5]->size /= 2; /* cut short, and then nonsense */
        damage(clip.packets[5], codecs[c] == MCU_CODEC_H264 ? 8 : 3, 5);
        for (size_t i = 5; i < 60; i++)
            comp_source_push(s, clip.packets[i]);
        room_tick(&r, 60);
        if (source_stats(s).undecodable < 40)
            fail_msg("%d: %d undecodable", codecs[c], (int)source_stats(s).undecodable);
        /* asked at 166 ms, 666 ms, 1166 ms, 1666 ms: once in 500 ms */
        assert_in_range(r.key_requests, 3, 4);
        assert_colour(look(&r), 20, 20, red);
        push_picture(s, codecs[c], 320, 180, blue, r.now_us);
        assert_colour(look(&r), 20, 20, blue);
        room_close(&r);
        clip_free(&clip);
    }
}

static void rubbish_never_harms(void **state)
{
    (void)state;
    static const enum mcu_codec codecs[] = {MCU_CODEC_H264, MCU_CODEC_VP8, MCU_CODEC_VP9,
                                            MCU_CODEC_AV1};
    for (size_t c = 0; c < 4; c++) {
        struct room r;
        struct clip clip;
        open_looking(&r, NULL);
        struct comp_source *s = room_add(&r, codecs[c], "s");
        const struct maker_conf conf = {.codec = codecs[c], .width = 96, .height = 96};
        clip_make(&clip, &conf, red, 30, 0, TICK_US, 3);
        for (uint32_t i = 0; i < 120; i++) {
            const struct mcu_packet *p = clip.packets[i % clip.count];
            struct mcu_packet *copy = mcu_packet_copy(p->data, p->size);
            copy->codec = codecs[c];
            copy->is_key = true;
            copy->pts_us = (int64_t)i * TICK_US;
            copy->dts_us = copy->pts_us;
            if (i % 7 == 0)
                copy->size = 0;
            else
                damage(copy, i % 40 * copy->size / 80, i);
            comp_source_push(s, copy);
            mcu_packet_unref(copy);
        }
        room_tick(&r, 130);
        push_picture(s, codecs[c], 96, 96, blue, r.now_us);
        assert_colour(look(&r), 320, 20, blue);
        room_close(&r);
        clip_free(&clip);
    }
}

static void a_stream_without_a_key_frame_is_asked_for_one(void **state)
{
    (void)state;
    struct room r;
    struct clip clip;
    open_looking(&r, NULL);
    struct comp_source *s = room_add(&r, MCU_CODEC_H264, "s");
    const struct maker_conf conf = {.codec = MCU_CODEC_H264, .width = 320, .height = 180};
    clip_make(&clip, &conf, green, 30, 0, TICK_US, 20);
    for (size_t i = 1; i < 30; i++)
        comp_source_push(s, clip.packets[i]);
    room_tick(&r, 10);
    assert_in_range(r.key_requests, 1, 2);
    assert_int_equal(room_stats(&r).tiles_drawn, 0);
    room_tick(&r, 20);
    assert_int_equal(source_stats(s).decoded, 10);
    assert_colour(look(&r), 20, 20, green);
    room_close(&r);
    clip_free(&clip);
}

static void a_full_queue_drops_and_waits_for_a_key_frame(void **state)
{
    (void)state;
    struct room r;
    struct clip clip;
    open_looking(&r, NULL);
    struct comp_source *s = room_add(&r, MCU_CODEC_VP8, "s");
    const struct maker_conf conf = {.codec = MCU_CODEC_VP8, .width = 32, .height = 32};
    clip_make(&clip, &conf, red, 1200, 0, TICK_US, 1100);
    int refused = 0;
    for (size_t i = 0; i < 1100; i++)
        refused += comp_source_push(s, clip.packets[i]) == -ENOBUFS;
    /* 1024 in the queue, 8 decoded ahead, one in the decoder's hands */
    assert_in_range(refused, 60, 70);
    assert_int_equal(source_stats(s).dropped, refused);
    room_tick(&r, 500);
    for (size_t i = 1101; i < 1110; i++) /* they refer to what was dropped */
        assert_int_equal(comp_source_push(s, clip.packets[i]), 0);
    room_tick(&r, 650);
    assert_int_equal(source_stats(s).decoded, 1100 - refused);
    assert_int_equal(source_stats(s).undecodable, 9);
    assert_int_equal(r.key_requests, 1);
    room_close(&r);
    clip_free(&clip);
}

static void files_with_b_frames_are_shown_in_order_and_to_the_end(void **state)
{
    (void)state;
    struct room r;
    struct clip clip = {.count = 0};
    struct room_conf conf = room_conf(W, H, 0);
    conf.is_offline = true;
    room_open(&r, &conf, NULL);
    room_watch(&r, MCU_CODEC_H264);

    const struct maker_conf source = {.codec = MCU_CODEC_H264,
                                      .width = 320,
                                      .height = 180,
                                      .b_frames = 3,
                                      .has_global_header = true};
    static const struct yuv *const colours[] = {&red, &green, &blue, &white};
    struct maker m;
    maker_open(&m, &source, &clip);
    for (int i = 0; i < 40; i++)
        maker_add(&m, *colours[i % 4], -1, (int64_t)i * TICK_US, false);
    maker_close(&m);
    assert_true(clip.extradata_size > 0);
    const struct comp_source_conf sc = {.codec = MCU_CODEC_H264,
                                        .user = "file",
                                        .extradata = clip.extradata,
                                        .extradata_size = clip.extradata_size};
    struct comp_source *s;
    assert_int_equal(comp_source_add(r.comp, &s, &sc), 0);
    push_all(s, &clip);
    comp_source_drain(s);
    room_tick(&r, 40);
    comp_flush(r.comp);
    assert_int_equal(source_stats(s).decoded, 40);
    assert_int_equal(source_stats(s).shown, 40);
    assert_int_equal(r.h264.count, 40);

    /* the pictures that came out, in order of time */
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();
    eye_close(&r.vp8);
    eye_open(&r.vp8, MCU_CODEC_H264); /* a second decoder, with reordering */
    r.vp8.codec->flags &= ~AV_CODEC_FLAG_LOW_DELAY;
    int seen = 0;
    for (size_t i = 0; i <= r.h264.count; i++) {
        if (i < r.h264.count) {
            packet->data = r.h264.packets[i]->data;
            packet->size = (int)r.h264.packets[i]->size;
            packet->pts = r.h264.packets[i]->pts_us;
        }
        assert_int_equal(avcodec_send_packet(r.vp8.codec, i < r.h264.count ? packet : NULL), 0);
        while (avcodec_receive_frame(r.vp8.codec, frame) == 0) {
            assert_int_equal(frame->pts, (int64_t)seen * TICK_US);
            assert_colour(frame, 20, 20, *colours[seen % 4]);
            seen++;
        }
    }
    assert_int_equal(seen, 40);
    av_packet_free(&packet);
    av_frame_free(&frame);
    room_close(&r);
    clip_free(&clip);
}

static void a_broken_file_goes_on(void **state)
{
    (void)state;
    struct room r;
    struct clip clip;
    struct room_conf conf = room_conf(W, H, 0);
    conf.is_offline = true;
    room_open(&r, &conf, NULL);
    room_watch(&r, MCU_CODEC_H264);
    struct comp_source *s = room_add(&r, MCU_CODEC_VP8, "s");
    const struct maker_conf source = {.codec = MCU_CODEC_VP8, .width = 320, .height = 180};
    clip_make(&clip, &source, red, 30, 0, TICK_US, 1000);
    clip.packets[5]->size = 0;
    push_all(s, &clip);
    room_tick(&r, 31);
    assert_int_equal(source_stats(s).undecodable, 1);
    assert_int_equal(source_stats(s).decoded, 29);
    assert_int_equal(r.key_requests, 0);
    room_close(&r);
    clip_free(&clip);
}

/* Voices are placed by it. */
static void a_source_knows_the_middle_of_its_tile(void **state)
{
    (void)state;
    struct room r;
    open_looking(&r, NULL);
    struct comp_source *a = room_add(&r, MCU_CODEC_VP8, "a");
    struct comp_source *b = room_add(&r, MCU_CODEC_VP8, "b");
    assert_true(comp_source_centre(a) == 0.0f);
    push_picture(a, MCU_CODEC_VP8, 320, 180, red, 0);
    push_picture(b, MCU_CODEC_VP8, 320, 180, blue, 0);
    room_tick(&r, 1);
    assert_float_equal(comp_source_centre(a), -0.5f, 0.05f);
    assert_float_equal(comp_source_centre(b), 0.5f, 0.05f);
    comp_source_set_hidden(a, true);
    room_tick(&r, 1);
    assert_float_equal(comp_source_centre(a), 0.0f, 0.001f); /* no tile any more */
    assert_float_equal(comp_source_centre(b), 0.0f, 0.05f);  /* alone in the middle */
    room_close(&r);
}

static void two_encoders_see_the_same_picture(void **state)
{
    (void)state;
    struct room r;
    open_looking(&r, NULL);
    room_watch(&r, MCU_CODEC_VP8);
    push_picture(room_add(&r, MCU_CODEC_VP8, "a"), MCU_CODEC_VP8, 320, 180, red, 0);
    push_picture(room_add(&r, MCU_CODEC_VP8, "b"), MCU_CODEC_VP8, 320, 180, blue, 0);
    room_tick(&r, 1);
    assert_int_equal(r.h264.count, 1);
    assert_int_equal(r.vp8.count, 1);
    const AVFrame *frames[] = {eye_see(&r.h264), eye_see(&r.vp8)};
    for (size_t i = 0; i < 2; i++) {
        assert_colour(frames[i], 20, 100, red);
        assert_colour(frames[i], 620, 100, blue);
    }
    room_close(&r);
}

static void forty_nine_sources_have_forty_nine_tiles(void **state)
{
    (void)state;
    struct room r;
    const struct room_conf conf = room_conf(1280, 720, 0);
    room_open(&r, &conf, NULL);
    room_watch(&r, MCU_CODEC_H264);
    static const struct yuv *const colours[] = {&red, &green, &blue, &white, &black};
    struct clip clips[5];
    const struct maker_conf source = {.codec = MCU_CODEC_VP8, .width = 160, .height = 90};
    for (int i = 0; i < 5; i++)
        clip_make(&clips[i], &source, *colours[i], 2, 0, TICK_US, 10);
    struct comp_source *sources[COMP_SOURCES_MAX];
    for (int i = 0; i < 51; i++) {
        sources[i] = room_add(&r, MCU_CODEC_VP8, "x");
        push_all(sources[i], &clips[i % 5]);
    }
    room_tick(&r, 1);
    const AVFrame *f = eye_see(&r.h264);
    const int left = (1280 - 7 * 182) / 2 & ~1, top = (720 - 7 * 102) / 2 & ~1;
    for (int i = 0; i < 49; i++)
        assert_colour(f, left + i % 7 * 182 + 20, top + i / 7 * 102 + 20, *colours[i % 5]);
    assert_int_equal(room_stats(&r).tiles_drawn, 49);

    /* those without a tile are not decoded further, until there is room */
    room_tick(&r, 30);
    const uint64_t decoded = source_stats(sources[50]).decoded;
    push_picture(sources[50], MCU_CODEC_VP8, 160, 90, red, r.now_us);
    room_tick(&r, 5);
    assert_int_equal(source_stats(sources[50]).decoded, decoded);
    comp_source_remove(r.comp, sources[0]);
    comp_source_remove(r.comp, sources[1]);
    room_tick(&r, 1);
    push_picture(sources[50], MCU_CODEC_VP8, 160, 90, red, r.now_us);
    room_tick(&r, 1);
    assert_int_equal(source_stats(sources[50]).decoded, decoded + 1);
    assert_colour(eye_see(&r.h264), left + 6 * 182 + 20, top + 6 * 102 + 20, red);
    room_close(&r);
    for (int i = 0; i < 5; i++)
        clip_free(&clips[i]);
}

static void sources_have_a_limit_and_room_comes_back(void **state)
{
    (void)state;
    struct room r;
    open_looking(&r, NULL);
    struct comp_source *s[COMP_SOURCES_MAX];
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < COMP_SOURCES_MAX; i++)
            s[i] = room_add(&r, MCU_CODEC_VP8, "x");
        const struct comp_source_conf conf = {.codec = MCU_CODEC_VP8};
        struct comp_source *more = NULL;
        assert_int_equal(comp_source_add(r.comp, &more, &conf), -ENOSPC);
        assert_null(more);
        for (size_t i = 0; i < COMP_SOURCES_MAX; i++)
            comp_source_remove(r.comp, s[i]);
    }
    const struct comp_source_conf audio = {.codec = MCU_CODEC_OPUS};
    assert_int_equal(comp_source_add(r.comp, &s[0], &audio), -ENOTSUP);
    uint8_t rubbish[70000] = {1, 2, 3};
    const struct comp_source_conf huge = {
        .codec = MCU_CODEC_H264, .extradata = rubbish, .extradata_size = sizeof(rubbish)};
    assert_int_equal(comp_source_add(r.comp, &s[0], &huge), -EINVAL);
    room_close(&r);
}

#define INSET                                                                                      \
    "{\"name\":\"t\",\"variants\":[{\"people\":\"1-\",\"cells\":["                                 \
    "{\"x\":\"1/4\",\"y\":\"1/4\",\"w\":\"1/2\",\"h\":\"1/2\",\"z\":1,\"source\":\"user:top\"},"   \
    "{\"x\":0,\"y\":0,\"w\":1,\"h\":1,\"source\":\"auto\"}]}]}"

static void what_lies_above_is_drawn_again(void **state)
{
    (void)state;
    struct room r;
    open_looking(&r, INSET);
    struct comp_source *below = room_add(&r, MCU_CODEC_VP8, "below");
    struct comp_source *top = room_add(&r, MCU_CODEC_VP8, "top");
    push_picture(below, MCU_CODEC_VP8, 640, 360, red, 0);
    push_picture(top, MCU_CODEC_VP8, 320, 180, blue, 0);
    assert_colour(look(&r), 200, 110, blue);
    push_picture(below, MCU_CODEC_VP8, 640, 360, green, r.now_us);
    const AVFrame *f = look(&r);
    assert_colour(f, 20, 20, green);
    assert_colour(f, 200, 110, blue);
    assert_int_equal(room_stats(&r).tiles_drawn, 4);
    push_picture(top, MCU_CODEC_VP8, 320, 180, white, r.now_us);
    assert_colour(look(&r), 200, 110, white);
    assert_int_equal(room_stats(&r).tiles_drawn, 5);
    comp_source_remove(r.comp, top);
    assert_colour(look(&r), 200, 110, green);
    room_close(&r);
}

#define BARS(colour)                                                                               \
    "{\"name\":\"t\",\"background\":\"" colour "\",\"variants\":[{\"people\":\"1-\","              \
    "\"cells\":[{\"x\":0,\"y\":0,\"w\":1,\"h\":1,\"fit\":\"contain\",\"source\":\"auto\"}]}]}"

static void bars_and_background_follow_picture_and_layout(void **state)
{
    (void)state;
    struct room r;
    open_looking(&r, BARS("#0000ff"));
    assert_colour(look(&r), 320, 100, blue);
    struct comp_source *s = room_add(&r, MCU_CODEC_VP8, "s");
    push_picture(s, MCU_CODEC_VP8, 640, 360, red, r.now_us);
    assert_colour(look(&r), 20, 100, red);
    push_picture(s, MCU_CODEC_VP8, 180, 360, red, r.now_us); /* now a phone held upright */
    const AVFrame *f = look(&r);
    assert_colour(f, 20, 100, blue);
    assert_colour(f, 620, 100, blue);
    assert_colour(f, 320, 20, red);

    struct layout *other = layout_from(BARS("#00ff00"));
    assert_int_equal(comp_view_set_layout(r.view, other), 0);
    assert_int_equal(comp_view_set_layout(r.view, NULL), -EINVAL);
    layout_destroy(r.layout);
    r.layout = other;
    f = look(&r);
    assert_colour(f, 20, 100, green);
    assert_colour(f, 320, 20, red);
    room_close(&r);
}

static void tiles_that_stay_are_not_drawn_again(void **state)
{
    (void)state;
    struct room r;
    open_looking(&r, "{\"name\":\"t\",\"variants\":[{\"people\":\"1-\",\"cells\":["
                     "{\"x\":0,\"y\":0,\"w\":\"1/2\",\"h\":1,\"source\":\"auto\"},"
                     "{\"x\":\"1/2\",\"y\":0,\"w\":\"1/2\",\"h\":1,\"source\":\"auto\"}]}]}");
    push_picture(room_add(&r, MCU_CODEC_VP8, "a"), MCU_CODEC_VP8, 320, 180, red, 0);
    room_tick(&r, 1);
    assert_int_equal(room_stats(&r).tiles_drawn, 1);
    struct comp_source *b = room_add(&r, MCU_CODEC_VP8, "b");
    push_picture(b, MCU_CODEC_VP8, 320, 180, blue, 0);
    room_tick(&r, 1);
    assert_int_equal(room_stats(&r).tiles_drawn, 2);
    comp_source_remove(r.comp, b);
    const AVFrame *f = look(&r);
    assert_int_equal(room_stats(&r).tiles_drawn, 2);
    assert_colour(f, 20, 100, red);
    assert_colour(f, 620, 100, background);
    room_close(&r);
}

static void other_matrices_and_ranges_are_converted(void **state)
{
    (void)state;
    struct room r;
    open_looking(&r, NULL);
    /* R 0.8, G 0.3, B 0.1 in BT.709, limited range */
    const struct maker_conf conf = {.codec = MCU_CODEC_H264,
                                    .width = 320,
                                    .height = 180,
                                    .colorspace = AVCOL_SPC_BT709,
                                    .range = AVCOL_RANGE_MPEG};
    struct clip clip;
    clip_make(&clip, &conf, (struct yuv){102, 93, 186}, 1, 0, TICK_US, 1);
    push_all(room_add(&r, MCU_CODEC_H264, "a"), &clip);
    const AVFrame *f = look(&r);
    if (!is_near(f, 20, 20, (struct yuv){109, 87, 188}, 4))
        fail_msg("%d %d %d", f->data[0][20 * f->linesize[0] + 20],
                 f->data[1][10 * f->linesize[1] + 10], f->data[2][10 * f->linesize[2] + 10]);
    clip_free(&clip);
    room_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_codec_is_decoded_into_its_tile),
        cmocka_unit_test(tiles_stand_in_the_order_of_joining),
        cmocka_unit_test(a_source_that_leaves_or_hides_closes_the_grid),
        cmocka_unit_test(tiles_stand_by_the_order_of_their_sources),
        cmocka_unit_test(hidden_sources_are_not_decoded),
        cmocka_unit_test(a_tile_is_drawn_only_for_a_new_frame),
        cmocka_unit_test(the_newest_due_frame_is_shown_after_the_delay),
        cmocka_unit_test(a_source_may_change_its_size),
        cmocka_unit_test(broken_packets_cost_a_key_request_and_the_last_picture_stays),
        cmocka_unit_test(rubbish_never_harms),
        cmocka_unit_test(a_stream_without_a_key_frame_is_asked_for_one),
        cmocka_unit_test(a_full_queue_drops_and_waits_for_a_key_frame),
        cmocka_unit_test(files_with_b_frames_are_shown_in_order_and_to_the_end),
        cmocka_unit_test(a_broken_file_goes_on),
        cmocka_unit_test(a_source_knows_the_middle_of_its_tile),
        cmocka_unit_test(two_encoders_see_the_same_picture),
        cmocka_unit_test(forty_nine_sources_have_forty_nine_tiles),
        cmocka_unit_test(sources_have_a_limit_and_room_comes_back),
        cmocka_unit_test(what_lies_above_is_drawn_again),
        cmocka_unit_test(bars_and_background_follow_picture_and_layout),
        cmocka_unit_test(tiles_that_stay_are_not_drawn_again),
        cmocka_unit_test(other_matrices_and_ranges_are_converted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
