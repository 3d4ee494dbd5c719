/* Pictures beside recordings, at an interval: STEM.snapshot-0001.jpg. [ctl]. */
#include <stdio.h>
#include <stdlib.h>

#include "mcu/base/clock.h"
#include "mcu/room_internal.h"

static char *next_path(const struct room_recording *one)
{
    char file[sizeof(one->file) + 16];
    char suffix[32];
    room_parts_file(one, file, sizeof(file));
    snprintf(suffix, sizeof(suffix), ".snapshot-%04u.jpg", one->stills + 1);
    return rec_meta_path(file, suffix);
}

/* One that finds no place is taken at the next turn. */
static void take(struct mcu_room *r, struct room_recording *one, int64_t now_us)
{
    char *path = next_path(one);
    if (path && room_snapshot_take(r, one, path)) {
        one->stills++;
        one->next_still_us += one->stills_s * MCU_US_PER_S;
        if (one->next_still_us <= now_us) /* it was paused, or the machine is slow */
            one->next_still_us = now_us + one->stills_s * MCU_US_PER_S;
    }
    free(path);
}

void room_stills_housekeep(struct mcu_room *r, int64_t now_us)
{
    for (size_t i = 0; i < MCU_RECORDINGS_MAX; i++) {
        struct room_recording *one = &r->recordings[i];
        const bool is_running = one->id[0] && !one->ended_at_ms && !one->is_paused;
        if (is_running && one->stills_s && now_us >= one->next_still_us)
            take(r, one, now_us);
    }
}
