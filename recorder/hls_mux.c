/* The tricky thing is names: libavformat's patterns and playlists are made of a folder and a name
 * that are checked before, so no '%' and nothing that leaves the folder is in them. */
#include "recorder/hls_mux.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavformat/avformat.h>

#include "mcu/base/clock.h"
#include "recorder/annexb.h"
#include "recorder/averr.h"

enum { PARAMETERS_MAX = 4096, PATH_MAX_BYTES = 1024, INTERLEAVE_US = 1000 * 1000 };

struct hls_mux {
    AVFormatContext *mux;
    AVPacket *packet;
    int streams[2]; /* by enum mcu_kind */
    bool has_header;
};

static int set_extradata(AVCodecParameters *par, const uint8_t *data, size_t size)
{
    par->extradata = av_mallocz(size + AV_INPUT_BUFFER_PADDING_SIZE);
    if (!par->extradata)
        return -ENOMEM;
    memcpy(par->extradata, data, size);
    par->extradata_size = (int)size;
    return 0;
}

static int add_video(struct hls_mux *m, const struct rec_hls_conf *conf,
                     const struct mcu_packet *key)
{
    uint8_t parameters[PARAMETERS_MAX];
    size_t size = 0;
    const int err =
        rec_annexb_parameters(key->data, key->size, parameters, sizeof(parameters), &size);
    AVStream *st = err ? NULL : avformat_new_stream(m->mux, NULL);
    if (!st)
        return err ? err : -ENOMEM;
    st->time_base = (AVRational){1, REC_VIDEO_HZ};
    st->codecpar->codec_type = AVMEDIA_TYPE_VIDEO;
    st->codecpar->codec_id = AV_CODEC_ID_H264;
    st->codecpar->width = (int)conf->width;
    st->codecpar->height = (int)conf->height;
    m->streams[MCU_VIDEO] = st->index;
    return set_extradata(st->codecpar, parameters, size);
}

static int add_audio(struct hls_mux *m, const struct rec_hls_conf *conf)
{
    AVStream *st = avformat_new_stream(m->mux, NULL);
    if (!st)
        return -ENOMEM;
    st->time_base = (AVRational){1, REC_AUDIO_HZ};
    st->codecpar->codec_type = AVMEDIA_TYPE_AUDIO;
    st->codecpar->codec_id = AV_CODEC_ID_AAC;
    st->codecpar->sample_rate = REC_AUDIO_HZ;
    st->codecpar->frame_size = REC_AAC_SAMPLES;
    av_channel_layout_default(&st->codecpar->ch_layout, (int)conf->channels);
    m->streams[MCU_AUDIO] = st->index;
    return set_extradata(st->codecpar, conf->audio_config, conf->audio_config_size);
}

static int write_header(struct hls_mux *m, const struct rec_hls_conf *conf)
{
    char segments[PATH_MAX_BYTES], init[REC_HLS_NAME_MAX + 16], flags[96];
    snprintf(segments, sizeof(segments), "%s/%s-%%05d.m4s", conf->folder, conf->name);
    snprintf(init, sizeof(init), "%s-init.mp4", conf->name);
    snprintf(flags, sizeof(flags), "temp_file+independent_segments+program_date_time%s",
             conf->segments ? "+delete_segments" : "");
    AVDictionary *o = NULL;
    av_dict_set(&o, "hls_segment_type", "fmp4", 0);
    av_dict_set(&o, "hls_segment_filename", segments, 0);
    av_dict_set(&o, "hls_fmp4_init_filename", init, 0);
    av_dict_set(&o, "hls_flags", flags, 0);
    av_dict_set_int(&o, "hls_list_size", conf->segments, 0);
    if (!conf->segments)
        av_dict_set(&o, "hls_playlist_type", "event", 0);
    char time[32]; /* a key frame may come a moment early */
    snprintf(time, sizeof(time), "%lldus", (long long)(conf->segment_us - 100 * MCU_US_PER_MS));
    av_dict_set(&o, "hls_time", time, 0);
    const int err = rec_averr(avformat_write_header(m->mux, &o));
    av_dict_free(&o);
    m->has_header = !err;
    return err;
}

int hls_mux_open(struct hls_mux **out, const struct rec_hls_conf *conf,
                 const struct mcu_packet *key)
{
    char index[PATH_MAX_BYTES];
    struct hls_mux *m = calloc(1, sizeof(*m));
    if (!m)
        return -ENOMEM;
    snprintf(index, sizeof(index), "%s/index.m3u8", conf->folder);
    m->packet = av_packet_alloc();
    int err = m->packet ? 0 : -ENOMEM;
    if (!err)
        err = rec_averr(avformat_alloc_output_context2(&m->mux, NULL, "hls", index));
    if (!err) {
        m->mux->max_interleave_delta = INTERLEAVE_US;
        err = add_video(m, conf, key);
    }
    if (!err)
        err = add_audio(m, conf);
    if (!err)
        err = write_header(m, conf);
    if (err) {
        hls_mux_close(m);
        return err;
    }
    *out = m;
    return 0;
}

int hls_mux_write(struct hls_mux *m, enum mcu_kind kind, const struct rec_sample *sample)
{
    AVPacket *p = m->packet;
    int err = sample->packet->size > INT32_MAX - AV_INPUT_BUFFER_PADDING_SIZE ? -EINVAL : 0;
    if (!err)
        err = rec_averr(av_new_packet(p, (int)sample->packet->size));
    if (!err) {
        memcpy(p->data, sample->packet->data, sample->packet->size);
        p->stream_index = m->streams[kind];
        p->pts = sample->pts;
        p->dts = sample->dts;
        p->duration = sample->duration;
        p->flags = sample->packet->is_key ? AV_PKT_FLAG_KEY : 0;
        const AVRational from = {1, kind == MCU_VIDEO ? REC_VIDEO_HZ : REC_AUDIO_HZ};
        av_packet_rescale_ts(p, from, m->mux->streams[p->stream_index]->time_base);
        err = rec_averr(av_interleaved_write_frame(m->mux, p)); /* takes its bytes over */
    }
    mcu_packet_unref(sample->packet);
    return err;
}

int hls_mux_close(struct hls_mux *m)
{
    if (!m)
        return 0;
    const int err = m->has_header ? rec_averr(av_write_trailer(m->mux)) : 0;
    avformat_free_context(m->mux);
    av_packet_free(&m->packet);
    free(m);
    return err;
}
