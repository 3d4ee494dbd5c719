/* The command table of a room process: one small handler a command (docs/control.md). [ctl]. */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "mcu/room_internal.h"

/* A handler returns an error code, or NULL and puts its fields into reply. */
typedef const char *(*handler)(struct mcu_room *r, const json_t *m, json_t *reply);

static const char *text_of(const json_t *m, const char *key)
{
    const char *text = json_string_value(json_object_get(m, key));
    return text ? text : "";
}

static const char *do_open(struct mcu_room *r, const json_t *m, json_t *reply)
{
    (void)reply;
    char error[MCU_CONFIG_ERROR_MAX] = "";
    if (r->is_open)
        return "already_open";
    const char *name = text_of(m, "room");
    if (!*name || strlen(name) >= sizeof(r->name))
        return "bad_message";
    mcu_config_init(&r->config);
    if (mcu_config_from_json(&r->config, json_object_get(m, "config"), error) < 0) {
        log_error("open: %s", error);
        return "bad_message";
    }
    snprintf(r->name, sizeof(r->name), "%s", name);
    snprintf(r->type, sizeof(r->type), "%.31s", text_of(m, "type"));
    r->opened_at_ms = json_integer_value(json_object_get(m, "opened_at"));
    char context[ROOM_TEXT_MAX + 8];
    snprintf(context, sizeof(context), "room=%s", r->name);
    mcu_log_set_context(context);
    mcu_log_set_level_name(r->config.log.level);
    return room_open(r) < 0 ? "internal" : NULL;
}

/* Where a slice begins: "from", 0 when it is not said. */
static size_t slice_from(const struct mcu_room *r, const json_t *m)
{
    const json_int_t from = json_integer_value(json_object_get(m, "from"));
    return from < 0 || (size_t)from > r->peer_count ? r->peer_count : (size_t)from;
}

static const char *do_adopt(struct mcu_room *r, const json_t *m, json_t *reply)
{
    const size_t from = slice_from(r, m);
    const size_t end = from + ROOM_SLICE < r->peer_count ? from + ROOM_SLICE : r->peer_count;
    json_object_set_new(reply, "room", r->is_open ? json_string(r->name) : json_null());
    json_object_set_new(reply, "type", json_string(r->type));
    json_object_set_new(reply, "opened_at", json_integer(r->opened_at_ms));
    json_object_set_new(reply, "layout", r->layout ? json_string(layout_name(r->layout)) : json_null());
    json_object_set_new(reply, "picture", r->picture ? json_incref(r->picture) : json_object());
    json_object_set_new(reply, "sharing", room_layout_sharing(r));
    json_object_set_new(reply, "images", room_image_list(r));
    json_object_set_new(reply, "pid", json_integer(getpid()));
    if (from == 0)
        json_object_set_new(reply, "session", r->session ? json_incref(r->session) : json_null());
    json_t *peers = json_array();
    for (size_t i = from; i < end; i++)
        json_array_append_new(peers, room_describe_peer(r->peers[i]));
    json_object_set_new(reply, "peers", peers);
    if (end < r->peer_count)
        json_object_set_new(reply, "next", json_integer((json_int_t)end));
    json_object_set_new(reply, "recordings", room_describe_recordings(r));
    json_object_set_new(reply, "live", room_describe_pushes(r));
    room_views_tell_again(r); /* after the last slice, when it knows the room */
    return NULL;
}

static const char *do_peer_add(struct mcu_room *r, const json_t *m, json_t *reply)
{
    return room_add_peer(r, m, reply);
}

static const char *do_peer_session(struct mcu_room *r, const json_t *m, json_t *reply)
{
    (void)reply;
    struct room_peer *p = room_find_peer(r, text_of(m, "peer"));
    if (!p)
        return "no_such_peer";
    json_decref(p->session);
    p->session = json_incref(json_object_get(m, "session"));
    return NULL;
}

static const char *do_room_session(struct mcu_room *r, const json_t *m, json_t *reply)
{
    (void)reply;
    json_decref(r->session);
    r->session = json_incref(json_object_get(m, "session"));
    return NULL;
}

static const char *do_peer_offer(struct mcu_room *r, const json_t *m, json_t *reply)
{
    struct room_peer *p = room_find_peer(r, text_of(m, "peer"));
    return p ? room_offer(p, m, reply) : "no_such_peer";
}

static const char *do_peer_make_offer(struct mcu_room *r, const json_t *m, json_t *reply)
{
    struct room_peer *p = room_find_peer(r, text_of(m, "peer"));
    return p ? room_make_offer(p, reply) : "no_such_peer";
}

static const char *do_peer_answer(struct mcu_room *r, const json_t *m, json_t *reply)
{
    (void)reply;
    struct room_peer *p = room_find_peer(r, text_of(m, "peer"));
    return p ? room_take_answer(p, m) : "no_such_peer";
}

static const char *do_peer_restart(struct mcu_room *r, const json_t *m, json_t *reply)
{
    struct room_peer *p = room_find_peer(r, text_of(m, "peer"));
    return p ? room_restart(p, m, reply) : "no_such_peer";
}

static const char *do_peer_candidate(struct mcu_room *r, const json_t *m, json_t *reply)
{
    (void)reply;
    struct room_peer *p = room_find_peer(r, text_of(m, "peer"));
    if (!p)
        return "no_such_peer";
    return rtc_peer_add_candidate(p->rtc, text_of(m, "candidate")) < 0 ? "bad_message" : NULL;
}

static const char *do_peer_set(struct mcu_room *r, const json_t *m, json_t *reply)
{
    (void)reply;
    struct room_peer *p = room_find_peer(r, text_of(m, "peer"));
    return p ? room_set_peer(p, m) : "no_such_peer";
}

static const char *do_peer_remove(struct mcu_room *r, const json_t *m, json_t *reply)
{
    (void)reply;
    struct room_peer *p = room_find_peer(r, text_of(m, "peer"));
    if (!p)
        return "no_such_peer";
    room_remove_peer(r, p);
    return NULL;
}

static const char *do_record_stop(struct mcu_room *r, const json_t *m, json_t *reply)
{
    (void)reply;
    return room_record_stop(r, text_of(m, "id"));
}

static const char *do_record_pause(struct mcu_room *r, const json_t *m, json_t *reply)
{
    (void)reply;
    return room_record_pause(r, text_of(m, "id"), true);
}

static const char *do_record_resume(struct mcu_room *r, const json_t *m, json_t *reply)
{
    (void)reply;
    return room_record_pause(r, text_of(m, "id"), false);
}

static const char *do_sound_start(struct mcu_room *r, const json_t *m, json_t *reply)
{
    (void)reply;
    return room_sound_start(r, m);
}

static const char *do_sound_stop(struct mcu_room *r, const json_t *m, json_t *reply)
{
    (void)reply;
    return room_sound_stop(r, text_of(m, "id"));
}

static const char *do_sound_list(struct mcu_room *r, const json_t *m, json_t *reply)
{
    (void)m;
    json_object_set_new(reply, "sounds", room_sound_list(r));
    return NULL;
}

static const char *do_layout_set(struct mcu_room *r, const json_t *m, json_t *reply)
{
    return room_layout_set(r, m, reply);
}

static const char *do_view_list(struct mcu_room *r, const json_t *m, json_t *reply)
{
    (void)m;
    json_object_set_new(reply, "views", room_view_list(r));
    return NULL;
}

static const char *do_peer_watch(struct mcu_room *r, const json_t *m, json_t *reply)
{
    struct room_peer *p = room_find_peer(r, text_of(m, "peer"));
    const char *code = p ? room_watch_set(p, m) : "no_such_peer";
    if (!code)
        json_object_set_new(reply, "watching", room_watch_json(p));
    return code;
}

static const char *do_stats(struct mcu_room *r, const json_t *m, json_t *reply)
{
    json_t *stats = room_stats(r, slice_from(r, m));
    json_object_update(reply, stats);
    json_decref(stats);
    return NULL;
}

/* What this process remembers of its log, newest last. */
static const char *do_log(struct mcu_room *r, const json_t *m, json_t *reply)
{
    enum { BYTES_MAX = 64 * 1024 };
    (void)r;
    (void)m;
    char *text = malloc(BYTES_MAX);
    if (!text)
        return "internal";
    mcu_log_recent("", text, BYTES_MAX);
    json_t *lines = json_array();
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        json_array_append_new(lines, json_string(line)); /* none where it is not UTF-8 */
    json_object_set_new(reply, "lines", lines);
    free(text);
    return NULL;
}

static const char *do_close(struct mcu_room *r, const json_t *m, json_t *reply)
{
    (void)m;
    (void)reply;
    mcu_room_close(r);
    return NULL;
}

static const struct {
    const char *name;
    handler handle;
    bool needs_open;
} commands[] = {
    {"open", do_open, false},
    {"adopt", do_adopt, false},
    {"peer_add", do_peer_add, true},
    {"peer_session", do_peer_session, true},
    {"room_session", do_room_session, true},
    {"peer_offer", do_peer_offer, true},
    {"peer_make_offer", do_peer_make_offer, true},
    {"peer_answer", do_peer_answer, true},
    {"peer_candidate", do_peer_candidate, true},
    {"peer_restart", do_peer_restart, true},
    {"peer_set", do_peer_set, true},
    {"peer_remove", do_peer_remove, true},
    {"record_start", room_record_start, true},
    {"record_stop", do_record_stop, true},
    {"record_pause", do_record_pause, true},
    {"record_resume", do_record_resume, true},
    {"live_start", room_live_start, true},
    {"live_stop", room_live_stop, true},
    {"input_set", room_input_set, true},
    {"sound_start", do_sound_start, true},
    {"sound_stop", do_sound_stop, true},
    {"sound_list", do_sound_list, true},
    {"layout_set", do_layout_set, true},
    {"snapshot", room_snapshot, true},
    {"view_add", room_view_add, true},
    {"view_set", room_view_set, true},
    {"view_remove", room_view_remove, true},
    {"image_set", room_image_set, true},
    {"layout_file", room_view_reload, true},
    {"view_list", do_view_list, true},
    {"peer_watch", do_peer_watch, true},
    {"stats", do_stats, true},
    {"log", do_log, false},
    {"close", do_close, false},
};

static const char *carry_out(struct mcu_room *r, const json_t *m, json_t *reply)
{
    const char *name = text_of(m, "cmd");
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, name) != 0)
            continue;
        if (commands[i].needs_open && !r->is_open)
            return "not_open";
        return commands[i].handle(r, m, reply);
    }
    return "unknown_command";
}

const char room_reply_later[] = "later";

json_int_t room_command_seq(const json_t *message)
{
    return json_integer_value(json_object_get(message, "seq"));
}

void room_reply(struct mcu_room *r, json_int_t seq, const char *cmd, const char *code,
                json_t *reply)
{
    json_object_set_new(reply, "reply", json_integer(seq));
    json_object_set_new(reply, "ok", json_boolean(!code));
    if (code)
        json_object_set_new(
            reply, "error",
            json_pack("{s:s,s:s+}", "code", code, "message", cmd, ": refused"));
    r->send(r->send_ctx, reply);
    json_decref(reply);
}

void mcu_room_command(struct mcu_room *r, const json_t *message)
{
    json_t *reply = json_object();
    const char *code = carry_out(r, message, reply);
    if (code == room_reply_later)
        json_decref(reply);
    else
        room_reply(r, room_command_seq(message), text_of(message, "cmd"), code, reply);
}
