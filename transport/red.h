/* transport/red.h - redundant audio (RFC 2198): a packet that carries copies of those before it.
 *
 *     [1|pt|timestamp offset 14|length 10] for each copy, [0|pt], the copies' bytes, the newest
 * bytes
 *
 * Parsing copies nothing: blocks point into the payload, which must outlive them. Pure functions,
 * no state: [any]. */
#ifndef TRANSPORT_RED_H
#define TRANSPORT_RED_H

#include <stddef.h>
#include <stdint.h>

enum {
    RTC_RED_COPIES_MAX = 4,         /* that we send */
    RTC_RED_COPIES_PARSED_MAX = 31, /* more than any sender in the field has */
    RTC_RED_COPY_BYTES_MAX = 1023,
    RTC_RED_OFFSET_MAX_RTP = 16383, /* 341 ms at 48 kHz */
    RTC_RED_COPY_HEADER = 4,
    RTC_RED_PRIMARY_HEADER = 1,
};

struct rtc_red_block {
    uint8_t pt;
    uint16_t offset_rtp; /* how much older than the packet's timestamp; 0 for the primary */
    const uint8_t *data;
    size_t size;
};

struct rtc_red {
    struct rtc_red_block primary;
    struct rtc_red_block
        copies[RTC_RED_COPIES_PARSED_MAX]; /* in the packet's order: oldest first */
    size_t count;
};

/* Reads a whole payload. *out is written only on success. Copies without bytes and copies of the
 * primary's own time say nothing and are left out; the primary may be empty. Returns 0 or -EBADMSG
 * (a length goes past the end, or too many blocks). */
int rtc_red_parse(struct rtc_red *out, const uint8_t *payload, size_t size);

/* Writes primary with as many copies as may go and fit. copies: newest first; those without bytes,
 * too long, too old, or not older than the primary are left out, and the older ones where the room
 * is short. *taken (may be NULL) gets a bit for each that went in. Returns the size, or -ENOSPC (no
 * room for the primary). */
int rtc_red_write(uint8_t *out, size_t capacity, const struct rtc_red_block *primary,
                  const struct rtc_red_block *copies, size_t count, uint32_t *taken);

#endif
