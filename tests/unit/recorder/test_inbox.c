/* The bounded inbox: what it drops, when it waits, how it wakes. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "mcu/base/clock.h"
#include "recorder/inbox.h"

static struct rec_inbox *create(size_t packets, size_t bytes, bool may_block)
{
    struct rec_inbox *b = NULL;
    const struct rec_inbox_conf conf = {packets, bytes, may_block};
    assert_int_equal(rec_inbox_create(&b, &conf), 0);
    return b;
}

static int put(struct rec_inbox *b, enum mcu_kind kind, bool is_key, size_t size)
{
    struct mcu_packet *p = mcu_packet_create(size);
    assert_non_null(p);
    p->size = size;
    p->is_key = is_key;
    const int err = rec_inbox_put(b, p, kind);
    assert_int_equal(atomic_load(&p->refs), err ? 1 : 2);
    mcu_packet_unref(p);
    return err;
}

static bool take(struct rec_inbox *b, enum mcu_kind *kind)
{
    struct rec_inbox_item item;
    if (!rec_inbox_take(b, &item, 0))
        return false;
    *kind = item.kind;
    mcu_packet_unref(item.packet);
    return true;
}

static void when_full_video_waits_for_a_key_frame(void **state)
{
    (void)state;
    struct rec_inbox *b = create(3, 1 << 20, false);
    enum mcu_kind kind;
    assert_int_equal(put(b, MCU_VIDEO, true, 10), 0);
    assert_int_equal(put(b, MCU_VIDEO, false, 10), 0);
    assert_int_equal(put(b, MCU_AUDIO, true, 10), 0);
    assert_int_equal(put(b, MCU_VIDEO, false, 10), -ENOBUFS);
    assert_int_equal(put(b, MCU_AUDIO, true, 10), -ENOBUFS);
    assert_true(take(b, &kind));
    assert_int_equal(kind, MCU_VIDEO);
    assert_int_equal(put(b, MCU_VIDEO, false, 10), -ENOBUFS); /* there is room, but it could not be decoded */
    assert_int_equal(put(b, MCU_AUDIO, true, 10), 0);
    assert_true(take(b, &kind));
    assert_int_equal(put(b, MCU_VIDEO, true, 10), 0);
    assert_true(take(b, &kind));
    assert_int_equal(put(b, MCU_VIDEO, false, 10), 0);
    assert_int_equal(rec_inbox_dropped(b), 3);
    rec_inbox_destroy(b);
}

static void bytes_are_bounded_too(void **state)
{
    (void)state;
    struct rec_inbox *b = create(100, 1000, false);
    enum mcu_kind kind;
    assert_int_equal(put(b, MCU_VIDEO, true, 5000), 0); /* alone it may be any size */
    assert_int_equal(put(b, MCU_AUDIO, true, 1), -ENOBUFS);
    assert_true(take(b, &kind));
    assert_int_equal(put(b, MCU_VIDEO, true, 600), 0);
    assert_int_equal(put(b, MCU_VIDEO, true, 401), -ENOBUFS);
    assert_int_equal(put(b, MCU_VIDEO, true, 400), 0);
    rec_inbox_destroy(b);
}

struct putter {
    struct rec_inbox *inbox;
    atomic_int done;
    int last;
};

static void *put_hundred(void *arg)
{
    struct putter *p = arg;
    for (int i = 0; i < 100; i++) {
        struct mcu_packet *packet = mcu_packet_create(10);
        p->last = rec_inbox_put(p->inbox, packet, MCU_AUDIO);
        mcu_packet_unref(packet);
        atomic_fetch_add(&p->done, 1);
    }
    return NULL;
}

static void a_patient_putter_waits_and_nothing_is_lost(void **state)
{
    (void)state;
    struct putter p = {.inbox = create(4, 1 << 20, true)};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, put_hundred, &p), 0);
    for (int i = 0; i < 100; i++) {
        struct rec_inbox_item item;
        assert_true(rec_inbox_take(p.inbox, &item, 30 * MCU_US_PER_S));
        mcu_packet_unref(item.packet);
    }
    pthread_join(thread, NULL);
    assert_int_equal(p.last, 0);
    assert_int_equal(rec_inbox_dropped(p.inbox), 0);
    rec_inbox_destroy(p.inbox);
}

static void closing_frees_a_blocked_putter(void **state)
{
    (void)state;
    struct putter p = {.inbox = create(4, 1 << 20, true)};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, put_hundred, &p), 0);
    while (atomic_load(&p.done) < 4)
        mcu_sleep_until_us(mcu_now_us() + 1000);
    rec_inbox_close(p.inbox);
    pthread_join(thread, NULL);
    assert_int_equal(p.last, -EPIPE);
    enum mcu_kind kind;
    assert_false(take(p.inbox, &kind));
    rec_inbox_destroy(p.inbox);
}

static void a_wake_before_the_wait_counts(void **state)
{
    (void)state;
    struct rec_inbox *b = create(4, 1000, false);
    struct rec_inbox_item item;
    rec_inbox_wake(b);
    assert_false(rec_inbox_take(b, &item, -1)); /* would hang for good */
    rec_inbox_destroy(b);
}

/* A recording that failed waits so for its stop, which may be hours away. */
static void taking_from_a_closed_inbox_waits(void **state)
{
    (void)state;
    struct rec_inbox *b = create(4, 1000, false);
    struct rec_inbox_item item;
    rec_inbox_close(b);
    assert_false(rec_inbox_take(b, &item, -1)); /* once, so that a waiting taker hears of it */
    const int64_t before_us = mcu_now_us();
    assert_false(rec_inbox_take(b, &item, 50 * MCU_US_PER_MS));
    assert_true(mcu_now_us() - before_us >= 50 * MCU_US_PER_MS);
    rec_inbox_wake(b);
    assert_false(rec_inbox_take(b, &item, -1));
    rec_inbox_destroy(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(when_full_video_waits_for_a_key_frame),
        cmocka_unit_test(bytes_are_bounded_too),
        cmocka_unit_test(a_patient_putter_waits_and_nothing_is_lost),
        cmocka_unit_test(closing_frees_a_blocked_putter),
        cmocka_unit_test(a_wake_before_the_wait_counts),
        cmocka_unit_test(taking_from_a_closed_inbox_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
