/* Who speaks, and how loud: ten times a second to everybody, and twice to those whose network
 * carries little: ten a second cost 15 kbit/s, as much as their sound. Front thread. */
#include "mcu/base/json.h"
#include "signaling/rooms_internal.h"

enum { THIN_EVERY = 5 };

static json_t *read_speakers(struct sig_room *room, const json_t *said)
{
    json_t *speakers = json_array();
    size_t i;
    const json_t *one;
    json_array_foreach(said, i, one)
    {
        char peer[65];
        double level = 0;
        if (mcu_json_string(one, "peer", MCU_JSON_REQUIRED, 1, peer, sizeof(peer)))
            continue;
        const struct sig_member *m = member_find(room, peer);
        if (m && !m->is_joining &&
            mcu_json_number(one, "level", MCU_JSON_REQUIRED, 0, 1, &level) == 0)
            json_array_append_new(speakers,
                                  json_pack("{s:s, s:f}", "userId", m->user, "level", level));
    }
    return speakers;
}

void event_speaking(struct sig_room *room, const json_t *event)
{
    json_t *said = NULL;
    if (mcu_json_array(event, "speakers", MCU_JSON_REQUIRED, 256, &said))
        return;
    /* That nobody speaks any more is said once, so all must hear it. */
    const bool is_for_all = ++room->speaking_events % THIN_EVERY == 0 || json_array_size(said) == 0;
    json_t *told = json_pack("{s:s, s:s, s:{s:o}}", "type", "rtc", "action", "speaking", "data",
                             "speakers", read_speakers(room, said));
    for (struct sig_member *m = room->members; told && m; m = m->next) {
        if (m->client && !m->is_joining && (is_for_all || !m->is_thin))
            room->rooms->conf.send(m->client, told);
    }
    json_decref(told);
}
