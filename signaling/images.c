/* The pictures that there are; see images.h. A file is replaced by rename, so that a room never
 * reads half of one. */
#include "signaling/images.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compositor/image.h"
#include "mcu/base/log.h"
#include "mcu/control_picture.h"
#include "signaling/store_file.h"

_Static_assert((int)SIG_IMAGE_BYTES_MAX == (int)COMP_IMAGE_BYTES_MAX, "what rooms take");

enum { NAME_SIZE = MCU_LAYOUT_NAME_MAX + 1 };

struct stored {
    char name[NAME_SIZE];
    enum comp_image_kind kind;
    uint32_t width, height;
    size_t bytes;
    uint64_t serial;
};

struct sig_images {
    char dir[SIG_IMAGE_PATH_MAX - NAME_SIZE - 16];
    struct stored list[SIG_IMAGES_MAX]; /* by name */
    size_t count;
    uint64_t last_serial;
    void (*changed)(void *ctx, const char *name);
    void *ctx;
};

/* --- reading ---------------------------------------------------------------------------------- */

static struct stored *find(const struct sig_images *l, const char *name)
{
    for (size_t i = 0; l && i < l->count; i++) {
        if (strcmp(l->list[i].name, name) == 0)
            return (struct stored *)&l->list[i];
    }
    return NULL;
}

static const char *type_of(const struct stored *s)
{
    return s->kind == COMP_IMAGE_PNG ? "image/png" : "image/jpeg";
}

static json_t *to_json(const struct stored *s)
{
    return json_pack("{s:s, s:s, s:i, s:i, s:I}", "name", s->name, "type", type_of(s), "width",
                     (int)s->width, "height", (int)s->height, "bytes", (json_int_t)s->bytes);
}

json_t *sig_image_json(const struct sig_images *l, const char *name)
{
    const struct stored *s = find(l, name);
    return s ? to_json(s) : NULL;
}

json_t *sig_images_json(const struct sig_images *l)
{
    json_t *list = json_array();
    for (size_t i = 0; l && i < l->count; i++)
        json_array_append_new(list, to_json(&l->list[i]));
    return list;
}

const char *sig_image_type(const struct sig_images *l, const char *name)
{
    const struct stored *s = find(l, name);
    return s ? type_of(s) : NULL;
}

void sig_image_path(const struct sig_images *l, const char *name, char path[SIG_IMAGE_PATH_MAX])
{
    snprintf(path, SIG_IMAGE_PATH_MAX, "%s/%s", l->dir, name);
}

uint64_t sig_image_serial(const struct sig_images *l, const char *name)
{
    const struct stored *s = find(l, name);
    return s ? s->serial : 0;
}

uint64_t sig_images_serial(const struct sig_images *l)
{
    return l ? l->last_serial : 0;
}

/* --- keeping ---------------------------------------------------------------------------------- */

/* Keeps the list in order of names. NULL: it is full. */
static struct stored *add(struct sig_images *l, const char *name)
{
    if (l->count == SIG_IMAGES_MAX)
        return NULL;
    size_t at = l->count++;
    for (; at > 0 && strcmp(l->list[at - 1].name, name) > 0; at--)
        l->list[at] = l->list[at - 1];
    l->list[at] = (struct stored){0};
    snprintf(l->list[at].name, sizeof(l->list[at].name), "%s", name);
    return &l->list[at];
}

static void drop(struct sig_images *l, struct stored *s)
{
    memmove(s, s + 1, (size_t)(&l->list[--l->count] - s) * sizeof(*s));
}

static void tell(struct sig_images *l, const char *name)
{
    l->last_serial++;
    if (l->changed)
        l->changed(l->ctx, name);
}

/* --- the folder ------------------------------------------------------------------------------- */

/* Names have no dots, so the temporary file is nobody's picture. */
static int store(const struct sig_images *l, const char *name, const void *bytes, size_t size)
{
    char path[SIG_IMAGE_PATH_MAX];
    char temporary[SIG_IMAGE_PATH_MAX + 8];
    sig_image_path(l, name, path);
    snprintf(temporary, sizeof(temporary), "%s.new", path);
    return sig_file_replace(path, temporary, bytes, size, NULL);
}

/* A broken file stays where it is, unused, and is named in the log. */
static void load(struct sig_images *l, const char *name)
{
    char path[SIG_IMAGE_PATH_MAX];
    struct stat st;
    struct stored found = {.serial = 1};
    sig_image_path(l, name, path);
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    const bool is_file = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    found.bytes = is_file && st.st_size <= SIG_IMAGE_BYTES_MAX ? (size_t)st.st_size : 0;
    uint8_t *bytes = found.bytes ? malloc(found.bytes) : NULL;
    const bool is_good =
        bytes && read(fd, bytes, found.bytes) == (ssize_t)found.bytes &&
        comp_image_probe(bytes, found.bytes, &found.kind, &found.width, &found.height) == 0;
    struct stored *s = is_good ? add(l, name) : NULL;
    if (s) {
        memcpy(found.name, s->name, sizeof(found.name));
        *s = found;
    } else {
        log_error("picture %s is not used: %s", path, is_good ? "too many" : "not PNG or JPEG");
    }
    free(bytes);
    if (fd >= 0)
        close(fd);
}

static void load_all(struct sig_images *l)
{
    DIR *dir = opendir(l->dir);
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        if (mcu_layout_name_is_valid(e->d_name))
            load(l, e->d_name);
    }
    if (dir)
        closedir(dir);
    l->last_serial = 1;
}

/* --- changing --------------------------------------------------------------------------------- */

const struct sig_error *sig_image_put(struct sig_images *l, const char *name, const void *bytes,
                                      size_t size)
{
    struct stored new = {.bytes = size, .serial = l->last_serial + 1};
    if (!mcu_layout_name_is_valid(name))
        return sig_error("bad_picture");
    int err = comp_image_probe(bytes, size, &new.kind, &new.width, &new.height);
    if (err)
        return sig_error(err == -EFBIG ? "too_large" : "bad_picture");
    struct stored *s = find(l, name);
    if (!s && l->count == SIG_IMAGES_MAX)
        return sig_error("too_many_pictures");
    err = store(l, name, bytes, size);
    if (err) {
        log_error("picture %s cannot be stored in %s: %s", name, l->dir, strerror(-err));
        return sig_error("internal");
    }
    if (!s)
        s = add(l, name);
    memcpy(new.name, s->name, sizeof(new.name));
    *s = new;
    tell(l, new.name);
    return NULL;
}

const struct sig_error *sig_image_delete(struct sig_images *l, const char *name)
{
    char path[SIG_IMAGE_PATH_MAX];
    struct stored *s = find(l, name);
    if (!s)
        return sig_error("no_such_picture");
    sig_image_path(l, name, path);
    if (unlink(path) < 0 && errno != ENOENT) {
        log_error("picture %s cannot be removed: %s", path, strerror(errno));
        return sig_error("internal");
    }
    drop(l, s);
    tell(l, name);
    return NULL;
}

/* --- the whole -------------------------------------------------------------------------------- */

int sig_images_create(struct sig_images **out, const char *dir)
{
    struct sig_images *l = calloc(1, sizeof(*l));
    if (!l)
        return -ENOMEM;
    snprintf(l->dir, sizeof(l->dir), "%s", dir);
    load_all(l);
    *out = l;
    return 0;
}

void sig_images_listen(struct sig_images *l, void (*changed)(void *ctx, const char *name),
                       void *ctx)
{
    l->changed = changed;
    l->ctx = ctx;
}

void sig_images_destroy(struct sig_images *l)
{
    free(l);
}
