/* What is set about members' sound (mcu/control_audio.h), put into force in the studio. [ctl].
 *
 * A state outlives voices and listeners: both may be opened later, or anew by another offer, and
 * then all of it is applied again. */
#include <errno.h>

#include "mcu/audio_conf.h"
#include "mcu/base/log.h"
#include "mcu/control_audio.h"
#include "mcu/room_internal.h"

static float gain_of(const json_t *percent)
{
    return percent ? (float)json_integer_value(percent) / 100.0f : 1.0f;
}

/* What the member said, else what the room does. */
static bool flag_of(const struct room_peer *p, const char *key, bool plain)
{
    const json_t *said = json_object_get(p->sound, key);
    return said ? json_is_true(said) : plain;
}

static void apply_treatment(struct room_peer *p)
{
    struct mix_treatment t;
    mcu_audio_treatment(&t, &p->room->config);
    t.is_levelled = flag_of(p, "levelling", t.is_levelled);
    t.is_denoised = flag_of(p, "noiseSuppression", t.is_denoised);
    t.is_original = flag_of(p, "original", t.is_original);
    mcu_seat_set_treatment(p->seat, &t);
}

void room_apply_sound(struct room_peer *p)
{
    mcu_seat_set_volume(p->seat, gain_of(json_object_get(p->sound, "volume")));
    mcu_seat_set_pan(p->seat, (float)json_number_value(json_object_get(p->sound, "pan")));
    apply_treatment(p);
}

const char *room_set_sound(struct room_peer *p, const json_t *patch)
{
    char why[MCU_WHY_MAX];
    if (mcu_audio_check(patch, why) < 0) {
        log_warn("peer=%s: %s", p->id, why);
        return "bad_message";
    }
    const int err = mcu_audio_merge(p->sound, patch);
    if (err)
        return err == -ENOSPC ? "too_many_volumes" : "internal";
    room_apply_sound(p);
    return NULL;
}
