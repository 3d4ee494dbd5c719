/* Still pictures of what the room shows, into files that the front serves. [ctl] asks the view and
 * goes on: one that nobody watches needs a second to have its pictures. The reply follows. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libavutil/frame.h>

#include "compositor/picture.h"
#include "mcu/base/clock.h"
#include "mcu/base/json.h"
#include "mcu/base/log.h"
#include "mcu/room_internal.h"

#define PATIENCE_US (2 * MCU_US_PER_S)

enum { WIDTH_MAX = 4096 };

static int write_new(const char *path, const uint8_t *data, size_t size)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        return -errno;
    int err = write(fd, data, size) == (ssize_t)size ? 0 : -EIO;
    if (close(fd) < 0 && !err)
        err = -errno;
    if (err)
        unlink(path);
    return err;
}

static int encode_into(const AVFrame *picture, uint32_t width, const char *path)
{
    uint8_t *data = NULL;
    size_t size = 0;
    int err = comp_picture_encode(picture, COMP_JPEG, width, &data, &size);
    if (!err)
        err = write_new(path, data, size);
    free(data);
    return err;
}

/* A picture beside a recording, on its way to the thread that writes there. */
struct still {
    AVFrame *picture;
    char file[1024];
};

/* [meta] */
static void write_still(void *arg, bool is_wanted)
{
    struct still *still = arg;
    const int err = is_wanted ? encode_into(still->picture, 0, still->file) : 0;
    if (err)
        log_error("snapshot: %s: %s", still->file, strerror(-err));
    if (!is_wanted)
        log_warn("snapshot: %s is left out", still->file);
    av_frame_free(&still->picture);
    free(still);
}

/* Nobody waits for it, and it comes again and again: its disk must not hold up the room. */
static void hand_over(const struct room_snapshot *s, const AVFrame *picture)
{
    struct still *still = calloc(1, sizeof(*still));
    if (still)
        still->picture = av_frame_clone(picture);
    if (!still || !still->picture) {
        free(still);
        return;
    }
    memcpy(still->file, s->file, sizeof(still->file));
    rec_meta_do(s->beside->meta, write_still, still);
}

static struct room_snapshot *free_place(struct mcu_room *r)
{
    for (size_t i = 0; i < ROOM_SNAPSHOTS_MAX; i++) {
        if (!r->snapshots[i].file[0])
            return &r->snapshots[i];
    }
    return NULL;
}

const char *room_snapshot(struct mcu_room *r, const json_t *message, json_t *reply)
{
    (void)reply;
    struct room_snapshot s = {.view = "main", .seq = room_command_seq(message)};
    if (mcu_json_string(message, "file", MCU_JSON_REQUIRED, 1, s.file, sizeof(s.file)) ||
        mcu_json_string(message, "view", MCU_JSON_OPTIONAL, 1, s.view, sizeof(s.view)) ||
        mcu_json_int(message, "width", MCU_JSON_OPTIONAL, 0, WIDTH_MAX, &s.width) ||
        s.file[0] != '/')
        return "bad_message";
    const struct room_view *v = room_view_find(r, s.view);
    struct room_snapshot *place = free_place(r);
    if (!v || !place)
        return v ? "too_busy" : "no_such_view";
    s.until_us = mcu_now_us() + PATIENCE_US;
    *place = s;
    comp_view_ask_snapshot(v->view);
    return room_reply_later;
}

bool room_snapshot_take(struct mcu_room *r, const struct room_recording *beside, const char *file)
{
    struct room_snapshot *place = free_place(r);
    if (!place)
        return false;
    *place = (struct room_snapshot){.beside = beside, .until_us = mcu_now_us() + PATIENCE_US};
    snprintf(place->view, sizeof(place->view), "%s", beside->view->name);
    snprintf(place->file, sizeof(place->file), "%s", file);
    comp_view_ask_snapshot(beside->view->view);
    return true;
}

static void finish(struct mcu_room *r, struct room_snapshot *s, const char *code)
{
    if (!s->beside)
        room_reply(r, s->seq, "snapshot", code, json_object());
    s->file[0] = '\0';
}

static void write_out(struct mcu_room *r, struct room_snapshot *s, const AVFrame *picture)
{
    if (s->beside) {
        hand_over(s, picture);
        finish(r, s, NULL);
        return;
    }
    const int err = encode_into(picture, (uint32_t)s->width, s->file);
    if (err)
        log_error("snapshot: %s: %s", s->file, strerror(-err));
    finish(r, s, err ? "file_error" : NULL);
}

/* One picture of a view is for all who wait for it. */
static void write_all_of(struct mcu_room *r, const char *view, const AVFrame *picture)
{
    for (size_t i = 0; i < ROOM_SNAPSHOTS_MAX; i++) {
        if (r->snapshots[i].file[0] && strcmp(r->snapshots[i].view, view) == 0)
            write_out(r, &r->snapshots[i], picture);
    }
}

static void look_after(struct mcu_room *r, struct room_snapshot *s, int64_t now_us)
{
    const struct room_view *v = room_view_find(r, s->view);
    AVFrame *picture = NULL;
    const int err = v ? comp_view_take_snapshot(v->view, &picture) : -ENOENT;
    if (!err)
        write_all_of(r, v->name, picture);
    else if (err != -EAGAIN)
        finish(r, s, v ? "internal" : "no_such_view");
    else if (now_us >= s->until_us)
        finish(r, s, "too_busy");
    av_frame_free(&picture);
}

void room_snapshots_housekeep(struct mcu_room *r, int64_t now_us)
{
    for (size_t i = 0; i < ROOM_SNAPSHOTS_MAX; i++) {
        if (r->snapshots[i].file[0])
            look_after(r, &r->snapshots[i], now_us);
    }
}
