/* Sound files that somebody gives us: any bytes, decoded to one or two channels (the last byte says
 * which). What is accepted has a length within bounds and can be read to its end. */
#include <stdbool.h>
#include <stdlib.h>

#include <libavutil/log.h>

#include "mixer/clip.h"
#include "mixer/mix.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    av_log_set_level(AV_LOG_QUIET);
    return 0;
}

static void check(bool is_true)
{
    if (!is_true)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mix_clip *clip = NULL;
    const uint32_t channels = size > 0 && data[size - 1] & 1 ? 2 : 1;
    const int err = mix_clip_load(&clip, NULL, size ? data : (const uint8_t *)"", size, channels);
    check(err <= 0 && (err == 0) == (clip != NULL));
    if (err)
        return 0;
    float pcm[2 * 960];
    const size_t frames = mix_clip_frames(clip);
    check(frames > 0 && frames <= (size_t)MIX_CLIP_SECONDS_MAX * MIX_RATE_HZ);
    check(mix_clip_channels(clip) == channels);
    size_t at = 0;
    for (size_t n; (n = mix_clip_read(clip, at, pcm, 960)) > 0; at += n)
        check(n <= 960);
    check(at == frames);
    mix_clip_unref(clip);
    return 0;
}
