/* VP9 payloads: what we cut comes back, descriptors of every form, hostile input. */
#include <errno.h>

#include "tests/unit/transport/pure.h"
#include "transport/payload_vp9.h"

static void frames_come_back_from_their_payloads(void **state)
{
    (void)state;
    uint64_t r = 5;
    for (size_t size = 1; size < 9000; size += 1 + size / 3) {
        struct mcu_packet *packet = mcu_packet_create(size);
        for (packet->size = 0; packet->size < size; packet->size++)
            packet->data[packet->size] = (uint8_t)rnd(&r);
        packet->codec = MCU_CODEC_VP9;
        packet->is_key = size & 1;
        struct rtc_payloads *p = NULL;
        assert_int_equal(rtc_payloads_create(&p, packet, 1000), 0);
        size_t at = 0;
        for (size_t i = 0; i < p->count; i++) {
            uint8_t payload[1000];
            const struct rtc_slice *s = &p->slices[i];
            assert_true((size_t)s->prefix_size + s->size <= sizeof(payload));
            memcpy(payload, s->prefix, s->prefix_size);
            memcpy(payload + s->prefix_size, s->data, s->size);
            struct rtc_vp9_descriptor d;
            assert_int_equal(rtc_vp9_parse(&d, payload, (size_t)s->prefix_size + s->size), 0);
            assert_int_equal(d.size, s->prefix_size);
            assert_int_equal(d.is_inter, !packet->is_key);
            assert_int_equal(d.is_start, i == 0);
            assert_int_equal(d.is_end, i + 1 == p->count);
            assert_memory_equal(payload + d.size, packet->data + at, s->size);
            at += s->size;
        }
        assert_int_equal(at, size);
        rtc_payloads_unref(p);
        mcu_packet_unref(packet);
    }
}

static void descriptors_of_every_form_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint8_t bytes[32];
        size_t size; /* of the descriptor; 0: refused */
        struct rtc_vp9_descriptor is;
    } rows[] = {
        {"bare", {0x0c, 9}, 1, {.is_start = true, .is_end = true}},
        {"inter", {0x40, 9}, 1, {.is_inter = true}},
        {"short id", {0x80, 0x7f, 9}, 2, {.has_picture_id = true, .picture_id = 127}},
        {"long id", {0x80, 0x81, 0x02, 9}, 3, {.has_picture_id = true, .picture_id = 258}},
        {"layers with TL0PICIDX", {0x20, 0x53, 7, 9}, 3, {.has_layers = true, .tid = 2, .sid = 1}},
        {"layers, flexible", {0x30, 0x53, 9}, 2, {.has_layers = true, .tid = 2, .sid = 1}},
        {"flexible with references", {0x50, 3, 5, 6, 9}, 4, {.is_inter = true}},
        {"four references", {0x50, 3, 5, 7, 6, 9}, 0, {0}},
        {"a key frame has none, flexible or not", {0x10, 9}, 1, {0}},
        {"structure with sizes", {0x02, 0x30, 1, 0x40, 0, 0xb4, 2, 0x80, 1, 0x68, 9}, 10,
         {.has_structure = true, .width = 640, .height = 360}},
        {"structure with pictures", {0x02, 0x08, 2, 0x04, 5, 0x08, 6, 7, 9}, 8,
         {.has_structure = true}},
        {"all of it", {0xba, 0x81, 0x02, 0x20, 0x18, 2, 0x80, 1, 0x68, 1, 0x04, 1, 9}, 12,
         {.is_start = true, .has_picture_id = true, .picture_id = 258, .has_layers = true,
          .tid = 1, .has_structure = true, .width = 640, .height = 360}},
        {"nothing behind it", {0x0c}, 0, {0}},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rtc_vp9_descriptor d = {.size = 77}, want = rows[i].is;
        size_t size = rows[i].size + 1;
        if (rows[i].size == 0)
            size = rows[i].bytes[1] ? 6 : 1;
        uint8_t *bytes = exact_copy(rows[i].bytes, size);
        const int err = rtc_vp9_parse(&d, bytes, size);
        free(bytes);
        want.size = rows[i].size;
        if (err != (rows[i].size ? 0 : -EBADMSG))
            fail_msg("%s: %d", rows[i].name, err);
        if (err == 0 &&
            (d.is_inter != want.is_inter || d.is_start != want.is_start || d.is_end != want.is_end ||
             d.has_picture_id != want.has_picture_id || d.picture_id != want.picture_id ||
             d.has_layers != want.has_layers || d.tid != want.tid || d.sid != want.sid ||
             d.has_structure != want.has_structure || d.width != want.width ||
             d.height != want.height || d.size != want.size))
            fail_msg("%s: differs", rows[i].name);
    }
}

static void descriptors_cut_short_are_refused(void **state)
{
    (void)state;
    static const uint8_t whole[] = {0xfa, 0x81, 0x02, 0x20, 3,    6, 0x38, 1, 0x40,
                                    0,    0xb4, 2,    0x80, 1, 0x68, 1, 0x04, 1};
    for (size_t n = 0; n <= sizeof(whole); n++) {
        struct rtc_vp9_descriptor d;
        uint8_t *bytes = exact_copy(whole, n);
        assert_int_equal(rtc_vp9_parse(&d, bytes, n), -EBADMSG);
        free(bytes);
    }
}

static void any_bytes_are_safe(void **state)
{
    (void)state;
    uint64_t r = 99;
    for (int i = 0; i < 200000; i++) {
        uint8_t bytes[40];
        const size_t size = rnd_below(&r, sizeof(bytes));
        for (size_t k = 0; k < size; k++)
            bytes[k] = (uint8_t)rnd(&r);
        uint8_t *copy = exact_copy(bytes, size);
        struct rtc_vp9_descriptor d;
        if (rtc_vp9_parse(&d, copy, size) == 0)
            assert_true(d.size < size && d.tid < 8 && d.sid < 8 && d.picture_id < 0x8000);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_back_from_their_payloads),
        cmocka_unit_test(descriptors_of_every_form_are_read),
        cmocka_unit_test(descriptors_cut_short_are_refused),
        cmocka_unit_test(any_bytes_are_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
