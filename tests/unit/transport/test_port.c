/* A UDP port: who gets what, by a plain list of what was bound; IPv6; quiet and busy. One thread is
 * [net] here: the test runs the context itself. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "mcu/base/clock.h"
#include "transport/port.h"

enum { ADDRESSES = 64, STEPS = 4000, WAIT_US = 60 * 1000 * 1000, FLOOD = RTC_BATCH + 20 };

struct owner {
    size_t taken;
    uint8_t last;
    int64_t busy_us; /* each datagram keeps the thread for so long */
};

struct rig {
    GMainContext *context;
    struct rtc_batch *batch;
    struct rtc_port *port;
    struct rtc_address local;
};

static void on_datagram(void *owner, const struct rtc_address *from, uint8_t *data, size_t size,
                        int64_t now_us)
{
    struct owner *o = owner;
    assert_true(size > 0 && now_us > 0 && from->any.sa_family != 0);
    o->taken++;
    o->last = data[0];
    if (o->busy_us)
        mcu_sleep_until_us(mcu_now_us() + o->busy_us);
}

static void open_rig(struct rig *r, const char *host, struct owner *stranger)
{
    r->context = g_main_context_new();
    assert_int_equal(rtc_batch_create(&r->batch), 0);
    const struct rtc_port_conf conf = {.context = r->context,
                                       .batch = r->batch,
                                       .host = host,
                                       .buffer_bytes = 64 * 1024,
                                       .stranger = stranger,
                                       .on_datagram = on_datagram};
    assert_int_equal(rtc_port_create(&r->port, &conf), 0);
    rtc_port_local(r->port, &r->local);
}

static void close_rig(struct rig *r)
{
    rtc_port_destroy(r->port);
    rtc_batch_destroy(r->batch);
    g_main_context_unref(r->context);
}

/* Turns the loop until n datagrams came in all. */
static bool turn_until(struct rig *r, uint64_t n)
{
    const int64_t by_us = mcu_now_us() + WAIT_US;
    struct rtc_port_stats s;
    do {
        g_main_context_iteration(r->context, FALSE);
        rtc_port_read_stats(r->port, &s);
    } while (s.received < n && mcu_now_us() < by_us);
    return s.received >= n;
}

static int open_socket(const char *host, struct rtc_address *name)
{
    assert_int_equal(rtc_address_read(name, host, 0), 0);
    const int fd = socket(name->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t n = sizeof(*name);
    if (fd >= 0 &&
        (bind(fd, &name->any, rtc_address_bytes(name)) || getsockname(fd, &name->any, &n))) {
        close(fd);
        return -1;
    }
    return fd;
}

static void send_byte(int fd, const struct rtc_address *to, uint8_t byte)
{
    assert_int_equal(sendto(fd, &byte, 1, 0, &to->any, rtc_address_bytes(to)), 1);
}

struct answerer {
    struct rig *rig;
    size_t answered;
};

static void answer(void *owner, const struct rtc_address *from, uint8_t *data, size_t size,
                   int64_t now_us)
{
    struct answerer *a = owner;
    (void)now_us;
    memcpy(rtc_port_slot(a->rig->port), data, size);
    rtc_port_put_from(a->rig->port, from, rtc_port_source(a->rig->port), size);
    a->answered++;
}

/* Asks the port at that address; the socket takes an answer from there and from nowhere else. */
static void is_answered_from(const char *host, const char *asked)
{
    struct rig r = {.context = g_main_context_new()};
    struct answerer a = {.rig = &r};
    struct rtc_address own, to;
    assert_int_equal(rtc_batch_create(&r.batch), 0);
    const struct rtc_port_conf conf = {.context = r.context,
                                       .batch = r.batch,
                                       .host = host,
                                       .buffer_bytes = 64 * 1024,
                                       .stranger = &a,
                                       .on_datagram = answer};
    assert_int_equal(rtc_port_create(&r.port, &conf), 0);
    uint16_t port;
    rtc_port_local(r.port, &r.local);
    rtc_address_print(&r.local, NULL, &port);
    assert_int_equal(rtc_address_read(&to, asked, port), 0);
    const int fd = open_socket(strchr(asked, ':') ? "::1" : "127.0.0.1", &own);
    assert_int_equal(connect(fd, &to.any, rtc_address_bytes(&to)), 0);
    assert_int_equal(send(fd, "x", 1, 0), 1);
    assert_true(turn_until(&r, 1));
    assert_int_equal(a.answered, 1);
    rtc_batch_flush(r.batch);
    const struct timeval wait = {.tv_sec = 20};
    uint8_t byte = 0;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    assert_int_equal(recv(fd, &byte, 1, 0), 1);
    assert_int_equal(byte, 'x');
    close(fd);
    close_rig(&r);
}

/* Loopback has all of 127.0.0.0/8: the kernel would answer from 127.0.0.1. */
static void answers_leave_from_where_they_were_asked(void **state)
{
    (void)state;
    is_answered_from("0.0.0.0", "127.0.0.2");
    is_answered_from("0.0.0.0", "127.0.0.1");
    struct rtc_address a;
    const int fd = open_socket("::1", &a);
    if (fd < 0) {
        printf("skipped: this machine has no IPv6\n");
        return;
    }
    close(fd);
    is_answered_from("::", "127.0.0.2"); /* within IPv6 */
    is_answered_from("::", "::1");
}

/* Binding and unbinding at random, against a list of who is bound: nobody is lost when others go.
 */
static void owners_are_found_whoever_went_before(void **state)
{
    (void)state;
    static struct owner owners[ADDRESSES];
    struct rig r;
    bool is_bound[ADDRESSES] = {false};
    size_t bound = 0;
    uint32_t random = 5;
    open_rig(&r, "127.0.0.1", NULL);
    for (size_t step = 0; step < STEPS; step++) {
        random = random * 1664525u + 1013904223u;
        const size_t i = random >> 16 & (ADDRESSES - 1);
        char host[RTC_ADDRESS_HOST_BYTES];
        snprintf(host, sizeof(host), "10.0.%zu.%zu", i % 3, i);
        struct rtc_address a;
        assert_int_equal(rtc_address_read(&a, host, (uint16_t)(1000 + i / 2)), 0);
        const int err = rtc_port_bind(r.port, &a, &owners[i]);
        assert_int_equal(err, is_bound[i] ? -EADDRINUSE : 0);
        bound += !is_bound[i];
        is_bound[i] = true;
        if (random >> 8 & 1) {
            rtc_port_unbind(r.port, &a);
            is_bound[i] = false;
            bound--;
        }
        struct rtc_port_stats s;
        rtc_port_read_stats(r.port, &s);
        assert_int_equal(s.owners, bound);
    }
    close_rig(&r);
}

static void each_source_has_its_owner(void **state)
{
    (void)state;
    struct owner one = {0}, two = {0}, stranger = {0};
    struct rig r;
    struct rtc_address from[3];
    int fds[3];
    open_rig(&r, "127.0.0.1", &stranger);
    for (size_t i = 0; i < 3; i++) {
        fds[i] = open_socket("127.0.0.1", &from[i]);
        assert_true(fds[i] >= 0);
    }
    assert_int_equal(rtc_port_bind(r.port, &from[0], &one), 0);
    assert_int_equal(rtc_port_bind(r.port, &from[1], &two), 0);
    for (uint8_t i = 0; i < 3; i++)
        send_byte(fds[i], &r.local, (uint8_t)(10 + i));
    assert_true(turn_until(&r, 3));
    assert_int_equal(one.last, 10);
    assert_int_equal(two.last, 11);
    assert_int_equal(stranger.last, 12);
    rtc_port_unbind(r.port, &from[0]);
    send_byte(fds[0], &r.local, 20);
    assert_true(turn_until(&r, 4));
    assert_int_equal(one.taken, 1);
    assert_int_equal(stranger.last, 20);
    for (size_t i = 0; i < 3; i++)
        close(fds[i]);
    close_rig(&r);
}

/* "::" takes both; an IPv4 source is known by its address within IPv6. */
static void one_socket_serves_both_families(void **state)
{
    (void)state;
    struct owner v4 = {0}, v6 = {0};
    struct rig r;
    struct rtc_address from4, from6, to4, to6;
    const int fd6 = open_socket("::1", &from6);
    if (fd6 < 0) {
        printf("skipped: no IPv6 here\n");
        return;
    }
    const int fd4 = open_socket("127.0.0.1", &from4);
    open_rig(&r, "::", NULL);
    uint16_t port;
    rtc_address_print(&r.local, NULL, &port);
    assert_int_equal(rtc_address_read(&to4, "127.0.0.1", port), 0);
    assert_int_equal(rtc_address_read(&to6, "::1", port), 0);
    assert_int_equal(rtc_port_bind(r.port, &from4, &v4), 0);
    assert_int_equal(rtc_port_bind(r.port, &from6, &v6), 0);
    send_byte(fd4, &to4, 4);
    send_byte(fd6, &to6, 6);
    assert_true(turn_until(&r, 2));
    assert_int_equal(v4.last, 4);
    assert_int_equal(v6.last, 6);
    memcpy(rtc_port_slot(r.port), "back", 4); /* and the way back, as it was bound */
    rtc_port_put(r.port, &from4, 4);
    rtc_batch_flush(r.batch);
    char back[8];
    assert_int_equal(recv(fd4, back, sizeof(back), 0), 4);
    assert_memory_equal(back, "back", 4);
    close(fd4);
    close(fd6);
    close_rig(&r);
}

/* What the kernel refuses is counted and holds up nothing else. */
static void a_refused_datagram_is_stepped_over(void **state)
{
    (void)state;
    struct rig r;
    struct rtc_address good, bad;
    const int fd = open_socket("127.0.0.1", &good);
    open_rig(&r, "127.0.0.1", NULL);
    assert_int_equal(rtc_address_read(&bad, "127.0.0.1", 0), 0); /* port 0: EINVAL */
    for (uint8_t i = 0; i < 3; i++) {
        *rtc_port_slot(r.port) = i;
        rtc_port_put(r.port, i == 1 ? &bad : &good, 1);
    }
    rtc_batch_flush(r.batch);
    uint8_t got;
    assert_int_equal(recv(fd, &got, 1, 0), 1);
    assert_int_equal(got, 0);
    assert_int_equal(recv(fd, &got, 1, 0), 1);
    assert_int_equal(got, 2);
    struct rtc_batch_stats s;
    rtc_batch_read_stats(r.batch, &s);
    assert_int_equal(s.sent, 2);
    assert_int_equal(s.refused, 1);
    close(fd);
    close_rig(&r);
}

/* Busy ports are not polled: nothing may stay behind when they get busy, nor when they calm down.
 */
static void nothing_is_missed_between_quiet_and_busy(void **state)
{
    (void)state;
    struct owner one = {0};
    struct rig r;
    struct rtc_address from;
    const int fd = open_socket("127.0.0.1", &from);
    open_rig(&r, "127.0.0.1", NULL);
    assert_int_equal(rtc_port_bind(r.port, &from, &one), 0);
    uint64_t sent = 0;
    bool was_busy = false;
    const int64_t by_us = mcu_now_us() + WAIT_US;
    while (!was_busy && mcu_now_us() < by_us) {
        for (size_t i = 0; i < 20; i++, sent++)
            send_byte(fd, &r.local, 1);
        assert_true(turn_until(&r, sent));
        struct rtc_port_stats s;
        rtc_port_read_stats(r.port, &s);
        was_busy = s.is_busy;
    }
    assert_true(was_busy);
    bool is_busy = true;
    while (is_busy && mcu_now_us() < by_us) {
        send_byte(fd, &r.local, 1);
        sent++;
        assert_true(turn_until(&r, sent));
        mcu_sleep_until_us(mcu_now_us() + 20 * 1000);
        struct rtc_port_stats s;
        rtc_port_read_stats(r.port, &s);
        is_busy = s.is_busy;
    }
    assert_false(is_busy);
    send_byte(fd, &r.local, 1);
    assert_true(turn_until(&r, sent + 1));
    assert_int_equal(one.taken, sent + 1);
    close(fd);
    close_rig(&r);
}

/* However much waits, the thread's other work gets its turn after a while. */
static void a_flood_does_not_keep_the_thread(void **state)
{
    (void)state;
    struct owner slow = {.busy_us = RTC_PORT_READ_US / RTC_BATCH + 1};
    struct rig r;
    struct rtc_address from;
    const int fd = open_socket("127.0.0.1", &from);
    open_rig(&r, "127.0.0.1", &slow);
    for (size_t i = 0; i < FLOOD; i++)
        send_byte(fd, &r.local, 1);
    g_main_context_iteration(r.context, TRUE);
    assert_int_equal(slow.taken, RTC_BATCH);
    slow.busy_us = 0;
    assert_true(turn_until(&r, FLOOD));
    close(fd);
    close_rig(&r);
}

static void what_is_no_address_is_refused(void **state)
{
    (void)state;
    struct rtc_address a, b;
    assert_int_equal(rtc_address_read(&a, "localhost", 1), -EINVAL);
    assert_int_equal(rtc_address_read(&a, "", 1), -EINVAL);
    assert_int_equal(rtc_address_read(&a, "1.2.3.4", 5), 0);
    assert_int_equal(rtc_address_read(&b, "::ffff:1.2.3.4", 5), 0);
    assert_false(rtc_address_is_equal(&a, &b));
    rtc_address_map_to_v6(&a);
    assert_true(rtc_address_is_equal(&a, &b));
    assert_int_equal(rtc_address_hash(&a, 1), rtc_address_hash(&b, 1));
    assert_int_not_equal(rtc_address_hash(&a, 1), rtc_address_hash(&b, 2));
    struct rig r;
    open_rig(&r, "127.0.0.1", NULL);
    assert_int_equal(rtc_port_bind(r.port, &b, &r), -EINVAL); /* IPv6 on a port without it */
    close_rig(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(owners_are_found_whoever_went_before),
        cmocka_unit_test(answers_leave_from_where_they_were_asked),
        cmocka_unit_test(each_source_has_its_owner),
        cmocka_unit_test(one_socket_serves_both_families),
        cmocka_unit_test(a_refused_datagram_is_stepped_over),
        cmocka_unit_test(nothing_is_missed_between_quiet_and_busy),
        cmocka_unit_test(a_flood_does_not_keep_the_thread),
        cmocka_unit_test(what_is_no_address_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
