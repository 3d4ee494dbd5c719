/* H264 payloads both ways. The input is taken as payloads (a length byte, then that many bytes),
 * and as an access unit in Annex B, which must come back from its own payloads. */
#include <stdlib.h>
#include <string.h>

#include "transport/payload_h264.h"
#include "transport/picture_size.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool is_true)
{
    if (!is_true)
        abort();
}

/* Adds payloads until one is refused; the same with and without room must go the same way. */
static void unpack_input(const uint8_t *data, size_t size)
{
    uint8_t *out = malloc(size * 4 + 16);
    struct rtc_h264_unpack counted = {0};
    struct rtc_h264_unpack u = {.out = out, .capacity = size * 4 + 16};
    for (size_t at = 0; at < size;) {
        struct rtc_h264_peek peek;
        size_t n = data[at++];
        n = n < size - at ? n : size - at;
        rtc_h264_peek(&peek, data + at, n);
        uint32_t width = 1, height = 1;
        rtc_picture_size(MCU_CODEC_H264, data + at, n, &width, &height);
        check(width > 0 && width <= 65535 && height > 0 && height <= 65535);
        const int err = rtc_h264_unpack_add(&counted, data + at, n);
        check(rtc_h264_unpack_add(&u, data + at, n) == err);
        if (err)
            break;
        check(counted.size == u.size && counted.has_idr == u.has_idr);
        at += n;
    }
    free(out);
}

/* The access unit as it should come back: what is left out is left out, start codes are long. */
static size_t reference(const uint8_t *data, size_t size, uint8_t *out)
{
    size_t at = 0, n, total = 0;
    const uint8_t *nal;
    while ((nal = rtc_h264_next_nal(data, size, &at, &n))) {
        if ((nal[0] & 0x1f) == 9 || (nal[0] & 0x1f) == 12)
            continue;
        memcpy(out + total, (const uint8_t[]){0, 0, 0, 1}, 4);
        memcpy(out + total + 4, nal, n);
        total += n + 4;
    }
    return total;
}

/* Types 0 and 24 to 31 have a meaning of their own in RTP and are no NAL units of an encoder. */
static bool has_odd_types(const uint8_t *data, size_t size)
{
    size_t at = 0, n;
    const uint8_t *nal;
    while ((nal = rtc_h264_next_nal(data, size, &at, &n)))
        if ((nal[0] & 0x1f) == 0 || (nal[0] & 0x1f) > 23 || (nal[0] & 0x80))
            return true;
    return false;
}

static void round_trip(const uint8_t *data, size_t size)
{
    struct mcu_packet *packet = mcu_packet_copy(data, size);
    struct rtc_payloads *p = NULL;
    uint8_t *expected = malloc(size * 2 + 16);
    uint8_t *got = malloc(size * 2 + 16);
    const size_t total = reference(data, size, expected);
    struct rtc_h264_unpack u = {.out = got, .capacity = size * 2 + 16};
    const int err = rtc_h264_packetize(&p, packet, RTC_PAYLOAD_MIN, NULL);
    check((err == 0) == (total > 0));
    for (size_t i = 0; !err && i < p->count; i++) {
        uint8_t payload[RTC_PAYLOAD_MIN];
        const struct rtc_slice *s = &p->slices[i];
        check((size_t)s->prefix_size + s->size <= sizeof(payload));
        memcpy(payload, s->prefix, s->prefix_size);
        memcpy(payload + s->prefix_size, s->data, s->size);
        if (!has_odd_types(data, size))
            check(rtc_h264_unpack_add(&u, payload, (size_t)s->prefix_size + s->size) == 0);
    }
    if (!err && !has_odd_types(data, size))
        check(u.size == total && memcmp(got, expected, total) == 0);
    rtc_payloads_unref(p);
    mcu_packet_unref(packet);
    free(expected);
    free(got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t profile[3] = {0x42, 0xe0, 0x1f};
    if (size > 4096)
        return 0;
    unpack_input(data, size);
    round_trip(data, size);
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    if (rtc_h264_set_profile(copy, size, profile))
        check(memcmp(copy, data, size) == 0);
    free(copy);
    return 0;
}
