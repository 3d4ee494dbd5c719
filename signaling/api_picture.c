/* REST: what a room looks like now. Front thread. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "signaling/api.h"
#include "signaling/http_handlers.h"

enum { SNAPSHOTS_AT_ONCE = 2, WIDTH_MIN = 16, WIDTH_MAX = 3840, PATH_SIZE = 1024 };

/* --- snapshots -------------------------------------------------------------------------------- */

/* The room writes a file, and we serve it: no pictures in control messages. */
struct snapshot {
    struct sig_http *req; /* referenced */
    char path[PATH_SIZE];
};

static void on_snapshot(void *arg, const json_t *reply)
{
    struct snapshot *s = arg;
    struct sig_http *req = s->req;
    const struct sig_error *error = sig_error_of_reply(reply);
    struct sig_room *room = sig_rooms_find(req->front->rooms, sig_http_param(req, 0));
    if (room && room->snapshots_due > 0)
        room->snapshots_due--;
    if (error)
        sig_http_error(req, error, NULL);
    else
        sig_http_serve_file(req, s->path, "image/jpeg");
    unlink(s->path); /* what is served is open */
    sig_http_unref(req);
    free(s);
}

static const struct sig_error *ask(struct sig_http *req, struct sig_room *room, uint32_t width)
{
    char id[SIG_ID_SIZE];
    const char *view = sig_http_arg(req, "view");
    struct snapshot *s = malloc(sizeof(*s));
    if (!s)
        return sig_error("too_busy");
    sig_id_make(id, sizeof(id));
    snprintf(s->path, sizeof(s->path), "%s/%s.jpg", req->front->snapshots_dir, id);
    s->req = sig_http_ref(req);
    room->snapshots_due++; /* no answer comes before the call returns */
    json_t *command = json_pack("{s:s, s:s, s:s, s:i}", "cmd", "snapshot", "view",
                                view[0] ? view : "main", "file", s->path, "width", (int)width);
    if (sig_room_command(room, command, on_snapshot, s) == 0)
        return NULL;
    room->snapshots_due--;
    sig_http_unref(req);
    free(s);
    return sig_error("room_restarted");
}

void sig_api_snapshot(struct sig_http *req)
{
    struct sig_token token;
    struct sig_room *room = sig_api_room(req, &token);
    if (!room)
        return;
    const int64_t width = sig_http_arg_number(req, "width", WIDTH_MAX, 0);
    const struct sig_error *error = NULL;
    if (width < 0 || (width > 0 && width < WIDTH_MIN)) {
        sig_http_error(req, sig_error("bad_request"), "width: must be 16 to 3840");
        return;
    }
    error = sig_token_may_see(&token, room);
    if (!error && room->snapshots_due >= SNAPSHOTS_AT_ONCE)
        error = sig_error("too_busy");
    if (!error)
        error = ask(req, room, (uint32_t)width);
    if (error)
        sig_http_error(req, error, NULL);
}
