/* A file as a participant. Files interleave sound and picture more or less well: what is read too
 * early waits in a FIFO for its stream's time. */
#include "mcu/offline_input.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mcu/base/clock.h"

/* A seat's sound may still be in the mixer this long after its last packet began. */
#define TAIL_US (100 * MCU_US_PER_MS)

static void fifo_put(struct offline_fifo *f, struct mcu_packet *packet)
{
    f->items[(f->first + f->count) % OFFLINE_FIFO_MAX] = packet;
    f->count++;
}

static struct mcu_packet *fifo_first(const struct offline_fifo *f)
{
    return f->count ? f->items[f->first] : NULL;
}

static void fifo_drop(struct offline_fifo *f)
{
    mcu_packet_unref(f->items[f->first]);
    f->first = (f->first + 1) % OFFLINE_FIFO_MAX;
    f->count--;
}

void offline_input_open(struct offline_input *in)
{
    const int err = rec_source_open(&in->source, in->path);
    if (err) {
        char what[160];
        snprintf(what, sizeof(what), "cannot be used: %s",
                 err == -EINVAL ? "not a media file that Mixdown reads" : strerror(-err));
        in->on_problem(in, what, true);
        in->is_read = true;
        in->has_left = true;
        return;
    }
    const struct rec_source_info *info = rec_source_info(in->source);
    in->has_audio = info->audio.codec != MCU_CODEC_NONE;
    in->has_video = info->video.codec != MCU_CODEC_NONE;
    in->read_audio_us = in->start_us;
    in->read_video_us = in->start_us;
    in->end_us = in->start_us;
    if (!in->has_video)
        in->on_problem(in, "has no video that can be shown; only its sound is mixed", true);
    else if (!in->has_audio)
        in->on_problem(in, "has no sound that can be mixed", false);
}

static void join(struct offline_input *in, struct mcu_studio *s)
{
    const struct rec_source_info *info = rec_source_info(in->source);
    const char *slash = strrchr(in->path, '/');
    int err = mcu_seat_add(s, &in->seat, slash ? slash + 1 : in->path, in);
    if (!err)
        mcu_seat_set_name(in->seat, in->label ? in->label : "", "");
    if (!err && in->has_audio) {
        const struct mix_input_conf conf = {
            .codec = info->audio.codec,
            .channels = info->audio.channels,
            .rate_hz = info->audio.rate_hz,
            .extradata = info->audio.extradata,
            .extradata_size = info->audio.extradata_size,
            .treatment = in->treatment,
        };
        err = mcu_seat_open_audio(in->seat, &conf);
    }
    if (!err && in->has_video)
        err = mcu_seat_open_video(in->seat, MCU_CAMERA, info->video.codec, info->video.extradata,
                                  info->video.extradata_size);
    if (err) {
        in->on_problem(in, "cannot be decoded", true);
        in->is_read = true;
    }
}

static bool wants_more(const struct offline_input *in, int64_t until_us)
{
    if (in->is_read || in->audio.count == OFFLINE_FIFO_MAX || in->video.count == OFFLINE_FIFO_MAX)
        return false;
    return (in->has_audio && in->read_audio_us < until_us) ||
           (in->has_video && in->read_video_us < until_us);
}

static void read_one(struct offline_input *in)
{
    struct mcu_packet *packet = NULL;
    const int err = rec_source_read(in->source, &packet);
    if (err) {
        in->is_read = true;
        if (err < 0)
            in->on_problem(in, "is broken or cut off; it is mixed up to there", true);
        else
            in->result->is_complete = true;
        return;
    }
    packet->pts_us += in->start_us;
    packet->dts_us += in->start_us;
    const int64_t end_us = packet->pts_us + packet->duration_us;
    if (end_us > in->end_us)
        in->end_us = end_us;
    if (mcu_codec_kind(packet->codec) == MCU_AUDIO) {
        in->read_audio_us = packet->pts_us;
        fifo_put(&in->audio, packet);
    } else {
        in->read_video_us = packet->dts_us;
        fifo_put(&in->video, packet);
    }
}

static void push_audio(struct offline_input *in, int64_t until_us)
{
    /* What the mix holds back is fed that much earlier, so it leaves together with its picture. */
    const int64_t latency_us = mcu_seat_latency_us(in->seat);
    for (struct mcu_packet *p; (p = fifo_first(&in->audio)) && p->pts_us < until_us;) {
        const struct mix_packet packet = {
            .data = p->data,
            .size = p->size,
            .sequence = in->audio_sequence,
            .pts_us = p->pts_us - latency_us,
            .arrival_us = p->pts_us - latency_us,
            .level_dbov = 1, /* files do not say */
        };
        if (mcu_seat_push_audio(in->seat, &packet) == -ENOBUFS)
            return; /* next time */
        in->audio_sequence++;
        fifo_drop(&in->audio);
    }
}

static void push_video(struct offline_input *in, int64_t until_us)
{
    for (struct mcu_packet *p; (p = fifo_first(&in->video)) && p->dts_us < until_us;) {
        mcu_seat_push_video(in->seat, MCU_CAMERA, p);
        fifo_drop(&in->video);
    }
}

static void notice_size(struct offline_input *in)
{
    struct comp_source_stats stats;
    mcu_seat_read_video(in->seat, MCU_CAMERA, &stats);
    if (!stats.width || (stats.width == in->width && stats.height == in->height))
        return;
    if (in->width) {
        char what[160];
        snprintf(what, sizeof(what), "changes size from %ux%u to %ux%u; its tile stays", in->width,
                 in->height, stats.width, stats.height);
        in->on_problem(in, what, false);
    }
    in->width = stats.width;
    in->height = stats.height;
}

void offline_input_feed(struct offline_input *in, struct mcu_studio *s, int64_t until_us)
{
    if (in->has_left || in->start_us >= until_us)
        return;
    if (!in->seat)
        join(in, s);
    if (!in->seat) {
        in->has_left = true;
        return;
    }
    while (wants_more(in, until_us))
        read_one(in);
    push_audio(in, until_us);
    push_video(in, until_us);
    notice_size(in);
    if (in->has_video && in->is_read && !in->video.count && !in->is_drained) {
        in->is_drained = true;
        mcu_seat_drain_video(in->seat);
    }
}

static void end_video(struct offline_input *in)
{
    if (in->has_video_ended)
        return;
    in->has_video_ended = true;
    mcu_seat_read_video(in->seat, MCU_CAMERA, &in->result->video);
    mcu_seat_close_video(in->seat, MCU_CAMERA);
}

static void leave(struct offline_input *in)
{
    end_video(in);
    mcu_seat_read_audio(in->seat, &in->result->audio);
    in->result->was_mixed = in->result->audio.frames > 0 || in->result->video.shown > 0;
    if (in->result->video.undecodable > 0)
        in->on_problem(in, "has pictures that cannot be decoded", true);
    if (in->result->audio.undecodable > 0)
        in->on_problem(in, "has sound that cannot be decoded", true);
    mcu_seat_remove(in->seat);
    in->seat = NULL;
    in->has_left = true;
}

void offline_input_leave_when_over(struct offline_input *in, int64_t now_us)
{
    if (!in->seat || !in->is_read || in->audio.count || in->video.count)
        return;
    if (now_us >= in->end_us)
        end_video(in);
    if (now_us >= in->end_us + TAIL_US)
        leave(in);
}

void offline_input_close(struct offline_input *in)
{
    if (in->seat)
        leave(in);
    while (in->audio.count)
        fifo_drop(&in->audio);
    while (in->video.count)
        fifo_drop(&in->video);
    rec_source_close(in->source);
    in->source = NULL;
}
