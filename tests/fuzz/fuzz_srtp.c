/* Fuzzes what unprotects SRTP with AES-GCM. Each packet is a byte of kind (bit 0: RTCP; bit 1: as
 * our own sender would send it), a byte of length, and what follows. Aborts when a packet that the
 * sender did not make comes through, when one grows, or when our backend and libsrtp2 differ about
 * whether it is good. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/bytes.h"
#include "transport/srtp_backend.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CAPACITY = 320, KEY_BYTES = 28 };

struct rig {
    struct rtc_srtp *send;
    struct rtc_srtp *receive[2];
};

static int unprotect(struct rtc_srtp *s, bool is_rtcp, const uint8_t *packet, size_t size)
{
    _Alignas(8) uint8_t copy[CAPACITY];
    size_t n = size;
    memcpy(copy, packet, size);
    const int err =
        is_rtcp ? rtc_srtp_unprotect_rtcp(s, copy, &n) : rtc_srtp_unprotect(s, copy, &n);
    if (n > size || (err && n != size))
        abort();
    return err;
}

static void try_one(struct rig *r, uint8_t kind, const uint8_t *bytes, size_t size)
{
    _Alignas(8) uint8_t packet[CAPACITY];
    const bool is_rtcp = kind & 1;
    memcpy(packet, bytes, size);
    bool is_made = kind & 2;
    if (is_made)
        is_made = (is_rtcp ? rtc_srtp_protect_rtcp(r->send, packet, &size, CAPACITY)
                           : rtc_srtp_protect(r->send, packet, &size, CAPACITY)) == 0;
    const int lib = unprotect(r->receive[0], is_rtcp, packet, size);
    const int gcm = unprotect(r->receive[1], is_rtcp, packet, size);
    if ((lib == 0) != (gcm == 0) || (gcm == 0 && !is_made))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t key[KEY_BYTES] = {1, 2, 3};
    struct rig r;
    if (rtc_srtp_gcm_create(&r.send, RTC_SRTP_SEND, key, KEY_BYTES) ||
        rtc_srtp_lib_create(&r.receive[0], RTC_SRTP_AEAD_AES_128_GCM, RTC_SRTP_RECEIVE, key,
                            KEY_BYTES) ||
        rtc_srtp_gcm_create(&r.receive[1], RTC_SRTP_RECEIVE, key, KEY_BYTES))
        abort();
    struct mcu_reader in = mcu_reader(data, size);
    while (mcu_left(&in) >= 2) {
        const uint8_t kind = mcu_take_u8(&in);
        const size_t wanted = mcu_take_u8(&in);
        const size_t n = wanted < mcu_left(&in) ? wanted : mcu_left(&in);
        try_one(&r, kind, mcu_take(&in, n), n);
    }
    rtc_srtp_destroy(r.send);
    rtc_srtp_destroy(r.receive[0]);
    rtc_srtp_destroy(r.receive[1]);
    return 0;
}
