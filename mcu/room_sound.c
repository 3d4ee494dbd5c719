/* What is set about members' sound (mcu/control_audio.h), put into force in the studio. [ctl].
 *
 * A state outlives voices and listeners: both may be opened later, or anew by another offer, and
 * then all of it is applied again. */
#include <errno.h>

#include "mcu/audio_conf.h"
#include "mcu/base/log.h"
#include "mcu/control_audio.h"
#include "mcu/room_internal.h"

/* A voice at the very edge is tiring in headphones. */
#define PLACE_WIDTH 0.6f

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

/* --- submixes --- */

/* Gives every submix that a state names its bus. Returns 0 or -ENOSPC. */
static int find_buses(struct room_peer *p, const json_t *sound)
{
    const char *name;
    json_t *value;
    size_t i;
    int bus = 0;
    json_object_foreach(json_object_get(sound, "hears"), name, value)
    {
        if ((bus = room_submix_bus(p->room, name, p, sound)) < 0)
            return bus;
    }
    json_array_foreach(json_object_get(sound, "speaksTo"), i, value)
    {
        if ((bus = room_submix_bus(p->room, json_string_value(value), p, sound)) < 0)
            return bus;
    }
    return 0;
}

static void apply_submixes(struct room_peer *p)
{
    const json_t *hears = json_object_get(p->sound, "hears");
    const json_t *speaks_to = json_object_get(p->sound, "speaksTo");
    float gains[MIX_BUSES_MAX] = {hears ? 0.0f : 1.0f};
    uint32_t buses = speaks_to ? 0 : 1;
    const char *name;
    json_t *value;
    size_t i;
    json_object_foreach((json_t *)hears, name, value)
    {
        const int bus = room_submix_bus(p->room, name, NULL, NULL);
        if (bus >= 0)
            gains[bus] = gain_of(value);
    }
    json_array_foreach((json_t *)speaks_to, i, value)
    {
        const int bus = room_submix_bus(p->room, json_string_value(value), NULL, NULL);
        if (bus >= 0)
            buses |= 1u << bus;
    }
    mcu_seat_set_hears(p->seat, gains);
    mcu_seat_set_buses(p->seat, buses);
}

/* --- volumes for one listener alone --- */

static void set_gain_of(struct room_peer *p, struct room_peer *other)
{
    const json_t *percent = json_object_get(json_object_get(p->sound, "volumes"), other->user);
    const int err = mcu_seat_set_gain_of(p->seat, other->seat, gain_of(percent));
    if (err && err != -ENODEV) /* a voice or a listener that is still to come is told then */
        log_warn("peer=%s: no volume of its own for peer=%s", p->id, other->id);
}

/* Users that a set of volumes names, by what is in force now. */
static void apply_volumes(struct room_peer *p, const json_t *volumes)
{
    for (size_t i = 0; json_object_size(volumes) && i < p->room->peer_count; i++) {
        if (json_object_get(volumes, p->room->peers[i]->user))
            set_gain_of(p, p->room->peers[i]);
    }
}

/* --- all of it --- */

static void apply_own(struct room_peer *p)
{
    const json_t *pan = json_object_get(p->sound, "pan");
    mcu_seat_set_volume(p->seat, gain_of(json_object_get(p->sound, "volume")));
    if (pan || !p->room->config.audio.spatial)
        mcu_seat_set_pan(p->seat, (float)json_number_value(pan));
    mcu_seat_set_deaf(p->seat, json_is_true(json_object_get(p->sound, "deaf")));
    apply_treatment(p);
    apply_submixes(p);
}

void room_apply_sound(struct room_peer *p)
{
    apply_own(p);
    apply_volumes(p, json_object_get(p->sound, "volumes"));
    for (size_t i = 0; i < p->room->peer_count; i++) {
        struct room_peer *other = p->room->peers[i];
        if (json_object_get(json_object_get(other->sound, "volumes"), p->user))
            set_gain_of(other, p);
    }
}

/* The state as it will be, or NULL with a code. */
static json_t *next_state(struct room_peer *p, const json_t *patch, const char **code)
{
    json_t *next = json_copy(p->sound);
    int err = next ? mcu_audio_merge(next, patch) : -ENOMEM;
    *code = err == -ENOSPC ? "too_many_volumes" : "internal";
    if (!err) {
        err = find_buses(p, next);
        *code = err == -ENOSPC ? "too_many_submixes" : "internal";
    }
    if (!err)
        return next;
    json_decref(next);
    /* Looking for buses may have taken those that nobody but he uses: he gets them, or others, back,
     * lest he is heard or hears where another name leads now. */
    apply_submixes(p);
    return NULL;
}

const char *room_set_sound(struct room_peer *p, const json_t *patch)
{
    char why[MCU_WHY_MAX];
    if (mcu_audio_check(patch, why) < 0) {
        log_warn("peer=%s: %s", p->id, why);
        return "bad_message";
    }
    const char *code = NULL;
    json_t *next = next_state(p, patch, &code);
    if (!next)
        return code;
    json_t *was = p->sound;
    p->sound = next;
    apply_own(p);
    /* Those whom he heard in his own way, too: they may be as for all again. */
    apply_volumes(p, json_object_get(was, "volumes"));
    apply_volumes(p, json_object_get(next, "volumes"));
    json_decref(was);
    return NULL;
}

void room_place_voices(struct mcu_room *r)
{
    for (size_t i = 0; r->config.audio.spatial && i < r->peer_count; i++) {
        struct room_peer *p = r->peers[i];
        if (!json_object_get(p->sound, "pan"))
            mcu_seat_set_pan(p->seat, mcu_seat_centre(p->seat) * PLACE_WIDTH);
    }
}
