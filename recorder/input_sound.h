/* recorder/input_sound.h - the sound of an outside source as PCM of the room's kind.
 *
 * Whatever codec it has, and whenever it changes: out come pieces of 20 ms, 48 kHz, two channels,
 * 16 bits (MCU_CODEC_PCM), with the times of their packets. One thread at a time. */
#ifndef RECORDER_INPUT_SOUND_H
#define RECORDER_INPUT_SOUND_H

#include <stddef.h>
#include <stdint.h>

#include "mcu/base/packet.h"

struct AVCodecParameters;
struct AVPacket;
struct rec_input_sound;

enum {
    REC_INPUT_RATE_HZ = 48000,
    REC_INPUT_CHANNELS = 2,
    REC_INPUT_PIECE_US = 20000,
};

/* The caller owns *out. Returns 0, -ENOTSUP (no such decoder), -EINVAL or -ENOMEM. */
int rec_input_sound_create(struct rec_input_sound **out, const struct AVCodecParameters *par);

/* NULL is fine. */
void rec_input_sound_destroy(struct rec_input_sound *s);

/* Decodes one packet that begins at pts_us; take(ctx, piece) gets what is whole, and owns it. What
 * cannot be decoded is left out. Returns 0 or -ENOMEM. */
int rec_input_sound_feed(struct rec_input_sound *s, const struct AVPacket *packet, int64_t pts_us,
                         void (*take)(void *ctx, struct mcu_packet *piece), void *ctx);

/* Forgets what it holds: the next packet is from elsewhere. */
void rec_input_sound_reset(struct rec_input_sound *s);

#endif
