/* Recordings of a room: the front names them, the studio makes them. [ctl]. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mcu/base/clock.h"
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

/* REC on the picture as long as anything is recorded, if the settings say so. */
static void show_sign(struct mcu_room *r)
{
    bool is_recording = false;
    for (size_t i = 0; i < MCU_RECORDINGS_MAX; i++)
        is_recording = is_recording || (r->recordings[i].id[0] && !r->recordings[i].ended_at_ms);
    if (r->config.video.signs)
        mcu_studio_set_signs(r->studio, is_recording ? COMP_SIGN_REC : 0);
}

const char *room_record_start(struct mcu_room *r, const char *id, const char *file,
                              struct room_recording **out)
{
    if (!*id || strlen(id) >= MCU_RECORDING_ID_MAX || strlen(file) >= sizeof(r->recordings[0].file))
        return "bad_message";
    if (r->is_closing)
        return "not_open"; /* nobody would stop it, and the room would never end */
    if (find(r, id))
        return "recording_exists";
    struct room_recording *recording = find(r, "");
    if (!recording)
        return "room_full";
    const int64_t start_us = mcu_now_us();
    const int err = mcu_studio_record_start(r->studio, id, file, start_us);
    if (err) {
        log_error("recording %s: cannot write %s: %s", id, file, strerror(-err));
        return err == -ENOMEM ? "internal" : "file_error";
    }
    snprintf(recording->id, sizeof(recording->id), "%s", id);
    snprintf(recording->file, sizeof(recording->file), "%s", file);
    recording->started_us = start_us;
    recording->started_at_ms = mcu_wall_ms();
    recording->ended_at_ms = 0;
    log_info("recording %s started: %s", id, file);
    show_sign(r);
    room_streams_set_rates(r);          /* as overload has them for all that runs already */
    room_watch_update_all(r, start_us); /* who watches the same is sent what it takes */
    announce(r);
    *out = recording;
    return NULL;
}

const char *room_record_stop(struct mcu_room *r, const char *id)
{
    struct room_recording *recording = *id ? find(r, id) : NULL;
    if (!recording)
        return "no_such_recording";
    const int64_t end_us = mcu_now_us();
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
    show_sign(r);
    room_send_event(r, "recording", fields);
}

json_t *room_describe_recordings(const struct mcu_room *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < MCU_RECORDINGS_MAX; i++) {
        const struct room_recording *recording = &r->recordings[i];
        if (recording->id[0])
            json_array_append_new(list, json_pack("{s:s,s:s,s:I}", "id", recording->id, "file",
                                                  recording->file, "started_at",
                                                  (json_int_t)recording->started_at_ms));
    }
    return list;
}
