/* The writer. Before the file begins packets wait in `early`, because the moov needs the parameter
 * sets of the first key frame; after that they go straight through the time lines into the muxer.
 *
 *     put -> gate -> early -> track (holds one) -> frag or ogg -> flush every fragment_ms
 *               \-> waiting (sound that the pictures have to decide about) -> gate
 */
#include "recorder/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "recorder/annexb.h"
#include "recorder/frag.h"
#include "recorder/gate.h"
#include "recorder/ogg.h"
#include "recorder/track.h"

enum {
    PARAMETERS_MAX = 4096,
    EARLY_MAX = 4096,
    WAITING_MAX = 256, /* five seconds of sound */
    LIVE_PATIENCE_MS = 3000,     /* how long the file waits for a stream's first packet */
    OFFLINE_PATIENCE_MS = 20000, /* the same in media time: look-ahead is no delay there */
};

#define AAC_US  (INT64_C(1024) * MCU_US_PER_S / REC_AUDIO_HZ)
#define OPUS_US (INT64_C(960) * MCU_US_PER_S / REC_AUDIO_HZ)

struct stream {
    bool is_wanted;  /* conf has it */
    bool has_packet; /* something to begin with has come */
    bool is_written; /* the file has it */
    uint64_t frames;
    struct rec_track track;
};

struct early {
    struct mcu_packet *packet;
    enum mcu_kind kind;
    int64_t origin_us;
};

struct rec_writer {
    int fd;
    struct rec_conf conf;
    uint8_t *audio_config;
    struct rec_gate gate;
    struct stream streams[2]; /* by enum mcu_kind */

    struct mcu_packet *waiting[WAITING_MAX]; /* sound, oldest first */
    size_t waiting_count;

    struct early *early;          /* EARLY_MAX of them */
    size_t early_count;
    int64_t early_since_us;       /* when the first came */
    uint8_t parameters[PARAMETERS_MAX];
    size_t parameters_size;

    struct rec_frag *frag; /* both NULL: the file has not begun */
    struct rec_ogg *ogg;
    bool is_ending;
    bool is_open;          /* the fragment holds something */
    int64_t opened_us;     /* since when, by the caller's clock */
    int64_t opened_media_us; /* and on the file's time line */
    int64_t end_media_us;  /* end of all that was written */
    int64_t flushed_media_us;
    int64_t video_end_us;  /* -1: not known yet */
    uint64_t left_out;
};

static const struct rec_track_conf track_kinds[2] = {
    [MCU_AUDIO] = {.timescale = REC_AUDIO_HZ, .nominal_ticks = REC_AAC_SAMPLES, .is_steady = true},
    [MCU_VIDEO] = {.timescale = REC_VIDEO_HZ, .fills_to_end = true},
};

static void init_streams(struct rec_writer *w)
{
    for (int kind = 0; kind < 2; kind++) {
        struct rec_track_conf conf = track_kinds[kind];
        conf.start_us = w->conf.start_us;
        if (kind == MCU_VIDEO)
            conf.nominal_ticks = REC_VIDEO_HZ / (w->conf.fps ? w->conf.fps : 30);
        else if (w->conf.is_ogg)
            conf.nominal_ticks = REC_OPUS_SAMPLES;
        rec_track_init(&w->streams[kind].track, &conf);
    }
    w->streams[MCU_AUDIO].is_wanted = w->conf.channels > 0;
    w->streams[MCU_VIDEO].is_wanted = w->conf.width > 0;
    const struct rec_gate_conf gate = {
        .has_video = w->conf.width > 0,
        .has_audio = w->conf.channels > 0,
        .start_us = w->conf.start_us,
        .starts_at_key = w->conf.starts_at_key,
        .cuts_at_key = w->conf.is_reordered,
    };
    rec_gate_init(&w->gate, &gate);
}

int rec_writer_create(struct rec_writer **out, int fd, const struct rec_conf *conf)
{
    struct rec_writer *w = calloc(1, sizeof(*w));
    if (!w)
        return -ENOMEM;
    w->fd = fd;
    w->conf = *conf;
    w->video_end_us = -1;
    w->early = calloc(EARLY_MAX, sizeof(*w->early));
    w->audio_config = malloc(conf->audio_config_size + 1);
    if (!w->early || !w->audio_config) {
        rec_writer_destroy(w);
        return -ENOMEM;
    }
    if (conf->audio_config_size)
        memcpy(w->audio_config, conf->audio_config, conf->audio_config_size);
    w->conf.audio_config = w->audio_config;
    init_streams(w);
    *out = w;
    return 0;
}

void rec_writer_destroy(struct rec_writer *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < w->early_count; i++)
        mcu_packet_unref(w->early[i].packet);
    for (size_t i = 0; i < w->waiting_count; i++)
        mcu_packet_unref(w->waiting[i]);
    rec_track_finish(&w->streams[MCU_AUDIO].track);
    rec_track_finish(&w->streams[MCU_VIDEO].track);
    rec_frag_close(w->frag);
    rec_ogg_close(w->ogg);
    free(w->audio_config);
    free(w->early);
    free(w);
}

/* Whether the packet is part of the recording, and with which origin. A recording can only begin with
 * a key frame that brings its parameter sets. */
static enum rec_verdict choose(struct rec_writer *w, const struct mcu_packet *p,
                               enum mcu_kind kind, int64_t *origin_us)
{
    struct stream *s = &w->streams[kind];
    const bool is_first = kind == MCU_VIDEO && !s->has_packet;
    size_t size = 0;
    if (is_first && p->pts_us >= w->conf.start_us &&
        (!p->is_key ||
         rec_annexb_parameters(p->data, p->size, w->parameters, PARAMETERS_MAX, &size)))
        return REC_LEAVE;
    const struct rec_gate_packet packet = {
        .kind = kind, .is_key = p->is_key, .pts_us = p->pts_us,
        .duration_us = w->conf.is_ogg ? OPUS_US : AAC_US};
    const enum rec_verdict verdict = rec_gate_ask(&w->gate, &packet, origin_us);
    if (verdict != REC_TAKE)
        return verdict;
    s->has_packet = true;
    if (is_first)
        w->parameters_size = size;
    return REC_TAKE;
}

/* --- fragments ------------------------------------------------------------------------------- */

static bool has_begun(const struct rec_writer *w)
{
    return w->frag || w->ogg;
}

static int64_t media_us(const struct rec_track *t, int64_t ticks)
{
    return ticks * MCU_US_PER_S / t->conf.timescale;
}

/* What is left out because its place is taken is no error: sound of two stretches may overlap by less
 * than a packet. */
static int mux_ogg(struct rec_writer *w, const struct rec_sample *s)
{
    const int64_t at_us = media_us(&w->streams[MCU_AUDIO].track, s->pts);
    const int err = rec_ogg_write(w->ogg, at_us, s->packet->data, s->packet->size);
    w->left_out += err == -ERANGE || err == -EINVAL;
    return err == -ERANGE || err == -EINVAL ? 0 : err;
}

/* Gives it to the muxer. Takes the sample's reference over. */
static int mux(struct rec_writer *w, enum mcu_kind kind, const struct rec_sample *sample)
{
    const int err = w->ogg ? mux_ogg(w, sample) : rec_frag_write(w->frag, kind, sample);
    mcu_packet_unref(sample->packet);
    w->streams[kind].frames += err == 0;
    return err;
}

/* A picture that has stood still for as long as a fragment goes into this one: a kill would cost it
 * else, and with it all that the file has to show. */
static int write_still(struct rec_writer *w, bool *has_still)
{
    struct rec_track *t = &w->streams[MCU_VIDEO].track;
    const int64_t age_us = w->end_media_us - media_us(t, t->held.pts);
    struct rec_sample still;
    if (w->conf.may_block || age_us < w->conf.fragment_ms * MCU_US_PER_MS ||
        !rec_track_release(t, &still))
        return 0;
    *has_still = true;
    return mux(w, MCU_VIDEO, &still);
}

static int flush_ogg(struct rec_writer *w)
{
    return w->is_ending ? rec_ogg_end(w->ogg) : rec_ogg_flush(w->ogg);
}

static int flush(struct rec_writer *w)
{
    if (!w->is_open)
        return 0;
    bool has_still = false;
    int err = write_still(w, &has_still);
    if (!err)
        err = w->ogg ? flush_ogg(w) : rec_frag_flush(w->frag);
    if (err)
        return err;
    if (has_still)
        rec_frag_break(w->frag);
    w->is_open = false;
    w->flushed_media_us = w->end_media_us;
    return 0;
}

static int write_sample(struct rec_writer *w, enum mcu_kind kind, struct rec_sample *sample,
                        int64_t now_us)
{
    const struct rec_track *t = &w->streams[kind].track;
    const int64_t begin_us = media_us(t, sample->dts);
    const int64_t end_us = media_us(t, sample->pts + sample->duration);
    const int err = mux(w, kind, sample);
    if (err)
        return err;
    if (!w->is_open) {
        w->is_open = true;
        w->opened_us = now_us;
        w->opened_media_us = begin_us;
    }
    if (end_us > w->end_media_us)
        w->end_media_us = end_us;
    if (end_us - w->opened_media_us >= w->conf.fragment_ms * MCU_US_PER_MS && !w->is_ending)
        return flush(w);
    return 0;
}

/* A chosen packet of a file that has begun. Takes the reference over. */
static int write_packet(struct rec_writer *w, struct mcu_packet *packet, enum mcu_kind kind,
                        int64_t origin_us, int64_t now_us)
{
    struct stream *s = &w->streams[kind];
    if (!s->is_written) {
        w->left_out++;
        mcu_packet_unref(packet);
        return 0;
    }
    rec_track_set_origin(&s->track, origin_us);
    struct rec_sample ready;
    if (!rec_track_put(&s->track, packet, &ready))
        return 0;
    return write_sample(w, kind, &ready, now_us);
}

/* --- the beginning --------------------------------------------------------------------------- */

static bool may_begin(const struct rec_writer *w, int64_t now_us)
{
    const struct stream *audio = &w->streams[MCU_AUDIO];
    const struct stream *video = &w->streams[MCU_VIDEO];
    if (w->early_count == 0)
        return false;
    if (audio->has_packet >= audio->is_wanted && video->has_packet >= video->is_wanted)
        return true;
    if (w->early_count == EARLY_MAX)
        return true;
    if (w->conf.may_block) {
        const int64_t newest_us = w->early[w->early_count - 1].packet->pts_us;
        return newest_us - w->conf.start_us >= OFFLINE_PATIENCE_MS * MCU_US_PER_MS;
    }
    return now_us - w->early_since_us >= LIVE_PATIENCE_MS * MCU_US_PER_MS;
}

static int open_ogg(struct rec_writer *w)
{
    const struct rec_ogg_conf conf = {
        .fd = w->fd, .title = w->conf.title, .channels = w->conf.channels};
    w->streams[MCU_AUDIO].is_written = true;
    return rec_ogg_open(&w->ogg, &conf);
}

static int open_frag(struct rec_writer *w)
{
    for (int kind = 0; kind < 2; kind++) {
        struct stream *s = &w->streams[kind];
        s->is_written = s->is_wanted && s->has_packet;
        if (kind == MCU_VIDEO && s->is_wanted && !s->has_packet)
            rec_gate_forget_video(&w->gate); /* it decides about nothing then */
        if (s->is_wanted && !s->has_packet)
            log_warn("recording %s: no %s came; the file is without it", w->conf.path,
                     kind == MCU_VIDEO ? "video" : "audio");
    }
    const struct rec_frag_conf conf = {
        .has_video = w->streams[MCU_VIDEO].is_written,
        .width = w->conf.width,
        .height = w->conf.height,
        .parameters = w->parameters,
        .parameters_size = w->parameters_size,
        .has_audio = w->streams[MCU_AUDIO].is_written,
        .channels = w->conf.channels,
        .audio_config = w->conf.audio_config,
        .audio_config_size = w->conf.audio_config_size,
        .writes_back = !w->conf.may_block,
    };
    return rec_frag_open(&w->frag, w->fd, &conf);
}

static int begin(struct rec_writer *w, int64_t now_us)
{
    int err = w->conf.is_ogg ? open_ogg(w) : open_frag(w);
    size_t i = 0;
    for (; !err && i < w->early_count; i++)
        err = write_packet(w, w->early[i].packet, w->early[i].kind, w->early[i].origin_us, now_us);
    for (; i < w->early_count; i++)
        mcu_packet_unref(w->early[i].packet);
    w->early_count = 0;
    return err;
}

/* --- what the thread calls ------------------------------------------------------------------- */

/* Takes the reference over. */
static int put_chosen(struct rec_writer *w, struct mcu_packet *packet, enum mcu_kind kind,
                      int64_t origin_us, int64_t now_us)
{
    if (has_begun(w))
        return write_packet(w, packet, kind, origin_us, now_us);
    if (w->early_count == 0)
        w->early_since_us = now_us;
    w->early[w->early_count++] =
        (struct early){.packet = packet, .kind = kind, .origin_us = origin_us};
    return may_begin(w, now_us) ? begin(w, now_us) : 0;
}

/* When pictures do not come, what has waited longest is left out: before a start that is right. */
static void wait(struct rec_writer *w, struct mcu_packet *packet)
{
    if (w->waiting_count == WAITING_MAX) {
        mcu_packet_unref(w->waiting[0]);
        memmove(w->waiting, w->waiting + 1, (WAITING_MAX - 1) * sizeof(w->waiting[0]));
        w->waiting_count--;
    }
    w->waiting[w->waiting_count++] = packet;
}

/* Asks again about what waits. */
static int put_waiting(struct rec_writer *w, int64_t now_us)
{
    int err = 0;
    size_t i = 0;
    for (; !err && i < w->waiting_count; i++) {
        int64_t origin_us = 0;
        const enum rec_verdict verdict = choose(w, w->waiting[i], MCU_AUDIO, &origin_us);
        if (verdict == REC_WAIT)
            break;
        if (verdict == REC_TAKE)
            err = put_chosen(w, w->waiting[i], MCU_AUDIO, origin_us, now_us);
        else
            mcu_packet_unref(w->waiting[i]);
    }
    memmove(w->waiting, w->waiting + i, (w->waiting_count - i) * sizeof(w->waiting[0]));
    w->waiting_count -= i;
    return err;
}

int rec_writer_put(struct rec_writer *w, struct mcu_packet *packet, enum mcu_kind kind,
                   int64_t now_us)
{
    int64_t origin_us = 0;
    int err = 0;
    if (kind == MCU_AUDIO && w->waiting_count > 0) {
        wait(w, packet);
        return put_waiting(w, now_us);
    }
    const enum rec_verdict verdict = choose(w, packet, kind, &origin_us);
    if (verdict == REC_TAKE)
        err = put_chosen(w, packet, kind, origin_us, now_us);
    else if (verdict == REC_WAIT)
        wait(w, packet);
    else
        mcu_packet_unref(packet);
    return err || kind == MCU_AUDIO ? err : put_waiting(w, now_us);
}

int rec_writer_pause(struct rec_writer *w, int64_t at_us)
{
    return rec_gate_close(&w->gate, at_us);
}

int rec_writer_resume(struct rec_writer *w, int64_t at_us)
{
    return rec_gate_open(&w->gate, at_us);
}

void rec_writer_set_end(struct rec_writer *w, int64_t end_us)
{
    rec_gate_end(&w->gate, end_us);
}

bool rec_writer_is_complete(const struct rec_writer *w)
{
    return rec_gate_is_complete(&w->gate);
}

int64_t rec_writer_due_us(const struct rec_writer *w)
{
    if (w->is_open)
        return w->opened_us + w->conf.fragment_ms * MCU_US_PER_MS;
    if (!has_begun(w) && w->early_count > 0 && !w->conf.may_block)
        return w->early_since_us + LIVE_PATIENCE_MS * MCU_US_PER_MS;
    return -1;
}

int rec_writer_poll(struct rec_writer *w, int64_t now_us)
{
    if (!has_begun(w) && may_begin(w, now_us))
        return begin(w, now_us);
    if (!w->is_open || now_us < rec_writer_due_us(w))
        return 0;
    return flush(w);
}

static int end_stream(struct rec_writer *w, enum mcu_kind kind)
{
    struct rec_track *t = &w->streams[kind].track;
    struct rec_sample last;
    const int64_t end_us = rec_gate_file_end_us(&w->gate);
    if (!rec_track_end(t, end_us, &last)) {
        if (kind == MCU_VIDEO && w->streams[kind].frames > 0 && end_us != REC_TRACK_NO_END)
            w->video_end_us = end_us; /* a still */
        return 0;
    }
    if (kind == MCU_VIDEO)
        w->video_end_us = media_us(t, last.dts + t->reorder + last.duration);
    return write_sample(w, kind, &last, 0);
}

int rec_writer_finish(struct rec_writer *w)
{
    rec_gate_forget_video(&w->gate);
    int err = put_waiting(w, 0);
    if (!err && !has_begun(w))
        err = w->early_count > 0 ? begin(w, 0) : -ENODATA;
    w->is_ending = true; /* what comes now is written at once */
    if (!err)
        err = end_stream(w, MCU_VIDEO);
    if (!err)
        err = end_stream(w, MCU_AUDIO);
    if (!err)
        err = flush(w);
    return err;
}

int64_t rec_writer_video_end_us(const struct rec_writer *w)
{
    return w->video_end_us;
}

void rec_writer_result(const struct rec_writer *w, struct rec_result *result)
{
    result->duration_ms = w->flushed_media_us / MCU_US_PER_MS;
    result->bytes = w->frag ? rec_frag_bytes(w->frag) : w->ogg ? rec_ogg_bytes(w->ogg) : 0;
    result->video_frames = w->streams[MCU_VIDEO].frames;
    result->audio_frames = w->streams[MCU_AUDIO].frames;
    result->dropped = w->left_out;
}
