/* Two associations handed each other's datagrams by the test, which loses and reorders some. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mcu/base/clock.h"
#include "transport/dtls_internal.h"

enum { BOX_MAX = 64 };

struct box { /* datagrams on their way to one side */
    size_t count;
    size_t sizes[BOX_MAX];
    uint8_t data[BOX_MAX][2048];
    size_t largest;
    size_t sent;
    size_t lose_first; /* this many of the first are lost */
};

struct pair {
    struct rtc_certificate *certificates[2];
    struct rtc_dtls *ends[2]; /* client, server */
    enum rtc_dtls_state states[2];
    struct box boxes[2]; /* to the client, to the server */
};

static void put(void *ctx, const uint8_t *data, size_t size)
{
    struct box *b = ctx;
    assert_true(size <= sizeof(b->data[0]));
    if (size > b->largest)
        b->largest = size;
    if (b->sent++ < b->lose_first)
        return;
    assert_true(b->count < BOX_MAX);
    memcpy(b->data[b->count], data, size);
    b->sizes[b->count++] = size;
}

static struct pair *open_pair(int wrong_side)
{
    struct pair *p = calloc(1, sizeof(*p));
    uint8_t fingerprints[2][RTC_FINGERPRINT_BYTES];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rtc_certificate_create(&p->certificates[i]), 0);
        memcpy(fingerprints[i], rtc_certificate_fingerprint(p->certificates[i]),
               RTC_FINGERPRINT_BYTES);
    }
    if (wrong_side >= 0)
        fingerprints[wrong_side][5] ^= 1;
    for (int i = 0; i < 2; i++)
        assert_int_equal(rtc_dtls_create(&p->ends[i], p->certificates[i], i == 0,
                                         fingerprints[1 - i], put, &p->boxes[1 - i]),
                         0);
    return p;
}

static void close_pair(struct pair *p)
{
    for (int i = 0; i < 2; i++) {
        rtc_dtls_destroy(p->ends[i]);
        rtc_certificate_destroy(p->certificates[i]);
    }
    free(p);
}

/* Delivers what is in the boxes, newest first if reversed. Returns how many. */
static size_t deliver(struct pair *p, bool reversed)
{
    size_t n = 0;
    for (int to = 0; to < 2; to++) {
        struct box box = p->boxes[to];
        p->boxes[to].count = 0;
        for (size_t i = 0; i < box.count; i++, n++) {
            const size_t at = reversed ? box.count - 1 - i : i;
            p->states[to] = rtc_dtls_receive(p->ends[to], box.data[at], box.sizes[at]);
        }
    }
    return n;
}

/* Runs the handshake until both ends left it; timers run on the real clock. */
static void run(struct pair *p, bool reversed)
{
    const int64_t by_us = mcu_now_us() + 20 * MCU_US_PER_S;
    p->states[0] = rtc_dtls_start(p->ends[0]);
    rtc_dtls_start(p->ends[1]);
    while (mcu_now_us() < by_us &&
           (p->states[0] == RTC_DTLS_HANDSHAKE || p->states[1] == RTC_DTLS_HANDSHAKE)) {
        if (deliver(p, reversed))
            continue;
        mcu_sleep_until_us(mcu_now_us() + 5000);
        for (int i = 0; i < 2; i++) {
            if (rtc_dtls_timeout_us(p->ends[i]) == 0)
                p->states[i] = rtc_dtls_tick(p->ends[i]);
        }
    }
}

static void both_have_the_same_keys(struct pair *p)
{
    struct rtc_dtls_keys client, server;
    assert_int_equal(rtc_dtls_keys(p->ends[0], &client), 0);
    assert_int_equal(rtc_dtls_keys(p->ends[1], &server), 0);
    assert_int_equal(client.profile, RTC_SRTP_AEAD_AES_128_GCM);
    assert_int_equal(client.size, 28);
    assert_int_equal(server.size, 28);
    assert_memory_equal(client.send, server.receive, client.size);
    assert_memory_equal(client.receive, server.send, client.size);
    assert_memory_not_equal(client.send, client.receive, client.size);
}

static void exported_keys_are_in_the_order_of_the_rfc(void **state)
{
    (void)state;
    uint8_t client[6], server[6];
    rtc_dtls_split((const uint8_t *)"CCCCSSSSccss", 4, 2, client, server);
    assert_memory_equal(client, "CCCCcc", 6);
    assert_memory_equal(server, "SSSSss", 6);
}

static void a_handshake_gives_keys_to_both(void **state)
{
    (void)state;
    struct pair *p = open_pair(-1);
    struct rtc_dtls_keys none;
    assert_int_equal(rtc_dtls_keys(p->ends[0], &none), -EAGAIN);
    run(p, false);
    assert_int_equal(p->states[0], RTC_DTLS_CONNECTED);
    assert_int_equal(p->states[1], RTC_DTLS_CONNECTED);
    both_have_the_same_keys(p);
    assert_true(p->boxes[0].largest <= RTC_DTLS_MTU_BYTES);
    assert_true(p->boxes[1].largest <= RTC_DTLS_MTU_BYTES);
    close_pair(p);
}

static void lost_and_reordered_flights_are_made_up_for(void **state)
{
    (void)state;
    for (size_t lost = 0; lost < 4; lost++) {
        struct pair *p = open_pair(-1);
        p->boxes[0].lose_first = lost;
        p->boxes[1].lose_first = lost;
        run(p, lost % 2);
        assert_int_equal(p->states[0], RTC_DTLS_CONNECTED);
        assert_int_equal(p->states[1], RTC_DTLS_CONNECTED);
        both_have_the_same_keys(p);
        close_pair(p);
    }
}

static void another_certificate_fails_on_either_side(void **state)
{
    (void)state;
    for (int wrong = 0; wrong < 2; wrong++) {
        struct pair *p = open_pair(wrong);
        run(p, false);
        const int judge = 1 - wrong;
        assert_int_equal(p->states[judge], RTC_DTLS_FAILED);
        assert_non_null(strstr(rtc_dtls_reason(p->ends[judge]), "certificate"));
        assert_int_equal(p->states[wrong], RTC_DTLS_FAILED);
        struct rtc_dtls_keys keys;
        assert_int_equal(rtc_dtls_keys(p->ends[0], &keys), -EAGAIN);
        assert_int_equal(rtc_dtls_keys(p->ends[1], &keys), -EAGAIN);
        close_pair(p);
    }
}

static void closing_is_told(void **state)
{
    (void)state;
    struct pair *p = open_pair(-1);
    run(p, false);
    deliver(p, false);
    rtc_dtls_close(p->ends[0]);
    deliver(p, false);
    assert_int_equal(p->states[1], RTC_DTLS_CLOSED);
    close_pair(p);
}

static void garbage_changes_nothing(void **state)
{
    (void)state;
    struct pair *p = open_pair(-1);
    uint8_t junk[300];
    uint32_t seed = 1;
    for (int round = 0; round < 200; round++) {
        for (size_t i = 0; i < sizeof(junk); i++) {
            seed = seed * 1664525u + 1013904223u;
            junk[i] = (uint8_t)(seed >> 24);
        }
        junk[0] = (uint8_t)(20 + round % 44);
        rtc_dtls_receive(p->ends[round % 2], junk, (size_t)round);
        p->boxes[0].count = p->boxes[1].count = 0;
    }
    run(p, false);
    assert_int_equal(p->states[0], RTC_DTLS_CONNECTED);
    assert_int_equal(p->states[1], RTC_DTLS_CONNECTED);
    for (int round = 0; round < 100; round++) {
        junk[0] = (uint8_t)(20 + round % 4);
        junk[1] = 0xfe;
        junk[2] = 0xfd;
        assert_int_equal(rtc_dtls_receive(p->ends[round % 2], junk, (size_t)round),
                         RTC_DTLS_CONNECTED);
    }
    both_have_the_same_keys(p);
    close_pair(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exported_keys_are_in_the_order_of_the_rfc),
        cmocka_unit_test(a_handshake_gives_keys_to_both),
        cmocka_unit_test(lost_and_reordered_flights_are_made_up_for),
        cmocka_unit_test(another_certificate_fails_on_either_side),
        cmocka_unit_test(closing_is_told),
        cmocka_unit_test(garbage_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
