/* Finishing recordings whose room died: `mixdown recover FILE` in a child process, one at a time,
 * for it reads and writes the whole file. [front] thread.
 *
 * The child's one JSON line comes through a pipe; EOF is its end. It starts a moment after it was
 * asked for, when the killed room has surely closed the file. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "mcu/base/json.h"
#include "mcu/base/log.h"
#include "mcu/supervisor_internal.h"

enum { ANSWER_MAX = 8192, FILE_MAX = 1024 };
#define START_AFTER_US (300 * MCU_US_PER_MS)
#define LONGEST_US     (1800 * MCU_US_PER_S)

extern char **environ;

struct recovery {
    struct mcu_watch watch; /* first: the epoll set points here */
    struct recovery *next;
    struct mcu_supervisor *s;
    sig_recovered_fn *done;
    void *arg;
    int64_t not_before_us;
    int64_t deadline_us;
    int fd; /* -1: not started */
    int pid_fd;
    size_t size;
    char answer[ANSWER_MAX];
    char file[FILE_MAX];
};

static void free_recovery(struct recovery *r)
{
    if (r->fd >= 0)
        close(r->fd);
    if (r->pid_fd >= 0)
        close(r->pid_fd);
    free(r);
}

static void unlist(struct recovery *r)
{
    struct recovery **at = &r->s->recoveries;
    while (*at && *at != r)
        at = &(*at)->next;
    if (*at)
        *at = r->next;
}

static void tell(struct recovery *r, const char *error)
{
    json_t *result = NULL;
    if (error || mcu_json_parse(&result, r->answer, r->size) != 0)
        result = json_pack("{s:b, s:s}", "ok", 0, "error",
                           error ? error : "the recovery ended without an answer");
    unlist(r);
    r->done(r->arg, result);
    json_decref(result);
    free_recovery(r);
}

static void recovery_ready(struct mcu_watch *w, uint32_t events)
{
    (void)events;
    struct recovery *r = (struct recovery *)w;
    const ssize_t n = read(r->fd, r->answer + r->size, ANSWER_MAX - r->size);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0) {
        r->size += (size_t)n;
        return; /* a full buffer reads 0 next time, and is no JSON */
    }
    while (r->size && (r->answer[r->size - 1] == '\n' || r->answer[r->size - 1] == '\r'))
        r->size--;
    tell(r, NULL);
}

int supervisor_spawn(pid_t *pid, char *const argv[], int out_fd)
{
    posix_spawn_file_actions_t files;
    int err = posix_spawn_file_actions_init(&files);
    if (err)
        return -err;
    err = posix_spawn_file_actions_adddup2(&files, out_fd, 1);
    if (!err)
        err = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    if (!err)
        err = posix_spawn_file_actions_addclosefrom_np(&files, 3);
    if (!err)
        err = posix_spawn(pid, "/proc/self/exe", &files, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    return -err;
}

static int spawn_recover(pid_t *pid, const char *file, int out_fd)
{
    char name[FILE_MAX];
    snprintf(name, sizeof(name), "%s", file);
    char *const argv[] = {"mixdown", "recover", name, NULL};
    return supervisor_spawn(pid, argv, out_fd);
}

static int start_recovery(struct recovery *r)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    pid_t pid = 0;
    int err = spawn_recover(&pid, r->file, ends[1]);
    close(ends[1]);
    r->fd = ends[0];
    if (err)
        return err;
    r->pid_fd = pidfd_open(pid, 0);
    r->deadline_us = mcu_now_us() + LONGEST_US;
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = &r->watch};
    return epoll_ctl(r->s->epoll_fd, EPOLL_CTL_ADD, r->fd, &e) < 0 ? -errno : 0;
}

int supervisor_recover(void *ctx, const char *file, sig_recovered_fn *done, void *arg)
{
    struct mcu_supervisor *s = ctx;
    struct recovery *r = calloc(1, sizeof(*r));
    if (!r)
        return -ENOMEM;
    *r = (struct recovery){.s = s, .done = done, .arg = arg, .fd = -1, .pid_fd = -1};
    r->watch.ready = recovery_ready;
    r->not_before_us = mcu_now_us() + START_AFTER_US;
    snprintf(r->file, sizeof(r->file), "%s", file);
    struct recovery **at = &s->recoveries;
    while (*at)
        at = &(*at)->next;
    *at = r;
    return 0;
}

void supervisor_recover_tick(struct mcu_supervisor *s)
{
    struct recovery *r = s->recoveries; /* the first is the one that runs */
    const int64_t now_us = mcu_now_us();
    if (!r)
        return;
    if (r->fd < 0 && now_us >= r->not_before_us) {
        const int err = start_recovery(r);
        if (err)
            tell(r, strerror(-err));
    } else if (r->fd >= 0 && now_us > r->deadline_us) {
        pidfd_send_signal(r->pid_fd, SIGKILL, NULL, 0);
        tell(r, "the recovery took too long");
    }
}

void supervisor_recover_finish(struct mcu_supervisor *s)
{
    while (s->recoveries) {
        struct recovery *r = s->recoveries;
        s->recoveries = r->next;
        if (r->pid_fd >= 0)
            pidfd_send_signal(r->pid_fd, SIGKILL, NULL, 0); /* the next start does it again */
        free_recovery(r);
    }
}
