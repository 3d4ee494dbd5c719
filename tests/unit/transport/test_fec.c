/* Parity of RTP packets, undone by a receiver of the test's own (unfec.h). */
#include <errno.h>

#include "pure.h"
#include "transport/fec.h"
#include "unfec.h"

enum { SSRC = 0x80000001 };

static struct unfec_packet came[65536];

static uint32_t dice(uint32_t sides)
{
    static uint32_t state = 1;
    state = state * 1664525 + 1013904223;
    return (state >> 8) % sides;
}

static void make(uint16_t seq)
{
    struct unfec_packet *p = &came[seq];
    p->size = 12 + dice(1180);
    for (size_t i = 0; i < p->size; i++)
        p->data[i] = (uint8_t)dice(256);
    p->data[0] = (uint8_t)(0x80 | (p->data[0] & 0x3f));
    p->data[2] = (uint8_t)(seq >> 8);
    p->data[3] = (uint8_t)seq;
    memcpy(p->data + 8, (const uint8_t[]){0x80, 0, 0, 1}, 4);
}

/* Every one of them, each time the only one that is lost. */
static void recovers_any(const uint8_t *fec, size_t size, const uint16_t *seqs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct unfec_packet *p = &came[seqs[i]];
        uint8_t out[1500];
        uint16_t seq;
        const size_t was = p->size;
        p->size = 0;
        assert_int_equal(unfec_recover(fec, size, came, &seq, out), was);
        assert_int_equal(seq, seqs[i]);
        assert_memory_equal(out, p->data, was);
        p->size = was;
    }
}

static void any_one_packet_comes_back(void **state)
{
    (void)state;
    for (int round = 0; round < 300; round++) {
        const uint16_t base = round == 0 ? 65530 : (uint16_t)dice(65536);
        const uint32_t stride = 1 + dice(4);
        uint16_t seqs[RTC_FEC_SPAN];
        size_t count = 0;
        struct rtc_fec f;
        uint8_t out[1500];
        memset(came, 0, sizeof(came));
        rtc_fec_begin(&f, base);
        for (uint32_t i = 0; i < RTC_FEC_SPAN && (i == 0 || dice(12)); i += stride) {
            seqs[count] = (uint16_t)(base + i);
            make(seqs[count]);
            assert_int_equal(rtc_fec_add(&f, came[seqs[count]].data, came[seqs[count]].size), 0);
            count++;
        }
        const int n = rtc_fec_write(&f, SSRC, out, sizeof(out));
        assert_true(n > 20 && (size_t)n == f.size + (f.covered >> 15 ? 24 : 20));
        recovers_any(out, (size_t)n, seqs, count);
    }
}

static void what_no_mask_can_name_is_refused(void **state)
{
    (void)state;
    struct rtc_fec f;
    uint8_t out[1500];
    rtc_fec_begin(&f, 100);
    assert_int_equal(rtc_fec_write(&f, SSRC, out, sizeof(out)), -ENODATA);
    make(99);
    make(100 + RTC_FEC_SPAN);
    make(101);
    assert_int_equal(rtc_fec_add(&f, came[99].data, came[99].size), -EINVAL);
    assert_int_equal(rtc_fec_add(&f, came[146].data, came[146].size), -EINVAL);
    assert_int_equal(rtc_fec_add(&f, came[101].data, 11), -EINVAL);
    assert_int_equal(rtc_fec_add(&f, came[101].data, RTC_MTU + 1), -EINVAL);
    assert_int_equal(rtc_fec_write(&f, SSRC, out, sizeof(out)), -ENODATA);
    assert_int_equal(rtc_fec_add(&f, came[101].data, came[101].size), 0);
    assert_int_equal(rtc_fec_write(&f, SSRC, out, 20 + came[101].size - 12 - 1), -ENOSPC);
    assert_int_equal(rtc_fec_write(&f, SSRC, out, sizeof(out)), 20 + came[101].size - 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_one_packet_comes_back),
        cmocka_unit_test(what_no_mask_can_name_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
