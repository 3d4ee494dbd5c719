/* The files of a room's recordings: one follows another when it is long enough, and one that the
 * disk has failed is taken up by another when there is room again. [ctl], which never waits for a
 * disk: files are opened, written and finished by each part's own thread, and looked at from here.
 *
 *     writing --(error)--> broken off, told "stalled" --(retry)--> next --(key frame)--> writing
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "mcu/room_internal.h"

#define STUCK_US       (700 * MCU_US_PER_MS) /* told well within a second */
#define RETRY_FIRST_US MCU_US_PER_S
#define RETRY_MOST_US  (30 * MCU_US_PER_S)
#define IS_WELL_MS     10000 /* a part that has written for so long was no vain attempt */

/* --- names and places ------------------------------------------------------------------------- */

/* "x.mp4", "x-2.mp4", ...; the same with .m4a and .ogg. */
static void part_file(const struct room_recording *one, uint32_t number, char *out, size_t size)
{
    const char *dot = strrchr(one->file, '.'); /* the folder's name may have one, too */
    const bool has_end = dot && !strchr(dot, '/');
    const int stem = (int)(has_end ? (size_t)(dot - one->file) : strlen(one->file));
    if (number == 1)
        snprintf(out, size, "%s", one->file);
    else
        snprintf(out, size, "%.*s-%u%s", stem, one->file, (unsigned)number, has_end ? dot : "");
}

static struct room_part *find_part(struct room_recording *one, uint32_t number)
{
    for (size_t i = 0; i < MCU_PARTS_MAX; i++) {
        if (one->parts[i].number == number)
            return &one->parts[i];
    }
    return NULL;
}

void room_parts_file(const struct room_recording *one, char *out, size_t size)
{
    part_file(one, one->part ? one->part : 1, out, size);
}

static int64_t wall_ms(const struct room_recording *one, int64_t room_us)
{
    return one->started_at_ms + (room_us - one->started_us) / MCU_US_PER_MS;
}

json_t *room_describe_parts(const struct room_recording *one)
{
    json_t *list = json_array();
    for (size_t i = 0; i < MCU_PARTS_MAX; i++) {
        const struct room_part *part = &one->parts[i];
        char file[sizeof(one->file) + 16];
        if (!part->number)
            continue;
        part_file(one, part->number, file, sizeof(file));
        json_array_append_new(list, json_pack("{s:i,s:s,s:I}", "part", (int)part->number, "file",
                                              file, "started_at", (json_int_t)part->started_at_ms));
    }
    return list;
}

/* --- what is told ----------------------------------------------------------------------------- */

static void tell_stalled(struct mcu_room *r, struct room_recording *one, const char *why,
                         int64_t bytes)
{
    one->stalled_bytes = bytes;
    if (one->is_stalled)
        return;
    one->is_stalled = true;
    log_error("recording %s stalls: %s", one->id, why);
    room_send_event(r, "recording",
                    json_pack("{s:s,s:s,s:s}", "id", one->id, "state", "stalled", "error", why));
}

static void tell_resumed(struct mcu_room *r, struct room_recording *one)
{
    one->is_stalled = false;
    log_info("recording %s is written again", one->id);
    room_send_event(r, "recording", json_pack("{s:s,s:s}", "id", one->id, "state", "resumed"));
}

static void tell_part(struct mcu_room *r, const struct room_recording *one, struct room_part *part)
{
    char file[sizeof(one->file) + 16];
    part->is_told = true;
    part_file(one, part->number, file, sizeof(file));
    log_info("recording %s goes on in %s", one->id, file);
    room_send_event(r, "recording",
                    json_pack("{s:s,s:s,s:i,s:s,s:I}", "id", one->id, "state", "part", "part",
                              (int)part->number, "file", file, "started_at",
                              (json_int_t)part->started_at_ms));
}

/* What is noted is noted beside the file that is written. */
static void follow_marks(struct mcu_room *r, struct room_recording *one,
                         const struct mcu_record_status *status)
{
    char file[sizeof(one->file) + 16];
    part_file(one, status->part, file, sizeof(file));
    if (status->part < 2 || one->ended_at_ms)
        return;
    room_marks_begin(r, one, file, status->part_at_us);
    room_tracks_begin(r, one, file, status->part_at_us);
}

static void notice(struct mcu_room *r, struct room_recording *one,
                   const struct mcu_record_status *status)
{
    if (status->part > one->part) {
        struct room_part *place = find_part(one, 0);
        one->part = status->part;
        one->stalled_bytes = 0; /* those were of the one before */
        if (place) /* the first is known to all by its start */
            *place = (struct room_part){status->part, wall_ms(one, status->part_at_us),
                                        status->part == 1};
        follow_marks(r, one, status);
    }
    struct room_part *part = status->part ? find_part(one, status->part) : NULL;
    if (part && !part->is_told && status->bytes > 0)
        tell_part(r, one, part);
}

void room_parts_notice(struct mcu_room *r, struct room_recording *one)
{
    struct mcu_record_status status;
    if (mcu_studio_record_status(r->studio, one->id, &status) == 0)
        notice(r, one, &status);
}

/* --- ten times a second ----------------------------------------------------------------------- */

static bool is_long_enough(const struct room_recording *one, const struct mcu_record_status *status)
{
    return (one->split_ms > 0 && status->duration_ms >= one->split_ms) ||
           (one->split_bytes > 0 && status->bytes >= one->split_bytes);
}

static void retry_later(struct room_recording *one, int64_t now_us)
{
    const int64_t doubled_us = one->retry_after_us * 2;
    one->retry_after_us = doubled_us < RETRY_FIRST_US  ? RETRY_FIRST_US
                          : doubled_us > RETRY_MOST_US ? RETRY_MOST_US
                                                       : doubled_us;
    one->retry_us = now_us + one->retry_after_us;
}

static void start_next(struct mcu_room *r, struct room_recording *one, int64_t now_us)
{
    char file[sizeof(one->file) + 16];
    /* Names of parts that came to nothing are left out, as their numbers are. */
    part_file(one, mcu_studio_record_last_part(r->studio, one->id) + 1, file, sizeof(file));
    uint32_t part = 0;
    const int err = mcu_studio_record_next(r->studio, one->id, file, now_us, &part);
    if (!err)
        return;
    log_warn("recording %s: no part can follow: %s", one->id, strerror(-err));
    retry_later(one, now_us);
}

static void look_at_disk(struct mcu_room *r, struct room_recording *one,
                         const struct mcu_record_status *status, int64_t now_us)
{
    const int error = status->error ? status->error : status->next_error;
    if (error) {
        mcu_studio_record_break(r->studio, one->id);
        retry_later(one, now_us);
        if (status->error || !status->part)
            tell_stalled(r, one, strerror(-error), 0);
    } else if (status->stuck_us >= STUCK_US) {
        tell_stalled(r, one, "the disk is too slow", status->bytes);
    } else if (one->is_stalled && status->bytes > one->stalled_bytes) {
        tell_resumed(r, one);
    }
    if (status->duration_ms >= IS_WELL_MS)
        one->retry_after_us = 0;
}

static void housekeep(struct mcu_room *r, struct room_recording *one, int64_t now_us)
{
    struct mcu_record_status status;
    if (mcu_studio_record_status(r->studio, one->id, &status))
        return;
    notice(r, one, &status);
    look_at_disk(r, one, &status, now_us);
    if (status.next || one->is_paused || now_us < one->retry_us || status.error)
        return;
    if (!status.part || is_long_enough(one, &status))
        start_next(r, one, now_us);
}

void room_parts_housekeep(struct mcu_room *r, int64_t now_us)
{
    for (size_t i = 0; i < MCU_RECORDINGS_MAX; i++) {
        struct room_recording *one = &r->recordings[i];
        if (one->id[0] && !one->ended_at_ms)
            housekeep(r, one, now_us);
    }
}

/* --- the end of one --------------------------------------------------------------------------- */

static json_t *describe_end(const struct room_recording *one, const struct room_part *part,
                            const struct rec_result *result, bool is_over)
{
    char file[sizeof(one->file) + 16];
    part_file(one, part->number, file, sizeof(file));
    json_t *fields =
        json_pack("{s:s,s:i,s:b,s:s,s:s,s:I,s:I,s:I,s:I,s:I}", "id", one->id, "part",
                  (int)part->number, "final", is_over, "state", result->error ? "failed" : "ready",
                  "file", file, "started_at", (json_int_t)part->started_at_ms, "ended_at",
                  (json_int_t)(one->ended_at_ms ? one->ended_at_ms : mcu_wall_ms()), "duration_ms",
                  (json_int_t)result->duration_ms, "bytes", (json_int_t)result->bytes, "dropped",
                  (json_int_t)result->dropped);
    if (result->error)
        json_object_set_new(fields, "error", json_string(strerror(-result->error)));
    return fields;
}

void room_part_ended(struct mcu_room *r, const char *id, uint32_t number,
                     const struct rec_result *result)
{
    struct room_recording *one = room_find_recording(r, id);
    if (!one)
        return;
    room_parts_notice(r, one);
    const bool is_over = mcu_studio_record_reap(r->studio, id, number);
    struct room_part *place = find_part(one, number);
    const struct room_part part =
        place ? *place : (struct room_part){.number = number, .started_at_ms = one->started_at_ms};
    if (place)
        *place = (struct room_part){0};
    json_t *fields = NULL;
    if (part.is_told || result->bytes > 0) {
        fields = describe_end(one, &part, result, is_over);
        log_info("recording %s, part %u %s: %lld ms, %lld bytes", id, (unsigned)number,
                 result->error ? "failed" : "ready", (long long)result->duration_ms,
                 (long long)result->bytes);
    } else if (is_over) { /* a part that came to nothing */
        fields = json_pack("{s:s,s:s}", "id", id, "state", "ended");
    }
    if (is_over)
        room_recording_over(r, one, fields);
    else if (fields)
        room_send_event(r, "recording", fields);
}
