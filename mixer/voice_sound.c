/* Where the sound of a voice is made: decoded, made up where it was lost, kept in step with the
 * sender's clock, and low noise where nothing is left to make up. [tick]; nothing allocates. */
#include "mixer/voice.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "mixer/decode.h"
#include "mixer/dsp.h"

enum {
    MS = 48,                /* frames */
    PLC_STEP = 480,         /* libopus 1.3.1 takes 2.5 ms, but clicks in steps shorter than 10 */
    CONCEAL_MAX = 80 * MS,  /* made up in a row, then noise */
    COMFORT_MAX = 600 * MS, /* and then silence */
    DTX_MAX = 1500 * MS,    /* the decoder's own noise: a silent sender speaks up every 400 ms */
    PENDING_MAX = 1 << 30,
    STEER_DEAD = 5, /* frames */
};

static const float steer_ppm_per_frame = 2.0f;
static const float steer_ppm_max = 100.0f;
static const float background_rise = 1.01f;  /* for each packet: it doubles in 1.4 s */
static const float background_first = 1e-4f; /* -40 dBov, before anything was heard */
static const float noise_most = 1e-6f;       /* -60 dBov */
static const float noise_least = 1e-9f;      /* below -90 it is silence */

/* --- clock drift ---------------------------------------------------------------------------------
 */

/* Frames out for each frame in. A fast sender is shortened; what is left of the difference between
 * the delay and its target is pulled in so slowly that nobody hears it. */
static double ratio_of(const struct mix_voice *v)
{
    const float drift_ppm = v->drift.is_active ? v->drift.ppm : 0.0f;
    const float off = (float)(v->target - v->delay);
    const float steer = fabsf(off) > STEER_DEAD ? off * steer_ppm_per_frame : 0.0f;
    const float ppm = fmaxf(-steer_ppm_max, fminf(steer, steer_ppm_max)) - drift_ppm;
    return 1.0 + (double)ppm * 1e-6;
}

void mix_voice_follow_drift(struct mix_voice *v, bool goes_on)
{
    if (v->is_resampling) {
        v->is_resampling = goes_on || v->drift.is_active;
        return;
    }
    const bool is_clean = goes_on && v->line.is_smooth && v->line.length == 0 &&
                          v->line.fade_at == MIX_FADE_FRAMES && v->concealed_run == 0;
    if (!v->opus || !v->drift.is_active || !is_clean)
        return;
    mix_resample_begin(&v->resample, mix_line_past(&v->line, MIX_RESAMPLE_PAST));
    v->is_resampling = true;
    v->is_making_room = true;
}

/* Where the decoder is to write `frames`, or NULL when there is no room for them. */
static float *space_for(struct mix_voice *v, size_t frames)
{
    if (!v->is_resampling)
        return mix_line_space(&v->line, frames);
    if (frames > MIX_RESAMPLE_FRAMES_MAX ||
        !mix_line_space(&v->line, frames + 2 * MIX_RESAMPLE_AHEAD))
        return NULL;
    return mix_resample_space(&v->resample);
}

/* What the resampler keeps back must not make the tick run dry: the first packet gives as much as
 * it has, by being a fiftieth longer. */
static double next_ratio(struct mix_voice *v, size_t frames)
{
    const bool is_first = v->is_making_room;
    v->is_making_room = false;
    if (is_first && frames > 4 * MIX_RESAMPLE_AHEAD)
        return (double)(frames + 1) / (double)(frames - MIX_RESAMPLE_AHEAD);
    return ratio_of(v);
}

/* They were written: into the fifo, at most `most` of what comes of them. Returns how many. */
static size_t take_in(struct mix_voice *v, size_t frames, size_t most)
{
    if (v->is_resampling) {
        float *to = mix_line_space(&v->line, frames + 2 * MIX_RESAMPLE_AHEAD);
        frames = mix_resample_run(&v->resample, frames, next_ratio(v, frames), to);
    }
    const size_t n = frames < most ? frames : most;
    mix_line_added(&v->line, n);
    return n;
}

/* --- what came -----------------------------------------------------------------------------------
 */

static void learn_background(struct mix_voice *v, const float *pcm, size_t frames)
{
    const size_t samples = frames * v->line.channels;
    const float now = mix_dsp_energy(pcm, samples) / (float)samples;
    const float before = v->background > 0.0f ? v->background : background_first;
    v->background = fminf(now, before * background_rise) + noise_least;
}

int mix_voice_decode(struct mix_voice *v, const struct mix_slot *p)
{
    if (p->frames == 0)
        return -EBADMSG;
    float *to = space_for(v, p->frames);
    if (!to)
        return -EBADMSG;
    int frames = (int)p->frames;
    if (v->opus)
        frames = mix_opus_decode(v->opus, p->data, p->size, to, p->frames);
    else
        memcpy(to, p->data, p->size);
    if (v->opus)
        mix_count(&v->counters->decodes, 1);
    if (frames <= 0)
        return -EBADMSG;
    if (v->opus && !v->is_pinned)
        learn_background(v, to, (size_t)frames);
    v->was_celt = v->opus && mix_opus_is_celt(p->data, p->size);
    return (int)take_in(v, (size_t)frames, (size_t)frames + MIX_RESAMPLE_AHEAD);
}

/* --- what did not --------------------------------------------------------------------------------
 */

int64_t mix_voice_conceal_budget(const struct mix_voice *v)
{
    if (!v->opus || !v->is_anchored || !v->line.is_smooth)
        return 0;
    return (v->is_dtx ? DTX_MAX : CONCEAL_MAX) - (int64_t)v->concealed_run;
}

bool mix_voice_has_copy(const struct mix_voice *v, const struct mix_slot *next)
{
    return v->opus && !v->was_celt && v->line.is_smooth && mix_opus_has_fec(next->data, next->size);
}

static int64_t round_up(int64_t frames, int64_t step)
{
    return (frames + step - 1) / step * step;
}

/* Which of `frames` made up came from a copy, and which stand for a loss, perhaps. */
static void count_made(struct mix_voice *v, const struct mix_slot *next, int64_t made,
                       int64_t frames)
{
    const bool is_copy = next && made >= next->frames && mix_voice_has_copy(v, next);
    const int64_t copied = is_copy ? mix_least(frames, next->frames) : 0;
    mix_count(&v->counters->recovered_fec, (uint64_t)copied);
    v->concealed_run += (uint32_t)(frames - copied);
    if (!v->is_dtx && v->pending < PENDING_MAX)
        v->pending += (uint32_t)(frames - copied);
}

/* The decoder works in steps: what it made too much is left out, and the sound after it
 * cross-faded. */
void mix_voice_conceal(struct mix_voice *v, const struct mix_slot *next, int64_t gap)
{
    const int64_t made = round_up(gap, PLC_STEP);
    float *to = space_for(v, (size_t)made);
    if (!to || mix_opus_conceal(v->opus, next ? next->data : NULL, next ? next->size : 0, to,
                                (uint32_t)made) != (int)made) {
        mix_voice_quiet(v, (int64_t)mix_line_left(&v->line), false);
        return;
    }
    v->is_noise = false;
    count_made(v, next, made, gap);
    take_in(v, (size_t)made, (size_t)gap);
    if (v->is_cut)
        mix_line_break(&v->line);
    v->is_cut = gap < made;
}

void mix_voice_conceal_tick(struct mix_voice *v, int64_t most)
{
    const int64_t left = (int64_t)mix_line_left(&v->line);
    mix_voice_conceal(v, NULL, mix_least(round_up(left, PLC_STEP), most));
}

/* --- and after that ------------------------------------------------------------------------------
 */

/* White noise as loud as the quietest that was heard of late, of which nobody is to be aware: the
 * line does not go dead. */
static bool make_noise(struct mix_voice *v, size_t frames)
{
    float *to = mix_line_space(&v->line, frames);
    if (!to)
        return false;
    const float amplitude = sqrtf(3.0f * fminf(v->background, noise_most));
    for (size_t i = 0; i < frames * v->line.channels; i++) {
        v->noise = v->noise * 1664525u + 1013904223u;
        to[i] = amplitude * ((float)(v->noise >> 8) * 0x1p-23f - 1.0f);
    }
    mix_line_added(&v->line, frames);
    if (!v->is_noise)
        mix_line_break(&v->line);
    v->is_noise = true;
    v->is_cut = true;
    return true;
}

void mix_voice_miss(struct mix_voice *v, int64_t frames)
{
    if (v->opus && v->is_anchored && !v->is_dtx && v->pending_quiet < PENDING_MAX)
        v->pending_quiet += (uint32_t)frames;
}

void mix_voice_quiet(struct mix_voice *v, int64_t frames, bool is_gap)
{
    const bool is_loss = is_gap && v->opus && !v->is_dtx;
    const bool is_noisy = is_loss && !v->is_pinned && v->line.is_smooth &&
                          v->concealed_run < COMFORT_MAX && v->background > 2 * noise_least;
    if (is_noisy && make_noise(v, (size_t)frames)) {
        v->concealed_run += (uint32_t)frames;
        if (v->pending < PENDING_MAX)
            v->pending += (uint32_t)frames;
        return;
    }
    mix_line_silence(&v->line, (size_t)frames);
    v->is_noise = false;
    if (is_gap)
        mix_voice_miss(v, frames);
}
