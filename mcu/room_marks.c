/* Who speaks and who has the floor, noted beside each recording that runs. [ctl]. */
#include <stdio.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "mcu/room_internal.h"

static const char *name_of(const struct room_peer *p)
{
    return p->name[0] ? p->name : p->user;
}

static void mark_floor(struct rec_meta *meta, const struct room_peer *p, int64_t now_us)
{
    if (p)
        rec_meta_floor(meta, p->user, name_of(p), now_us);
}

void room_marks_begin(struct mcu_room *r, struct room_recording *one, const char *file,
                      int64_t start_us)
{
    const struct rec_meta_conf conf = {
        .path = file,
        .title = one->title,
        .room = r->name,
        .started_at_ms = one->started_at_ms + (start_us - one->started_us) / MCU_US_PER_MS,
        .start_us = start_us,
    };
    room_marks_end(one);
    const int err = rec_meta_open(&one->meta, &conf);
    if (err) {
        log_warn("recording %s: who speaks cannot be noted: %s", one->id, strerror(-err));
        return;
    }
    for (size_t i = 0; i < r->peer_count; i++) {
        const struct room_peer *p = r->peers[i];
        if (p->speaks)
            rec_meta_speak(one->meta, p->user, name_of(p), true, start_us);
    }
    mark_floor(one->meta, room_find_seat(r, r->marked_floor), start_us);
}

void room_marks_end(struct room_recording *one)
{
    rec_meta_close(one->meta);
    one->meta = NULL;
}

void room_marks_speaks(struct room_peer *p, bool speaks, int64_t now_us)
{
    if (p->speaks == speaks)
        return;
    p->speaks = speaks;
    for (size_t i = 0; i < MCU_RECORDINGS_MAX; i++)
        rec_meta_speak(p->room->recordings[i].meta, p->user, name_of(p), speaks, now_us);
}

void room_marks_floor(struct mcu_room *r, int64_t now_us)
{
    const uint32_t holder = r->floor.holder;
    if (holder == r->marked_floor)
        return;
    r->marked_floor = holder;
    const struct room_peer *p = holder ? room_find_seat(r, holder) : NULL;
    for (size_t i = 0; i < MCU_RECORDINGS_MAX; i++)
        mark_floor(r->recordings[i].meta, p, now_us);
}
