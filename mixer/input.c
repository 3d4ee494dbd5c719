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

static const float fade_step = 1.0f / MIX_FADE_FRAMES;

static int make_decoder(struct mix_input *in, const struct mix_input_conf *conf)
{
    switch (conf->codec) {
    case MCU_CODEC_OPUS:
        return mix_opus_create(&in->opus, conf, in->channels);
    case MCU_CODEC_AAC:
    case MCU_CODEC_VORBIS:
        return mix_av_create(&in->av, conf, in->channels);
    default:
        return -EINVAL;
    }
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
    mix_input_set_treatment(in, &conf->treatment);
    mix_level_init(&in->level);
    in->gain = -1.0f;

    int err = make_decoder(in, conf);
    if (err)
        goto fail;
    err = mix_inbox_init(&in->inbox);
    if (err)
        goto fail;
    err = mix_voice_init(&in->voice, &in->inbox, &in->counters, in->opus, in->channels,
                         mix->min_delay_us, mix->max_delay_us);
    if (err)
        goto fail;
    in->faded = calloc((size_t)MIX_TICK_FRAMES * in->channels, sizeof(float));
    if (!in->faded) {
        err = -ENOMEM;
        goto fail;
    }
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
    free(in->faded);
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
    if (!packet->data || packet->size == 0 || packet->size > MIX_PACKET_MAX)
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
        .delay_us = mix_input_delay_us(in),
    };
}

static bool is_silenced(const struct mix_input *in)
{
    return in->is_leaving || atomic_load_explicit(&in->is_muted, memory_order_relaxed);
}

/* Takes the gain to `wanted` over 10 ms, a part of this tick. */
static const float *fade(struct mix_input *in, const float *pcm, float wanted)
{
    const size_t n = (size_t)MIX_FADE_FRAMES * in->channels;
    const size_t all = (size_t)MIX_TICK_FRAMES * in->channels;
    mix_dsp_ramp(in->faded, pcm, MIX_FADE_FRAMES, in->channels, in->gain,
                 wanted > in->gain ? fade_step : -fade_step);
    if (wanted > 0.0f)
        memcpy(in->faded + n, pcm + n, (all - n) * sizeof(float));
    else
        memset(in->faded + n, 0, (all - n) * sizeof(float));
    return in->faded;
}

static void publish(struct mix_input *in, const float *pcm)
{
    const size_t samples = (size_t)MIX_TICK_FRAMES * in->channels;
    const float energy = pcm && !is_silenced(in) ? mix_dsp_energy(pcm, samples) : 0.0f;
    mix_level_update(&in->level, energy / (float)samples);
    atomic_store_explicit(&in->dbov, in->level.dbov, memory_order_relaxed);
    atomic_store_explicit(&in->is_speaking, in->level.is_speaking, memory_order_relaxed);
    const int64_t delay = in->voice.is_anchored ? in->voice.delay : in->voice.target;
    atomic_store_explicit(&in->delay_us, mix_frames_to_us(delay), memory_order_relaxed);
}

void mix_input_observe(struct mix_input *in, int64_t tick)
{
    (void)tick;
    in->speaker.is_eligible =
        !is_silenced(in) && atomic_load_explicit(&in->buses, memory_order_relaxed) != 0;
    in->speaker.is_original = atomic_load_explicit(&in->is_original, memory_order_relaxed);
    in->speaker.is_speaking = in->level.is_speaking;
    in->speaker.dbov = in->level.dbov;
}

bool mix_input_must_decode(const struct mix_input *in)
{
    return !in->has_levels || in->speaker.is_original;
}

void mix_input_render(struct mix_input *in, int64_t tick, bool is_mixed)
{
    const int64_t floor_us = atomic_load_explicit(&in->floor_us, memory_order_relaxed);
    const float *pcm = mix_voice_render(&in->voice, tick, floor_us);
    const float wanted = is_mixed && !is_silenced(in) ? 1.0f : 0.0f;
    if (in->gain < 0.0f) /* how it begins is no change, so no fade */
        in->gain = wanted;
    in->played = wanted > 0.0f ? pcm : NULL;
    if (pcm && in->gain != wanted)
        in->played = fade(in, pcm, wanted);
    in->gain = wanted;
    publish(in, pcm);
}

void mix_input_skip(struct mix_input *in, int64_t tick)
{
    mix_input_render(in, tick, false);
    in->played = NULL;
}

bool mix_input_is_gone(const struct mix_input *in)
{
    return in->is_leaving && in->gain == 0.0f;
}
