/* The walk over top-level boxes, and whether a file is cut off. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recorder/boxes.h"
#include "recorder/cut.h"

#define FTYP      "\0\0\0\x0c" "ftyp" "isom"
#define MOOV_FRAG "\0\0\0\x10" "moov" "\0\0\0\x08" "mvex"
#define MOOV      "\0\0\0\x10" "moov" "\0\0\0\x08" "trak"
#define MOOF      "\0\0\0\x10" "moof" "\0\0\0\x08" "mfhd"
#define MDAT      "\0\0\0\x0c" "mdat" "abcd"
#define TEXT(s) (s), sizeof(s) - 1

struct memory {
    const char *data;
    size_t size;
};

static int read_memory(void *ctx, void *to, size_t n, uint64_t at)
{
    const struct memory *m = ctx;
    if (at > m->size || n > m->size - at)
        return -EFAULT; /* a read outside of the file: a mistake of the walk */
    memcpy(to, m->data + at, n);
    return 0;
}

struct row {
    const char *name;
    const char *data;
    size_t size;
    uint64_t fragments;
    uint64_t good_bytes;
    bool is_fragmented;
    bool is_cut;
};

static const struct row rows[] = {
    {"nothing", TEXT(""), 0, 0, false, false},
    {"half a header", TEXT("\0\0\0\x0c" "fty"), 0, 0, false, true},
    {"no fragment yet", TEXT(FTYP MOOV_FRAG), 0, 28, true, false},
    {"two fragments", TEXT(FTYP MOOV_FRAG MOOF MDAT MOOF MDAT), 2, 84, true, false},
    {"a moof without its mdat is cut off", TEXT(FTYP MOOV_FRAG MOOF MDAT MOOF), 1, 56, true, true},
    {"half an mdat is cut off", TEXT(FTYP MOOV_FRAG MOOF MDAT MOOF "\0\0\0\x0c" "mdat" "ab"), 1, 56, true, true},
    {"a moof without moov is none", TEXT(FTYP MOOF MDAT), 0, 12, false, true},
    {"something between moof and mdat", TEXT(FTYP MOOV_FRAG MOOF FTYP MDAT), 0, 28, true, true},
    {"zeros after a fragment", TEXT(FTYP MOOV_FRAG MOOF MDAT "\0\0\0\0\0\0\0\0\0\0\0\0"), 1, 56, true, true},
    {"a size smaller than its header", TEXT(FTYP "\0\0\0\x07" "moov" "xxxx"), 0, 12, false, true},
    {"a 64-bit size", TEXT(FTYP MOOV_FRAG MOOF "\0\0\0\x01" "mdat" "\0\0\0\0\0\0\0\x12" "ab"), 1, 62, true, false},
    {"a 64-bit size smaller than its header", TEXT(FTYP "\0\0\0\x01" "mdat" "\0\0\0\0\0\0\0\x0f"), 0, 12, false, true},
    {"a 64-bit size past the end", TEXT(FTYP "\0\0\0\x01" "mdat" "\xff\xff\xff\xff\xff\xff\xff\xff"), 0, 12, false, true},
    {"a 64-bit size without room for it", TEXT(FTYP "\0\0\0\x01" "mdat" "\0\0\0\0"), 0, 12, false, true},
    {"children that do not fill their moov", TEXT(FTYP "\0\0\0\x11" "moov" "\0\0\0\x08" "mvexx"), 0, 12, true, true},
    {"a child larger than its moof", TEXT(FTYP MOOV_FRAG "\0\0\0\x10" "moof" "\0\0\0\x09" "mfhd" MDAT), 0, 28, true, true},
    {"a finished file", TEXT(FTYP MOOV MDAT), 0, 40, false, false},
    {"a finished file that was cut", TEXT(FTYP MOOV "\0\0\0\x0d" "mdat" "abcd"), 0, 28, false, true},
    {"an mdat to the end", TEXT(FTYP MOOV "\0\0\0\0" "mdat" "abcd"), 0, 40, false, false},
};

static void the_whole_part_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        struct memory m = {row->data, row->size};
        const struct rec_boxes_reader reader = {&m, read_memory, row->size};
        struct rec_boxes b;
        assert_int_equal(rec_boxes_scan(&reader, &b), 0);
        if (b.fragments != row->fragments || b.good_bytes != row->good_bytes ||
            b.is_fragmented != row->is_fragmented || b.is_cut != row->is_cut)
            fail_msg("%s: %llu fragments, %llu good bytes, fragmented %d, cut %d", row->name,
                     (unsigned long long)b.fragments, (unsigned long long)b.good_bytes,
                     b.is_fragmented, b.is_cut);
    }
}

#define EBML "\x1a\x45\xdf\xa3\x84" "head"
#define SEGMENT "\x18\x53\x80\x67"

static const struct {
    const char *name;
    const char *data;
    size_t size;
    bool is_cut;
} cuts[] = {
    {"a whole segment", TEXT(EBML SEGMENT "\x8a" "0123456789"), false},
    {"a segment that is too short", TEXT(EBML SEGMENT "\x8b" "0123456789"), true},
    {"a size of eight bytes", TEXT(EBML SEGMENT "\x01\0\0\0\0\0\0\x0a" "0123456789"), false},
    {"a size of eight bytes past the end", TEXT(EBML SEGMENT "\x01\0\0\0\0\0\1\0" "0123456789"), true},
    {"a segment of unknown size", TEXT(EBML SEGMENT "\x01\xff\xff\xff\xff\xff\xff\xff" "0123456789"), false},
    {"a short unknown size", TEXT(EBML SEGMENT "\xff" "0123456789"), false},
    {"cut inside the head", TEXT("\x1a\x45\xdf\xa3\xa4" "0123456789"), true},
    {"an MP4 that is whole", TEXT(FTYP MOOV MDAT), false},
    {"an MP4 that is cut", TEXT(FTYP MOOV "\0\0\0\x0d" "mdat" "abcd"), true},
    {"of another kind", TEXT("RIFFxxxxWAVEfmt 0123456789"), false},
    {"a few bytes", TEXT("\x1a\x45\xdf"), false},
};

static void files_that_are_cut_off_are_known(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        struct memory m = {cuts[i].data, cuts[i].size};
        const struct rec_boxes_reader reader = {&m, read_memory, cuts[i].size};
        bool is_cut = !cuts[i].is_cut;
        assert_int_equal(rec_is_cut_reader(&reader, &is_cut), 0);
        if (is_cut != cuts[i].is_cut)
            fail_msg("%s: %d", cuts[i].name, is_cut);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_part_is_found),
        cmocka_unit_test(files_that_are_cut_off_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
