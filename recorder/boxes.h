/* recorder/boxes.h - the top-level boxes of an MP4 file (ISO 14496-12): where the whole part ends.
 *
 * Hostile bytes: every size is checked against the file's end before it is used, and the number of
 * boxes is bounded. Pure but for the reader it is given. */
#ifndef RECORDER_BOXES_H
#define RECORDER_BOXES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rec_boxes_reader {
    void *ctx;
    /* Exactly n bytes at an offset: 0 or a negative errno. */
    int (*read_at)(void *ctx, void *to, size_t n, uint64_t at);
    uint64_t size; /* of the file */
};

struct rec_boxes {
    bool has_ftyp;       /* as the first box */
    bool has_moov;       /* whole */
    bool is_fragmented;  /* the moov says that fragments follow (mvex) */
    bool has_mdat;       /* a whole mdat outside of fragments */
    bool is_cut;         /* a box runs past the end of the file, or is no box at all */
    uint64_t fragments;  /* whole pairs of moof and mdat after the moov */
    uint64_t good_bytes; /* up to here all is whole: a fragmented file may be cut here */
};

/* Walks until the end or the first thing that is wrong. Returns 0 with *out filled, or the reader's
 * error. */
int rec_boxes_scan(const struct rec_boxes_reader *reader, struct rec_boxes *out);

#endif
