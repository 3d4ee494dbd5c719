/* recorder/ogg_pages.h - the pages of an OGG file of Opus (RFC 3533, RFC 7845): where the whole
 * part ends.
 *
 * Hostile bytes: a page's size is checked against the file's end before it is used, and a page
 * counts only with its checksum. Pure but for the reader it is given. */
#ifndef RECORDER_OGG_PAGES_H
#define RECORDER_OGG_PAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "recorder/boxes.h"

enum { REC_OGG_PAGE_MAX = 27 + 255 + 255 * 255 };

struct rec_ogg_pages {
    bool is_opus;        /* the first page is the head of one stream of Opus; else all else is 0 */
    bool has_end;        /* a page says that it is the last */
    uint64_t good_bytes; /* up to here all pages are whole and of that stream */
    int64_t duration_us; /* of those; 0: no sound */
};

/* Walks until the last page, the end or the first thing that is wrong. Returns 0 with *out filled,
 * or the reader's error. */
int rec_ogg_pages_scan(const struct rec_boxes_reader *reader, struct rec_ogg_pages *out);

#endif
