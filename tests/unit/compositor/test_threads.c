/* The compositor with its threads: the same pictures as without, and nothing breaks when everything
 * happens at once. Waits are for conditions, within a minute. */
#include "tests/unit/compositor/room.h"

#include <errno.h>
#include <unistd.h>

#include "compositor/picture.h"
#include "mcu/base/clock.h"

enum { PATIENCE_MS = 60000 };

#define wait_until(condition)                                                                      \
    do {                                                                                           \
        for (int waited_ms = 0; !(condition); waited_ms++) {                                       \
            if (waited_ms == PATIENCE_MS)                                                          \
                fail_msg("waited in vain for " #condition);                                        \
            usleep(1000);                                                                          \
        }                                                                                          \
    } while (0)

static size_t packets_of(struct room *r, const struct eye *eye)
{
    pthread_mutex_lock(&r->lock);
    const size_t count = eye->total;
    pthread_mutex_unlock(&r->lock);
    return count;
}

/* Thirty ticks of three sources; every frame is decoded before its tick, every tick encoded. */
static void run_in_step(struct room *r, uint32_t workers, struct clip clips[3])
{
    const struct room_conf conf = room_conf(640, 360, workers);
    room_open(r, &conf, NULL);
    room_watch(r, MCU_CODEC_H264);
    room_watch(r, MCU_CODEC_VP8);
    struct comp_source *s[3];
    for (int i = 0; i < 3; i++)
        s[i] = room_add(r, clips[i].packets[0]->codec, "x");
    for (size_t n = 0; n < 30; n++) {
        for (int i = 0; i < 3; i++) {
            assert_int_equal(comp_source_push(s[i], clips[i].packets[n]), 0);
            if (workers)
                wait_until(source_stats(s[i]).decoded == n + 1);
        }
        room_tick(r, 1);
        wait_until(packets_of(r, &r->h264) == n + 1 && packets_of(r, &r->vp8) == n + 1);
    }
}

static void live_and_offline_make_the_same_pictures(void **state)
{
    (void)state;
    static const enum mcu_codec codecs[] = {MCU_CODEC_H264, MCU_CODEC_VP8, MCU_CODEC_VP9};
    static const struct yuv *const colours[] = {&red, &green, &blue};
    struct clip *clips = calloc(3, sizeof(*clips));
    for (int i = 0; i < 3; i++) {
        const struct maker_conf conf = {.codec = codecs[i], .width = 320 + 80 * i, .height = 180};
        clip_make(&clips[i], &conf, *colours[i], 30, 0, TICK_US, 10);
    }
    struct room *live = calloc(1, sizeof(*live)), *file = calloc(1, sizeof(*file));
    run_in_step(live, 2, clips);
    run_in_step(file, 0, clips);
    const struct eye *a[] = {&live->h264, &live->vp8}, *b[] = {&file->h264, &file->vp8};
    for (size_t e = 0; e < 2; e++) {
        for (size_t i = 0; i < 30; i++) {
            assert_int_equal(a[e]->packets[i]->size, b[e]->packets[i]->size);
            assert_memory_equal(a[e]->packets[i]->data, b[e]->packets[i]->data,
                                b[e]->packets[i]->size);
        }
    }
    assert_colour(eye_see(&live->h264), 20, 20, red);
    assert_colour(eye_see(&live->vp8), 620, 20, green);
    room_close(live);
    room_close(file);
    free(live);
    free(file);
    for (int i = 0; i < 3; i++)
        clip_free(&clips[i]);
    free(clips);
}

static void show(struct room *r, struct comp_source *s, struct yuv colour)
{
    const uint64_t decoded = source_stats(s).decoded;
    push_picture(s, MCU_CODEC_VP8, 320, 180, colour, r->now_us);
    wait_until(source_stats(s).decoded > decoded);
    room_tick(r, 1);
}

static void a_busy_encoder_skips_to_the_newest_picture(void **state)
{
    (void)state;
    struct room r;
    const struct room_conf conf = room_conf(640, 360, 2);
    room_open(&r, &conf, NULL);
    room_watch(&r, MCU_CODEC_H264);
    room_watch(&r, MCU_CODEC_VP8);
    struct comp_source *a = room_add(&r, MCU_CODEC_VP8, "a"), *b = room_add(&r, MCU_CODEC_VP8, "b");
    push_picture(b, MCU_CODEC_VP8, 320, 180, white, 0);
    wait_until(source_stats(b).decoded == 1);

    pthread_mutex_lock(&r.gate);
    show(&r, a, red);
    wait_until(packets_of(&r, &r.h264) == 1 && packets_of(&r, &r.vp8) == 1); /* both stand still */
    room_ask_key(&r, MCU_CODEC_H264, true);
    show(&r, a, green); /* into the mailbox, as a key frame */
    show(&r, a, black); /* and out of it again */
    const int64_t newest_us = r.now_us;
    show(&r, a, blue);
    assert_int_equal(room_stats(&r).skipped, 4);
    pthread_mutex_unlock(&r.gate);
    wait_until(packets_of(&r, &r.h264) == 2 && packets_of(&r, &r.vp8) == 2);

    const struct comp_stats stats = room_stats(&r);
    assert_int_equal(stats.composed, 4);
    assert_int_equal(stats.encoded, 4);
    assert_int_equal(r.h264.packets[1]->pts_us, newest_us);
    assert_true(r.h264.packets[1]->is_key); /* what was asked for is not lost */
    assert_false(r.vp8.packets[1]->is_key);
    const AVFrame *frames[] = {eye_see(&r.h264), eye_see(&r.vp8)};
    for (size_t i = 0; i < 2; i++) {
        assert_colour(frames[i], 20, 20, blue);
        assert_colour(frames[i], 620, 20, white); /* drawn once, copied since */
    }
    room_close(&r);
}

static void a_long_delay_holds_packets_back_not_pictures(void **state)
{
    (void)state;
    struct room r;
    struct clip clip;
    const struct room_conf conf = room_conf(320, 180, 2);
    room_open(&r, &conf, NULL);
    room_watch(&r, MCU_CODEC_VP8);
    struct comp_source *s = room_add(&r, MCU_CODEC_VP8, "s");
    const struct maker_conf source = {.codec = MCU_CODEC_VP8, .width = 64, .height = 64};
    clip_make(&clip, &source, red, 100, 0, TICK_US, 1000);
    comp_source_set_delay_us(s, 60 * TICK_US);
    for (size_t i = 0; i < 60; i++)
        assert_int_equal(comp_source_push(s, clip.packets[i]), 0);
    wait_until(source_stats(s).decoded == 8);
    usleep(20000);
    assert_int_equal(source_stats(s).decoded, 8); /* the others wait as packets */
    room_tick(&r, 60);
    assert_int_equal(source_stats(s).shown, 0);
    for (uint64_t i = 0; i < 60; i++) {
        wait_until(source_stats(s).decoded > i);
        room_tick(&r, 1);
        assert_int_equal(source_stats(s).shown, i + 1);
    }
    assert_int_equal(source_stats(s).dropped, 0);

    int refused = 0;
    for (size_t i = 60; i < 100; i++) /* far in the future; the queue takes them */
        refused += comp_source_push(s, clip.packets[i]) != 0;
    assert_int_equal(refused, 0);
    room_close(&r);
    clip_free(&clip);
}

static void a_full_live_queue_drops_counts_and_asks(void **state)
{
    (void)state;
    struct room r;
    struct clip clip;
    const struct room_conf conf = room_conf(320, 180, 1);
    room_open(&r, &conf, NULL);
    room_watch(&r, MCU_CODEC_VP8);
    struct comp_source *s = room_add(&r, MCU_CODEC_VP8, "s");
    const struct maker_conf source = {.codec = MCU_CODEC_VP8, .width = 64, .height = 64};
    clip_make(&clip, &source, red, 200, 0, TICK_US, 1000);
    size_t taken = 0; /* no tick takes frames out, so the worker stops, and the queue fills */
    while (taken < 150 && comp_source_push(s, clip.packets[taken]) == 0)
        taken++;
    assert_in_range(taken, 64, 64 + 8 + 2);
    assert_int_equal(source_stats(s).dropped, 1);
    assert_int_equal(source_stats(s).packets, taken + 1);
    r.now_us = 200 * TICK_US;
    wait_until((room_tick(&r, 1), source_stats(s).decoded == taken));
    assert_int_equal(r.key_requests, 0);
    assert_int_equal(comp_source_push(s, clip.packets[150]), 0); /* the first after the gap */
    wait_until((room_tick(&r, 1), r.key_requests == 1));         /* its frames may have been full */
    assert_int_equal(source_stats(s).undecodable, 1);
    room_close(&r);
    clip_free(&clip);
}

/* Ticks on a thread of their own while this one takes pictures of it. */
struct ticking {
    struct room *room;
    atomic_bool is_over;
};

static void *tick_along(void *arg)
{
    struct ticking *t = arg;
    while (!atomic_load(&t->is_over)) {
        room_tick(t->room, 1);
        usleep(2000);
    }
    return NULL;
}

static void a_snapshot_is_the_canvas_after_a_tick(void **state)
{
    (void)state;
    static struct room r;
    static struct ticking ticking;
    const struct room_conf conf = room_conf(320, 180, 1);
    room_open(&r, &conf, NULL);
    room_watch(&r, MCU_CODEC_VP8);
    struct comp_source *s = room_add(&r, MCU_CODEC_VP8, "s");
    push_picture(s, MCU_CODEC_VP8, 320, 180, green, 0);
    wait_until(source_stats(s).decoded == 1);
    AVFrame *f = NULL;
    assert_int_equal(comp_view_snapshot(r.view, &f), -ETIMEDOUT); /* nobody ticks */
    assert_null(f);
    ticking.room = &r;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, tick_along, &ticking), 0);
    int errs = 0;
    for (int i = 0; i < 20; i++) { /* a starved tick may be too late: try again */
        AVFrame *picture = NULL;
        int err = -ETIMEDOUT;
        for (int tries = 0; tries < 60 && err == -ETIMEDOUT; tries++)
            err = comp_view_snapshot(r.view, &picture);
        errs += err != 0 || picture->width != 320 || !is_near(picture, 20, 20, green, 4);
        av_frame_free(&picture);
    }
    atomic_store(&ticking.is_over, true);
    pthread_join(thread, NULL);
    assert_int_equal(errs, 0);
    room_close(&r);
}

static void lateness_is_measured_from_capture_to_decoded(void **state)
{
    (void)state;
    struct room r;
    const struct room_conf conf = room_conf(320, 180, 1);
    room_open(&r, &conf, NULL);
    room_watch(&r, MCU_CODEC_VP8);
    struct comp_source *s = room_add(&r, MCU_CODEC_VP8, "s");
    assert_int_equal(source_stats(s).lateness_us, 0);
    const int64_t start_us = mcu_now_us();
    for (int i = 0; i < 20; i++) {
        push_picture(s, MCU_CODEC_VP8, 64, 64, red, mcu_now_us() - 70000);
        wait_until(source_stats(s).decoded == (uint64_t)i + 1);
        comp_tick(r.comp, mcu_now_us());
    }
    const int64_t took_us = mcu_now_us() - start_us;
    const struct comp_source_stats stats = source_stats(s);
    assert_true(stats.lateness_us >= 70000 && stats.lateness_us <= 70000 + took_us);
    room_close(&r);
}

/* --- everything at once ------------------------------------------------------------------------
 */

enum { SLOTS = 6, CHANGES = 300 };

struct slot {
    pthread_mutex_t lock; /* the source: pushes and removal do not meet, as in a room */
    struct comp_source *source;
    const struct clip *clip;
};

struct storm {
    struct room r;
    struct slot slots[SLOTS];
    atomic_bool is_over;
    atomic_int_fast64_t now_us;
};

static void *push_on(void *arg)
{
    struct storm *storm = arg;
    for (size_t n = 0; !atomic_load(&storm->is_over); n++) {
        for (size_t i = 0; i < SLOTS; i++) {
            struct slot *slot = &storm->slots[i];
            pthread_mutex_lock(&slot->lock);
            const struct mcu_packet *p = slot->clip->packets[n % slot->clip->count];
            struct mcu_packet *copy = mcu_packet_copy(p->data, p->size);
            copy->codec = p->codec;
            copy->is_key = p->is_key;
            copy->pts_us = copy->dts_us = atomic_load(&storm->now_us);
            if (n % 23 == 0 && copy->size > 20)
                copy->data[copy->size / 2] ^= 0x55;
            if (slot->source)
                comp_source_push(slot->source, copy);
            mcu_packet_unref(copy);
            pthread_mutex_unlock(&slot->lock);
        }
        usleep(2000);
    }
    return NULL;
}

static void *tick_on(void *arg)
{
    struct storm *storm = arg;
    while (!atomic_load(&storm->is_over)) {
        comp_tick(storm->r.comp, atomic_fetch_add(&storm->now_us, TICK_US));
        usleep(1500);
    }
    return NULL;
}

static void swap_source(struct storm *storm, struct slot *slot)
{
    struct comp_source *fresh = NULL;
    if (!slot->source)
        fresh = room_add(&storm->r, slot->clip->packets[0]->codec, "x");
    pthread_mutex_lock(&slot->lock);
    struct comp_source *old = slot->source;
    slot->source = fresh;
    pthread_mutex_unlock(&slot->lock);
    comp_source_remove(storm->r.comp, old);
}

static void change_something(struct storm *storm, int n, struct layout *const layouts[2])
{
    static const enum mcu_codec codecs[] = {MCU_CODEC_H264, MCU_CODEC_VP8};
    struct slot *slot = &storm->slots[n * 7 % SLOTS];
    const int which = n / 5 % 2;
    switch (n % 5) {
    case 0:
    case 1:
        swap_source(storm, slot);
        break;
    case 2:
        if (slot->source) {
            comp_source_set_hidden(slot->source, n % 3 == 0);
            comp_source_set_delay_us(slot->source, n % 4 * 20000);
            (void)source_stats(slot->source);
        }
        break;
    case 3:
        comp_view_set_layout(storm->r.view, layouts[n / 5 % 2]);
        (void)room_stats(&storm->r);
        break;
    default:
        if (*room_stream(&storm->r, codecs[which]))
            room_unwatch(&storm->r, codecs[which]);
        else
            room_watch(&storm->r, codecs[which]);
        room_ask_key(&storm->r, codecs[which], n % 3 == 0);
    }
}

static void everything_may_happen_at_once(void **state)
{
    (void)state;
    static const enum mcu_codec codecs[] = {MCU_CODEC_H264, MCU_CODEC_VP8, MCU_CODEC_VP9};
    struct storm *storm = calloc(1, sizeof(*storm));
    struct clip *clips = calloc(3, sizeof(*clips));
    for (int i = 0; i < 3; i++) {
        const struct maker_conf conf = {.codec = codecs[i], .width = 96, .height = 64};
        clip_make(&clips[i], &conf, grey, 20, 0, TICK_US, 10);
    }
    const struct room_conf conf = room_conf(160, 90, 2);
    room_open(&storm->r, &conf, NULL);
    for (int i = 0; i < SLOTS; i++) {
        pthread_mutex_init(&storm->slots[i].lock, NULL);
        storm->slots[i].clip = &clips[i % 3];
    }
    struct layout *layouts[2] = {storm->r.layout, NULL};
    assert_int_equal(layout_builtin(&layouts[1], "pip"), 0);

    pthread_t pusher, ticker;
    assert_int_equal(pthread_create(&pusher, NULL, push_on, storm), 0);
    assert_int_equal(pthread_create(&ticker, NULL, tick_on, storm), 0);
    for (int n = 0; n < CHANGES; n++) {
        change_something(storm, n, layouts);
        usleep(3000);
    }
    for (int i = 0; i < SLOTS; i++) {
        if (!storm->slots[i].source)
            swap_source(storm, &storm->slots[i]);
        comp_source_set_hidden(storm->slots[i].source, false);
        comp_source_set_delay_us(storm->slots[i].source, 0);
    }
    if (!storm->r.vp8_stream)
        room_watch(&storm->r, MCU_CODEC_VP8);
    /* after all that, pictures still come through */
    const uint64_t drawn = room_stats(&storm->r).tiles_drawn;
    wait_until(room_stats(&storm->r).tiles_drawn > drawn + 20);
    if (!storm->r.h264_stream)
        room_watch(&storm->r, MCU_CODEC_H264);
    const size_t before = packets_of(&storm->r, &storm->r.h264);
    wait_until(packets_of(&storm->r, &storm->r.h264) > before + 5);
    atomic_store(&storm->is_over, true);
    pthread_join(pusher, NULL);
    pthread_join(ticker, NULL);
    room_close(&storm->r);
    layout_destroy(layouts[1]);
    for (int i = 0; i < SLOTS; i++)
        pthread_mutex_destroy(&storm->slots[i].lock);
    for (int i = 0; i < 3; i++)
        clip_free(&clips[i]);
    free(clips);
    free(storm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(live_and_offline_make_the_same_pictures),
        cmocka_unit_test(a_busy_encoder_skips_to_the_newest_picture),
        cmocka_unit_test(a_long_delay_holds_packets_back_not_pictures),
        cmocka_unit_test(a_full_live_queue_drops_counts_and_asks),
        cmocka_unit_test(a_snapshot_is_the_canvas_after_a_tick),
        cmocka_unit_test(lateness_is_measured_from_capture_to_decoded),
        cmocka_unit_test(everything_may_happen_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
