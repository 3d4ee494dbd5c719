/* mixer/resample.h - makes sound a few parts in a million longer or shorter: clock drift.
 *
 * A windowed sinc of 32 taps in 256 phases, linear between them: flat to 18 kHz, noise below -90 dB
 * of the sound. An output frame needs MIX_RESAMPLE_AHEAD frames after it, which stay inside.
 * All [tick], save init and finish. */
#ifndef MIXER_RESAMPLE_H
#define MIXER_RESAMPLE_H

#include <stddef.h>

enum {
    MIX_RESAMPLE_AHEAD = 16,
    MIX_RESAMPLE_PAST = 15,
    MIX_RESAMPLE_FRAMES_MAX = 5760, /* in at once: the longest Opus packet */
};

struct mix_resample {
    size_t channels;
    float *interleaved; /* what comes, FRAMES_MAX */
    float *planes;      /* for each channel the past, then what came */
    size_t length;      /* frames in a plane */
    double at;          /* position of the next output frame in it */
};

/* [ctl] Returns 0 or -ENOMEM; finish takes a half-made one. */
int mix_resample_init(struct mix_resample *r, size_t channels);
void mix_resample_finish(struct mix_resample *r);

/* Begins after MIX_RESAMPLE_PAST frames of `past` (interleaved), or after silence when it is NULL:
 * the first frame out is the first that goes in. */
void mix_resample_begin(struct mix_resample *r, const float *past);

/* Where at most MIX_RESAMPLE_FRAMES_MAX frames, interleaved, are to be written before run(). */
float *mix_resample_space(struct mix_resample *r);

/* Takes `frames` from there; out has room for frames * ratio + MIX_RESAMPLE_AHEAD + 1. ratio:
 * frames out for each that goes in, 0.99 to 1.01. Returns how many came out. */
size_t mix_resample_run(struct mix_resample *r, size_t frames, double ratio, float *out);

#endif
