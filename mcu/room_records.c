/* Recordings of a room: the front names them, the studio makes them. Their files are room_parts.c.
 * [ctl]. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/base/json.h"
#include "mcu/base/log.h"
#include "mcu/room_internal.h"

enum {
    BYTES_PER_MB = 1000 * 1000,
    MS_PER_MINUTE = 60 * 1000,
    B_FRAMES = 2,
    STILLS_MAX_S = 3600
};

struct room_recording *room_find_recording(struct mcu_room *r, const char *id)
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

/* --- starting --------------------------------------------------------------------------------- */

struct wish {
    char id[MCU_RECORDING_ID_MAX], file[1024];
    char view[65], layout[ROOM_LAYOUT_NAME];
    char title[257];
    json_t *layout_file;
    bool says_signs, is_signed;
    bool is_sound_only, is_ogg, has_tracks;
    int64_t width, height, fps, bitrate_kbps; /* 0: as the view is sent */
    char preset[16];
    int64_t stills_s;
};

/* "mp4", or sound alone: "m4a", "ogg". */
static int read_format(struct wish *w, const json_t *m)
{
    char format[8] = "mp4";
    if (mcu_json_string(m, "format", MCU_JSON_OPTIONAL, 1, format, sizeof(format)))
        return -1;
    w->is_ogg = strcmp(format, "ogg") == 0;
    w->is_sound_only = w->is_ogg || strcmp(format, "m4a") == 0;
    return w->is_sound_only || strcmp(format, "mp4") == 0 ? 0 : -1;
}

/* Any of these is an encoder of its own. */
static int read_video(struct wish *w, const json_t *m)
{
    return mcu_json_int(m, "width", MCU_JSON_OPTIONAL, 16, 3840, &w->width) ||
           mcu_json_int(m, "height", MCU_JSON_OPTIONAL, 16, 3840, &w->height) ||
           mcu_json_int(m, "fps", MCU_JSON_OPTIONAL, 1, 60, &w->fps) ||
           mcu_json_int(m, "bitrateKbps", MCU_JSON_OPTIONAL, 50, 50000, &w->bitrate_kbps) ||
           mcu_json_string(m, "preset", MCU_JSON_OPTIONAL, 1, w->preset, sizeof(w->preset)) ||
           (w->width > 0) != (w->height > 0);
}

static int read_wish(struct wish *w, const json_t *m)
{
    w->says_signs = json_object_get(m, "signs") != NULL;
    if (mcu_json_string(m, "id", MCU_JSON_REQUIRED, 1, w->id, sizeof(w->id)) ||
        mcu_json_string(m, "file", MCU_JSON_REQUIRED, 0, w->file, sizeof(w->file)) ||
        mcu_json_text(m, "title", MCU_JSON_OPTIONAL, 0, 64, w->title, sizeof(w->title)) ||
        read_format(w, m) || read_video(w, m) ||
        mcu_json_bool(m, "tracks", MCU_JSON_OPTIONAL, &w->has_tracks) ||
        mcu_json_int(m, "snapshots", MCU_JSON_OPTIONAL, 1, STILLS_MAX_S, &w->stills_s) ||
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

/* A file of its own encoder is better than what is sent, as time allows. Returns whether it has one. */
static bool fill_video(const struct mcu_room *r, const struct wish *w, const struct room_view *v,
                       struct comp_stream_conf *video)
{
    room_view_recorded_conf(v, video);
    const bool is_another = w->width || w->fps || w->bitrate_kbps || w->preset[0];
    if (w->is_sound_only || (v->kind == ROOM_VIEW_MAIN && !is_another))
        return false;
    video->b_frames = B_FRAMES;
    snprintf(video->preset, sizeof(video->preset), "%.15s",
             w->preset[0] ? w->preset : r->config.recording.preset);
    if (w->width) {
        video->width = (uint32_t)w->width;
        video->height = (uint32_t)w->height;
    }
    if (w->fps)
        video->fps = (uint32_t)w->fps;
    if (w->bitrate_kbps)
        video->bitrate_bps = (uint32_t)w->bitrate_kbps * 1000;
    return true;
}

static const char *open_file(struct mcu_room *r, const struct wish *w, const struct room_view *v,
                             int64_t start_us)
{
    struct comp_stream_conf video;
    const bool is_own = fill_video(r, w, v, &video);
    const struct mcu_record_conf conf = {
        .id = w->id,
        .path = w->file,
        .start_us = start_us,
        .is_sound_only = w->is_sound_only,
        .is_ogg = w->is_ogg,
        .title = w->title[0] ? w->title : r->name,
        .view = is_own ? v->view : NULL,
        .video = &video,
        .min_free_bytes = (int64_t)r->config.recording.min_free_mb * BYTES_PER_MB,
    };
    const int err = mcu_studio_record(r->studio, &conf);
    if (!err)
        return NULL;
    log_error("recording %s: cannot write %s: %s", w->id, w->file, strerror(-err));
    if (err == -EINVAL && is_own)
        return "bad_size"; /* larger or faster than the view, or no such preset */
    return err == -ENOMEM ? "internal" : err == -ENOSPC ? "disk_full" : "file_error";
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
    one.split_ms = (int64_t)r->config.recording.split_minutes * MS_PER_MINUTE;
    one.split_bytes = (int64_t)r->config.recording.split_mb * BYTES_PER_MB;
    one.bitrate_bps = (uint32_t)w->bitrate_kbps * 1000;
    one.fps = (uint32_t)w->fps;
    one.width = (uint32_t)w->width;
    one.height = (uint32_t)w->height;
    snprintf(one.preset, sizeof(one.preset), "%s", w->preset);
    one.says_signs = w->says_signs;
    one.is_signed = w->is_signed;
    snprintf(one.title, sizeof(one.title), "%s", w->title);
    one.is_sound_only = w->is_sound_only;
    one.is_ogg = w->is_ogg;
    one.has_tracks = w->has_tracks;
    one.stills_s = w->stills_s;
    one.next_still_us = one.started_us;
    room_marks_begin(r, &one, one.file, one.started_us);
    *out = one;
    room_tracks_begin(r, out, one.file, one.started_us);
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
    if (room_find_recording(r, w.id))
        return "recording_exists";
    struct room_recording *recording = room_find_recording(r, "");
    if (!recording)
        return "room_full";
    const char *code = begin(r, &w, recording);
    if (code)
        return code;
    room_signs_show(r);
    room_streams_set_rates(r);              /* as overload has them for all that runs already */
    room_watch_update_all(r, mcu_now_us()); /* who watches the same is sent what it takes */
    announce(r);
    json_object_set_new(reply, "started_at", json_integer(recording->started_at_ms));
    return NULL;
}

static const char *code_of(int err)
{
    if (err == -ENOENT)
        return "no_such_recording";
    return err == 0 ? NULL : err == -EAGAIN ? "too_busy" : "already";
}

const char *room_record_pause(struct mcu_room *r, const char *id, bool is_paused)
{
    struct room_recording *one = *id ? room_find_recording(r, id) : NULL;
    if (!one)
        return "no_such_recording";
    const int64_t now_us = mcu_now_us();
    const int err = is_paused ? mcu_studio_record_pause(r->studio, id, now_us)
                              : mcu_studio_record_resume(r->studio, id, now_us);
    if (!err) {
        one->is_paused = is_paused;
        room_parts_notice(r, one); /* what is noted is noted beside the newest part */
        (is_paused ? rec_meta_pause : rec_meta_resume)(one->meta, now_us);
        room_tracks_pause(r, one, is_paused, now_us);
        log_info("recording %s %s", id, is_paused ? "paused" : "goes on");
        room_signs_show(r);
    }
    return code_of(err);
}

const char *room_record_stop(struct mcu_room *r, const char *id)
{
    struct room_recording *one = *id ? room_find_recording(r, id) : NULL;
    if (!one)
        return "no_such_recording";
    const int64_t end_us = mcu_now_us();
    room_parts_notice(r, one); /* first: for a new part the next two are begun */
    room_marks_end(one);       /* what it wrote is read at the end */
    room_tracks_end(r, one, end_us);
    if (mcu_studio_record_stop(r->studio, id, end_us) == 0)
        one->ended_at_ms = one->started_at_ms + (end_us - one->started_us) / MCU_US_PER_MS;
    room_signs_show(r);
    if (mcu_studio_record_reap(r->studio, id, 0)) /* the disk had failed, and nothing is written */
        room_recording_over(r, one, json_pack("{s:s,s:s}", "id", id, "state", "ended"));
    return NULL;
}

void room_recording_over(struct mcu_room *r, struct room_recording *one, json_t *fields)
{
    room_marks_end(one);
    room_tracks_end(r, one, mcu_now_us());
    struct room_view *view = one->view;
    one->id[0] = '\0';
    room_view_drop(view);
    room_signs_show(r);
    room_watch_update_all(r, mcu_now_us());
    room_send_event(r, "recording", fields);
}

/* As it was asked for, so that the front can ask for the same again. */
static void set_number(json_t *json, const char *key, uint32_t value)
{
    if (value)
        json_object_set_new(json, key, json_integer(value));
}

static json_t *describe(const struct room_recording *one)
{
    json_t *json = json_pack("{s:s,s:s,s:I,s:b,s:b,s:o}", "id", one->id, "file", one->file,
                             "started_at", (json_int_t)one->started_at_ms, "paused", one->is_paused,
                             "stalled", one->is_stalled, "parts", room_describe_parts(one));
    if (one->layout[0])
        json_object_set_new(json, "layout", json_string(one->layout));
    else if (one->view->kind != ROOM_VIEW_MAIN && one->view->kind != ROOM_VIEW_RECORD)
        json_object_set_new(json, "view", json_string(one->view->name));
    if (one->says_signs)
        json_object_set_new(json, "signs", json_boolean(one->is_signed));
    set_number(json, "width", one->width);
    set_number(json, "height", one->height);
    set_number(json, "fps", one->fps);
    set_number(json, "bitrateKbps", one->bitrate_bps / 1000);
    if (one->preset[0])
        json_object_set_new(json, "preset", json_string(one->preset));
    if (one->is_sound_only)
        json_object_set_new(json, "format", json_string(one->is_ogg ? "ogg" : "m4a"));
    if (one->stills_s)
        json_object_set_new(json, "snapshots", json_integer(one->stills_s));
    if (one->has_tracks)
        json_object_set_new(json, "tracks", json_true());
    if (one->title[0])
        json_object_set_new(json, "title", json_string(one->title));
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
