/* Levels and constraint flags of H264. [any]
 *
 * Encoders write the constraint flags c0 (sets 0 and 1) or less, and SDP says e0. They differ in
 * constraint_set2_flag, which is true of these streams (no slices in arbitrary order, no redundant
 * ones), so the bits are set on their way out. Safari shows black when SDP and SPS differ. */
#include "compositor/h264.h"

enum {
    MACROBLOCK = 16,
    NAL_TYPE_MASK = 0x1f,
    NAL_SPS = 7,
    PROFILE_BASELINE = 66,
    CONSTRAINTS = 0xe0, /* constraint_set0, 1 and 2 */
    REFERENCES_MAX = 16,
};

/* ITU-T H.264, table A-1 */
static const struct comp_h264_level levels[] = {
    {31, 3600, 108000, 18000},
    {40, 8192, 245760, 32768},
    {42, 8704, 522240, 34816},
    {51, 36864, 983040, 184320},
};

static uint32_t macroblocks_of(uint32_t width, uint32_t height)
{
    return (width + MACROBLOCK - 1) / MACROBLOCK * ((height + MACROBLOCK - 1) / MACROBLOCK);
}

const struct comp_h264_level *comp_h264_level(uint32_t width, uint32_t height, uint32_t fps)
{
    const uint32_t macroblocks = macroblocks_of(width, height);
    const size_t count = sizeof(levels) / sizeof(levels[0]);
    size_t i = 0;
    while (i < count - 1 && (macroblocks > levels[i].macroblocks ||
                             (uint64_t)macroblocks * fps > levels[i].macroblocks_hz))
        i++;
    return &levels[i];
}

uint32_t comp_h264_references(const struct comp_h264_level *level, uint32_t width, uint32_t height)
{
    const uint32_t macroblocks = macroblocks_of(width, height);
    const uint32_t most = macroblocks ? level->held_macroblocks / macroblocks : REFERENCES_MAX;
    return most < 1 ? 1 : most > REFERENCES_MAX ? REFERENCES_MAX : most;
}

void comp_h264_set_constraints(uint8_t *nal, size_t size)
{
    if (size < 4)
        return;
    const size_t header = nal[2] == 1 ? 3 : 4; /* after the start code */
    if (size < header + 3 || (nal[header] & NAL_TYPE_MASK) != NAL_SPS ||
        nal[header + 1] != PROFILE_BASELINE)
        return;
    nal[header + 2] |= CONSTRAINTS;
}
