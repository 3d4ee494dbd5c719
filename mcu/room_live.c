/* Live pushes of a room: the front names them and gives the url, which stays here and in
 * recorder/push.c: what is told has it masked. [ctl]. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/base/json.h"
#include "mcu/base/log.h"
#include "mcu/room_internal.h"

#define TELL_EVERY_US (2 * MCU_US_PER_S) /* of figures; states are told at once */

static struct room_push *find(struct mcu_room *r, const char *id)
{
    for (size_t i = 0; i < ROOM_PUSHES_MAX; i++) {
        if (strcmp(r->pushes[i].id, id) == 0)
            return &r->pushes[i];
    }
    return NULL;
}

/* --- telling ---------------------------------------------------------------------------------- */

static int64_t wall_ms(int64_t room_us)
{
    return mcu_wall_ms() - (mcu_now_us() - room_us) / MCU_US_PER_MS;
}

static json_t *describe(const struct room_push *p, const struct rec_live_status *s)
{
    json_t *json =
        json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I}", "id", p->id, "url", p->url, "state",
                  rec_live_state_name(s->state), "since", (json_int_t)wall_ms(s->since_us),
                  "started_at", (json_int_t)p->started_at_ms, "bytes", (json_int_t)s->bytes,
                  "retries", (json_int_t)s->retries, "dropped", (json_int_t)s->dropped);
    if (s->error)
        json_object_set_new(json, "error", json_string(rec_live_error_text(s->error)));
    if (p->layout[0])
        json_object_set_new(json, "layout", json_string(p->layout));
    else if (p->view->kind != ROOM_VIEW_MAIN)
        json_object_set_new(json, "view", json_string(p->view->name));
    return json;
}

static void tell(struct mcu_room *r, struct room_push *p, const struct rec_live_status *s)
{
    p->told = *s;
    p->tell_us = mcu_now_us() + TELL_EVERY_US;
    room_send_event(r, "live", describe(p, s));
}

json_t *room_describe_pushes(struct mcu_room *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < ROOM_PUSHES_MAX; i++) {
        struct rec_live_status status;
        if (!r->pushes[i].id[0])
            continue;
        mcu_push_read(r->pushes[i].push, &status);
        json_array_append_new(list, describe(&r->pushes[i], &status));
    }
    return list;
}

/* --- ending ----------------------------------------------------------------------------------- */

static void end(struct mcu_room *r, struct room_push *p)
{
    struct room_view *v = p->view;
    mcu_push_destroy(p->push);
    *p = (struct room_push){0};
    room_view_drop(v);
    room_signs_show(r);
    room_watch_update_all(r, mcu_now_us());
}

/* One that has given up is told of, and taken away like one that was stopped. */
static void look(struct mcu_room *r, struct room_push *p, int64_t now_us)
{
    struct rec_live_status s;
    mcu_push_read(p->push, &s);
    const bool is_other = s.state != p->told.state;
    const bool is_due =
        now_us >= p->tell_us && (s.bytes != p->told.bytes || s.retries != p->told.retries);
    if (is_other)
        log_info("push %s to %s: %s", p->id, p->url, rec_live_state_name(s.state));
    if (is_other || is_due)
        tell(r, p, &s);
    if (s.state == REC_LIVE_FAILED)
        mcu_push_stop(p->push); /* the next look ends it */
    else if (s.state == REC_LIVE_ENDED)
        end(r, p);
}

void room_pushes_housekeep(struct mcu_room *r, int64_t now_us)
{
    for (size_t i = 0; i < ROOM_PUSHES_MAX; i++) {
        if (r->pushes[i].id[0])
            look(r, &r->pushes[i], now_us);
    }
}

void room_push_changed(struct mcu_room *r, const char *id)
{
    struct room_push *p = find(r, id);
    if (p)
        look(r, p, mcu_now_us());
}

size_t room_push_count(const struct mcu_room *r)
{
    size_t n = 0;
    for (size_t i = 0; i < ROOM_PUSHES_MAX; i++)
        n += r->pushes[i].id[0] != '\0';
    return n;
}

void room_pushes_stop(struct mcu_room *r)
{
    for (size_t i = 0; i < ROOM_PUSHES_MAX; i++) {
        if (r->pushes[i].id[0])
            mcu_push_stop(r->pushes[i].push);
    }
}

void room_pushes_finish(struct mcu_room *r)
{
    for (size_t i = 0; i < ROOM_PUSHES_MAX; i++) {
        mcu_push_destroy(r->pushes[i].push);
        r->pushes[i] = (struct room_push){0};
    }
}

const char *room_live_stop(struct mcu_room *r, const json_t *m, json_t *reply)
{
    (void)reply;
    char id[MCU_RECORDING_ID_MAX];
    struct room_push *p = NULL;
    if (mcu_json_string(m, "id", MCU_JSON_REQUIRED, 1, id, sizeof(id)) == 0)
        p = find(r, id);
    if (!p)
        return "no_such_push";
    mcu_push_stop(p->push);
    return NULL;
}

/* --- starting --------------------------------------------------------------------------------- */

struct wish {
    char id[MCU_RECORDING_ID_MAX];
    char url[GUARD_URL_MAX]; /* of HLS: where the front serves it */
    char folder[512];        /* of HLS; "": a push */
    struct guard_url parts;
    char view[65], layout[ROOM_LAYOUT_NAME];
    json_t *layout_file;
    bool says_signs, is_signed;
};

static int read_wish(struct wish *w, const json_t *m)
{
    const char *why;
    w->says_signs = json_object_get(m, "signs") != NULL;
    if (mcu_json_string(m, "id", MCU_JSON_REQUIRED, 1, w->id, sizeof(w->id)) ||
        mcu_json_string(m, "url", MCU_JSON_REQUIRED, 1, w->url, sizeof(w->url)) ||
        mcu_json_string(m, "folder", MCU_JSON_OPTIONAL, 1, w->folder, sizeof(w->folder)) ||
        mcu_json_string(m, "view", MCU_JSON_OPTIONAL, 1, w->view, sizeof(w->view)) ||
        mcu_json_string(m, "layout", MCU_JSON_OPTIONAL, 1, w->layout, sizeof(w->layout)) ||
        mcu_json_object(m, "layout_file", MCU_JSON_OPTIONAL, &w->layout_file) ||
        mcu_json_bool(m, "signs", MCU_JSON_OPTIONAL, &w->is_signed) || (w->view[0] && w->layout[0]))
        return -1;
    if (!w->folder[0])
        return guard_parse_url(&w->parts, w->url, GUARD_PUSH, &why);
    snprintf(w->parts.masked, sizeof(w->parts.masked), "%.*s", (int)sizeof(w->parts.masked) - 1,
             w->url);
    return 0;
}

static const char *hold_view(struct mcu_room *r, const struct wish *w, struct room_push *out)
{
    const bool is_main = !w->layout[0] && (!w->view[0] || strcmp(w->view, "main") == 0);
    out->has_sign = w->says_signs ? w->is_signed : is_main && r->config.video.signs;
    if (w->layout[0])
        return room_view_hold_layout(r, w->layout, w->layout_file, &out->view);
    return room_view_hold(r, is_main ? "main" : w->view, &out->view);
}

static void on_state(void *ctx)
{
    const struct room_push *p = ctx;
    room_post(p->room, &(struct room_event){.kind = ROOM_EVENT_LIVE}, p->id);
}

static int open_push(struct mcu_room *r, const struct wish *w, struct room_push *p)
{
    const struct mcu_config *c = &r->config;
    struct comp_stream_conf video;
    room_view_recorded_conf(p->view, &video);
    struct mcu_push_conf conf = {
        .live = {.name = p->id,
                 .url = w->url,
                 .ca_file = c->live.ca_file,
                 .connect_us = c->live.connect_ms * MCU_US_PER_MS,
                 .stall_us = c->live.stall_ms * MCU_US_PER_MS,
                 .give_up_us = c->live.give_up_s * MCU_US_PER_S,
                 .ctx = p,
                 .on_state = on_state},
        .hls = {.folder = w->folder[0] ? w->folder : NULL,
                .name = p->id,
                .segments = c->live.hls_archive ? 0 : c->live.hls_segments,
                .ctx = p,
                .on_state = on_state},
        .view = p->view->kind == ROOM_VIEW_MAIN ? NULL : p->view->view,
        .video = &video,
        .is_filled = c->live.constant_rate,
        .start_us = mcu_now_us(),
    };
    for (uint32_t i = 0; i < c->live.allow.count; i++)
        guard_policy_add(&conf.live.policy, c->live.allow.item[i]);
    return mcu_push_start(r->studio, &p->push, &conf);
}

/* Fills a free slot; it has its id before its thread may name it. */
static const char *begin(struct mcu_room *r, const struct wish *w, struct room_push *p)
{
    const char *code = hold_view(r, w, p);
    if (code)
        return code;
    p->room = r;
    p->started_at_ms = mcu_wall_ms();
    snprintf(p->id, sizeof(p->id), "%s", w->id);
    snprintf(p->url, sizeof(p->url), "%s", w->parts.masked);
    snprintf(p->layout, sizeof(p->layout), "%s", w->layout);
    const int err = open_push(r, w, p);
    if (!err)
        return NULL;
    log_error("push %s to %s: %s", w->id, w->parts.masked, strerror(-err));
    room_view_drop(p->view);
    *p = (struct room_push){0};
    return err == -ENOSPC                   ? "room_full"
           : w->folder[0] && err != -ENOMEM ? "file_error"
                                            : "internal";
}

const char *room_live_start(struct mcu_room *r, const json_t *m, json_t *reply)
{
    struct wish w = {0};
    if (read_wish(&w, m))
        return "bad_message";
    if (r->is_closing)
        return "not_open"; /* nobody would stop it */
    if (find(r, w.id))
        return "push_exists";
    struct room_push *p = find(r, "");
    if (!p)
        return "room_full";
    const char *code = begin(r, &w, p);
    explicit_bzero(w.url, sizeof(w.url));
    if (code)
        return code;
    log_info("push %s to %s started, of view %s", p->id, p->url, p->view->name);
    room_signs_show(r);
    room_streams_set_rates(r);              /* as overload has them for all that runs already */
    room_watch_update_all(r, mcu_now_us()); /* who watches the same is sent what it takes */
    struct rec_live_status status;
    mcu_push_read(p->push, &status);
    json_object_set_new(reply, "push", describe(p, &status));
    return NULL;
}
