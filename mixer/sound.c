/* A tick of a sound is read in pieces, one unless a loop begins again in it. The fade is one number
 * that goes up or down by one a frame: down once it must, so that it is zero at the very end. */
#include "mixer/sound.h"

#include <string.h>

#include "mixer/clip.h"
#include "mixer/dsp.h"

void mix_sound_init(struct mix_sound *s, const struct mix_sound_conf *conf)
{
    *s = (struct mix_sound){.conf = *conf};
    const float gain = conf->gain > 0 ? conf->gain : 0; /* not a number: 0 */
    s->conf.gain = gain < MIX_GAIN_MAX ? gain : MIX_GAIN_MAX;
    mix_clip_ref(conf->clip);
}

void mix_sound_finish(struct mix_sound *s)
{
    mix_clip_unref(s->conf.clip);
    s->conf.clip = NULL;
}

void mix_sound_fade_out(struct mix_sound *s)
{
    s->is_stopping = true;
}

/* Frames that are left, SIZE_MAX for a loop. */
static size_t left(const struct mix_sound *s)
{
    return s->conf.is_looped ? SIZE_MAX : mix_clip_frames(s->conf.clip) - s->at;
}

/* `after` frames are left behind the piece. */
static void fade(struct mix_sound *s, float *pcm, size_t frames, size_t channels, size_t after)
{
    for (size_t i = 0; i < frames; i++) {
        const size_t rest = after + frames - i;
        if (s->is_stopping || rest <= s->faded)
            s->faded -= s->faded > 0;
        else
            s->faded += s->faded < MIX_SOUND_FADE_FRAMES;
        const float gain = s->conf.gain * (float)s->faded / MIX_SOUND_FADE_FRAMES;
        for (size_t c = 0; c < channels; c++)
            pcm[i * channels + c] *= gain;
    }
}

/* Reads up to `frames` frames, and goes back to the beginning at the end of a loop. */
static size_t render_piece(struct mix_sound *s, float *pcm, size_t frames, size_t channels)
{
    const size_t n = mix_clip_read(s->conf.clip, s->at, pcm, frames);
    s->at += n;
    if (s->conf.is_looped && s->at >= mix_clip_frames(s->conf.clip))
        s->at = 0;
    const size_t after = s->conf.is_looped ? SIZE_MAX / 2 : left(s);
    if (!s->is_stopping && s->faded == MIX_SOUND_FADE_FRAMES && after >= MIX_SOUND_FADE_FRAMES)
        mix_dsp_ramp(pcm, pcm, n, channels, s->conf.gain, 0);
    else
        fade(s, pcm, n, channels, after);
    return n;
}

void mix_sound_render(struct mix_sound *s, float *pcm)
{
    const size_t channels = mix_clip_channels(s->conf.clip);
    size_t done = 0;
    while (done < MIX_TICK_FRAMES && !mix_sound_is_over(s)) {
        const size_t n = render_piece(s, pcm + done * channels, MIX_TICK_FRAMES - done, channels);
        done += n;
        s->is_over = n == 0 || left(s) == 0 || (s->is_stopping && s->faded == 0);
    }
    memset(pcm + done * channels, 0, (MIX_TICK_FRAMES - done) * channels * sizeof(*pcm));
}

bool mix_sound_is_over(const struct mix_sound *s)
{
    return s->is_over || (s->is_stopping && s->faded == 0);
}
