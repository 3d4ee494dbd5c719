/* recorder/ogg.h - Opus packets as they are, in an OGG file (RFC 7845), each at its time.
 *
 * What is missing is silence: a file begins at 0 and has no gaps, so that players that look at no
 * timestamps keep the time, too (a decoder that comes from silence fades the first 160 ms in). What comes too late for its place is left out. Written page by page
 * of half a second at most: what a killed process leaves plays to its last whole page.
 *
 * One thread at a time. */
#ifndef RECORDER_OGG_H
#define RECORDER_OGG_H

#include <stddef.h>
#include <stdint.h>

struct rec_ogg; /* opaque */

struct rec_ogg_conf {
    const char *path;   /* a new file; NULL: fd is one */
    int fd;             /* empty, open for writing, and stays the caller's */
    const char *title;  /* NULL: none */
    const char *artist;
    uint32_t channels;  /* 1 or 2: what is said; each packet has its own */
};

/* The caller owns *out. Returns 0, -EEXIST, -ENOMEM, -ENOTSUP or the errno of opening. */
int rec_ogg_open(struct rec_ogg **out, const struct rec_ogg_conf *conf);

/* One packet (borrowed) whose sound was captured at at_us, of the file's time. Returns 0, -EINVAL (no
 * Opus packet), -ERANGE (too late: left out), or the errno of writing. */
int rec_ogg_write(struct rec_ogg *o, int64_t at_us, const uint8_t *data, size_t size);

/* Writes what is held as a page, and starts its way to the disk. Returns 0 or the errno of writing:
 * all that follows fails with the same, and close cuts a file of the caller's back to the last
 * flush. */
int rec_ogg_flush(struct rec_ogg *o);

/* Bytes of the file up to the last flush, or all when it was ended. */
int64_t rec_ogg_bytes(const struct rec_ogg *o);

/* The last page says that it is the last. Nothing may follow but close. Returns as flush. */
int rec_ogg_end(struct rec_ogg *o);

/* Ends the file. Returns 0 or what writing it failed with, now or before. NULL is fine. */
int rec_ogg_close(struct rec_ogg *o);

/* How long the file is so far. */
int64_t rec_ogg_duration_us(const struct rec_ogg *o);

#endif
