/* A clip once it is in memory, and the sounds that are built in. */
#include "mixer/clip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/embed.h"
#include "mixer/clip_priv.h"
#include "mixer/mix.h"

enum { ROOM_FIRST = MIX_RATE_HZ };

static const char suffix[] = ".opus";

struct mix_clip *mix_clip_new(uint32_t channels)
{
    struct mix_clip *clip = calloc(1, sizeof(*clip));
    if (!clip)
        return NULL;
    atomic_init(&clip->refs, 1);
    clip->channels = channels;
    return clip;
}

int mix_clip_reserve(struct mix_clip *clip, size_t more)
{
    const size_t frames = clip->frames + more;
    if (frames <= clip->room)
        return 0;
    size_t room = clip->room ? clip->room + clip->room / 2 : ROOM_FIRST;
    room = room < frames ? frames : room;
    int16_t *pcm = realloc(clip->pcm, room * clip->channels * sizeof(*pcm));
    if (!pcm)
        return -ENOMEM;
    clip->pcm = pcm;
    clip->room = room;
    return 0;
}

void mix_clip_trim(struct mix_clip *clip)
{
    int16_t *pcm = realloc(clip->pcm, clip->frames * clip->channels * sizeof(*pcm));
    if (!pcm)
        return;
    clip->pcm = pcm;
    clip->room = clip->frames;
}

struct mix_clip *mix_clip_ref(struct mix_clip *clip)
{
    atomic_fetch_add_explicit(&clip->refs, 1, memory_order_relaxed);
    return clip;
}

void mix_clip_unref(struct mix_clip *clip)
{
    if (!clip || atomic_fetch_sub_explicit(&clip->refs, 1, memory_order_acq_rel) != 1)
        return;
    free(clip->pcm);
    free(clip);
}

size_t mix_clip_frames(const struct mix_clip *clip)
{
    return clip->frames;
}

uint32_t mix_clip_channels(const struct mix_clip *clip)
{
    return clip->channels;
}

size_t mix_clip_read(const struct mix_clip *clip, size_t at, float *pcm, size_t frames)
{
    const size_t left = at < clip->frames ? clip->frames - at : 0;
    const size_t n = left < frames ? left : frames;
    const size_t samples = n * clip->channels;
    const int16_t *from = clip->pcm + (n ? at * clip->channels : 0);
    for (size_t i = 0; i < samples; i++)
        pcm[i] = (float)from[i] * (1.0f / 32768);
    memset(pcm + samples, 0, (frames - n) * clip->channels * sizeof(*pcm));
    return n;
}

/* --- built in ------------------------------------------------------------------------------------
 */

static size_t stem_size(const char *file)
{
    const size_t size = strlen(file);
    const size_t end = sizeof(suffix) - 1;
    return size > end && strcmp(file + size - end, suffix) == 0 ? size - end : size;
}

int mix_clip_builtin(struct mix_clip **out, const char *name, uint32_t channels)
{
    for (const struct mcu_embedded *e = mix_sound_files; e->name; e++) {
        const size_t size = stem_size(e->name);
        if (strlen(name) == size && memcmp(e->name, name, size) == 0)
            return mix_clip_load(out, NULL, e->data, (size_t)(e->end - e->data), channels);
    }
    return -ENOENT;
}

size_t mix_clip_builtin_name(size_t index, char *name, size_t room)
{
    size_t size = 0;
    for (size_t i = 0; mix_sound_files[i].name; i++) {
        if (i != index)
            continue;
        size = stem_size(mix_sound_files[i].name);
        size = size < room ? size : 0;
        memcpy(name, mix_sound_files[i].name, size);
    }
    if (room)
        name[size] = '\0';
    return size;
}
