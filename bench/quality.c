/* bench/quality - how near a mixed file is to its pictures before encoding: PSNR over the tiles.
 *
 * A mixer may show a frame a tick later than another, which is no loss of quality: the shift of up to
 * two frames that fits best is taken.
 *
 * Usage: quality REFERENCE.yuv COUNT WIDTH HEIGHT FILE    (see bench/floor)   prints PSNR and frames */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

#include "bench/grid.h"

enum { SHIFTS = 5, FRAME_BYTES = GRID_WIDTH * GRID_HEIGHT * 3 / 2 };

struct quality {
    const uint8_t *reference; /* mapped */
    int frames;               /* in it */
    int width;                /* of what is compared */
    int height;
    double error[SHIFTS];     /* summed squares */
    double samples[SHIFTS];
    int seen;
};

static void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "bench/quality: %s failed\n", what);
        exit(1);
    }
}

static double plane_error(const uint8_t *a, int a_stride, const uint8_t *b, int b_stride, int width,
                          int height)
{
    double total = 0;
    for (int y = 0; y < height; y++) {
        int64_t row = 0;
        for (int x = 0; x < width; x++) {
            const int d = a[y * a_stride + x] - b[y * b_stride + x];
            row += d * d;
        }
        total += (double)row;
    }
    return total;
}

static void compare(struct quality *q, const AVFrame *f)
{
    must(f->width == GRID_WIDTH && f->height == GRID_HEIGHT &&
             (f->format == AV_PIX_FMT_YUV420P || f->format == AV_PIX_FMT_YUVJ420P),
         "finding a picture of the right kind");
    for (int s = 0; s < SHIFTS; s++) {
        const int n = q->seen + s - SHIFTS / 2;
        if (n < 0 || n >= q->frames)
            continue;
        const uint8_t *y = q->reference + (size_t)n * FRAME_BYTES;
        const uint8_t *u = y + GRID_WIDTH * GRID_HEIGHT;
        const uint8_t *v = u + GRID_WIDTH * GRID_HEIGHT / 4;
        q->error[s] += plane_error(f->data[0], f->linesize[0], y, GRID_WIDTH, q->width, q->height) +
                       plane_error(f->data[1], f->linesize[1], u, GRID_WIDTH / 2, q->width / 2,
                                   q->height / 2) +
                       plane_error(f->data[2], f->linesize[2], v, GRID_WIDTH / 2, q->width / 2,
                                   q->height / 2);
        q->samples[s] += q->width * q->height * 1.5;
    }
    q->seen++;
}

static void decode(struct quality *q, AVCodecContext *c, const AVPacket *p, AVFrame *f)
{
    must(avcodec_send_packet(c, p) >= 0, "decoding");
    while (avcodec_receive_frame(c, f) >= 0) {
        compare(q, f);
        av_frame_unref(f);
    }
}

static void read_file(struct quality *q, const char *path)
{
    AVFormatContext *in = NULL;
    must(avformat_open_input(&in, path, NULL, NULL) >= 0, path);
    must(avformat_find_stream_info(in, NULL) >= 0, path);
    const int index = av_find_best_stream(in, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    must(index >= 0, "finding video");
    const AVCodecParameters *par = in->streams[index]->codecpar;
    AVCodecContext *c = avcodec_alloc_context3(avcodec_find_decoder(par->codec_id));
    must(c && avcodec_parameters_to_context(c, par) >= 0 && avcodec_open2(c, NULL, NULL) >= 0,
         "opening the decoder");
    AVPacket *p = av_packet_alloc();
    AVFrame *f = av_frame_alloc();
    while (av_read_frame(in, p) >= 0) {
        if (p->stream_index == index)
            decode(q, c, p, f);
        av_packet_unref(p);
    }
    decode(q, c, NULL, f);
    av_frame_free(&f);
    av_packet_free(&p);
    avcodec_free_context(&c);
    avformat_close_input(&in);
}

int main(int argc, char **argv)
{
    av_log_set_level(AV_LOG_ERROR);
    if (argc != 6) {
        fprintf(stderr, "usage: quality REFERENCE.yuv COUNT WIDTH HEIGHT FILE\n");
        return 2;
    }
    FILE *f = fopen(argv[1], "rb");
    must(f && fseek(f, 0, SEEK_END) == 0, argv[1]);
    const size_t bytes = (size_t)ftell(f);
    const struct grid g = grid_of(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
    struct quality q = {
        .reference = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fileno(f), 0),
        .frames = (int)(bytes / FRAME_BYTES),
        .width = g.cols * g.tile_width,
        .height = g.cols * g.tile_height,
    };
    must(q.reference != MAP_FAILED, "mapping the reference");
    read_file(&q, argv[5]);
    double best = 0;
    for (int s = 0; s < SHIFTS; s++) {
        const double mse = q.samples[s] > 0 ? q.error[s] / q.samples[s] : 65025;
        best = fmax(best, 10 * log10(65025 / fmax(mse, 1e-9)));
    }
    printf("%.2f %d\n", best, q.seen);
    fclose(f);
    return 0;
}
