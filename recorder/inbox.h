/* recorder/inbox.h - the bounded way into a recording's writer.
 *
 * Threads: [any] puts, [rec] takes. When it is full, video is refused up to the next key frame (what
 * follows a lost frame could not be decoded) and audio one by one; with may_block the putter waits
 * instead. The lock is held to move one pointer. */
#ifndef RECORDER_INBOX_H
#define RECORDER_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mcu/base/packet.h"

struct rec_inbox; /* opaque */

struct rec_inbox_conf {
    size_t packets_max;
    size_t bytes_max;   /* one packet is always let in when the inbox is empty */
    bool may_block;
};

struct rec_inbox_item {
    struct mcu_packet *packet;
    enum mcu_kind kind;
};

/* [ctl] Returns 0, -EINVAL or -ENOMEM. */
int rec_inbox_create(struct rec_inbox **out, const struct rec_inbox_conf *conf);

/* [ctl] Gives back what is inside. NULL is fine. */
void rec_inbox_destroy(struct rec_inbox *b);

/* [any] Takes a reference of its own. Returns 0, -ENOBUFS (dropped and counted) or -EPIPE (closed). */
int rec_inbox_put(struct rec_inbox *b, struct mcu_packet *packet, enum mcu_kind kind);

/* [rec] Waits for an item at most timeout_us (negative: without limit); the packet's reference becomes
 * the caller's. Returns false when the time is over, and once after rec_inbox_wake() or rec_inbox_close(). */
bool rec_inbox_take(struct rec_inbox *b, struct rec_inbox_item *item, int64_t timeout_us);

/* [any] Ends one wait of the taker, now or at its next take. */
void rec_inbox_wake(struct rec_inbox *b);

/* [any] Refuses all from now on, gives back what is inside, frees blocked putters. */
void rec_inbox_close(struct rec_inbox *b);

/* [any] Packets that were refused because it was full. */
uint64_t rec_inbox_dropped(struct rec_inbox *b);

#endif
