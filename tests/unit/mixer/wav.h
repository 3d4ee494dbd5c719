/* A WAV file in memory, 16 bits. */
#ifndef TESTS_UNIT_MIXER_WAV_H
#define TESTS_UNIT_MIXER_WAV_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct wav {
    uint8_t *data;
    size_t size;
};

static inline uint8_t *wav_le(uint8_t *at, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        *at++ = (uint8_t)(value >> (8 * i));
    return at;
}

/* pcm is interleaved; freed with free(wav.data). */
static inline struct wav wav_make(const int16_t *pcm, size_t frames, uint32_t channels,
                                  uint32_t rate_hz)
{
    const uint32_t bytes = (uint32_t)(frames * channels * 2);
    struct wav w = {.data = malloc(44 + bytes), .size = 44 + bytes};
    uint8_t *at = w.data;
    memcpy(at, "RIFF", 4);
    at = wav_le(at + 4, 36 + bytes, 4);
    memcpy(at, "WAVEfmt ", 8);
    at = wav_le(at + 8, 16, 4);
    at = wav_le(at, 1, 2);
    at = wav_le(at, channels, 2);
    at = wav_le(at, rate_hz, 4);
    at = wav_le(at, rate_hz * channels * 2, 4);
    at = wav_le(at, channels * 2, 2);
    at = wav_le(at, 16, 2);
    memcpy(at, "data", 4);
    at = wav_le(at + 4, bytes, 4);
    for (size_t i = 0; i < frames * channels; i++)
        at = wav_le(at, (uint16_t)pcm[i], 2);
    return w;
}

#endif
