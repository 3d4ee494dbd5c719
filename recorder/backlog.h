/* recorder/backlog.h - what waits to be pushed: bounded, and the newest picture first.
 *
 * While nobody takes (there is no connection) it holds what follows the newest key frame, so that a
 * push begins with what is shown now. When the far side is too slow for it - more than bytes_max,
 * or more than lag_max_us between its ends - it drops up to the newest key frame, sound included,
 * and counts. If there is no later key frame all is dropped, and pictures are refused until one
 * comes.
 *
 * Threads: [any] puts, [push] takes. The lock is held to move pointers. */
#ifndef RECORDER_BACKLOG_H
#define RECORDER_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mcu/base/packet.h"
#include "recorder/inbox.h"

struct rec_backlog; /* opaque */

struct rec_backlog_conf {
    size_t packets_max;
    size_t bytes_max;
    int64_t lag_max_us;
    bool has_video; /* false: sound alone, every packet is a beginning */
};

/* [ctl] Returns 0, -EINVAL or -ENOMEM. */
int rec_backlog_create(struct rec_backlog **out, const struct rec_backlog_conf *conf);

/* [ctl] NULL is fine. */
void rec_backlog_destroy(struct rec_backlog *b);

/* [any] Takes a reference of its own. Returns 0, or -ENOBUFS: a key frame has to come first. */
int rec_backlog_put(struct rec_backlog *b, struct mcu_packet *packet, enum mcu_kind kind);

/* [push] From here on packets are taken; it begins with the newest key frame, at hand or to come.
 */
void rec_backlog_begin(struct rec_backlog *b);

/* [push] They are not any more. */
void rec_backlog_end(struct rec_backlog *b);

/* [push] Waits for a packet at most timeout_us; its reference becomes the caller's. Returns false
 * when the time is over, and once after rec_backlog_wake(). */
bool rec_backlog_take(struct rec_backlog *b, struct rec_inbox_item *item, int64_t timeout_us);

/* [any] Ends one wait of the taker, now or at its next take. */
void rec_backlog_wake(struct rec_backlog *b);

/* [any] Packets that were dropped to keep up, while they were being taken. */
uint64_t rec_backlog_dropped(struct rec_backlog *b);

#endif
