/* signaling/retention.h - how much is recorded and how long it is kept: recording.quota_mb,
 * keep_days and keep_mb. Front thread; looks a few times a minute, and deletes little at once.
 *
 * Only what is finished is deleted, oldest first: the file, what lies beside it, and the row. What
 * is on its way to a storage elsewhere, or could not get there, stays. */
#ifndef SIGNALING_RETENTION_H
#define SIGNALING_RETENTION_H

#include <stdbool.h>
#include <stdint.h>

struct sig_rooms;

/* Of all rooms; zeroes at first. */
struct sig_retention {
    int64_t look_us; /* when it looks next */
    bool is_full;    /* the quota is used up */
    uint64_t deleted;
};

/* To be called often. */
void sig_retention_tick(struct sig_rooms *rooms, int64_t now_us);

/* Whether no recording may begin, as it was seen last. */
bool sig_retention_is_full(const struct sig_rooms *rooms);

#endif
