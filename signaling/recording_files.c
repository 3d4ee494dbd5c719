#include "signaling/recording_files.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDER_MAX = 1024 };

/* A name is: stem, begins, one or more of a-z 0-9 - _ when `is_named`, ends. */
struct shape {
    const char *begins, *ends;
    bool is_named;
    bool is_hidden; /* not listed, but deleted */
    const char *kind, *type;
};

static const struct shape shapes[] = {
    {".mp4", "", false, false, "recording", "video/mp4"},
    {".m4a", "", false, false, "recording", "audio/mp4"},
    {".ogg", "", false, false, "recording", "audio/ogg"},
    {".vtt", "", false, false, "captions", "text/vtt; charset=utf-8"},
    {".json", "", false, false, "speakers", "application/json"},
    {".jpg", "", false, false, "thumbnail", "image/jpeg"},
    {".snapshot-", ".jpg", true, false, "snapshot", "image/jpeg"},
    {".track-", ".ogg", true, false, "track", "audio/ogg"},
    {".marks", "", false, true, "", ""},
    {".vtt.tmp", "", false, true, "", ""},
    {".json.tmp", "", false, true, "", ""},
    {".jpg.tmp", "", false, true, "", ""},
    {".mp4.tmp", "", false, true, "", ""},
    {".m4a.tmp", "", false, true, "", ""},
};

static const char *base_of(const char *file)
{
    const char *slash = strrchr(file, '/');
    return slash ? slash + 1 : file;
}

static size_t stem_of(const char *base)
{
    const char *dot = strrchr(base, '.');
    return dot && dot > base ? (size_t)(dot - base) : strlen(base);
}

static bool is_plain(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (!isalnum((unsigned char)text[i]) && text[i] != '-' && text[i] != '_')
            return false;
    }
    return size > 0;
}

static bool fits(const struct shape *s, const char *rest)
{
    const size_t begins = strlen(s->begins);
    const size_t ends = strlen(s->ends);
    const size_t size = strlen(rest);
    if (!s->is_named)
        return strcmp(rest, s->begins) == 0;
    return size > begins + ends && memcmp(rest, s->begins, begins) == 0 &&
           strcmp(rest + size - ends, s->ends) == 0 &&
           is_plain(rest + begins, size - begins - ends);
}

static const struct shape *shape_of(const char *file, const char *name)
{
    const char *base = base_of(file);
    const size_t stem = stem_of(base);
    if (strncmp(name, base, stem) != 0)
        return NULL;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        if (!fits(&shapes[i], name + stem))
            continue;
        /* STEM.ogg beside STEM.mp4 is another recording */
        const bool is_it = strcmp(shapes[i].kind, "recording") == 0;
        return is_it && strcmp(name, base) != 0 ? NULL : &shapes[i];
    }
    return NULL;
}

static void fill(struct sig_recording_file *out, const struct shape *s, const char *name)
{
    snprintf(out->name, sizeof(out->name), "%s", name);
    out->kind = s->kind;
    out->type = s->type;
}

bool sig_recording_file_is(const char *file, const char *name, struct sig_recording_file *out)
{
    const struct shape *s = shape_of(file, name);
    if (!s || s->is_hidden || strlen(name) >= sizeof(out->name))
        return false;
    fill(out, s, name);
    return true;
}

/* --- the folder ---------------------------------------------------------------------------------- */

static DIR *open_folder(const char *file)
{
    char folder[FOLDER_MAX];
    const size_t size = (size_t)(base_of(file) - file);
    if (size >= sizeof(folder)) {
        errno = ENAMETOOLONG;
        return NULL;
    }
    memcpy(folder, file, size);
    folder[size] = '\0';
    return opendir(size ? folder : ".");
}

static int compare(const void *a, const void *b)
{
    const struct sig_recording_file *one = a;
    const struct sig_recording_file *two = b;
    const bool is_first = strcmp(one->kind, "recording") == 0;
    const bool is_second = strcmp(two->kind, "recording") == 0;
    return is_first != is_second ? (is_first ? -1 : 1) : strcmp(one->name, two->name);
}

struct files {
    struct sig_recording_file *at;
    size_t count, capacity;
};

static int add(struct files *f, const struct sig_recording_file *one)
{
    if (f->count == f->capacity) {
        const size_t capacity = f->capacity ? f->capacity * 2 : 8;
        struct sig_recording_file *grown = realloc(f->at, capacity * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        f->at = grown;
        f->capacity = capacity;
    }
    f->at[f->count++] = *one;
    return 0;
}

int sig_recording_files(const char *file, struct sig_recording_file **out)
{
    struct files f = {0};
    struct sig_recording_file one;
    struct stat st;
    int err = 0;
    DIR *dir = open_folder(file);
    if (!dir)
        return -errno;
    for (const struct dirent *e; !err && (e = readdir(dir));) {
        if (!sig_recording_file_is(file, e->d_name, &one) ||
            fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
            continue;
        one.bytes = st.st_size;
        err = add(&f, &one);
    }
    closedir(dir);
    if (err) {
        free(f.at);
        return err;
    }
    if (f.count)
        qsort(f.at, f.count, sizeof(*f.at), compare);
    *out = f.at;
    return (int)f.count;
}

/* The short names that these have in urls. */
static void make_url(char *out, size_t size, const char *id, const struct sig_recording_file *f)
{
    static const char *const names[][2] = {{"recording", "file"},
                                           {"captions", "captions.vtt"},
                                           {"speakers", "speakers.json"},
                                           {"thumbnail", "thumbnail.jpg"}};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i][0], f->kind) == 0) {
            snprintf(out, size, "/api/v1/recordings/%s/%s", id, names[i][1]);
            return;
        }
    }
    snprintf(out, size, "/api/v1/recordings/%s/files/%s", id, f->name);
}

json_t *sig_recording_files_json(const char *id, const char *file)
{
    struct sig_recording_file *files = NULL;
    const int count = sig_recording_files(file, &files);
    json_t *list = json_array();
    for (int i = 0; i < count; i++) {
        char url[512];
        make_url(url, sizeof(url), id, &files[i]);
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:I, s:s}", "name", files[i].name, "kind",
                                        files[i].kind, "bytes", (json_int_t)files[i].bytes, "url",
                                        url));
    }
    free(files);
    return list;
}

int sig_recording_remove_files(const char *file)
{
    DIR *dir = open_folder(file);
    int err = dir ? -ENOENT : -errno;
    if (!dir)
        return err;
    for (const struct dirent *e; (e = readdir(dir));) {
        if (!shape_of(file, e->d_name))
            continue;
        const bool is_it = strcmp(e->d_name, base_of(file)) == 0;
        const int failed = unlinkat(dirfd(dir), e->d_name, 0) < 0 ? -errno : 0;
        err = is_it ? failed : err;
    }
    closedir(dir);
    return err;
}
