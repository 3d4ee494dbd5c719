/* SpeexDSP's preprocessor as a noise suppressor only: no gain control, no voice detection, no
 * dereverberation. It works on windows of 20 ms in steps of 10 and takes no memory when it runs. */
#include "mixer/denoise.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <speex/speex_preprocess.h>

#include "mixer/dsp.h"
#include "mixer/mix.h"

enum { SUPPRESS_DB = -20, STEP = MIX_DENOISE_FRAMES };

struct channel {
    SpeexPreprocessState *state;
    bool is_started;
};

struct mix_denoise {
    uint32_t channels;
    struct channel channel[2];
};

_Static_assert(MIX_TICK_FRAMES % STEP == 0, "whole steps in a tick");

static SpeexPreprocessState *create_state(void)
{
    SpeexPreprocessState *state = speex_preprocess_state_init(STEP, MIX_RATE_HZ);
    if (!state)
        return NULL;
    int on = 1;
    int off = 0;
    int suppress = SUPPRESS_DB;
    speex_preprocess_ctl(state, SPEEX_PREPROCESS_SET_DENOISE, &on);
    speex_preprocess_ctl(state, SPEEX_PREPROCESS_SET_AGC, &off);
    speex_preprocess_ctl(state, SPEEX_PREPROCESS_SET_DEREVERB, &off);
    speex_preprocess_ctl(state, SPEEX_PREPROCESS_SET_NOISE_SUPPRESS, &suppress);
    return state;
}

struct mix_denoise *mix_denoise_create(uint32_t channels)
{
    struct mix_denoise *d = calloc(1, sizeof(*d));
    if (!d)
        return NULL;
    d->channels = channels;
    for (uint32_t c = 0; c < channels; c++) {
        d->channel[c].state = create_state();
        if (!d->channel[c].state) {
            mix_denoise_destroy(d);
            return NULL;
        }
    }
    return d;
}

void mix_denoise_destroy(struct mix_denoise *d)
{
    if (!d)
        return;
    for (uint32_t c = 0; c < d->channels; c++) {
        if (d->channel[c].state)
            speex_preprocess_state_destroy(d->channel[c].state);
    }
    free(d);
}

void mix_denoise_restart(struct mix_denoise *d)
{
    for (uint32_t c = 0; c < d->channels; c++)
        d->channel[c].is_started = false;
}

/* One step of 10 ms. A window spans two steps, and so does what it leaves: the first step is run
 * twice more before, to push out what was there. */
static void run_step(struct channel *ch, spx_int16_t *pcm)
{
    for (int i = 0; i < 2 && !ch->is_started; i++) {
        spx_int16_t first[STEP];
        memcpy(first, pcm, sizeof(first));
        speex_preprocess_run(ch->state, first);
    }
    ch->is_started = true;
    speex_preprocess_run(ch->state, pcm);
}

static void run_channel(struct mix_denoise *d, uint32_t c, float *pcm)
{
    spx_int16_t samples[MIX_TICK_FRAMES];
    mix_dsp_take_s16(samples, pcm + c, MIX_TICK_FRAMES, d->channels);
    for (size_t at = 0; at < MIX_TICK_FRAMES; at += STEP)
        run_step(&d->channel[c], samples + at);
    mix_dsp_put_s16(pcm + c, samples, MIX_TICK_FRAMES, d->channels);
}

void mix_denoise_run(struct mix_denoise *d, float *pcm)
{
    if (d->channels == 2 && mix_dsp_is_twin(pcm, MIX_TICK_FRAMES)) {
        run_channel(d, 0, pcm);
        d->channel[1].is_started = false;
        for (size_t i = 0; i < MIX_TICK_FRAMES; i++)
            pcm[2 * i + 1] = pcm[2 * i];
        return;
    }
    for (uint32_t c = 0; c < d->channels; c++)
        run_channel(d, c, pcm);
}
