/* Fuzzes STUN messages. Aborts when what was taken points outside of the datagram, or an error made of it
 * is not read again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "transport/stun.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rtc_stun m, again;
    if (rtc_stun_read(&m, data, size))
        return 0;
    if (m.username && ((const uint8_t *)m.username < data ||
                       (const uint8_t *)m.username + m.username_size > data + size))
        abort();
    if (m.integrity_at && m.integrity_at + 24 > size)
        abort();
    rtc_stun_is_authentic(&m, "VOkJxbRl1RmTxUk/WvJxBt");
    rtc_stun_is_for(&m, "evtj", "h6vY");
    uint8_t out[RTC_STUN_MAX_BYTES];
    const size_t n = rtc_stun_write_error(out, &m, RTC_STUN_UNKNOWN_ATTRIBUTE, "secret");
    if (rtc_stun_read(&again, out, n) || again.kind != RTC_STUN_ERROR ||
        memcmp(again.transaction, m.transaction, RTC_STUN_TRANSACTION_BYTES) != 0 ||
        !rtc_stun_is_authentic(&again, "secret"))
        abort();
    return 0;
}
