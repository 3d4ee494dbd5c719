/* Taking over a room of an earlier front: its seats come back from the session JSON that the
 * earlier front left with each peer (member_session_json). Front thread, at the start.
 *
 * Every WebSocket seat starts as lost: its client has rtc.grace_s to come back with its resume
 * token. WHIP and WHEP sessions go on as if nothing had been. */
#include <stdio.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/base/json.h"
#include "mcu/base/log.h"
#include "mcu/control_audio.h"
#include "mcu/control_picture.h"
#include "signaling/live.h"
#include "signaling/inputs.h"
#include "signaling/room_images.h"
#include "signaling/room_picture.h"
#include "signaling/rooms_internal.h"
#include "signaling/token.h"
#include "signaling/watch.h"

/* An earlier version left none: then there are none. */
static int read_claims(struct sig_claims *c, const json_t *session)
{
    json_t *said = NULL;
    int err = mcu_json_object(session, "claims", MCU_JSON_OPTIONAL, &said);
    if (!err && said)
        err = mcu_json_bool(said, "record", MCU_JSON_OPTIONAL, &c->record);
    if (!err && said)
        err = mcu_json_bool(said, "live", MCU_JSON_OPTIONAL, &c->live);
    if (!err && said)
        err = mcu_json_bool(said, "admin", MCU_JSON_OPTIONAL, &c->admin);
    return err;
}

static int read_session(struct sig_member *m, const json_t *session)
{
    static const char *const names[] = {"ws", "whip", "whep", "rtp", "input"};
    char kind[8];
    int err = mcu_json_string(session, "kind", MCU_JSON_REQUIRED, 1, kind, sizeof(kind));
    if (!err)
        err = mcu_json_string(session, "resume", MCU_JSON_REQUIRED, SIG_ID_CHARS, m->resume,
                              sizeof(m->resume));
    if (!err)
        err = mcu_json_string(session, "etag", MCU_JSON_REQUIRED, SIG_ID_CHARS, m->etag,
                              sizeof(m->etag));
    if (!err)
        err = mcu_json_int(session, "joined_at", MCU_JSON_REQUIRED, 1, INT64_MAX, &m->joined_at_ms);
    if (!err)
        err = read_claims(&m->claims, session);
    if (!err)
        err = mcu_json_bool(session, "heir", MCU_JSON_OPTIONAL, &m->is_heir);
    if (!err)
        err = mcu_json_bool(session, "offered", MCU_JSON_OPTIONAL, &m->is_offered);
    m->wish = sig_wish_from_session(session);
    for (size_t i = 0; !err && i < sizeof(names) / sizeof(*names); i++) {
        if (strcmp(kind, names[i]) == 0)
            m->kind = (enum sig_kind)i;
    }
    return err;
}

static int read_member(struct sig_member *m, const json_t *peer)
{
    int err = mcu_json_string(peer, "user", MCU_JSON_REQUIRED, 1, m->user, sizeof(m->user));
    if (!err)
        err = mcu_json_string(peer, "name", MCU_JSON_REQUIRED, 1, m->name, sizeof(m->name));
    if (!err)
        err = mcu_json_string(peer, "role", MCU_JSON_REQUIRED, 1, m->role, sizeof(m->role));
    if (!err)
        err = mcu_json_string(peer, "state", MCU_JSON_OPTIONAL, 1, m->state, sizeof(m->state));
    if (!err)
        err = mcu_json_bool(peer, "audio", MCU_JSON_OPTIONAL, &m->sends_audio);
    if (!err)
        err = mcu_json_bool(peer, "video", MCU_JSON_OPTIONAL, &m->sends_video);
    if (!err)
        err = mcu_json_bool(peer, "screen", MCU_JSON_OPTIONAL, &m->sends_screen);
    if (!err)
        err = mcu_json_bool(peer, "muted_audio", MCU_JSON_OPTIONAL, &m->muted_audio);
    if (!err)
        err = mcu_json_bool(peer, "muted_video", MCU_JSON_OPTIONAL, &m->muted_video);
    int64_t pin = 0;
    if (!err)
        err = mcu_json_int(peer, "pin", MCU_JSON_OPTIONAL, 0, MCU_PIN_MAX, &pin);
    if (!err)
        err = mcu_json_bool(peer, "hand", MCU_JSON_OPTIONAL, &m->has_hand_up);
    m->pin = (uint32_t)pin;
    return err;
}

static void read_sound(struct sig_member *m, const json_t *peer)
{
    char why[MCU_WHY_MAX];
    const json_t *sound = json_object_get(peer, "sound");
    if (sound && mcu_audio_check(sound, why) == 0)
        mcu_audio_merge(m->sound, sound);
    m->rtp = member_read_rtp(json_object_get(peer, "rtp"));
}

static void adopt_peer(struct sig_room *room, const json_t *peer)
{
    char id[SIG_ID_SIZE];
    if (mcu_json_string(peer, "peer", MCU_JSON_REQUIRED, 1, id, sizeof(id)))
        return;
    struct sig_member *m = member_create(room, id);
    if (!m)
        return;
    m->lost_at_us = mcu_now_us();
    read_sound(m, peer);
    if (read_member(m, peer) == 0 && read_session(m, json_object_get(peer, "session")) == 0 &&
        (m->kind != SIG_KIND_INPUT || sig_input_adopt(m, json_object_get(peer, "input")) == 0)) {
        sig_member_adopt_watching(m, json_object_get(peer, "watching"));
        return;
    }
    log_warn("room=%s a peer of an earlier version is sent away", room->id);
    sig_member_command(m, json_pack("{s:s}", "cmd", "peer_remove"), NULL, NULL);
    member_unlist(m);
}

void *room_adopted(void *ctx, struct sig_link *link, const json_t *answer)
{
    struct sig_rooms *r = ctx;
    char id[65];
    char type[16];
    int64_t opened_at_ms = 0;
    json_t *peers = NULL;
    json_t *recordings = NULL;
    if (mcu_json_string(answer, "room", MCU_JSON_REQUIRED, 1, id, sizeof(id)) ||
        mcu_json_string(answer, "type", MCU_JSON_REQUIRED, 1, type, sizeof(type)) ||
        mcu_json_int(answer, "opened_at", MCU_JSON_REQUIRED, 0, INT64_MAX, &opened_at_ms) ||
        mcu_json_array(answer, "peers", MCU_JSON_REQUIRED, 4096, &peers) ||
        mcu_json_array(answer, "recordings", MCU_JSON_REQUIRED, 64, &recordings) ||
        !sig_room_id_is_valid(id) || sig_rooms_find(r, id))
        return NULL;
    struct sig_room *room = room_create(r, id, type, opened_at_ms);
    if (!room)
        return NULL;
    room->link = link;
    sig_rules_adopt(room, json_object_get(answer, "session"));
    sig_room_adopt_picture(room, answer);
    sig_room_adopt_images(room, answer);
    sig_room_adopt_views(room);
    size_t i;
    const json_t *one;
    json_array_foreach(peers, i, one) adopt_peer(room, one);
    json_array_foreach(recordings, i, one) recording_adopt(room, one);
    live_adopt(room, json_object_get(answer, "live"));
    return room;
}
