/* HLS of rooms: folders below DATA/hls that room processes write, served and swept by the front.
 * Files are replaced by renames, so what is read is whole. Front thread. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mcu/base/log.h"
#include "recorder/hls.h"
#include "signaling/http.h"
#include "signaling/live.h"
#include "signaling/rooms_internal.h"
#include "signaling/token.h"

enum { ROOT_MAX = 512, SECONDS_AN_HOUR = 3600 };

static int make(const char *path)
{
    return mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

/* DATA/hls */
static int root_of(const struct sig_rooms *rooms, char out[ROOT_MAX])
{
    char data[PATH_MAX];
    if (!realpath(rooms->conf.config->storage.dir, data))
        return -errno;
    const int n = snprintf(out, ROOT_MAX, "%s/hls", data);
    return n > 0 && n < ROOT_MAX ? 0 : -ENAMETOOLONG;
}

/* Ids of rooms have no bytes that a name may not have, but a dot in front would hide it, and ".."
 * leave. */
static int folder_of(const struct sig_rooms *rooms, const char *room_id, char *out, size_t size)
{
    char root[ROOT_MAX];
    if (!sig_room_id_is_valid(room_id))
        return -EINVAL;
    const int err = root_of(rooms, root);
    if (err)
        return err;
    const int n = snprintf(out, size, "%s/%s%s", root, room_id[0] == '.' ? "_" : "", room_id);
    return n > 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

int sig_hls_folder(const struct sig_rooms *rooms, const char *room_id, char *out, size_t size)
{
    char root[ROOT_MAX];
    int err = root_of(rooms, root);
    if (!err)
        err = make(root);
    return err ? err : folder_of(rooms, room_id, out, size);
}

/* --- sweeping --------------------------------------------------------------------------------- */

static void remove_folder(int root, const char *name)
{
    const int fd = openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(dir), entry->d_name, 0);
    }
    closedir(dir);
    if (unlinkat(root, name, AT_REMOVEDIR) == 0)
        log_info("hls of %s is removed", name);
}

static bool is_on(const struct sig_rooms *rooms, const char *name)
{
    const char *id = name[0] == '_' && name[1] == '.' ? name + 1 : name;
    const struct sig_room *room = sig_rooms_find(rooms, id);
    return room && sig_hls_of(room);
}

void sig_hls_sweep(const struct sig_rooms *rooms, int64_t now_s)
{
    char path[ROOT_MAX];
    DIR *root = root_of(rooms, path) == 0 ? opendir(path) : NULL;
    if (!root)
        return;
    const int64_t keep_s = (int64_t)rooms->conf.config->live.hls_keep_h * SECONDS_AN_HOUR;
    const struct dirent *entry;
    while ((entry = readdir(root))) {
        struct stat st;
        if (entry->d_name[0] == '.' || is_on(rooms, entry->d_name) ||
            fstatat(dirfd(root), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (S_ISDIR(st.st_mode) && now_s - (int64_t)st.st_mtime >= keep_s)
            remove_folder(dirfd(root), entry->d_name);
    }
    closedir(root);
}

/* --- serving ---------------------------------------------------------------------------------- */

void sig_hls_get(struct sig_http *req)
{
    struct sig_token token;
    char folder[ROOT_MAX + 80], path[ROOT_MAX + 400];
    const char *room = sig_http_param(req, 0);
    const char *file = sig_http_param(req, 1);
    if (!req->front->config->live.hls_public && !sig_http_authorize(req, room, &token))
        return;
    const char *type = rec_hls_type(file);
    const int n = type && folder_of(req->front->rooms, room, folder, sizeof(folder)) == 0
                      ? snprintf(path, sizeof(path), "%s/%s", folder, file)
                      : -1;
    if (n < 0 || (size_t)n >= sizeof(path)) {
        sig_http_error(req, sig_error("no_such_file"), NULL);
        return;
    }
    sig_http_serve_file(req, path, type);
}
