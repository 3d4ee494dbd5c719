/* What lies on tiles: names, signs, rings and avatars come, change and go, without a decorator and
 * with one; layouts choose by what is known of people. */
#include "tests/unit/compositor/room.h"

#include <unistd.h>

enum { PATIENCE_MS = 60000 };

static const char speaker_layout[] =
    "{\"name\":\"t\",\"variants\":[{\"people\":\"1-\",\"cells\":["
    "{\"x\":0,\"y\":0,\"w\":1,\"h\":\"1/2\",\"source\":[\"pin:1\",\"speaker\"]},"
    "{\"x\":0,\"y\":\"1/2\",\"w\":1,\"h\":\"1/"
    "2\",\"source\":\"auto\",\"grid\":{\"rows\":1,\"cols\":\"1-2\"}}]}]}";

static void open_with(struct room *r, uint32_t workers, const char *layout)
{
    struct room_conf conf = room_conf(640, 360, workers);
    conf.has_labels = true;
    conf.has_avatars = true;
    room_open(r, &conf, layout);
    room_watch(r, MCU_CODEC_VP8);
}

static struct yuv seen(struct room *r, int x, int y)
{
    const AVFrame *f = eye_see(&r->vp8);
    return (struct yuv){f->data[0][y * f->linesize[0] + x],
                        f->data[1][y / 2 * f->linesize[1] + x / 2],
                        f->data[2][y / 2 * f->linesize[2] + x / 2]};
}

static int distance(struct yuv a, struct yuv b)
{
    return abs(a.y - b.y) + abs(a.u - b.u) + abs(a.v - b.v);
}

static void show(struct room *r, struct comp_source *s, struct yuv colour)
{
    push_picture(s, MCU_CODEC_VP8, 640, 360, colour, r->now_us);
    room_tick(r, 1);
}

static void a_label_lies_in_the_corner_and_nowhere_else(void **state)
{
    (void)state;
    struct room r;
    open_with(&r, 0, NULL);
    struct comp_source *s = room_add(&r, MCU_CODEC_VP8, "ann");
    const struct comp_look look = {.name = "Ann Baker", .bars = COMP_BARS_UNKNOWN};
    comp_source_set_look(s, &look);
    show(&r, s, white);
    const struct yuv first = seen(&r, 12, 344);
    assert_true(distance(first, white) > 60); /* the pill darkens */
    assert_colour(eye_see(&r.vp8), 320, 100, white);
    assert_colour(eye_see(&r.vp8), 600, 344, white);
    for (int i = 0; i < 5; i++)
        show(&r, s, white);
    assert_true(distance(seen(&r, 12, 344), first) <
                12); /* blended once a picture, not onto itself */
    room_close(&r);
}

static void a_label_over_bars_is_not_blended_onto_itself(void **state)
{
    (void)state;
    struct room r;
    open_with(
        &r, 0,
        "{\"name\":\"t\",\"background\":\"#ffffff\",\"variants\":[{\"people\":\"1-\",\"cells\":["
        "{\"x\":0,\"y\":0,\"w\":1,\"h\":1,\"fit\":\"contain\",\"source\":\"auto\"}]}]}");
    struct comp_source *s = room_add(&r, MCU_CODEC_VP8, "ann");
    push_picture(s, MCU_CODEC_VP8, 128, 360, red, r.now_us); /* bars at both sides */
    room_tick(&r, 1);
    const struct yuv first = seen(&r, 12, 344);
    for (int i = 0; i < 8; i++) {
        push_picture(s, MCU_CODEC_VP8, 128, 360, red, r.now_us);
        room_tick(&r, 1);
    }
    assert_true(distance(seen(&r, 12, 344), first) < 12);
    room_close(&r);
}

static void signs_and_ring_follow_what_is_told(void **state)
{
    (void)state;
    struct room r;
    open_with(&r, 0, NULL);
    struct comp_source *s = room_add(&r, MCU_CODEC_VP8, "a");
    show(&r, s, white);
    const struct yuv beside = seen(&r, 48, 344); /* right of a label of one letter */
    const struct comp_look muted = {.name = "a", .is_muted = true, .has_hand_up = true, .bars = 1};
    comp_source_set_look(s, &muted);
    room_tick(&r, 1);
    assert_true(distance(seen(&r, 48, 344), beside) >
                40); /* it is wider now, without a new frame */
    assert_colour(eye_see(&r.vp8), 320, 1, white);
    comp_source_set_speaking(s, true);
    room_tick(&r, 1);
    const struct yuv ring = seen(&r, 320, 1);
    assert_true(distance(ring, white) > 60);
    comp_source_set_speaking(s, false);
    room_tick(&r, 1);
    assert_true(distance(seen(&r, 320, 1), white) < 30);
    room_close(&r);
}

static void who_has_no_picture_has_an_avatar(void **state)
{
    (void)state;
    struct room r;
    open_with(&r, 0, NULL);
    struct comp_source *a = room_add(&r, MCU_CODEC_NONE, "ann");
    struct comp_source *b = room_add(&r, MCU_CODEC_VP8, "bob");
    struct mcu_packet *p = mcu_packet_create(8);
    assert_int_equal(comp_source_push(a, p), -ENOTSUP);
    mcu_packet_unref(p);
    show(&r, b, white);
    assert_true(seen(&r, 20, 20).y < 70); /* the dark ground of ann's tile */
    assert_true(distance(seen(&r, 160 - 40, 180), seen(&r, 20, 20)) > 20); /* the disc on it */
    assert_colour(eye_see(&r.vp8), 480, 100, white);
    comp_source_set_hidden(b, true);
    room_tick(&r, 1);
    assert_true(seen(&r, 340, 20).y < 70); /* camera off: he stays, as an avatar */
    const uint64_t decoded = source_stats(b).decoded;
    push_picture(b, MCU_CODEC_VP8, 640, 360, red, r.now_us);
    room_tick(&r, 1);
    assert_int_equal(source_stats(b).decoded, decoded);
    comp_source_set_hidden(b, false);
    room_tick(&r, 1);
    show(&r, b, red);
    assert_colour(eye_see(&r.vp8), 480, 100, red);
    room_close(&r);
}

static void layouts_choose_by_floor_and_pin(void **state)
{
    (void)state;
    struct room r;
    open_with(&r, 0, speaker_layout);
    struct comp_source *a = room_add(&r, MCU_CODEC_VP8, "a"), *b = room_add(&r, MCU_CODEC_VP8, "b");
    push_picture(a, MCU_CODEC_VP8, 640, 360, red, 0);
    push_picture(b, MCU_CODEC_VP8, 640, 360, blue, 0);
    room_tick(&r, 1);
    assert_colour(eye_see(&r.vp8), 320, 60, red); /* nobody spoke: the first */
    comp_source_set_floor(b, true);
    room_tick(&r, 1);
    assert_colour(eye_see(&r.vp8), 320, 60, blue);
    assert_colour(eye_see(&r.vp8), 320, 240, red);
    const struct comp_look pinned = {.name = "a", .seat = 1, .bars = COMP_BARS_UNKNOWN};
    comp_source_set_look(a, &pinned);
    room_tick(&r, 1);
    assert_colour(eye_see(&r.vp8), 320, 60, red);
    room_close(&r);
}

static void a_lower_rank_stands_before_who_came_first(void **state)
{
    (void)state;
    struct room r;
    open_with(&r, 0, NULL);
    struct comp_source *a = room_add(&r, MCU_CODEC_VP8, "a"), *b = room_add(&r, MCU_CODEC_VP8, "b");
    push_picture(a, MCU_CODEC_VP8, 640, 360, red, 0);
    push_picture(b, MCU_CODEC_VP8, 640, 360, blue, 0);
    room_tick(&r, 1);
    assert_colour(eye_see(&r.vp8), 160, 100, red);
    struct comp_look look = {.name = "b", .rank = -1, .bars = COMP_BARS_UNKNOWN};
    comp_source_set_look(b, &look);
    room_tick(&r, 1);
    assert_colour(eye_see(&r.vp8), 160, 100, blue);
    assert_colour(eye_see(&r.vp8), 480, 100, red);
    look.rank = 0;
    comp_source_set_look(b, &look);
    room_tick(&r, 1);
    assert_colour(eye_see(&r.vp8), 160, 100, red);
    room_close(&r);
}

static void who_wants_no_avatar_has_a_tile_for_a_picture_only(void **state)
{
    (void)state;
    struct room r;
    open_with(&r, 0, NULL);
    struct comp_source *a = room_add(&r, MCU_CODEC_VP8, "a"), *b = room_add(&r, MCU_CODEC_VP8, "b");
    struct comp_look look = {.name = "b", .has_no_avatar = true, .bars = COMP_BARS_UNKNOWN};
    comp_source_set_look(b, &look);
    push_picture(a, MCU_CODEC_VP8, 640, 360, red, 0);
    room_tick(&r, 1);
    assert_colour(eye_see(&r.vp8), 60, 100, red); /* alone on the whole canvas */
    assert_colour(eye_see(&r.vp8), 580, 100, red);
    push_picture(b, MCU_CODEC_VP8, 640, 360, blue, r.now_us);
    room_tick(&r, 2);
    assert_colour(eye_see(&r.vp8), 580, 100, blue);
    comp_source_set_hidden(b, true);
    room_tick(&r, 1);
    assert_colour(eye_see(&r.vp8), 580, 100, red);
    comp_source_set_hidden(b, false);
    room_tick(&r, 1);
    push_picture(b, MCU_CODEC_VP8, 640, 360, green, r.now_us);
    room_tick(&r, 2);
    assert_colour(eye_see(&r.vp8), 580, 100, green);
    comp_source_set_hidden(b, true);
    look.has_no_avatar = false;
    comp_source_set_look(b, &look);
    room_tick(&r, 1);
    assert_true(distance(seen(&r, 580, 100), red) > 60); /* his initials */
    room_close(&r);
}

static void who_does_not_fit_is_counted_on_the_last_tile(void **state)
{
    (void)state;
    struct room r;
    open_with(&r, 0, speaker_layout);
    for (int i = 0; i < 8; i++) {
        char user[8];
        snprintf(user, sizeof(user), "u%d", i);
        push_picture(room_add(&r, MCU_CODEC_VP8, user), MCU_CODEC_VP8, 64, 36, white, 0);
    }
    room_tick(&r, 1);
    assert_colour(eye_see(&r.vp8), 160, 200, white);
    assert_true(seen(&r, 360, 200).y < 100); /* "+5" darkens it */
    room_close(&r);
}

static void a_frozen_camera_is_dimmed_and_then_gone(void **state)
{
    (void)state;
    struct room r;
    struct room_conf conf = room_conf(640, 360, 0);
    conf.has_avatars = true;
    conf.freeze_us = 2000000;
    room_open(&r, &conf, NULL);
    room_watch(&r, MCU_CODEC_VP8);
    struct comp_source *s = room_add(&r, MCU_CODEC_VP8, "ann");
    show(&r, s, white);
    room_tick(&r, 59);
    assert_colour(eye_see(&r.vp8), 320, 100, white); /* 1.97 s */
    room_tick(&r, 2);
    assert_in_range(seen(&r, 320, 100).y, 120, 131);
    const uint64_t drawn = room_stats(&r).tiles_drawn;
    room_tick(&r, 100);
    assert_int_equal(room_stats(&r).tiles_drawn, drawn); /* once, not again and again */
    show(&r, s, white);
    room_tick(&r, 1);
    assert_colour(eye_see(&r.vp8), 320, 100, white); /* it goes on */
    room_tick(&r, 301);
    assert_true(seen(&r, 20, 20).y < 70); /* ten seconds: the avatar */
    show(&r, s, red);
    assert_colour(eye_see(&r.vp8), 320, 100, red);
    room_close(&r);
}

static void a_screen_may_stand_still(void **state)
{
    (void)state;
    struct room r;
    struct room_conf conf = room_conf(640, 360, 0);
    conf.freeze_us = 2000000;
    room_open(&r, &conf, NULL);
    room_watch(&r, MCU_CODEC_VP8);
    const struct comp_source_conf screen = {.codec = MCU_CODEC_VP8, .user = "a", .is_screen = true};
    struct comp_source *s = NULL;
    assert_int_equal(comp_source_add(r.comp, &s, &screen), 0);
    show(&r, s, white);
    room_tick(&r, 400);
    assert_colour(eye_see(&r.vp8), 320, 100, white);
    room_close(&r);
}

/* Everything at once, with threads: looks, rings and people change while ticks run. */
static void with_a_decorator_it_comes_a_little_later(void **state)
{
    (void)state;
    struct room r;
    open_with(&r, 2, NULL);
    struct comp_source *ann = room_add(&r, MCU_CODEC_NONE, "ann");
    for (int round = 0; round < 60; round++) {
        struct comp_source *guest = room_add(&r, MCU_CODEC_NONE, "guest");
        const struct comp_look look = {
            .name = round % 2 ? "Ann" : "王小明", .is_muted = round % 3 == 0, .bars = round % 6};
        comp_source_set_look(ann, &look);
        comp_source_set_look(guest, &look);
        comp_source_set_speaking(ann, round % 2);
        room_tick(&r, 2);
        comp_source_remove(r.comp, guest);
    }
    bool is_there = false;
    for (int ms = 0; ms < PATIENCE_MS && !is_there; ms += 5) {
        room_tick(&r, 1);
        usleep(5000);
        pthread_mutex_lock(&r.lock);
        is_there = r.vp8.total > 0 && seen(&r, 12, 344).y > 16 &&
                   distance(seen(&r, 250, 180), seen(&r, 20, 20)) > 20;
        pthread_mutex_unlock(&r.lock);
    }
    assert_true(is_there);
    room_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_label_lies_in_the_corner_and_nowhere_else),
        cmocka_unit_test(a_label_over_bars_is_not_blended_onto_itself),
        cmocka_unit_test(signs_and_ring_follow_what_is_told),
        cmocka_unit_test(who_has_no_picture_has_an_avatar),
        cmocka_unit_test(layouts_choose_by_floor_and_pin),
        cmocka_unit_test(a_lower_rank_stands_before_who_came_first),
        cmocka_unit_test(who_wants_no_avatar_has_a_tile_for_a_picture_only),
        cmocka_unit_test(who_does_not_fit_is_counted_on_the_last_tile),
        cmocka_unit_test(a_frozen_camera_is_dimmed_and_then_gone),
        cmocka_unit_test(a_screen_may_stand_still),
        cmocka_unit_test(with_a_decorator_it_comes_a_little_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
