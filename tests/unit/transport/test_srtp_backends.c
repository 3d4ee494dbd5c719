/* Our AES-GCM framing against libsrtp2's: the same bytes out, the same verdict and plain text in,
 * on random packets; and tampering anywhere refused by both. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "transport/srtp_backend.h"

enum {
    CAPACITY = 1500,
    PACKETS = 20000,
    SSRCS = 6,
    KEY_BYTES = 28,
    HELD_MAX = 64,
};

struct rig {
    struct rtc_srtp *send[2]; /* libsrtp, ours */
    struct rtc_srtp *receive[2];
    uint64_t random;
};

struct packet {
    bool is_rtcp;
    size_t size;
    _Alignas(8) uint8_t data[CAPACITY];
};

static uint32_t draw(struct rig *r, uint32_t below)
{
    r->random ^= r->random << 13;
    r->random ^= r->random >> 7;
    r->random ^= r->random << 17;
    return (uint32_t)((r->random >> 16) % below);
}

static void open_rig(struct rig *r, uint64_t seed)
{
    uint8_t key[KEY_BYTES];
    r->random = seed * 0x9e3779b97f4a7c15u + 1;
    for (size_t i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)draw(r, 256);
    for (size_t i = 0; i < 2; i++) {
        const enum rtc_srtp_direction d = i == 0 ? RTC_SRTP_SEND : RTC_SRTP_RECEIVE;
        struct rtc_srtp **at = i == 0 ? r->send : r->receive;
        assert_int_equal(rtc_srtp_lib_create(&at[0], RTC_SRTP_AEAD_AES_128_GCM, d, key, KEY_BYTES),
                         0);
        assert_int_equal(rtc_srtp_gcm_create(&at[1], d, key, KEY_BYTES), 0);
    }
}

static void close_rig(struct rig *r)
{
    for (size_t i = 0; i < 2; i++) {
        rtc_srtp_destroy(r->send[i]);
        rtc_srtp_destroy(r->receive[i]);
    }
}

static void put_ssrc(uint8_t *p, uint32_t ssrc)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(ssrc >> (24 - 8 * i));
}

static void make_rtp(struct rig *r, struct packet *p, uint32_t ssrc, uint16_t seq)
{
    const size_t csrcs = draw(r, 4) == 0 ? draw(r, 16) : 0;
    const bool has_extension = draw(r, 2);
    const size_t words = draw(r, 5);
    const size_t header = 12 + 4 * csrcs + (has_extension ? 4 + 4 * words : 0);
    p->is_rtcp = false;
    p->size = header + draw(r, 1100);
    for (size_t i = 0; i < p->size; i++)
        p->data[i] = (uint8_t)draw(r, 256);
    p->data[0] = (uint8_t)(0x80 | (has_extension ? 0x10 : 0) | csrcs);
    p->data[1] = 111;
    p->data[2] = (uint8_t)(seq >> 8);
    p->data[3] = (uint8_t)seq;
    put_ssrc(p->data + 8, ssrc);
    if (has_extension) {
        p->data[12 + 4 * csrcs + 2] = 0;
        p->data[12 + 4 * csrcs + 3] = (uint8_t)words;
    }
}

static void make_rtcp(struct rig *r, struct packet *p, uint32_t ssrc)
{
    p->is_rtcp = true;
    p->size = 8 + 4 * draw(r, 200);
    for (size_t i = 0; i < p->size; i++)
        p->data[i] = (uint8_t)draw(r, 256);
    p->data[0] = 0x80;
    p->data[1] = 201;
    put_ssrc(p->data + 4, ssrc);
}

static int protect(struct rtc_srtp *s, struct packet *p)
{
    return p->is_rtcp ? rtc_srtp_protect_rtcp(s, p->data, &p->size, CAPACITY)
                      : rtc_srtp_protect(s, p->data, &p->size, CAPACITY);
}

static int unprotect(struct rtc_srtp *s, struct packet *p)
{
    return p->is_rtcp ? rtc_srtp_unprotect_rtcp(s, p->data, &p->size)
                      : rtc_srtp_unprotect(s, p->data, &p->size);
}

/* By both: one verdict and one result; returns the verdict. */
static int protect_by_both(struct rig *r, struct packet *p)
{
    struct packet other = *p;
    const int err = protect(r->send[0], p);
    assert_int_equal(protect(r->send[1], &other), err);
    if (err)
        return err;
    assert_int_equal(p->size, other.size);
    assert_memory_equal(p->data, other.data, p->size);
    return 0;
}

static int unprotect_by_both(struct rig *r, const struct packet *p, struct packet *plain)
{
    struct packet other = *p;
    *plain = *p;
    const int err = unprotect(r->receive[0], plain);
    assert_int_equal(unprotect(r->receive[1], &other), err);
    if (err)
        return err;
    assert_int_equal(plain->size, other.size);
    assert_memory_equal(plain->data, other.data, plain->size);
    return 0;
}

/* Mostly the next number; now and then a repeat, a step back, or a leap, so that counters roll over
 * dozens of times. */
static uint16_t next_seq(struct rig *r, uint16_t *seq)
{
    switch (draw(r, 20)) {
    case 0:
        return (uint16_t)(*seq - draw(r, 1500));
    case 1:
        return *seq = (uint16_t)(*seq + draw(r, 30000));
    case 2:
        return *seq;
    default:
        return ++*seq;
    }
}

static void deliver_any(struct rig *r, struct packet *held, size_t *count, size_t verdicts[3])
{
    const size_t i = draw(r, (uint32_t)*count);
    struct packet plain;
    const int err = unprotect_by_both(r, &held[i], &plain);
    /* After leaps a late packet's counter may be guessed wrong, as the RFC has it. */
    assert_true(err == 0 || err == -EALREADY || err == -EACCES);
    verdicts[err == 0 ? 0 : err == -EALREADY ? 1 : 2]++;
    if (draw(r, 8) == 0)
        return; /* it comes once more */
    held[i] = held[--*count];
}

static void both_make_and_take_the_same_packets(void **state)
{
    (void)state;
    static struct packet held[HELD_MAX];
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct rig r;
        open_rig(&r, seed);
        uint16_t seqs[SSRCS] = {0, 32767, 32768, 65535, 100, 60000};
        size_t count = 0, verdicts[3] = {0};
        for (size_t i = 0; i < PACKETS; i++) {
            const size_t source = draw(&r, SSRCS);
            struct packet *p = &held[count];
            if (draw(&r, 10) == 0)
                make_rtcp(&r, p, 1000 + (uint32_t)source);
            else
                make_rtp(&r, p, 1000 + (uint32_t)source, next_seq(&r, &seqs[source]));
            if (protect_by_both(&r, p) == 0)
                count++;
            while (count == HELD_MAX || (count > 0 && draw(&r, 3) > 0))
                deliver_any(&r, held, &count, verdicts);
        }
        assert_true(verdicts[0] > PACKETS / 2 && verdicts[1] > PACKETS / 100 &&
                    verdicts[2] < PACKETS / 20);
        close_rig(&r);
    }
}

static void a_changed_bit_anywhere_is_refused_by_both(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r, 9);
    for (uint16_t i = 0; i < 60; i++) {
        struct packet p, changed, plain;
        if (i % 2)
            make_rtcp(&r, &p, 7);
        else
            make_rtp(&r, &p, 7, i);
        assert_int_equal(protect_by_both(&r, &p), 0);
        for (size_t bit = draw(&r, 8); bit < 8 * p.size; bit += 1 + draw(&r, 40)) {
            changed = p;
            changed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            plain = changed;
            assert_int_not_equal(unprotect(r.receive[0], &plain), 0);
            plain = changed;
            assert_int_not_equal(unprotect(r.receive[1], &plain), 0);
            assert_int_equal(plain.size, p.size);
        }
        for (size_t cut = 1; cut < 40 && cut < p.size; cut++) {
            changed = p;
            changed.size -= cut;
            assert_int_not_equal(unprotect(r.receive[1], &changed), 0);
        }
        assert_int_equal(unprotect_by_both(&r, &p, &plain), 0); /* nothing of that was noted */
    }
    close_rig(&r);
}

/* RFC 3711, 3.4: without the E bit RTCP would be in the clear; the profile does not allow that. */
static void rtcp_in_the_clear_is_refused(void **state)
{
    (void)state;
    struct rig r;
    open_rig(&r, 4);
    struct packet p;
    make_rtcp(&r, &p, 7);
    assert_int_equal(protect_by_both(&r, &p), 0);
    assert_true(p.data[p.size - 4] & 0x80);
    p.data[p.size - 4] &= 0x7f;
    assert_int_equal(unprotect(r.receive[1], &p), -EACCES);
    close_rig(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_make_and_take_the_same_packets),
        cmocka_unit_test(a_changed_bit_anywhere_is_refused_by_both),
        cmocka_unit_test(rtcp_in_the_clear_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
