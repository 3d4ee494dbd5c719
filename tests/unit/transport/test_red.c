/* RFC 2198 payloads: what is read, what is refused, and that what is written reads back. */
#include <errno.h>

#include "pure.h"
#include "transport/red.h"

static void a_packet_with_copies_is_taken_apart(void **state)
{
    (void)state;
    /* two copies, 1920 and 960 ticks old, of 3 and 2 bytes */
    const uint8_t bytes[] = {0xef, 0x1e, 0x00, 0x03, 0xef, 0x0f, 0x00, 0x02, 0x6f,
                             1,    2,    3,    4,    5,    6,    7,    8,    9};
    uint8_t *p = exact_copy(bytes, sizeof(bytes));
    struct rtc_red red;
    assert_int_equal(rtc_red_parse(&red, p, sizeof(bytes)), 0);
    assert_int_equal(red.count, 2);
    assert_int_equal(red.copies[0].pt, 111);
    assert_int_equal(red.copies[0].offset_rtp, 1920);
    assert_int_equal(red.copies[0].size, 3);
    assert_ptr_equal(red.copies[0].data, p + 9);
    assert_int_equal(red.copies[1].offset_rtp, 960);
    assert_int_equal(red.copies[1].size, 2);
    assert_ptr_equal(red.copies[1].data, p + 12);
    assert_int_equal(red.primary.pt, 111);
    assert_int_equal(red.primary.size, 4);
    assert_ptr_equal(red.primary.data, p + 14);
    free(p);
}

static void what_is_wrong_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint8_t bytes[16];
        size_t size;
        int err;
        size_t copies;
        size_t primary;
    } rows[] = {
        {"nothing", {0}, 0, -EBADMSG, 0, 0},
        {"an empty primary", {111}, 1, 0, 0, 0},
        {"a primary alone", {111, 5, 6}, 3, 0, 0, 2},
        {"a header cut short", {0xef, 0x0f, 0x00}, 3, -EBADMSG, 0, 0},
        {"copies and no primary header", {0xef, 0x0f, 0x00, 0x01}, 4, -EBADMSG, 0, 0},
        {"a copy longer than what is there", {0xef, 0x0f, 0x00, 0x02, 111, 1}, 6, -EBADMSG, 0, 0},
        {"a copy and an empty primary", {0xef, 0x0f, 0x00, 0x01, 111, 1}, 6, 0, 1, 0},
        {"a copy without bytes", {0xef, 0x0f, 0x00, 0x00, 111, 1}, 6, 0, 0, 1},
        {"a copy of the present", {0xef, 0x00, 0x00, 0x01, 111, 1, 2}, 7, 0, 0, 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("%s\n", rows[i].name);
        uint8_t *p = exact_copy(rows[i].bytes, rows[i].size);
        struct rtc_red red = {.count = 77};
        assert_int_equal(rtc_red_parse(&red, p, rows[i].size), rows[i].err);
        assert_int_equal(red.count, rows[i].err ? 77 : rows[i].copies);
        if (!rows[i].err)
            assert_int_equal(red.primary.size, rows[i].primary);
        free(p);
    }
}

static void too_many_blocks_are_refused(void **state)
{
    (void)state;
    uint8_t bytes[(RTC_RED_COPIES_PARSED_MAX + 1) * 5 + 1];
    struct rtc_red red;
    for (size_t n = RTC_RED_COPIES_PARSED_MAX; n <= RTC_RED_COPIES_PARSED_MAX + 1; n++) {
        for (size_t i = 0; i < n; i++)
            memcpy(bytes + 4 * i, (const uint8_t[]){0xef, 0x0f, 0x00, 0x01}, 4);
        bytes[4 * n] = 111;
        memset(bytes + 4 * n + 1, 0, n);
        uint8_t *p = exact_copy(bytes, 5 * n + 1);
        assert_int_equal(rtc_red_parse(&red, p, 5 * n + 1),
                         n <= RTC_RED_COPIES_PARSED_MAX ? 0 : -EBADMSG);
        free(p);
    }
    assert_int_equal(red.count, RTC_RED_COPIES_PARSED_MAX);
}

static void copies_that_do_not_fit_are_left_out(void **state)
{
    (void)state;
    static uint8_t bytes[1100];
    static const struct {
        const char *name;
        struct {
            uint16_t offset;
            size_t size;
        } copies[5];
        size_t count, capacity;
        uint32_t taken;
    } rows[] = {
        {"all four", {{960, 50}, {1920, 50}, {2880, 50}, {3840, 50}}, 4, 1100, 0xf},
        {"a fifth is one too many",
         {{960, 5}, {1920, 5}, {2880, 5}, {3840, 5}, {4800, 5}},
         5,
         1100,
         0xf},
        {"too old", {{960, 50}, {16384, 50}}, 2, 1100, 1},
        {"as old as can be", {{960, 50}, {16383, 50}}, 2, 1100, 3},
        {"too long", {{960, 1024}, {1920, 50}}, 2, 1300, 2},
        {"as long as can be", {{960, 1023}}, 1, 1300, 1},
        {"of the present", {{0, 50}, {960, 50}}, 2, 1100, 2},
        {"without bytes", {{960, 0}, {1920, 50}}, 2, 1100, 2},
        {"room for the newest only", {{960, 50}, {1920, 50}, {2880, 10}}, 3, 101 + 54 + 53, 1},
        {"room to the byte", {{960, 50}, {1920, 50}}, 2, 101 + 54 + 54, 3},
        {"room for none", {{960, 50}}, 1, 101, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("%s\n", rows[i].name);
        struct rtc_red_block copies[5];
        for (size_t k = 0; k < rows[i].count; k++)
            copies[k] = (struct rtc_red_block){.pt = 111,
                                               .offset_rtp = rows[i].copies[k].offset,
                                               .data = bytes,
                                               .size = rows[i].copies[k].size};
        const struct rtc_red_block primary = {.pt = 111, .data = bytes, .size = 100};
        uint32_t taken = 99;
        uint8_t *out = malloc(rows[i].capacity);
        const int n = rtc_red_write(out, rows[i].capacity, &primary, copies, rows[i].count, &taken);
        assert_true(n > 0);
        assert_int_equal(taken, rows[i].taken);
        struct rtc_red red;
        assert_int_equal(rtc_red_parse(&red, out, (size_t)n), 0);
        assert_int_equal(red.count, __builtin_popcount(rows[i].taken));
        assert_int_equal(red.primary.size, 100);
        free(out);
    }
    const struct rtc_red_block primary = {.pt = 111, .data = bytes, .size = 100};
    uint8_t small[100];
    assert_int_equal(rtc_red_write(small, sizeof(small), &primary, NULL, 0, NULL), -ENOSPC);
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    static uint8_t bytes[2000];
    uint64_t seed = 77;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)rnd(&seed);
    for (int round = 0; round < 2000; round++) {
        struct rtc_red_block copies[RTC_RED_COPIES_MAX];
        const size_t count = rnd_below(&seed, RTC_RED_COPIES_MAX + 1);
        for (size_t i = 0; i < count; i++)
            copies[i] = (struct rtc_red_block){
                .pt = (uint8_t)rnd_below(&seed, 128),
                .data = bytes + rnd_below(&seed, 900),
                .offset_rtp = (uint16_t)(1 + rnd_below(&seed, RTC_RED_OFFSET_MAX_RTP)),
                .size = 1 + rnd_below(&seed, 200)};
        const struct rtc_red_block primary = {
            .pt = (uint8_t)rnd_below(&seed, 128), .data = bytes, .size = rnd_below(&seed, 300)};
        uint8_t out[1200];
        const int n = rtc_red_write(out, sizeof(out), &primary, copies, count, NULL);
        assert_true(n > 0);
        uint8_t *p = exact_copy(out, (size_t)n);
        struct rtc_red red;
        assert_int_equal(rtc_red_parse(&red, p, (size_t)n), 0);
        assert_int_equal(red.count, count);
        assert_int_equal(red.primary.pt, primary.pt);
        assert_int_equal(red.primary.size, primary.size);
        assert_memory_equal(red.primary.data, primary.data, primary.size);
        for (size_t i = 0; i < count; i++) { /* oldest first there, newest first here */
            const struct rtc_red_block *c = &red.copies[count - 1 - i];
            assert_int_equal(c->pt, copies[i].pt);
            assert_int_equal(c->offset_rtp, copies[i].offset_rtp);
            assert_int_equal(c->size, copies[i].size);
            assert_memory_equal(c->data, copies[i].data, c->size);
        }
        free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_with_copies_is_taken_apart),
        cmocka_unit_test(what_is_wrong_is_refused),
        cmocka_unit_test(too_many_blocks_are_refused),
        cmocka_unit_test(copies_that_do_not_fit_are_left_out),
        cmocka_unit_test(what_is_written_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
