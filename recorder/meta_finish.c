/* What is left beside a finished recording: captions, who spoke when, a picture. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "recorder/meta.h"
#include "recorder/talk.h"
#include "recorder/thumbnail.h"

static int write_bytes(const char *path, const void *bytes, size_t size)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return -errno;
    int err = 0;
    for (size_t at = 0; !err && at < size;) {
        const ssize_t n = write(fd, (const char *)bytes + at, size - at);
        if (n >= 0)
            at += (size_t)n;
        else if (errno != EINTR)
            err = -errno;
    }
    if (close(fd) < 0 && !err)
        err = -errno;
    return err;
}

/* STEM and suffix get these bytes, all or nothing. */
static int replace(const char *path, const char *suffix, const void *bytes, size_t size)
{
    char *to = rec_meta_path(path, suffix);
    char *tmp = NULL;
    int err = to && asprintf(&tmp, "%s.tmp", to) > 0 ? 0 : -ENOMEM;
    if (!err) {
        err = write_bytes(tmp, bytes, size);
        if (!err && rename(tmp, to) < 0)
            err = -errno;
        if (err)
            unlink(tmp);
        free(tmp);
    }
    free(to);
    return err;
}

static int write_talk(const char *path, const struct rec_talk *t, int64_t duration_us)
{
    size_t size = 0;
    char *vtt = rec_talk_vtt(t, &size);
    json_t *json = rec_talk_json(t, duration_us);
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    int err = vtt && text ? replace(path, ".vtt", vtt, size) : -ENOMEM;
    if (!err)
        err = replace(path, ".json", text, strlen(text));
    free(text);
    json_decref(json);
    free(vtt);
    return err;
}

static int finish_talk(const char *path, int64_t duration_us)
{
    struct rec_talk *t = NULL;
    int err = rec_talk_load(&t, path);
    if (err)
        return err == -ENOENT ? 0 : err;
    rec_talk_cut(t, duration_us);
    err = write_talk(path, t, duration_us);
    rec_talk_free(t);
    char *marks = err ? NULL : rec_meta_path(path, ".marks");
    if (marks)
        unlink(marks);
    free(marks);
    return err;
}

static bool is_sound(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot && strcmp(dot, ".ogg") == 0;
}

static int finish_picture(const char *path, int64_t duration_us)
{
    uint8_t *jpeg = NULL;
    size_t size = 0;
    char *there = rec_meta_path(path, ".jpg");
    if (!there)
        return -ENOMEM;
    int err = is_sound(path) || access(there, F_OK) == 0 ? -ENODATA : 0;
    if (!err)
        err = rec_thumbnail_make(path, duration_us, &jpeg, &size);
    if (!err)
        err = replace(path, ".jpg", jpeg, size);
    free(jpeg);
    free(there);
    return err == -ENODATA ? 0 : err;
}

void rec_meta_finish(const char *path, int64_t duration_ms)
{
    const int64_t duration_us = duration_ms * MCU_US_PER_MS;
    const int talk = finish_talk(path, duration_us);
    const int picture = finish_picture(path, duration_us);
    if (talk)
        log_warn("recording %s: who spoke when is not written: %s", path, strerror(-talk));
    if (picture)
        log_warn("recording %s: it has no picture beside it: %s", path, strerror(-picture));
}
