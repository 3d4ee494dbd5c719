/* AV1 payloads: temporal units cut in every way come back with sizes; hostile input. */
#include <errno.h>

#include "tests/unit/transport/pure.h"
#include "transport/payload_av1.h"

enum { OBUS_MAX = 8, BODY_MAX = 3000, UNIT_MAX = OBUS_MAX * (BODY_MAX + 16) };

struct obu {
    uint8_t head[2];
    size_t head_size;
    uint8_t body[BODY_MAX];
    size_t size;
};

struct unit {
    struct obu obus[OBUS_MAX];
    size_t count;
};

static void make_unit(struct unit *u, uint64_t *r)
{
    static const uint8_t types[] = {1, 2, 3, 4, 5, 6, 7, 15};
    u->count = 1 + rnd_below(r, OBUS_MAX);
    for (size_t i = 0; i < u->count; i++) {
        struct obu *o = &u->obus[i];
        const uint8_t type = types[rnd_below(r, sizeof(types))];
        const bool has_extension = rnd(r) & 1;
        o->head[0] = (uint8_t)(type << 3 | (has_extension ? 4 : 0));
        o->head[1] = 0x48;
        o->head_size = has_extension ? 2 : 1;
        o->size = rnd_below(r, rnd(r) & 1 ? 20 : BODY_MAX);
        for (size_t k = 0; k < o->size; k++)
            o->body[k] = (uint8_t)rnd(r);
    }
}

static size_t put_leb128(uint8_t *out, size_t value)
{
    size_t n = 0;
    do {
        out[n] = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        value >>= 7;
        n++;
    } while (value);
    return n;
}

/* The OBUs one behind the other, as elements, to be cut where chance likes; every other OBU may have
 * its own size field. */
struct cutter {
    const struct unit *unit;
    uint8_t elements[OBUS_MAX][BODY_MAX + 8];
    size_t sizes[OBUS_MAX];
    size_t obu;  /* the next */
    size_t from; /* in it */
};

static void prepare(struct cutter *c, const struct unit *u, bool has_sizes)
{
    *c = (struct cutter){.unit = u};
    for (size_t i = 0; i < u->count; i++) {
        const struct obu *o = &u->obus[i];
        uint8_t *e = c->elements[i];
        memcpy(e, o->head, o->head_size);
        size_t n = o->head_size;
        if (has_sizes) {
            e[0] |= 2;
            n += put_leb128(e + n, o->size);
        }
        memcpy(e + n, o->body, o->size);
        c->sizes[i] = n + o->size;
    }
}

/* One packet of at most max bytes. Returns its size; 0: there is no more. */
static size_t cut(struct cutter *c, uint8_t *out, size_t max, bool is_counted, bool may_split)
{
    if (c->obu == c->unit->count)
        return 0;
    size_t at = 1, count = 0;
    uint8_t head = c->from ? 0x80 : 0;
    while (c->obu < c->unit->count) {
        size_t n = c->sizes[c->obu] - c->from;
        const bool is_split = may_split && n > max - at - 3;
        n = is_split ? max - at - 3 : n;
        const bool is_last = is_split || !may_split || count == 2 ||
                             c->obu + 1 == c->unit->count || at + n + 8 > max;
        if (!is_counted || !is_last)
            at += put_leb128(out + at, n);
        memcpy(out + at, c->elements[c->obu] + c->from, n);
        at += n;
        count++;
        c->from = is_split ? c->from + n : 0;
        c->obu += !is_split;
        head |= is_split ? 0x40 : 0;
        if (is_last)
            break;
    }
    out[0] = (uint8_t)(head | (is_counted ? count << 4 : 0));
    return at;
}

/* Reads what came out and compares. */
static void assert_unit(const struct unit *u, const uint8_t *data, size_t size)
{
    size_t at = 0;
    for (size_t i = 0; i < u->count; i++) {
        const struct obu *o = &u->obus[i];
        const unsigned type = o->head[0] >> 3 & 15;
        if (type == 2 || type == 15)
            continue;
        assert_true(at + o->head_size + 4 <= size);
        assert_int_equal(data[at], o->head[0] | 2);
        if (o->head_size == 2)
            assert_int_equal(data[at + 1], o->head[1]);
        at += o->head_size;
        size_t length = 0;
        for (size_t k = 0; k < 4; k++)
            length |= (size_t)(data[at + k] & 0x7f) << 7 * k;
        assert_int_equal(data[at + 3] & 0x80, 0);
        assert_int_equal(length, o->size);
        at += 4;
        assert_true(at + length <= size);
        assert_memory_equal(data + at, o->body, length);
        at += length;
    }
    assert_int_equal(at, size);
}

static void units_cut_in_every_way_come_back(void **state)
{
    (void)state;
    static struct unit unit;
    static struct cutter cutter;
    static uint8_t out[UNIT_MAX];
    uint64_t r = 3;
    for (int i = 0; i < 4000; i++) {
        make_unit(&unit, &r);
        const bool is_counted = rnd(&r) & 1, has_sizes = i % 4 == 0;
        const size_t max = has_sizes ? BODY_MAX + 32 : 60 + rnd_below(&r, 1200);
        prepare(&cutter, &unit, has_sizes);
        struct rtc_av1_unpack u = {.out = out, .capacity = sizeof(out)}, measured = {0};
        uint8_t packet[BODY_MAX + 64];
        size_t n;
        while ((n = cut(&cutter, packet, max, is_counted, !has_sizes)) > 0) {
            uint8_t *copy = exact_copy(packet, n);
            assert_int_equal(rtc_av1_unpack_add(&measured, copy, n), 0);
            assert_int_equal(rtc_av1_unpack_add(&u, copy, n), 0);
            free(copy);
        }
        assert_false(u.in_obu);
        assert_int_equal(measured.size, u.size);
        assert_unit(&unit, out, u.size);
        bool has_sequence = false, has_frame = false;
        for (size_t k = 0; k < unit.count; k++) {
            const unsigned type = unit.obus[k].head[0] >> 3 & 15;
            has_sequence |= type == 1;
            has_frame |= type == 3 || type == 6;
        }
        assert_int_equal(u.has_sequence, has_sequence);
        assert_int_equal(u.has_frame, has_frame);
    }
}

static void broken_packets_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint8_t bytes[16];
        size_t size;
    } rows[] = {
        {"nothing", {0}, 0},
        {"a header alone", {0x10}, 1},
        {"a fragment without its start", {0x90, 0x30, 1}, 3},
        {"an element longer than the packet", {0x00, 9, 0x30, 1}, 4},
        {"an empty element", {0x00, 0, 2, 0x30, 1}, 5},
        {"fewer elements than counted", {0x20, 2, 0x30, 1}, 4},
        {"a length that does not end", {0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, 7},
        {"the forbidden bit", {0x10, 0xb0, 1}, 3},
        {"a size that is not so", {0x10, 0x32, 5, 1, 2}, 5},
        {"a size of a fragment", {0x50, 0x32, 2, 1, 2}, 5},
        {"an extension cut off", {0x10, 0x34}, 2},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t out[64];
        struct rtc_av1_unpack u = {.out = out, .capacity = sizeof(out)};
        uint8_t *bytes = exact_copy(rows[i].bytes, rows[i].size);
        if (rtc_av1_unpack_add(&u, bytes, rows[i].size) != -EBADMSG)
            fail_msg("%s", rows[i].name);
        free(bytes);
    }
    static const uint8_t start[] = {0x50, 0x30, 1}, other[] = {0x10, 0x30, 1};
    uint8_t out[6];
    struct rtc_av1_unpack u = {.out = out, .capacity = sizeof(out)};
    assert_int_equal(rtc_av1_unpack_add(&u, start, sizeof(start)), 0);
    assert_true(u.in_obu);
    assert_int_equal(rtc_av1_unpack_add(&u, other, sizeof(other)), -EBADMSG);
    u = (struct rtc_av1_unpack){.out = out, .capacity = 5};
    assert_int_equal(rtc_av1_unpack_add(&u, other, sizeof(other)), -ENOSPC);
}

static void peeking(void **state)
{
    (void)state;
    struct rtc_av1_peek p;
    assert_int_equal(rtc_av1_peek(&p, (const uint8_t[]){0x18, 0x0a}, 2), 0);
    assert_true(p.is_new && !p.is_continued);
    assert_int_equal(rtc_av1_peek(&p, (const uint8_t[]){0x90, 1}, 2), 0);
    assert_true(!p.is_new && p.is_continued);
    assert_int_equal(rtc_av1_peek(&p, (const uint8_t[]){0x98, 1}, 2), -EBADMSG); /* both */
    assert_int_equal(rtc_av1_peek(&p, (const uint8_t[]){0x10}, 1), -EBADMSG);
}

static void any_bytes_are_safe(void **state)
{
    (void)state;
    uint64_t r = 31;
    for (int i = 0; i < 100000; i++) {
        uint8_t bytes[64], out[128];
        struct rtc_av1_unpack u = {.out = out, .capacity = sizeof(out)}, measured = {0};
        for (int packets = 0; packets < 3; packets++) {
            const size_t size = rnd_below(&r, sizeof(bytes));
            for (size_t k = 0; k < size; k++)
                bytes[k] = (uint8_t)rnd_below(&r, rnd(&r) & 1 ? 8 : 256);
            uint8_t *copy = exact_copy(bytes, size);
            const int err = rtc_av1_unpack_add(&measured, copy, size);
            const int same = rtc_av1_unpack_add(&u, copy, size);
            free(copy);
            if (same != -ENOSPC)
                assert_int_equal(err, same);
            if (err || same)
                break;
            assert_int_equal(measured.size, u.size);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_cut_in_every_way_come_back),
        cmocka_unit_test(broken_packets_are_refused),
        cmocka_unit_test(peeking),
        cmocka_unit_test(any_bytes_are_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
