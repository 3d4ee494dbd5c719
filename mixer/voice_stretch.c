/* The delay in sound: left out or repeated are pieces of a few milliseconds, a whole number of the
 * voice's own periods where it has one, cross-faded. Only changes of the target come here; a clock
 * that drifts is resampled (voice_sound.c). [tick] */
#include "mixer/voice.h"

#include "mixer/dsp.h"

enum {
    MS = 48,             /* frames */
    GROW_BEGIN = 5 * MS, /* deviation of the delay that starts a correction, */
    SHRINK_BEGIN = 10 * MS,
    SHRINK_BEGIN_PINNED = 20 * MS,
    STRETCH_END = 120, /* and that ends it */
    STRETCH_WINDOW = 240,
    STRETCH_MIN = 120,
    STRETCH_MAX = 480,
    STRETCH_FORCE = 50 * MS, /* from here on it need not sound good */
    STRETCH_EVERY_TICKS = 5,
    STRETCH_PATIENCE_TICKS = 50, /* nor after a second without a good place */
    ROOM = 64,                   /* frames more than a packet may come out of the resampler */
};

static const float quiet_mean_square = 1e-5f; /* -50 dBov */
static const float alike = 0.7f;

/* Decodes ahead while packets follow each other, until the fifo holds `frames`. */
static bool fill_ahead(struct mix_voice *v, size_t wanted)
{
    while (v->line.length < wanted) {
        const struct mix_slot *p = mix_voice_peek(v);
        if (!p || !v->is_anchored || v->concealed_run > 0)
            return false;
        const struct mix_place place = mix_voice_place(v, p);
        if (place.kind != MIX_NEXT || !mix_line_space(&v->line, p->frames + ROOM))
            return false;
        const int frames = mix_voice_decode(v, p);
        if (frames < 0) {
            mix_voice_refuse(v);
            return false;
        }
        mix_voice_settle(v, p, &place, (uint32_t)frames);
        mix_voice_pop(v);
    }
    return true;
}

/* The piece to leave out or repeat; 0: not here. */
static size_t choose_lag(const struct mix_voice *v, size_t most, bool is_forced)
{
    const float *x = v->line.fifo + v->line.at * v->line.channels;
    const size_t samples = (most + STRETCH_WINDOW) * v->line.channels;
    if (mix_dsp_energy(x, samples) < quiet_mean_square * (float)samples)
        return most;
    if (v->ticks_since_stretch < STRETCH_EVERY_TICKS)
        return 0;
    float similarity;
    const size_t lag =
        mix_dsp_best_lag(x, v->line.channels, STRETCH_WINDOW, STRETCH_MIN, most, &similarity);
    return similarity >= alike || is_forced ? lag : 0;
}

void mix_voice_stretch(struct mix_voice *v)
{
    const int64_t off = v->delay - v->target;
    const int64_t size = off < 0 ? -off : off;
    v->ticks_since_stretch++;
    const int64_t shrink_begin = v->is_pinned ? SHRINK_BEGIN_PINNED : SHRINK_BEGIN;
    if (size > (off < 0 ? GROW_BEGIN : shrink_begin))
        v->is_correcting = true;
    else if (size <= STRETCH_END)
        v->is_correcting = false;
    if (!v->is_correcting || size < STRETCH_MIN || !v->line.is_smooth)
        return;
    const size_t most = (size_t)mix_least(size, STRETCH_MAX);
    const size_t need = most + STRETCH_WINDOW + (off > 0 ? MIX_TICK_FRAMES : 0);
    if (!fill_ahead(v, need))
        return;
    const bool is_forced = size > STRETCH_FORCE || v->ticks_since_stretch > STRETCH_PATIENCE_TICKS;
    const size_t lag = choose_lag(v, most, is_forced);
    if (lag == 0 || !mix_line_space(&v->line, lag))
        return;
    float *x = v->line.fifo;
    v->line.length = off > 0
                         ? mix_dsp_shrink(x, v->line.length, v->line.channels, lag, STRETCH_WINDOW)
                         : mix_dsp_grow(x, v->line.length, v->line.channels, lag, STRETCH_WINDOW);
    v->delay += off > 0 ? -(int64_t)lag : (int64_t)lag;
    v->ticks_since_stretch = 0;
    mix_count(&v->counters->stretched, 1);
}
