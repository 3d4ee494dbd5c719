/* compositor/sample.h - pictures of people who are not there, and of a slide that nobody shows: for
 * the pictures of layouts. */
#ifndef COMPOSITOR_SAMPLE_H
#define COMPOSITOR_SAMPLE_H

#include "mcu/base/packet.h"

enum comp_sample {
    COMP_SAMPLE_PERSON,
    COMP_SAMPLE_SLIDE,
};

/* [any, blocks] One key frame of H264, 640x360; people differ by their number. The caller owns a
 * reference. Returns 0, -ENOMEM or what the encoder says. */
int comp_sample_create(struct mcu_packet **out, enum comp_sample kind, unsigned number);

#endif
