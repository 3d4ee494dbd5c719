/* Admission; see admission.h. The figures are the rooms' own: what else runs on the machine is not
 * ours to judge, unless it makes sound late. */
#include "signaling/admission.h"

#include <string.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "signaling/rooms_internal.h"

/* Late sound counts against us where rooms use this part of what they may; below that it is
 * somebody else's doing, and one participant less would change nothing. */
#define OWN_DOING 0.5

uint32_t sig_cores(void)
{
    const long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : (uint32_t)n;
}

enum mcu_load_kind sig_load_kind(enum sig_kind kind, const char *role)
{
    return kind == SIG_KIND_WHEP || strcmp(role, "subscriber") == 0 ? MCU_LOAD_VIEWER
                                                                : MCU_LOAD_PUBLISHER;
}

double sig_load_cores(const struct sig_rooms *r)
{
    double sum = 0.0;
    for (const struct sig_room *room = r->first; room; room = room->next)
        sum += mcu_load_cores(&room->load);
    return sum;
}

static bool is_late(const struct sig_rooms *r)
{
    for (const struct sig_room *room = r->first; room; room = room->next) {
        if (room->load.is_late)
            return true;
    }
    return false;
}

const struct sig_error *sig_admit(struct sig_rooms *r, struct sig_room *room,
                                  enum mcu_load_kind kind)
{
    static const struct mcu_load unknown;
    const uint32_t percent = r->conf.config->room.max_load;
    const double used = sig_load_cores(r);
    const double cost = mcu_load_cost(room ? &room->load : &unknown, kind);
    const bool fits = mcu_load_fits(used, cost, sig_cores(), percent);
    const bool makes_late = percent && is_late(r) &&
                            !mcu_load_fits(used, cost, sig_cores(), (uint32_t)(percent * OWN_DOING));
    if (!fits || makes_late) {
        r->stats.refused_overload++;
        log_warn("%s%s: one more is refused: %.2f of %u cores are in use%s", room ? "room=" : "",
                 room ? room->id : "a new room", used, sig_cores(),
                 makes_late ? ", sound is late" : "");
        return sig_error("overloaded");
    }
    if (room)
        mcu_load_add(&room->load, kind);
    return NULL;
}

static void count_members(struct sig_room *room)
{
    room->load.counts[MCU_LOAD_ROOM] = 1;
    room->load.counts[MCU_LOAD_PUBLISHER] = 0;
    room->load.counts[MCU_LOAD_VIEWER] = 0;
    for (const struct sig_member *m = room->members; m; m = m->next)
        room->load.counts[sig_load_kind(m->kind, m->role)]++;
}

void sig_load_measure(struct sig_room *room)
{
    const struct sig_room_stats *s = &room->stats;
    count_members(room);
    room->load.counts[MCU_LOAD_VIEW] = s->views > 1 ? (uint32_t)s->views - 1 : 0;
    mcu_load_measure(&room->load, s->cpu_us, s->audio_ticks, s->audio_late_ticks, mcu_now_us());
}
