/* The layouts that there are; see layouts.h. A file is replaced by rename, so that nobody ever
 * reads half of one. */
#include "signaling/layouts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "layouts/layout.h"
#include "mcu/base/embed.h"
#include "mcu/base/log.h"
#include "mcu/control_picture.h"
#include "signaling/store_file.h"

enum { NAME_SIZE = MCU_LAYOUT_NAME_MAX + 1, PATH_SIZE = 1024 };

/* Tells one state of a file from another. */
struct stamp {
    uint64_t inode, mtime_ns, size;
};

struct stored {
    char name[NAME_SIZE];
    struct stamp stamp; /* of what was looked at last, be it broken */
    json_t *file;       /* NULL: never was right */
    uint64_t serial;    /* of the file as it is used */
    bool is_seen;       /* in the scan under way */
};

struct sig_layouts {
    char dir[PATH_SIZE - NAME_SIZE - 16];
    struct stored list[SIG_LAYOUTS_MAX]; /* by name */
    size_t count;
    uint64_t last_serial;
    void (*changed)(void *ctx, const char *name);
    void *ctx;
};

/* --- the built-in ones ------------------------------------------------------------------------ */

static bool is_file_of(const struct mcu_embedded *file, const char *name, const char *folder,
                       const char *ending)
{
    char wanted[NAME_SIZE + 32];
    snprintf(wanted, sizeof(wanted), "%s%s%s", folder, name, ending);
    return strcmp(file->name, wanted) == 0;
}

static const struct mcu_embedded *find_builtin(const char *name)
{
    for (const struct mcu_embedded *f = mcu_layout_files; f->name; f++) {
        if (is_file_of(f, name, "", ".json"))
            return f;
    }
    return NULL;
}

static bool has_picture(const char *name)
{
    for (const struct mcu_embedded *f = mcu_web_files; f->name; f++) {
        if (is_file_of(f, name, "layouts/", ".png"))
            return true;
    }
    return false;
}

/* --- reading ---------------------------------------------------------------------------------- */

static struct stored *find_stored(const struct sig_layouts *l, const char *name)
{
    for (size_t i = 0; l && i < l->count; i++) {
        if (strcmp(l->list[i].name, name) == 0)
            return (struct stored *)&l->list[i];
    }
    return NULL;
}

json_t *sig_layout_stored(const struct sig_layouts *l, const char *name)
{
    const struct stored *s = find_stored(l, name);
    return s && s->file ? json_incref(s->file) : NULL;
}

const json_t *sig_layouts_stored_at(const struct sig_layouts *l, size_t i, const char **name)
{
    if (!l || i >= l->count)
        return NULL;
    *name = l->list[i].name;
    return l->list[i].file ? l->list[i].file : json_null(); /* broken: it names nothing */
}

json_t *sig_layout_file(const struct sig_layouts *l, const char *name)
{
    const struct mcu_embedded *f = find_builtin(name);
    return f ? json_loadb((const char *)f->data, (size_t)(f->end - f->data), 0, NULL)
             : sig_layout_stored(l, name);
}

bool sig_layout_exists(const struct sig_layouts *l, const char *name)
{
    const struct stored *s = find_stored(l, name);
    return find_builtin(name) || (s && s->file);
}

json_t *sig_layout_json(const struct sig_layouts *l, const char *name)
{
    json_t *file = sig_layout_file(l, name);
    if (!file)
        return NULL;
    const bool is_builtin = find_builtin(name) != NULL;
    char picture[NAME_SIZE + 32];
    snprintf(picture, sizeof(picture), "%s/layouts/%s.png",
             is_builtin && has_picture(name) ? "" : "/api/v1", name);
    json_t *json =
        json_pack("{s:s, s:O?, s:b, s:s}", "name", name, "title", json_object_get(file, "title"),
                  "builtIn", is_builtin, "picture", picture);
    json_decref(file);
    return json;
}

json_t *sig_layouts_json(const struct sig_layouts *l)
{
    json_t *list = json_array();
    for (const struct mcu_embedded *f = mcu_layout_files; f->name; f++) {
        char name[NAME_SIZE] = "";
        snprintf(name, sizeof(name), "%.*s", (int)(strlen(f->name) - strlen(".json")), f->name);
        json_array_append_new(list, sig_layout_json(l, name));
    }
    for (size_t i = 0; l && i < l->count; i++) {
        if (l->list[i].file)
            json_array_append_new(list, sig_layout_json(l, l->list[i].name));
    }
    return list;
}

static void make_path(const struct sig_layouts *l, const char *name, const char *ending,
                      char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "%s/%s%s", l->dir, name, ending);
}

uint64_t sig_layout_word(const struct sig_layouts *l, const char *name, char *word, size_t size)
{
    const struct stored *s = find_stored(l, name);
    char path[PATH_SIZE];
    word[0] = '\0';
    if (find_builtin(name)) {
        snprintf(word, size, "%s", name);
        return 0;
    }
    if (!s || !s->file)
        return 0;
    make_path(l, name, ".json", path);
    snprintf(word, size, "%s", path);
    return s->serial;
}

/* --- checking and keeping --------------------------------------------------------------------- */

/* The file as JSON, new; NULL: why says what is wrong and where. */
static json_t *check(const char *name, const char *text, size_t size, char why[SIG_LAYOUT_WHY_MAX])
{
    char error[LAYOUT_ERROR_MAX] = "out of memory";
    struct layout *layout = NULL;
    if (layout_parse(&layout, text, size, name, error) != 0) {
        snprintf(why, SIG_LAYOUT_WHY_MAX, "%s", error);
        return NULL;
    }
    const bool is_same = strcmp(layout_name(layout), name) == 0;
    layout_destroy(layout);
    json_t *file = is_same ? json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (!file)
        snprintf(why, SIG_LAYOUT_WHY_MAX, "%s: $.name: must be the name under which it is stored",
                 name);
    return file;
}

/* Keeps the list in order of names. NULL: it is full. */
static struct stored *add_stored(struct sig_layouts *l, const char *name)
{
    if (l->count == SIG_LAYOUTS_MAX)
        return NULL;
    size_t at = l->count++;
    for (; at > 0 && strcmp(l->list[at - 1].name, name) > 0; at--)
        l->list[at] = l->list[at - 1];
    l->list[at] = (struct stored){0};
    snprintf(l->list[at].name, sizeof(l->list[at].name), "%s", name);
    return &l->list[at];
}

static void drop_stored(struct sig_layouts *l, struct stored *s)
{
    json_decref(s->file);
    memmove(s, s + 1, (size_t)(&l->list[--l->count] - s) * sizeof(*s));
}

/* Steals file. */
static void use(struct sig_layouts *l, struct stored *s, json_t *file)
{
    json_decref(s->file);
    s->file = file;
    s->serial = ++l->last_serial;
    char name[NAME_SIZE];
    snprintf(name, sizeof(name), "%s", s->name);
    if (l->changed)
        l->changed(l->ctx, name);
}

static struct stamp stamp_of(const struct stat *st)
{
    return (struct stamp){
        .inode = st->st_ino,
        .mtime_ns = (uint64_t)st->st_mtim.tv_sec * 1000000000 + (uint64_t)st->st_mtim.tv_nsec,
        .size = (uint64_t)st->st_size,
    };
}

static bool is_same(const struct stamp *a, const struct stamp *b)
{
    return a->inode == b->inode && a->mtime_ns == b->mtime_ns && a->size == b->size;
}

/* --- the folder ------------------------------------------------------------------------------- */

static void load(struct sig_layouts *l, struct stored *s, int fd, size_t size)
{
    char why[SIG_LAYOUT_WHY_MAX] = "it cannot be read";
    char *text = size <= SIG_LAYOUT_BYTES_MAX ? malloc(size + 1) : NULL;
    json_t *file = NULL;
    if (size > SIG_LAYOUT_BYTES_MAX)
        snprintf(why, sizeof(why), "it is longer than 256 KiB");
    else if (text && read(fd, text, size) == (ssize_t)size)
        file = check(s->name, text, size, why);
    free(text);
    if (file)
        use(l, s, file);
    else
        log_error("layout %s%s: %s", s->name, s->file ? " stays as it was" : " is not used", why);
}

static void look_at(struct sig_layouts *l, const char *name)
{
    char path[PATH_SIZE];
    struct stat st;
    make_path(l, name, ".json", path);
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return;
    struct stored *s = find_stored(l, name);
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (s || (s = add_stored(l, name)))) {
        const struct stamp now = stamp_of(&st);
        const bool is_known = is_same(&now, &s->stamp);
        s->is_seen = true;
        s->stamp = now;
        if (!is_known)
            load(l, s, fd, (size_t)st.st_size);
    }
    close(fd);
}

/* "mine.json" of a layout that is not built in: its name. */
static bool read_name(const char *entry, char name[NAME_SIZE])
{
    const size_t length = strlen(entry);
    if (length <= 5 || length - 5 >= NAME_SIZE || strcmp(entry + length - 5, ".json") != 0)
        return false;
    snprintf(name, NAME_SIZE, "%.*s", (int)(length - 5), entry);
    return mcu_layout_name_is_valid(name) && !find_builtin(name);
}

static void drop_unseen(struct sig_layouts *l)
{
    for (size_t i = l->count; i-- > 0;) {
        if (l->list[i].is_seen)
            continue;
        log_info("layout %s is gone", l->list[i].name);
        drop_stored(l, &l->list[i]);
    }
}

void sig_layouts_scan(struct sig_layouts *l)
{
    char name[NAME_SIZE];
    for (size_t i = 0; i < l->count; i++)
        l->list[i].is_seen = false;
    DIR *dir = opendir(l->dir);
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        if (read_name(e->d_name, name))
            look_at(l, name);
    }
    if (dir)
        closedir(dir);
    if (dir || errno == ENOENT) /* else what there was may still be there */
        drop_unseen(l);
}

/* --- changing --------------------------------------------------------------------------------- */

static int store(const struct sig_layouts *l, const char *name, const char *text, size_t size,
                 struct stamp *stamp)
{
    char temporary[PATH_SIZE];
    char path[PATH_SIZE];
    struct stat st;
    make_path(l, name, ".new", temporary);
    make_path(l, name, ".json", path);
    if (mkdir(l->dir, 0750) < 0 && errno != EEXIST)
        return -errno;
    const int err = sig_file_replace(path, temporary, text, size, &st);
    if (!err)
        *stamp = stamp_of(&st);
    return err;
}

const struct sig_error *sig_layout_put(struct sig_layouts *l, const char *name, const char *text,
                                       size_t size, char why[SIG_LAYOUT_WHY_MAX])
{
    why[0] = '\0';
    if (find_builtin(name))
        return sig_error("layout_builtin");
    if (!mcu_layout_name_is_valid(name)) {
        snprintf(why, SIG_LAYOUT_WHY_MAX, "The name must be 1 to 64 of a-z 0-9 -.");
        return sig_error("bad_layout");
    }
    json_t *file = check(name, text, size, why);
    if (!file)
        return sig_error("bad_layout");
    struct stored *s = find_stored(l, name);
    if (!s && !(s = add_stored(l, name))) {
        json_decref(file);
        return sig_error("too_many_layouts");
    }
    const int err = store(l, name, text, size, &s->stamp);
    if (err) {
        log_error("layout %s cannot be stored in %s: %s", name, l->dir, strerror(-err));
        json_decref(file);
        if (!s->file)
            drop_stored(l, s);
        return sig_error("internal");
    }
    use(l, s, file);
    return NULL;
}

const struct sig_error *sig_layout_delete(struct sig_layouts *l, const char *name)
{
    char path[PATH_SIZE];
    if (find_builtin(name))
        return sig_error("layout_builtin");
    struct stored *s = find_stored(l, name);
    if (!s)
        return sig_error("no_such_layout");
    make_path(l, name, ".json", path);
    if (unlink(path) < 0 && errno != ENOENT) {
        log_error("layout %s cannot be removed: %s", name, strerror(errno));
        return sig_error("internal");
    }
    drop_stored(l, s);
    return NULL;
}

/* --- the whole -------------------------------------------------------------------------------- */

int sig_layouts_create(struct sig_layouts **out, const char *dir)
{
    struct sig_layouts *l = calloc(1, sizeof(*l));
    if (!l)
        return -ENOMEM;
    snprintf(l->dir, sizeof(l->dir), "%s", dir);
    *out = l;
    return 0;
}

void sig_layouts_listen(struct sig_layouts *l, void (*changed)(void *ctx, const char *name),
                        void *ctx)
{
    l->changed = changed;
    l->ctx = ctx;
}

void sig_layouts_destroy(struct sig_layouts *l)
{
    while (l && l->count)
        drop_stored(l, &l->list[l->count - 1]);
    free(l);
}
