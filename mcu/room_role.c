/* Who may send: a subscriber only watches, whatever his session description or his packets say.
 *
 * Enforced three times, because each alone leaves a hole: an offer is answered as if he had asked
 * to receive only; what comes nevertheless is dropped on [net] (may_publish), so that it is over at
 * once when a role is taken away and the next offer is still to come; and pictures that are open
 * are closed. [ctl]. */
#include <stdio.h>
#include <string.h>

#include "mcu/room_internal.h"

static bool publishes(const char *role)
{
    return strcmp(role, "subscriber") != 0;
}

void room_limit_offer(const struct room_peer *p, struct mcu_desc *offer)
{
    for (size_t i = 0; i < offer->media_count && !atomic_load(&p->may_publish); i++) {
        struct mcu_desc_media *m = &offer->media[i];
        m->direction = (enum mcu_direction)(m->direction & MCU_RECVONLY);
    }
}

static void leave_stage(struct room_peer *p)
{
    for (int i = 0; i < MCU_PICTURES; i++)
        mcu_seat_close_video(p->seat, (enum mcu_picture)i);
    room_layout_shares(p, false);
}

void room_set_name(struct room_peer *p, const char *name)
{
    snprintf(p->name, sizeof(p->name), "%s", name);
    mcu_seat_set_name(p->seat, p->name, p->role);
}

void room_set_role(struct room_peer *p, const char *role)
{
    const bool may = publishes(role);
    snprintf(p->role, sizeof(p->role), "%s", role);
    mcu_seat_set_name(p->seat, p->name, p->role);
    if (atomic_exchange(&p->may_publish, may) == may)
        return;
    if (!may)
        leave_stage(p);
    mcu_seat_set_present(p->seat, room_is_on_stage(p));
}
