/* Views and streams come and go while the tick runs, and the tick takes nothing from the heap.
 * Waits are for conditions, within a minute. */
#include "tests/unit/mixer/heap.h"

#include "tests/unit/compositor/views.h"

#include <unistd.h>

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

static uint64_t encoded(const struct comp_stream *s)
{
    struct comp_stream_stats stats;
    comp_stream_read_stats(s, &stats);
    return stats.encoded;
}

/* --- the same pictures --------------------------------------------------------------------------
 */

enum { STREAMS = 4, STEPS = 20 };

struct step_room {
    struct room r;
    struct viewer viewers[STREAMS];
};

/* Every frame is decoded before its tick, every tick encoded by all. */
static void run_in_step(struct step_room *sr, uint32_t workers, const struct clip *clip)
{
    static const uint32_t sizes[STREAMS][2] = {{640, 360}, {320, 180}, {320, 180}, {160, 90}};
    const struct room_conf conf = room_conf(640, 360, workers);
    room_open(&sr->r, &conf, NULL);
    struct comp_view *other = view_open(&sr->r, 640, 360, sr->r.layout, NULL);
    for (size_t i = 0; i < STREAMS; i++)
        viewer_open(&sr->viewers[i], &sr->r, i % 2 ? other : sr->r.view,
                    i % 3 ? MCU_CODEC_H264 : MCU_CODEC_VP8, sizes[i][0], sizes[i][1]);
    struct comp_source *s = room_add(&sr->r, MCU_CODEC_VP8, "x");
    for (size_t n = 0; n < STEPS; n++) {
        assert_int_equal(comp_source_push(s, clip->packets[n]), 0);
        if (workers)
            wait_until(source_stats(s).decoded == n + 1);
        room_tick(&sr->r, 1);
        for (size_t i = 0; i < STREAMS; i++)
            wait_until(encoded(sr->viewers[i].stream) == n + 1);
    }
}

static void smaller_streams_are_the_same_with_and_without_threads(void **state)
{
    (void)state;
    struct clip *clip = calloc(1, sizeof(*clip));
    const struct maker_conf conf = {.codec = MCU_CODEC_VP8, .width = 320, .height = 180};
    clip_make(clip, &conf, green, STEPS, 0, TICK_US, 1000);
    struct step_room *live = calloc(1, sizeof(*live)), *file = calloc(1, sizeof(*file));
    run_in_step(live, 2, clip);
    run_in_step(file, 0, clip);
    assert_int_equal(room_stats(&live->r).reduced, room_stats(&file->r).reduced);
    room_close(&live->r); /* threads have ended: what the eyes took may be looked at */
    room_close(&file->r);
    for (size_t i = 0; i < STREAMS; i++) {
        const struct eye *a = &live->viewers[i].eye, *b = &file->viewers[i].eye;
        for (size_t n = 0; n < STEPS; n++) {
            assert_int_equal(a->packets[n]->size, b->packets[n]->size);
            assert_memory_equal(a->packets[n]->data, b->packets[n]->data, b->packets[n]->size);
        }
        viewer_close(&live->viewers[i]);
        viewer_close(&file->viewers[i]);
    }
    free(live);
    free(file);
    clip_free(clip);
    free(clip);
}

/* --- the heap -----------------------------------------------------------------------------------
 */

enum { HEAP_STREAMS = 3, HEAP_TICKS = 60 };

struct heap_room {
    struct room r;
    struct viewer viewers[HEAP_STREAMS];
    struct comp_source *sources[2];
    struct clip clips[2];
    atomic_bool is_over;
    atomic_uint calls;
    atomic_int ticks;
};

/* The tick's thread: counts only what it does itself in comp_tick(). */
static void *tick_counting(void *arg)
{
    struct heap_room *h = arg;
    for (int n = 0; !atomic_load(&h->is_over); n++) {
        heap_is_counting = n >= HEAP_TICKS / 2; /* sizes have been met by then */
        comp_tick(h->r.comp, (int64_t)n * TICK_US);
        heap_is_counting = false;
        atomic_store(&h->calls, heap_calls);
        atomic_store(&h->ticks, n + 1);
        usleep(1000);
    }
    return NULL;
}

static void open_heap_room(struct heap_room *h)
{
    struct room_conf conf = room_conf(320, 180, 1);
    conf.has_labels = true;
    conf.has_avatars = true;
    room_open(&h->r, &conf, NULL);
    struct comp_view *other = view_open(&h->r, 160, 90, h->r.layout, NULL);
    viewer_open(&h->viewers[0], &h->r, h->r.view, MCU_CODEC_H264, 0, 0);
    viewer_open(&h->viewers[1], &h->r, h->r.view, MCU_CODEC_VP8, 160, 90);
    viewer_open(&h->viewers[2], &h->r, other, MCU_CODEC_VP8, 0, 0);
    for (int i = 0; i < 2; i++) {
        const struct maker_conf maker = {
            .codec = MCU_CODEC_VP8, .width = 160 + 32 * i, .height = 120};
        clip_make(&h->clips[i], &maker, i ? red : blue, HEAP_TICKS, 0, TICK_US, 10);
        h->sources[i] = room_add(&h->r, MCU_CODEC_VP8, i ? "ann" : "bob");
    }
}

static void a_tick_takes_nothing_from_the_heap(void **state)
{
    (void)state;
    heap_start();
    struct heap_room *h = calloc(1, sizeof(*h));
    open_heap_room(h);
    for (int i = 0; i < 2; i++) { /* pictures that are there before the first tick */
        assert_int_equal(comp_source_push(h->sources[i], h->clips[i].packets[0]), 0);
        wait_until(source_stats(h->sources[i]).decoded == 1);
    }
    pthread_t ticker;
    assert_int_equal(pthread_create(&ticker, NULL, tick_counting, h), 0);
    for (size_t n = 1; n < HEAP_TICKS; n++) {
        for (int i = 0; i < 2; i++)
            comp_source_push(h->sources[i], h->clips[i].packets[n]);
        usleep(1000);
    }
    bool has_come = false;
    for (int waited_ms = 0; !has_come && waited_ms < PATIENCE_MS; waited_ms++) {
        has_come =
            atomic_load(&h->ticks) >= 2 * HEAP_TICKS && source_stats(h->sources[0]).shown > 1;
        usleep(1000);
    }
    atomic_store(&h->is_over, true);
    pthread_join(ticker, NULL);
    assert_true(has_come);
    assert_int_equal(atomic_load(&h->calls), 0);
    room_close(&h->r);
    for (int i = 0; i < 2; i++)
        clip_free(&h->clips[i]);
    for (int i = 0; i < HEAP_STREAMS; i++)
        viewer_close(&h->viewers[i]);
    free(h);
}

/* --- snapshots ----------------------------------------------------------------------------------
 */

struct sleeping_room {
    struct room r;
    struct comp_source *source;
    struct clip clip;
    atomic_bool is_over;
};

static void *tick_slowly(void *arg)
{
    struct sleeping_room *sr = arg;
    while (!atomic_load(&sr->is_over)) {
        comp_tick(sr->r.comp, mcu_now_us());
        usleep(5000);
    }
    return NULL;
}

static void *push_slowly(void *arg)
{
    struct sleeping_room *sr = arg;
    while (!atomic_load(&sr->is_over)) {
        struct mcu_packet *copy =
            mcu_packet_copy(sr->clip.packets[0]->data, sr->clip.packets[0]->size);
        copy->codec = MCU_CODEC_VP8;
        copy->is_key = true;
        copy->pts_us = copy->dts_us = mcu_now_us();
        comp_source_push(sr->source, copy);
        mcu_packet_unref(copy);
        usleep(20000);
    }
    return NULL;
}

static void a_snapshot_wakes_what_nobody_watches(void **state)
{
    (void)state;
    struct sleeping_room *sr = calloc(1, sizeof(*sr));
    const struct room_conf conf = room_conf(320, 180, 1);
    room_open(&sr->r, &conf, NULL);
    const struct maker_conf maker = {.codec = MCU_CODEC_VP8, .width = 320, .height = 180};
    clip_make(&sr->clip, &maker, green, 1, 0, TICK_US, 1);
    sr->source = room_add(&sr->r, MCU_CODEC_VP8, "ann");
    room_tick(&sr->r, 1);
    pthread_t pusher, ticker;
    assert_int_equal(pthread_create(&pusher, NULL, push_slowly, sr), 0);
    assert_int_equal(pthread_create(&ticker, NULL, tick_slowly, sr), 0);
    bool has_come = false; /* a starved thread may be too late: try again */
    for (int tries = 0; tries < 60 && !has_come; tries++) {
        AVFrame *picture = NULL;
        has_come =
            comp_view_snapshot(sr->r.view, &picture) == 0 && is_near(picture, 20, 20, green, 6);
        av_frame_free(&picture);
    }
    atomic_store(&sr->is_over, true);
    pthread_join(pusher, NULL);
    pthread_join(ticker, NULL);
    assert_true(has_come);
    room_close(&sr->r);
    clip_free(&sr->clip);
    free(sr);
}

/* --- coming and going ---------------------------------------------------------------------------
 */

enum { SLOTS = 4, CHANGES = 240, VIEWS = 3, SEATS = 3 };

struct storm {
    struct room r;
    struct clip clip;
    struct layout *pip;
    struct comp_view *views[VIEWS];
    struct comp_stream *streams[VIEWS][SEATS];
    pthread_mutex_t lock; /* the sources: pushes and removal do not meet, as in a room */
    struct comp_source *sources[SLOTS];
    atomic_bool is_over;
    atomic_int_fast64_t now_us;
};

static void *push_on(void *arg)
{
    struct storm *storm = arg;
    for (size_t n = 0; !atomic_load(&storm->is_over); n++) {
        const struct mcu_packet *p = storm->clip.packets[n % storm->clip.count];
        pthread_mutex_lock(&storm->lock);
        for (size_t i = 0; i < SLOTS; i++) {
            struct mcu_packet *copy = mcu_packet_copy(p->data, p->size);
            copy->codec = p->codec;
            copy->is_key = p->is_key;
            copy->pts_us = copy->dts_us = atomic_load(&storm->now_us);
            if (storm->sources[i])
                comp_source_push(storm->sources[i], copy);
            mcu_packet_unref(copy);
        }
        pthread_mutex_unlock(&storm->lock);
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

static void swap_source(struct storm *storm, size_t slot)
{
    char user[] = {(char)('a' + slot), '\0'};
    struct comp_source *fresh =
        storm->sources[slot] ? NULL : room_add(&storm->r, MCU_CODEC_VP8, user);
    pthread_mutex_lock(&storm->lock);
    struct comp_source *old = storm->sources[slot];
    storm->sources[slot] = fresh;
    pthread_mutex_unlock(&storm->lock);
    comp_source_remove(storm->r.comp, old);
}

static void swap_view(struct storm *storm, size_t which)
{
    if (storm->views[which]) {
        comp_view_destroy(storm->views[which]);
        storm->views[which] = NULL;
        memset(storm->streams[which], 0, sizeof(storm->streams[which]));
        return;
    }
    storm->views[which] = view_open(&storm->r, 160, 90 + 10 * (uint32_t)which,
                                    which % 2 ? storm->pip : storm->r.layout, which ? "a" : NULL);
}

static void swap_stream(struct storm *storm, size_t which, size_t seat)
{
    if (!storm->views[which])
        swap_view(storm, which);
    struct comp_stream **s = &storm->streams[which][seat];
    if (*s) {
        comp_stream_destroy(*s);
        *s = NULL;
        return;
    }
    struct comp_stream_conf conf =
        stream_conf_of(&storm->r.conf, seat % 2 ? MCU_CODEC_H264 : MCU_CODEC_VP8);
    conf.stream_ctx = &storm->r.vp8;
    conf.width = seat ? 80 : 160;
    conf.height = seat ? 48 : 90;
    assert_int_equal(comp_stream_create(storm->views[which], s, &conf), 0);
}

static void change_something(struct storm *storm, size_t n)
{
    const size_t which = n * 5 % VIEWS, seat = n * 7 % SEATS;
    struct comp_stream *s = storm->streams[which][seat];
    struct comp_tile tiles[4];
    AVFrame *picture = NULL;
    switch (n % 8) {
    case 0:
        swap_source(storm, n % SLOTS);
        break;
    case 1:
    case 2:
    case 3:
        swap_stream(storm, which, seat);
        break;
    case 4:
        if (storm->views[which])
            comp_view_read_tiles(storm->views[which], tiles, 4, NULL);
        break;
    case 5:
        if (n % 3 == 0)
            swap_view(storm, which);
        break;
    case 6:
        if (s)
            comp_stream_set_rate(s, 50000 + 1000 * (uint32_t)n, 10 + n % 20);
        if (s)
            comp_stream_request_key(s, n % 3 == 0);
        break;
    default:
        if (storm->views[which] && comp_view_snapshot(storm->views[which], &picture) == 0)
            av_frame_free(&picture);
    }
}

static void views_and_streams_come_and_go_while_it_ticks(void **state)
{
    (void)state;
    struct storm *storm = calloc(1, sizeof(*storm));
    const struct maker_conf maker = {.codec = MCU_CODEC_VP8, .width = 96, .height = 64};
    clip_make(&storm->clip, &maker, grey, 20, 0, TICK_US, 10);
    const struct room_conf conf = room_conf(160, 90, 2);
    room_open(&storm->r, &conf, NULL);
    assert_int_equal(layout_builtin(&storm->pip, "pip"), 0);
    pthread_mutex_init(&storm->lock, NULL);
    pthread_t pusher, ticker;
    assert_int_equal(pthread_create(&pusher, NULL, push_on, storm), 0);
    assert_int_equal(pthread_create(&ticker, NULL, tick_on, storm), 0);
    for (size_t n = 0; n < CHANGES; n++) {
        change_something(storm, n);
        usleep(2000);
    }
    /* after all that, pictures still come through */
    for (size_t i = 0; i < SLOTS; i++) {
        if (!storm->sources[i])
            swap_source(storm, i);
    }
    bool has_come = true;
    for (size_t which = 0; which < VIEWS; which++) {
        for (size_t seat = 0; seat < 2; seat++) {
            if (!storm->streams[which][seat])
                swap_stream(storm, which, seat);
            const uint64_t before = encoded(storm->streams[which][seat]);
            int waited_ms = 0;
            while (encoded(storm->streams[which][seat]) < before + 5 && waited_ms++ < PATIENCE_MS)
                usleep(1000);
            has_come &= waited_ms < PATIENCE_MS;
        }
    }
    atomic_store(&storm->is_over, true);
    pthread_join(pusher, NULL);
    pthread_join(ticker, NULL);
    assert_true(has_come);
    assert_true(room_stats(&storm->r).reduced > 0);
    room_close(&storm->r);
    layout_destroy(storm->pip);
    pthread_mutex_destroy(&storm->lock);
    clip_free(&storm->clip);
    free(storm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(smaller_streams_are_the_same_with_and_without_threads),
        cmocka_unit_test(a_tick_takes_nothing_from_the_heap),
        cmocka_unit_test(a_snapshot_wakes_what_nobody_watches),
        cmocka_unit_test(views_and_streams_come_and_go_while_it_ticks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
