/* Fragmented MP4 by libavformat's mov muxer. The tricky thing is its moov: it is delayed to the first
 * flush, because only then the edit lists (AAC priming, B-frames) are known; that first flush writes
 * the moov alone and a second one the fragment. */
#include "recorder/frag.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libavformat/avformat.h>
#include <libavutil/opt.h>

#include "recorder/averr.h"

enum { IO_BUFFER_BYTES = 256 * 1024 };

struct rec_frag {
    int fd;
    bool writes_back;
    bool has_moov;
    int error;           /* sticky */
    int64_t good_bytes;  /* end of the last whole fragment */
    AVFormatContext *mux;
    AVStream *streams[2]; /* by enum mcu_kind */
    AVPacket *packet;
};

/* libavformat's output: all of it or an error. */
static int write_out(void *opaque, uint8_t *data, int size)
{
    struct rec_frag *f = opaque;
    for (int done = 0; done < size;) {
        const ssize_t n = write(f->fd, data + done, (size_t)(size - done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            f->error = n < 0 ? -errno : -EIO;
            return f->error;
        }
        done += (int)n;
    }
    return size;
}

static int set_extradata(AVCodecParameters *par, const uint8_t *data, size_t size)
{
    if (!data || size == 0 || size > 65536)
        return -EINVAL;
    par->extradata = av_mallocz(size + AV_INPUT_BUFFER_PADDING_SIZE);
    if (!par->extradata)
        return -ENOMEM;
    memcpy(par->extradata, data, size);
    par->extradata_size = (int)size;
    return 0;
}

static int add_video(struct rec_frag *f, const struct rec_frag_conf *conf)
{
    AVStream *st = avformat_new_stream(f->mux, NULL);
    if (!st)
        return -ENOMEM;
    st->time_base = (AVRational){1, REC_VIDEO_HZ};
    st->codecpar->codec_type = AVMEDIA_TYPE_VIDEO;
    st->codecpar->codec_id = AV_CODEC_ID_H264;
    st->codecpar->width = (int)conf->width;
    st->codecpar->height = (int)conf->height;
    f->streams[MCU_VIDEO] = st;
    return set_extradata(st->codecpar, conf->parameters, conf->parameters_size);
}

static int add_audio(struct rec_frag *f, const struct rec_frag_conf *conf)
{
    AVStream *st = avformat_new_stream(f->mux, NULL);
    if (!st)
        return -ENOMEM;
    st->time_base = (AVRational){1, REC_AUDIO_HZ};
    st->codecpar->codec_type = AVMEDIA_TYPE_AUDIO;
    st->codecpar->codec_id = AV_CODEC_ID_AAC;
    st->codecpar->sample_rate = REC_AUDIO_HZ;
    st->codecpar->frame_size = REC_AAC_SAMPLES;
    av_channel_layout_default(&st->codecpar->ch_layout, (int)conf->channels);
    f->streams[MCU_AUDIO] = st;
    return set_extradata(st->codecpar, conf->audio_config, conf->audio_config_size);
}

static int open_io(struct rec_frag *f)
{
    uint8_t *buffer = av_malloc(IO_BUFFER_BYTES);
    if (!buffer)
        return -ENOMEM;
    f->mux->pb = avio_alloc_context(buffer, IO_BUFFER_BYTES, 1, f, NULL, write_out, NULL);
    if (!f->mux->pb) {
        av_free(buffer);
        return -ENOMEM;
    }
    return 0;
}

static int write_header(struct rec_frag *f)
{
    AVDictionary *options = NULL;
    av_dict_set(&options, "movflags",
                "empty_moov+default_base_moof+delay_moov+frag_custom+skip_trailer", 0);
    av_dict_set(&options, "use_editlist", "1", 0);
    const int err = avformat_write_header(f->mux, &options);
    av_dict_free(&options);
    return rec_averr(err);
}

int rec_frag_open(struct rec_frag **out, int fd, const struct rec_frag_conf *conf)
{
    struct rec_frag *f = calloc(1, sizeof(*f));
    if (!f)
        return -ENOMEM;
    f->fd = fd;
    f->writes_back = conf->writes_back;
    int err = -ENOMEM;
    f->packet = av_packet_alloc();
    if (!f->packet)
        goto fail;
    err = rec_averr(avformat_alloc_output_context2(&f->mux, NULL, "mp4", NULL));
    if (!err)
        err = open_io(f);
    if (!err && conf->has_video)
        err = add_video(f, conf);
    if (!err && conf->has_audio)
        err = add_audio(f, conf);
    if (!err)
        err = write_header(f);
    if (err)
        goto fail;
    *out = f;
    return 0;

fail:
    rec_frag_close(f);
    return err;
}

void rec_frag_close(struct rec_frag *f)
{
    if (!f)
        return;
    if (f->mux && f->mux->pb) {
        av_freep(&f->mux->pb->buffer);
        avio_context_free(&f->mux->pb);
    }
    avformat_free_context(f->mux);
    av_packet_free(&f->packet);
    free(f);
}

int rec_frag_write(struct rec_frag *f, enum mcu_kind kind, const struct rec_sample *sample)
{
    if (f->error)
        return f->error;
    if (!f->streams[kind] || sample->packet->size > INT32_MAX)
        return -EINVAL;
    const AVRational from = {1, kind == MCU_VIDEO ? REC_VIDEO_HZ : REC_AUDIO_HZ};
    AVPacket *p = f->packet;
    p->data = sample->packet->data;
    p->size = (int)sample->packet->size;
    p->stream_index = f->streams[kind]->index;
    p->pts = sample->pts;
    p->dts = sample->dts;
    p->duration = sample->duration;
    p->flags = sample->packet->is_key ? AV_PKT_FLAG_KEY : 0;
    av_packet_rescale_ts(p, from, f->streams[kind]->time_base);
    const int err = rec_averr(av_write_frame(f->mux, p));
    av_packet_unref(p);
    return err;
}

/* The muxer takes each fragment's times from the durations before it, unless told. */
void rec_frag_break(struct rec_frag *f)
{
    av_opt_set(f->mux->priv_data, "movflags", "+frag_discont", 0);
}

/* One flush of the muxer, down to the file. */
static int flush_once(struct rec_frag *f)
{
    const int err = rec_averr(av_write_frame(f->mux, NULL));
    avio_flush(f->mux->pb);
    if (f->error)
        return f->error;
    return err;
}

int rec_frag_flush(struct rec_frag *f)
{
    if (f->error)
        return f->error;
    int err = flush_once(f);
    if (!err && !f->has_moov) {
        f->has_moov = true;
        err = flush_once(f);
    }
    if (err) {
        f->error = err;
        /* The cut-off pair only wastes room, and a reader would trip over it. */
        if (ftruncate(f->fd, f->good_bytes) == 0)
            lseek(f->fd, f->good_bytes, SEEK_SET);
        return err;
    }
    /* Starts the way to the disk without waiting for it: fdatasync(2) on a busy disk would keep the
     * next fragments in memory, where a kill loses them. */
    if (f->writes_back)
        sync_file_range(f->fd, f->good_bytes, 0, SYNC_FILE_RANGE_WRITE);
    f->good_bytes = avio_tell(f->mux->pb);
    return 0;
}

int64_t rec_frag_bytes(const struct rec_frag *f)
{
    return f->good_bytes;
}
