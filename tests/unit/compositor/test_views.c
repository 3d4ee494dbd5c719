/* Several pictures of the same people, at once: what each shows, and that nobody works for nothing.
 * On one thread and a clock of our own. */
#include "tests/unit/compositor/views.h"

#include <errno.h>

#include "compositor/source.h"

enum { W = 640, H = 360 };

static void open_two(struct room *r, struct comp_source *sources[2])
{
    const struct room_conf conf = room_conf(W, H, 0);
    room_open(r, &conf, NULL);
    sources[0] = room_add(r, MCU_CODEC_VP8, "ann");
    sources[1] = room_add(r, MCU_CODEC_VP8, "bob");
}

static void show_two(struct room *r, struct comp_source *const sources[2])
{
    push_picture(sources[0], MCU_CODEC_VP8, 320, 180, red, r->now_us);
    push_picture(sources[1], MCU_CODEC_VP8, 320, 180, blue, r->now_us);
    room_tick(r, 1);
}

static struct layout *builtin(const char *name)
{
    struct layout *l = NULL;
    assert_int_equal(layout_builtin(&l, name), 0);
    return l;
}

static void two_views_have_their_own_layouts_and_sizes(void **state)
{
    (void)state;
    struct room r;
    struct comp_source *sources[2];
    struct viewer whole, small;
    struct layout *pip = builtin("pip");
    open_two(&r, sources);
    struct comp_view *v = view_open(&r, 320, 180, pip, NULL);
    viewer_open(&whole, &r, r.view, MCU_CODEC_H264, 0, 0);
    viewer_open(&small, &r, v, MCU_CODEC_VP8, 0, 0);
    show_two(&r, sources);

    const AVFrame *f = eye_see(&whole.eye);
    assert_int_equal(f->width, W);
    assert_colour(f, 20, 100, red);
    assert_colour(f, 620, 100, blue);
    f = eye_see(&small.eye);
    assert_int_equal(f->width, 320);
    assert_colour(f, 20, 20, red);
    assert_colour(f, 20, 160, red);
    assert_colour(f, 240, 140, blue); /* the inset */

    /* each draws what is new, however often the other did */
    push_picture(sources[1], MCU_CODEC_VP8, 320, 180, white, r.now_us);
    room_tick(&r, 1);
    assert_colour(eye_see(&whole.eye), 620, 100, white);
    assert_colour(eye_see(&small.eye), 240, 140, white);
    assert_int_equal(source_stats(sources[1]).shown, 2); /* counted once for both */

    comp_source_remove(r.comp, sources[0]);
    room_tick(&r, 2);
    assert_colour(eye_see(&whole.eye), 20, 100, white);
    assert_colour(eye_see(&small.eye), 20, 20, white);
    room_close(&r);
    layout_destroy(pip);
    viewer_close(&whole);
    viewer_close(&small);
}

static void a_view_may_leave_somebody_out(void **state)
{
    (void)state;
    struct room r;
    struct comp_source *sources[2];
    struct viewer own;
    open_two(&r, sources);
    const struct comp_source_conf conf = {.codec = MCU_CODEC_VP8, .user = "ann", .is_screen = true};
    struct comp_source *screen = NULL;
    assert_int_equal(comp_source_add(r.comp, &screen, &conf), 0);
    char name[] = "ann";
    struct comp_view *v = view_open(&r, W, H, r.layout, name);
    name[0] = 'x'; /* it has its own copy */
    viewer_open(&own, &r, v, MCU_CODEC_VP8, 0, 0);
    push_picture(screen, MCU_CODEC_VP8, 320, 180, green, 0);
    show_two(&r, sources);
    const AVFrame *f = eye_see(&own.eye);
    assert_colour(f, 20, 20, blue);
    assert_colour(f, 620, 340, blue);
    assert_int_equal(source_stats(sources[0]).decoded, 0); /* nobody else looks */
    assert_int_equal(source_stats(screen).decoded, 0);

    struct comp_tile tiles[4];
    assert_int_equal(comp_view_read_tiles(v, tiles, 4, NULL), 1);
    assert_string_equal(tiles[0].user, "bob");
    room_close(&r);
    viewer_close(&own);
}

static void streams_of_a_view_may_be_smaller(void **state)
{
    (void)state;
    static const struct {
        enum mcu_codec codec;
        uint32_t width, height;
    } rows[] = {
        {MCU_CODEC_H264, W, H},   {MCU_CODEC_H264, 320, 180}, {MCU_CODEC_VP8, 320, 180},
        {MCU_CODEC_VP8, 160, 90}, {MCU_CODEC_VP8, 426, 240},
    };
    enum { ROWS = sizeof(rows) / sizeof(rows[0]), SMALLER = 3 /* sizes */ };
    struct room r;
    struct comp_source *sources[2];
    struct viewer viewers[ROWS];
    open_two(&r, sources);
    for (size_t i = 0; i < ROWS; i++)
        viewer_open(&viewers[i], &r, r.view, rows[i].codec, rows[i].width, rows[i].height);
    show_two(&r, sources);
    for (size_t i = 0; i < ROWS; i++) {
        const AVFrame *f = eye_see(&viewers[i].eye);
        const int w = (int)rows[i].width, h = (int)rows[i].height;
        assert_int_equal(f->width, w);
        assert_int_equal(f->height, h);
        assert_colour(f, w / 8, h / 2, red);
        assert_colour(f, w * 7 / 8, h / 2, blue);
    }
    assert_int_equal(room_stats(&r).reduced, SMALLER);
    room_tick(&r, 40); /* a still: encoded again, not scaled again */
    assert_int_equal(viewers[3].eye.count, 2);
    assert_int_equal(room_stats(&r).reduced, SMALLER);
    show_two(&r, sources);
    assert_int_equal(room_stats(&r).reduced, 2 * SMALLER);
    room_close(&r);
    for (size_t i = 0; i < ROWS; i++)
        viewer_close(&viewers[i]);
}

static void streams_larger_than_their_view_are_refused(void **state)
{
    (void)state;
    struct room r;
    const struct room_conf conf = room_conf(W, H, 0);
    room_open(&r, &conf, NULL);
    static const uint32_t sizes[][2] = {{W + 2, H}, {W, H + 2}, {14, 14}, {321, 180}, {320, 181}};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct comp_stream_conf stream = stream_conf_of(&conf, MCU_CODEC_VP8);
        stream.width = sizes[i][0];
        stream.height = sizes[i][1];
        struct comp_stream *s = NULL;
        assert_int_equal(comp_stream_create(r.view, &s, &stream), -EINVAL);
        assert_null(s);
    }
    room_close(&r);
}

/* A view of 10 frames a second, and streams of 20, 10 and 1 in a view of 30. */
static void rates_are_kept_by_leaving_pictures_out(void **state)
{
    (void)state;
    enum { SECONDS = 6, TICKS = 30 * SECONDS };
    static const uint32_t rates[] = {30, 20, 10, 5, 1};
    enum { RATES = sizeof(rates) / sizeof(rates[0]) };
    struct room r;
    struct clip clip;
    struct viewer viewers[RATES], slow;
    const struct room_conf conf = room_conf(W, H, 0);
    room_open(&r, &conf, NULL);
    for (size_t i = 0; i < RATES; i++) {
        struct comp_stream_conf stream = stream_conf_of(&conf, MCU_CODEC_VP8);
        stream.fps = rates[i];
        stream.width = 160;
        stream.height = 90;
        viewer_open_as(&viewers[i], r.view, &stream);
    }
    struct comp_view_conf view = view_conf_of(&conf, r.layout);
    view.fps = 10;
    struct comp_view *v = NULL;
    assert_int_equal(comp_view_create(r.comp, &v, &view), 0);
    viewer_open(&slow, &r, v, MCU_CODEC_VP8, 160, 90);
    add_moving(&r, &clip, TICKS);
    room_tick(&r, TICKS);
    for (size_t i = 0; i < RATES; i++) {
        const size_t wanted = rates[i] * SECONDS;
        assert_in_range(viewers[i].eye.count, wanted - 1, wanted + 1);
        for (size_t k = 2; k < viewers[i].eye.count; k++) { /* evenly, to a tick */
            const int64_t gap_us =
                viewers[i].eye.packets[k]->pts_us - viewers[i].eye.packets[k - 1]->pts_us;
            assert_true(gap_us * rates[i] <= 1000000 + TICK_US * (int64_t)rates[i]);
        }
    }
    assert_in_range(slow.eye.count, 10 * SECONDS - 1, 10 * SECONDS + 1);
    assert_in_range(room_stats(&r).composed, 40 * SECONDS - 1, 40 * SECONDS + 1);
    room_close(&r);
    clip_free(&clip);
    for (size_t i = 0; i < RATES; i++)
        viewer_close(&viewers[i]);
    viewer_close(&slow);
}

static void what_nobody_watches_costs_nothing(void **state)
{
    (void)state;
    struct room r;
    struct comp_source *sources[2];
    struct viewer late;
    open_two(&r, sources);
    struct comp_view *other = view_open(&r, 320, 180, r.layout, NULL);
    for (int i = 0; i < 30; i++)
        show_two(&r, sources);
    assert_int_equal(room_stats(&r).tiles_drawn, 0);
    assert_int_equal(room_stats(&r).composed, 0);
    assert_int_equal(source_stats(sources[0]).decoded, 0);
    assert_int_equal(source_stats(sources[0]).packets, 30);
    assert_int_equal(r.key_requests, 0); /* nobody wants one */
    struct comp_need need;
    assert_false(comp_source_read_need(sources[0], &need));

    /* the first viewer brings it to life */
    struct clip clip;
    const struct maker_conf maker = {.codec = MCU_CODEC_VP8, .width = 320, .height = 180};
    clip_make(&clip, &maker, green, 2, r.now_us, TICK_US, 1000);
    viewer_open(&late, &r, other, MCU_CODEC_VP8, 0, 0);
    comp_source_push(sources[0], clip.packets[1]); /* not a key frame: one is asked for */
    room_tick(&r, 2);
    assert_int_equal(r.key_requests, 1);
    show_two(&r, sources);
    assert_int_equal(source_stats(sources[0]).decoded, 1);
    assert_colour(eye_see(&late.eye), 40, 90, red);
    assert_int_equal(room_stats(&r).tiles_drawn, 2); /* the first view still sleeps */

    /* and the last one puts it to sleep */
    comp_stream_destroy(late.stream);
    room_tick(&r, 1);
    const uint64_t drawn = room_stats(&r).tiles_drawn;
    for (int i = 0; i < 5; i++)
        show_two(&r, sources);
    assert_int_equal(room_stats(&r).tiles_drawn, drawn);
    assert_int_equal(source_stats(sources[0]).decoded, 1);
    room_close(&r);
    clip_free(&clip);
    viewer_close(&late);
}

static void a_need_is_the_largest_tile_that_is_encoded(void **state)
{
    (void)state;
    struct room r;
    struct comp_source *sources[2];
    struct viewer big, half, other;
    struct layout *single = builtin("single");
    open_two(&r, sources);
    viewer_open(&big, &r, r.view, MCU_CODEC_VP8, 0, 0);
    viewer_open(&half, &r, r.view, MCU_CODEC_VP8, 320, 180);
    show_two(&r, sources);
    struct comp_tile tiles[4];
    uint32_t serial = 0;
    assert_int_equal(comp_view_read_tiles(r.view, tiles, 4, &serial), 2);
    struct comp_need need = {0};
    assert_true(comp_source_read_need(sources[1], &need));
    assert_int_equal(need.width, tiles[1].width);
    assert_int_equal(need.height, tiles[1].height);
    assert_int_equal(need.fps, 30);

    comp_stream_destroy(big.stream);
    room_tick(&r, 1);
    assert_true(comp_source_read_need(sources[1], &need));
    assert_int_equal(need.width, tiles[1].width / 2);
    assert_int_equal(need.height, tiles[1].height / 2);
    uint32_t same = 0;
    comp_view_read_tiles(r.view, tiles, 4, &same);
    assert_int_equal(same, serial);

    /* full frame in another view: the largest counts; who has no tile there is not needed there */
    struct comp_view *v = view_open(&r, W, H, single, NULL);
    struct comp_stream_conf conf = stream_conf_of(&r.conf, MCU_CODEC_VP8);
    conf.fps = 15;
    viewer_open_as(&other, v, &conf);
    comp_stream_destroy(half.stream);
    room_tick(&r, 2);
    assert_true(comp_source_read_need(sources[0], &need));
    assert_int_equal(need.width, W);
    assert_int_equal(need.fps, 15);
    assert_false(comp_source_read_need(sources[1], &need));
    comp_source_set_hidden(sources[0], true);
    room_tick(&r, 2);
    assert_false(comp_source_read_need(sources[0], &need));
    assert_true(comp_source_read_need(sources[1], &need));
    room_close(&r);
    layout_destroy(single);
    viewer_close(&big);
    viewer_close(&half);
    viewer_close(&other);
}

/* Somebody without a tile is not decoded, and is still known to have a picture. */
static void share_among(int count)
{
    enum { VIEWS = 3, PICTURES = 5 };
    struct room r;
    struct viewer viewers[VIEWS];
    const struct room_conf conf = room_conf(W, H, 0);
    room_open(&r, &conf, NULL);
    struct comp_source *s = room_add(&r, MCU_CODEC_VP8, "ann");
    viewer_open(&viewers[0], &r, r.view, MCU_CODEC_VP8, 0, 0);
    for (int i = 1; i < count; i++)
        viewer_open(&viewers[i], &r, view_open(&r, W, H, r.layout, NULL), MCU_CODEC_VP8, 0, 0);
    static const struct yuv *const colours[PICTURES] = {&red, &green, &blue, &white, &red};
    for (size_t n = 0; n < PICTURES; n++) {
        push_picture(s, MCU_CODEC_VP8, 480, 270, *colours[n], r.now_us);
        room_tick(&r, 1);
        for (int i = 0; i < count; i++)
            assert_colour(eye_see(&viewers[i].eye), 20, 20, *colours[n]);
    }
    /* with the first picture it is found out */
    assert_int_equal(s->shares.taken, (PICTURES - 1) * (count - 1));

    for (int i = 1; i < count; i++)
        comp_stream_destroy(viewers[i].stream);
    for (size_t n = 0; n < 3; n++) {
        push_picture(s, MCU_CODEC_VP8, 480, 270, *colours[n], r.now_us);
        room_tick(&r, 1);
        assert_colour(eye_see(&viewers[0].eye), 20, 20, *colours[n]);
    }
    assert_int_equal(s->shares.taken, (PICTURES - 1) * (count - 1));
    assert_false(s->shares.share[0].is_wanted); /* alone it draws directly again */
    room_close(&r);
    for (int i = 0; i < count; i++)
        viewer_close(&viewers[i]);
}

static void a_size_that_views_share_is_scaled_once(void **state)
{
    (void)state;
    for (int count = 1; count <= 3; count++)
        share_among(count);
}

static void who_is_not_decoded_still_has_video(void **state)
{
    (void)state;
    struct room r;
    struct room_conf conf = room_conf(320, 180, 0);
    conf.has_avatars = true;
    conf.freeze_us = 2000000;
    room_open(
        &r, &conf,
        "{\"name\":\"one\",\"omit\":[\"no-video\"],\"variants\":[{\"people\":\"1-\",\"cells\":[{"
        "\"id\":\"main\",\"x\":0,\"y\":0,\"w\":1,\"h\":1,\"source\":[\"auto\"]}]}]}");
    room_watch(&r, MCU_CODEC_VP8);
    struct comp_source *sources[] = {room_add(&r, MCU_CODEC_VP8, "ann"),
                                     room_add(&r, MCU_CODEC_VP8, "bob")};
    room_tick(&r, 1);      /* they have joined, without pictures */
    show_two(&r, sources); /* ann is placed, and wanted from now on */
    show_two(&r, sources);
    assert_colour(eye_see(&r.vp8), 20, 20, red);
    assert_int_equal(source_stats(sources[1]).decoded, 0);

    comp_source_set_hidden(sources[0], true);
    room_tick(&r, 2); /* bob is placed, and wanted */
    push_picture(sources[1], MCU_CODEC_VP8, 320, 180, white, r.now_us);
    room_tick(&r, 1);
    assert_colour(eye_see(&r.vp8), 20, 20, white);

    comp_source_set_hidden(sources[0], false);
    for (int second = 0; second < 15; second++) { /* longer than until a frozen one is gone */
        push_picture(sources[0], MCU_CODEC_VP8, 320, 180, red, r.now_us);
        room_tick(&r, 30);
    }
    assert_colour(eye_see(&r.vp8), 20, 20, red);
    assert_int_equal(source_stats(sources[1]).decoded, 1);
    comp_source_set_hidden(sources[0], true);
    room_tick(&r, 2);
    const struct yuv dimmed = {125, 128, 128};
    assert_colour(eye_see(&r.vp8), 20, 20, dimmed); /* what is known of him, and old */
    push_picture(sources[1], MCU_CODEC_VP8, 320, 180, white, r.now_us);
    room_tick(&r, 1);
    assert_colour(eye_see(&r.vp8), 20, 20, white);
    room_tick(&r, 301); /* he was looked at for ten seconds, and nothing came: no tile at all */
    struct comp_tile tile;
    assert_int_equal(comp_view_read_tiles(r.view, &tile, 1, NULL), 0);
    room_close(&r);
}

static void tiles_are_told_with_every_change(void **state)
{
    (void)state;
    struct room r;
    struct comp_source *sources[2];
    struct viewer w;
    struct layout *pip = builtin("pip");
    open_two(&r, sources);
    viewer_open(&w, &r, r.view, MCU_CODEC_VP8, 0, 0);
    struct comp_tile tiles[4];
    uint32_t serial = 0, before = 0;
    assert_int_equal(comp_view_read_tiles(r.view, tiles, 4, &before), 0);
    show_two(&r, sources);
    assert_int_equal(comp_view_read_tiles(r.view, tiles, 1, &serial), 2); /* one fits */
    assert_true(serial > before);
    assert_string_equal(tiles[0].user, "ann");
    assert_ptr_equal(tiles[0].source_ctx, &r);
    assert_int_equal(tiles[0].x, 0);

    assert_int_equal(comp_view_set_layout(r.view, pip), 0);
    assert_int_equal(comp_view_set_layout(r.view, NULL), -EINVAL);
    room_tick(&r, 1);
    before = serial;
    assert_int_equal(comp_view_read_tiles(r.view, tiles, 4, &serial), 2);
    assert_true(serial > before);
    assert_int_equal(tiles[0].width, W);
    assert_string_equal(tiles[1].user, "bob");
    assert_true(tiles[1].z > tiles[0].z && tiles[1].width < W);
    room_close(&r);
    layout_destroy(pip);
    viewer_close(&w);
}

static void a_storm_of_requests_makes_few_key_frames(void **state)
{
    (void)state;
    static const int64_t every_us[] = {2000000, 500000};
    static const size_t keys[] = {3, 10}; /* in five seconds, with the first */
    struct room r;
    struct clip clip;
    struct viewer viewers[2];
    const struct room_conf conf = room_conf(320, 180, 0);
    room_open(&r, &conf, NULL);
    for (size_t i = 0; i < 2; i++) {
        struct comp_stream_conf stream = stream_conf_of(&conf, MCU_CODEC_VP8);
        stream.key_every_us = every_us[i];
        viewer_open_as(&viewers[i], r.view, &stream);
    }
    add_moving(&r, &clip, 150);
    for (int tick = 0; tick < 150; tick++) {
        for (int n = 0; n < 34; n++) { /* a thousand a second */
            comp_stream_request_key(viewers[0].stream, false);
            comp_stream_request_key(viewers[1].stream, false);
        }
        room_tick(&r, 1);
    }
    for (size_t i = 0; i < 2; i++) {
        struct comp_stream_stats stats;
        comp_stream_read_stats(viewers[i].stream, &stats);
        assert_in_range(count_keys(&viewers[i].eye), keys[i] - 1, keys[i]);
        assert_int_equal(stats.keys, count_keys(&viewers[i].eye));
        assert_int_equal(stats.encoded, 150);
        assert_int_equal(stats.skipped, 0);
        comp_stream_request_key(viewers[i].stream, true);
    }
    room_tick(&r, 1);
    for (size_t i = 0; i < 2; i++)
        assert_true(viewers[i].eye.packets[viewers[i].eye.count - 1]->is_key);
    room_close(&r);
    clip_free(&clip);
    viewer_close(&viewers[0]);
    viewer_close(&viewers[1]);
}

static size_t bytes_of(const struct eye *e, size_t from, size_t to)
{
    size_t bytes = 0;
    for (size_t i = from; i < to; i++)
        bytes += e->packets[i]->size;
    return bytes;
}

/* Noise, which costs whatever it is given. */
static void make_noise(struct clip *clip, int frames)
{
    struct maker m;
    const struct maker_conf conf = {.codec = MCU_CODEC_H264, .width = 320, .height = 180};
    clip->count = 0;
    maker_open(&m, &conf, clip);
    uint32_t seed = 1;
    for (int i = 0; i < frames; i++) {
        assert_int_equal(av_frame_make_writable(m.frame), 0);
        maker_paint(m.frame, grey, i);
        for (int y = 0; y < 180; y++) {
            for (int x = 0; x < 320; x++) {
                seed = seed * 1664525u + 1013904223u;
                m.frame->data[0][y * m.frame->linesize[0] + x] = (uint8_t)(100 + (seed >> 27));
            }
        }
        m.frame->pts = (int64_t)i * TICK_US;
        m.frame->pict_type = AV_PICTURE_TYPE_NONE;
        assert_int_equal(avcodec_send_frame(m.codec, m.frame), 0);
        maker_collect(&m);
    }
    maker_close(&m);
}

static void a_new_rate_needs_no_key_frame(void **state)
{
    (void)state;
    struct room r;
    struct clip clip;
    struct viewer viewers[2];
    struct room_conf conf = room_conf(320, 180, 0);
    conf.bitrate_bps = 600000;
    room_open(&r, &conf, NULL);
    viewer_open(&viewers[0], &r, r.view, MCU_CODEC_H264, 0, 0);
    viewer_open(&viewers[1], &r, r.view, MCU_CODEC_VP8, 0, 0);
    make_noise(&clip, 270);
    push_all(room_add(&r, MCU_CODEC_H264, "noise"), &clip);
    room_tick(&r, 120);
    for (size_t i = 0; i < 2; i++)
        comp_stream_set_rate(viewers[i].stream, 200000, 0);
    room_tick(&r, 120);
    for (size_t i = 0; i < 2; i++) {
        const struct eye *e = &viewers[i].eye;
        assert_int_equal(e->count, 240);
        assert_int_equal(count_keys(e), 1);
        const size_t before = bytes_of(e, 60, 120), after = bytes_of(e, 180, 240);
        if (after * 2 >= before) /* a third, and libraries' tolerance */
            fail_msg("stream %zu: %zu bytes, then %zu", i, before, after);
        comp_stream_set_rate(viewers[i].stream, 200000, 10);
    }
    room_tick(&r, 30);
    for (size_t i = 0; i < 2; i++) {
        assert_in_range(viewers[i].eye.count, 249, 252); /* ten of thirty */
        assert_int_equal(count_keys(&viewers[i].eye), 1);
    }
    room_close(&r);
    clip_free(&clip);
    viewer_close(&viewers[0]);
    viewer_close(&viewers[1]);
}

static void views_and_streams_have_limits_and_room_comes_back(void **state)
{
    (void)state;
    struct room r;
    const struct room_conf conf = room_conf(64, 64, 0);
    room_open(&r, &conf, NULL);
    struct comp_view *views[COMP_VIEWS_MAX] = {r.view};
    struct comp_view *one_more = NULL;
    const struct comp_view_conf view = view_conf_of(&conf, r.layout);
    for (int round = 0; round < 2; round++) {
        for (int i = 1; i < COMP_VIEWS_MAX; i++)
            views[i] = view_open(&r, 64, 64, r.layout, "somebody");
        assert_int_equal(comp_view_create(r.comp, &one_more, &view), -ENOSPC);
        struct comp_stream *streams[COMP_STREAMS_MAX], *another = NULL;
        struct comp_stream_conf stream = stream_conf_of(&conf, MCU_CODEC_VP8);
        for (int i = 0; i < COMP_STREAMS_MAX; i++) {
            stream.width = stream.height = 64 - 2 * (uint32_t)i;
            stream.stream_ctx = &r.vp8;
            assert_int_equal(comp_stream_create(views[1], &streams[i], &stream), 0);
        }
        assert_int_equal(comp_stream_create(views[1], &another, &stream), -ENOSPC);
        room_tick(&r, 1);
        assert_int_equal(room_stats(&r).encoded, (round + 1) * COMP_STREAMS_MAX);
        comp_stream_destroy(streams[3]);
        for (int i = 1; i < COMP_VIEWS_MAX; i++)
            comp_view_destroy(views[i]); /* with the other streams */
        room_tick(&r, 1);
    }
    room_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_views_have_their_own_layouts_and_sizes),
        cmocka_unit_test(a_view_may_leave_somebody_out),
        cmocka_unit_test(streams_of_a_view_may_be_smaller),
        cmocka_unit_test(streams_larger_than_their_view_are_refused),
        cmocka_unit_test(rates_are_kept_by_leaving_pictures_out),
        cmocka_unit_test(what_nobody_watches_costs_nothing),
        cmocka_unit_test(a_need_is_the_largest_tile_that_is_encoded),
        cmocka_unit_test(a_size_that_views_share_is_scaled_once),
        cmocka_unit_test(who_is_not_decoded_still_has_video),
        cmocka_unit_test(tiles_are_told_with_every_change),
        cmocka_unit_test(a_storm_of_requests_makes_few_key_frames),
        cmocka_unit_test(a_new_rate_needs_no_key_frame),
        cmocka_unit_test(views_and_streams_have_limits_and_room_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
