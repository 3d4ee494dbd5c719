/* REST: what was: rooms, who was in them, calls. Of one room for who has its token and may manage
 * it, of all for admins. Front thread; rows are read from the store. */
#include <stdlib.h>
#include <string.h>

#include "signaling/api.h"
#include "signaling/api_page.h"
#include "signaling/http_handlers.h"

enum { PAGE_DEFAULT = 50 };

/* The filter that the query says; replies itself when it may not be. */
static bool read_filter(struct sig_http *req, struct sig_store_filter *filter,
                        struct sig_page *page)
{
    struct sig_token token;
    const char *room = sig_http_arg(req, "room");
    const char *status = sig_http_arg(req, "status");
    if (!sig_http_authorize(req, room[0] ? room : NULL, &token) ||
        !sig_api_may(req, &token, room[0] ? sig_rooms_find(req->front->rooms, room) : NULL,
                     SIG_MAY_MANAGE) ||
        !sig_page_read(req, page, PAGE_DEFAULT))
        return false;
    *filter = (struct sig_store_filter){
        .room_id = room[0] ? room : NULL,
        .status = status[0] ? status : NULL,
        .offset = page->offset,
        .limit = page->limit,
    };
    return true;
}

static json_t *time_json(int64_t at_ms)
{
    return at_ms ? json_integer((json_int_t)at_ms) : json_null();
}

static json_t *room_json(const struct sig_store_room *r)
{
    return json_pack("{s:I, s:s, s:s, s:s, s:I, s:o, s:s}", "id", (json_int_t)r->id, "roomId",
                     r->room_id, "roomType", r->room_type, "creator", r->creator, "createdAt",
                     (json_int_t)r->created_at_ms, "endedAt", time_json(r->ended_at_ms), "status",
                     r->status);
}

static json_t *member_json(const struct sig_store_member *m)
{
    return json_pack("{s:I, s:s, s:s, s:s, s:s, s:I, s:o, s:I}", "id", (json_int_t)m->id, "roomId",
                     m->room_id, "userId", m->user_id, "name", m->name, "role", m->role, "joinedAt",
                     (json_int_t)m->joined_at_ms, "leftAt", time_json(m->left_at_ms), "durationMs",
                     (json_int_t)m->duration_ms);
}

static json_t *call_json(const struct sig_store_call *c)
{
    return json_pack("{s:I, s:s, s:s, s:s, s:s, s:I, s:o, s:o, s:s}", "id", (json_int_t)c->id,
                     "roomId", c->room_id, "caller", c->caller, "callee", c->callee, "media",
                     c->media, "startedAt", (json_int_t)c->started_at_ms, "answeredAt",
                     time_json(c->answered_at_ms), "endedAt", time_json(c->ended_at_ms), "outcome",
                     c->outcome);
}

/* Refuses what cannot be read; rows is NULL or has n. */
static bool is_read(struct sig_http *req, const void *rows, int n)
{
    if (!rows || n < 0)
        sig_http_error(req, sig_error(rows ? "internal" : "too_busy"), NULL);
    return rows && n >= 0;
}

void sig_api_history_rooms(struct sig_http *req)
{
    struct sig_store_filter filter;
    struct sig_page page;
    uint64_t total = 0;
    if (!read_filter(req, &filter, &page))
        return;
    struct sig_store_room *rows = calloc(filter.limit, sizeof(*rows));
    const int n = rows ? sig_store_rooms(req->front->store, &filter, rows, &total) : 0;
    if (is_read(req, rows, n)) {
        json_t *list = json_array();
        for (int i = 0; i < n; i++)
            json_array_append_new(list, room_json(&rows[i]));
        sig_page_reply(req, &page, total, json_pack("{s:o}", "rooms", list));
    }
    free(rows);
}

void sig_api_history_members(struct sig_http *req)
{
    struct sig_store_filter filter;
    struct sig_page page;
    uint64_t total = 0;
    if (!read_filter(req, &filter, &page))
        return;
    struct sig_store_member *rows = calloc(filter.limit, sizeof(*rows));
    const int n = rows ? sig_store_members(req->front->store, &filter, rows, &total) : 0;
    if (is_read(req, rows, n)) {
        json_t *list = json_array();
        for (int i = 0; i < n; i++)
            json_array_append_new(list, member_json(&rows[i]));
        sig_page_reply(req, &page, total, json_pack("{s:o}", "members", list));
    }
    free(rows);
}

/* Newest first; ?before= is the id that the last page ended with: calls come while one reads. */
void sig_api_history_calls(struct sig_http *req)
{
    struct sig_store_filter filter;
    struct sig_page page;
    if (!read_filter(req, &filter, &page))
        return;
    const char *user = sig_http_arg(req, "user");
    const int64_t before = sig_http_arg_number(req, "before", INT64_MAX, 0);
    if (before < 0) {
        sig_http_error(req, sig_error("bad_request"), "before is out of bounds.");
        return;
    }
    const struct sig_store_talk which = {
        .user = user[0] ? user : NULL,
        .room_id = filter.room_id,
        .before = before,
        .limit = page.limit,
    };
    struct sig_store_call *rows = calloc(page.limit, sizeof(*rows));
    const int n = rows ? sig_store_calls(req->front->store, &which, rows) : 0;
    if (is_read(req, rows, n)) {
        json_t *list = json_array();
        for (int i = 0; i < n; i++)
            json_array_append_new(list, call_json(&rows[i]));
        const bool is_full = n == (int)page.limit;
        sig_http_json(req, 200,
                      json_pack("{s:o, s:i, s:o}", "calls", list, "limit", (int)page.limit, "next",
                                is_full ? json_integer((json_int_t)rows[n - 1].id) : json_null()));
    }
    free(rows);
}
