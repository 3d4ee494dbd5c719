/* Levelling of one voice. libebur128 measures the same (the tests compare), but keeps 400 ms of
 * doubles for each channel: 150 MB for a thousand voices, of which a few speak. This keeps a mean.
 *
 *     speech ─▶ K-weighting ─▶ blocks of 100 ms ─▶ gates ─▶ mean of the last 5 s ─▶ gain, slowly */
#include "mixer/loudness.h"

#include <math.h>

#include "mixer/mix.h"

enum {
    BLOCK_TICKS = 5,        /* 100 ms */
    BLOCKS_REMEMBERED = 50, /* 5 s of speech */
    BLOCKS_BEFORE_GAIN = 5, /* half a second: no gain from a cough */
    GATED_MOST = 20,        /* two seconds of speech, one after the other */
    HANG_TICKS = 50,        /* a pause shorter than a second changes nothing */
};

static const double absolute_gate_lufs = -55.0;
static const double relative_gate_lu = 10.0;
static const float up_db = 0.06f;    /* a tick: 3 dB/s */
static const float down_db = 0.12f;  /* 6 dB/s */
static const float open_db = 12.0f;  /* a tick: at once, the process glides over 10 ms */
static const float close_db = 0.12f; /* 6 dB/s */

/* ITU-R BS.1770-4, tables 1 and 2: the head's shelf, and the high-pass, at 48 kHz. */
static const double shelf_b[3] = {1.53512485958697, -2.69169618940638, 1.19839281085285};
static const double shelf_a[2] = {-1.69065929318241, 0.73248077421585};
static const double pass_a[2] = {-1.99004745483398, 0.99007225036621};

double mix_k_energy(struct mix_k_filter *filter, const float *x, size_t frames, size_t channels)
{
    double h0 = filter->high[0], h1 = filter->high[1];
    double l0 = filter->low[0], l1 = filter->low[1];
    double sum = 0;
    for (size_t i = 0; i < frames; i++) {
        const double in = x[i * channels] + 1e-15; /* no denormals after the voice has ended */
        const double shelved = shelf_b[0] * in + h0;
        h0 = shelf_b[1] * in - shelf_a[0] * shelved + h1;
        h1 = shelf_b[2] * in - shelf_a[1] * shelved;
        const double out = shelved + l0;
        l0 = -2 * shelved - pass_a[0] * out + l1;
        l1 = shelved - pass_a[1] * out;
        sum += out * out;
    }
    *filter = (struct mix_k_filter){{h0, h1}, {l0, l1}};
    return sum;
}

static double to_lufs(double mean_square)
{
    return -0.691 + 10 * log10(mean_square);
}

void mix_loudness_init(struct mix_loudness *l, uint32_t channels)
{
    *l = (struct mix_loudness){.channels = channels};
}

static void take_block(struct mix_loudness *l, double mean_square)
{
    const double lufs = to_lufs(mean_square + 1e-20);
    if (lufs < absolute_gate_lufs)
        return;
    const bool is_gated = l->blocks > 0 && lufs < to_lufs(l->mean) - relative_gate_lu;
    l->gated = is_gated ? l->gated + 1 : 0;
    if (is_gated && l->gated < GATED_MOST)
        return;
    if (is_gated)
        l->blocks = 0; /* what was learned was a bang, not this voice */
    if (l->blocks < BLOCKS_REMEMBERED)
        l->blocks++;
    l->mean += (mean_square - l->mean) / l->blocks;
}

static void follow(struct mix_loudness *l)
{
    const float wanted = MIX_LOUDNESS_TARGET_LUFS - (float)to_lufs(l->mean);
    const float held = fminf(fmaxf(wanted, -MIX_LOUDNESS_GAIN_MAX_DB), MIX_LOUDNESS_GAIN_MAX_DB);
    l->gain_db = fminf(fmaxf(held, l->gain_db - down_db), l->gain_db + up_db);
}

void mix_loudness_learn(struct mix_loudness *l, const float *pcm)
{
    for (uint32_t c = 0; c < l->channels; c++)
        l->block += mix_k_energy(&l->filter[c], pcm + c, MIX_TICK_FRAMES, l->channels);
    if (++l->block_ticks == BLOCK_TICKS) {
        take_block(l, l->block / (BLOCK_TICKS * MIX_TICK_FRAMES * l->channels));
        l->block = 0;
        l->block_ticks = 0;
    }
    if (l->blocks >= BLOCKS_BEFORE_GAIN)
        follow(l);
}

float mix_loudness_step(struct mix_loudness *l, bool is_speech)
{
    l->resting_ticks = is_speech ? 0 : l->resting_ticks + 1;
    const float most = fmaxf(l->gain_db, 0);
    if (l->resting_ticks > HANG_TICKS) {
        l->resting_ticks = HANG_TICKS + 1; /* no overflow */
        l->lift_db = fmaxf(l->lift_db - close_db, 0);
    } else if (is_speech) {
        l->lift_db = fminf(l->lift_db + open_db, most);
    }
    return fminf(l->gain_db, 0) + l->lift_db;
}

void mix_loudness_rest(struct mix_loudness *l)
{
    for (uint32_t c = 0; c < l->channels; c++)
        l->filter[c] = (struct mix_k_filter){0};
    l->block = 0;
    l->block_ticks = 0;
    l->lift_db = 0;
    l->resting_ticks = 0;
}

float mix_loudness_lufs(const struct mix_loudness *l)
{
    return l->blocks ? (float)to_lufs(l->mean) : -INFINITY;
}
