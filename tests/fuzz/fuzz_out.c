/* What a far side may say of what it is sent: RTCP as it comes (NACK, PLI, FIR, REMB,
 * transport-wide feedback, reports), authenticated but hostile, between frames that leave. What
 * leaves stays RTP, no more than is allowed, and no number of a stream is used twice with other
 * bytes.
 *
 *     input: (op, argument)*; op 0: time, 1: audio, 2: a frame, 3: RTCP of argument bytes, 4:
 * tuned, 5: layers, 6: what repair may take */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "transport/out.h"
#include "transport/rtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { AUDIO = 0x1000, VIDEO = 0x1001, RTX = 0x1003, FEC = 0x1004, TCC = 3 };

struct run {
    struct rtc_out *out;
    struct rtc_session session;
    struct rtc_local local;
    int64_t now_us;
    uint64_t index;
    bool has_rtx_seq;
    uint16_t rtx_seq;
    bool has_fec_seq;
    uint16_t fec_seq;
    int64_t rtt_us;
    size_t sent;
};

static void check(bool is_true)
{
    if (!is_true)
        abort();
}

static void on_send(void *ctx, uint8_t *packet, size_t size)
{
    struct run *r = ctx;
    struct rtc_rtp rtp;
    check(size <= RTC_OUT_PACKET_MAX && rtc_rtp_parse(&rtp, packet, size) == 0);
    check(rtp.ssrc == AUDIO || rtp.ssrc == VIDEO || rtp.ssrc == RTX || rtp.ssrc == FEC);
    if (rtp.ssrc == FEC) {
        check(!r->has_fec_seq || rtp.seq == (uint16_t)(r->fec_seq + 1));
        r->has_fec_seq = true;
        r->fec_seq = rtp.seq;
    }
    if (rtp.ssrc == RTX) {
        check(!r->has_rtx_seq || rtp.seq == (uint16_t)(r->rtx_seq + 1));
        r->has_rtx_seq = true;
        r->rtx_seq = rtp.seq;
    }
    r->sent++;
}

static void on_need_key(void *ctx, enum mcu_codec codec)
{
    (void)ctx;
    (void)codec;
}

static void on_audio_need(void *ctx, enum rtc_audio_need need)
{
    (void)ctx;
    (void)need;
}

static int on_still(void *ctx, uint64_t feed_id, int64_t now_us, struct rtc_still *still)
{
    (void)ctx;
    (void)feed_id;
    (void)now_us;
    (void)still;
    return -1;
}

static bool on_begins(void *ctx, uint64_t feed_id)
{
    (void)ctx;
    return feed_id != 0;
}

static void on_estimate(void *ctx, const struct rtc_estimate *e)
{
    (void)ctx;
    check(e->loss_permille <= 1000);
}

static void push(struct run *r, enum mcu_codec codec, uint8_t argument)
{
    const size_t size = codec == MCU_CODEC_OPUS ? 40 + argument : 32 + argument * 40u;
    uint8_t *data = malloc(size);
    if (!data)
        return;
    memset(data, 0x31, size);
    struct mcu_packet *packet = mcu_packet_copy(data, size);
    free(data);
    struct rtc_payloads *payloads = NULL;
    if (packet) {
        packet->codec = codec;
        packet->is_key = argument % 8 == 0;
        packet->temporal_id = argument % 3;
        packet->pts_us = r->now_us;
        if (packet->is_key)
            packet->temporal_id = 0;
    }
    if (packet && rtc_payloads_create(&payloads, packet, RTC_FEED_PAYLOAD_MAX) == 0) {
        struct rtc_frame frame = {.feed_id = 1 + argument % 2,
                                  .index = ++r->index,
                                  .pushed_us = r->now_us,
                                  .payloads = payloads};
        rtc_out_frame(r->out, &frame, r->now_us);
    }
    rtc_payloads_unref(payloads);
    mcu_packet_unref(packet);
}

static void on_block(void *ctx, uint32_t from, const struct rtc_rtcp_block *block)
{
    struct run *r = ctx;
    (void)from;
    rtc_out_block(r->out, block, r->now_us);
}

static void on_nack(void *ctx, uint32_t from, uint32_t media, const uint16_t *seqs, size_t count)
{
    struct run *r = ctx;
    (void)from;
    rtc_out_nack(r->out, media, seqs, count, r->now_us, r->rtt_us);
}

static void on_pli(void *ctx, uint32_t from, uint32_t media)
{
    struct run *r = ctx;
    (void)from;
    rtc_out_key_asked(r->out, media, r->now_us);
}

static void on_fir(void *ctx, uint32_t from, uint32_t media, uint8_t number)
{
    (void)number;
    on_pli(ctx, from, media);
}

static void on_remb(void *ctx, uint32_t from, uint64_t bitrate_bps)
{
    struct run *r = ctx;
    (void)from;
    rtc_out_remb(r->out, bitrate_bps, r->now_us);
}

static void on_twcc(void *ctx, uint32_t from, uint32_t media, const uint8_t *fci, size_t size)
{
    struct run *r = ctx;
    (void)from;
    (void)media;
    rtc_out_feedback(r->out, fci, size, r->now_us, r->rtt_us);
}

static void take_rtcp(struct run *r, const uint8_t *data, size_t size)
{
    const struct rtc_rtcp_sink sink = {.ctx = r,
                                       .on_block = on_block,
                                       .on_nack = on_nack,
                                       .on_pli = on_pli,
                                       .on_fir = on_fir,
                                       .on_remb = on_remb,
                                       .on_twcc = on_twcc};
    const size_t before = r->sent;
    rtc_rtcp_parse(data, size, &sink);
    check(r->sent - before <= 1000); /* no peer makes us send without end */
}

static void step(struct run *r, uint8_t op, uint8_t argument)
{
    if (op == 0) {
        r->now_us += argument * 1000;
        rtc_out_tick(r->out, r->now_us);
    } else if (op == 1) {
        push(r, MCU_CODEC_OPUS, argument);
    } else if (op == 2) {
        push(r, MCU_CODEC_VP8, argument);
    } else if (op == 4) {
        rtc_out_tune(r->out, argument % 3, r->now_us);
    } else if (op == 5) {
        rtc_out_set_layers(r->out, argument % 4);
    } else if (op == 6) {
        rtc_out_set_redundancy(r->out, argument < 255 ? argument * UINT64_C(4000) : UINT64_MAX);
    }
}

static void describe(struct run *r, uint8_t flags)
{
    r->local.ssrc[MCU_AUDIO] = AUDIO;
    r->local.ssrc[MCU_VIDEO] = VIDEO;
    r->local.rtx_ssrc[MCU_AUDIO] = r->local.rtx_ssrc[MCU_VIDEO] = RTX;
    struct rtc_line *audio = &r->session.lines[MCU_AUDIO];
    *audio = (struct rtc_line){.is_used = true, .direction = MCU_SENDRECV, .codec_count = 1};
    audio->codecs[0] =
        (struct mcu_desc_codec){.codec = MCU_CODEC_OPUS, .pt = 111, .has_nack = flags & 1};
    struct rtc_line *video = &r->session.lines[MCU_VIDEO];
    *video = (struct rtc_line){.is_used = true, .direction = MCU_SENDRECV, .codec_count = 1};
    video->codecs[0] = (struct mcu_desc_codec){.codec = MCU_CODEC_VP8, .pt = 96};
    video->codecs[0].rtx_pt = flags & 2 ? 97 : 0;
    r->local.fec_ssrc = FEC;
    video->fec_pt = flags & 8 ? 49 : 0;
    r->rtt_us = flags & 16 ? 300 * 1000 : 20 * 1000;
    audio->ext.transport_cc = video->ext.transport_cc = flags & 4 ? TCC : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct run r = {.now_us = 1000000000};
    if (size < 1)
        return 0;
    describe(&r, data[0]);
    const struct rtc_out_hooks hooks = {.ctx = &r,
                                        .send = on_send,
                                        .need_key = on_need_key,
                                        .audio_need = on_audio_need,
                                        .still = on_still,
                                        .begins = on_begins,
                                        .estimate = on_estimate};
    if (rtc_out_create(&r.out, &r.session, &r.local, &hooks))
        return 0;
    rtc_out_tune(r.out, 1, r.now_us);
    for (size_t at = 1; at + 2 <= size;) {
        const uint8_t op = data[at] % 7, argument = data[at + 1];
        at += 2;
        if (op == 3) {
            const size_t n = argument < size - at ? argument : size - at;
            take_rtcp(&r, data + at, n);
            at += n;
        } else {
            step(&r, op, argument);
        }
    }
    rtc_out_destroy(r.out);
    return 0;
}
