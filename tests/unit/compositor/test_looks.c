/* How layouts' looks come onto a canvas: round corners, what shines through, overlays, uploaded
 * pictures, clocks, signs, and tiles on their way. The canvas itself is looked at, to the pixel. */
#include "tests/unit/compositor/room.h"

#include <errno.h>
#include <unistd.h>

#include "compositor/view.h"
#include "tests/unit/mixer/heap.h"

enum { PATIENCE_MS = 60000, W = 320, H = 180 };

#define CELL(box, more) "{" box ",\"source\":\"auto\"" more "}"
#define LAYOUT(keys, cells)                                                                        \
    "{\"name\":\"t\",\"background\":\"#101418\"," keys                                             \
    "\"variants\":[{\"people\":\"1-\",\"cells\":[" cells "]}]}"
#define LEFT  "\"x\":0,\"y\":0,\"w\":\"1/2\",\"h\":1"
#define RIGHT "\"x\":\"1/2\",\"y\":0,\"w\":\"1/2\",\"h\":1"
#define ALL   "\"x\":0,\"y\":0,\"w\":1,\"h\":1"
#define TWO   CELL(LEFT, "") "," CELL(RIGHT, "")

static struct comp_source *sources[8];

/* So many people, who have shown one picture each. */
static void open_with(struct room *r, const struct room_conf *conf, const char *layout,
                      const struct yuv *colours, int people)
{
    room_open(r, conf, layout);
    room_watch(r, MCU_CODEC_VP8);
    for (int i = 0; i < people; i++) {
        const char user[] = {(char)('a' + i), 0};
        sources[i] = room_add(r, MCU_CODEC_VP8, user);
        push_picture(sources[i], MCU_CODEC_VP8, W, H, colours[i], r->now_us);
    }
    room_tick(r, 1);
}

static void again(struct room *r, int i, struct yuv colour)
{
    push_picture(sources[i], MCU_CODEC_VP8, W, H, colour, r->now_us);
    room_tick(r, 1);
}

static struct yuv at(const struct room *r, uint32_t x, uint32_t y)
{
    const struct comp_canvas *c = r->view->canvas;
    int v[COMP_PLANES];
    for (int p = 0; p < COMP_PLANES; p++) {
        const int shift = p ? 1 : 0;
        v[p] = c->plane[p][(size_t)(y >> shift) * (size_t)c->stride[p] + (x >> shift)];
    }
    return (struct yuv){v[0], v[1], v[2]};
}

static int distance(struct yuv a, struct yuv b)
{
    return abs(a.y - b.y) + abs(a.u - b.u) + abs(a.v - b.v);
}

static void expect(const struct room *r, uint32_t x, uint32_t y, struct yuv want)
{
    const struct yuv got = at(r, x, y);
    if (distance(got, want) > 9)
        fail_msg("%u,%u: %d %d %d, not %d %d %d", x, y, got.y, got.u, got.v, want.y, want.u,
                 want.v);
}

static struct yuv rgb(uint32_t colour)
{
    const struct comp_colour c = comp_colour_from_rgb(colour);
    return (struct yuv){c.plane[0], c.plane[1], c.plane[2]};
}

static struct yuv mean(struct yuv a, struct yuv b)
{
    return (struct yuv){(a.y + b.y) / 2, (a.u + b.u) / 2, (a.v + b.v) / 2};
}

static const struct yuv ground = {33, 130, 126}; /* about #101418 */
static const struct yuv two[] = {{81, 90, 240}, {41, 240, 110}};

static void round_corners_show_the_background_for_good(void **state)
{
    (void)state;
    struct room r;
    const struct room_conf conf = room_conf(W, H, 0);
    open_with(&r, &conf,
              LAYOUT("", CELL(LEFT, ",\"radius\":\"1/4\",\"border\":{\"width\":4,\"color\":"
                                    "\"#ffffff\"}") "," CELL(RIGHT, "")),
              two, 2);
    for (int i = 0; i < 4; i++) {
        expect(&r, 1, 1, ground);
        expect(&r, 158, 178, ground);
        expect(&r, 80, 1, white); /* the border */
        expect(&r, 2, 60, white);
        expect(&r, 80, 60, red);
        expect(&r, 162, 1, blue); /* the neighbour is square */
        again(&r, 0, red);
    }
    room_close(&r);
}

static void what_shines_through_does_not_pile_up(void **state)
{
    (void)state;
    struct room r;
    const struct room_conf conf = room_conf(W, H, 0);
    open_with(&r, &conf,
              LAYOUT("", CELL(ALL, "") "," CELL("\"x\":\"1/4\",\"y\":\"1/4\",\"w\":\"1/2\",\"h\":"
                                                "\"1/2\"",
                                                ",\"alpha\":0.5,\"z\":1")),
              two, 2);
    for (int i = 0; i < 8; i++) {
        expect(&r, 160, 60, mean(red, blue));
        expect(&r, 20, 20, red);
        again(&r, i % 2, two[i % 2]); /* one of them has something new */
    }
    room_close(&r);
}

/* A plate across both tiles, whose pictures come at different times. */
static void an_overlay_is_blended_once_a_picture(void **state)
{
    (void)state;
    struct room r;
    const struct room_conf conf = room_conf(W, H, 0);
    open_with(&r, &conf,
              LAYOUT("\"overlays\":[{\"kind\":\"text\",\"text\":\"mmmmmmmmmmmmmmmmmmmmmmmmmmmmm\","
                     "\"x\":0,\"y\":\"1/4\",\"w\":1,\"h\":\"1/4\",\"color\":\"#000000\","
                     "\"ground\":\"#000000\",\"alpha\":0.5}],",
                     TWO),
              two, 2);
    for (int i = 0; i < 6; i++) {
        expect(&r, 80, 66, mean(red, black));
        expect(&r, 240, 66, mean(blue, black));
        expect(&r, 80, 20, red);
        again(&r, i % 2, two[i % 2]);
    }
    struct layout *plain = layout_from(LAYOUT("", TWO));
    assert_int_equal(comp_view_set_layout(r.view, plain), 0);
    room_tick(&r, 1);
    expect(&r, 80, 66, red); /* gone with its layout */
    expect(&r, 240, 66, blue);
    room_close(&r);
    layout_destroy(plain);
}

/* A PNG of one colour. */
static uint8_t *png_of(int width, int height, uint32_t colour, size_t *size)
{
    AVCodecContext *ctx = avcodec_alloc_context3(avcodec_find_encoder(AV_CODEC_ID_PNG));
    ctx->width = width;
    ctx->height = height;
    ctx->pix_fmt = AV_PIX_FMT_RGB24;
    ctx->time_base = (AVRational){1, 25};
    assert_true(avcodec_open2(ctx, NULL, NULL) >= 0);
    AVFrame *f = av_frame_alloc();
    f->width = width;
    f->height = height;
    f->format = AV_PIX_FMT_RGB24;
    assert_true(av_frame_get_buffer(f, 0) >= 0);
    for (int i = 0; i < height; i++) {
        for (int x = 0; x < width * 3; x++)
            f->data[0][i * f->linesize[0] + x] = (uint8_t)(colour >> (16 - 8 * (x % 3)));
    }
    AVPacket *p = av_packet_alloc();
    assert_true(avcodec_send_frame(ctx, f) >= 0 && avcodec_receive_packet(ctx, p) >= 0);
    uint8_t *data = malloc((size_t)p->size);
    memcpy(data, p->data, (size_t)p->size);
    *size = (size_t)p->size;
    av_packet_free(&p);
    av_frame_free(&f);
    avcodec_free_context(&ctx);
    return data;
}

static void uploaded_pictures_come_change_and_go(void **state)
{
    (void)state;
    struct room r;
    const struct room_conf conf = room_conf(W, H, 0);
    static const char layout[] =
        "{\"name\":\"t\",\"background\":\"wall\",\"overlays\":[{\"kind\":\"image\",\"name\":"
        "\"logo\",\"x\":\"1/8\",\"y\":\"1/9\",\"w\":\"1/8\"}],\"variants\":[{\"people\":\"1-\","
        "\"cells\":[" CELL(LEFT, "") "]}]}";
    open_with(&r, &conf, layout, two, 1);
    expect(&r, 50, 30, red);
    expect(&r, 240, 60, ground); /* no such pictures yet: the view's own background */
    size_t size;
    uint8_t *png = png_of(40, 20, 0xffcc00, &size);
    assert_int_equal(comp_set_image(r.comp, "logo", png, size), 0);
    assert_int_equal(comp_set_image(r.comp, "wall", png, size), 0);
    assert_int_equal(comp_set_image(r.comp, "wall", png, size - 20), -EINVAL);
    assert_int_equal(comp_set_image(r.comp, "", png, size), -EINVAL);
    free(png);
    room_tick(&r, 1);
    expect(&r, 50, 30, rgb(0xffcc00));
    expect(&r, 50, 44, red); /* 40 wide, so 20 high */
    expect(&r, 240, 60, rgb(0xffcc00));
    again(&r, 0, green);
    expect(&r, 50, 30, rgb(0xffcc00));
    expect(&r, 50, 44, green);

    png = png_of(8, 8, 0x3060c0, &size);
    assert_int_equal(comp_set_image(r.comp, "wall", png, size), 0);
    free(png);
    assert_int_equal(comp_set_image(r.comp, "logo", NULL, 0), 0);
    assert_int_equal(comp_set_image(r.comp, "logo", NULL, 0), -ENOENT);
    room_tick(&r, 1);
    expect(&r, 50, 30, green);
    expect(&r, 240, 60, rgb(0x3060c0));
    room_close(&r);
}

/* The sum of what differs between two looks at a rectangle. */
static uint64_t print_of(const struct room *r, uint32_t x, uint32_t y, uint32_t w, uint32_t h)
{
    uint64_t sum = 14695981039346656037u;
    for (uint32_t i = 0; i < w * h; i++)
        sum = (sum ^ (uint64_t)at(r, x + i % w, y + i / w).y) * 1099511628211u;
    return sum;
}

static void a_clock_goes_on_by_itself(void **state)
{
    (void)state;
    struct room r;
    struct room_conf conf = room_conf(W, H, 0);
    conf.wall_offset_us = 1795280461 * INT64_C(1000000);
    open_with(&r, &conf,
              LAYOUT("\"overlays\":[{\"kind\":\"clock\",\"format\":\"HH:MM:SS\",\"zone\":\"UTC\","
                     "\"x\":0,\"y\":0,\"w\":\"1/2\",\"h\":\"1/6\",\"ground\":\"#000000\"}],",
                     TWO),
              two, 2);
    room_tick(&r, 15);
    uint64_t last = print_of(&r, 0, 0, 160, 30);
    int changes = 0;
    const uint64_t drawn = room_stats(&r).tiles_drawn;
    for (int i = 0; i < 90; i++) { /* three seconds */
        room_tick(&r, 1);
        const uint64_t now = print_of(&r, 0, 0, 160, 30);
        changes += now != last;
        last = now;
        expect(&r, 240, 60, blue);
    }
    assert_int_equal(changes, 3);
    assert_int_equal(room_stats(&r).tiles_drawn - drawn, 3); /* what is under it, once a second */
    room_close(&r);
}

static int redness(const struct room *r, uint32_t x, uint32_t y, uint32_t w, uint32_t h)
{
    int count = 0;
    for (uint32_t i = 0; i < w * h; i++) {
        const struct yuv got = at(r, x + i % w, y + i / w);
        count += got.v > 170 && got.u < 130;
    }
    return count;
}

static void signs_are_lit_and_put_out(void **state)
{
    (void)state;
    struct room r;
    const struct room_conf conf = room_conf(1280, 720, 0);
    const struct yuv one[] = {{41, 240, 110}};
    open_with(&r, &conf, LAYOUT("", CELL(ALL, "")), one, 1);
    assert_int_equal(redness(&r, 640, 0, 640, 100), 0);
    comp_view_set_signs(r.view, COMP_SIGN_REC);
    room_tick(&r, 1);
    const int rec = redness(&r, 1100, 0, 180, 100);
    assert_in_range(rec, 50, 400); /* its dot */
    assert_int_equal(redness(&r, 0, 0, 1000, 720), 0);
    comp_view_set_signs(r.view, COMP_SIGN_REC | COMP_SIGN_LIVE);
    room_tick(&r, 1);
    assert_true(redness(&r, 900, 0, 240, 100) > 1000); /* LIVE beside it */
    assert_int_equal(redness(&r, 1156, 0, 124, 100), rec);
    comp_view_set_signs(r.view, COMP_SIGN_LIVE);
    room_tick(&r, 1);
    assert_true(redness(&r, 1100, 0, 180, 100) > 1000); /* in the corner now */
    assert_int_equal(redness(&r, 900, 0, 200, 100), 0);
    comp_view_set_signs(r.view, 0);
    room_tick(&r, 1);
    assert_int_equal(redness(&r, 640, 0, 640, 100), 0);
    room_close(&r);
}

/* Leaves anything but zeros where the next call has its variables. */
static __attribute__((noinline)) void litter(int byte)
{
    volatile uint8_t rubbish[16384];
    for (size_t i = 0; i < sizeof(rubbish); i++)
        rubbish[i] = (uint8_t)(byte + (int)(i * 7));
}

/* People are placed anew whenever somebody comes: overlays must not blink then. */
static void overlays_stay_when_the_layout_is_set_again(void **state)
{
    (void)state;
    static const char text[] = LAYOUT("\"overlays\":[{\"kind\":\"text\",\"text\":\"Hello\",\"x\":0,"
                                      "\"y\":0,\"w\":\"1/2\",\"h\":\"1/4\"}],",
                                      TWO);
    struct comp_images images;
    struct comp_layers *layers = calloc(1, sizeof(*layers));
    struct layout *layout = NULL;
    comp_images_init(&images);
    assert_int_equal(layout_parse(&layout, text, strlen(text), "t", NULL), 0);
    comp_layers_init(layers, &images, W, H);
    litter(1);
    comp_layers_set(layers, layout, 0);
    assert_true(comp_layers_update(layers, NULL, COMP_SIGN_REC, 0));
    for (int i = 2; i < 10; i++) {
        layers->damage_count = 0;
        litter(i);
        comp_layers_set(layers, layout, 0);
        assert_false(comp_layers_update(layers, NULL, COMP_SIGN_REC, 0));
    }
    comp_layers_finish(layers, NULL);
    comp_images_finish(&images);
    layout_destroy(layout);
    free(layers);
}

static void avatars_for_good_are_not_decoded(void **state)
{
    (void)state;
    struct room r;
    struct room_conf conf = room_conf(W, H, 0);
    conf.has_labels = true;
    open_with(&r, &conf, LAYOUT("", CELL(ALL, ",\"show\":\"avatar\"")), two, 1);
    assert_true(at(&r, 10, 10).y < 70);
    const uint64_t decoded = source_stats(sources[0]).decoded;
    again(&r, 0, red);
    again(&r, 0, red);
    assert_int_equal(source_stats(sources[0]).decoded, decoded);
    const int radius = (int)(H * 0.26);
    const uint32_t beside = (uint32_t)(160 + radius * 1.11);
    const struct yuv quiet = at(&r, beside, 90);
    comp_source_set_level(sources[0], 0.2f);
    comp_source_set_speaking(sources[0], true);
    room_tick(&r, 1);
    assert_true(distance(at(&r, beside, 90), quiet) > 60); /* the ring around the disc */
    assert_true(at(&r, 1, 1).y < 70);                      /* and none around the tile */
    const uint32_t further = (uint32_t)(160 + radius * 1.22);
    assert_true(distance(at(&r, further, 90), quiet) < 20);
    comp_source_set_level(sources[0], 1);
    room_tick(&r, 1);
    assert_true(distance(at(&r, further, 90), quiet) > 60); /* louder: wider */
    comp_source_set_speaking(sources[0], false);
    room_tick(&r, 1);
    assert_true(distance(at(&r, beside, 90), quiet) < 20);
    room_close(&r);
}

/* --- transitions ---------------------------------------------------------------------------------
 */

static uint32_t red_width(const struct room *r)
{
    uint32_t x = 0;
    while (x < W && distance(at(r, x, 60), red) < 60)
        x++;
    return x;
}

static void who_stays_grows_and_who_goes_fades(void **state)
{
    (void)state;
    struct room r;
    struct room_conf conf = room_conf(W, H, 0);
    conf.transition_us = 200000;
    open_with(&r, &conf, NULL, two, 2);
    expect(&r, 80, 60, red); /* the first picture is there at once */
    expect(&r, 240, 60, blue);
    comp_source_remove(r.comp, sources[1]);
    uint32_t last = 160;
    int moving = 0;
    for (int i = 0; i < 8; i++) {
        room_tick(&r, 1);
        const uint32_t width = red_width(&r);
        assert_true(width >= last);
        moving += width > last && width < W;
        last = width;
        const struct yuv right = at(&r, 318, 60);
        if (width < 300 && i > 0)
            assert_true(distance(right, blue) > 0 && distance(right, ground) > 0);
    }
    assert_in_range(moving, 4, 7);
    assert_int_equal(last, W);
    const uint64_t drawn = room_stats(&r).tiles_drawn;
    room_tick(&r, 10);
    assert_int_equal(room_stats(&r).tiles_drawn, drawn); /* then all is still */
    expect(&r, 318, 60, red);
    room_close(&r);
}

static void who_comes_fades_in(void **state)
{
    (void)state;
    struct room r;
    struct room_conf conf = room_conf(W, H, 0);
    conf.transition_us = 200000;
    open_with(&r, &conf, LAYOUT("", TWO), two, 1);
    expect(&r, 240, 60, ground);
    sources[1] = room_add(&r, MCU_CODEC_VP8, "b");
    push_picture(sources[1], MCU_CODEC_VP8, W, H, blue, r.now_us);
    int last = distance(ground, blue) + 1;
    for (int i = 0; i < 8; i++) {
        room_tick(&r, 1);
        const int left = distance(at(&r, 240, 60), blue);
        assert_true(left <= last);
        if (i == 3)
            assert_in_range(left, 20, distance(ground, blue) - 20);
        last = left;
        expect(&r, 80, 60, red); /* who stays does not move */
    }
    assert_true(last < 9);
    room_close(&r);
}

static void who_goes_fades_where_he_was(void **state)
{
    (void)state;
    struct room r;
    struct room_conf conf = room_conf(W, H, 0);
    conf.transition_us = 200000;
    open_with(&r, &conf, LAYOUT("", TWO), two, 2);
    comp_source_remove(r.comp, sources[1]);
    int last = -1;
    for (int i = 0; i < 8; i++) {
        room_tick(&r, 1);
        const int gone = distance(at(&r, 240, 60), blue);
        assert_true(gone >= last);
        if (i == 3) /* half way */
            assert_in_range(gone, 20, distance(ground, blue) - 20);
        last = gone;
        expect(&r, 80, 60, red);
    }
    expect(&r, 240, 60, ground);
    room_close(&r);
}

static void a_live_picture_stays_live_on_its_way(void **state)
{
    (void)state;
    struct room r;
    struct room_conf conf = room_conf(W, H, 0);
    conf.transition_us = 200000;
    open_with(&r, &conf, NULL, two, 2);
    comp_source_remove(r.comp, sources[1]);
    room_tick(&r, 3);
    again(&r, 0, green);
    expect(&r, 60, 60, green); /* half way, and the newest frame */
    room_close(&r);
}

static void layouts_may_change_in_mid_flight(void **state)
{
    (void)state;
    struct room r;
    struct room_conf conf = room_conf(W, H, 0);
    conf.transition_us = 200000;
    open_with(&r, &conf, LAYOUT("", CELL(LEFT, "")), two, 1);
    struct layout *right = layout_from(LAYOUT("", CELL(RIGHT, "")));
    assert_int_equal(comp_view_set_layout(r.view, right), 0);
    room_tick(&r, 4);
    expect(&r, 160, 60, red); /* about half way */
    expect(&r, 2, 60, ground);
    expect(&r, 318, 60, ground);
    const struct comp_rect was = r.view->scene.motions[0].now;
    assert_int_equal(comp_view_set_layout(r.view, r.layout), 0);
    room_tick(&r, 1);
    assert_int_equal(r.view->scene.motions[0].now.x, was.x); /* no jump */
    room_tick(&r, 1);
    assert_true(r.view->scene.motions[0].now.x < was.x);
    room_tick(&r, 6);
    expect(&r, 2, 60, red);
    expect(&r, 170, 60, ground);
    room_close(&r);
    layout_destroy(right);
}

/* The ticks of departure and arrival may ask for what drawing at a new size needs; those on the way
 * may not. */
static void nothing_on_its_way_asks_for_memory(void **state)
{
    (void)state;
    struct room r;
    struct room_conf conf = room_conf(W, H, 0);
    conf.transition_us = 200000;
    static const struct yuv five[] = {
        {81, 90, 240}, {41, 240, 110}, {145, 54, 34}, {126, 128, 128}, {235, 128, 128}};
    open_with(&r, &conf, NULL, five, 5);
    struct layout *other = NULL;
    assert_int_equal(layout_builtin(&other, "speaker"), 0);
    heap_start();
    for (int round = 0; round < 6; round++) {
        comp_view_set_layout(r.view, round % 2 ? r.layout : other);
        for (int i = 0; i < 7; i++, r.now_us += TICK_US) {
            r.view->scene.now_us = r.now_us;
            heap_calls = 0;
            heap_is_counting = i > 0 && i < 6;
            assert_true(i == 0 || i == 6 || r.view->scene.is_moving);
            comp_view_draw_now(r.view);
            heap_is_counting = false;
            assert_int_equal(heap_calls, 0);
        }
    }
    room_close(&r);
    layout_destroy(other);
}

/* --- all at once ---------------------------------------------------------------------------------
 */

static const char *const storm_layouts[] = {
    "{\"name\":\"a\",\"background\":\"wall\",\"overlays\":[{\"kind\":\"clock\",\"format\":"
    "\"HH:MM:SS\",\"x\":0,\"y\":0,\"w\":\"1/2\",\"h\":\"1/6\"},{\"kind\":\"image\",\"name\":"
    "\"logo\",\"x\":0,\"y\":\"1/2\",\"w\":\"1/4\"}],\"variants\":[{\"people\":\"1-\",\"cells\":["
    "{" ALL ",\"source\":\"auto\",\"radius\":\"1/9\",\"grid\":{}}]}]}",
    LAYOUT("\"overlays\":[{\"kind\":\"rec\",\"x\":0,\"y\":0,\"w\":\"1/4\",\"h\":\"1/9\"}],",
           CELL(ALL, "") "," CELL("\"x\":0,\"y\":0,\"w\":\"1/3\",\"h\":\"1/3\"",
                                  ",\"z\":1,\"alpha\":0.7,\"show\":\"avatar\"")),
};

static void everything_may_change_while_threads_run(void **state)
{
    (void)state;
    struct room r;
    struct room_conf conf = room_conf(W, H, 2);
    conf.has_labels = conf.has_avatars = true;
    conf.transition_us = 200000;
    room_open(&r, &conf, storm_layouts[0]);
    room_watch(&r, MCU_CODEC_VP8);
    struct layout *other = layout_from(storm_layouts[1]);
    struct comp_source *ann = room_add(&r, MCU_CODEC_NONE, "ann");
    size_t size;
    uint8_t *png = png_of(40, 20, 0xffcc00, &size);
    for (int round = 0; round < 60; round++) {
        struct comp_source *guest = room_add(&r, MCU_CODEC_NONE, "guest");
        comp_view_set_layout(r.view, round % 2 ? other : r.layout);
        comp_view_set_signs(r.view, (uint32_t)round % 4);
        comp_set_image(r.comp, round % 3 ? "logo" : "wall", round % 5 ? png : NULL, size);
        comp_source_set_speaking(ann, round % 2);
        comp_source_set_level(ann, (float)(round % 4) / 3);
        room_tick(&r, 2);
        if (round % 8 == 0)
            usleep(2000);
        comp_source_remove(r.comp, guest);
    }
    comp_view_set_layout(r.view, r.layout);
    comp_set_image(r.comp, "wall", png, size);
    free(png);
    bool is_there = false;
    for (int ms = 0; ms < PATIENCE_MS && !is_there; ms += 5) {
        room_tick(&r, 1);
        usleep(5000);
        is_there = distance(at(&r, 1, 1), rgb(0xffcc00)) < 12; /* the wall, in a round corner */
    }
    assert_true(is_there);
    room_close(&r);
    layout_destroy(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_corners_show_the_background_for_good),
        cmocka_unit_test(what_shines_through_does_not_pile_up),
        cmocka_unit_test(an_overlay_is_blended_once_a_picture),
        cmocka_unit_test(uploaded_pictures_come_change_and_go),
        cmocka_unit_test(a_clock_goes_on_by_itself),
        cmocka_unit_test(signs_are_lit_and_put_out),
        cmocka_unit_test(overlays_stay_when_the_layout_is_set_again),
        cmocka_unit_test(avatars_for_good_are_not_decoded),
        cmocka_unit_test(who_stays_grows_and_who_goes_fades),
        cmocka_unit_test(who_comes_fades_in),
        cmocka_unit_test(who_goes_fades_where_he_was),
        cmocka_unit_test(a_live_picture_stays_live_on_its_way),
        cmocka_unit_test(layouts_may_change_in_mid_flight),
        cmocka_unit_test(nothing_on_its_way_asks_for_memory),
        cmocka_unit_test(everything_may_change_while_threads_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
