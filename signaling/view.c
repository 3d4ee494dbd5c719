/* The model as JSON, for the WebSocket and for REST: one shape of each thing. Front thread. */
#include <stdio.h>

#include "signaling/room_picture.h"
#include "signaling/rooms.h"

json_t *sig_member_json(const struct sig_member *m)
{
    return json_pack("{s:s, s:s, s:s, s:b, s:b, s:b, s:b, s:b, s:i, s:b, s:O, s:o, s:b, s:I, s:o}",
                     "userId", m->user, "name", m->name, "role", m->role, "audio", m->sends_audio,
                     "video", m->sends_video, "screen", m->sends_screen, "mutedAudio",
                     m->muted_audio, "mutedVideo", m->muted_video, "volume", sig_member_volume(m),
                     "deaf", sig_member_is_deaf(m), "speaksTo", sig_member_speaks_to(m), "pin",
                     m->pin ? json_integer(m->pin) : json_null(), "hand", m->has_hand_up,
                     "joinedAt", (json_int_t)m->joined_at_ms, "bars",
                     m->bars >= 0 ? json_integer(m->bars) : json_null());
}

json_t *sig_member_whole_json(const struct sig_member *m)
{
    static const char *const if_set[] = {"original", "levelling", "noiseSuppression", "pan"};
    json_t *json = sig_member_json(m);
    for (size_t i = 0; i < sizeof(if_set) / sizeof(*if_set); i++) {
        json_t *value = json_object_get(m->sound, if_set[i]);
        if (value)
            json_object_set(json, if_set[i], value);
    }
    json_t *volumes = json_object_get(m->sound, "volumes");
    json_object_set(json, "hears", sig_member_hears(m));
    json_object_set_new(json, "tier", json_string(m->tier));
    if (m->network)
        json_object_set(json, "network", m->network);
    json_object_set_new(json, "volumes", volumes ? json_incref(volumes) : json_object());
    return json;
}

json_t *sig_room_members_json(const struct sig_room *room, bool is_whole)
{
    json_t *list = json_array(); /* who came first stands first */
    for (const struct sig_member *m = room->members; m; m = m->next) {
        if (!m->is_joining)
            json_array_append_new(list, is_whole ? sig_member_whole_json(m) : sig_member_json(m));
    }
    return list;
}

json_t *sig_room_recording_json(const struct sig_room *room)
{
    const struct sig_recording *r = room->active;
    if (!r || r->is_starting)
        return json_pack("{s:b}", "active", 0);
    return json_pack("{s:b, s:s, s:I, s:b}", "active", 1, "id", r->id, "startedAt",
                     (json_int_t)r->started_at_ms, "paused", r->is_paused);
}

json_t *sig_room_json(const struct sig_room *room)
{
    uint32_t count = 0;
    for (const struct sig_member *m = room->members; m; m = m->next)
        count += m->is_joining ? 0 : 1;
    json_t *json = json_pack("{s:s, s:s, s:s, s:I, s:i, s:o}", "roomId", room->id, "roomType",
                             room->type, "status", room->is_closing ? "closing" : "active",
                             "createdAt", (json_int_t)room->opened_at_ms, "memberCount",
                             (int)count, "recording", sig_room_recording_json(room));
    json_t *picture = sig_room_picture_json(room);
    json_object_update(json, picture);
    json_decref(picture);
    json_t *rules = sig_rules_json(room);
    json_object_update(json, rules);
    json_decref(rules);
    return json;
}

static json_t *recording_json(const char *id, const char *room_id, int64_t started_at_ms,
                              const char *status)
{
    char url[128];
    snprintf(url, sizeof(url), "/api/v1/recordings/%s/file", id);
    return json_pack("{s:s, s:s, s:I, s:s, s:s}", "id", id, "roomId", room_id, "startedAt",
                     (json_int_t)started_at_ms, "status", status, "url", url);
}

json_t *sig_recording_json(const struct sig_recording *r)
{
    json_t *json = recording_json(r->id, r->room_id, r->started_at_ms,
                                  r->is_stopping || r->is_recovering ? "finishing" : "recording");
    if (json) {
        json_object_set_new(json, "paused", json_boolean(r->is_paused));
        json_object_set_new(json, "stalled", json_boolean(r->is_stalled));
    }
    return json;
}

json_t *sig_recording_row_json(const struct sig_store_recording *row)
{
    json_t *json = recording_json(row->id, row->room_id, row->started_at_ms, row->status);
    if (!json)
        return NULL;
    json_object_set_new(json, "recordingId", json_string(row->recording_id));
    json_object_set_new(json, "part", json_integer(row->part));
    if (row->ended_at_ms == 0)
        return json;
    json_object_set_new(json, "endedAt", json_integer(row->ended_at_ms));
    json_object_set_new(json, "durationMs", json_integer(row->duration_ms));
    json_object_set_new(json, "bytes", json_integer(row->bytes));
    json_object_set_new(json, "participants", json_integer(row->participants));
    return json;
}
