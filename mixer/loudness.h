/* mixer/loudness.h - how loud a voice is, and the gain that makes it as loud as the others. [tick]
 *
 * Loudness as EBU R 128 measures it (K-weighting of ITU-R BS.1770, blocks of 100 ms, an absolute
 * and a relative gate), as the mean over the channels, so a voice counts the same in a mono and a
 * stereo mix. Only speech is measured; while the voice rests everything is kept. */
#ifndef MIXER_LOUDNESS_H
#define MIXER_LOUDNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MIX_LOUDNESS_TARGET_LUFS -23.0f
#define MIX_LOUDNESS_GAIN_MAX_DB 12.0f /* up and down */

/* One channel of the K-weighting filter: two second-order sections. */
struct mix_k_filter {
    double high[2];
    double low[2];
};

struct mix_loudness {
    uint32_t channels;
    struct mix_k_filter filter[2];
    double block; /* sum of squares of the block that is not full */
    uint32_t block_ticks;
    uint32_t blocks; /* that the mean knows, at most as many as it remembers */
    uint32_t gated;  /* blocks one after the other under the relative gate */
    double mean;     /* square of a sample, K-weighted */
    float gain_db;   /* learned */
    float lift_db;   /* of gain_db above 0, what is in force; none while nobody speaks */
    uint32_t resting_ticks;
};

void mix_loudness_init(struct mix_loudness *l, uint32_t channels);

/* One tick of speech. */
void mix_loudness_learn(struct mix_loudness *l, const float *pcm);

/* One tick later: the gain in dB to apply now. Above 0 it is only while the voice speaks, and a
 * second on, so that noise is not lifted. */
float mix_loudness_step(struct mix_loudness *l, bool is_speech);

/* The voice was away: filters begin anew, what was learned stays. */
void mix_loudness_rest(struct mix_loudness *l);

/* LUFS of what was learned from; -INFINITY before the first block. */
float mix_loudness_lufs(const struct mix_loudness *l);

/* The sum of squares of one channel, K-weighted; x is interleaved. */
double mix_k_energy(struct mix_k_filter *filter, const float *x, size_t frames, size_t channels);

#endif
