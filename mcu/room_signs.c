/* REC and LIVE, on each picture as long as something takes it that wants them there. [ctl]. */
#include "mcu/room_internal.h"

static uint32_t signs_of(const struct mcu_room *r, const struct room_view *v)
{
    uint32_t signs = 0;
    for (size_t i = 0; i < MCU_RECORDINGS_MAX; i++) {
        const struct room_recording *one = &r->recordings[i];
        if (one->id[0] && one->view == v && one->has_sign && !one->ended_at_ms && !one->is_paused)
            signs |= COMP_SIGN_REC;
    }
    for (size_t i = 0; i < ROOM_PUSHES_MAX; i++) {
        const struct room_push *one = &r->pushes[i];
        if (one->id[0] && one->view == v && one->has_sign)
            signs |= COMP_SIGN_LIVE;
    }
    return signs;
}

void room_signs_show(struct mcu_room *r)
{
    for (struct room_view *v = r->views.first; v; v = v->next)
        comp_view_set_signs(v->view, signs_of(r, v));
}
