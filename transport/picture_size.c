/* transport/picture_size.c - sizes of pictures from key frames. Pure; [any]. Of an SPS (H.264,
 * 7.3.2.1.1) all before the size is stepped over. */
#include "transport/picture_size.h"

#include "mcu/base/bytes.h"
#include "transport/payload_vp8.h"
#include "transport/payload_vp9.h"

enum {
    SIDE_MAX = 65535,
    NAL_SPS = 7,
    NAL_STAP_A = 24,
    CHROMA_444 = 3,
    CYCLE_MAX = 255,
};

/* --- bits of a NAL unit ------------------------------------------------------------------------- */

struct bits {
    const uint8_t *at;
    const uint8_t *end;
    unsigned left;  /* of *at */
    unsigned zeros; /* bytes of zero before it */
    bool failed;
};

/* The 3 of 0 0 3 only keeps start codes away. */
static void next_byte(struct bits *b)
{
    b->zeros = *b->at == 0 ? b->zeros + 1 : 0;
    b->at++;
    b->left = 8;
    if (b->at < b->end && b->zeros >= 2 && *b->at == 3) {
        b->at++;
        b->zeros = 0;
    }
}

static uint32_t bit(struct bits *b)
{
    if (b->at >= b->end) {
        b->failed = true;
        return 0;
    }
    const uint32_t value = *b->at >> --b->left & 1;
    if (b->left == 0)
        next_byte(b);
    return value;
}

static void skip(struct bits *b, unsigned count)
{
    while (count-- > 0)
        bit(b);
}

/* Exp-Golomb (9.1), at most 16 bits of it: larger ones make no sense here. Signed ones are of the same
 * length. */
static uint32_t number(struct bits *b)
{
    unsigned zeros = 0;
    while (!b->failed && bit(b) == 0) {
        if (++zeros > 16)
            b->failed = true;
    }
    uint32_t value = 1;
    for (unsigned i = 0; i < zeros && !b->failed; i++)
        value = value << 1 | bit(b);
    return b->failed ? 0 : value - 1;
}

/* --- H264 --------------------------------------------------------------------------------------- */

static bool has_chroma_format(uint32_t profile)
{
    return profile == 100 || profile == 110 || profile == 122 || profile == 244;
}

/* Returns chroma_format_idc. */
static uint32_t skip_chroma(struct bits *b)
{
    const uint32_t chroma = number(b);
    if (chroma == CHROMA_444)
        skip(b, 1);
    number(b);
    number(b);
    skip(b, 1);
    if (bit(b)) /* scaling lists: nobody who sends over WebRTC has them */
        b->failed = true;
    return chroma;
}

static void skip_order(struct bits *b)
{
    number(b); /* log2_max_frame_num */
    const uint32_t type = number(b);
    if (type == 0) {
        number(b);
    } else if (type == 1) {
        skip(b, 1);
        number(b);
        number(b);
        const uint32_t cycle = number(b);
        b->failed |= cycle > CYCLE_MAX;
        for (uint32_t i = 0; i < cycle && !b->failed; i++)
            number(b);
    }
    number(b);
    skip(b, 1);
}

bool rtc_h264_sps_size(const uint8_t *sps, size_t size, uint32_t *width, uint32_t *height)
{
    if (size < 5 || (sps[0] & 0x1f) != NAL_SPS)
        return false;
    struct bits b = {.at = sps + 4, .end = sps + size, .left = 8};
    number(&b);
    const uint32_t chroma = has_chroma_format(sps[1]) ? skip_chroma(&b) : 1;
    skip_order(&b);
    const uint32_t columns = number(&b) + 1, rows = number(&b) + 1;
    const uint32_t fields = bit(&b) ? 1 : 2;
    skip(&b, fields == 2 ? 2 : 1);
    uint32_t w = columns * 16, h = rows * 16 * fields;
    if (bit(&b)) { /* cropped: in chroma samples */
        const uint32_t across = chroma == 1 || chroma == 2 ? 2 : 1;
        const uint32_t down = (chroma == 1 ? 2 : 1) * fields;
        const uint32_t x = number(&b) + number(&b), y = number(&b) + number(&b);
        w -= x * across < w ? x * across : w;
        h -= y * down < h ? y * down : h;
    }
    if (b.failed || w == 0 || h == 0 || w > SIDE_MAX || h > SIDE_MAX)
        return false;
    *width = w;
    *height = h;
    return true;
}

static bool h264_size(const uint8_t *payload, size_t size, uint32_t *width, uint32_t *height)
{
    if (size < 1)
        return false;
    if ((payload[0] & 0x1f) != NAL_STAP_A)
        return rtc_h264_sps_size(payload, size, width, height);
    struct mcu_reader r = mcu_reader(payload + 1, size - 1);
    while (mcu_left(&r) > 0) {
        const size_t n = mcu_take_u16(&r);
        const uint8_t *nal = mcu_take(&r, n);
        if (r.failed)
            return false;
        if (rtc_h264_sps_size(nal, n, width, height))
            return true;
    }
    return false;
}

/* --- VP8 and VP9 -------------------------------------------------------------------------------- */

static bool vp8_size(const uint8_t *payload, size_t size, uint32_t *width, uint32_t *height)
{
    struct rtc_vp8_descriptor d;
    if (rtc_vp8_parse(&d, payload, size) || !d.is_start || d.partition != 0 ||
        !rtc_vp8_is_key(payload + d.size, size - d.size))
        return false;
    const uint8_t *frame = payload + d.size; /* little endian, with two bits of scaling */
    const uint32_t w = (uint32_t)(frame[6] | (frame[7] & 0x3f) << 8);
    const uint32_t h = (uint32_t)(frame[8] | (frame[9] & 0x3f) << 8);
    if (w == 0 || h == 0)
        return false;
    *width = w;
    *height = h;
    return true;
}

static bool vp9_size(const uint8_t *payload, size_t size, uint32_t *width, uint32_t *height)
{
    struct rtc_vp9_descriptor d;
    if (rtc_vp9_parse(&d, payload, size) || d.width == 0 || d.height == 0)
        return false;
    *width = d.width;
    *height = d.height;
    return true;
}

bool rtc_picture_size(enum mcu_codec codec, const uint8_t *payload, size_t size, uint32_t *width,
                      uint32_t *height)
{
    switch (codec) {
    case MCU_CODEC_H264:
        return h264_size(payload, size, width, height);
    case MCU_CODEC_VP8:
        return vp8_size(payload, size, width, height);
    case MCU_CODEC_VP9:
        return vp9_size(payload, size, width, height);
    default:
        return false;
    }
}
