/* REST: recordings of a room and the archive. Front thread. Rows are read from the store, which is
 * behind by what its thread has not committed yet; what runs is known by the model. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mcu/base/json.h"
#include "mcu/base/log.h"
#include "signaling/api.h"
#include "signaling/api_page.h"
#include "signaling/http_handlers.h"
#include "signaling/recording_files.h"
#include "signaling/uploads.h"
#include "signaling/ws.h"

enum { PAGE_DEFAULT = 50, BODY_DEPTH = 4 };

static bool may_record(struct sig_http *req, const struct sig_token *token, const char *room_id)
{
    const struct sig_room *room = sig_rooms_find(req->front->rooms, room_id);
    return sig_api_may(req, token, room, SIG_MAY_RECORD);
}

/* --- of a room -------------------------------------------------------------------------------- */

static void on_started(void *arg, const struct sig_recording *r, const struct sig_error *error)
{
    struct sig_http *req = arg;
    if (error) {
        sig_http_error(req, error, NULL);
    } else {
        char where[128];
        snprintf(where, sizeof(where), "/api/v1/recordings/%s", r->id);
        sig_http_header(req, "Location", where);
        sig_http_json(req, 201, sig_recording_json(r));
    }
    sig_http_unref(req);
}

/* {"view", "layout", "signs"}, all optional, and so is the body. */
static const struct sig_error *read_wish(const struct sig_http *req, struct sig_room *room,
                                         struct sig_record_wish *wish)
{
    json_t *body = NULL;
    if (req->body_size && (!sig_json_depth_fits(req->body, req->body_size, BODY_DEPTH) ||
                           mcu_json_parse(&body, req->body, req->body_size) != 0))
        return sig_error("bad_request");
    const struct sig_error *error = sig_record_wish_read(wish, room, body);
    json_decref(body);
    return error;
}

void sig_api_recording_start(struct sig_http *req)
{
    struct sig_token token;
    const char *id = sig_http_param(req, 0);
    if (!sig_http_authorize(req, id, &token) || !may_record(req, &token, id))
        return;
    struct sig_room *room = sig_rooms_find(req->front->rooms, id);
    struct sig_record_wish wish;
    const struct sig_error *error = room ? read_wish(req, room, &wish) : sig_error("no_such_room");
    if (error) {
        sig_http_error(req, error, NULL);
        return;
    }
    error = sig_room_record(room, token.sub, &wish, on_started, sig_http_ref(req));
    if (!error)
        return;
    sig_http_unref(req);
    sig_http_error(req, error, NULL);
}

/* The one of the path, for whoever may record its room; replies itself when there is none. */
static struct sig_recording *find_running(struct sig_http *req)
{
    struct sig_token token;
    const char *room_id = sig_http_param(req, 0);
    if (!sig_http_authorize(req, room_id, &token) || !may_record(req, &token, room_id))
        return NULL;
    struct sig_recording *r = sig_rooms_find_recording(req->front->rooms, sig_http_param(req, 1));
    if (r && strcmp(r->room_id, room_id) == 0)
        return r;
    sig_http_error(req, sig_error("no_such_recording"), NULL);
    return NULL;
}

void sig_api_recording_stop(struct sig_http *req)
{
    struct sig_recording *r = find_running(req);
    if (!r)
        return;
    sig_recording_stop(r);
    sig_http_json(req, 202, sig_recording_json(r));
}

/* {"paused": bool}. */
void sig_api_recording_change(struct sig_http *req)
{
    struct sig_recording *r = find_running(req);
    if (!r)
        return;
    json_t *body = NULL;
    bool is_paused = false;
    const bool is_good = sig_json_depth_fits(req->body, req->body_size, BODY_DEPTH) &&
                         mcu_json_parse(&body, req->body, req->body_size) == 0 &&
                         mcu_json_bool(body, "paused", MCU_JSON_REQUIRED, &is_paused) == 0;
    json_decref(body);
    if (!is_good || r->is_stopping || r->is_recovering) {
        sig_http_error(req, sig_error(is_good ? "not_recording" : "bad_request"), NULL);
        return;
    }
    sig_recording_pause(r, is_paused);
    sig_http_json(req, 200, sig_recording_json(r));
}

/* --- the archive ------------------------------------------------------------------------------ */

/* What runs is known by the model. */
static json_t *running_json(const struct sig_http *req, const struct sig_store_recording *row)
{
    json_t *json = sig_recording_row_json(row);
    const struct sig_recording *r = sig_rooms_find_recording(req->front->rooms, row->id);
    if (r && strcmp(row->status, "recording") == 0) {
        json_object_set_new(json, "paused", json_boolean(r->is_paused));
        json_object_set_new(json, "stalled", json_boolean(r->is_stalled));
    }
    return json;
}

/* In lists uploads are told of only where there are any. */
static json_t *row_json(const struct sig_http *req, const struct sig_store_recording *row)
{
    json_t *json = running_json(req, row);
    if (req->front->uploads)
        json_object_set_new(json, "upload", sig_upload_json(req->front->store, row->id));
    return json;
}

static void reply_page(struct sig_http *req, const struct sig_store_filter *filter,
                       const struct sig_page *page)
{
    struct sig_store_recording *rows = calloc(filter->limit, sizeof(*rows));
    uint64_t total = 0;
    const int n = rows ? sig_store_recordings(req->front->store, filter, rows, &total) : -1;
    if (n < 0) {
        free(rows);
        sig_http_error(req, sig_error("internal"), NULL);
        return;
    }
    json_t *list = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(list, row_json(req, &rows[i]));
    free(rows);
    sig_page_reply(req, page, total, json_pack("{s:o}", "recordings", list));
}

static void reply_list(struct sig_http *req, const char *room)
{
    struct sig_page page;
    const char *status = sig_http_arg(req, "status");
    if (!sig_page_read(req, &page, PAGE_DEFAULT))
        return;
    const struct sig_store_filter filter = {
        .room_id = room && room[0] ? room : NULL,
        .status = status[0] ? status : NULL,
        .offset = page.offset,
        .limit = page.limit,
    };
    reply_page(req, &filter, &page);
}

void sig_api_recordings_of_room(struct sig_http *req)
{
    struct sig_token token;
    if (sig_http_authorize(req, sig_http_param(req, 0), &token))
        reply_list(req, sig_http_param(req, 0));
}

void sig_api_recordings(struct sig_http *req)
{
    struct sig_token token;
    const char *room = sig_http_arg(req, "room");
    if (sig_http_authorize(req, room[0] ? room : NULL, &token))
        reply_list(req, room);
}

bool sig_api_find_recording(struct sig_http *req, struct sig_store_recording *row,
                            struct sig_token *token)
{
    const struct sig_error *error = sig_authenticate(req->front->config, req->fields.token, token);
    if (error) {
        sig_http_authorize(req, NULL, token);
        return false;
    }
    if (sig_store_recording_get(req->front->store, sig_http_param(req, 0), row) != 1) {
        sig_http_error(req, sig_error("no_such_recording"), NULL);
        return false;
    }
    return sig_http_authorize(req, row->room_id, token);
}

void sig_api_recording_get(struct sig_http *req)
{
    struct sig_token token;
    struct sig_store_recording row;
    if (!sig_api_find_recording(req, &row, &token))
        return;
    json_t *json = running_json(req, &row);
    json_object_set_new(json, "files", sig_recording_files_json(row.id, row.file));
    json_object_set_new(json, "upload", sig_upload_json(req->front->store, row.id));
    sig_http_json(req, 200, json);
}

void sig_api_recording_file(struct sig_http *req)
{
    struct sig_token token;
    struct sig_store_recording row;
    if (!sig_api_find_recording(req, &row, &token))
        return;
    char saved[sizeof(row.file) + 32];
    struct sig_recording_file f = {.type = "video/mp4"};
    const char *slash = strrchr(row.file, '/');
    const char *name = slash ? slash + 1 : row.file;
    sig_recording_file_is(row.file, name, &f);
    snprintf(saved, sizeof(saved), "inline; filename=\"%s\"", name);
    sig_http_header(req, "Content-Disposition", saved);
    sig_http_serve_file(req, row.file, f.type);
}

void sig_api_recording_delete(struct sig_http *req)
{
    struct sig_token token;
    struct sig_store_recording row;
    if (!sig_api_find_recording(req, &row, &token) || !may_record(req, &token, row.room_id))
        return;
    if (sig_rooms_find_recording(req->front->rooms, row.id)) {
        sig_http_error(req, sig_error("still_recording"), NULL);
        return;
    }
    if (sig_recording_remove_files(row.file) < 0)
        log_warn("recording %s: its file is not there to delete: %s", row.id, row.file);
    if (sig_store_recording_delete(req->front->store, row.id) != 0)
        sig_http_error(req, sig_error("too_busy"), NULL);
    else
        sig_http_reply(req, 204, NULL, NULL, 0);
}

/* Again what failed, or for the first time what was finished before there was a storage. */
void sig_api_recording_upload(struct sig_http *req)
{
    struct sig_token token;
    struct sig_store_recording row;
    if (!sig_api_find_recording(req, &row, &token) || !may_record(req, &token, row.room_id))
        return;
    if (!req->front->uploads || strcmp(row.status, "ready") != 0) {
        sig_http_error(req, sig_error(req->front->uploads ? "still_recording" : "no_storage"),
                       NULL);
        return;
    }
    sig_uploads_add(req->front->uploads, row.id, row.file);
    sig_uploads_again(req->front->uploads, row.id);
    sig_http_json(req, 202, sig_upload_json(req->front->store, row.id));
}
