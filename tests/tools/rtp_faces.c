/* rtp_faces - people without a browser: each sends a VP8 picture of one colour over plain RTP, encoded
 * beforehand.
 *
 *     rtp_faces SECONDS PORT:#rrggbb...     ports of 127.0.0.1, as POST .../rtp told them
 *
 * A second of pictures, which begins with a key frame, goes round. Ends after SECONDS, or by a
 * signal. Exit status: 0, 1 it failed, 2 wrong words. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libyuv.h>
#include <vpx/vp8cx.h>
#include <vpx/vpx_encoder.h>

#include "mcu/base/clock.h"
#include "mcu/base/packet.h"
#include "transport/rtc.h"

enum {
    WIDTH = 320,
    HEIGHT = 180,
    FPS = 10,
    FACES_MAX = 64,
    SECONDS_MAX = 600,
    PT = 96,
    BITRATE_KBPS = 100,
};

struct face {
    struct rtc_peer *peer;
    struct rtc_feed *feed;
    struct mcu_packet *frames[FPS];
};

/* --- pictures ------------------------------------------------------------------------------------
 */

static void paint(vpx_image_t *image, uint32_t rgb)
{
    const uint8_t argb[4] = {(uint8_t)rgb, (uint8_t)(rgb >> 8), (uint8_t)(rgb >> 16), 255};
    uint8_t pixels[2 * 8]; /* two rows of two, as BGRA in memory */
    for (size_t i = 0; i < sizeof(pixels); i++)
        pixels[i] = argb[i % 4];
    uint8_t y[4], u, v;
    ARGBToI420(pixels, 8, y, 2, &u, 1, &v, 1, 2, 2);
    I420Rect(image->planes[0], image->stride[0], image->planes[1], image->stride[1],
             image->planes[2], image->stride[2], 0, 0, WIDTH, HEIGHT, y[0], u, v);
}

/* A bar of another brightness moves, so that every picture is a new one. */
static void move(vpx_image_t *image, int i)
{
    I420Rect(image->planes[0], image->stride[0], image->planes[1], image->stride[1],
             image->planes[2], image->stride[2], 16 + i * 24, 8, 8, 8, 235, 128, 128);
}

static int encode(vpx_codec_ctx_t *codec, vpx_image_t *image, int i, struct mcu_packet **out)
{
    if (vpx_codec_encode(codec, image, i, 1, i == 0 ? VPX_EFLAG_FORCE_KF : 0, VPX_DL_REALTIME))
        return -EIO;
    vpx_codec_iter_t at = NULL;
    for (const vpx_codec_cx_pkt_t *p; (p = vpx_codec_get_cx_data(codec, &at));) {
        if (p->kind != VPX_CODEC_CX_FRAME_PKT)
            continue;
        *out = mcu_packet_copy(p->data.frame.buf, p->data.frame.sz);
        if (!*out)
            return -ENOMEM;
        (*out)->codec = MCU_CODEC_VP8;
        (*out)->is_key = i == 0;
        return 0;
    }
    return -EIO;
}

static int encode_all(struct face *f, uint32_t rgb)
{
    vpx_codec_enc_cfg_t cfg;
    if (vpx_codec_enc_config_default(vpx_codec_vp8_cx(), &cfg, 0))
        return -ENOTSUP;
    cfg.g_w = WIDTH;
    cfg.g_h = HEIGHT;
    cfg.g_timebase = (struct vpx_rational){1, FPS};
    cfg.g_lag_in_frames = 0;
    cfg.rc_target_bitrate = BITRATE_KBPS;
    vpx_codec_ctx_t codec;
    if (vpx_codec_enc_init(&codec, vpx_codec_vp8_cx(), &cfg, 0))
        return -ENOMEM;
    vpx_image_t *image = vpx_img_alloc(NULL, VPX_IMG_FMT_I420, WIDTH, HEIGHT, 32);
    int err = image ? 0 : -ENOMEM;
    for (int i = 0; !err && i < FPS; i++) {
        paint(image, rgb);
        move(image, i);
        err = encode(&codec, image, i, &f->frames[i]);
    }
    vpx_img_free(image);
    vpx_codec_destroy(&codec);
    return err;
}

/* --- sending -------------------------------------------------------------------------------------
 */

static void on_state(void *ctx, enum rtc_state state, const char *reason)
{
    (void)ctx;
    (void)state;
    (void)reason;
}

static int open_face(struct face *f, struct rtc *rtc, uint16_t port)
{
    const struct rtc_plain_conf conf = {
        .remote_host = "127.0.0.1",
        .remote_port = port,
        .media[MCU_VIDEO] = {.direction = MCU_SENDONLY, .codec = MCU_CODEC_VP8, .pt = PT},
    };
    const struct rtc_peer_sink sink = {.ctx = f, .on_state = on_state};
    struct rtc_plain_local local;
    int err = rtc_feed_create(rtc, &f->feed, MCU_CODEC_VP8);
    if (!err)
        err = rtc_peer_create_plain(rtc, &f->peer, &conf, &sink, &local);
    if (!err)
        rtc_peer_tune(f->peer, MCU_VIDEO, f->feed);
    return err;
}

/* A packet is shared and must not change, so each turn sends a copy with its own time. */
static int send_frame(struct face *f, size_t i, int64_t now_us)
{
    const struct mcu_packet *frame = f->frames[i % FPS];
    struct mcu_packet *copy = mcu_packet_copy(frame->data, frame->size);
    if (!copy)
        return -ENOMEM;
    copy->codec = frame->codec;
    copy->is_key = frame->is_key;
    copy->pts_us = copy->dts_us = now_us;
    copy->duration_us = MCU_US_PER_S / FPS;
    rtc_feed_push(f->feed, copy);
    mcu_packet_unref(copy);
    return 0;
}

static int run(struct face *faces, size_t count, unsigned seconds)
{
    const int64_t start_us = mcu_now_us();
    for (size_t i = 0; i < (size_t)seconds * FPS; i++) {
        const int64_t due_us = start_us + (int64_t)i * MCU_US_PER_S / FPS;
        mcu_sleep_until_us(due_us);
        for (size_t f = 0; f < count; f++) {
            const int err = send_frame(&faces[f], i, due_us);
            if (err)
                return err;
        }
    }
    return 0;
}

static void close_faces(struct face *faces, size_t count)
{
    for (size_t f = 0; f < count; f++) {
        rtc_peer_destroy(faces[f].peer);
        rtc_feed_destroy(faces[f].feed);
        for (size_t i = 0; i < FPS; i++)
            mcu_packet_unref(faces[f].frames[i]);
    }
}

static bool read_face(const char *text, uint16_t *port, uint32_t *rgb)
{
    char *end;
    const unsigned long number = strtoul(text, &end, 10);
    if (number < 1 || number > UINT16_MAX || end[0] != ':' || end[1] != '#' || strlen(end) != 8)
        return false;
    *port = (uint16_t)number;
    *rgb = (uint32_t)strtoul(end + 2, &end, 16);
    return *end == '\0';
}

static int send_faces(char **words, size_t count, unsigned seconds)
{
    static struct face faces[FACES_MAX];
    const struct rtc_conf conf = {.peers_per_thread = FACES_MAX};
    struct rtc *rtc;
    int err = rtc_create(&rtc, &conf);
    if (err)
        return err;
    for (size_t i = 0; !err && i < count; i++) {
        uint16_t port;
        uint32_t rgb;
        err = read_face(words[i], &port, &rgb) ? 0 : -EINVAL;
        if (!err)
            err = encode_all(&faces[i], rgb);
        if (!err)
            err = open_face(&faces[i], rtc, port);
    }
    if (!err)
        err = run(faces, count, seconds);
    close_faces(faces, count);
    rtc_destroy(rtc);
    return err;
}

int main(int argc, char **argv)
{
    const int seconds = argc > 2 ? atoi(argv[1]) : 0;
    if (seconds < 1 || seconds > SECONDS_MAX || argc - 2 > FACES_MAX) {
        fprintf(stderr, "usage: rtp_faces SECONDS PORT:#rrggbb... (1 to %d seconds, at most %d)\n",
                SECONDS_MAX, FACES_MAX);
        return 2;
    }
    const int err = send_faces(argv + 2, (size_t)argc - 2, (unsigned)seconds);
    if (err)
        fprintf(stderr, "rtp_faces: %s\n", strerror(-err));
    return err == -EINVAL ? 2 : err ? 1 : 0;
}
