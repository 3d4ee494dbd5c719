/* See input_demux.h. A file is read through its descriptor, by no protocol of libavformat's at all;
 * a URL through those that its scheme needs, each with the one format that it carries. */
#include "recorder/input_demux.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libavformat/avformat.h>

#include "mcu/base/clock.h"

enum {
    IO_BYTES = 32 * 1024,
    STREAMS_MAX = 32,
    PACKET_BYTES_MAX = 8 * 1024 * 1024,
    INDEX_BYTES_MAX = 32 * 1024 * 1024,
    PROBE_BYTES = 2 * 1024 * 1024,
};

#define TIME_MAX_US  (INT64_C(1) << 50) /* 35 years: sums of such times are far from any end */
#define OPEN_US      (10 * MCU_US_PER_S)
#define STALL_US     (5 * MCU_US_PER_S)
#define STALL_HLS_US (20 * MCU_US_PER_S) /* a segment may be ten seconds long */

/* How each scheme is opened. */
static const struct way {
    const char *prefix;
    const char *format;  /* the only one; NULL: formats */
    const char *formats; /* that may be, inside too */
    const char *protocols;
    int64_t analysis_us;
    int64_t stall_us;
    enum rec_pace_kind pace;
} ways[] = {
    {"rtmp://", "flv", "flv", "rtmp,tcp", MCU_US_PER_S, STALL_US, REC_PACE_LIVE},
    {"rtmps://", "flv", "flv", "rtmps,tls,tcp", MCU_US_PER_S, STALL_US, REC_PACE_LIVE},
    {"rtsp://", "rtsp", "rtsp", "rtsp,rtp,udp,tcp", 2 * MCU_US_PER_S, STALL_US, REC_PACE_LIVE},
    {"srt://", "mpegts", "mpegts", "srt", MCU_US_PER_S, STALL_US, REC_PACE_LIVE},
    {"http://", "hls", "hls,mpegts,mov,mp4,aac", "http,https,tcp,tls,crypto,data", 3 * MCU_US_PER_S,
     STALL_HLS_US, REC_PACE_PIECES},
    {"https://", "hls", "hls,mpegts,mov,mp4,aac", "https,tls,tcp,crypto,data", 3 * MCU_US_PER_S,
     STALL_HLS_US, REC_PACE_PIECES},
};

static const struct way file_way = {
    .formats = "matroska,webm,mov,mp4,mpegts,flv,ogg,mp3,aac,wav,flac",
    .protocols = "none", /* there is no such protocol */
    .analysis_us = 5 * MCU_US_PER_S,
    .stall_us = STALL_US,
    .pace = REC_PACE_FILE,
};

struct rec_demux {
    struct rec_demux_conf conf;
    const struct way *way;
    AVFormatContext *format;
    AVIOContext *io; /* of a file */
    AVPacket *packet;
    struct rec_source_info info;
    int audio_index, video_index; /* -1: none */
    int64_t start_us;
    int64_t deadline_us;
    bool is_late;
    bool has_opened;
    int64_t dts_us[2];
    bool has_dts[2];
};

/* --- time-outs -------------------------------------------------------------------------------- */

static int is_interrupted(void *ctx)
{
    struct rec_demux *d = ctx;
    if (mcu_now_us() >= d->deadline_us)
        d->is_late = true;
    return d->is_late || d->conf.is_stopped(d->conf.ctx);
}

static void within(struct rec_demux *d, int64_t time_us)
{
    d->deadline_us = mcu_now_us() + time_us;
    d->is_late = false;
}

/* --- a file ----------------------------------------------------------------------------------- */

/* libavformat does not ask by itself whether it is to stop here, and a file may be long. */
static int read_fd(void *opaque, uint8_t *data, int size)
{
    const struct rec_demux *d = opaque;
    if (d->conf.is_stopped(d->conf.ctx))
        return AVERROR_EXIT;
    const ssize_t n = read(d->conf.fd, data, (size_t)size);
    return n > 0 ? (int)n : n == 0 ? AVERROR_EOF : AVERROR(errno);
}

static int64_t seek_fd(void *opaque, int64_t offset, int whence)
{
    const struct rec_demux *d = opaque;
    struct stat st;
    if (whence == AVSEEK_SIZE)
        return fstat(d->conf.fd, &st) == 0 ? st.st_size : AVERROR(errno);
    const off_t at = lseek(d->conf.fd, offset, whence & ~AVSEEK_FORCE);
    return at >= 0 ? at : AVERROR(errno);
}

static int open_io(struct rec_demux *d)
{
    unsigned char *buffer = av_malloc(IO_BYTES);
    if (buffer)
        d->io = avio_alloc_context(buffer, IO_BYTES, 0, d, read_fd, NULL, seek_fd);
    if (!d->io) {
        av_free(buffer);
        return -ENOMEM;
    }
    if (lseek(d->conf.fd, 0, SEEK_SET) < 0)
        return -errno;
    d->format->pb = d->io;
    return 0;
}

/* --- opening ---------------------------------------------------------------------------------- */

static const struct way *way_of(const char *url)
{
    if (!url)
        return &file_way;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        if (strncmp(url, ways[i].prefix, strlen(ways[i].prefix)) == 0)
            return &ways[i];
    }
    return NULL;
}

static int set_up(struct rec_demux *d)
{
    d->format = avformat_alloc_context();
    d->packet = av_packet_alloc();
    if (!d->format || !d->packet)
        return -ENOMEM;
    d->format->interrupt_callback = (AVIOInterruptCB){is_interrupted, d};
    d->format->protocol_whitelist = av_strdup(d->way->protocols);
    d->format->format_whitelist = av_strdup(d->way->formats);
    d->format->probesize = PROBE_BYTES;
    d->format->max_analyze_duration = d->way->analysis_us;
    d->format->max_streams = STREAMS_MAX;
    d->format->max_index_size = INDEX_BYTES_MAX;
    d->format->flags |= AVFMT_FLAG_DISCARD_CORRUPT;
    if (!d->format->protocol_whitelist || !d->format->format_whitelist)
        return -ENOMEM;
    return d->conf.url ? 0 : open_io(d);
}

/* Options that a protocol does not know stay unread. Never "timeout": to RTMP that means to listen.
 */
static void set_options(AVDictionary **options, const struct way *way)
{
    av_dict_set(options, "tls_verify", "1", 0);
    if (strcmp(way->prefix, "rtsp://") == 0)
        av_dict_set(options, "rtsp_transport", "tcp", 0);
    if (strcmp(way->prefix, "srt://") == 0) {
        av_dict_set(options, "mode", "caller", 0);
        av_dict_set(options, "connect_timeout", "5000", 0);
    }
    if (strncmp(way->prefix, "rtmp", 4) == 0)
        av_dict_set(options, "rtmp_live", "live", 0);
}

static int open_format(struct rec_demux *d)
{
    AVDictionary *options = NULL;
    const AVInputFormat *format = d->way->format ? av_find_input_format(d->way->format) : NULL;
    if (d->conf.url)
        set_options(&options, d->way);
    within(d, OPEN_US);
    int err = avformat_open_input(&d->format, d->conf.url ? d->conf.url : "", format, &options);
    av_dict_free(&options);
    if (err < 0)
        return err;
    d->has_opened = true;
    return avformat_find_stream_info(d->format, NULL);
}

static enum mcu_codec codec_of(const AVCodecParameters *par)
{
    switch (par->codec_id) {
    case AV_CODEC_ID_H264:
        return MCU_CODEC_H264;
    case AV_CODEC_ID_VP8:
        return MCU_CODEC_VP8;
    case AV_CODEC_ID_VP9:
        return MCU_CODEC_VP9;
    case AV_CODEC_ID_AV1:
        return MCU_CODEC_AV1;
    default:
        return par->codec_type == AVMEDIA_TYPE_AUDIO ? MCU_CODEC_PCM : MCU_CODEC_NONE;
    }
}

static int pick(const struct rec_demux *d, enum AVMediaType type, struct rec_source_stream *out)
{
    for (unsigned i = 0; i < d->format->nb_streams; i++) {
        const AVStream *st = d->format->streams[i];
        const AVCodecParameters *par = st->codecpar;
        const enum mcu_codec codec = codec_of(par);
        if (par->codec_type != type || codec == MCU_CODEC_NONE ||
            par->codec_id == AV_CODEC_ID_NONE || (st->disposition & AV_DISPOSITION_ATTACHED_PIC))
            continue;
        *out = (struct rec_source_stream){.codec = codec};
        if (type == AVMEDIA_TYPE_VIDEO && par->extradata_size > 0) {
            out->extradata = par->extradata;
            out->extradata_size = (size_t)par->extradata_size;
        }
        return (int)i;
    }
    return -1;
}

static bool is_sane(int64_t us)
{
    return us >= -TIME_MAX_US && us <= TIME_MAX_US;
}

static void pick_streams(struct rec_demux *d)
{
    d->audio_index = pick(d, AVMEDIA_TYPE_AUDIO, &d->info.audio);
    d->video_index = pick(d, AVMEDIA_TYPE_VIDEO, &d->info.video);
    for (unsigned i = 0; i < d->format->nb_streams; i++) {
        if ((int)i != d->audio_index && (int)i != d->video_index)
            d->format->streams[i]->discard = AVDISCARD_ALL;
    }
    if (d->format->start_time != AV_NOPTS_VALUE && is_sane(d->format->start_time))
        d->start_us = d->format->start_time;
    if (d->format->duration > 0 && d->way->pace == REC_PACE_FILE)
        d->info.duration_us = d->format->duration;
}

static const char *reason(const struct rec_demux *d)
{
    if (guard_has_refused())
        return "refused";
    if (d->is_late)
        return "timeout";
    return d->has_opened || !d->conf.url ? "not_media" : "unreachable";
}

int rec_demux_open(struct rec_demux **out, const struct rec_demux_conf *conf, const char **why)
{
    struct rec_demux *d = calloc(1, sizeof(*d));
    *why = "unreachable";
    if (!d)
        return -ENOMEM;
    d->conf = *conf;
    d->way = way_of(conf->url);
    int err = d->way ? guard_enter(&d->conf.policy) : -EINVAL;
    if (!err)
        err = set_up(d);
    if (!err && open_format(d) < 0)
        err = -EIO;
    if (!err) {
        pick_streams(d);
        err = d->audio_index < 0 && d->video_index < 0 ? -EIO : 0;
    }
    if (err) {
        *why = reason(d);
        rec_demux_close(d);
        return err;
    }
    *out = d;
    return 0;
}

void rec_demux_close(struct rec_demux *d)
{
    if (!d)
        return;
    within(d, MCU_US_PER_S); /* saying goodbye must not take long */
    avformat_close_input(&d->format);
    if (d->io)
        av_freep(&d->io->buffer);
    avio_context_free(&d->io);
    av_packet_free(&d->packet);
    guard_leave();
    free(d);
}

const struct rec_source_info *rec_demux_info(const struct rec_demux *d)
{
    return &d->info;
}

const AVCodecParameters *rec_demux_sound(const struct rec_demux *d)
{
    return d->audio_index < 0 ? NULL : d->format->streams[d->audio_index]->codecpar;
}

enum rec_pace_kind rec_demux_pace(const struct rec_demux *d)
{
    return d->way->pace;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* INT64_MAX: it cannot be. */
static int64_t from_start(const struct rec_demux *d, int64_t time, AVRational tb)
{
    const int64_t us = av_rescale_q(time, tb, AV_TIME_BASE_Q);
    return is_sane(us) ? us - d->start_us : INT64_MAX;
}

/* False: it has no time or one that cannot be, or is too large. */
static bool convert(struct rec_demux *d, struct rec_demux_packet *out)
{
    const AVPacket *p = d->packet;
    const AVRational tb = d->format->streams[p->stream_index]->time_base;
    const int64_t pts = p->pts != AV_NOPTS_VALUE ? p->pts : p->dts;
    const int kind = p->stream_index == d->audio_index ? MCU_AUDIO : MCU_VIDEO;
    if (pts == AV_NOPTS_VALUE || p->size <= 0 || p->size > PACKET_BYTES_MAX)
        return false;
    *out = (struct rec_demux_packet){
        .packet = p,
        .is_sound = kind == MCU_AUDIO,
        .is_key = kind == MCU_AUDIO || (p->flags & AV_PKT_FLAG_KEY),
        .pts_us = from_start(d, pts, tb),
        .duration_us = p->duration > 0 ? av_rescale_q(p->duration, tb, AV_TIME_BASE_Q) : 0,
    };
    out->dts_us = p->dts != AV_NOPTS_VALUE ? from_start(d, p->dts, tb)
                  : d->has_dts[kind]       ? d->dts_us[kind]
                                           : out->pts_us;
    if (!is_sane(out->pts_us) || !is_sane(out->dts_us) || !is_sane(out->duration_us))
        return false;
    d->has_dts[kind] = true;
    d->dts_us[kind] = out->dts_us;
    return true;
}

int rec_demux_read(struct rec_demux *d, struct rec_demux_packet *out)
{
    within(d, d->way->stall_us);
    for (;;) {
        av_packet_unref(d->packet);
        const int err = av_read_frame(d->format, d->packet);
        if (err == AVERROR(EAGAIN) && !is_interrupted(d))
            continue;
        if (err < 0 && d->is_late)
            return -ETIMEDOUT;
        if (err == AVERROR_EOF)
            return guard_has_refused() ? -EACCES : 1;
        if (err < 0)
            return guard_has_refused() ? -EACCES : -EIO;
        const int index = d->packet->stream_index;
        if ((index == d->audio_index || index == d->video_index) && convert(d, out))
            return 0;
    }
}

int rec_demux_seek(struct rec_demux *d, int64_t position_us)
{
    const int64_t to_us = position_us + d->start_us;
    within(d, d->way->stall_us);
    memset(d->has_dts, 0, sizeof(d->has_dts));
    return avformat_seek_file(d->format, -1, INT64_MIN, to_us, to_us, 0) < 0 ? -EIO : 0;
}
