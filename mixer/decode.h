/* mixer/decode.h - the two kinds of decoder behind a voice.
 *
 * Opus decodes on [tick], packet by packet as it is needed, without allocating: that is where loss
 * is concealed. AAC, Vorbis and PCM (files and pushes: in order, no loss) decode on [net] as they are
 * pushed, because libavcodec allocates; what waits in the inbox is then PCM. */
#ifndef MIXER_DECODE_H
#define MIXER_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mixer/mix.h"

struct OpusDecoder;
struct mix_av;

/* By so much what an Opus decoder gives lies behind what went into the encoder (6.5 ms), in all modes
 * but the one for restricted low delay. RTP timestamps are of what went in. */
enum { MIX_OPUS_AHEAD = 312 };

/* [ctl] An Opus decoder to 48 kHz and `channels`. conf->extradata may be an OpusHead (RFC 7845);
 * its output gain is applied, its pre-skip is not, for RTP has none. Returns 0, -EINVAL or
 * -ENOMEM. */
int mix_opus_create(struct OpusDecoder **out, const struct mix_input_conf *conf, uint32_t channels);
void mix_opus_destroy(struct OpusDecoder *opus);

/* [any] The length of an Opus packet in frames, from its first bytes; 0 when it is none. */
uint32_t mix_opus_frames(const uint8_t *data, size_t size);

/* [tick] Decodes one packet into pcm. Returns frames, or -EBADMSG. */
int mix_opus_decode(struct OpusDecoder *opus, const uint8_t *data, size_t size, float *pcm,
                    uint32_t frames_max);

/* [tick] Makes up `frames` (a multiple of 480, at most 5760) that end where the packet `next`
 * begins, using the copy in it if it has one (in-band FEC); next may be NULL. Returns frames, or
 * -EBADMSG. */
int mix_opus_conceal(struct OpusDecoder *opus, const uint8_t *next, size_t next_size, float *pcm,
                     uint32_t frames);

/* [any] Whether the packet carries a copy of the one before it (in-band FEC). */
bool mix_opus_has_fec(const uint8_t *data, size_t size);

/* [any] Whether it is of the MDCT layer alone, which knows no in-band FEC. */
bool mix_opus_is_celt(const uint8_t *data, size_t size);

/* [tick] Forgets all that was decoded. */
void mix_opus_reset(struct OpusDecoder *opus);

/* [ctl] A libavcodec decoder to 48 kHz and `channels`. Returns 0, -EINVAL (unknown codec or set-up
 * that the decoder refuses) or -ENOMEM. */
int mix_av_create(struct mix_av **out, const struct mix_input_conf *conf, uint32_t channels);
void mix_av_destroy(struct mix_av *av);

/* [net] Decodes one packet (at most 8192 bytes). On success *pcm holds the frames that came out,
 * valid until the next call, and *early_us is by how much they begin before the packet's own time
 * (the resampler holds some back). Returns frames (0 is fine), -EBADMSG or -ENOMEM. */
int mix_av_decode(struct mix_av *av, const uint8_t *data, size_t size, const float **pcm,
                  int64_t *early_us);

#endif
