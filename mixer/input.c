/* One voice: made and freed on [ctl], fed on [net], heard on [tick].
 *
 * Opus packets wait as they are and are decoded when due. AAC and Vorbis are decoded right here, as
 * they are pushed (libavcodec allocates, and a tick may not), and wait as pieces of PCM with
 * sequence numbers of their own, which skip one where the packets' skipped. */
#include "mixer/input.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mixer/decode.h"
#include "mixer/dsp.h"
#include "mixer/frames.h"
#include "mixer/lazy.h"
#include "mixer/limiter.h"
#include "mixer/process.h"

static int make_decoder(struct mix_input *in, const struct mix_input_conf *conf)
{
    switch (conf->codec) {
    case MCU_CODEC_OPUS:
        return mix_opus_create(&in->opus, conf, in->channels);
    case MCU_CODEC_AAC:
    case MCU_CODEC_VORBIS:
    case MCU_CODEC_PCM:
        return mix_av_create(&in->av, conf, in->channels);
    default:
        return -EINVAL;
    }
}

static size_t sound_bytes(const struct mix_input *in)
{
    return (size_t)MIX_TICK_FRAMES * in->channels * sizeof(float);
}

/* Opus from a network fits a datagram; pieces of PCM, and packets from files, do not. */
static size_t slot_bytes(const struct mix_input *in, const struct mix_conf *mix)
{
    const bool is_live = in->opus && mix->min_delay_us != mix->max_delay_us;
    return is_live ? MIX_LIVE_PACKET_MAX : MIX_PACKET_MAX;
}

int mix_input_create(struct mix_input **out, const struct mix_conf *mix,
                     const struct mix_input_conf *conf)
{
    struct mix_input *in = calloc(1, sizeof(*in));
    if (!in)
        return -ENOMEM;
    in->channels = mix->channels;
    atomic_init(&in->delay_us, mix->min_delay_us);
    atomic_init(&in->dbov, MIX_LEVEL_SILENT_DBOV);
    atomic_init(&in->buses, conf->buses ? conf->buses : 1);
    atomic_init(&in->wanted_gain, 1.0f);
    mix_level_init(&in->level);
    in->gain = -1.0f;

    int err = make_decoder(in, conf);
    if (err)
        goto fail;
    err = mix_inbox_init(&in->inbox, slot_bytes(in, mix));
    if (err)
        goto fail;
    const struct mix_voice_conf voice = {.inbox = &in->inbox,
                                         .counters = &in->counters,
                                         .level = &in->level,
                                         .opus = in->opus,
                                         .channels = in->channels,
                                         .min_us = mix->min_delay_us,
                                         .max_us = mix->max_delay_us};
    err = mix_voice_init(&in->voice, &voice);
    if (err)
        goto fail;
    err = mix_process_create(&in->process, in->channels);
    if (err)
        goto fail;
    in->sound = mix_lazy_alloc(sound_bytes(in));
    if (!in->sound) {
        err = -ENOMEM;
        goto fail;
    }
    mix_input_set_treatment(in, &conf->treatment);
    atomic_init(&in->latency_us,
                mix->min_delay_us + mix_frames_to_us(mix_input_held_frames(in)));
    *out = in;
    return 0;

fail:
    mix_input_destroy(in);
    return err;
}

void mix_input_destroy(struct mix_input *in)
{
    if (!in)
        return;
    mix_voice_finish(&in->voice);
    mix_inbox_finish(&in->inbox);
    mix_opus_destroy(in->opus);
    mix_av_destroy(in->av);
    mix_process_destroy(in->process);
    mix_lazy_free(in->sound, sound_bytes(in));
    free(in);
}

static int64_t within_time(int64_t us)
{
    return us > MIX_TIME_MAX_US ? MIX_TIME_MAX_US : us < -MIX_TIME_MAX_US ? -MIX_TIME_MAX_US : us;
}

static int overrun(struct mix_input *in)
{
    mix_count(&in->counters.overrun, 1);
    return -ENOBUFS;
}

static int push_opus(struct mix_input *in, const struct mix_packet *packet)
{
    const uint32_t frames = mix_opus_frames(packet->data, packet->size);
    if (mix_inbox_is_full(&in->inbox, frames))
        return overrun(in);
    struct mix_slot *slot = mix_inbox_claim(&in->inbox);
    if (!slot)
        return overrun(in);
    slot->sequence = packet->sequence;
    slot->pts_us = within_time(packet->pts_us);
    slot->arrival_us = within_time(packet->arrival_us);
    slot->frames = frames;
    slot->size = (uint32_t)packet->size;
    slot->level_dbov = packet->level_dbov > 0 ? 1 : packet->level_dbov;
    slot->is_repair = packet->is_repair;
    memcpy(slot->data, packet->data, packet->size);
    mix_inbox_send(&in->inbox, slot);
    return 0;
}

/* Cuts decoded sound into pieces that fit a slot. */
static int send_pcm(struct mix_input *in, const float *pcm, uint32_t frames, int64_t pts_us,
                    int64_t arrival_us)
{
    const uint32_t frame_bytes = in->channels * (uint32_t)sizeof(float);
    const uint32_t most = MIX_PACKET_MAX / frame_bytes;
    for (uint32_t done = 0; done < frames;) {
        struct mix_slot *slot = mix_inbox_claim(&in->inbox);
        if (!slot)
            return overrun(in);
        const uint32_t n = frames - done < most ? frames - done : most;
        slot->sequence = ++in->pcm_sequence;
        slot->pts_us = pts_us + mix_frames_to_us(done);
        slot->arrival_us = arrival_us;
        slot->frames = n;
        slot->size = n * frame_bytes;
        slot->level_dbov = 1;
        slot->is_repair = false;
        memcpy(slot->data, pcm + (size_t)done * in->channels, slot->size);
        mix_inbox_send(&in->inbox, slot);
        done += n;
    }
    return 0;
}

static int push_av(struct mix_input *in, const struct mix_packet *packet)
{
    if (mix_inbox_is_full(&in->inbox, 0))
        return overrun(in);
    if (in->has_pushed && packet->sequence <= in->av_sequence) {
        mix_count(&in->counters.late, 1); /* the decoder cannot go back */
        return 0;
    }
    if (in->has_pushed && packet->sequence != in->av_sequence + 1) {
        mix_count(&in->counters.lost, packet->sequence - in->av_sequence - 1);
        in->pcm_sequence++;
    }
    in->av_sequence = packet->sequence;
    in->has_pushed = true;

    const float *pcm;
    int64_t early_us;
    const int frames = mix_av_decode(in->av, packet->data, packet->size, &pcm, &early_us);
    if (frames < 0) {
        mix_count(&in->counters.undecodable, 1);
        return 0;
    }
    return send_pcm(in, pcm, (uint32_t)frames, within_time(packet->pts_us) - early_us,
                    within_time(packet->arrival_us));
}

int mix_input_push(struct mix_input *in, const struct mix_packet *packet)
{
    const size_t most = in->av ? MIX_PACKET_MAX : in->inbox.data_max;
    if (!packet->data || packet->size == 0 || packet->size > most)
        return -EINVAL;
    mix_count(&in->counters.packets, 1);
    return in->av ? push_av(in, packet) : push_opus(in, packet);
}

void mix_input_set_muted(struct mix_input *in, bool is_muted)
{
    atomic_store_explicit(&in->is_muted, is_muted, memory_order_relaxed);
}

void mix_input_set_gain(struct mix_input *in, float gain)
{
    const float within = gain >= 0.0f ? fminf(gain, MIX_GAIN_MAX) : 0.0f; /* 0 for NaN too */
    atomic_store_explicit(&in->wanted_gain, within, memory_order_relaxed);
}

void mix_input_set_pan(struct mix_input *in, float pan)
{
    const float within = pan == pan ? fmaxf(-1.0f, fminf(pan, 1.0f)) : 0.0f;
    atomic_store_explicit(&in->pan, within, memory_order_relaxed);
}

void mix_input_set_treatment(struct mix_input *in, const struct mix_treatment *treatment)
{
    mix_process_prepare(in->process, treatment); /* without memory for it the voice goes without */
    atomic_store_explicit(&in->is_levelled, treatment->is_levelled, memory_order_relaxed);
    atomic_store_explicit(&in->is_denoised, treatment->is_denoised, memory_order_relaxed);
    atomic_store_explicit(&in->is_original, treatment->is_original, memory_order_relaxed);
}

void mix_input_set_buses(struct mix_input *in, uint32_t buses)
{
    atomic_store_explicit(&in->buses, buses, memory_order_relaxed);
}

void mix_input_set_min_delay_us(struct mix_input *in, int64_t delay_us)
{
    atomic_store_explicit(&in->floor_us, delay_us, memory_order_relaxed);
}

int64_t mix_input_delay_us(const struct mix_input *in)
{
    return atomic_load_explicit(&in->delay_us, memory_order_relaxed);
}

int64_t mix_input_held_frames(const struct mix_input *in)
{
    const struct mix_treatment treatment = {
        .is_denoised = atomic_load_explicit(&in->is_denoised, memory_order_relaxed),
        .is_original = atomic_load_explicit(&in->is_original, memory_order_relaxed),
    };
    /* Who reads a file takes the encoder's look-ahead off by the file's pre-skip; in RTP nobody does. */
    const int64_t encoder = in->opus && !in->voice.is_pinned ? MIX_OPUS_AHEAD : 0;
    return encoder + mix_process_delay(in->process, &treatment) + MIX_LIMITER_FRAMES;
}

int64_t mix_input_latency_us(const struct mix_input *in)
{
    return atomic_load_explicit(&in->latency_us, memory_order_relaxed);
}

float mix_input_level_dbov(const struct mix_input *in)
{
    return atomic_load_explicit(&in->dbov, memory_order_relaxed);
}

bool mix_input_is_speaking(const struct mix_input *in)
{
    return atomic_load_explicit(&in->is_speaking, memory_order_relaxed);
}

bool mix_input_is_mixed(const struct mix_input *in)
{
    return atomic_load_explicit(&in->is_mixed, memory_order_relaxed);
}

static uint64_t read(const atomic_uint_least64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void mix_input_read_stats(const struct mix_input *in, struct mix_input_stats *stats)
{
    const struct mix_counters *c = &in->counters;
    *stats = (struct mix_input_stats){
        .packets = read(&c->packets),
        .late = read(&c->late),
        .lost = read(&c->lost),
        .overrun = read(&c->overrun),
        .undecodable = read(&c->undecodable),
        .frames = read(&c->frames),
        .concealed = read(&c->concealed),
        .stretched = read(&c->stretched),
        .recovered_fec = read(&c->recovered_fec),
        .gated = read(&c->gated),
        .delay_us = mix_input_delay_us(in),
        .drift_ppm = atomic_load_explicit(&c->drift_ppm, memory_order_relaxed),
    };
}
