/* YCbCr to YCbCr is a matrix of three by three; grey stays grey, so four of its nine numbers for
 * colour and two more for light are all there is. [tick]
 *
 * The tricky thing: SSE2, which every x86-64 has, multiplies 16 bits and keeps the upper half. So
 * samples are held as 64ths, less than 1 is multiplied only, and what is more than that is added: a
 * factor of 0.99 is the sample itself less a hundredth of it. Errors stay under an 8th. */
#include "compositor/recolour.h"

#include <math.h>

enum {
    SHIFT = 6, /* results are 64ths */
    HALF = 1 << SHIFT >> 1,
    MIDDLE = 128,  /* of chroma */
    LUMA_MIN = 16, /* limited range, of the canvas */
    LUMA_STEPS = 219,
    CHROMA_STEPS = 224,
    FULL_STEPS = 255,
    ROW_MAX = COMP_RECOLOUR_WIDTH_MAX / 2,
};

/* How much of red and blue there is in white. */
struct weights {
    double red, blue;
};

static struct weights weights_of(enum AVColorSpace matrix)
{
    switch (matrix) {
    case AVCOL_SPC_BT709:
    case AVCOL_SPC_RGB: /* said by streams that are YCbCr all the same: BT.709, as in Chromium */
        return (struct weights){0.2126, 0.0722};
    case AVCOL_SPC_SMPTE240M:
        return (struct weights){0.212, 0.087};
    case AVCOL_SPC_FCC:
        return (struct weights){0.30, 0.11};
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL:
        return (struct weights){0.2627, 0.0593};
    default:
        return (struct weights){0.299, 0.114};
    }
}

static bool is_601(enum AVColorSpace matrix)
{
    return weights_of(matrix).red == weights_of(AVCOL_SPC_SMPTE170M).red &&
           weights_of(matrix).blue == weights_of(AVCOL_SPC_SMPTE170M).blue;
}

/* yuvj formats are the old way to say full range. */
static bool is_full_by_format(int format)
{
    return format == AV_PIX_FMT_YUVJ420P || format == AV_PIX_FMT_YUVJ422P ||
           format == AV_PIX_FMT_YUVJ444P || format == AV_PIX_FMT_YUVJ440P ||
           format == AV_PIX_FMT_YUVJ411P;
}

struct comp_colours comp_colours_of(const AVFrame *frame)
{
    return (struct comp_colours){
        .matrix = is_601(frame->colorspace) ? AVCOL_SPC_SMPTE170M : frame->colorspace,
        .is_full_range = frame->color_range == AVCOL_RANGE_JPEG || is_full_by_format(frame->format),
    };
}

bool comp_colours_are_plain(const struct comp_colours *colours)
{
    return !colours->is_full_range && is_601(colours->matrix);
}

/* Factors in 2^15ths, those of a sample by itself less one. */
struct factors {
    int16_t y_y, y_cb, y_cr;
    int16_t cb_cb, cb_cr;
    int16_t cr_cb, cr_cr;
    int16_t y_from; /* black */
};

static int16_t q15(double value)
{
    return (int16_t)lrint(value * 32768);
}

static struct factors factors_of(const struct comp_colours *from)
{
    const struct weights s = weights_of(from->matrix), t = weights_of(AVCOL_SPC_SMPTE170M);
    const double s_green = 1 - s.red - s.blue, t_green = 1 - t.red - t.blue;
    /* What red, green and blue are beside y, of cb and cr in -0.5..0.5. */
    const double red_cr = 2 * (1 - s.red), blue_cb = 2 * (1 - s.blue);
    const double green_cb = -s.blue * blue_cb / s_green, green_cr = -s.red * red_cr / s_green;
    const double y_cb = t_green * green_cb + t.blue * blue_cb;
    const double y_cr = t.red * red_cr + t_green * green_cr;
    const double cb = 2 * (1 - t.blue), cr = 2 * (1 - t.red);
    const double luma = from->is_full_range ? (double)LUMA_STEPS / FULL_STEPS : 1;
    const double chroma = from->is_full_range ? (double)CHROMA_STEPS / FULL_STEPS : 1;
    const double mixed = chroma * LUMA_STEPS / CHROMA_STEPS;
    return (struct factors){
        .y_y = q15(luma - 1),
        .y_cb = q15(y_cb * mixed),
        .y_cr = q15(y_cr * mixed),
        .cb_cb = q15((blue_cb - y_cb) / cb * chroma - 1),
        .cb_cr = q15(-y_cr / cb * chroma),
        .cr_cb = q15(-y_cb / cr * chroma),
        .cr_cr = q15((red_cr - y_cr) / cr * chroma - 1),
        .y_from = from->is_full_range ? 0 : LUMA_MIN,
    };
}

/* Without -O3 gcc makes no vector code of these. */
#if defined(__GNUC__) && !defined(__clang__)
#define IS_GCC 1
#pragma GCC push_options
#pragma GCC optimize("O3")
#endif

/* value * 128 * factor / 2^16: 64ths */
static inline int16_t part(int16_t value, int16_t factor)
{
    return (int16_t)(((int32_t)(int16_t)(value * 128) * factor) >> 16);
}

static inline uint8_t clip(int16_t value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* A row of colour, and what it adds to the light of the two rows above it. */
static void recolour_chroma(const struct factors *f, uint8_t *restrict cb, uint8_t *restrict cr,
                            int16_t *restrict light, uint32_t width)
{
    const struct factors k = *f;
    for (uint32_t x = 0; x < width; x++) {
        const int16_t u = (int16_t)(cb[x] - MIDDLE), v = (int16_t)(cr[x] - MIDDLE);
        light[x] = (int16_t)(part(u, k.y_cb) + part(v, k.y_cr) + HALF);
        const int16_t u64 = (int16_t)(u * (1 << SHIFT) + part(u, k.cb_cb) + part(v, k.cb_cr));
        const int16_t v64 = (int16_t)(v * (1 << SHIFT) + part(u, k.cr_cb) + part(v, k.cr_cr));
        cb[x] = clip((int16_t)(((u64 + HALF) >> SHIFT) + MIDDLE));
        cr[x] = clip((int16_t)(((v64 + HALF) >> SHIFT) + MIDDLE));
    }
}

static void recolour_luma(const struct factors *f, uint8_t *restrict y,
                          const int16_t *restrict light, uint32_t pairs)
{
    const struct factors k = *f;
    for (uint32_t x = 0; x < pairs; x++) {
        const int16_t a = (int16_t)(y[2 * x] - k.y_from), b = (int16_t)(y[2 * x + 1] - k.y_from);
        const int16_t a64 = (int16_t)(a * (1 << SHIFT) + part(a, k.y_y) + light[x]);
        const int16_t b64 = (int16_t)(b * (1 << SHIFT) + part(b, k.y_y) + light[x]);
        y[2 * x] = clip((int16_t)((a64 >> SHIFT) + LUMA_MIN));
        y[2 * x + 1] = clip((int16_t)((b64 >> SHIFT) + LUMA_MIN));
    }
}

#ifdef IS_GCC
#pragma GCC pop_options
#endif

void comp_recolour(const struct comp_colours *from, uint8_t *const plane[COMP_PLANES],
                   const int stride[COMP_PLANES], uint32_t width, uint32_t height)
{
    int16_t light[ROW_MAX];
    const struct factors f = factors_of(from);
    for (uint32_t row = 0; row < height / 2; row++) {
        uint8_t *y = plane[0] + (ptrdiff_t)row * 2 * stride[0];
        recolour_chroma(&f, plane[1] + (ptrdiff_t)row * stride[1],
                        plane[2] + (ptrdiff_t)row * stride[2], light, width / 2);
        recolour_luma(&f, y, light, width / 2);
        recolour_luma(&f, y + stride[0], light, width / 2);
    }
}
