/* RTCP: round trips of every kind, strictness, and input cut at every length. */
#include <errno.h>
#include <stdio.h>

#include "tests/unit/transport/pure.h"
#include "transport/rtcp.h"

/* Everything that was called, as lines of text: easy to compare and to read when it fails. */
struct heard {
    char text[8192];
    size_t size;
};

__attribute__((format(printf, 2, 3))) static void hear(void *ctx, const char *format, ...)
{
    struct heard *h = ctx;
    va_list args;
    va_start(args, format);
    h->size += (size_t)vsnprintf(h->text + h->size, sizeof(h->text) - h->size, format, args);
    va_end(args);
    assert_true(h->size < sizeof(h->text));
}

static void on_sr(void *ctx, uint32_t from, const struct rtc_rtcp_sr *sr)
{
    hear(ctx, "sr %u ntp=%llx rtp=%u packets=%u bytes=%u\n", from, (unsigned long long)sr->ntp,
         sr->rtp, sr->packets, sr->bytes);
}

static void on_block(void *ctx, uint32_t from, const struct rtc_rtcp_block *b)
{
    hear(ctx, "block %u ssrc=%u fraction=%u lost=%d highest=%u jitter=%u lsr=%u dlsr=%u\n", from,
         b->ssrc, b->fraction, b->lost, b->highest, b->jitter_rtp, b->lsr, b->dlsr);
}

static void on_cname(void *ctx, uint32_t from, const char *cname, size_t size)
{
    hear(ctx, "cname %u %.*s\n", from, (int)size, cname);
}

static void on_bye(void *ctx, uint32_t from)
{
    hear(ctx, "bye %u\n", from);
}

static void on_nack(void *ctx, uint32_t from, uint32_t media, const uint16_t *seqs, size_t count)
{
    assert_in_range(count, 1, RTC_RTCP_NACK_SEQS_MAX);
    hear(ctx, "nack %u %u", from, media);
    for (size_t i = 0; i < count; i++)
        hear(ctx, " %u", seqs[i]);
    hear(ctx, "\n");
}

static void on_pli(void *ctx, uint32_t from, uint32_t media)
{
    hear(ctx, "pli %u %u\n", from, media);
}

static void on_fir(void *ctx, uint32_t from, uint32_t media, uint8_t number)
{
    hear(ctx, "fir %u %u %u\n", from, media, number);
}

static void on_remb(void *ctx, uint32_t from, uint64_t bitrate_bps)
{
    hear(ctx, "remb %u %llu\n", from, (unsigned long long)bitrate_bps);
}

static void on_twcc(void *ctx, uint32_t from, uint32_t media, const uint8_t *fci, size_t size)
{
    hear(ctx, "twcc %u %u %zu %u\n", from, media, size, size ? fci[0] : 0);
}

/* Parses an exact copy; the answer is what was called. */
static int parse(const uint8_t *data, size_t size, struct heard *heard)
{
    const struct rtc_rtcp_sink sink = {
        .ctx = heard,
        .on_sr = on_sr,
        .on_block = on_block,
        .on_cname = on_cname,
        .on_bye = on_bye,
        .on_nack = on_nack,
        .on_pli = on_pli,
        .on_fir = on_fir,
        .on_remb = on_remb,
        .on_twcc = on_twcc,
    };
    uint8_t *copy = exact_copy(data, size);
    heard->size = 0;
    heard->text[0] = '\0';
    const int err = rtc_rtcp_parse(copy, size, &sink);
    free(copy);
    return err;
}

static void assert_heard(const struct mcu_writer *w, const char *expected)
{
    struct heard heard;
    assert_false(w->failed);
    assert_int_equal(mcu_written(w) % 4, 0);
    assert_int_equal(parse(w->start, mcu_written(w), &heard), 0);
    assert_string_equal(heard.text, expected);
}

static const struct rtc_rtcp_sr report = {
    .ntp = UINT64_C(0x1122334455667788), .rtp = 7, .packets = 8, .bytes = 9};
static const struct rtc_rtcp_block blocks[2] = {
    {.ssrc = 10,
     .fraction = 255,
     .lost = -5,
     .highest = 11,
     .jitter_rtp = 12,
     .lsr = 13,
     .dlsr = 14},
    {.ssrc = 20, .lost = 0x7fffff},
};

static void put_everything(struct mcu_writer *w)
{
    static const uint16_t seqs[] = {65535, 0, 15, 16, 100};
    static const uint32_t ssrcs[] = {5, 6};
    rtc_rtcp_put_sr(w, 1, &report, blocks, 2);
    rtc_rtcp_put_cname(w, 1, "me@here");
    rtc_rtcp_put_rr(w, 2, blocks, 1);
    rtc_rtcp_put_nack(w, 3, 4, seqs, 5);
    rtc_rtcp_put_pli(w, 3, 4);
    rtc_rtcp_put_fir(w, 3, 4, 77);
    rtc_rtcp_put_remb(w, 3, 1000000, ssrcs, 2);
    rtc_rtcp_put_bye(w, ssrcs, 2);
}

static void test_compound_of_everything(void **state)
{
    (void)state;
    uint8_t out[512];
    struct mcu_writer w = mcu_writer(out, sizeof(out));
    put_everything(&w);
    assert_heard(&w, "sr 1 ntp=1122334455667788 rtp=7 packets=8 bytes=9\n"
                     "block 1 ssrc=10 fraction=255 lost=-5 highest=11 jitter=12 lsr=13 dlsr=14\n"
                     "block 1 ssrc=20 fraction=0 lost=8388607 highest=0 jitter=0 lsr=0 dlsr=0\n"
                     "cname 1 me@here\n"
                     "block 2 ssrc=10 fraction=255 lost=-5 highest=11 jitter=12 lsr=13 dlsr=14\n"
                     "nack 3 4 65535 0 15\n" /* 16 numbers after the first, no more */
                     "nack 3 4 16\n"
                     "nack 3 4 100\n"
                     "pli 3 4\nfir 3 4 77\nremb 3 1000000\nbye 5\nbye 6\n");
}

static void test_cut_anywhere_is_refused_or_whole(void **state)
{
    (void)state;
    uint8_t out[512];
    struct mcu_writer w = mcu_writer(out, sizeof(out));
    put_everything(&w);
    struct heard all, heard;
    size_t accepted = 0;
    assert_int_equal(parse(out, mcu_written(&w), &all), 0);
    for (size_t n = 0; n < mcu_written(&w); n++) {
        const int err = parse(out, n, &heard);
        if (err) {
            assert_int_equal(err, -EBADMSG);
            assert_int_equal(heard.size, 0); /* nothing was called */
        } else { /* cut between two packets */
            accepted++;
            assert_memory_equal(heard.text, all.text, heard.size);
        }
    }
    assert_int_equal(accepted, 7);
}

static void test_writers_stop_at_their_end(void **state)
{
    (void)state;
    uint8_t out[512];
    struct mcu_writer whole = mcu_writer(out, sizeof(out));
    put_everything(&whole);
    for (size_t n = 0; n < mcu_written(&whole); n++) {
        uint8_t *small = exact_copy(out, n);
        struct mcu_writer w = mcu_writer(small, n);
        put_everything(&w);
        assert_true(w.failed || mcu_written(&w) < mcu_written(&whole)); /* or a shorter NACK */
        free(small);
    }
}

static void test_cname_of_every_length(void **state)
{
    (void)state;
    char name[301];
    for (size_t n = 0; n <= 300; n++) {
        memset(name, 'x', n);
        name[n] = '\0';
        uint8_t out[512];
        struct mcu_writer w = mcu_writer(out, sizeof(out));
        rtc_rtcp_put_cname(&w, 9, name);
        char expected[300];
        snprintf(expected, sizeof(expected), "cname 9 %.255s\n", name);
        assert_heard(&w, expected);
    }
}

static void test_random_nack_lists(void **state)
{
    (void)state;
    uint64_t r = 7;
    for (int round = 0; round < 2000; round++) {
        uint16_t seqs[64];
        const size_t count = 1 + rnd_below(&r, 64);
        seqs[0] = (uint16_t)rnd(&r);
        char expected[1024];
        size_t n = 0;
        for (size_t i = 0; i < count; i++) {
            if (i)
                seqs[i] = (uint16_t)(seqs[i - 1] + 1 + rnd_below(&r, 1 + rnd_below(&r, 30)));
            n += (size_t)snprintf(expected + n, sizeof(expected) - n, " %u", seqs[i]);
        }
        uint8_t out[512];
        struct mcu_writer w = mcu_writer(out, sizeof(out));
        assert_int_equal(rtc_rtcp_put_nack(&w, 1, 2, seqs, count), count);
        struct heard heard;
        assert_int_equal(parse(out, mcu_written(&w), &heard), 0);
        char got[1024];
        size_t m = 0;
        for (char *line = strtok(heard.text, "\n"); line; line = strtok(NULL, "\n"))
            m += (size_t)snprintf(got + m, sizeof(got) - m, "%s", line + strlen("nack 1 2"));
        assert_string_equal(got, expected);
    }
}

static void test_nack_that_does_not_fit_says_how_much_did(void **state)
{
    (void)state;
    static const uint16_t seqs[] = {0, 100, 200};
    uint8_t out[20];
    struct mcu_writer w = mcu_writer(out, sizeof(out));
    assert_int_equal(rtc_rtcp_put_nack(&w, 1, 2, seqs, 3), 2);
    assert_heard(&w, "nack 1 2 0\nnack 1 2 100\n");

    w = mcu_writer(out, 15);
    assert_int_equal(rtc_rtcp_put_nack(&w, 1, 2, seqs, 3), 0);
    assert_true(w.failed);
    assert_int_equal(mcu_written(&w), 0);
}

static void test_remb_of_every_size(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        const uint64_t rate = UINT64_C(1) << bit;
        uint8_t out[64];
        char expected[64];
        struct mcu_writer w = mcu_writer(out, sizeof(out));
        rtc_rtcp_put_remb(&w, 1, rate, NULL, 0);
        snprintf(expected, sizeof(expected), "remb 1 %llu\n", (unsigned long long)rate);
        assert_heard(&w, expected);
    }
    uint8_t out[64];
    struct mcu_writer w = mcu_writer(out, sizeof(out));
    rtc_rtcp_put_remb(&w, 1, 0, NULL, 0);
    out[17] = 63 << 2; /* the largest exponent, with a mantissa that does not fit */
    out[18] = 0;
    out[19] = 2;
    assert_heard(&w, "remb 1 18446744073709551615\n");
}

static void test_at_most_31_blocks(void **state)
{
    (void)state;
    struct rtc_rtcp_block many[40] = {0};
    uint8_t out[1024];
    struct mcu_writer w = mcu_writer(out, sizeof(out));
    rtc_rtcp_put_rr(&w, 1, many, 40);
    struct heard heard;
    assert_int_equal(parse(out, mcu_written(&w), &heard), 0);
    size_t lines = 0;
    for (size_t i = 0; i < heard.size; i++)
        lines += heard.text[i] == '\n';
    assert_int_equal(lines, 31);
}

#define BYTES(...) {__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

static void test_made_by_hand(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *heard; /* NULL: refused */
        uint8_t data[32];
        size_t size;
    } rows[] = {
        {"empty datagram", NULL, {0}, 0},
        {"version 1", NULL, BYTES(0x41, 203, 0, 1, 0, 0, 0, 1)},
        {"type outside of rtcp", NULL, BYTES(0x81, 191, 0, 1, 0, 0, 0, 1)},
        {"length past the end", NULL, BYTES(0x81, 203, 0, 2, 0, 0, 0, 1)},
        {"reduced size pli", "pli 1 2\n", BYTES(0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2)},
        {"unknown type is stepped over", "", BYTES(0x80, 207, 0, 1, 9, 9, 9, 9)},
        {"unknown feedback is stepped over", "", BYTES(0x9e, 205, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2)},
        {"other application feedback", "",
         BYTES(0x8f, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 'A', 'B', 'C', 'D')},
        {"receiver report without blocks", "", BYTES(0x80, 201, 0, 1, 0, 0, 0, 1)},
        {"fewer blocks than said", NULL, BYTES(0x81, 201, 0, 1, 0, 0, 0, 1)},
        {"nack without numbers", NULL, BYTES(0x81, 205, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2)},
        {"fir without entries", NULL, BYTES(0x84, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2)},
        {"remb with fewer ssrcs than said", NULL,
         BYTES(0x8f, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 'R', 'E', 'M', 'B', 1, 0, 0, 1)},
        {"bye with a reason", "bye 1\n", BYTES(0x81, 203, 0, 2, 0, 0, 0, 1, 3, 'b', 'y', 'e')},
        {"bye with a reason past its end", NULL,
         BYTES(0x81, 203, 0, 2, 0, 0, 0, 1, 4, 'b', 'y', 'e')},
        {"bye of nobody", "", BYTES(0x80, 203, 0, 0)},
        {"sdes item past its end", NULL, BYTES(0x81, 202, 0, 2, 0, 0, 0, 1, 1, 3, 'a', 'b')},
        {"sdes chunk without an end", NULL, BYTES(0x81, 202, 0, 2, 0, 0, 0, 1, 1, 2, 'a', 'b')},
        {"sdes with other items and two chunks", "cname 1 a\ncname 2 b\n",
         BYTES(0x82, 202, 0, 6, 0, 0, 0, 1, 2, 1, 'n', 1, 1, 'a', 0, 0, 0, 0, 0, 2, 1, 1, 'b', 0, 0,
               0, 0, 0)},
        {"padding", "pli 1 2\n", BYTES(0xa1, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 4)},
        {"padding as libwebrtc does it", "twcc 1 2 3 9\n",
         BYTES(0xaf, 205, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 9, 9, 9, 1)},
        {"padding of nothing", NULL, BYTES(0xa1, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0)},
        {"padding larger than the packet", NULL, BYTES(0xa1, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 12)},
        {"good first, broken last", NULL,
         BYTES(0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0x81, 201, 0, 1, 0, 0, 0, 1)},
        {"bytes after the last packet", NULL, BYTES(0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0x80)},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct heard heard;
        const int err = parse(rows[i].data, rows[i].size, &heard);
        if (err != (rows[i].heard ? 0 : -EBADMSG) ||
            strcmp(heard.text, rows[i].heard ? rows[i].heard : "") != 0)
            fail_msg("%s: %d \"%s\"", rows[i].name, err, heard.text);
    }
}

static void test_no_callbacks_is_fine(void **state)
{
    (void)state;
    uint8_t out[512];
    struct mcu_writer w = mcu_writer(out, sizeof(out));
    put_everything(&w);
    assert_int_equal(rtc_rtcp_parse(out, mcu_written(&w), &(struct rtc_rtcp_sink){0}), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compound_of_everything),
        cmocka_unit_test(test_cut_anywhere_is_refused_or_whole),
        cmocka_unit_test(test_writers_stop_at_their_end),
        cmocka_unit_test(test_cname_of_every_length),
        cmocka_unit_test(test_random_nack_lists),
        cmocka_unit_test(test_nack_that_does_not_fit_says_how_much_did),
        cmocka_unit_test(test_remb_of_every_size),
        cmocka_unit_test(test_at_most_31_blocks),
        cmocka_unit_test(test_made_by_hand),
        cmocka_unit_test(test_no_callbacks_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
