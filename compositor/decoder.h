/* compositor/decoder.h - one video decoder (libavcodec), one thread, inside this folder only.
 *
 * All calls are [dec], or [ctl] before the first and after the last packet. Pull before pushing:
 * a decoder with a frame ready may refuse a packet. */
#ifndef COMPOSITOR_DECODER_H
#define COMPOSITOR_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libavutil/frame.h>

#include "mcu/base/codec.h"
#include "mcu/base/packet.h"

struct comp_decoder; /* opaque */

/* is_live: frames come out at once, and broken ones are errors instead of guesses. The caller owns
 * *out. Returns 0, -ENOTSUP (no such decoder), -EINVAL (extradata) or -ENOMEM. */
int comp_decoder_create(struct comp_decoder **out, enum mcu_codec codec, const uint8_t *extradata,
                        size_t extradata_size, bool is_live);

/* NULL is fine. */
void comp_decoder_destroy(struct comp_decoder *d);

/* Takes a reference of its own; NULL: no more packets come, give out what is held back. Returns 0,
 * -EAGAIN (receive first), -EBADMSG (not decodable) or -ENOMEM. */
int comp_decoder_send(struct comp_decoder *d, struct mcu_packet *packet);

/* The next frame, its colours as its packet said, if it did; its pts in microseconds, into an empty frame. Returns 0, -EAGAIN (send more),
 * -EPIPE (that was all) or -EBADMSG (a broken frame, dropped). */
int comp_decoder_receive(struct comp_decoder *d, AVFrame *frame);

/* Forgets everything; the next packet must be a key frame. */
void comp_decoder_flush(struct comp_decoder *d);

#endif
