/* RTCP compounds, with transport-wide feedback inside. What is heard is written again and must be
 * heard the same. */
#include <stdlib.h>
#include <string.h>

#include "transport/rtcp.h"
#include "transport/twcc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct heard {
    size_t calls;
    uint16_t seqs[RTC_RTCP_NACK_SEQS_MAX];
    size_t seq_count;
    uint64_t bitrate_bps;
};

static void check(bool is_true)
{
    if (!is_true)
        abort();
}

static void on_sr(void *ctx, uint32_t from, const struct rtc_rtcp_sr *sr)
{
    (void)from;
    (void)sr;
    ((struct heard *)ctx)->calls++;
}

static void on_block(void *ctx, uint32_t from, const struct rtc_rtcp_block *block)
{
    (void)from;
    check(block->lost >= -0x800000 && block->lost <= 0x7fffff);
    ((struct heard *)ctx)->calls++;
}

static void on_cname(void *ctx, uint32_t from, const char *cname, size_t size)
{
    char copy[256];
    (void)from;
    check(size < sizeof(copy));
    memcpy(copy, cname, size); /* all of it can be read */
    ((struct heard *)ctx)->calls++;
}

static void on_bye(void *ctx, uint32_t from)
{
    (void)from;
    ((struct heard *)ctx)->calls++;
}

static void on_nack(void *ctx, uint32_t from, uint32_t media, const uint16_t *seqs, size_t count)
{
    struct heard *h = ctx;
    (void)from;
    (void)media;
    check(count >= 1 && count <= RTC_RTCP_NACK_SEQS_MAX);
    memcpy(h->seqs, seqs, count * sizeof(seqs[0]));
    h->seq_count = count;
    h->calls++;
}

static void on_remb(void *ctx, uint32_t from, uint64_t bitrate_bps)
{
    (void)from;
    ((struct heard *)ctx)->bitrate_bps = bitrate_bps;
}

static void on_fate(void *ctx, uint16_t seq, bool is_received, int64_t arrival_us)
{
    (void)seq;
    (void)is_received;
    (void)arrival_us;
    ++*(size_t *)ctx;
}

static void on_twcc(void *ctx, uint32_t from, uint32_t media, const uint8_t *fci, size_t size)
{
    size_t fates = 0;
    uint8_t count;
    (void)ctx;
    (void)from;
    (void)media;
    if (rtc_twcc_parse(fci, size, &count, on_fate, &fates) == 0)
        check(fates == (size_t)(fci[2] << 8 | fci[3]));
    else
        check(fates == 0);
}

static const struct rtc_rtcp_sink all = {
    .on_sr = on_sr,
    .on_block = on_block,
    .on_cname = on_cname,
    .on_bye = on_bye,
    .on_nack = on_nack,
    .on_remb = on_remb,
    .on_twcc = on_twcc,
};

static void check_again(const struct heard *heard)
{
    uint8_t out[128];
    struct heard again = {0};
    struct rtc_rtcp_sink sink = all;
    struct mcu_writer w = mcu_writer(out, sizeof(out));
    sink.ctx = &again;
    rtc_rtcp_put_nack(&w, 1, 2, heard->seqs, heard->seq_count);
    rtc_rtcp_put_remb(&w, 1, heard->bitrate_bps, NULL, 0);
    check(!w.failed && rtc_rtcp_parse(out, mcu_written(&w), &sink) == 0);
    check(again.seq_count == heard->seq_count);
    check(memcmp(again.seqs, heard->seqs, again.seq_count * sizeof(again.seqs[0])) == 0);
    check(again.bitrate_bps == heard->bitrate_bps || heard->bitrate_bps == UINT64_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct heard heard = {0};
    struct rtc_rtcp_sink sink = all;
    sink.ctx = &heard;
    if (rtc_rtcp_parse(data, size, &sink))
        check(heard.calls == 0); /* refused: nothing was called */
    else
        check_again(&heard);
    size_t fates = 0;
    rtc_twcc_parse(data, size, NULL, on_fate, &fates);
    return 0;
}
