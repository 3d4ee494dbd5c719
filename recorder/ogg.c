/* libavformat makes the pages; the packets in between, that keep the time, are made here. */
#include "recorder/ogg.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libavformat/avformat.h>
#include <opus/opus.h>

#include "recorder/averr.h"

enum {
    RATE_HZ = 48000,
    SILENCE_SAMPLES = 960,
    SLACK_SAMPLES = 2880, /* 60 ms: clocks that are mapped to ours move a little */
    PRE_SKIP = 312,       /* what an Opus encoder looks ahead */
    HEAD_SIZE = 19,
    PACKET_MAX = 1500 * 4,
    IO_BUFFER_BYTES = 64 * 1024,
};

struct rec_ogg {
    AVFormatContext *out;
    AVPacket *packet;
    int64_t next; /* sample at which the file ends */
    int error;    /* sticky */

    int fd;             /* the caller's; -1: the file is out->pb's */
    int64_t good_bytes; /* end of what was flushed */
};

/* libavformat's output: all of it or an error. */
static int write_out(void *opaque, uint8_t *data, int size)
{
    struct rec_ogg *o = opaque;
    if (o->error)
        return o->error;
    for (int done = 0; done < size;) {
        const ssize_t n = write(o->fd, data + done, (size_t)(size - done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            o->error = n < 0 ? -errno : -EIO;
            return o->error;
        }
        done += (int)n;
    }
    return size;
}

/* OpusHead, RFC 7845, section 5.1. */
static void make_head(uint8_t head[HEAD_SIZE], uint32_t channels)
{
    memset(head, 0, HEAD_SIZE);
    memcpy(head, "OpusHead", 8);
    head[8] = 1;
    head[9] = (uint8_t)channels;
    head[10] = PRE_SKIP & 0xff;
    head[11] = PRE_SKIP >> 8;
    head[12] = RATE_HZ & 0xff;
    head[13] = RATE_HZ >> 8 & 0xff;
}

static int add_stream(struct rec_ogg *o, uint32_t channels)
{
    AVStream *st = avformat_new_stream(o->out, NULL);
    uint8_t *head = av_mallocz(HEAD_SIZE + AV_INPUT_BUFFER_PADDING_SIZE);
    if (!st || !head) {
        av_free(head);
        return -ENOMEM;
    }
    make_head(head, channels);
    st->time_base = (AVRational){1, RATE_HZ};
    AVCodecParameters *p = st->codecpar;
    p->codec_type = AVMEDIA_TYPE_AUDIO;
    p->codec_id = AV_CODEC_ID_OPUS;
    p->sample_rate = RATE_HZ;
    p->initial_padding = PRE_SKIP;
    p->extradata = head;
    p->extradata_size = HEAD_SIZE;
    av_channel_layout_default(&p->ch_layout, (int)channels);
    return 0;
}

static int open_fd(struct rec_ogg *o)
{
    uint8_t *buffer = av_malloc(IO_BUFFER_BYTES);
    if (!buffer)
        return -ENOMEM;
    o->out->pb = avio_alloc_context(buffer, IO_BUFFER_BYTES, 1, o, NULL, write_out, NULL);
    if (o->out->pb)
        return 0;
    av_free(buffer);
    return -ENOMEM;
}

static int open_path(struct rec_ogg *o, const char *path)
{
    char *url = NULL;
    if (access(path, F_OK) == 0)
        return -EEXIST;
    if (asprintf(&url, "file:%s", path) < 0)
        return -ENOMEM;
    const int err = rec_averr(avio_open(&o->out->pb, url, AVIO_FLAG_WRITE));
    free(url);
    return err;
}

static int open_out(struct rec_ogg *o, const struct rec_ogg_conf *conf)
{
    int err = rec_averr(avformat_alloc_output_context2(&o->out, NULL, "ogg", NULL));
    if (!err)
        err = add_stream(o, conf->channels);
    if (!err)
        err = conf->path ? open_path(o, conf->path) : open_fd(o);
    if (err)
        return err;
    AVDictionary *options = NULL;
    av_dict_set(&options, "page_duration", "500000", 0);
    av_dict_set(&o->out->metadata, "title", conf->title, 0);
    av_dict_set(&o->out->metadata, "artist", conf->artist, 0);
    o->out->flags |= AVFMT_FLAG_FLUSH_PACKETS | AVFMT_FLAG_BITEXACT;
    err = rec_averr(avformat_write_header(o->out, &options));
    av_dict_free(&options);
    return err;
}

static int close_io(struct rec_ogg *o)
{
    if (!o->out || !o->out->pb)
        return 0;
    if (o->fd < 0)
        return rec_averr(avio_closep(&o->out->pb));
    avio_flush(o->out->pb);
    av_freep(&o->out->pb->buffer);
    avio_context_free(&o->out->pb);
    /* Half a page only wastes room. */
    if (o->error && ftruncate(o->fd, o->good_bytes) == 0)
        lseek(o->fd, o->good_bytes, SEEK_SET);
    return o->error;
}

static void release(struct rec_ogg *o)
{
    av_packet_free(&o->packet);
    close_io(o);
    avformat_free_context(o->out);
    free(o);
}

int rec_ogg_open(struct rec_ogg **out, const struct rec_ogg_conf *conf)
{
    struct rec_ogg *o = calloc(1, sizeof(*o));
    if (!o)
        return -ENOMEM;
    o->fd = conf->path ? -1 : conf->fd;
    o->packet = av_packet_alloc();
    const int err = o->packet ? open_out(o, conf) : -ENOMEM;
    if (err)
        release(o);
    else
        *out = o;
    return err;
}

/* At the end of the file. */
static int append(struct rec_ogg *o, const uint8_t *data, size_t size, int samples)
{
    if (av_new_packet(o->packet, (int)size) < 0)
        return -ENOMEM;
    memcpy(o->packet->data, data, size);
    o->packet->pts = o->packet->dts = o->next - PRE_SKIP; /* as encoders say: libav adds it again */
    o->packet->duration = samples;
    o->packet->flags = AV_PKT_FLAG_KEY;
    const int err = rec_averr(av_write_frame(o->out, o->packet));
    av_packet_unref(o->packet);
    if (err)
        o->error = err;
    else
        o->next += samples;
    return err;
}

static int fill_up_to(struct rec_ogg *o, int64_t at)
{
    static const uint8_t silence[] = {0xf8, 0xff, 0xfe}; /* 20 ms of CELT with nothing in it */
    int err = 0;
    while (!err && at - o->next >= SILENCE_SAMPLES)
        err = append(o, silence, sizeof(silence), SILENCE_SAMPLES);
    return err;
}

int rec_ogg_write(struct rec_ogg *o, int64_t at_us, const uint8_t *data, size_t size)
{
    if (o->error)
        return o->error;
    const int samples = size > 0 && size <= PACKET_MAX
                            ? opus_packet_get_nb_samples(data, (opus_int32)size, RATE_HZ)
                            : -1;
    if (samples <= 0)
        return -EINVAL;
    const int64_t at = av_rescale(at_us, RATE_HZ, 1000000);
    if (at < o->next - SLACK_SAMPLES || at < 0)
        return -ERANGE;
    /* A step of one packet may be jitter of the clocks; of more it is a gap. */
    const int err = at - o->next > SILENCE_SAMPLES ? fill_up_to(o, at) : 0;
    return err ? err : append(o, data, size, samples);
}

/* After something was written down to the file, or was not. */
static int settle(struct rec_ogg *o, int err)
{
    avio_flush(o->out->pb);
    if (!o->error)
        o->error = err ? err : rec_averr(o->out->pb->error);
    if (o->error)
        return o->error;
    if (o->fd >= 0) /* not waited for: see rec_frag_flush() */
        sync_file_range(o->fd, o->good_bytes, 0, SYNC_FILE_RANGE_WRITE);
    o->good_bytes = avio_tell(o->out->pb);
    return 0;
}

int rec_ogg_flush(struct rec_ogg *o)
{
    return o->error ? o->error : settle(o, rec_averr(av_write_frame(o->out, NULL)));
}

int rec_ogg_end(struct rec_ogg *o)
{
    return o->error ? o->error : settle(o, rec_averr(av_write_trailer(o->out)));
}

int rec_ogg_close(struct rec_ogg *o)
{
    if (!o)
        return 0;
    int err = o->error;
    if (!err && o->fd < 0)
        err = rec_averr(av_write_trailer(o->out));
    const int closing = close_io(o);
    if (!err)
        err = closing;
    release(o);
    return err;
}

int64_t rec_ogg_bytes(const struct rec_ogg *o)
{
    return o->good_bytes;
}

int64_t rec_ogg_duration_us(const struct rec_ogg *o)
{
    return av_rescale(o->next, 1000000, RATE_HZ);
}
