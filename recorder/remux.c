/* Stream copy with libavformat. The input is read through a window on an open file, so that a broken
 * tail is cut off without a copy, and nothing that the file names is ever opened. */
#include "recorder/remux.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libavformat/avformat.h>

#include "recorder/averr.h"
#include "recorder/describe.h"
#include "recorder/frag.h"

enum { IO_BUFFER_BYTES = 256 * 1024, STREAMS_MAX = 8 };

/* The part of a file that libavformat may see. */
struct window {
    int fd;
    int64_t size;
    int64_t at;
    int error; /* of pread(2) */
};

struct copy {
    struct window window;
    struct rec_talk *talk; /* NULL: nothing is known of who spoke */
    AVFormatContext *in;
    AVFormatContext *out;
    AVPacket *packet;
    AVPacket *held;             /* the newest of the video, by the input's clock; size 0: none */
    int64_t first_dts;          /* of the video */
    int64_t video_end_us;       /* negative: not known */
    int out_index[STREAMS_MAX]; /* -1: not copied */
    int64_t end_us;             /* of all that was written */
    struct rec_result result;
};

static int window_read(void *opaque, uint8_t *to, int size)
{
    struct window *w = opaque;
    const int64_t left = w->size - w->at;
    if (left <= 0)
        return AVERROR_EOF;
    const size_t wanted = size < left ? (size_t)size : (size_t)left;
    ssize_t n;
    do {
        n = pread(w->fd, to, wanted, w->at);
    } while (n < 0 && errno == EINTR);
    if (n <= 0) {
        w->error = n < 0 ? -errno : -EIO;
        return w->error;
    }
    w->at += n;
    return (int)n;
}

static int64_t window_seek(void *opaque, int64_t offset, int whence)
{
    struct window *w = opaque;
    if (whence & AVSEEK_SIZE)
        return w->size;
    const int64_t base = whence == SEEK_CUR ? w->at : whence == SEEK_END ? w->size : 0;
    if (offset < -base || offset > w->size - base)
        return -EINVAL;
    w->at = base + offset;
    return w->at;
}

/* An MP4 may name other files; ours does not, and a hostile one must not. */
static int refuse_open(AVFormatContext *s, AVIOContext **pb, const char *url, int flags,
                       AVDictionary **options)
{
    (void)s, (void)pb, (void)url, (void)flags, (void)options;
    return -EACCES;
}

static void close_input(AVFormatContext **in)
{
    if (!*in)
        return;
    AVIOContext *pb = (*in)->pb;
    avformat_close_input(in);
    if (pb)
        av_freep(&pb->buffer);
    avio_context_free(&pb);
}

static int open_input(AVFormatContext **out, struct window *window)
{
    uint8_t *buffer = av_malloc(IO_BUFFER_BYTES);
    AVIOContext *pb = buffer ? avio_alloc_context(buffer, IO_BUFFER_BYTES, 0, window, window_read,
                                                  NULL, window_seek)
                             : NULL;
    AVFormatContext *in = pb ? avformat_alloc_context() : NULL;
    if (!in) {
        if (!pb)
            av_free(buffer);
        else
            av_freep(&pb->buffer);
        avio_context_free(&pb);
        return -ENOMEM;
    }
    in->pb = pb;
    in->flags |= AVFMT_FLAG_CUSTOM_IO;
    in->io_open = refuse_open;
    in->max_streams = STREAMS_MAX;
    const int err = avformat_open_input(&in, "", av_find_input_format("mov"), NULL);
    if (err < 0) { /* `in` is freed, its pb is ours */
        av_freep(&pb->buffer);
        avio_context_free(&pb);
        return window->error ? window->error : rec_averr(err);
    }
    *out = in;
    return 0;
}

/* Only what a recording of ours holds: one H264, one AAC. */
static bool is_ours(const AVFormatContext *in, unsigned index)
{
    const enum AVCodecID id = in->streams[index]->codecpar->codec_id;
    for (unsigned i = 0; i < index; i++) {
        if (in->streams[i]->codecpar->codec_id == id)
            return false;
    }
    return id == AV_CODEC_ID_H264 || id == AV_CODEC_ID_AAC;
}

static int add_streams(struct copy *c)
{
    int count = 0;
    for (unsigned i = 0; i < STREAMS_MAX; i++)
        c->out_index[i] = -1;
    for (unsigned i = 0; i < c->in->nb_streams && i < STREAMS_MAX; i++) {
        const AVStream *from = c->in->streams[i];
        if (!is_ours(c->in, i))
            continue;
        AVStream *to = avformat_new_stream(c->out, NULL);
        if (!to)
            return -ENOMEM;
        const int err = rec_averr(avcodec_parameters_copy(to->codecpar, from->codecpar));
        if (err)
            return err;
        to->codecpar->codec_tag = 0;
        if (to->codecpar->codec_id == AV_CODEC_ID_AAC)
            to->codecpar->frame_size = REC_AAC_SAMPLES;
        to->time_base = from->time_base;
        c->out_index[i] = count++;
    }
    return count ? 0 : -ENODATA;
}

static int open_output(struct copy *c, const char *path)
{
    const size_t size = strlen(path) + sizeof("file:");
    char *url = malloc(size);
    if (!url)
        return -ENOMEM;
    snprintf(url, size, "file:%s", path);
    const char *end = strstr(path, ".m4a.tmp");
    const char *format = end && !end[strlen(".m4a.tmp")] ? "ipod" : "mp4"; /* another brand */
    int err = rec_averr(avformat_alloc_output_context2(&c->out, NULL, format, url));
    if (!err)
        err = rec_averr(avio_open(&c->out->pb, url, AVIO_FLAG_WRITE));
    free(url);
    if (!err)
        err = add_streams(c);
    if (err)
        return err;
    AVDictionary *options = NULL;
    av_dict_set(&options, "movflags", "faststart", 0);
    av_dict_set(&options, "use_editlist", "1", 0);
    err = rec_describe(c->out, c->talk);
    if (!err)
        err = rec_averr(avformat_write_header(c->out, &options));
    av_dict_free(&options);
    return err;
}

static void count(struct copy *c, const AVStream *st, const AVPacket *p)
{
    if (st->codecpar->codec_type == AVMEDIA_TYPE_VIDEO)
        c->result.video_frames++;
    else
        c->result.audio_frames++;
    const int64_t end_us =
        av_rescale_q(p->pts + p->duration, st->time_base, AV_TIME_BASE_Q);
    if (end_us > c->end_us)
        c->end_us = end_us;
}

/* p is the copy's to change, and blank afterwards, also when it fails. */
static int write_packet(struct copy *c, AVPacket *p)
{
    const AVStream *from = c->in->streams[p->stream_index];
    const int index = c->out_index[p->stream_index];
    count(c, from, p);
    av_packet_rescale_ts(p, from->time_base, c->out->streams[index]->time_base);
    p->stream_index = index;
    p->pos = -1;
    return rec_averr(av_interleaved_write_frame(c->out, p));
}

/* Video waits for its successor, so that the last one is known when it comes. */
static int hold_video(struct copy *c)
{
    int err = 0;
    if (c->held->size > 0)
        err = write_packet(c, c->held);
    else
        c->first_dts = c->packet->dts;
    av_packet_unref(c->held);
    av_packet_move_ref(c->held, c->packet);
    return err;
}

static int write_held(struct copy *c)
{
    if (c->held->size == 0)
        return 0;
    const AVRational tb = c->in->streams[c->held->stream_index]->time_base;
    const int64_t end = av_rescale_q(c->video_end_us, AV_TIME_BASE_Q, tb);
    const int64_t left = end + c->first_dts - c->held->dts; /* first_dts: see track.c */
    if (c->video_end_us >= 0 && left > 0)
        c->held->duration = left;
    return write_packet(c, c->held);
}

static int copy_packets(struct copy *c)
{
    for (;;) {
        int err = av_read_frame(c->in, c->packet);
        if (err == AVERROR_EOF)
            return c->window.error ? c->window.error : write_held(c);
        if (err < 0)
            return c->window.error ? c->window.error : rec_averr(err);
        const AVPacket *p = c->packet;
        const int stream = p->stream_index;
        if (stream >= STREAMS_MAX || c->out_index[stream] < 0 || p->pts == AV_NOPTS_VALUE ||
            p->dts == AV_NOPTS_VALUE)
            av_packet_unref(c->packet);
        else if (c->in->streams[stream]->codecpar->codec_type == AVMEDIA_TYPE_VIDEO)
            err = hold_video(c);
        else
            err = write_packet(c, c->packet);
        if (err < 0)
            return err;
    }
}

/* The whole new file, still under its own name, and not yet synced. */
static int write_copy(struct copy *c, const char *tmp)
{
    c->packet = av_packet_alloc();
    c->held = av_packet_alloc();
    int err = c->packet && c->held ? open_input(&c->in, &c->window) : -ENOMEM;
    if (!err)
        err = open_output(c, tmp);
    if (!err)
        err = copy_packets(c);
    if (!err && c->result.video_frames + c->result.audio_frames == 0)
        err = -ENODATA;
    if (!err)
        err = rec_describe_chapters(c->out, c->talk, c->end_us);
    if (!err)
        err = rec_averr(av_write_trailer(c->out));
    if (c->out && c->out->pb) {
        const int pending = c->out->pb->error;
        const int closing = avio_closep(&c->out->pb);
        if (!err)
            err = rec_averr(pending < 0 ? pending : closing);
    }
    avformat_free_context(c->out);
    close_input(&c->in);
    av_packet_free(&c->held);
    av_packet_free(&c->packet);
    return err;
}

static int sync_folder(const char *path)
{
    char *copy = strdup(path);
    if (!copy)
        return -ENOMEM;
    const int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int err = fd < 0 || fsync(fd) < 0 ? -errno : 0;
    if (fd >= 0)
        close(fd);
    free(copy);
    return err;
}

/* tmp becomes path, durably; *bytes is its size. */
static int replace(const char *tmp, const char *path, int64_t *bytes)
{
    const int fd = open(tmp, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    const off_t size = lseek(fd, 0, SEEK_END);
    const int err = size < 0 || fsync(fd) < 0 ? -errno : 0;
    close(fd);
    if (err)
        return err;
    if (rename(tmp, path) < 0)
        return -errno;
    *bytes = size;
    return sync_folder(path);
}

char *rec_tmp_path(const char *path)
{
    const size_t size = strlen(path) + sizeof(".tmp");
    char *tmp = malloc(size);
    if (tmp)
        snprintf(tmp, size, "%s.tmp", path);
    return tmp;
}

int rec_remux(const char *path, int fd, int64_t bytes, int64_t video_end_us,
              struct rec_result *result)
{
    char *tmp = rec_tmp_path(path);
    if (!tmp)
        return -ENOMEM;
    unlink(tmp); /* of an attempt that was interrupted; path is the copy that counts */
    struct copy c = {.window = {.fd = fd, .size = bytes}, .video_end_us = video_end_us};
    rec_talk_load(&c.talk, path); /* without it the file is whole, too */
    int err = write_copy(&c, tmp);
    rec_talk_free(c.talk);
    if (!err)
        err = replace(tmp, path, &c.result.bytes);
    if (err)
        unlink(tmp);
    free(tmp);
    if (err)
        return err;
    result->duration_ms = c.end_us / 1000;
    result->bytes = c.result.bytes;
    result->video_frames = c.result.video_frames;
    result->audio_frames = c.result.audio_frames;
    return 0;
}

int rec_measure(int fd, int64_t bytes, struct rec_result *result)
{
    struct window window = {.fd = fd, .size = bytes};
    AVFormatContext *in = NULL;
    const int err = open_input(&in, &window);
    if (err)
        return err;
    result->duration_ms = in->duration == AV_NOPTS_VALUE ? 0 : in->duration / 1000;
    result->bytes = bytes;
    for (unsigned i = 0; i < in->nb_streams; i++) {
        const AVStream *st = in->streams[i];
        const uint64_t frames = st->nb_frames > 0 ? (uint64_t)st->nb_frames : 0;
        if (st->codecpar->codec_type == AVMEDIA_TYPE_VIDEO)
            result->video_frames += frames;
        else if (st->codecpar->codec_type == AVMEDIA_TYPE_AUDIO)
            result->audio_frames += frames;
    }
    close_input(&in);
    return 0;
}
