/* The loader's thread, and the way to a file below a folder. */
#include "mcu/clip_loader.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mcu/base/log.h"
#include "mcu/base/queue.h"

struct request {
    char id[MCU_CLIP_ID_MAX];
    char name[64]; /* "": the file */
    int fd;        /* -1: none */
};

struct mcu_clip_loader {
    uint32_t channels;
    mcu_clip_loaded_fn *on_loaded;
    void *ctx;
    struct mcu_queue *queue;
    pthread_t thread;
};

static void drop(void *item)
{
    struct request *q = item;
    if (q->fd >= 0)
        close(q->fd);
    free(q);
}

/* --- [clip] --- */

static int read_whole(int fd, char **out, size_t *size)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    const size_t room = (size_t)st.st_size + 1; /* one more: it may have grown */
    char *data = malloc(room);
    if (!data)
        return -ENOMEM;
    size_t n = 0;
    for (ssize_t got; n < room; n += (size_t)got) {
        got = read(fd, data + n, room - n);
        if (got < 0 && errno == EINTR)
            got = 0;
        else if (got < 0) {
            const int err = -errno;
            free(data);
            return err;
        } else if (got == 0)
            break;
    }
    *out = data;
    *size = n;
    return 0;
}

static int load(const struct mcu_clip_loader *l, const struct request *q, struct mix_clip **out)
{
    if (q->name[0])
        return mix_clip_builtin(out, q->name, l->channels);
    char *data = NULL;
    size_t size = 0;
    int err = read_whole(q->fd, &data, &size);
    if (!err)
        err = mix_clip_load(out, NULL, data, size, l->channels);
    free(data);
    return err;
}

static void *run(void *arg)
{
    struct mcu_clip_loader *l = arg;
    for (struct request *q; (q = mcu_queue_take(l->queue, -1));) {
        struct mix_clip *clip = NULL;
        const int err = load(l, q, &clip);
        l->on_loaded(l->ctx, q->id, err ? NULL : clip, err);
        drop(q);
    }
    return NULL;
}

/* --- [ctl] --- */

int mcu_clip_loader_create(struct mcu_clip_loader **out, uint32_t channels,
                           mcu_clip_loaded_fn *on_loaded, void *ctx)
{
    struct mcu_clip_loader *l = calloc(1, sizeof(*l));
    if (!l)
        return -ENOMEM;
    l->channels = channels;
    l->on_loaded = on_loaded;
    l->ctx = ctx;
    int err = mcu_queue_create(&l->queue, MCU_CLIPS_WAITING);
    if (!err)
        err = -pthread_create(&l->thread, NULL, run, l);
    if (err) {
        mcu_queue_destroy(l->queue, NULL);
        free(l);
        return err;
    }
    pthread_setname_np(l->thread, "clip");
    *out = l;
    return 0;
}

void mcu_clip_loader_destroy(struct mcu_clip_loader *l)
{
    if (!l)
        return;
    mcu_queue_close(l->queue);
    pthread_join(l->thread, NULL);
    mcu_queue_destroy(l->queue, drop);
    free(l);
}

int mcu_clip_loader_ask(struct mcu_clip_loader *l, const char *id, const char *name, int fd)
{
    struct request *q = calloc(1, sizeof(*q));
    if (!q)
        return -ENOMEM;
    snprintf(q->id, sizeof(q->id), "%s", id);
    snprintf(q->name, sizeof(q->name), "%s", name ? name : "");
    q->fd = fd;
    const int err = mcu_queue_put(l->queue, q);
    if (err)
        free(q);
    return err;
}

/* --- files --- */

static int open_beneath(int folder, const char *file)
{
    const struct open_how how = {
        .flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, /* a FIFO must not hold us up */
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    const int fd = (int)syscall(SYS_openat2, folder, file, &how, sizeof(how));
    if (fd >= 0)
        return fd;
    /* Out of the folder, or round in circles: as if it were not there. */
    return errno == EXDEV || errno == ELOOP || errno == ENOTDIR || errno == ENAMETOOLONG ? -ENOENT
                                                                                         : -errno;
}

int mcu_clip_open_below(const char *folder, const char *file)
{
    const int dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return -errno;
    const int fd = open_beneath(dir, file);
    close(dir);
    struct stat st;
    if (fd < 0)
        return fd;
    int err = 0;
    if (fstat(fd, &st) < 0)
        err = -errno;
    else if (!S_ISREG(st.st_mode))
        err = -ENOENT;
    else if (st.st_size > MCU_CLIP_FILE_BYTES_MAX)
        err = -EFBIG;
    if (!err)
        return fd;
    close(fd);
    return err;
}
