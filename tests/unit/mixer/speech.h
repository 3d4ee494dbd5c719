/* Real speech from Debian's packages, 48 kHz mono (tools/packages-test.txt). */
#ifndef TESTS_UNIT_MIXER_SPEECH_H
#define TESTS_UNIT_MIXER_SPEECH_H

#include "pcm.h"

#include "mixer/clip.h"

#define SPEECH_WOMAN "/usr/share/asterisk/sounds/en/demo-instruct.wav"
#define SPEECH_READER                                                                              \
    "/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-0870.wav"

/* Fills pcm with the recording, again and again, with a peak of 0.5. */
static inline void speech_read(float *pcm, size_t frames, const char *path)
{
    struct mix_clip *clip = NULL;
    if (mix_clip_load(&clip, path, NULL, 0, 1) != 0)
        fail_msg("no %s: make deps-test", path);
    for (size_t at = 0; at < frames; at += mix_clip_frames(clip))
        mix_clip_read(clip, 0, pcm + at,
                      frames - at < mix_clip_frames(clip) ? frames - at : mix_clip_frames(clip));
    mix_clip_unref(clip);
    const double peak = pcm_peak(pcm, frames);
    for (size_t i = 0; i < frames; i++)
        pcm[i] *= (float)(0.5 / peak);
}

#endif
