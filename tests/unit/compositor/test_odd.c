/* Sources that behave badly: sizes and orientation that change, odd sizes, rates from 1 to 60. */
#include "tests/unit/compositor/views.h"

enum { W = 640, H = 360 };

static const struct yuv background = {33, 130, 127};
static const char contain[] =
    "{\"name\":\"c\",\"variants\":[{\"people\":\"1-\",\"cells\":[{\"id\":\"main\",\"x\":0,\"y\":0,"
    "\"w\":1,\"h\":1,\"fit\":\"contain\",\"source\":[\"auto\"]}]}]}";

static void open_odd(struct room *r, const char *layout)
{
    const struct room_conf conf = room_conf(W, H, 0);
    room_open(r, &conf, layout);
    room_watch(r, MCU_CODEC_H264);
}

/* The picture after the next tick. */
static const AVFrame *look(struct room *r)
{
    room_ask_key(r, MCU_CODEC_H264, true);
    room_tick(r, 1);
    return eye_see(&r->h264);
}

/* A phone is turned again and again: nothing of the picture before is left beside the new one. */
static void a_phone_may_be_turned(void **state)
{
    (void)state;
    static const enum mcu_codec codecs[] = {MCU_CODEC_VP8, MCU_CODEC_H264, MCU_CODEC_VP9};
    for (size_t c = 0; c < 3; c++) {
        struct room r;
        open_odd(&r, contain);
        struct comp_source *s = room_add(&r, codecs[c], "phone");
        for (int turn = 0; turn < 6; turn++) {
            const bool is_upright = turn % 2;
            push_picture(s, codecs[c], is_upright ? 180 : 320, is_upright ? 320 : 180,
                         turn % 3 ? red : blue, r.now_us);
            const AVFrame *f = look(&r);
            const struct yuv colour = turn % 3 ? red : blue;
            assert_colour(f, 320, 40, colour);
            assert_colour(f, 20, 180, is_upright ? background : colour);
            assert_colour(f, 620, 340, is_upright ? background : colour);
        }
        assert_int_equal(source_stats(s).width, 180);
        assert_int_equal(source_stats(s).shown, 6);
        room_close(&r);
    }
}

static void odd_and_tiny_sizes_fill_their_tile(void **state)
{
    (void)state;
    static const struct {
        enum mcu_codec codec;
        int width, height;
    } rows[] = {
        {MCU_CODEC_VP8, 161, 91},  {MCU_CODEC_VP8, 33, 17},  {MCU_CODEC_VP8, 3, 3},
        {MCU_CODEC_VP9, 321, 179}, {MCU_CODEC_VP8, 16, 360}, {MCU_CODEC_VP8, 641, 361},
        {MCU_CODEC_H264, 2, 2},    {MCU_CODEC_VP8, 2, 640},
    };
    struct room r;
    open_odd(&r,
             "{\"name\":\"f\",\"variants\":[{\"people\":\"1-\",\"cells\":[{\"id\":\"main\",\"x\":0,"
             "\"y\":0,\"w\":1,\"h\":1,\"fit\":\"fill\",\"source\":[\"auto\"]}]}]}");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct comp_source *s = room_add(&r, rows[i].codec, "x");
        const struct yuv colour = i % 2 ? green : blue;
        push_picture(s, rows[i].codec, rows[i].width, rows[i].height, colour, r.now_us);
        const AVFrame *f = look(&r);
        const int corners[][2] = {{4, 4}, {W - 6, 4}, {4, H - 6}, {W - 6, H - 6}};
        for (size_t k = 0; k < 4; k++) { /* but where the block in the middle reaches them */
            const int x = corners[k][0], y = corners[k][1];
            if ((rows[i].width > 33 || rows[i].width < 16) && !is_near(f, x, y, colour, 12))
                fail_msg("row %zu, at %d,%d: %d %d %d", i, x, y, f->data[0][y * f->linesize[0] + x],
                         f->data[1][y / 2 * f->linesize[1] + x / 2],
                         f->data[2][y / 2 * f->linesize[2] + x / 2]);
        }
        assert_int_equal(source_stats(s).shown, 1);
        comp_source_remove(r.comp, s);
    }
    assert_colour(look(&r), 4, 4, background);
    room_close(&r);
}

/* One pixel wide has no chroma to speak of: it is not drawn, and does no harm. */
static void what_cannot_be_drawn_leaves_the_tile_alone(void **state)
{
    (void)state;
    struct room r;
    open_odd(&r, contain);
    struct comp_source *s = room_add(&r, MCU_CODEC_VP8, "x");
    push_picture(s, MCU_CODEC_VP8, 320, 180, red, 0);
    assert_colour(look(&r), 20, 20, red);
    push_picture(s, MCU_CODEC_VP8, 1, 180, blue, r.now_us);
    assert_colour(look(&r), 20, 20, red);
    push_picture(s, MCU_CODEC_VP8, 320, 180, green, r.now_us);
    assert_colour(look(&r), 20, 20, green);
    room_close(&r);
}

static void rates_from_1_to_60_are_shown_as_far_as_ticks_go(void **state)
{
    (void)state;
    enum { SECONDS = 4, RATES = 5 };
    static const int rates[RATES] = {1, 7, 15, 30, 60};
    struct room r;
    struct clip *clips = calloc(RATES, sizeof(*clips));
    struct comp_source *sources[RATES];
    open_odd(&r, NULL);
    for (int i = 0; i < RATES; i++) {
        const struct maker_conf conf = {.codec = MCU_CODEC_VP8, .width = 64, .height = 64};
        sources[i] = room_add(&r, MCU_CODEC_VP8, "x");
        clip_make(&clips[i], &conf, grey, rates[i] * SECONDS, 0, 1000000 / rates[i], 10000);
        push_all(sources[i], &clips[i]);
    }
    room_tick(&r, 30 * SECONDS);
    for (int i = 0; i < RATES; i++) {
        const uint64_t wanted = (uint64_t)(rates[i] < 30 ? rates[i] : 30) * SECONDS;
        const struct comp_source_stats stats = source_stats(sources[i]);
        assert_in_range(stats.shown, wanted - 1, wanted);
        assert_in_range(stats.decoded, rates[i] * SECONDS - 3, rates[i] * SECONDS);
        assert_int_equal(stats.dropped, 0);
    }
    room_close(&r);
    for (int i = 0; i < RATES; i++)
        clip_free(&clips[i]);
    free(clips);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_phone_may_be_turned),
        cmocka_unit_test(odd_and_tiny_sizes_fill_their_tile),
        cmocka_unit_test(what_cannot_be_drawn_leaves_the_tile_alone),
        cmocka_unit_test(rates_from_1_to_60_are_shown_as_far_as_ticks_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
