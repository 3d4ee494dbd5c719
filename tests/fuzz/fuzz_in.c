/* Fuzzes a peer's whole receiving side with packets as they are after SRTP: each is a byte of waiting
 * time (ms), a byte of length, and what follows. Aborts when audio or a frame comes out empty or out of
 * range, or feedback that is due cannot be written. */
#include <stdint.h>
#include <stdlib.h>

#include "mcu/base/bytes.h"
#include "transport/in.h"
#include "transport/rtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_audio(void *ctx, const struct rtc_audio *audio)
{
    (void)ctx;
    if (audio->size == 0 || audio->sequence == 0 || audio->level_dbov > 1 ||
        audio->level_dbov < -127)
        abort();
}

static void on_video(void *ctx, struct mcu_packet *frame)
{
    (void)ctx;
    if (frame->size == 0 || (frame->codec != MCU_CODEC_H264 && frame->codec != MCU_CODEC_VP8))
        abort();
}

static void make_session(struct rtc_session *s)
{
    s->lines[MCU_AUDIO] = (struct rtc_line){.is_used = true, .direction = MCU_SENDRECV};
    s->lines[MCU_VIDEO] = (struct rtc_line){.is_used = true, .direction = MCU_SENDRECV};
    const struct mcu_desc_extensions ext = {.audio_level = 1, .abs_send_time = 2,
                                            .transport_cc = 3, .mid = 4};
    s->lines[MCU_AUDIO].ext = s->lines[MCU_VIDEO].ext = ext;
    s->pts[111] = (struct rtc_pt){.codec = MCU_CODEC_OPUS, .kind = MCU_AUDIO};
    s->lines[MCU_AUDIO].codecs[0].has_nack = true;
    s->pts[63] = (struct rtc_pt){
        .codec = MCU_CODEC_OPUS, .kind = MCU_AUDIO, .is_red = true, .media_pt = 111};
    s->pts[120] = (struct rtc_pt){
        .codec = MCU_CODEC_OPUS, .kind = MCU_AUDIO, .is_rtx = true, .media_pt = 111};
    s->pts[96] = (struct rtc_pt){.codec = MCU_CODEC_VP8, .kind = MCU_VIDEO};
    s->pts[97] = (struct rtc_pt){
        .codec = MCU_CODEC_VP8, .kind = MCU_VIDEO, .is_rtx = true, .media_pt = 96};
    s->pts[102] = (struct rtc_pt){.codec = MCU_CODEC_H264, .kind = MCU_VIDEO};
    s->pts[103] = (struct rtc_pt){
        .codec = MCU_CODEC_H264, .kind = MCU_VIDEO, .is_rtx = true, .media_pt = 102};
}

static void tell(struct rtc_in *in, int64_t now_us)
{
    struct rtc_rtcp_block blocks[2];
    uint16_t seqs[64];
    uint32_t ssrc;
    uint8_t out[1200];
    struct mcu_writer w = mcu_writer(out, sizeof(out));
    rtc_in_tick(in, now_us);
    rtc_in_blocks(in, now_us, blocks);
    rtc_in_missing(in, MCU_AUDIO, now_us, 50000, seqs, 64, &ssrc);
    rtc_in_missing(in, MCU_VIDEO, now_us, 50000, seqs, 64, &ssrc);
    rtc_in_take_pli(in, now_us, false, &ssrc);
    if (rtc_in_feedback_is_due(in) && rtc_in_put_feedback(in, &w, 1))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rtc_session session;
    make_session(&session);
    const struct rtc_peer_sink sink = {.on_audio = on_audio, .on_video = on_video};
    struct rtc_in *in;
    if (rtc_in_create(&in, &session, &sink))
        return 0;
    struct mcu_reader r = mcu_reader(data, size);
    int64_t now_us = 1000000000;
    while (mcu_left(&r) >= 2) {
        now_us += mcu_take_u8(&r) * 1000;
        const size_t wanted = mcu_take_u8(&r);
        const size_t n = wanted < mcu_left(&r) ? wanted : mcu_left(&r);
        const uint8_t *packet = mcu_take(&r, n);
        rtc_in_packet(in, packet, n, now_us);
        tell(in, now_us);
    }
    rtc_in_destroy(in);
    return 0;
}
