/* Parameter sets out of H264 access units. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recorder/annexb.h"

#define SPS  0x67, 0x42, 0xe0, 0x1f, 0xaa
#define PPS  0x68, 0xce, 0x3c, 0x80
#define IDR  0x65, 0x88, 0x84, 0x00
#define AUD  0x09, 0xf0
#define S3   0, 0, 1
#define S4   0, 0, 0, 1
#define LIST(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

static const struct row {
    const char *name;
    const uint8_t *data;
    size_t size;
    int err;
    const uint8_t *expected;
    size_t expected_size;
} rows[] = {
    {"short and long start codes", LIST(S4, SPS, S3, PPS, S3, IDR), 0, LIST(S4, SPS, S4, 0x68, 0xce, 0x3c, 0x80)},
    {"other units are left out", LIST(S4, AUD, S4, SPS, S4, PPS, S4, IDR), 0, LIST(S4, SPS, S4, PPS)},
    {"order is kept", LIST(S3, PPS, S3, SPS), 0, LIST(S4, PPS, S4, SPS)},
    {"zeros after a unit are no part of it", LIST(S4, SPS, 0, 0, S4, 0x68, 0xce, 0, 0), 0, LIST(S4, SPS, S4, 0x68, 0xce)},
    {"a start code ends the data", LIST(S4, SPS, S4, PPS, S3), 0, LIST(S4, SPS, S4, PPS)},
    {"no picture parameter set", LIST(S4, SPS, S4, IDR), -ENODATA, NULL, 0},
    {"no sequence parameter set", LIST(S4, PPS, S4, IDR), -ENODATA, NULL, 0},
    {"a sequence parameter set too short to be one", LIST(S4, 0x67, 0x42, S4, PPS), -ENODATA, NULL, 0},
    {"no start code at all", LIST(SPS, PPS), -ENODATA, NULL, 0},
    {"half a start code", LIST(0, 0), -ENODATA, NULL, 0},
    {"nothing", (const uint8_t *)"", 0, -ENODATA, NULL, 0},
};

static void parameter_sets_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t *exact = malloc(rows[i].size ? rows[i].size : 1); /* ASan sees a step too far */
        assert_non_null(exact);
        memcpy(exact, rows[i].data, rows[i].size);
        uint8_t out[64];
        size_t size = 0;
        const int err = rec_annexb_parameters(exact, rows[i].size, out, sizeof(out), &size);
        free(exact);
        if (err != rows[i].err || size != rows[i].expected_size ||
            (size && memcmp(out, rows[i].expected, size) != 0))
            fail_msg("%s: error %d, %zu bytes", rows[i].name, err, size);
    }
}

static void too_many_for_the_buffer_is_an_error(void **state)
{
    (void)state;
    uint8_t out[12];
    size_t size = 77;
    const uint8_t data[] = {S4, SPS, S4, PPS};
    assert_int_equal(rec_annexb_parameters(data, sizeof(data), out, sizeof(out), &size), -EMSGSIZE);
    assert_int_equal(size, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameter_sets_are_found),
        cmocka_unit_test(too_many_for_the_buffer_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
