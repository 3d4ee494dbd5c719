/* mixer/clip.h - a sound in memory: announcements, chimes, hold music.
 *
 * Decoded once (libavformat, libavcodec), kept as 16-bit samples at 48 kHz, shared by reference. */
#ifndef MIXER_CLIP_H
#define MIXER_CLIP_H

#include <stddef.h>
#include <stdint.h>

enum { MIX_CLIP_SECONDS_MAX = 600 };

struct mix_clip; /* reference-counted, read-only */

/* [any, blocks] Decodes the file at path, or size bytes of data when path is NULL, to `channels` (1
 * or 2). Only audio in WAV, Ogg, Opus, MP3, M4A, FLAC or WebM; never a playlist or a url. The
 * caller owns a reference. Returns 0, -ENOENT, -EBADMSG (no such sound in it), -EFBIG (longer than
 * MIX_CLIP_SECONDS_MAX), -EINVAL, -ENOMEM or another negative errno. */
int mix_clip_load(struct mix_clip **out, const char *path, const void *data, size_t size,
                  uint32_t channels);

/* [any, blocks] A sound of the program itself, mixer/sounds/NAME.opus, by its name: "join",
 * "leave", "hold", "recording-en", "recording-zh". Returns 0, -ENOENT or as mix_clip_load(). */
int mix_clip_builtin(struct mix_clip **out, const char *name, uint32_t channels);

/* [any] The name of built-in sound `index`, counted from 0, terminated; returns its length, 0:
 * there are no more (or it does not fit into room bytes). */
size_t mix_clip_builtin_name(size_t index, char *name, size_t room);

/* [any] */
struct mix_clip *mix_clip_ref(struct mix_clip *clip);
void mix_clip_unref(struct mix_clip *clip); /* NULL is fine */

/* [any] Length in frames, and channels. */
size_t mix_clip_frames(const struct mix_clip *clip);
uint32_t mix_clip_channels(const struct mix_clip *clip);

/* [any] Copies frames [at, at + frames) as float, interleaved, into pcm; the rest of pcm is zero
 * when the clip ends before. Returns how many were there. */
size_t mix_clip_read(const struct mix_clip *clip, size_t at, float *pcm, size_t frames);

#endif
