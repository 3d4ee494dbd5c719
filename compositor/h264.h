/* compositor/h264.h - what both H264 libraries must say about their streams; inside this folder
 * only. [any] */
#ifndef COMPOSITOR_H264_H
#define COMPOSITOR_H264_H

#include <stddef.h>
#include <stdint.h>

struct comp_h264_level {
    int idc;                   /* level_idc: ten times the level */
    uint32_t macroblocks;      /* in a picture, at most */
    uint32_t macroblocks_hz;   /* a second, at most */
    uint32_t held_macroblocks; /* in all reference pictures together */
};

/* The lowest level not under 3.1 (42e01f in SDP) that pictures of this size and rate keep to; the
 * highest known when none is enough. Static storage. */
const struct comp_h264_level *comp_h264_level(uint32_t width, uint32_t height, uint32_t fps);

/* How many reference pictures of this size the level has room for, at least 1. */
uint32_t comp_h264_references(const struct comp_h264_level *level, uint32_t width, uint32_t height);

/* nal is one NAL unit in Annex B (start code of three or four bytes). A baseline SPS gets the
 * constraint flags of 42e0; all else stays as it is. */
void comp_h264_set_constraints(uint8_t *nal, size_t size);

#endif
