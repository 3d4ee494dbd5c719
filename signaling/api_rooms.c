/* REST: rooms and who is in them. Front thread. In --dev everybody is an admin. */
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/json.h"
#include "signaling/api.h"
#include "signaling/api_page.h"
#include "signaling/http.h"
#include "signaling/http_handlers.h"
#include "signaling/room_picture.h"
#include "signaling/ws.h"

enum { BODY_DEPTH = 16 };

struct sig_room *sig_api_room(struct sig_http *req, struct sig_token *token)
{
    const char *id = sig_http_param(req, 0);
    if (!sig_http_authorize(req, id, token))
        return NULL;
    struct sig_room *room = sig_rooms_find(req->front->rooms, id);
    if (!room)
        sig_http_error(req, sig_error("no_such_room"), NULL);
    return room;
}

bool sig_api_may(struct sig_http *req, const struct sig_token *token, const struct sig_room *room,
                 enum sig_right right)
{
    const struct sig_error *error = sig_token_may(token, room, right);
    if (error)
        sig_http_error(req, error, NULL);
    return !error;
}

struct sig_room *sig_api_room_if(struct sig_http *req, struct sig_token *token,
                                 enum sig_right right)
{
    struct sig_room *room = sig_api_room(req, token);
    return room && sig_api_may(req, token, room, right) ? room : NULL;
}

json_t *sig_api_body(struct sig_http *req)
{
    json_t *body = NULL;
    if (req->body_size && sig_json_depth_fits(req->body, req->body_size, BODY_DEPTH) &&
        mcu_json_parse(&body, req->body, req->body_size) == 0)
        return body;
    sig_http_error(req, sig_error("bad_request"), "The body must be one JSON object.");
    return NULL;
}

/* It names what PATCH can change: who comes and goes does not make another of it (docs/decisions.md). */
static void make_etag(char out[35], const struct sig_room *room)
{
    uint8_t hash[SHA256_DIGEST_LENGTH];
    json_t *json = json_deep_copy(room->picture);
    json_t *rules = sig_rules_whole_json(room);
    json_object_update(json, rules);
    json_object_set_new(json, "createdAt", json_integer((json_int_t)room->opened_at_ms));
    char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    SHA256((const uint8_t *)(text ? text : ""), text ? strlen(text) : 0, hash);
    out[0] = '"';
    for (size_t i = 0; i < 16; i++)
        snprintf(out + 1 + 2 * i, 3, "%02x", hash[i]);
    strcpy(out + 33, "\"");
    free(text);
    json_decref(rules);
    json_decref(json);
}

void sig_api_reply_room(struct sig_http *req, int status, const struct sig_room *room,
                        bool is_whole)
{
    char etag[35];
    make_etag(etag, room);
    sig_http_header(req, "ETag", etag);
    json_t *json = sig_room_json(room);
    json_t *rules = is_whole ? sig_rules_whole_json(room) : NULL;
    if (rules)
        json_object_update(json, rules);
    json_decref(rules);
    sig_http_json(req, status, json);
}

bool sig_api_matches(struct sig_http *req, const struct sig_room *room)
{
    char etag[35];
    const char *wanted = req->fields.if_match;
    make_etag(etag, room);
    if (!wanted[0] || strcmp(wanted, "*") == 0 || strstr(wanted, etag))
        return true;
    sig_http_header(req, "ETag", etag);
    sig_http_error(req, sig_error("etag_mismatch"), "The room has been changed since.");
    return false;
}

void sig_api_rooms_list(struct sig_http *req)
{
    struct sig_token token;
    struct sig_page page;
    if (!sig_http_authorize(req, NULL, &token) || !sig_page_read(req, &page, SIG_STORE_PAGE_MAX))
        return;
    json_t *list = json_array();
    uint64_t total = 0;
    for (const struct sig_room *room = sig_rooms_first(req->front->rooms); room; room = room->next) {
        if (total >= page.offset && total - page.offset < page.limit)
            json_array_append_new(list, sig_room_json(room));
        total++;
    }
    sig_page_reply(req, &page, total, json_pack("{s:o}", "rooms", list));
}

/* What a room is to be. */
struct wanted {
    char id[65];
    char type[16];
    json_t *rules; /* an object */
};

/* {"roomId", "roomType"} and rules, all optional, and so is the body. */
static const struct sig_error *read_room(const struct sig_http *req, struct wanted *w, char *why)
{
    json_t *body = NULL;
    strcpy(w->type, "mcu");
    sig_id_make(w->id, 13);
    if (req->body_size == 0)
        return NULL;
    if (!sig_json_depth_fits(req->body, req->body_size, BODY_DEPTH) ||
        mcu_json_parse(&body, req->body, req->body_size) != 0)
        return sig_error("bad_request");
    json_decref(w->rules);
    w->rules = sig_rules_split(body);
    const bool is_fit =
        sig_rules_check(w->rules, why) == 0 &&
        mcu_json_string(body, "roomId", MCU_JSON_OPTIONAL, 1, w->id, sizeof(w->id)) == 0 &&
        mcu_json_string(body, "roomType", MCU_JSON_OPTIONAL, 1, w->type, sizeof(w->type)) == 0 &&
        sig_room_id_is_valid(w->id);
    json_decref(body);
    if (!is_fit)
        return sig_error("bad_request");
    const bool is_known = strcmp(w->type, "mcu") == 0 || strcmp(w->type, "1v1") == 0 ||
                          strcmp(w->type, "broadcast") == 0; /* p2p has no room */
    return is_known ? NULL : sig_error("not_supported");
}

static void open_room(struct sig_http *req, const struct wanted *w)
{
    struct sig_token token;
    const struct sig_error *error = NULL;
    if (!sig_http_authorize(req, w->id, &token) ||
        !sig_api_may(req, &token, sig_rooms_find(req->front->rooms, w->id), SIG_MAY_MANAGE))
        return;
    struct sig_room *room = sig_rooms_open(req->front->rooms, w->id, w->type, token.sub, &error);
    if (!room) {
        sig_http_error(req, error, NULL);
        return;
    }
    if (json_object_size(w->rules))
        sig_rules_apply(room, w->rules, token.sub);
    char where[128] = "/api/v1/rooms/";
    strncat(where, w->id, sizeof(where) - strlen(where) - 1);
    sig_http_header(req, "Location", where);
    sig_api_reply_room(req, 201, room, true);
}

void sig_api_rooms_create(struct sig_http *req)
{
    char why[MCU_WHY_MAX] = "";
    struct wanted w = {.rules = json_object()};
    const struct sig_error *error = read_room(req, &w, why);
    if (error)
        sig_http_error(req, error, why[0] ? why : NULL);
    else
        open_room(req, &w);
    json_decref(w.rules);
}

void sig_api_room_get(struct sig_http *req)
{
    struct sig_token token;
    const struct sig_room *room = sig_api_room(req, &token);
    if (room)
        sig_api_reply_room(req, 200, room, !sig_token_may(&token, room, SIG_MAY_MODERATE));
}

void sig_api_room_end(struct sig_http *req)
{
    struct sig_token token;
    struct sig_room *room = sig_api_room_if(req, &token, SIG_MAY_MANAGE);
    if (!room || !sig_api_matches(req, room))
        return;
    sig_room_close(room, "ended");
    sig_http_reply(req, 204, NULL, NULL, 0);
}

void sig_api_members(struct sig_http *req)
{
    struct sig_token token;
    struct sig_page page;
    const struct sig_room *room = sig_api_room(req, &token);
    if (!room || !sig_page_read(req, &page, SIG_STORE_PAGE_MAX))
        return;
    json_t *all = sig_room_members_json(room, !sig_token_may(&token, room, SIG_MAY_MODERATE));
    const uint64_t total = json_array_size(all);
    sig_page_reply(req, &page, total, json_pack("{s:o}", "members", sig_page_slice(all, &page)));
}
