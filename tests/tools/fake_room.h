/* tests/tools/fake_room.h - a room process without media that speaks docs/control.md, for tests of
 * the front. A header, so that a test program can be its own room: the supervisor starts
 * /proc/self/exe.
 *
 * What it is called tells how it misbehaves. Of rooms: "refuse*" does not open, "crashloop*" dies
 * after opening, "silent*" says nothing more after opening. Of users: "crash*" kills the process
 * when added, "garbage*" makes it send a line that is no message, "huge*" a line without end,
 * "full*" is refused, "taken*" has an address that another has. */
#ifndef TESTS_TOOLS_FAKE_ROOM_H
#define TESTS_TOOLS_FAKE_ROOM_H

#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "mcu/control.h"
#include "mcu/control_audio.h"
#include "mcu/control_picture.h"

enum { FAKE_LISTEN_FD = 3, FAKE_STATS_MS = 100 };

struct fake_room {
    int fd; /* the front's connection; -1: none */
    struct mcu_control_reader reader;
    json_t *room; /* string; NULL: not open */
    json_t *opened_at;
    json_t *session;    /* the front's own of the room */
    json_t *peers;      /* {peer: {peer, user, name, role, session, ...}} */
    json_t *recordings; /* {id: {id, file, started_at}} */
    json_t *sounds;     /* {id: {id, ...}} */
    json_t *views;      /* {name: {view, layout, ...}} */
    json_t *picture;    /* what mcu/control_picture.h calls a state */
    json_t *snapshot;   /* to be answered after the next command */
    bool is_silent;
    bool is_closing;
};

static void fake_send(const struct fake_room *f, json_t *message)
{
    size_t size = 0;
    char *line = mcu_control_line(message, &size);
    for (size_t at = 0; line && f->fd >= 0 && at < size;) {
        const ssize_t n = send(f->fd, line + at, size - at, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    free(line);
    json_decref(message);
}

static bool fake_starts(const json_t *string, const char *with)
{
    const char *text = json_string_value(string);
    return text && strncmp(text, with, strlen(with)) == 0;
}

static void fake_ok(const struct fake_room *f, const json_t *command, json_t *more)
{
    json_t *reply = json_pack("{s:O, s:b}", "reply", json_object_get(command, "seq"), "ok", 1);
    if (more)
        json_object_update(reply, more);
    json_decref(more);
    fake_send(f, reply);
}

static void fake_refuse(const struct fake_room *f, const json_t *command, const char *code)
{
    fake_send(f, json_pack("{s:O, s:b, s:{s:s, s:s}}", "reply", json_object_get(command, "seq"),
                           "ok", 0, "error", "code", code, "message", "no"));
}

static void fake_open(struct fake_room *f, const json_t *command)
{
    const json_t *room = json_object_get(command, "room");
    if (fake_starts(room, "refuse")) {
        fake_refuse(f, command, "internal");
        return;
    }
    f->room = json_deep_copy(room);
    f->opened_at = json_deep_copy(json_object_get(command, "opened_at"));
    fake_ok(f, command, NULL);
    if (fake_starts(room, "crashloop"))
        _exit(1);
    f->is_silent = fake_starts(room, "silent");
}

static const char *fake_layout(const struct fake_room *f)
{
    const char *name = mcu_picture_layout(f->picture);
    return name ? name : "grid";
}

static void fake_adopt(const struct fake_room *f, const json_t *command)
{
    json_t *peers = json_array();
    json_t *recordings = json_array();
    const char *key;
    json_t *value;
    json_object_foreach(f->peers, key, value) json_array_append(peers, value);
    json_object_foreach(f->recordings, key, value) json_array_append(recordings, value);
    fake_ok(f, command,
            json_pack("{s:O?, s:s, s:O, s:s, s:O?, s:i, s:O?, s:o, s:o}", "room", f->room, "layout",
                      fake_layout(f), "picture", f->picture, "type", "mcu", "opened_at",
                      f->opened_at, "pid", (int)getpid(), "session", f->session, "peers", peers,
                      "recordings", recordings));
}

static void fake_peer_add(const struct fake_room *f, const json_t *command)
{
    const json_t *user = json_object_get(command, "user");
    const char *peer = json_string_value(json_object_get(command, "peer"));
    if (fake_starts(user, "crash"))
        _exit(1);
    if (fake_starts(user, "garbage")) {
        send(f->fd, "}{ no message\n", 14, MSG_NOSIGNAL);
        return;
    }
    if (fake_starts(user, "huge")) {
        static char line[64 * 1024];
        memset(line, ' ', sizeof(line));
        while (send(f->fd, line, sizeof(line), MSG_NOSIGNAL) > 0)
            continue;
        return;
    }
    if (fake_starts(user, "full")) {
        fake_refuse(f, command, "room_full");
        return;
    }
    if (fake_starts(user, "taken")) {
        fake_refuse(f, command, "address_in_use");
        return;
    }
    json_t *kept = json_deep_copy(command);
    json_t *more = NULL;
    json_object_del(kept, "cmd");
    json_object_del(kept, "seq");
    json_object_set_new(kept, "state", json_string("new"));
    if (json_object_get(command, "rtp")) {
        more = json_pack("{s:{s:s, s:i, s:{s:i, s:i}}}", "rtp", "host", "127.0.0.1", "port", 5004,
                         "audio", "ssrc", 7, "pt", 111);
        json_object_set(kept, "rtp", json_object_get(more, "rtp"));
    }
    if (!json_object_get(kept, "sound"))
        json_object_set_new(kept, "sound", json_object());
    json_object_set_new(f->peers, peer, kept);
    fake_ok(f, command, more);
    fake_send(f, json_pack("{s:s, s:s, s:b, s:b}", "event", "peer_media", "peer", peer, "audio", 1,
                           "video", 0));
}

static void fake_peer_set(const struct fake_room *f, const json_t *command, json_t *peer)
{
    static const char *const fields[] = {"muted_audio", "muted_video", "pin", "hand", "role"};
    json_t *sound = json_object_get(command, "sound");
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
        if (json_object_get(command, fields[i]))
            json_object_set(peer, fields[i], json_object_get(command, fields[i]));
    }
    if (sound)
        mcu_audio_merge(json_object_get(peer, "sound"), sound);
    fake_ok(f, command, NULL);
}

static void fake_peer_restart(const struct fake_room *f, const json_t *command)
{
    fake_ok(f, command,
            json_pack("{s:s, s:s, s:[s], s:b}", "ufrag", "fake", "pwd", "0123456789012345678901",
                      "candidates", "candidate:1 1 udp 2130706431 127.0.0.1 40001 typ host",
                      "end_of_candidates", 1));
}

/* It sends sound and a picture and takes nothing. */
static void fake_peer_make_offer(const struct fake_room *f, const json_t *command)
{
    struct mcu_desc d = {.ice_ufrag = "fake", .ice_pwd = "0123456789012345678901", .media_count = 2};
    for (size_t i = 0; i < 2; i++) {
        d.media[i] = (struct mcu_desc_media){
            .kind = i == 0 ? MCU_AUDIO : MCU_VIDEO, .proto = "UDP/TLS/RTP/SAVPF",
            .direction = MCU_SENDONLY, .codec_count = 1,
            .codecs = {i == 0 ? (struct mcu_desc_codec){.codec = MCU_CODEC_OPUS, .pt = 111,
                                                        .channels = 2, .clock_hz = 48000}
                              : (struct mcu_desc_codec){.codec = MCU_CODEC_VP8, .pt = 96,
                                                        .clock_hz = 90000}}};
        snprintf(d.media[i].type, sizeof(d.media[i].type), "%s", i == 0 ? "audio" : "video");
        snprintf(d.media[i].mid, sizeof(d.media[i].mid), "%d", (int)i);
    }
    fake_ok(f, command, json_pack("{s:o}", "desc", mcu_desc_to_json(&d)));
}

static void fake_peer_offer(const struct fake_room *f, const json_t *command)
{
    struct mcu_desc d;
    bool is_met = !json_is_true(json_object_get(command, "must_send"));
    if (mcu_desc_from_json(&d, json_object_get(command, "desc")) != 0) {
        fake_refuse(f, command, "bad_message");
        return;
    }
    for (size_t i = 0; i < d.media_count; i++)
        is_met = is_met || (!d.media[i].is_rejected && (d.media[i].direction & MCU_RECVONLY));
    if (is_met)
        fake_ok(f, command, json_pack("{s:O}", "desc", json_object_get(command, "desc")));
    else
        fake_refuse(f, command, "bad_offer");
}

static void fake_peer_answer(const struct fake_room *f, const json_t *command)
{
    struct mcu_desc d;
    if (mcu_desc_from_json(&d, json_object_get(command, "desc")) == 0 && d.media_count == 2)
        fake_ok(f, command, NULL);
    else
        fake_refuse(f, command, "bad_offer");
}

static void fake_layout_set(const struct fake_room *f, const json_t *command)
{
    json_t *patch = json_copy((json_t *)command);
    json_object_del(patch, "cmd");
    json_object_del(patch, "seq");
    mcu_picture_merge(f->picture, patch);
    json_decref(patch);
    fake_ok(f, command, json_pack("{s:s}", "layout", fake_layout(f)));
}

static void fake_room_session(struct fake_room *f, const json_t *command)
{
    json_decref(f->session);
    f->session = json_incref(json_object_get(command, "session"));
    fake_ok(f, command, NULL);
}

static void fake_peer_session(const struct fake_room *f, const json_t *command, json_t *peer)
{
    json_object_set(peer, "session", json_object_get(command, "session"));
    fake_ok(f, command, NULL);
}

/* Whatever is asked for is there. */
static void fake_peer_watch(const struct fake_room *f, const json_t *command)
{
    const char *view = json_string_value(json_object_get(command, "view"));
    const char *quality = json_string_value(json_object_get(command, "quality"));
    fake_ok(f, command,
            json_pack("{s:{s:s, s:s, s:i, s:i}}", "watching", "view",
                      !view ? "main" : strcmp(view, "own") == 0 ? "own:x" : view, "tier",
                      quality && strcmp(quality, "auto") != 0 ? quality : "720p", "width", 1280,
                      "height", 720));
}

static void fake_view(const struct fake_room *f, const json_t *command)
{
    const char *name = json_string_value(json_object_get(command, "view"));
    json_t *view = json_object_get(f->views, name);
    if (!view) {
        view = json_pack("{s:s, s:s, s:b, s:i, s:i, s:i}", "view", name, "layout", "grid", "named",
                         1, "width", 1280, "height", 720, "fps", 30);
        json_object_set_new(f->views, name, view);
    }
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)command, key, value)
    {
        if (json_object_get(view, key))
            json_object_set(view, key, value);
    }
    fake_ok(f, command, json_pack("{s:O}", "view", view));
}

static void fake_view_list(const struct fake_room *f, const json_t *command)
{
    json_t *list = json_array();
    const char *name;
    json_t *view;
    json_object_foreach(f->views, name, view) json_array_append(list, view);
    fake_ok(f, command, json_pack("{s:o}", "views", list));
}

static void fake_sound_start(const struct fake_room *f, const json_t *command)
{
    if (fake_starts(json_object_get(command, "name"), "nothing")) {
        fake_refuse(f, command, "no_such_sound");
        return;
    }
    json_t *kept = json_deep_copy(command);
    json_object_del(kept, "cmd");
    json_object_del(kept, "seq");
    json_object_set_new(f->sounds, json_string_value(json_object_get(command, "id")), kept);
    fake_ok(f, command, NULL);
}

static void fake_sound_list(const struct fake_room *f, const json_t *command)
{
    json_t *list = json_array();
    const char *id;
    json_t *sound;
    json_object_foreach(f->sounds, id, sound) json_array_append(list, sound);
    fake_ok(f, command, json_pack("{s:o}", "sounds", list));
}

static void fake_sound_stop(const struct fake_room *f, const json_t *command)
{
    const char *id = json_string_value(json_object_get(command, "id"));
    if (!id || json_object_del(f->sounds, id) != 0) {
        fake_refuse(f, command, "no_such_sound");
        return;
    }
    fake_ok(f, command, NULL);
    fake_send(f, json_pack("{s:s, s:s, s:s}", "event", "sound", "id", id, "state", "ended"));
}

static void fake_record_start(const struct fake_room *f, const json_t *command)
{
    const char *file = json_string_value(json_object_get(command, "file"));
    const int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (fd < 0) {
        fake_refuse(f, command, "file_error");
        return;
    }
    dprintf(fd, "not really a film, but bytes to be fetched\n");
    close(fd);
    json_t *kept = json_pack("{s:O, s:s, s:I}", "id", json_object_get(command, "id"), "file", file,
                             "started_at", (json_int_t)mcu_wall_ms());
    json_object_set_new(f->recordings, json_string_value(json_object_get(command, "id")), kept);
    fake_ok(f, command, json_pack("{s:I}", "started_at", (json_int_t)mcu_wall_ms()));
}

static void fake_record_stop(const struct fake_room *f, const char *id)
{
    const json_t *kept = json_object_get(f->recordings, id);
    if (!kept)
        return;
    fake_send(f, json_pack("{s:s, s:s, s:s, s:O, s:O, s:I, s:i, s:i}", "event", "recording", "id",
                           id, "state", "ready", "file", json_object_get(kept, "file"),
                           "started_at", json_object_get(kept, "started_at"), "ended_at",
                           (json_int_t)mcu_wall_ms(), "duration_ms", 1234, "bytes", 43));
    json_object_del(f->recordings, id);
}

static void fake_close(struct fake_room *f, const json_t *command)
{
    const char *id;
    json_t *value;
    void *next;
    fake_ok(f, command, NULL);
    json_object_foreach_safe(f->recordings, next, id, value) fake_record_stop(f, id);
    f->is_closing = true;
}

static void fake_command(struct fake_room *f, const json_t *command);

/* It waits for its picture, and others go by. */
static void fake_snapshot(struct fake_room *f, const json_t *command)
{
    f->snapshot = json_deep_copy(command);
}

static void fake_command_then_snapshot(struct fake_room *f, const json_t *command)
{
    json_t *waiting = f->snapshot;
    f->snapshot = NULL;
    fake_command(f, command);
    if (waiting)
        fake_ok(f, waiting, NULL);
    json_decref(waiting);
}

static void fake_command(struct fake_room *f, const json_t *command)
{
    const char *cmd = json_string_value(json_object_get(command, "cmd"));
    const char *peer = json_string_value(json_object_get(command, "peer"));
    if (!cmd || f->is_silent)
        return;
    if (strcmp(cmd, "open") == 0)
        fake_open(f, command);
    else if (strcmp(cmd, "adopt") == 0)
        fake_adopt(f, command);
    else if (strcmp(cmd, "close") == 0)
        fake_close(f, command);
    else if (!f->room)
        fake_refuse(f, command, "not_open");
    else if (strcmp(cmd, "peer_add") == 0)
        fake_peer_add(f, command);
    else if (peer && !json_object_get(f->peers, peer))
        fake_refuse(f, command, "no_such_peer");
    else if (strcmp(cmd, "peer_set") == 0 && peer)
        fake_peer_set(f, command, json_object_get(f->peers, peer));
    else if (strcmp(cmd, "sound_start") == 0)
        fake_sound_start(f, command);
    else if (strcmp(cmd, "snapshot") == 0)
        fake_snapshot(f, command);
    else if (strcmp(cmd, "layout_set") == 0)
        fake_layout_set(f, command);
    else if (strcmp(cmd, "peer_watch") == 0)
        fake_peer_watch(f, command);
    else if (strcmp(cmd, "peer_session") == 0 && peer)
        fake_peer_session(f, command, json_object_get(f->peers, peer));
    else if (strcmp(cmd, "room_session") == 0)
        fake_room_session(f, command);
    else if (strcmp(cmd, "view_add") == 0 || strcmp(cmd, "view_set") == 0)
        fake_view(f, command);
    else if (strcmp(cmd, "view_list") == 0)
        fake_view_list(f, command);
    else if (strcmp(cmd, "view_remove") == 0) {
        json_object_del(f->views, json_string_value(json_object_get(command, "view")));
        fake_ok(f, command, NULL);
    } else if (strcmp(cmd, "sound_list") == 0)
        fake_sound_list(f, command);
    else if (strcmp(cmd, "sound_stop") == 0)
        fake_sound_stop(f, command);
    else if (strcmp(cmd, "peer_remove") == 0 && json_object_del(f->peers, peer) == 0)
        fake_ok(f, command, NULL);
    else if (strcmp(cmd, "peer_offer") == 0)
        fake_peer_offer(f, command);
    else if (strcmp(cmd, "peer_make_offer") == 0)
        fake_peer_make_offer(f, command);
    else if (strcmp(cmd, "peer_answer") == 0)
        fake_peer_answer(f, command);
    else if (strcmp(cmd, "peer_restart") == 0 && peer)
        fake_peer_restart(f, command);
    else if (strcmp(cmd, "record_start") == 0)
        fake_record_start(f, command);
    else if (strcmp(cmd, "record_stop") == 0) {
        fake_ok(f, command, NULL);
        fake_record_stop(f, json_string_value(json_object_get(command, "id")));
    } else
        fake_ok(f, command, NULL);
}

static void fake_read(struct fake_room *f)
{
    char buffer[16 * 1024];
    const ssize_t n = recv(f->fd, buffer, sizeof(buffer), 0);
    json_t *message = NULL;
    if (n <= 0) {
        close(f->fd);
        f->fd = -1;
        mcu_control_reader_finish(&f->reader);
        f->reader = (struct mcu_control_reader){0};
        return;
    }
    mcu_control_feed(&f->reader, buffer, (size_t)n);
    while (mcu_control_next(&f->reader, &message) == 1) {
        fake_command_then_snapshot(f, message);
        json_decref(message);
    }
}

/* Serves on descriptor 3 until it is closed, misbehaves, or nobody has been connected for 8 s. */
static int fake_room_run(void)
{
    struct fake_room f = {.fd = -1, .peers = json_object(), .recordings = json_object(),
                          .sounds = json_object(), .picture = json_object(),
                          .views = json_object()};
    int alone_ms = 0;
    while (!f.is_closing && alone_ms < 8000) {
        struct pollfd fds[2] = {{.fd = FAKE_LISTEN_FD, .events = POLLIN},
                                {.fd = f.fd, .events = POLLIN}};
        const int n = poll(fds, 2, FAKE_STATS_MS);
        if (fds[1].revents) {
            fake_read(&f); /* all that a front said before the next one comes */
        } else if (fds[0].revents) {
            if (f.fd >= 0)
                close(f.fd);
            f.fd = accept(FAKE_LISTEN_FD, NULL, NULL);
            continue;
        }
        alone_ms = f.fd >= 0 ? 0 : alone_ms + FAKE_STATS_MS;
        if (n == 0 && f.room && !f.is_silent)
            fake_send(&f, json_pack("{s:s, s:i, s:{s:i, s:i}, s:[]}", "event", "stats", "cpu_us",
                                    1000, "audio", "ticks", 50, "late_ticks", 2, "peers"));
    }
    json_decref(f.room);
    json_decref(f.opened_at);
    json_decref(f.peers);
    json_decref(f.recordings);
    json_decref(f.sounds);
    json_decref(f.picture);
    json_decref(f.snapshot);
    json_decref(f.views);
    mcu_control_reader_finish(&f.reader);
    return 0;
}

#endif
