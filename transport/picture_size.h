/* transport/picture_size.h - how large the picture is that a key frame begins, by its first RTP
 * payload: VP8 (RFC 6386, section 9.1), H264 (its SPS), VP9 (its scalability structure). Pure; [any]. */
#ifndef TRANSPORT_PICTURE_SIZE_H
#define TRANSPORT_PICTURE_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mcu/base/codec.h"

/* False: the payload does not tell; nothing is written then. Sizes are 1 to 65535. */
bool rtc_picture_size(enum mcu_codec codec, const uint8_t *payload, size_t size, uint32_t *width,
                      uint32_t *height);

/* Of an H264 SPS, from its NAL header on. */
bool rtc_h264_sps_size(const uint8_t *sps, size_t size, uint32_t *width, uint32_t *height);

#endif
