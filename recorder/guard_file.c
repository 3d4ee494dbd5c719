/* Names of files below a folder, and the way to them. The kernel keeps us in the folder
 * (openat2(2)); the name is looked at before so that what is wrong can be told. */
#include "recorder/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int refuse(const char **why, const char *words)
{
    *why = words;
    return -EINVAL;
}

static bool is_dots(const char *at, size_t size)
{
    return size == 0 || (size == 1 && at[0] == '.') || (size == 2 && at[0] == '.' && at[1] == '.');
}

int guard_check_file(const char *name, const char **why)
{
    *why = "";
    const size_t size = strnlen(name, GUARD_FILE_MAX);
    if (size == 0 || size == GUARD_FILE_MAX)
        return refuse(why, "file: must be a name of 1 to 511 bytes");
    for (size_t i = 0; i < size; i++) {
        const unsigned char c = (unsigned char)name[i];
        if (c < 0x20 || c == 0x7f || c == '\\')
            return refuse(why, "file: a character that has no place in a name");
    }
    for (const char *part = name;; part++) {
        const size_t n = strcspn(part, "/");
        if (is_dots(part, n))
            return refuse(why, "file: must be a path below the folder, without . and ..");
        part += n;
        if (!*part)
            return 0;
    }
}

/* Out of the folder, through a link or round in circles: as if it were not there. */
static int translate(int err)
{
    return err == EXDEV || err == ELOOP || err == ENOTDIR || err == ENAMETOOLONG ? -ENOENT : -err;
}

int guard_open_file(const char *folder, const char *name)
{
    const char *why;
    if (guard_check_file(name, &why))
        return -EINVAL;
    const int dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return -errno;
    const struct open_how how = {
        .flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, /* a FIFO must not hold us up */
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    const int fd = (int)syscall(SYS_openat2, dir, name, &how, sizeof(how));
    const int err = fd < 0 ? translate(errno) : 0;
    close(dir);
    if (err)
        return err;
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        return fd;
    close(fd);
    return -ENOENT;
}
