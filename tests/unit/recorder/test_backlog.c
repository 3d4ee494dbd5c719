/* What waits to be pushed: bounded, the newest picture first; and the filler beside it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mcu/base/clock.h"
#include "recorder/backlog.h"
#include "recorder/fill.h"

enum { FRAME_US = 100 * 1000 };
#define LAG_US (4 * MCU_US_PER_S)

static struct rec_backlog *create(size_t packets, size_t bytes, bool has_video)
{
    struct rec_backlog *b = NULL;
    const struct rec_backlog_conf conf = {packets, bytes, LAG_US, has_video};
    assert_int_equal(rec_backlog_create(&b, &conf), 0);
    return b;
}

/* Picture or sound number n, at its time. */
static int put(struct rec_backlog *b, enum mcu_kind kind, int n, bool is_key, size_t size)
{
    struct mcu_packet *p = mcu_packet_create(size);
    assert_non_null(p);
    p->size = size;
    p->is_key = is_key;
    p->pts_us = p->dts_us = n * (int64_t)FRAME_US;
    const int err = rec_backlog_put(b, p, kind);
    mcu_packet_unref(p);
    return err;
}

/* The number of the next one; -1: none. */
static int take(struct rec_backlog *b)
{
    struct rec_inbox_item item;
    if (!rec_backlog_take(b, &item, 0))
        return -1;
    const int n = (int)(item.packet->pts_us / FRAME_US);
    mcu_packet_unref(item.packet);
    return n;
}

static void it_begins_with_a_key_frame(void **state)
{
    (void)state;
    struct rec_backlog *b = create(64, 1000, true);
    rec_backlog_begin(b);
    assert_int_equal(put(b, MCU_AUDIO, 0, true, 1), 0); /* nobody is told, and it is left out */
    assert_int_equal(put(b, MCU_VIDEO, 1, false, 1), -ENOBUFS);
    assert_int_equal(put(b, MCU_VIDEO, 2, true, 1), 0);
    assert_int_equal(put(b, MCU_AUDIO, 3, true, 1), 0);
    assert_int_equal(take(b), 2);
    assert_int_equal(take(b), 3);
    assert_int_equal(take(b), -1);
    rec_backlog_destroy(b);
}

static void without_a_connection_only_the_newest_key_frame_waits(void **state)
{
    (void)state;
    struct rec_backlog *b = create(64, 1000, true);
    for (int n = 0; n < 45; n++)
        assert_int_equal(put(b, MCU_VIDEO, n, n % 20 == 0, 1), 0);
    rec_backlog_begin(b);
    assert_int_equal(take(b), 40);
    assert_int_equal(rec_backlog_dropped(b), 0); /* nobody missed them */
    rec_backlog_destroy(b);
}

static void a_new_connection_begins_with_a_new_key_frame(void **state)
{
    (void)state;
    struct rec_backlog *b = create(64, 1000, true);
    rec_backlog_begin(b);
    for (int n = 0; n < 3; n++)
        assert_int_equal(put(b, MCU_VIDEO, n, n == 0, 1), 0);
    assert_int_equal(take(b), 0);
    rec_backlog_end(b); /* 1 and 2 are of no use without 0 */
    assert_int_equal(put(b, MCU_VIDEO, 3, false, 1), -ENOBUFS);
    assert_int_equal(put(b, MCU_VIDEO, 4, true, 1), 0);
    rec_backlog_begin(b);
    assert_int_equal(take(b), 4);
    rec_backlog_destroy(b);
}

static void what_is_late_is_dropped_to_the_newest_key_frame(void **state)
{
    (void)state;
    struct rec_backlog *b = create(64, 1000, true);
    rec_backlog_begin(b);
    for (int n = 0; n <= 40; n++)
        assert_int_equal(put(b, MCU_VIDEO, n, n % 20 == 0, 1), 0);
    assert_int_equal(put(b, MCU_VIDEO, 41, false, 1), 0); /* more than 4 s after the oldest */
    assert_int_equal(take(b), 40);
    assert_int_equal(take(b), 41);
    assert_int_equal(rec_backlog_dropped(b), 40);
    rec_backlog_destroy(b);
}

static void its_bytes_are_bounded(void **state)
{
    (void)state;
    struct rec_backlog *b = create(64, 100, true);
    rec_backlog_begin(b);
    assert_int_equal(put(b, MCU_VIDEO, 0, true, 40), 0);
    assert_int_equal(put(b, MCU_VIDEO, 1, false, 40), 0);
    /* No later key frame: all of it is dropped, and nothing before the next one is let in. */
    assert_int_equal(put(b, MCU_VIDEO, 2, false, 40), -ENOBUFS);
    assert_int_equal(rec_backlog_dropped(b), 3);
    assert_int_equal(take(b), -1);
    assert_int_equal(put(b, MCU_VIDEO, 3, false, 1), -ENOBUFS);
    assert_int_equal(put(b, MCU_VIDEO, 4, true, 60), 0);
    assert_int_equal(put(b, MCU_VIDEO, 5, true, 60), 0); /* pushes the other out */
    assert_int_equal(take(b), 5);
    assert_int_equal(put(b, MCU_VIDEO, 6, true, 101), -ENOBUFS);
    rec_backlog_destroy(b);
}

static void its_packets_are_bounded(void **state)
{
    (void)state;
    struct rec_backlog *b = create(4, 1000, true);
    rec_backlog_begin(b);
    for (int n = 0; n < 4; n++)
        assert_int_equal(put(b, MCU_VIDEO, n, n == 0 || n == 3, 1), 0);
    assert_int_equal(put(b, MCU_VIDEO, 4, false, 1), 0);
    assert_int_equal(take(b), 3);
    assert_int_equal(take(b), 4);
    assert_int_equal(take(b), -1);
    rec_backlog_destroy(b);
}

static void sound_alone_needs_no_key_frames(void **state)
{
    (void)state;
    struct rec_backlog *b = create(64, 1000, false);
    for (int n = 0; n < 3; n++)
        assert_int_equal(put(b, MCU_AUDIO, n, true, 1), 0);
    rec_backlog_begin(b);
    assert_int_equal(take(b), 2);
    assert_int_equal(put(b, MCU_AUDIO, 3, true, 1), 0);
    assert_int_equal(take(b), 3);
    rec_backlog_destroy(b);
}

static void a_wake_ends_one_wait(void **state)
{
    (void)state;
    struct rec_backlog *b = create(4, 1000, true);
    rec_backlog_wake(b);
    struct rec_inbox_item item;
    const int64_t begun_us = mcu_now_us();
    assert_false(rec_backlog_take(b, &item, 60 * MCU_US_PER_S));
    assert_true(mcu_now_us() - begun_us < 30 * MCU_US_PER_S);
    rec_backlog_destroy(b);
}

/* --- filler ----------------------------------------------------------------------------------- */

/* Bytes of a minute at 10 pictures a second, with a large one every 2 s. */
static uint64_t minute(struct rec_fill *f, size_t picture, size_t key, uint64_t *most_in_a_second)
{
    uint64_t sum = 0, second = 0;
    *most_in_a_second = 0;
    for (int n = 0; n < 600; n++) {
        const size_t size = n % 20 == 0 ? key : picture;
        second += size + rec_fill_next(f, n * (int64_t)FRAME_US, size);
        if (n % 10 == 9) {
            sum += second;
            *most_in_a_second = second > *most_in_a_second ? second : *most_in_a_second;
            second = 0;
        }
    }
    return sum;
}

static void a_calm_picture_is_filled_to_the_rate(void **state)
{
    (void)state;
    struct rec_fill f;
    uint64_t most;
    rec_fill_init(&f, 800000); /* 100 kB/s */
    const uint64_t sum = minute(&f, 500, 20000, &most);
    assert_in_range(sum, 59 * 100000, 60 * 100000);
    assert_in_range(most, 100000, 125000);
}

static void a_stream_at_its_rate_gets_no_filler(void **state)
{
    (void)state;
    struct rec_fill f;
    uint64_t most;
    rec_fill_init(&f, 800000);
    assert_int_equal(minute(&f, 10000, 10000, &most), 60 * 100000);
    rec_fill_init(&f, 0);
    assert_int_equal(minute(&f, 1, 1, &most), 600);
}

static void a_gap_is_not_made_up_for(void **state)
{
    (void)state;
    struct rec_fill f;
    rec_fill_init(&f, 800000);
    assert_int_equal(rec_fill_next(&f, 0, 1000), 0);
    assert_int_equal(rec_fill_next(&f, 60 * MCU_US_PER_S, 1000), 0);
    assert_int_equal(rec_fill_next(&f, 10 * MCU_US_PER_S, 1000), 0); /* time runs on, at most */
}

static void filler_is_one_nal_unit(void **state)
{
    (void)state;
    uint8_t out[64];
    for (size_t n = REC_FILL_MIN; n <= sizeof(out); n++) {
        memset(out, 0x55, sizeof(out));
        rec_fill_write(out, n);
        assert_memory_equal(out, "\0\0\0\1\14", 5);
        for (size_t i = 5; i + 1 < n; i++)
            assert_int_equal(out[i], 0xff);
        assert_int_equal(out[n - 1], 0x80);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_begins_with_a_key_frame),
        cmocka_unit_test(without_a_connection_only_the_newest_key_frame_waits),
        cmocka_unit_test(a_new_connection_begins_with_a_new_key_frame),
        cmocka_unit_test(what_is_late_is_dropped_to_the_newest_key_frame),
        cmocka_unit_test(its_bytes_are_bounded),
        cmocka_unit_test(its_packets_are_bounded),
        cmocka_unit_test(sound_alone_needs_no_key_frames),
        cmocka_unit_test(a_wake_ends_one_wait),
        cmocka_unit_test(a_calm_picture_is_filled_to_the_rate),
        cmocka_unit_test(a_stream_at_its_rate_gets_no_filler),
        cmocka_unit_test(a_gap_is_not_made_up_for),
        cmocka_unit_test(filler_is_one_nal_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
