/* One voice's frames: see the sketch in line.h. */
#include "mixer/line.h"

#include <errno.h>
#include <string.h>

#include "mixer/dsp.h"
#include "mixer/lazy.h"

static size_t bytes(const struct mix_line *line)
{
    const size_t frames = MIX_FIFO_FRAMES + MIX_FADE_FRAMES + MIX_TICK_FRAMES + MIX_FADE_FRAMES;
    return frames * line->channels * sizeof(float);
}

int mix_line_init(struct mix_line *line, size_t channels)
{
    *line = (struct mix_line){.channels = channels, .fade_at = MIX_FADE_FRAMES};
    line->filled = MIX_TICK_FRAMES;
    line->zeros = 2 * MIX_FADE_FRAMES;
    line->memory = mix_lazy_alloc(bytes(line));
    if (!line->memory)
        return -ENOMEM;
    line->ticks = line->memory;
    line->tail = line->ticks + (MIX_FADE_FRAMES + MIX_TICK_FRAMES) * channels;
    line->fifo = line->tail + MIX_FADE_FRAMES * channels;
    return 0;
}

void mix_line_finish(struct mix_line *line)
{
    mix_lazy_free(line->memory, bytes(line));
    *line = (struct mix_line){0};
}

void mix_line_rest(struct mix_line *line)
{
    if (line->is_used)
        memset(line->ticks, 0,
               (MIX_FADE_FRAMES + MIX_TICK_FRAMES) * line->channels * sizeof(float));
    line->at = 0;
    line->length = 0;
    line->is_used = false;
    line->filled = 0;
    line->fade_at = MIX_FADE_FRAMES;
    line->zeros = 2 * MIX_FADE_FRAMES;
    line->is_smooth = false;
}

void mix_line_begin(struct mix_line *line)
{
    memcpy(line->ticks, line->ticks + MIX_TICK_FRAMES * line->channels,
           MIX_FADE_FRAMES * line->channels * sizeof(float));
    line->filled = 0;
    line->is_used = true;
}

size_t mix_line_left(const struct mix_line *line)
{
    return MIX_TICK_FRAMES - line->filled;
}

float *mix_line_space(struct mix_line *line, size_t frames)
{
    if (line->length + frames > MIX_FIFO_FRAMES)
        return NULL;
    if (line->at > 0) {
        memmove(line->fifo, line->fifo + line->at * line->channels,
                line->length * line->channels * sizeof(float));
        line->at = 0;
    }
    return line->fifo + line->length * line->channels;
}

void mix_line_added(struct mix_line *line, size_t frames)
{
    line->length += frames;
}

void mix_line_skip(struct mix_line *line, size_t frames)
{
    const size_t n = frames < line->length ? frames : line->length;
    line->at += n;
    line->length -= n;
}

void mix_line_break(struct mix_line *line)
{
    line->is_smooth = false;
}

/* The place in `ticks` where the next frame goes. */
static float *end_of(const struct mix_line *line)
{
    return line->ticks + (MIX_FADE_FRAMES + line->filled) * line->channels;
}

const float *mix_line_past(const struct mix_line *line, size_t frames)
{
    return end_of(line) - frames * line->channels;
}

/* Keeps the last 10 ms played, mirrored, to fade out under what comes. */
static void start_fade(struct mix_line *line)
{
    const float *last = end_of(line) - line->channels;
    for (size_t i = 0; i < MIX_FADE_FRAMES; i++) {
        memcpy(line->tail + i * line->channels, last, line->channels * sizeof(float));
        last -= line->channels;
    }
    line->fade_at = 0;
    line->is_smooth = true;
}

/* Frames were written at the end of the tick: fades them in if a fade runs, and counts them. */
static void put(struct mix_line *line, size_t frames)
{
    const size_t left = MIX_FADE_FRAMES - line->fade_at;
    const size_t n = frames < left ? frames : left;
    if (n > 0) {
        mix_dsp_crossfade(end_of(line), line->tail + line->fade_at * line->channels, n,
                          line->channels, line->fade_at, MIX_FADE_FRAMES);
        line->fade_at += n;
    }
    line->filled += frames;
}

size_t mix_line_play(struct mix_line *line)
{
    const size_t left = mix_line_left(line);
    const size_t n = left < line->length ? left : line->length;
    if (n == 0)
        return 0;
    if (!line->is_smooth)
        start_fade(line);
    memcpy(end_of(line), line->fifo + line->at * line->channels,
           n * line->channels * sizeof(float));
    put(line, n);
    mix_line_skip(line, n);
    line->zeros = 0;
    return n;
}

void mix_line_silence(struct mix_line *line, size_t frames)
{
    if (frames == 0)
        return;
    if (line->zeros == 0) /* sound ends here */
        start_fade(line);
    memset(end_of(line), 0, frames * line->channels * sizeof(float));
    put(line, frames);
    if (line->zeros < 2 * MIX_FADE_FRAMES)
        line->zeros += frames;
    line->is_smooth = false;
}

bool mix_line_is_idle(const struct mix_line *line)
{
    return line->length == 0 && line->zeros >= 2 * MIX_FADE_FRAMES;
}

const float *mix_line_pcm(const struct mix_line *line)
{
    return line->ticks + MIX_FADE_FRAMES * line->channels;
}
