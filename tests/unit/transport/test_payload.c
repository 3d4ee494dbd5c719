/* H264 and VP8 payloads: round trips against a plain reference, and hostile input. */
#include <errno.h>

#include "tests/unit/transport/pure.h"
#include "transport/payload.h"
#include "transport/payload_h264.h"
#include "transport/payload_vp8.h"

/* --- H264 ------------------------------------------------------------------------------------- */

struct bytes {
    uint8_t data[1 << 17];
    size_t size;
};

static void add(struct bytes *b, const void *data, size_t size)
{
    assert_true(b->size + size <= sizeof(b->data));
    memcpy(b->data + b->size, data, size);
    b->size += size;
}

/* A NAL unit of chance without start codes in it, written with a start code of either length. */
static void add_nal(struct bytes *b, struct bytes *reference, uint64_t *r, uint8_t head,
                    size_t size, bool is_left_out)
{
    static const uint8_t start[] = {0, 0, 0, 1};
    const bool is_long = b->size == 0 || rnd(r) & 1;
    add(b, start + !is_long, sizeof(start) - !is_long);
    if (!is_left_out)
        add(reference, start, sizeof(start));
    for (size_t i = 0; i < size; i++) {
        const uint8_t byte = i == 0 ? head : (uint8_t)(1 + rnd_below(r, 255));
        add(b, &byte, 1);
        if (!is_left_out)
            add(reference, &byte, 1);
    }
}

static struct mcu_packet *packet_of(const void *data, size_t size, enum mcu_codec codec)
{
    struct mcu_packet *p = mcu_packet_copy(data, size);
    assert_non_null(p);
    p->codec = codec;
    return p;
}

/* Slices as they would travel, through exact copies, into Annex B. */
static void unpack_all(const struct rtc_payloads *p, size_t max, struct rtc_h264_unpack *u)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct rtc_slice *s = &p->slices[i];
        uint8_t *payload = malloc((size_t)s->prefix_size + s->size);
        assert_non_null(payload);
        assert_true((size_t)s->prefix_size + s->size <= max);
        assert_int_equal(s->is_first, i == 0);
        assert_int_equal(s->is_last, i + 1 == p->count);
        memcpy(payload, s->prefix, s->prefix_size);
        memcpy(payload + s->prefix_size, s->data, s->size);
        assert_int_equal(rtc_h264_unpack_add(u, payload, (size_t)s->prefix_size + s->size), 0);
        free(payload);
    }
    assert_false(u->in_fu);
}

static void test_h264_random_round_trips(void **state)
{
    (void)state;
    static const uint8_t heads[] = {0x67, 0x68, 0x06, 0x65, 0x41, 0x01, 0x09, 0x0c};
    static struct bytes in, reference, out;
    uint64_t r = 3;
    for (int round = 0; round < 1500; round++) {
        const size_t max = RTC_PAYLOAD_MIN + rnd_below(&r, 1300);
        const size_t nals = 1 + rnd_below(&r, 6);
        in.size = reference.size = 0;
        for (size_t i = 0; i < nals; i++) {
            const uint8_t head = heads[rnd_below(&r, sizeof(heads))];
            const bool is_left_out = (head & 0x1f) == 9 || (head & 0x1f) == 12;
            add_nal(&in, &reference, &r, head, 1 + rnd_below(&r, 1 + rnd_below(&r, 5000)),
                    is_left_out);
        }
        struct mcu_packet *packet = packet_of(in.data, in.size, MCU_CODEC_H264);
        struct rtc_payloads *p = NULL;
        const int err = rtc_h264_packetize(&p, packet, max, NULL);
        mcu_packet_unref(packet);
        if (reference.size == 0) {
            assert_int_equal(err, -EINVAL); /* only delimiters and filler */
            continue;
        }
        assert_int_equal(err, 0);
        struct rtc_h264_unpack count = {0};
        struct rtc_h264_unpack u = {.out = out.data, .capacity = reference.size};
        unpack_all(p, max, &count);
        assert_int_equal(count.size, reference.size);
        unpack_all(p, max, &u);
        assert_int_equal(u.size, reference.size);
        assert_memory_equal(out.data, reference.data, reference.size);
        rtc_payloads_unref(p);
    }
}

/* x264's order: SPS, PPS, SEI, IDR. */
static const uint8_t key_frame[] = {0, 0, 0,    1,    0x67, 0x42, 0xc0, 0x15, 0xda, 0,
                                    0, 1, 0x68, 0xce, 0x3c, 0x80, 0,    0,    1,    0x06,
                                    5, 1, 0x80, 0,    0,    1,    0x65, 0x88, 0x84, 0x21};

static void test_h264_key_frame_is_one_stap_and_a_slice(void **state)
{
    (void)state;
    static const uint8_t stap[] = {0x78, 0,    5,    0x67, 0x42, 0xe0, 0x1f, 0xda, 0, 4,
                                   0x68, 0xce, 0x3c, 0x80, 0,    4,    0x06, 5,    1, 0x80};
    struct mcu_packet *packet = packet_of(key_frame, sizeof(key_frame), MCU_CODEC_H264);
    struct rtc_payloads *p = NULL;
    assert_int_equal(rtc_payloads_create(&p, packet, 1200), 0);
    assert_int_equal(p->count, 2);
    assert_int_equal(p->slices[0].prefix_size, 0);
    assert_int_equal(p->slices[0].size, sizeof(stap));
    assert_memory_equal(p->slices[0].data, stap, sizeof(stap));
    assert_ptr_equal(p->slices[1].data, packet->data + 26); /* not copied */
    assert_int_equal(p->slices[1].size, 4);
    assert_int_equal(packet->data[6], 0xc0); /* the shared frame is as it was */
    assert_ptr_equal(p->packet, packet);
    mcu_packet_unref(packet);
    rtc_payloads_ref(p);
    rtc_payloads_unref(p);
    rtc_payloads_unref(p);
    rtc_payloads_unref(NULL);
}

static void test_h264_lonely_sps_gets_its_profile_too(void **state)
{
    (void)state;
    static const uint8_t sps[] = {0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x15, 0xda};
    static const uint8_t high[] = {0, 0, 0, 1, 0x67, 0x64, 0x00, 0x15, 0xda};
    struct rtc_payloads *p = NULL;
    struct mcu_packet *packet = packet_of(sps, sizeof(sps), MCU_CODEC_H264);
    assert_int_equal(rtc_payloads_create(&p, packet, 1200), 0);
    assert_memory_equal(p->slices[0].data, ((uint8_t[]){0x67, 0x42, 0xe0, 0x1f, 0xda}), 5);
    rtc_payloads_unref(p);
    mcu_packet_unref(packet);
    packet = packet_of(high, sizeof(high), MCU_CODEC_H264);
    assert_int_equal(rtc_payloads_create(&p, packet, 1200), 0);
    assert_memory_equal(p->slices[0].data, high + 4, 5); /* cannot be called baseline */
    rtc_payloads_unref(p);
    mcu_packet_unref(packet);
}

static void test_h264_fragments(void **state)
{
    (void)state;
    uint8_t data[4 + 1 + 300] = {0, 0, 0, 1, 0x65};
    memset(data + 5, 0xaa, 300);
    struct mcu_packet *packet = packet_of(data, sizeof(data), MCU_CODEC_H264);
    struct rtc_payloads *p = NULL;
    assert_int_equal(rtc_h264_packetize(&p, packet, 102, NULL), 0);
    assert_int_equal(p->count, 3);
    static const uint8_t second[3] = {0x85, 0x05, 0x45}; /* start, middle, end of an IDR */
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(p->slices[i].size, 100);
        assert_int_equal(p->slices[i].prefix_size, 2);
        assert_int_equal(p->slices[i].prefix[0], 0x7c);
        assert_int_equal(p->slices[i].prefix[1], second[i]);
    }
    rtc_payloads_unref(p);
    mcu_packet_unref(packet);
}

static void test_h264_parameter_sets_that_do_not_fit_together(void **state)
{
    (void)state;
    static struct bytes in, reference;
    uint64_t r = 5;
    in.size = reference.size = 0;
    add_nal(&in, &reference, &r, 0x67, 40, false);
    add_nal(&in, &reference, &r, 0x68, 40, false);
    add_nal(&in, &reference, &r, 0x68, 10, false);
    struct mcu_packet *packet = packet_of(in.data, in.size, MCU_CODEC_H264);
    struct rtc_payloads *p = NULL;
    assert_int_equal(rtc_h264_packetize(&p, packet, 64, NULL), 0);
    assert_int_equal(p->count, 2); /* 40 alone; 40 and 10 together */
    assert_int_equal(p->slices[0].data[0], 0x67);
    assert_int_equal(p->slices[1].data[0], 0x78);
    rtc_payloads_unref(p);
    mcu_packet_unref(packet);
}

static void test_h264_what_cannot_be_cut(void **state)
{
    (void)state;
    static const uint8_t raw[] = {0x65, 1, 2, 3};
    static const uint8_t hollow[] = {0, 0, 0, 1, 0, 0, 1, 0, 0};
    struct rtc_payloads *p = NULL;
    struct mcu_packet *packet = packet_of(raw, sizeof(raw), MCU_CODEC_H264);
    assert_int_equal(rtc_payloads_create(&p, packet, 1200), -EINVAL);
    assert_int_equal(rtc_payloads_create(&p, packet, RTC_PAYLOAD_MIN - 1), -EINVAL);
    mcu_packet_unref(packet);
    packet = packet_of(hollow, sizeof(hollow), MCU_CODEC_H264);
    assert_int_equal(rtc_payloads_create(&p, packet, 1200), -EINVAL);
    mcu_packet_unref(packet);
    packet = packet_of("", 0, MCU_CODEC_H264);
    assert_int_equal(rtc_payloads_create(&p, packet, 1200), -EINVAL);
    mcu_packet_unref(packet);
    assert_null(p);
}

static void test_h264_profile_rewrite(void **state)
{
    (void)state;
    static const uint8_t e01f[3] = {0x42, 0xe0, 0x1f};
    static const struct {
        const char *name;
        uint8_t sps[4];
        int err;
    } rows[] = {
        {"constrained baseline 2.1", {0x67, 0x42, 0xc0, 0x15}, 0},
        {"as it should be", {0x67, 0x42, 0xe0, 0x1f}, 0},
        {"no flags", {0x67, 0x42, 0x00, 0x1e}, 0},
        {"level above", {0x67, 0x42, 0xc0, 0x20}, -EINVAL},
        {"another profile", {0x67, 0x4d, 0x40, 0x1f}, -EINVAL},
        {"a flag too many", {0x67, 0x42, 0xf0, 0x1f}, -EINVAL},
        {"no sps", {0x68, 0x42, 0xc0, 0x15}, -ENOENT},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t data[9] = {0, 0, 0, 1};
        memcpy(data + 4, rows[i].sps, 4);
        data[8] = 0x99;
        uint8_t *copy = exact_copy(data, sizeof(data));
        const int err = rtc_h264_set_profile(copy, sizeof(data), e01f);
        if (err != rows[i].err || copy[8] != 0x99 ||
            memcmp(copy + 5, err ? rows[i].sps + 1 : e01f, 3) != 0)
            fail_msg("%s", rows[i].name);
        free(copy);
    }
    uint8_t cut[] = {0, 0, 1, 0x67, 0x42};
    assert_int_equal(rtc_h264_set_profile(cut, sizeof(cut), e01f), -EINVAL);
}

static void test_h264_next_nal(void **state)
{
    (void)state;
    static const uint8_t data[] = {9, 9, 0, 0, 1, 0x65, 0, 0, 2, 0,
                                   0, 0, 0, 0, 1, 0x41, 1, 0, 0, 1};
    size_t at = 0, size = 0;
    assert_ptr_equal(rtc_h264_next_nal(data, sizeof(data), &at, &size), data + 5);
    assert_int_equal(size, 4); /* 65 00 00 02, the zeros belong to the start code */
    assert_ptr_equal(rtc_h264_next_nal(data, sizeof(data), &at, &size), data + 15);
    assert_int_equal(size, 2);
    assert_null(rtc_h264_next_nal(data, sizeof(data), &at, &size));
    assert_null(rtc_h264_next_nal(data, sizeof(data), &at, &size));
    for (size_t n = 0; n <= sizeof(data); n++) { /* never outside */
        uint8_t *cut = exact_copy(data, n);
        for (at = 0; rtc_h264_next_nal(cut, n, &at, &size);)
            assert_true(at <= n);
        free(cut);
    }
}

static void test_h264_malformed_payloads(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint8_t payload[10];
        size_t size;
        bool in_fu;
        int err;
    } rows[] = {
        {"empty", {0}, 0, false, -EBADMSG},
        {"type 0", {0x60}, 1, false, -EBADMSG},
        {"single byte", {0x41}, 1, false, 0},
        {"stap-b", {0x79, 0, 0, 0, 1, 0x41}, 6, false, -EBADMSG},
        {"fu-b", {0x7d, 0x85, 0, 0, 1}, 5, false, -EBADMSG},
        {"stap without units", {0x78}, 1, false, -EBADMSG},
        {"stap with half a length", {0x78, 0}, 2, false, -EBADMSG},
        {"stap with an empty unit", {0x78, 0, 0}, 3, false, -EBADMSG},
        {"stap unit past the end", {0x78, 0, 2, 0x41}, 4, false, -EBADMSG},
        {"stap within stap", {0x78, 0, 3, 0x78, 0, 1}, 6, false, -EBADMSG},
        {"stap with a byte left over", {0x78, 0, 1, 0x41, 0}, 5, false, -EBADMSG},
        {"good stap", {0x78, 0, 1, 0x41, 0, 1, 0x42}, 7, false, 0},
        {"fu without body", {0x7c, 0x85}, 2, false, -EBADMSG},
        {"fu of a stap", {0x7c, 0x98, 1}, 3, false, -EBADMSG},
        {"fu goes on without a start", {0x7c, 0x05, 1}, 3, false, -EBADMSG},
        {"fu starts within another", {0x7c, 0x85, 1}, 3, true, -EBADMSG},
        {"fu goes on with another type", {0x7c, 0x01, 1}, 3, true, -EBADMSG},
        {"fu goes on", {0x7c, 0x05, 1}, 3, true, 0},
        {"single unit within a fu", {0x41, 1}, 2, true, -EBADMSG},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t out[32];
        struct rtc_h264_unpack u = {
            .out = out, .capacity = sizeof(out), .in_fu = rows[i].in_fu, .fu_type = 5};
        uint8_t *payload = exact_copy(rows[i].payload, rows[i].size);
        if (rtc_h264_unpack_add(&u, payload, rows[i].size) != rows[i].err)
            fail_msg("%s", rows[i].name);
        free(payload);
    }
}

static void test_h264_no_room(void **state)
{
    (void)state;
    static const uint8_t payload[] = {0x41, 1, 2, 3};
    for (size_t room = 0; room < 8; room++) {
        uint8_t *out = exact_copy("", 0);
        out = realloc(out, room ? room : 1);
        assert_non_null(out);
        struct rtc_h264_unpack u = {.out = out, .capacity = room};
        assert_int_equal(rtc_h264_unpack_add(&u, payload, sizeof(payload)), -ENOSPC);
        free(out);
    }
}

static void test_h264_peek(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint8_t payload[12];
        size_t size;
        struct rtc_h264_peek peek;
    } rows[] = {
        {"stap with sps", {0x78, 0, 1, 0x67, 0, 1, 0x68}, 7, {.has_sps = true}},
        {"single idr", {0x65, 1}, 2, {.has_idr = true}},
        {"start of an idr", {0x7c, 0x85, 1}, 3, {.has_idr = true}},
        {"middle of an idr", {0x7c, 0x05, 1}, 3, {.is_continued = true}},
        {"end of an idr", {0x7c, 0x45, 1}, 3, {.is_continued = true}},
        {"start of another slice", {0x7c, 0x81, 1}, 3, {0}},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rtc_h264_peek got;
        if (rtc_h264_peek(&got, rows[i].payload, rows[i].size) ||
            got.has_idr != rows[i].peek.has_idr || got.has_sps != rows[i].peek.has_sps ||
            got.is_continued != rows[i].peek.is_continued)
            fail_msg("%s", rows[i].name);
        for (size_t n = 0; n < rows[i].size; n++) {
            uint8_t *cut = exact_copy(rows[i].payload, n);
            rtc_h264_peek(&got, cut, n);
            free(cut);
        }
    }
}

/* --- VP8 -------------------------------------------------------------------------------------- */

static void test_vp8_random_round_trips(void **state)
{
    (void)state;
    static struct bytes in, out;
    uint64_t r = 9;
    struct rtc_vp8_counter counter = {.picture_id = 0x7ff0, .tl0picidx = 250};
    for (int round = 0; round < 500; round++) {
        const size_t max = RTC_PAYLOAD_MIN + rnd_below(&r, 1300);
        const uint8_t tid = (uint8_t)rnd_below(&r, 3);
        const uint16_t last_id = counter.picture_id;
        const uint8_t last_tl0 = counter.tl0picidx;
        in.size = 1 + rnd_below(&r, 20000);
        for (size_t i = 0; i < in.size; i++)
            in.data[i] = (uint8_t)rnd(&r);
        struct mcu_packet *packet = packet_of(in.data, in.size, MCU_CODEC_VP8);
        struct rtc_payloads *p = NULL;
        assert_int_equal(rtc_payloads_create(&p, packet, max), 0);
        rtc_vp8_next_frame(&counter, tid);
        assert_true(counter.picture_id <= 0x7fff);
        out.size = 0;
        for (size_t i = 0; i < p->count; i++) {
            const struct rtc_slice *s = &p->slices[i];
            uint8_t payload[2000];
            struct rtc_vp8_descriptor d;
            assert_true((size_t)RTC_VP8_DESCRIPTOR_SIZE + s->size <= max);
            rtc_vp8_put_descriptor(payload, &counter, s, tid, tid == 2);
            memcpy(payload + RTC_VP8_DESCRIPTOR_SIZE, s->data, s->size);
            assert_int_equal(rtc_vp8_parse(&d, payload, RTC_VP8_DESCRIPTOR_SIZE + (size_t)s->size),
                             0);
            assert_int_equal(d.size, RTC_VP8_DESCRIPTOR_SIZE);
            assert_int_equal(d.is_start, i == 0);
            assert_int_equal(d.partition, 0);
            assert_true(d.has_picture_id && d.has_wide_id && d.has_tl0 && d.has_tid);
            assert_int_equal(d.picture_id, (last_id + 1) & 0x7fff);
            assert_int_equal(d.tl0picidx, (uint8_t)(last_tl0 + (tid == 0)));
            assert_int_equal(d.tid, tid);
            assert_int_equal(d.is_sync, tid == 2);
            assert_int_equal(s->is_last, i + 1 == p->count);
            add(&out, payload + d.size, s->size);
        }
        assert_int_equal(out.size, in.size);
        assert_memory_equal(out.data, in.data, in.size);
        rtc_payloads_unref(p);
        mcu_packet_unref(packet);
    }
}

static void test_vp8_descriptors(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint8_t bytes[8];
        size_t size;
        struct rtc_vp8_descriptor d;
    } rows[] = {
        {"shortest", {0x10, 1}, 2, {.is_start = true, .size = 1}},
        {"second partition, droppable",
         {0x32, 1},
         2,
         {.is_start = true, .partition = 2, .is_droppable = true, .size = 1}},
        {"extended with nothing", {0x80, 0x00, 1}, 3, {.size = 2}},
        {"short picture id",
         {0x80, 0x80, 0x7f, 1},
         4,
         {.has_picture_id = true, .picture_id = 127, .size = 3}},
        {"long picture id",
         {0x80, 0x80, 0xff, 0xff, 1},
         5,
         {.has_picture_id = true, .has_wide_id = true, .picture_id = 0x7fff, .size = 4}},
        {"tl0 only", {0x80, 0x40, 7, 1}, 4, {.has_tl0 = true, .tl0picidx = 7, .size = 3}},
        {"layer only",
         {0x80, 0x20, 0xbf, 1},
         4,
         {.has_tid = true, .tid = 2, .is_sync = true, .size = 3}},
        {"key index only", {0x80, 0x10, 0xff, 1}, 4, {.has_keyidx = true, .keyidx = 31, .size = 3}},
        {"everything",
         {0x90, 0xf0, 0x81, 0x02, 9, 0x45, 1},
         7,
         {.is_start = true,
          .has_picture_id = true,
          .has_wide_id = true,
          .picture_id = 0x102,
          .has_tl0 = true,
          .tl0picidx = 9,
          .has_tid = true,
          .tid = 1,
          .has_keyidx = true,
          .keyidx = 5,
          .size = 6}},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rtc_vp8_descriptor d;
        const struct rtc_vp8_descriptor *e = &rows[i].d;
        for (size_t n = 0; n < rows[i].size; n++) { /* cut: nothing, or no data after it */
            uint8_t *cut = exact_copy(rows[i].bytes, n);
            assert_int_equal(rtc_vp8_parse(&d, cut, n), -EBADMSG);
            free(cut);
        }
        if (rtc_vp8_parse(&d, rows[i].bytes, rows[i].size) || d.size != e->size ||
            d.is_start != e->is_start || d.partition != e->partition ||
            d.is_droppable != e->is_droppable || d.has_picture_id != e->has_picture_id ||
            d.has_wide_id != e->has_wide_id || d.picture_id != e->picture_id ||
            d.has_tl0 != e->has_tl0 || d.tl0picidx != e->tl0picidx || d.has_tid != e->has_tid ||
            d.tid != e->tid || d.is_sync != e->is_sync || d.has_keyidx != e->has_keyidx ||
            d.keyidx != e->keyidx)
            fail_msg("%s", rows[i].name);
    }
}

static void test_vp8_key_frames(void **state)
{
    (void)state;
    uint8_t key[10] = {0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 1, 0xf0, 0};
    assert_true(rtc_vp8_is_key(key, sizeof(key)));
    assert_false(rtc_vp8_is_key(key, 9));
    key[0] |= 1;
    assert_false(rtc_vp8_is_key(key, sizeof(key)));
    key[0] &= 0xfe;
    key[4] = 2;
    assert_false(rtc_vp8_is_key(key, sizeof(key)));
}

/* --- the rest --------------------------------------------------------------------------------- */

static void test_audio_is_one_payload(void **state)
{
    (void)state;
    struct mcu_packet *packet = packet_of("opus", 4, MCU_CODEC_OPUS);
    struct rtc_payloads *p = NULL;
    assert_int_equal(rtc_payloads_create(&p, packet, 64), 0);
    assert_int_equal(p->count, 1);
    assert_ptr_equal(p->slices[0].data, packet->data);
    assert_true(p->slices[0].is_first && p->slices[0].is_last);
    rtc_payloads_unref(p);
    mcu_packet_unref(packet);
    uint8_t large[65] = {0};
    packet = packet_of(large, sizeof(large), MCU_CODEC_OPUS);
    assert_int_equal(rtc_payloads_create(&p, packet, 64), -EMSGSIZE);
    mcu_packet_unref(packet);
}

/* As the description says: 42 e0, and the level of the stream where it is above 3.1. */
static void test_h264_says_its_level(void **state)
{
    (void)state;
    static const struct {
        uint8_t encoder[3], sent[3];
    } rows[] = {
        {{0x42, 0xc0, 0x15}, {0x42, 0xe0, 0x1f}},
        {{0x42, 0xc0, 0x1f}, {0x42, 0xe0, 0x1f}},
        {{0x42, 0xc0, 0x28}, {0x42, 0xe0, 0x28}},
        {{0x64, 0x00, 0x28}, {0x64, 0x00, 0x28}}, /* another profile: as it is */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const uint8_t *e = rows[i].encoder;
        const uint8_t frame[] = {0, 0, 0, 1, 0x67, e[0], e[1], e[2], 0xda, 0, 0, 0, 1, 0x65, 9, 9};
        struct mcu_packet *packet = packet_of(frame, sizeof(frame), MCU_CODEC_H264);
        struct rtc_payloads *p = NULL;
        packet->is_key = true;
        assert_int_equal(rtc_payloads_create(&p, packet, 1000), 0);
        assert_int_equal(p->slices[0].data[0], 0x67);
        assert_memory_equal(p->slices[0].data + 1, rows[i].sent, 3);
        rtc_payloads_unref(p);
        mcu_packet_unref(packet);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_h264_random_round_trips),
        cmocka_unit_test(test_h264_key_frame_is_one_stap_and_a_slice),
        cmocka_unit_test(test_h264_lonely_sps_gets_its_profile_too),
        cmocka_unit_test(test_h264_fragments),
        cmocka_unit_test(test_h264_parameter_sets_that_do_not_fit_together),
        cmocka_unit_test(test_h264_what_cannot_be_cut),
        cmocka_unit_test(test_h264_profile_rewrite),
        cmocka_unit_test(test_h264_says_its_level),
        cmocka_unit_test(test_h264_next_nal),
        cmocka_unit_test(test_h264_malformed_payloads),
        cmocka_unit_test(test_h264_no_room),
        cmocka_unit_test(test_h264_peek),
        cmocka_unit_test(test_vp8_random_round_trips),
        cmocka_unit_test(test_vp8_descriptors),
        cmocka_unit_test(test_vp8_key_frames),
        cmocka_unit_test(test_audio_is_one_payload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
