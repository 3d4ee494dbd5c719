/* Fuzzes a peer's whole receiving side with packets as they are after SRTP: each is a byte of waiting
 * time (ms; 255 begins simulcast, too), a byte of length, and what follows. Aborts when audio or a frame comes out empty or out of
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

static void on_video(void *ctx, enum rtc_picture picture, struct mcu_packet *frame)
{
    (void)picture;
    (void)ctx;
    if (frame->size == 0 || mcu_codec_kind(frame->codec) != MCU_VIDEO)
        abort();
}

static void make_session(struct rtc_session *s)
{
    const uint8_t sound = 1u << MCU_AUDIO, pictures = 1u << MCU_VIDEO | 1u << RTC_LINE_SCREEN;
    const struct mcu_desc_extensions ext = {
        .audio_level = 1, .abs_send_time = 2, .transport_cc = 3, .mid = 4, .rid = 5,
        .repaired_rid = 6};
    for (size_t i = 0; i < RTC_LINES; i++) {
        s->lines[i] = (struct rtc_line){.is_used = true, .direction = MCU_SENDRECV, .ext = ext};
        s->lines[i].mid[0] = (char)('0' + i);
    }
    s->pts[111] =
        (struct rtc_pt){.codec = MCU_CODEC_OPUS, .kind = MCU_AUDIO, .lines = sound};
    s->lines[MCU_AUDIO].codecs[0].has_nack = true;
    s->lines[MCU_VIDEO].remote_ssrc = 0x01010101;
    s->pts[63] = s->pts[120] = s->pts[111];
    s->pts[63].is_red = s->pts[120].is_rtx = true;
    s->pts[63].media_pt = s->pts[120].media_pt = 111;
    s->pts[96] = (struct rtc_pt){.codec = MCU_CODEC_VP8, .kind = MCU_VIDEO, .lines = pictures};
    s->pts[102] = (struct rtc_pt){.codec = MCU_CODEC_H264, .kind = MCU_VIDEO, .lines = pictures};
    s->pts[98] = (struct rtc_pt){.codec = MCU_CODEC_VP9, .kind = MCU_VIDEO, .lines = pictures};
    s->pts[45] = (struct rtc_pt){.codec = MCU_CODEC_AV1, .kind = MCU_VIDEO, .lines = pictures};
    s->pts[97] = s->pts[96];
    s->pts[103] = s->pts[102];
    s->pts[97].is_rtx = s->pts[103].is_rtx = true;
    s->pts[97].media_pt = 96;
    s->pts[103].media_pt = 102;
}

/* Three layers of the camera, as if a second offer had brought them. */
static void make_simulcast(struct rtc_session *s)
{
    s->lines[MCU_VIDEO].rid_count = 3;
    for (size_t i = 0; i < 3; i++)
        s->lines[MCU_VIDEO].rids[i][0] = (char)('a' + i);
}

static void tell(struct rtc_in *in, int64_t now_us)
{
    struct rtc_rtcp_block blocks[RTC_IN_ROWS];
    struct rtc_stream_stats stats[RTC_STREAMS_IN];
    uint16_t seqs[64];
    uint32_t ssrc;
    uint8_t out[1200];
    struct mcu_writer w = mcu_writer(out, sizeof(out));
    rtc_in_tick(in, now_us);
    rtc_in_blocks(in, now_us, blocks);
    for (unsigned row = 0; row < RTC_IN_ROWS; row++)
        rtc_in_missing(in, row, now_us, 50000, seqs, 64, &ssrc);
    for (unsigned i = 0; i < RTC_PICTURES; i++)
        rtc_in_take_pli(in, (enum rtc_picture)i, now_us, false, &ssrc);
    rtc_in_read_stats(in, stats);
    if (rtc_in_feedback_is_due(in) && rtc_in_put_feedback(in, &w, 1))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rtc_session session;
    session = (struct rtc_session){.is_dtls_client = false};
    make_session(&session);
    const struct rtc_peer_sink sink = {.on_audio = on_audio, .on_video = on_video};
    struct rtc_in *in;
    if (rtc_in_create(&in, &session, &sink))
        return 0;
    struct mcu_reader r = mcu_reader(data, size);
    int64_t now_us = 1000000000;
    rtc_in_renegotiated(in);
    while (mcu_left(&r) >= 2) {
        const uint8_t wait_ms = mcu_take_u8(&r);
        if (wait_ms == UINT8_MAX) {
            make_simulcast(&session);
            rtc_in_renegotiated(in);
        }
        now_us += wait_ms * 1000;
        const struct rtc_limit limit = {
            .width = wait_ms * 8u, .height = wait_ms * 6u, .bitrate_bps = wait_ms / 16 * 100000u};
        if (wait_ms > 128)
            rtc_in_limit(in, RTC_CAMERA, &limit);
        const size_t wanted = mcu_take_u8(&r);
        const size_t n = wanted < mcu_left(&r) ? wanted : mcu_left(&r);
        const uint8_t *packet = mcu_take(&r, n);
        rtc_in_packet(in, packet, n, now_us);
        tell(in, now_us);
    }
    rtc_in_destroy(in);
    return 0;
}
