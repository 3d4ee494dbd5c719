/* Recordings of a room: the front names them, the studio makes them. [ctl]. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/base/json.h"
#include "mcu/base/log.h"
#include "mcu/room_internal.h"

static struct room_recording *find(struct mcu_room *r, const char *id)
{
    for (size_t i = 0; i < MCU_RECORDINGS_MAX; i++) {
        if (strcmp(r->recordings[i].id, id) == 0)
            return &r->recordings[i];
    }
    return NULL;
}

/* People are told, if the settings say so; what is said is in the recording, too. */
static void announce(struct mcu_room *r)
{
    char name[32];
    if (strcmp(r->config.recording.announce, "off") == 0)
        return;
    snprintf(name, sizeof(name), "recording-%s", r->config.recording.announce);
    room_sound_play_own(r, name, 100);
}

/* REC on each picture as long as a recording runs that wants it there. */
static void show_sign(struct mcu_room *r)
{
    for (struct room_view *v = r->views.first; v; v = v->next) {
        bool is_lit = false;
        for (size_t i = 0; i < MCU_RECORDINGS_MAX; i++) {
            const struct room_recording *one = &r->recordings[i];
            is_lit = is_lit || (one->id[0] && one->view == v && one->has_sign && !one->ended_at_ms);
        }
        comp_view_set_signs(v->view, is_lit ? COMP_SIGN_REC : 0);
    }
}

/* --- starting --------------------------------------------------------------------------------- */

struct wish {
    char id[MCU_RECORDING_ID_MAX], file[1024];
    char view[65], layout[ROOM_LAYOUT_NAME];
    char title[257];
    json_t *layout_file;
    bool says_signs, is_signed;
};

static int read_wish(struct wish *w, const json_t *m)
{
    w->says_signs = json_object_get(m, "signs") != NULL;
    if (mcu_json_string(m, "id", MCU_JSON_REQUIRED, 1, w->id, sizeof(w->id)) ||
        mcu_json_string(m, "file", MCU_JSON_REQUIRED, 0, w->file, sizeof(w->file)) ||
        mcu_json_text(m, "title", MCU_JSON_OPTIONAL, 0, 64, w->title,
                      sizeof(w->title)) ||
        mcu_json_string(m, "view", MCU_JSON_OPTIONAL, 1, w->view, sizeof(w->view)) ||
        mcu_json_string(m, "layout", MCU_JSON_OPTIONAL, 1, w->layout, sizeof(w->layout)) ||
        mcu_json_object(m, "layout_file", MCU_JSON_OPTIONAL, &w->layout_file) ||
        mcu_json_bool(m, "signs", MCU_JSON_OPTIONAL, &w->is_signed) || (w->view[0] && w->layout[0]))
        return -1;
    return 0;
}

/* The picture that all see has REC on it as the settings say, and a recording that shall not have
 * it takes one of its own; on other views it is lit only if that was said. */
static const char *hold_view(struct mcu_room *r, const struct wish *w, struct room_recording *out)
{
    out->has_sign = w->is_signed;
    if (w->layout[0])
        return room_view_hold_layout(r, w->layout, w->layout_file, &out->view);
    if (w->view[0] && strcmp(w->view, "main") != 0)
        return room_view_hold(r, w->view, &out->view);
    if (w->says_signs && !w->is_signed && r->config.video.signs)
        return room_view_hold_unsigned(r, w->id, &out->view);
    out->has_sign = w->says_signs ? w->is_signed : r->config.video.signs;
    return room_view_hold(r, "main", &out->view);
}

static const char *open_file(struct mcu_room *r, const struct wish *w, const struct room_view *v,
                             int64_t start_us)
{
    int err = 0;
    if (v->kind == ROOM_VIEW_MAIN) {
        err = mcu_studio_record_start(r->studio, w->id, w->file, start_us);
    } else {
        struct comp_stream_conf conf;
        room_view_recorded_conf(v, &conf);
        err = mcu_studio_record_view(r->studio, w->id, w->file, start_us, v->view, &conf);
    }
    if (!err)
        return NULL;
    log_error("recording %s: cannot write %s: %s", w->id, w->file, strerror(-err));
    return err == -ENOMEM ? "internal" : "file_error";
}

/* Fills a free slot. */
static const char *begin(struct mcu_room *r, const struct wish *w, struct room_recording *out)
{
    struct room_recording one = {.started_us = mcu_now_us(), .started_at_ms = mcu_wall_ms()};
    const char *code = hold_view(r, w, &one);
    if (code)
        return code;
    code = open_file(r, w, one.view, one.started_us);
    if (code) {
        room_view_drop(one.view);
        return code;
    }
    snprintf(one.id, sizeof(one.id), "%s", w->id);
    snprintf(one.file, sizeof(one.file), "%s", w->file);
    snprintf(one.layout, sizeof(one.layout), "%s", w->layout);
    one.says_signs = w->says_signs;
    one.is_signed = w->is_signed;
    room_marks_begin(r, &one, w->title);
    *out = one;
    log_info("recording %s started, of view %s: %s", one.id, one.view->name, one.file);
    return NULL;
}

const char *room_record_start(struct mcu_room *r, const json_t *m, json_t *reply)
{
    struct wish w = {0};
    if (read_wish(&w, m))
        return "bad_message";
    if (r->is_closing)
        return "not_open"; /* nobody would stop it, and the room would never end */
    if (find(r, w.id))
        return "recording_exists";
    struct room_recording *recording = find(r, "");
    if (!recording)
        return "room_full";
    const char *code = begin(r, &w, recording);
    if (code)
        return code;
    show_sign(r);
    room_streams_set_rates(r);              /* as overload has them for all that runs already */
    room_watch_update_all(r, mcu_now_us()); /* who watches the same is sent what it takes */
    announce(r);
    json_object_set_new(reply, "started_at", json_integer(recording->started_at_ms));
    return NULL;
}

const char *room_record_stop(struct mcu_room *r, const char *id)
{
    struct room_recording *recording = *id ? find(r, id) : NULL;
    if (!recording)
        return "no_such_recording";
    const int64_t end_us = mcu_now_us();
    room_marks_end(recording); /* what it wrote is read at the end */
    if (mcu_studio_record_stop(r->studio, id, end_us) == 0)
        recording->ended_at_ms =
            recording->started_at_ms + (end_us - recording->started_us) / MCU_US_PER_MS;
    show_sign(r);
    return NULL;
}

void room_recording_ended(struct mcu_room *r, const char *id, const struct rec_result *result)
{
    struct room_recording *recording = find(r, id);
    if (!recording)
        return;
    mcu_studio_record_reap(r->studio, id);
    room_marks_end(recording);
    room_watch_update_all(r, mcu_now_us());
    if (!recording->ended_at_ms)
        recording->ended_at_ms = mcu_wall_ms();
    json_t *fields = json_pack(
        "{s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I}", "id", id, "state", result->error ? "failed" : "ready",
        "file", recording->file, "started_at", (json_int_t)recording->started_at_ms, "ended_at",
        (json_int_t)recording->ended_at_ms, "duration_ms", (json_int_t)result->duration_ms, "bytes",
        (json_int_t)result->bytes, "dropped", (json_int_t)result->dropped);
    if (result->error)
        json_object_set_new(fields, "error", json_string(strerror(-result->error)));
    log_info("recording %s %s: %lld ms, %lld bytes", id, result->error ? "failed" : "ready",
             (long long)result->duration_ms, (long long)result->bytes);
    recording->id[0] = '\0';
    room_view_drop(recording->view);
    show_sign(r);
    room_send_event(r, "recording", fields);
}

/* As it was asked for, so that the front can ask for the same again. */
static json_t *describe(const struct room_recording *one)
{
    json_t *json = json_pack("{s:s,s:s,s:I}", "id", one->id, "file", one->file, "started_at",
                             (json_int_t)one->started_at_ms);
    if (one->layout[0])
        json_object_set_new(json, "layout", json_string(one->layout));
    else if (one->view->kind != ROOM_VIEW_MAIN && one->view->kind != ROOM_VIEW_RECORD)
        json_object_set_new(json, "view", json_string(one->view->name));
    if (one->says_signs)
        json_object_set_new(json, "signs", json_boolean(one->is_signed));
    return json;
}

json_t *room_describe_recordings(const struct mcu_room *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < MCU_RECORDINGS_MAX; i++) {
        if (r->recordings[i].id[0])
            json_array_append_new(list, describe(&r->recordings[i]));
    }
    return list;
}
