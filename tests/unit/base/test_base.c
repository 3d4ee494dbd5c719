/* mcu/base: queue, packet, bytes, codec names, clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mcu/base/bytes.h"
#include "mcu/base/clock.h"
#include "mcu/base/codec.h"
#include "mcu/base/log.h"
#include "mcu/base/packet.h"
#include "mcu/base/pool.h"
#include "mcu/base/queue.h"
#include "mcu/base/thread.h"

static void queue_keeps_order_and_refuses_when_full(void **state)
{
    (void)state;
    struct mcu_queue *q = NULL;
    int items[3];
    assert_int_equal(mcu_queue_create(&q, 0), -EINVAL);
    assert_int_equal(mcu_queue_create(&q, 2), 0);
    assert_null(mcu_queue_try_take(q));
    for (int round = 0; round < 3; round++) { /* wraps around the ring */
        assert_int_equal(mcu_queue_put(q, &items[0]), 0);
        assert_int_equal(mcu_queue_put(q, &items[1]), 0);
        assert_int_equal(mcu_queue_put(q, &items[2]), -ENOBUFS);
        assert_int_equal(mcu_queue_length(q), 2);
        assert_ptr_equal(mcu_queue_try_take(q), &items[0]);
        assert_ptr_equal(mcu_queue_take(q, -1), &items[1]);
    }
    assert_int_equal(mcu_queue_refused(q), 3);
    assert_null(mcu_queue_take(q, 1000));
    mcu_queue_close(q);
    assert_int_equal(mcu_queue_put(q, &items[0]), -EPIPE);
    assert_null(mcu_queue_take(q, -1));
    mcu_queue_destroy(q, NULL);
    mcu_queue_destroy(NULL, NULL);
}

static void queue_destroy_drops_what_is_left(void **state)
{
    (void)state;
    struct mcu_queue *q = NULL;
    assert_int_equal(mcu_queue_create(&q, 4), 0);
    assert_int_equal(mcu_queue_put(q, malloc(8)), 0);
    mcu_queue_destroy(q, free); /* LeakSanitizer is the judge */
}

enum { PUTS = 20000 };

static void *put_many(void *arg)
{
    for (intptr_t i = 1; i <= PUTS; i++) {
        while (mcu_queue_put(arg, (void *)i) == -ENOBUFS)
            sched_yield();
    }
    return NULL;
}

static void queue_passes_everything_between_threads(void **state)
{
    (void)state;
    struct mcu_queue *q = NULL;
    pthread_t threads[2];
    assert_int_equal(mcu_queue_create(&q, 64), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(mcu_thread_start(&threads[i], "putter", put_many, q), 0);
    int64_t sum = 0;
    for (int taken = 0; taken < 2 * PUTS;) {
        struct pollfd fd = {.fd = mcu_queue_fd(q), .events = POLLIN};
        assert_true(poll(&fd, 1, 60000) == 1); /* a lost wake-up would end here */
        uint64_t count;
        assert_int_equal(read(fd.fd, &count, sizeof(count)), sizeof(count));
        for (void *item; (item = mcu_queue_try_take(q)); taken++)
            sum += (intptr_t)item;
    }
    assert_int_equal(sum, (int64_t)PUTS * (PUTS + 1));
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    mcu_queue_destroy(q, NULL);
}

static void packets_are_counted_and_padded(void **state)
{
    (void)state;
    struct mcu_packet *p = mcu_packet_copy("abc", 3);
    assert_non_null(p);
    assert_memory_equal(p->data, "abc", 3);
    for (int i = 3; i < 3 + 64; i++)
        assert_int_equal(p->data[i], 0);
    assert_ptr_equal(mcu_packet_ref(p), p);
    mcu_packet_unref(p);
    assert_int_equal(p->size, 3);
    mcu_packet_unref(p);
    mcu_packet_unref(NULL);
}

static void pools_give_out_what_was_given_back(void **state)
{
    (void)state;
    struct mcu_pool *p = NULL;
    assert_int_equal(mcu_pool_create(&p, 0, 1), -EINVAL);
    assert_int_equal(mcu_pool_create(&p, 40, 2), 0);
    unsigned char *a = mcu_pool_take(p);
    memset(a, 7, 40);
    unsigned char *b = mcu_pool_take(p);
    assert_int_equal(mcu_pool_misses(p), 0);
    unsigned char *c = mcu_pool_take(p); /* more than were made */
    assert_non_null(c);
    assert_int_equal(mcu_pool_misses(p), 1);
    mcu_pool_give(a);
    assert_ptr_equal(mcu_pool_take(p), a);
    for (int i = 0; i < 40; i++)
        assert_int_equal(a[i], 0);
    assert_int_equal(mcu_pool_misses(p), 1);
    assert_int_equal((uintptr_t)a % _Alignof(max_align_t), 0);
    mcu_pool_give(a);
    mcu_pool_give(b);
    mcu_pool_destroy(p); /* one block is still out: it and the pool go when it comes back */
    mcu_pool_give(c);
    mcu_pool_give(NULL);
    mcu_pool_destroy(NULL);
}

static void readers_stop_at_the_end(void **state)
{
    (void)state;
    const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7};
    struct mcu_reader r = mcu_reader(data, sizeof(data));
    assert_int_equal(mcu_take_u8(&r), 1);
    assert_int_equal(mcu_take_u16(&r), 0x0203);
    assert_int_equal(mcu_take_u24(&r), 0x040506);
    assert_int_equal(mcu_left(&r), 1);
    assert_int_equal(mcu_take_u32(&r), 0); /* three bytes short */
    assert_true(r.failed);
    assert_int_equal(mcu_take_u8(&r), 0); /* and it stays failed */
    assert_null(mcu_take(&r, 0));
    assert_int_equal(mcu_left(&r), 0);
}

static void writers_stop_at_the_end(void **state)
{
    (void)state;
    uint8_t data[7];
    struct mcu_writer w = mcu_writer(data, sizeof(data));
    mcu_put_u32(&w, 0x01020304);
    mcu_put_u16(&w, 0x0506);
    assert_int_equal(mcu_written(&w), 6);
    mcu_put_u16(&w, 0x0708);
    assert_true(w.failed);
    mcu_put_u8(&w, 9);
    assert_int_equal(mcu_written(&w), 6);
    assert_memory_equal(data, "\1\2\3\4\5\6", 6);
}

static void codec_names_go_both_ways(void **state)
{
    (void)state;
    for (int c = MCU_CODEC_OPUS; c <= MCU_CODEC_AV1; c++)
        assert_int_equal(mcu_codec_from_name(mcu_codec_name((enum mcu_codec)c)), c);
    assert_int_equal(mcu_codec_from_name("h264"), MCU_CODEC_H264);
    assert_int_equal(mcu_codec_from_name("none"), MCU_CODEC_NONE);
    assert_int_equal(mcu_codec_from_name("PCMU"), MCU_CODEC_NONE);
    assert_int_equal(mcu_codec_from_name("PCM"), MCU_CODEC_NONE); /* a peer may not */
    assert_int_equal(mcu_codec_kind(MCU_CODEC_PCM), MCU_AUDIO);
    assert_int_equal(mcu_codec_from_name(NULL), MCU_CODEC_NONE);
    assert_int_equal(mcu_codec_kind(MCU_CODEC_AAC), MCU_AUDIO);
    assert_int_equal(mcu_codec_kind(MCU_CODEC_VP8), MCU_VIDEO);
}

static void clocks_agree(void **state)
{
    (void)state;
    const int64_t before = mcu_now_us();
    mcu_sleep_until_us(before + 5000);
    assert_true(mcu_now_us() >= before + 5000);
    mcu_sleep_until_us(before); /* the past: at once */
    const uint64_t ntp = mcu_ntp_now();
    const int64_t ntp_ms = (int64_t)((ntp >> 32) - UINT64_C(2208988800)) * 1000 +
                           (int64_t)(((ntp & 0xffffffff) * 1000) >> 32);
    assert_true(llabs(ntp_ms - mcu_wall_ms()) < 10000);
}

static void the_newest_lines_of_the_log_are_kept(void **state)
{
    (void)state;
    char text[4096];
    for (int i = 0; i < MCU_LOG_KEPT + 10; i++)
        log_info("room=%s line %d", i & 1 ? "odd" : "even", i);
    const size_t size = mcu_log_recent(" room=odd ", text, sizeof(text));
    assert_int_equal(size, strlen(text));
    assert_null(strstr(text, "room=even"));
    assert_non_null(strstr(text, "line 521\n"));
    assert_true(size > sizeof(text) - 100); /* as much as there is room for: whole lines */
    assert_int_equal(text[4], '-');
    assert_int_equal(text[size - 1], '\n');
    assert_true(mcu_log_recent("room=odd line 11\n", text, sizeof(text)) > 0);
    assert_non_null(strstr(text, "line 11\n"));
    assert_int_equal(mcu_log_recent("room=odd line 9\n", text, sizeof(text)), 0); /* too old */
    assert_int_equal(mcu_log_recent("", text, 1), 0);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queue_keeps_order_and_refuses_when_full),
        cmocka_unit_test(queue_destroy_drops_what_is_left),
        cmocka_unit_test(queue_passes_everything_between_threads),
        cmocka_unit_test(packets_are_counted_and_padded),
        cmocka_unit_test(pools_give_out_what_was_given_back),
        cmocka_unit_test(readers_stop_at_the_end),
        cmocka_unit_test(writers_stop_at_the_end),
        cmocka_unit_test(codec_names_go_both_ways),
        cmocka_unit_test(clocks_agree),
        cmocka_unit_test(the_newest_lines_of_the_log_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
