/* AV1 payloads of one temporal unit, each behind a byte of length. What was measured is what is
 * written, and the OBUs that come out follow each other by their own sizes to the end. */
#include <errno.h>
#include <stdlib.h>

#include "mcu/base/bytes.h"
#include "transport/payload_av1.h"

enum { OUT_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool is_true)
{
    if (!is_true)
        abort();
}

static void walk(const uint8_t *data, size_t size)
{
    struct mcu_reader r = mcu_reader(data, size);
    while (mcu_left(&r) > 0) {
        const uint8_t head = mcu_take_u8(&r);
        check((head & 0x82) == 0x02);
        if (head & 0x04)
            mcu_take_u8(&r);
        uint32_t length = 0;
        for (unsigned i = 0; i < 4; i++)
            length |= (uint32_t)(mcu_take_u8(&r) & 0x7f) << 7 * i;
        mcu_take(&r, length);
        check(!r.failed);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[OUT_MAX];
    struct rtc_av1_unpack measured = {0}, u = {.out = out, .capacity = sizeof(out)};
    struct mcu_reader r = mcu_reader(data, size);
    int err = 0;
    while (!err && mcu_left(&r) > 1) {
        const size_t told = mcu_take_u8(&r);
        const size_t n = told < mcu_left(&r) ? told : mcu_left(&r);
        const uint8_t *payload = mcu_take(&r, n);
        struct rtc_av1_peek peek;
        rtc_av1_peek(&peek, payload, n);
        err = rtc_av1_unpack_add(&measured, payload, n);
        const int same = rtc_av1_unpack_add(&u, payload, n);
        if (same == -ENOSPC)
            return 0;
        check(err == same);
    }
    if (!err) {
        check(measured.size == u.size);
        if (!u.in_obu)
            walk(out, u.size);
    }
    return 0;
}
