/* How much a far side is asked to send, and how large what it sends is. */
#include "tests/unit/transport/pure.h"
#include "transport/limit.h"
#include "transport/picture_size.h"

static void set_line(struct rtc_session *s, enum rtc_picture picture, enum mcu_direction direction)
{
    struct rtc_line *l = &s->lines[MCU_VIDEO + picture];
    *l = (struct rtc_line){.is_used = true, .direction = direction, .codec_count = 1};
    l->codecs[0] = (struct mcu_desc_codec){.codec = MCU_CODEC_VP8, .has_remb = true};
}

static struct rtc_told_limit told(uint32_t bitrate_bps)
{
    return (struct rtc_told_limit){.is_told = true, .limit.bitrate_bps = bitrate_bps};
}

static void limits_add_up(void **state)
{
    (void)state;
    static const uint64_t SOUND = 128000;
    struct rtc_session s = {.is_dtls_client = false};
    struct rtc_told_limit limits[RTC_PICTURES] = {{.is_told = false}};
    assert_int_equal(rtc_limit_total_bps(&s, limits), 0);
    set_line(&s, RTC_CAMERA, MCU_SENDRECV);
    assert_int_equal(rtc_limit_total_bps(&s, limits), 0); /* nothing was told */
    limits[RTC_CAMERA] = told(500000);
    assert_int_equal(rtc_limit_total_bps(&s, limits), 550000);
    s.lines[MCU_AUDIO] = (struct rtc_line){.is_used = true, .direction = MCU_SENDRECV};
    assert_int_equal(rtc_limit_total_bps(&s, limits), 550000 + SOUND);
    limits[RTC_CAMERA] = told(0); /* paused: as little as there is */
    assert_int_equal(rtc_limit_total_bps(&s, limits), 33000 + SOUND);

    limits[RTC_CAMERA] = told(500000);
    set_line(&s, RTC_SCREEN, MCU_RECVONLY);
    assert_int_equal(rtc_limit_total_bps(&s, limits), 0); /* the screen is not limited */
    limits[RTC_SCREEN] = told(2000000);
    assert_int_equal(rtc_limit_total_bps(&s, limits), 550000 + 2200000 + SOUND);
    s.lines[RTC_LINE_SCREEN].direction = MCU_INACTIVE;
    assert_int_equal(rtc_limit_total_bps(&s, limits), 550000 + SOUND);

    s.lines[MCU_VIDEO].rid_count = 3; /* smaller layers come beside the one that is wanted */
    assert_int_equal(rtc_limit_total_bps(&s, limits), 800000 + SOUND);
    s.lines[MCU_VIDEO].codecs[0].has_remb = false;
    assert_int_equal(rtc_limit_total_bps(&s, limits), 0);
}

static void the_short_side_decides_and_a_little_less_will_do(void **state)
{
    (void)state;
    const struct rtc_limit limit = {.width = 640, .height = 360};
    assert_true(rtc_limit_is_covered(&limit, 640, 360));
    assert_true(rtc_limit_is_covered(&limit, 360, 640));
    assert_true(rtc_limit_is_covered(&limit, 480, 324));
    assert_false(rtc_limit_is_covered(&limit, 1280, 323));
    assert_false(rtc_limit_is_covered(&limit, 320, 180));
}

static void assert_size(enum mcu_codec codec, const uint8_t *payload, size_t size, uint32_t width,
                        uint32_t height)
{
    uint32_t w = 0, h = 0;
    uint8_t *copy = exact_copy(payload, size);
    const bool is_told = rtc_picture_size(codec, copy, size, &w, &h);
    free(copy);
    assert_int_equal(is_told, width > 0);
    assert_int_equal(w, width);
    assert_int_equal(h, height);
    for (size_t n = 0; n < size; n++) { /* cut short: it may still tell, but reads no further */
        copy = exact_copy(payload, n);
        rtc_picture_size(codec, copy, n, &w, &h);
        free(copy);
    }
}

static void key_frames_tell_their_size(void **state)
{
    (void)state;
    static const uint8_t vp8[] = {0x10, 0x10, 2, 0, 0x9d, 1, 0x2a, 0x80, 0x42, 0x68, 0x81};
    assert_size(MCU_CODEC_VP8, vp8, sizeof(vp8), 640, 360);
    static const uint8_t delta[] = {0x10, 0x11, 2, 0, 0x9d, 1, 0x2a, 0x80, 2, 0x68, 1};
    assert_size(MCU_CODEC_VP8, delta, sizeof(delta), 0, 0);
    static const uint8_t inside[] = {0x00, 0x10, 2, 0, 0x9d, 1, 0x2a, 0x80, 2, 0x68, 1};
    assert_size(MCU_CODEC_VP8, inside, sizeof(inside), 0, 0);

    static const uint8_t vp9[] = {0x0a, 0x30, 1, 0x40, 0, 0xb4, 2, 0x80, 1, 0x68, 9};
    assert_size(MCU_CODEC_VP9, vp9, sizeof(vp9), 640, 360);
    static const uint8_t bare[] = {0x0c, 9};
    assert_size(MCU_CODEC_VP9, bare, sizeof(bare), 0, 0);

    /* 42e01f, 1280x720, no cropping */
    static const uint8_t sps720[] = {0x67, 0x42, 0xe0, 0x1f, 0x8c, 0x8d, 0x40, 0x28, 0x02, 0xdd,
                                     0x80};
    assert_size(MCU_CODEC_H264, sps720, sizeof(sps720), 1280, 720);
    static const uint8_t stap[] = {0x78, 0,    2,    0x09, 0xf0, 0,    11,   0x67, 0x42, 0xe0,
                                   0x1f, 0x8c, 0x8d, 0x40, 0x28, 0x02, 0xdd, 0x80, 0,    2,
                                   0x68, 0xce};
    assert_size(MCU_CODEC_H264, stap, sizeof(stap), 1280, 720);
    static const uint8_t slice[] = {0x65, 0x88, 0x84, 0, 0x33};
    assert_size(MCU_CODEC_H264, slice, sizeof(slice), 0, 0);
    assert_size(MCU_CODEC_AV1, vp9, sizeof(vp9), 0, 0);
}

/* Numbers put together by us: each field as 7.3.2.1.1 has it. */
struct bit_writer {
    uint8_t data[64];
    size_t bits;
};

static void put(struct bit_writer *w, uint32_t value, unsigned count)
{
    while (count-- > 0) {
        w->data[w->bits / 8] |= (uint8_t)((value >> count & 1) << (7 - w->bits % 8));
        w->bits++;
    }
}

static void put_number(struct bit_writer *w, uint32_t value)
{
    unsigned n = 0;
    while ((value + 1) >> (n + 1))
        n++;
    put(w, 0, n);
    put(w, value + 1, n + 1);
}

struct sps {
    uint8_t profile;
    uint32_t chroma, order, columns, rows, is_fields;
    uint32_t crop[4]; /* left, right, top, bottom */
};

static size_t write_sps(const struct sps *s, uint8_t out[128])
{
    struct bit_writer w = {.bits = 0};
    put(&w, 0x67, 8);
    put(&w, s->profile, 8);
    put(&w, 0, 8);
    put(&w, 40, 8);
    put_number(&w, 0);
    if (s->profile == 100) {
        put_number(&w, s->chroma);
        if (s->chroma == 3)
            put(&w, 0, 1);
        put_number(&w, 0);
        put_number(&w, 0);
        put(&w, 0, 2);
    }
    put_number(&w, 4);
    put_number(&w, s->order);
    if (s->order == 0) {
        put_number(&w, 2);
    } else if (s->order == 1) {
        put(&w, 0, 1);
        put_number(&w, 65535); /* 32 bits of zero between the two */
        put_number(&w, 65535);
        put_number(&w, 2);
        put_number(&w, 5);
        put_number(&w, 6);
    }
    put_number(&w, 1);
    put(&w, 0, 1);
    put_number(&w, s->columns - 1);
    put_number(&w, s->rows - 1);
    put(&w, !s->is_fields, 1);
    if (s->is_fields)
        put(&w, 0, 1);
    put(&w, 1, 1);
    put(&w, 1, 1);
    for (size_t i = 0; i < 4; i++)
        put_number(&w, s->crop[i]);
    put(&w, 1, 9);
    size_t n = 0;
    for (size_t i = 0; i < (w.bits + 7) / 8; i++) { /* with what keeps start codes away */
        if (n >= 2 && out[n - 1] == 0 && out[n - 2] == 0 && w.data[i] <= 3)
            out[n++] = 3;
        out[n++] = w.data[i];
    }
    return n;
}

static void an_sps_tells_its_size_whatever_is_before_it(void **state)
{
    (void)state;
    static const struct {
        struct sps sps;
        uint32_t width, height;
    } rows[] = {
        {{66, 1, 0, 40, 23, 0, {0, 0, 0, 4}}, 640, 360},
        {{66, 1, 2, 120, 68, 0, {0, 0, 0, 4}}, 1920, 1080},
        {{77, 1, 1, 20, 12, 0, {1, 2, 3, 3}}, 314, 180},
        {{100, 1, 0, 120, 34, 1, {0, 0, 0, 2}}, 1920, 1080},
        {{100, 3, 0, 10, 10, 0, {5, 5, 7, 0}}, 150, 153},
        {{100, 0, 2, 4096, 2, 0, {0, 0, 0, 0}}, 0, 0}, /* wider than anything */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t sps[128];
        const size_t n = write_sps(&rows[i].sps, sps);
        uint32_t w = 0, h = 0;
        uint8_t *copy = exact_copy(sps, n);
        const bool is_told = rtc_h264_sps_size(copy, n, &w, &h);
        free(copy);
        if (is_told != (rows[i].width > 0) || w != rows[i].width || h != rows[i].height)
            fail_msg("row %zu: %ux%u", i, w, h);
    }
    uint64_t r = 8;
    for (int i = 0; i < 100000; i++) {
        uint8_t bytes[40];
        const size_t size = rnd_below(&r, sizeof(bytes));
        for (size_t k = 0; k < size; k++)
            bytes[k] = (uint8_t)rnd(&r);
        if (size)
            bytes[0] = 0x67;
        uint8_t *copy = exact_copy(bytes, size);
        uint32_t w, h;
        if (rtc_h264_sps_size(copy, size, &w, &h))
            assert_true(w > 0 && h > 0 && w <= 65535 && h <= 65535);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_add_up),
        cmocka_unit_test(the_short_side_decides_and_a_little_less_will_do),
        cmocka_unit_test(key_frames_tell_their_size),
        cmocka_unit_test(an_sps_tells_its_size_whatever_is_before_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
