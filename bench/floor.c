/* bench/floor - what a mix costs in library calls alone: the floor that `mixdown mix` is measured by.
 *
 * Each loop runs by itself over the same files: decode the video, scale it into the grid by the
 * fastest of the good ways, encode the picture, decode the Opus, encode the AAC. The sum of their
 * CPU times is the floor; no reading, mixing, scheduling, muxing. After them the same calls run
 * once interleaved, as a bare C program would make them: `loop`, with its H264 in OUT.
 *
 * Usage: floor compare REFERENCE.yuv OUT.h264 PRESET BITRATE FILE...   prints stage=seconds ...
 *        floor reference REFERENCE.yuv FILE...    the pictures, scaled with care, not encoded
 *        floor grid COUNT WIDTH HEIGHT            cols, tile and crop sizes, for other programs
 * FILEs are equally long VP8 and Opus; their number is a square. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libavcodec/avcodec.h>
#include <libswscale/swscale.h>
#include <libyuv/planar_functions.h>
#include <libyuv/scale.h>
#include <opus.h>
#include <x264.h>

#include "bench/grid.h"
#include "recorder/source.h"

enum {
    INPUTS_MAX = 49,
    PACKETS_MAX = 20000,
    STRIDE = GRID_WIDTH + 64, /* libswscale writes past the right edge of a row */
    CHUNK = 30,               /* frames scaled at a go, after they were decoded */
    RATE_HZ = 48000,
    OPUS_FRAMES_MAX = 5760,
    AAC_BITRATE = 128000,
};

struct input {
    struct mcu_packet *video[PACKETS_MAX];
    int video_count;
    struct mcu_packet *audio[PACKETS_MAX];
    int audio_count;
    int width;
    int height;
    AVCodecContext *decoder;
    int sent;
    OpusDecoder *opus;
    int opus_sent;
};

struct canvas {
    uint8_t *plane[3];
    int stride[3];
};

struct floor {
    struct input *inputs[INPUTS_MAX];
    int count;
    int frames; /* of the shortest */
    struct grid grid;
    struct SwsContext *sws;
    struct canvas canvas;
    AVFrame *frame;
    AVPacket *packet;
    bool is_careful; /* scaling for the reference */
    float *pcm;      /* the mixed sound, stereo */
    int pcm_frames;
};

static void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "bench/floor: %s failed\n", what);
        exit(1);
    }
}

static double cpu_s(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/* --- inputs --------------------------------------------------------------------------------- */

static struct input *read_input(const char *path)
{
    struct input *in = calloc(1, sizeof(*in));
    struct rec_source *source = NULL;
    must(in && rec_source_open(&source, path) == 0, path);
    const struct rec_source_info *info = rec_source_info(source);
    must(info->video.codec == MCU_CODEC_VP8 && info->audio.codec == MCU_CODEC_OPUS,
         "finding VP8 and Opus");
    in->width = (int)info->video.width;
    in->height = (int)info->video.height;
    for (struct mcu_packet *p; rec_source_read(source, &p) == 0;) {
        must(in->video_count < PACKETS_MAX && in->audio_count < PACKETS_MAX, "keeping packets");
        if (p->codec == MCU_CODEC_VP8)
            in->video[in->video_count++] = p;
        else
            in->audio[in->audio_count++] = p;
    }
    rec_source_close(source);
    return in;
}

static void restart_decoder(struct input *in)
{
    avcodec_free_context(&in->decoder);
    const AVCodec *vp8 = avcodec_find_decoder_by_name("vp8");
    in->decoder = avcodec_alloc_context3(vp8);
    must(in->decoder != NULL, "allocating");
    in->decoder->thread_count = 1;
    must(avcodec_open2(in->decoder, vp8, NULL) >= 0, "opening the decoder");
    in->sent = 0;
}

static void restart_opus(struct input *in)
{
    int err = 0;
    if (in->opus)
        opus_decoder_destroy(in->opus);
    in->opus = opus_decoder_create(RATE_HZ, 2, &err);
    must(err == OPUS_OK, "opening Opus");
    in->opus_sent = 0;
}

/* The next frame of an input; VP8 answers each packet with one. */
static void decode_frame(struct floor *f, struct input *in, AVFrame *frame)
{
    const struct mcu_packet *p = in->video[in->sent++];
    f->packet->data = p->data;
    f->packet->size = (int)p->size;
    must(avcodec_send_packet(in->decoder, f->packet) >= 0, "decoding");
    must(avcodec_receive_frame(in->decoder, frame) >= 0, "getting a picture");
}

/* The next 20 ms of an input into out, or silence after its end. */
static int decode_sound(struct input *in, float *out)
{
    if (in->opus_sent == in->audio_count)
        return 0;
    const struct mcu_packet *p = in->audio[in->opus_sent++];
    const int n = opus_decode_float(in->opus, p->data, (opus_int32)p->size, out, OPUS_FRAMES_MAX, 0);
    must(n >= 0, "decoding Opus");
    return n;
}

/* --- scaling -------------------------------------------------------------------------------- */

static void create_canvas(struct floor *f)
{
    uint8_t *memory = malloc((size_t)STRIDE * (GRID_HEIGHT + 1) * 2);
    must(memory != NULL, "allocating");
    f->canvas = (struct canvas){
        .plane = {memory, memory + STRIDE * GRID_HEIGHT, memory + STRIDE * GRID_HEIGHT * 3 / 2},
        .stride = {STRIDE, STRIDE, STRIDE}};
    memset(memory, 16, (size_t)STRIDE * GRID_HEIGHT);
    memset(f->canvas.plane[1], 128, (size_t)STRIDE * (GRID_HEIGHT + 1));
    const struct grid *g = &f->grid;
    const int flags = SWS_AREA | (f->is_careful ? SWS_ACCURATE_RND | SWS_BITEXACT : 0);
    f->sws = sws_getContext(g->crop_width, g->crop_height, AV_PIX_FMT_YUV420P, g->tile_width,
                            g->tile_height, AV_PIX_FMT_YUV420P, flags, NULL, NULL, NULL);
    must(f->sws != NULL, "opening the scaler");
}

/* Draws a frame into tile i. Tiles to the right come later and paint over what libswscale writes
 * past its edge. */
static void scale(struct floor *f, const AVFrame *frame, int i)
{
    const struct grid *g = &f->grid;
    const int x = i % g->cols * g->tile_width;
    const int y = i / g->cols * g->tile_height;
    const struct canvas *c = &f->canvas;
    uint8_t *to[4] = {c->plane[0] + y * STRIDE + x, c->plane[1] + y / 2 * STRIDE + x / 2,
                      c->plane[2] + y / 2 * STRIDE + x / 2, NULL};
    const int strides[4] = {STRIDE, STRIDE, STRIDE, 0};
    const uint8_t *const *from = (const uint8_t *const *)frame->data;
    const int *s = frame->linesize;
    if (g->crop_width == g->tile_width && g->crop_height == g->tile_height)
        I420Copy(from[0], s[0], from[1], s[1], from[2], s[2], to[0], STRIDE, to[1], STRIDE, to[2],
                 STRIDE, g->tile_width, g->tile_height);
    else if (!f->is_careful && g->crop_width == 2 * g->tile_width &&
             g->crop_height == 2 * g->tile_height)
        I420Scale(from[0], s[0], from[1], s[1], from[2], s[2], g->crop_width, g->crop_height, to[0],
                  STRIDE, to[1], STRIDE, to[2], STRIDE, g->tile_width, g->tile_height, kFilterBox);
    else
        sws_scale(f->sws, from, s, 0, g->crop_height, to, strides);
}

/* --- encoding ------------------------------------------------------------------------------- */

/* As compositor/encode_h264.c sets it for a file. */
static x264_t *open_x264(const char *preset, int bitrate_bps)
{
    x264_param_t p;
    must(x264_param_default_preset(&p, preset, NULL) == 0, "taking the preset");
    p.i_log_level = X264_LOG_NONE;
    p.i_width = GRID_WIDTH;
    p.i_height = GRID_HEIGHT;
    p.i_csp = X264_CSP_I420;
    p.i_threads = 1;
    p.i_fps_num = GRID_FPS;
    p.i_fps_den = 1;
    p.i_keyint_max = 2 * GRID_FPS;
    p.rc.i_rc_method = X264_RC_ABR;
    p.rc.i_bitrate = bitrate_bps / 1000;
    p.b_repeat_headers = 1;
    p.b_annexb = 1;
    must(x264_param_apply_profile(&p, "high") == 0, "taking the profile");
    x264_t *x = x264_encoder_open(&p);
    must(x != NULL, "opening x264");
    return x;
}

/* n is the frame's number; canvas NULL: give out what is held back. Returns whether to go on. */
static bool encode(x264_t *x, const struct canvas *canvas, int n, FILE *out)
{
    if (!canvas && x264_encoder_delayed_frames(x) == 0)
        return false;
    x264_picture_t in, coded;
    x264_picture_init(&in);
    in.img.i_csp = X264_CSP_I420;
    in.img.i_plane = 3;
    for (int i = 0; canvas && i < 3; i++) {
        in.img.plane[i] = canvas->plane[i];
        in.img.i_stride[i] = canvas->stride[i];
    }
    in.i_pts = n;
    x264_nal_t *nals;
    int count;
    const int size = x264_encoder_encode(x, &nals, &count, canvas ? &in : NULL, &coded);
    must(size >= 0, "encoding");
    if (out && size > 0)
        must(fwrite(nals[0].p_payload, 1, (size_t)size, out) == (size_t)size, "writing");
    return true;
}

static AVCodecContext *open_aac(void)
{
    AVCodecContext *c = avcodec_alloc_context3(avcodec_find_encoder(AV_CODEC_ID_AAC));
    must(c != NULL, "allocating");
    c->sample_rate = RATE_HZ;
    c->sample_fmt = AV_SAMPLE_FMT_FLTP;
    c->bit_rate = AAC_BITRATE;
    av_channel_layout_default(&c->ch_layout, 2);
    must(avcodec_open2(c, NULL, NULL) >= 0, "opening AAC");
    return c;
}

/* frames of interleaved stereo, in blocks of 1024. */
static void encode_aac(struct floor *f, AVCodecContext *c, const float *pcm, int frames)
{
    AVFrame *block = av_frame_alloc();
    for (int at = 0; at + 1024 <= frames; at += 1024) {
        block->nb_samples = 1024;
        block->format = AV_SAMPLE_FMT_FLTP;
        block->ch_layout = c->ch_layout;
        must(av_frame_get_buffer(block, 0) >= 0, "allocating");
        for (int i = 0; i < 2 * 1024; i++)
            ((float *)(void *)block->data[i & 1])[i >> 1] = pcm[2 * at + i];
        must(avcodec_send_frame(c, block) >= 0, "encoding AAC");
        while (avcodec_receive_packet(c, f->packet) >= 0)
            av_packet_unref(f->packet);
        av_frame_unref(block);
    }
    av_frame_free(&block);
}

/* --- the loops, each by itself --------------------------------------------------------------- */

static double time_decode(struct floor *f)
{
    double total = 0;
    for (int i = 0; i < f->count; i++) {
        restart_decoder(f->inputs[i]);
        const double before = cpu_s();
        for (int n = 0; n < f->frames; n++)
            decode_frame(f, f->inputs[i], f->frame);
        total += cpu_s() - before;
    }
    return total;
}

static double time_scale(struct floor *f)
{
    AVFrame *kept[CHUNK];
    double total = 0;
    for (int k = 0; k < CHUNK; k++)
        kept[k] = av_frame_alloc();
    for (int i = 0; i < f->count; i++) {
        restart_decoder(f->inputs[i]);
        for (int n = 0; n < f->frames; n += CHUNK) {
            const int chunk = f->frames - n < CHUNK ? f->frames - n : CHUNK;
            for (int k = 0; k < chunk; k++)
                decode_frame(f, f->inputs[i], kept[k]);
            const double before = cpu_s();
            for (int k = 0; k < chunk; k++)
                scale(f, kept[k], i);
            total += cpu_s() - before;
        }
    }
    for (int k = 0; k < CHUNK; k++)
        av_frame_free(&kept[k]);
    return total;
}

/* One picture of the reference file onto the canvas. */
static void read_picture(struct floor *f, FILE *reference)
{
    for (int p = 0; p < 3; p++) {
        const size_t width = p ? GRID_WIDTH / 2 : GRID_WIDTH;
        for (int y = 0; y < (p ? GRID_HEIGHT / 2 : GRID_HEIGHT); y++)
            must(fread(f->canvas.plane[p] + y * STRIDE, 1, width, reference) == width,
                 "reading the reference");
    }
}

static double time_encode(struct floor *f, const char *reference, const char *preset, int bitrate)
{
    FILE *in = fopen(reference, "rb");
    must(in != NULL, reference);
    x264_t *x = open_x264(preset, bitrate);
    double total = 0;
    for (int n = 0; n < f->frames; n++) {
        read_picture(f, in);
        const double before = cpu_s();
        encode(x, &f->canvas, n, NULL);
        total += cpu_s() - before;
    }
    const double before = cpu_s();
    while (encode(x, NULL, 0, NULL))
        ;
    total += cpu_s() - before;
    x264_encoder_close(x);
    fclose(in);
    return total;
}

/* Also leaves the sum of all in f->pcm. */
static double time_opus(struct floor *f)
{
    static float pcm[OPUS_FRAMES_MAX * 2];
    double total = 0;
    memset(f->pcm, 0, (size_t)f->pcm_frames * 2 * sizeof(*f->pcm));
    for (int i = 0; i < f->count; i++) {
        restart_opus(f->inputs[i]);
        for (int at = 0;;) {
            const double before = cpu_s();
            const int n = decode_sound(f->inputs[i], pcm);
            total += cpu_s() - before;
            if (n == 0)
                break;
            for (int k = 0; k < 2 * n && 2 * at + k < 2 * f->pcm_frames; k++)
                f->pcm[2 * at + k] += pcm[k] / (float)f->count;
            at += n;
        }
    }
    return total;
}

static double time_aac(struct floor *f)
{
    AVCodecContext *c = open_aac();
    const double before = cpu_s();
    encode_aac(f, c, f->pcm, f->pcm_frames);
    const double total = cpu_s() - before;
    avcodec_free_context(&c);
    return total;
}

/* --- all of it in one loop ------------------------------------------------------------------- */

/* One picture and the sound that belongs to it. */
static void loop_once(struct floor *f, x264_t *x, int n, FILE *out)
{
    static float pcm[OPUS_FRAMES_MAX * 2];
    for (int i = 0; i < f->count; i++) {
        struct input *in = f->inputs[i];
        decode_frame(f, in, f->frame);
        scale(f, f->frame, i);
        while (in->opus_sent < in->audio_count && in->opus_sent * GRID_FPS <= n * 50) {
            const int at = in->opus_sent * RATE_HZ / 50;
            const int got = decode_sound(in, pcm);
            for (int k = 0; k < 2 * got && 2 * at + k < 2 * f->pcm_frames; k++)
                f->pcm[2 * at + k] += pcm[k] / (float)f->count;
        }
    }
    encode(x, &f->canvas, n, out);
}

static double time_loop(struct floor *f, const char *path, const char *preset, int bitrate)
{
    FILE *out = fopen(path, "wb");
    must(out != NULL, path);
    memset(f->pcm, 0, (size_t)f->pcm_frames * 2 * sizeof(*f->pcm));
    for (int i = 0; i < f->count; i++) {
        restart_decoder(f->inputs[i]);
        restart_opus(f->inputs[i]);
    }
    x264_t *x = open_x264(preset, bitrate);
    AVCodecContext *aac = open_aac();
    const double before = cpu_s();
    int heard = 0;
    for (int n = 0; n < f->frames; n++) {
        loop_once(f, x, n, out);
        for (; heard + 1024 <= n * (RATE_HZ / GRID_FPS); heard += 1024)
            encode_aac(f, aac, f->pcm + 2 * heard, 1024);
    }
    while (encode(x, NULL, 0, out))
        ;
    const double total = cpu_s() - before;
    x264_encoder_close(x);
    avcodec_free_context(&aac);
    must(fclose(out) == 0, "writing");
    return total;
}

/* --- commands -------------------------------------------------------------------------------- */

static void open_floor(struct floor *f, char **paths, int count)
{
    must(count >= 1 && count <= INPUTS_MAX, "counting the files");
    f->frames = PACKETS_MAX;
    for (f->count = 0; f->count < count; f->count++) {
        struct input *in = read_input(paths[f->count]);
        f->inputs[f->count] = in;
        f->frames = in->video_count < f->frames ? in->video_count : f->frames;
    }
    f->grid = grid_of(count, f->inputs[0]->width, f->inputs[0]->height);
    f->frame = av_frame_alloc();
    f->packet = av_packet_alloc();
    f->pcm_frames = f->frames * (RATE_HZ / GRID_FPS);
    f->pcm = calloc((size_t)f->pcm_frames * 2, sizeof(*f->pcm));
    must(f->frame && f->packet && f->pcm, "allocating");
    create_canvas(f);
}

static int write_reference(const char *path, char **files, int count)
{
    struct floor f = {.is_careful = true};
    open_floor(&f, files, count);
    FILE *out = fopen(path, "wb");
    must(out != NULL, path);
    for (int i = 0; i < count; i++)
        restart_decoder(f.inputs[i]);
    for (int n = 0; n < f.frames; n++) {
        for (int i = 0; i < count; i++) {
            decode_frame(&f, f.inputs[i], f.frame);
            scale(&f, f.frame, i);
        }
        for (int p = 0; p < 3; p++) {
            for (int y = 0; y < (p ? GRID_HEIGHT / 2 : GRID_HEIGHT); y++)
                fwrite(f.canvas.plane[p] + y * STRIDE, 1, p ? GRID_WIDTH / 2 : GRID_WIDTH, out);
        }
    }
    must(fclose(out) == 0, "writing the reference");
    return 0;
}

static int compare(char **words, int count)
{
    struct floor f = {0};
    open_floor(&f, words + 4, count - 4);
    const int bitrate = atoi(words[3]);
    const double decode = time_decode(&f);
    const double scaling = time_scale(&f);
    const double encoding = time_encode(&f, words[0], words[2], bitrate);
    const double opus = time_opus(&f);
    const double aac = time_aac(&f);
    const double loop = time_loop(&f, words[1], words[2], bitrate);
    printf("decode=%.3f scale=%.3f encode=%.3f opus=%.3f aac=%.3f floor=%.3f loop=%.3f\n", decode,
           scaling, encoding, opus, aac, decode + scaling + encoding + opus + aac, loop);
    return 0;
}

int main(int argc, char **argv)
{
    av_log_set_level(AV_LOG_ERROR);
    if (argc == 5 && strcmp(argv[1], "grid") == 0) {
        const struct grid g = grid_of(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
        printf("%d %d %d %d %d\n", g.cols, g.tile_width, g.tile_height, g.crop_width,
               g.crop_height);
        return 0;
    }
    if (argc > 3 && strcmp(argv[1], "reference") == 0)
        return write_reference(argv[2], argv + 3, argc - 3);
    if (argc > 6 && strcmp(argv[1], "compare") == 0)
        return compare(argv + 2, argc - 2);
    fprintf(stderr, "usage: floor compare|reference|grid ..., see its head\n");
    return 2;
}
