/* bench/latency: how long a sound and a picture stay in a live room.
 *
 * A real room process, N publishers over real ICE, DTLS and SRTP on loopback, one viewer. Publisher 0
 * sends pictures that carry their number as black and white blocks, and tone bursts; what the viewer
 * gets is kept with its time of arrival and decoded after the run, so that measuring costs the room
 * nothing. Latency is from handing a packet to the transport at one end to getting the first packet
 * that shows (or sounds) it at the other: arrival to departure plus two loopback hops.
 *
 * Usage: latency [PROGRAM [SECONDS]] */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>
#include <opus.h>

#include "mcu/base/clock.h"
#include "tests/lib/room_client.h"
#include "tests/lib/synth_peer.h"

enum {
    WIDTH = 640,
    HEIGHT = 360,
    FPS = 30,
    LOOP = 64,         /* pictures, numbered 0..63 */
    BITS = 6,
    CELLS = 8,         /* white, black, and the bits */
    BURST = 10,        /* audio packets on, then as many off */
    PUBLISHERS_MAX = 16,
    KEPT_MAX = 8192,
};

struct kept {
    struct mcu_packet *packet;
    int64_t at_us;
};

struct run {
    struct mcu_packet *video[LOOP];
    struct mcu_packet *loud[BURST];
    struct mcu_packet *quiet[2 * BURST];
    struct rtc *rtc;
    struct room_client *room;
    struct synth_peer *publishers[PUBLISHERS_MAX];
    struct synth_peer *viewer;
    int publisher_count;
    int64_t video_sent_us[KEPT_MAX]; /* by running number */
    int video_sent;
    int64_t onset_us[KEPT_MAX];
    int onsets;
    pthread_mutex_t lock; /* protects what follows */
    struct kept pictures[KEPT_MAX];
    int picture_count;
    struct kept sounds[KEPT_MAX];
    int sound_count;
};

static void must(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "bench/latency: %s failed\n", what);
        exit(1);
    }
}

/* --- what is sent --- */

static void draw(AVFrame *f, int number)
{
    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++)
            f->data[0][y * f->linesize[0] + x] = (uint8_t)(60 + (x + 3 * y + number * 5) % 120);
    }
    for (int y = HEIGHT / 3; y < HEIGHT * 2 / 3; y++) {
        for (int x = 0; x < WIDTH; x++) {
            const int cell = x * CELLS / WIDTH;
            const bool white = cell == 0 || (cell > 1 && (number >> (cell - 2) & 1));
            f->data[0][y * f->linesize[0] + x] = white ? 235 : 16;
        }
    }
    memset(f->data[1], 128, (size_t)(f->linesize[1] * HEIGHT / 2));
    memset(f->data[2], 128, (size_t)(f->linesize[2] * HEIGHT / 2));
}

static void make_pictures(struct run *r)
{
    const AVCodec *codec = avcodec_find_encoder_by_name("libvpx");
    AVCodecContext *c = avcodec_alloc_context3(codec);
    c->width = WIDTH;
    c->height = HEIGHT;
    c->pix_fmt = AV_PIX_FMT_YUV420P;
    c->time_base = (AVRational){1, FPS};
    c->bit_rate = 600000;
    c->gop_size = LOOP;
    av_opt_set(c->priv_data, "deadline", "realtime", 0);
    av_opt_set_int(c->priv_data, "cpu-used", -6, 0);
    av_opt_set_int(c->priv_data, "lag-in-frames", 0, 0);
    must(avcodec_open2(c, codec, NULL) == 0, "opening libvpx");
    AVFrame *f = av_frame_alloc();
    f->width = WIDTH;
    f->height = HEIGHT;
    f->format = AV_PIX_FMT_YUV420P;
    must(av_frame_get_buffer(f, 0) == 0, "a frame");
    AVPacket *p = av_packet_alloc();
    for (int n = 0; n < LOOP; n++) {
        must(av_frame_make_writable(f) == 0, "a frame");
        draw(f, n);
        f->pts = n;
        must(avcodec_send_frame(c, f) == 0 && avcodec_receive_packet(c, p) == 0, "encoding");
        r->video[n] = mcu_packet_copy(p->data, (size_t)p->size);
        r->video[n]->codec = MCU_CODEC_VP8;
        r->video[n]->is_key = (p->flags & AV_PKT_FLAG_KEY) != 0;
        av_packet_unref(p);
    }
    av_packet_free(&p);
    av_frame_free(&f);
    avcodec_free_context(&c);
}

static struct mcu_packet *encode_sound(OpusEncoder *opus, float gain, int *phase)
{
    float pcm[960];
    for (int i = 0; i < 960; i++)
        pcm[i] = gain * (float)sin(2 * M_PI * 1000.0 * (*phase)++ / 48000.0);
    uint8_t data[1500];
    const int size = opus_encode_float(opus, pcm, 960, data, sizeof(data));
    must(size > 0, "opus");
    struct mcu_packet *p = mcu_packet_copy(data, (size_t)size);
    p->codec = MCU_CODEC_OPUS;
    p->is_key = true;
    return p;
}

static void make_sounds(struct run *r)
{
    int err = 0;
    int phase = 0;
    OpusEncoder *opus = opus_encoder_create(48000, 1, OPUS_APPLICATION_RESTRICTED_LOWDELAY, &err);
    for (int i = 0; i < BURST; i++)
        mcu_packet_unref(encode_sound(opus, 0.001f, &phase)); /* settle */
    for (int i = 0; i < BURST; i++)
        r->loud[i] = encode_sound(opus, 0.4f, &phase);
    for (int i = 0; i < 2 * BURST; i++)
        r->quiet[i] = encode_sound(opus, 0.001f, &phase);
    opus_encoder_destroy(opus);
}

static struct mcu_packet *stamped(const struct mcu_packet *of, int64_t pts_us)
{
    struct mcu_packet *p = mcu_packet_copy(of->data, of->size);
    must(p != NULL, "memory");
    p->codec = of->codec;
    p->is_key = of->is_key;
    p->pts_us = p->dts_us = pts_us;
    return p;
}

static void send(struct synth_peer *peer, const struct mcu_packet *of, int64_t now_us)
{
    struct mcu_packet *p = stamped(of, now_us);
    synth_peer_send(peer, p);
    mcu_packet_unref(p);
}

static void send_audio(struct run *r, int64_t n, int64_t now_us)
{
    const int in_burst = (int)(n % (2 * BURST));
    for (int i = 0; i < r->publisher_count; i++) {
        const bool is_loud = i == 0 && in_burst < BURST;
        if (is_loud && in_burst == 0)
            r->onset_us[r->onsets++] = mcu_now_us();
        send(r->publishers[i], is_loud ? r->loud[in_burst] : r->quiet[in_burst], now_us);
    }
}

static void send_video(struct run *r, int i, int64_t n, int64_t now_us)
{
    if (i == 0)
        r->video_sent_us[r->video_sent++] = mcu_now_us();
    send(r->publishers[i], r->video[n % LOOP], now_us);
}

/* Every publisher's pictures have their own phase, as cameras do. */
static void stream(struct run *r, int seconds)
{
    const int64_t start_us = mcu_now_us();
    const int64_t end_us = start_us + seconds * MCU_US_PER_S;
    int64_t audio_sent = 0;
    int64_t video_sent[PUBLISHERS_MAX] = {0};
    for (int64_t now_us = start_us; now_us < end_us; now_us = mcu_now_us()) {
        for (; start_us + audio_sent * 20000 <= now_us; audio_sent++)
            send_audio(r, audio_sent, start_us + audio_sent * 20000);
        for (int i = 0; i < r->publisher_count; i++) {
            const int64_t phase_us = start_us + i * (MCU_US_PER_S / FPS) / r->publisher_count;
            const int64_t due_us = phase_us + video_sent[i] * MCU_US_PER_S / FPS;
            if (due_us <= now_us)
                send_video(r, i, video_sent[i]++, due_us);
        }
        room_client_poll(r->room, 1);
    }
}

/* --- what comes back --- */

static void keep(struct kept *list, int *count, struct mcu_packet *packet)
{
    if (*count < KEPT_MAX)
        list[(*count)++] = (struct kept){.packet = packet, .at_us = mcu_now_us()};
}

static void on_picture(void *ctx, struct mcu_packet *frame)
{
    struct run *r = ctx;
    pthread_mutex_lock(&r->lock);
    keep(r->pictures, &r->picture_count, mcu_packet_ref(frame));
    pthread_mutex_unlock(&r->lock);
}

static void on_sound(void *ctx, const struct rtc_audio *audio)
{
    struct run *r = ctx;
    pthread_mutex_lock(&r->lock);
    keep(r->sounds, &r->sound_count, mcu_packet_copy(audio->payload, audio->size));
    pthread_mutex_unlock(&r->lock);
}

static int luma(const AVFrame *f, double x, double y)
{
    const int px = (int)(x * f->width);
    const int py = (int)(y * f->height);
    return f->data[0][py * f->linesize[0] + px];
}

/* The number in the first tile of a grid of side x side, or -1. */
static int read_number(const AVFrame *f, int side)
{
    const double step = 1.0 / side / CELLS;
    const double y = 0.5 / side;
    if (luma(f, step * 0.5, y) < 160 || luma(f, step * 1.5, y) > 90)
        return -1;
    int number = 0;
    for (int bit = 0; bit < BITS; bit++)
        number |= (luma(f, step * (bit + 2.5), y) > 125) << bit;
    return number;
}

static int by_value(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void print_spread(const char *what, int64_t *values, int count)
{
    if (!count) {
        printf("   %s: nothing measured", what);
        return;
    }
    qsort(values, (size_t)count, sizeof(values[0]), by_value);
    printf("   %s p50 %5.1f  p95 %5.1f  max %5.1f ms (%d)", what, (double)values[count / 2] / 1e3,
           (double)values[count * 95 / 100] / 1e3, (double)values[count - 1] / 1e3, count);
}

/* The running number of the newest picture with this number sent before a time. */
static int sent_as(const struct run *r, int number, int64_t before_us)
{
    for (int n = r->video_sent - 1; n >= 0; n--) {
        if (n % LOOP == number && r->video_sent_us[n] < before_us)
            return n;
    }
    return -1;
}

static void judge_picture(struct run *r, AVCodecContext *c, AVFrame *f, const struct kept *kept,
                          int *newest, int64_t *values, int *count)
{
    AVPacket *p = av_packet_alloc();
    p->data = kept->packet->data;
    p->size = (int)kept->packet->size;
    if (avcodec_send_packet(c, p) == 0 && avcodec_receive_frame(c, f) == 0) {
        const int side = (int)ceil(sqrt(r->publisher_count));
        const int number = read_number(f, side);
        const int n = number < 0 ? -1 : sent_as(r, number, kept->at_us);
        /* The first second is for joining: jitter buffers still settle. */
        if (n > *newest && n > FPS)
            values[(*count)++] = kept->at_us - r->video_sent_us[n];
        if (n > *newest)
            *newest = n;
    }
    p->data = NULL;
    p->size = 0;
    av_packet_free(&p);
}

static void judge_pictures(struct run *r)
{
    static int64_t values[KEPT_MAX];
    int count = 0;
    int newest = -1;
    AVCodecContext *c = avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_H264));
    c->flags |= AV_CODEC_FLAG_LOW_DELAY;
    c->thread_count = 1;
    must(avcodec_open2(c, NULL, NULL) == 0, "opening the H264 decoder");
    AVFrame *f = av_frame_alloc();
    for (int i = 0; i < r->picture_count; i++)
        judge_picture(r, c, f, &r->pictures[i], &newest, values, &count);
    print_spread("video", values, count);
    av_frame_free(&f);
    avcodec_free_context(&c);
}

static bool is_loud(OpusDecoder *opus, const struct mcu_packet *p)
{
    float pcm[960];
    const int frames = opus_decode_float(opus, p->data, (int)p->size, pcm, 960, 0);
    float most = 0;
    for (int start = 0; start + 240 <= frames; start += 240) {
        float sum = 0;
        for (int i = 0; i < 240; i++)
            sum += pcm[start + i] * pcm[start + i];
        most = fmaxf(most, sum / 240);
    }
    return most > 0.02f; /* a quarter of a tone of 0.4 */
}

static void judge_sounds(struct run *r)
{
    static int64_t values[KEPT_MAX];
    int count = 0;
    int onset = 0;
    bool was_loud = false;
    int err = 0;
    OpusDecoder *opus = opus_decoder_create(48000, 1, &err);
    for (int i = 0; i < r->sound_count; i++) {
        const bool loud = is_loud(opus, r->sounds[i].packet);
        if (loud && !was_loud) {
            while (onset + 1 < r->onsets && r->onset_us[onset + 1] < r->sounds[i].at_us)
                onset++;
            if (onset > 3)
                values[count++] = r->sounds[i].at_us - r->onset_us[onset];
        }
        was_loud = loud;
    }
    print_spread("audio", values, count);
    opus_decoder_destroy(opus);
}

/* --- a run --- */

static void on_event(void *ctx, const json_t *event)
{
    struct run *r = ctx;
    for (int i = 0; i < r->publisher_count; i++) {
        if (r->publishers[i])
            synth_peer_take_event(r->publishers[i], event);
    }
    if (r->viewer)
        synth_peer_take_event(r->viewer, event);
}

static struct synth_peer *join(struct run *r, const char *id, bool sends)
{
    const struct synth_peer_conf conf = {
        .rtc = r->rtc,
        .room = r->room,
        .id = id,
        .audio = sends ? MCU_SENDONLY : MCU_RECVONLY,
        .video = sends ? MCU_SENDONLY : MCU_RECVONLY,
        .video_codec = sends ? MCU_CODEC_VP8 : MCU_CODEC_H264,
        .ctx = r,
        .on_audio = sends ? NULL : on_sound,
        .on_video = sends ? NULL : on_picture,
    };
    struct synth_peer *p = NULL;
    must(synth_peer_join(&p, &conf) == 0, "joining");
    for (int i = 0; i < 1000 && !synth_peer_is_connected(p); i++)
        room_client_poll(r->room, 10);
    must(synth_peer_is_connected(p), "connecting");
    return p;
}

static json_int_t room_cpu_us(struct run *r)
{
    json_t *reply = room_client_call(r->room, json_pack("{s:s}", "cmd", "stats"));
    const json_int_t cpu_us = json_integer_value(json_object_get(reply, "cpu_us"));
    json_decref(reply);
    return cpu_us;
}

static void forget(struct kept *list, int *count)
{
    for (int i = 0; i < *count; i++)
        mcu_packet_unref(list[i].packet);
    *count = 0;
}

static void measure(struct run *r, const char *program, int publishers, int seconds)
{
    const struct rtc_conf conf = {.has_loopback = true, .peers_per_thread = 32};
    r->publisher_count = 0;
    r->video_sent = 0;
    r->onsets = 0;
    must(rtc_create(&r->rtc, &conf) == 0, "rtc_create");
    must(room_client_start(&r->room, program, NULL) == 0, "starting a room");
    room_client_on_event(r->room, on_event, r);
    for (int i = 0; i < publishers; i++) {
        char id[16];
        snprintf(id, sizeof(id), "p%d", i);
        r->publishers[i] = join(r, id, true);
        r->publisher_count++;
    }
    r->viewer = join(r, "viewer", false);
    const json_int_t before_us = room_cpu_us(r);
    stream(r, seconds);
    const double cores = (double)(room_cpu_us(r) - before_us) / 1e6 / seconds;

    for (int i = 0; i < publishers; i++) {
        synth_peer_leave(r->publishers[i]);
        r->publishers[i] = NULL;
    }
    synth_peer_leave(r->viewer);
    r->viewer = NULL;
    room_client_stop(r->room);
    rtc_destroy(r->rtc);

    printf("%2d publishers", publishers);
    judge_sounds(r);
    judge_pictures(r);
    printf("   room %.2f core\n", cores);
    fflush(stdout);
    forget(r->pictures, &r->picture_count);
    forget(r->sounds, &r->sound_count);
}

int main(int argc, char **argv)
{
    static struct run r;
    const char *program = argc > 1 ? argv[1] : "build/mixdown";
    const int seconds = argc > 2 ? atoi(argv[2]) : 20;
    if (seconds < 2 || seconds > 60) {
        fprintf(stderr, "usage: latency [PROGRAM [SECONDS 2..60]]\n");
        return 2;
    }
    pthread_mutex_init(&r.lock, NULL);
    make_pictures(&r);
    make_sounds(&r);
    printf("Time in a live room, from arrival to departure (aim: p95 at most 60 ms each)\n");
    static const int counts[] = {1, 4, 16};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        measure(&r, program, counts[i], seconds);
    for (int i = 0; i < LOOP; i++)
        mcu_packet_unref(r.video[i]);
    for (int i = 0; i < BURST; i++)
        mcu_packet_unref(r.loud[i]);
    for (int i = 0; i < 2 * BURST; i++)
        mcu_packet_unref(r.quiet[i]);
    return 0;
}
