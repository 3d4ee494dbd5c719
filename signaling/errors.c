/* The table of refusals; see errors.h. */
#include "signaling/errors.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static const struct sig_error errors[] = {
    {"internal", 500, "Something went wrong in the server.", "The server's log says what."},
    {"bad_message", 400, "That is not a message of the protocol.", "See docs/protocol.md."},
    {"bad_request", 400, "A field is missing, of the wrong type or out of bounds.", NULL},
    {"bad_offer", 400, "The session description cannot be used.", NULL},
    {"bad_candidate", 400, "That is not an ICE candidate.", NULL},
    {"unknown_action", 400, "There is no such action.", "See docs/protocol.md."},
    {"unauthorized", 401, "A token is needed.", "Send Authorization: Bearer, or ?token= on /ws."},
    {"token_invalid", 401, "The token is not valid.", "Make one with `mixdown token`."},
    {"token_expired", 401, "The token has expired.", "Make a new one."},
    {"forbidden", 403, "The token does not allow that.", NULL},
    {"banned", 403, "A host has sent this user away for as long as the room lives.", NULL},
    {"room_locked", 403, "The room is locked: nobody may come in.", "A host may unlock it."},
    {"password_needed", 403, "The room has a password.", "Send it as `password`."},
    {"bad_password", 403, "That is not the room's password.", NULL},
    {"lobby", 403, "A host has to let you in.", "Only WebSocket clients can wait for that."},
    {"bad_origin", 403, "Pages of that origin may not connect.", "Add it to http.cors_origins."},
    {"refused", 403, "The application's server says no.", NULL},
    {"not_found", 404, "There is nothing at that address.", NULL},
    {"no_such_room", 404, "There is no such room.", NULL},
    {"no_such_member", 404, "There is nobody of that id in the room.", NULL},
    {"bad_layout", 400, "The layout cannot be used.", "See docs/layouts.md."},
    {"bad_picture", 400, "That is not a PNG or a JPEG that can be used, or not a name for one.",
     "Names have 1 to 64 of a-z 0-9 -; pictures 4 MiB, 4096 pixels a side, 8.3 million in all."},
    {"no_such_picture", 404, "There is no such picture.", "GET /api/v1/pictures lists them."},
    {"no_such_layout", 404, "There is no such layout.", "GET /api/v1/layouts lists them."},
    {"no_such_sound", 404, "There is no such sound.",
     "GET .../sounds lists what plays. Names: hold, join, leave, recording-en, recording-zh."},
    {"no_such_session", 404, "There is no such session; it may have ended.", NULL},
    {"no_such_input", 404, "The room has no such outside source.", "GET .../inputs lists them."},
    {"no_such_recording", 404, "There is no such recording.", NULL},
    {"bad_url", 400, "The url cannot be used.", NULL},
    {"no_such_push", 404, "There is no such push.", "GET .../live lists them."},
    {"no_such_view", 404, "The room has no such view.", "GET .../views lists them."},
    {"no_picture", 409, "No picture was negotiated.", "Offer a video line first."},
    {"no_such_file", 404, "The file is not there.", NULL},
    {"resume_failed", 404, "That seat is no longer kept.", "Join again."},
    {"method_not_allowed", 405, "That address does not take this method.", NULL},
    {"not_joined", 409, "This connection is in no room.", "Send join first."},
    {"already_joined", 409, "This connection is in a room already.", "Send leave first."},
    {"no_such_call", 404, "There is no such call; it may be over.", NULL},
    {"not_online", 409, "This connection is of nobody yet.", "Send state online with userId first."},
    {"in_call", 409, "You are in a call or being called.", "Hang up or reject first."},
    {"already_answered", 409, "The call was answered, maybe on another device.", NULL},
    {"call_not_answered", 409, "The call was not answered yet.", NULL},
    {"call_of_two", 409, "That call is of two.", "Use roomType mcu or broadcast."},
    {"peer_away", 409, "The other's connection is away just now.", "Try again."},
    {"too_many_devices", 409, "The user is signed in with as many devices as may be.",
     "Send state offline on another."},
    {"too_many_watched", 409, "You watch as many users as may be.", NULL},
    {"layout_builtin", 409, "That layout is built in and stays as it is.", "Use another name."},
    {"layout_in_use", 409, "A room or the setting video.layout uses that layout.", "Choose another there first."},
    {"too_many_layouts", 409, "There are as many layouts as may be.", "Delete one first."},
    {"too_many_pictures", 409, "There are as many pictures as may be.", "Delete one first."},
    {"too_many_pushes", 409, "The room is pushed to as many places as may be.", "Stop one first."},
    {"hls_exists", 409, "The room has HLS already.", "DELETE .../live/{id} ends it."},
    {"view_exists", 409, "There is a view of that name.", NULL},
    {"view_busy", 409, "The view is being recorded.", "Stop the recording first."},
    {"too_many_views", 409, "The room has as many views as it may.", "Remove one first."},
    {"room_exists", 409, "There is a room of that name.", NULL},
    {"room_full", 409, "The room is full.", NULL},
    {"last_host", 409, "Nobody would be a host then.", "Make somebody else a host first."},
    {"address_in_use", 409, "Another participant has that remote address.", NULL},
    {"too_many_sounds", 409, "As many sounds play as may.", "Stop one first."},
    {"too_many_submixes", 409, "The room has as many submixes as it may.", NULL},
    {"too_many_volumes", 409, "Too many volumes of others are set.", "Set some back to 100."},
    {"already_recording", 409, "The room is being recorded already.", NULL},
    {"no_storage", 409, "No storage is configured.", "Set storage.s3_endpoint."},
    {"not_recording", 409, "The recording has ended.", NULL},
    {"disk_full", 507, "There is no room on the disk for a recording.",
     "Free some, or lower recording.min_free_mb."},
    {"quota_reached", 507, "There are as many recordings as there may be.",
     "Delete some, or raise recording.quota_mb."},
    {"still_recording", 409, "The recording is not finished.", "Stop it first."},
    {"answer_needed", 409, "The session waits for the answer to the server's offer.",
     "PATCH it as application/sdp first."},
    {"length_required", 411, "The length of the body must be said.", "Send Content-Length."},
    {"etag_mismatch", 412, "The ETag is not that of what is there now.", NULL},
    {"idempotency_mismatch", 422, "The Idempotency-Key was used for another request.",
     "Make a new key for each thing that is wanted."},
    {"in_progress", 409, "The request of that Idempotency-Key is still being carried out.",
     "Ask again in a moment."},
    {"too_large", 413, "The body is too large.", NULL},
    {"unsupported_type", 415, "The body is of the wrong type.", NULL},
    {"range_not_satisfiable", 416, "The file has no such bytes.", NULL},
    {"etag_needed", 428, "If-Match is needed.", "Send the session's ETag; with new ICE credentials *."},
    {"too_many_tokens", 429, "Too many bad tokens came from that address.", "Try again in a minute."},
    {"rate_limited", 429, "Too many messages.", "Slow down."},
    {"not_supported", 501, "That is not supported.", NULL},
    {"too_many_rooms", 503, "The server runs as many rooms as it may.", "Raise room.max_rooms."},
    {"room_failed", 503, "The room's process cannot be started.", "The server's log says why."},
    {"room_restarted", 503, "The room was restarted just now.", "Try again."},
    {"no_port", 503, "There is no free port.", "Look at rtc.plain_address and rtc.port_min."},
    {"overloaded", 503, "The machine carries no more.", "Try again in a few seconds."},
    {"too_busy", 503, "The server is too busy.", "Try again."},
};

/* What a room calls its refusals, where the front has another word. */
static const struct {
    const char *room;
    const char *ours;
} room_codes[] = {
    {"no_such_peer", "no_such_session"},
    {"recording_exists", "already_recording"},
    {"bad_size", "bad_request"},
    {"not_open", "room_restarted"},
};

const struct sig_error *sig_error(const char *code)
{
    for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
        if (strcmp(errors[i].code, code) == 0)
            return &errors[i];
    }
    return &errors[0];
}

const struct sig_error *sig_error_of_reply(const json_t *reply)
{
    if (json_is_true(json_object_get(reply, "ok")))
        return NULL;
    const char *code = json_string_value(json_object_get(json_object_get(reply, "error"), "code"));
    if (!code)
        return &errors[0];
    for (size_t i = 0; i < sizeof(room_codes) / sizeof(*room_codes); i++) {
        if (strcmp(room_codes[i].room, code) == 0)
            return sig_error(room_codes[i].ours);
    }
    return sig_error(code);
}

json_t *sig_error_json(const struct sig_error *e, const char *detail)
{
    return json_pack("{s:s, s:s, s:s*}", "code", e->code, "message", detail ? detail : e->message,
                     "hint", e->hint);
}
