/* Demuxing with libavformat. A file is hostile: only local files, only three container families, a
 * bounded analysis, bounded packets.
 *
 * The tricky thing is a file that was cut off: libav ends such a file like a whole one. So at the
 * opening the container's own sizes are compared with the file's (cut.h), and at the end it is told. */
#include "recorder/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libavformat/avformat.h>
#include <libavutil/avstring.h>

#include "recorder/averr.h"
#include "recorder/cut.h"

enum {
    STREAMS_MAX = 32,
    ANALYSIS_BYTES = 8 * 1024 * 1024,
    ANALYSIS_US = 5 * 1000 * 1000,
    PACKET_BYTES_MAX = 16 * 1024 * 1024,
    INDEX_BYTES_MAX = 32 * 1024 * 1024,
};

struct rec_source {
    AVFormatContext *format;
    AVPacket *packet;
    struct rec_source_info info;
    int audio_index; /* -1: none */
    int video_index;
    int64_t start_us;
    int64_t dts_us[2]; /* of the last packet, by enum mcu_kind */
    bool has_dts[2];
    bool is_cut;     /* the file is shorter than it says */
    int ended;       /* what read answers for good, 0: not yet */
};

static const struct {
    enum AVCodecID av;
    enum mcu_codec codec;
} codecs[] = {
    {AV_CODEC_ID_OPUS, MCU_CODEC_OPUS}, {AV_CODEC_ID_AAC, MCU_CODEC_AAC},
    {AV_CODEC_ID_VORBIS, MCU_CODEC_VORBIS}, {AV_CODEC_ID_H264, MCU_CODEC_H264},
    {AV_CODEC_ID_VP8, MCU_CODEC_VP8}, {AV_CODEC_ID_VP9, MCU_CODEC_VP9},
    {AV_CODEC_ID_AV1, MCU_CODEC_AV1},
};

static enum mcu_codec codec_of(enum AVCodecID av)
{
    for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++) {
        if (codecs[i].av == av)
            return codecs[i].codec;
    }
    return MCU_CODEC_NONE;
}

/* Refuses what is no regular file with something in it, and looks whether its end is missing. */
static int inspect(const char *path, bool *is_cut)
{
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    struct stat st;
    int err = fstat(fd, &st) < 0 ? -errno : 0;
    if (!err && S_ISDIR(st.st_mode))
        err = -EISDIR;
    else if (!err && (!S_ISREG(st.st_mode) || st.st_size == 0))
        err = -EINVAL;
    if (!err)
        err = rec_is_cut(fd, (uint64_t)st.st_size, is_cut);
    close(fd);
    return err;
}

static int open_format(struct rec_source *s, const char *path)
{
    const size_t size = strlen(path) + sizeof("file:");
    char *url = malloc(size);
    if (!url)
        return -ENOMEM;
    snprintf(url, size, "file:%s", path); /* or "a:b.webm" would be a protocol */
    s->format = avformat_alloc_context();
    if (!s->format) {
        free(url);
        return -ENOMEM;
    }
    s->format->protocol_whitelist = av_strdup("file");
    s->format->format_whitelist = av_strdup("matroska,webm,mov,mp4");
    s->format->probesize = ANALYSIS_BYTES;
    s->format->max_analyze_duration = ANALYSIS_US;
    s->format->max_streams = STREAMS_MAX;
    s->format->max_index_size = INDEX_BYTES_MAX;
    int err = avformat_open_input(&s->format, url, NULL, NULL);
    free(url);
    if (err >= 0)
        err = avformat_find_stream_info(s->format, NULL);
    return err < 0 ? -EINVAL : 0;
}

static int pick(const struct rec_source *s, enum AVMediaType type, struct rec_source_stream *out)
{
    for (unsigned i = 0; i < s->format->nb_streams; i++) {
        const AVStream *st = s->format->streams[i];
        const AVCodecParameters *par = st->codecpar;
        const enum mcu_codec codec = codec_of(par->codec_id);
        if (par->codec_type != type || codec == MCU_CODEC_NONE ||
            (st->disposition & AV_DISPOSITION_ATTACHED_PIC))
            continue;
        *out = (struct rec_source_stream){
            .codec = codec,
            .extradata = par->extradata_size > 0 ? par->extradata : NULL,
            .extradata_size = par->extradata_size > 0 ? (size_t)par->extradata_size : 0,
            .channels = par->ch_layout.nb_channels > 0 ? (uint32_t)par->ch_layout.nb_channels : 0,
            .rate_hz = par->sample_rate > 0 ? (uint32_t)par->sample_rate : 0,
            .width = par->width > 0 ? (uint32_t)par->width : 0,
            .height = par->height > 0 ? (uint32_t)par->height : 0,
        };
        return (int)i;
    }
    return -1;
}

static bool is_matroska(const struct rec_source *s)
{
    return av_match_name("matroska", s->format->iformat->name);
}

/* Opus says in its head how much of its beginning is no sound yet (RFC 7845, section 5.1). libav counts
 * that in for Matroska, where the delay is a field of the track, and not for MP4. */
static int64_t preskip_us(const struct rec_source *s, const struct rec_source_stream *stream)
{
    enum { OPUS_HEAD_BYTES = 19, PRESKIP_AT = 10 };
    if (stream->codec != MCU_CODEC_OPUS || stream->extradata_size < OPUS_HEAD_BYTES ||
        !is_matroska(s))
        return 0;
    const uint8_t *at = stream->extradata + PRESKIP_AT;
    return av_rescale(at[0] | at[1] << 8, AV_TIME_BASE, 48000);
}

/* When the first stream begins to be seen or heard; what comes before is priming. */
static int64_t first_moment_us(const struct rec_source *s)
{
    int64_t first_us = INT64_MAX;
    const int indexes[2] = {s->audio_index, s->video_index};
    for (int i = 0; i < 2; i++) {
        const AVStream *st = indexes[i] < 0 ? NULL : s->format->streams[indexes[i]];
        if (!st || st->start_time == AV_NOPTS_VALUE)
            continue;
        int64_t start_us = av_rescale_q(st->start_time, st->time_base, AV_TIME_BASE_Q);
        if (indexes[i] == s->audio_index)
            start_us += preskip_us(s, &s->info.audio);
        first_us = start_us < first_us ? start_us : first_us;
    }
    return first_us == INT64_MAX ? 0 : first_us;
}

static void pick_streams(struct rec_source *s)
{
    s->audio_index = pick(s, AVMEDIA_TYPE_AUDIO, &s->info.audio);
    s->video_index = pick(s, AVMEDIA_TYPE_VIDEO, &s->info.video);
    for (unsigned i = 0; i < s->format->nb_streams; i++) {
        if ((int)i != s->audio_index && (int)i != s->video_index)
            s->format->streams[i]->discard = AVDISCARD_ALL;
    }
    s->start_us = first_moment_us(s);
    int64_t duration_us = s->format->duration;
    if (is_matroska(s)) /* there it counts from zero, not from the first packet */
        duration_us -= s->start_us;
    if (s->format->duration > 0 && duration_us > 0)
        s->info.duration_us = duration_us;
}

int rec_source_open(struct rec_source **out, const char *path)
{
    struct rec_source *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    int err = inspect(path, &s->is_cut);
    if (err)
        goto fail;
    err = -ENOMEM;
    s->packet = av_packet_alloc();
    if (!s->packet)
        goto fail;
    err = open_format(s, path);
    if (err)
        goto fail;
    pick_streams(s);
    err = -EINVAL;
    if (s->audio_index < 0 && s->video_index < 0)
        goto fail;
    *out = s;
    return 0;

fail:
    rec_source_close(s);
    return err;
}

void rec_source_close(struct rec_source *s)
{
    if (!s)
        return;
    avformat_close_input(&s->format);
    av_packet_free(&s->packet);
    free(s);
}

const struct rec_source_info *rec_source_info(const struct rec_source *s)
{
    return &s->info;
}

/* Matroska has no dts, and libav needs a few packets to work it out for B-frames: never let it fall. */
static void keep_in_order(struct rec_source *s, enum mcu_kind kind, struct mcu_packet *p)
{
    const bool is_unknown = s->packet->dts == AV_NOPTS_VALUE;
    if (s->has_dts[kind] && (is_unknown || p->dts_us < s->dts_us[kind]))
        p->dts_us = s->dts_us[kind];
    s->has_dts[kind] = true;
    s->dts_us[kind] = p->dts_us;
}

/* libav's packet as ours. */
static int convert(struct rec_source *s, struct mcu_packet **out)
{
    const AVPacket *from = s->packet;
    const AVRational tb = s->format->streams[from->stream_index]->time_base;
    const int64_t pts = from->pts != AV_NOPTS_VALUE ? from->pts : from->dts;
    if (pts == AV_NOPTS_VALUE || from->size > PACKET_BYTES_MAX)
        return -EBADMSG;
    struct mcu_packet *p = mcu_packet_copy(from->data, (size_t)from->size);
    if (!p)
        return -ENOMEM;
    const bool is_audio = from->stream_index == s->audio_index;
    p->codec = is_audio ? s->info.audio.codec : s->info.video.codec;
    p->pts_us = av_rescale_q(pts, tb, AV_TIME_BASE_Q) - s->start_us;
    p->dts_us = p->pts_us;
    if (from->dts != AV_NOPTS_VALUE)
        p->dts_us = av_rescale_q(from->dts, tb, AV_TIME_BASE_Q) - s->start_us;
    keep_in_order(s, is_audio ? MCU_AUDIO : MCU_VIDEO, p);
    p->duration_us = from->duration > 0 ? av_rescale_q(from->duration, tb, AV_TIME_BASE_Q) : 0;
    p->is_key = is_audio || (from->flags & AV_PKT_FLAG_KEY);
    *out = p;
    return 0;
}

/* Into s->packet the next one that is wanted. Returns 0, 1 at the end, or a negative errno. */
static int read_wanted(struct rec_source *s)
{
    for (;;) {
        const int err = av_read_frame(s->format, s->packet);
        if (err == AVERROR_EOF)
            return s->is_cut ? -EBADMSG : 1;
        if (err < 0) /* ENOMEM too: it is the size in a broken file that is out of reach */
            return -EBADMSG;
        const int index = s->packet->stream_index;
        if (s->packet->flags & AV_PKT_FLAG_CORRUPT)
            return -EBADMSG;
        if ((index == s->audio_index || index == s->video_index) && s->packet->size > 0)
            return 0;
        av_packet_unref(s->packet);
    }
}

int rec_source_read(struct rec_source *s, struct mcu_packet **out)
{
    if (s->ended)
        return s->ended;
    int got = read_wanted(s);
    if (got == 0)
        got = convert(s, out);
    av_packet_unref(s->packet);
    s->ended = got;
    return got;
}
