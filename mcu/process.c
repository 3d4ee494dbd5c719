/* One room process seen from the front. [front] thread.
 *
 * The tricky thing is dying: it can be noticed in the middle of a read, or be asked for by whoever
 * is being told of a message. So death is marked first, the due replies are given, the owner is
 * told, and the struct stays until the owner is back in its loop. */
#include "mcu/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "mcu/control.h"

extern char **environ;

enum { READ_SIZE = 64 * 1024, CONTROL_FD = 3, LISTEN_BACKLOG = 4 };

struct due {
    struct due *next;
    uint64_t seq;
    sig_reply_fn *done;
    void *arg;
};

struct mcu_process {
    struct mcu_watch watch; /* first: the epoll set points here */
    int epoll_fd;
    int fd;
    int pid_fd;
    pid_t pid;
    char path[MCU_SOCKET_PATH_MAX];
    bool is_dead;
    bool is_ending; /* its end is expected */
    bool wants_write;
    int64_t heard_us;
    uint64_t last_seq;
    struct due *due_first;
    struct due *due_last;
    struct mcu_control_reader reader;
    char *out; /* bytes not yet written */
    size_t out_size;
    size_t out_capacity;
    struct mcu_process_events events;
    void *arg;
};

static int socket_address(struct sockaddr_un *address, const char *path)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address->sun_path))
        return -ENAMETOOLONG;
    memcpy(address->sun_path, path, strlen(path) + 1);
    return 0;
}

static int new_path(char path[MCU_SOCKET_PATH_MAX], const char *dir)
{
    uint64_t random;
    if (getrandom(&random, sizeof(random), 0) != sizeof(random))
        return -EIO;
    const int n =
        snprintf(path, MCU_SOCKET_PATH_MAX, "%s/%016llx.sock", dir, (unsigned long long)random);
    return n < MCU_SOCKET_PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int listen_at(const char *path)
{
    struct sockaddr_un address;
    int err = socket_address(&address, path);
    if (err)
        return err;
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(fd, LISTEN_BACKLOG) < 0) {
        err = -errno;
        close(fd);
        return err;
    }
    return fd;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address;
    int err = socket_address(&address, path);
    if (err)
        return err;
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        err = -errno;
        close(fd);
        return err;
    }
    return fd;
}

/* Signals as a program expects them, a session of its own, and no descriptor but 0..3: an inherited
 * listening port would keep a new front from starting. */
static int spawn_attributes(posix_spawnattr_t *attr)
{
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    int err = posix_spawnattr_setsigmask(attr, &none);
    if (!err)
        err = posix_spawnattr_setsigdefault(attr, &all);
    if (!err)
        err = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
                                                 POSIX_SPAWN_SETSIGDEF);
    return err;
}

static int spawn_files(posix_spawn_file_actions_t *files, int listener)
{
    int err = posix_spawn_file_actions_adddup2(files, listener, CONTROL_FD);
    if (!err)
        err = posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDONLY, 0);
    if (!err)
        err = posix_spawn_file_actions_adddup2(files, 2, 1);
    if (!err)
        err = posix_spawn_file_actions_addclosefrom_np(files, CONTROL_FD + 1);
    return err;
}

static int spawn_room(pid_t *pid, int listener)
{
    posix_spawnattr_t attr;
    posix_spawn_file_actions_t files;
    int err = posix_spawnattr_init(&attr);
    if (err)
        return -err;
    err = posix_spawn_file_actions_init(&files);
    if (err) {
        posix_spawnattr_destroy(&attr);
        return -err;
    }
    err = spawn_attributes(&attr);
    if (!err)
        err = spawn_files(&files, listener);
    char *const argv[] = {"mixdown", "room", "--control-fd", "3", NULL};
    if (!err)
        err = posix_spawn(pid, "/proc/self/exe", &files, &attr, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    return -err;
}

static void set_wants_write(struct mcu_process *p, bool wants)
{
    if (p->wants_write == wants)
        return;
    struct epoll_event e = {.events = EPOLLIN | (wants ? (uint32_t)EPOLLOUT : 0),
                            .data.ptr = &p->watch};
    if (epoll_ctl(p->epoll_fd, EPOLL_CTL_MOD, p->fd, &e) == 0)
        p->wants_write = wants;
}

/* Most answers come in order; those that wait for something, as for a snapshot, let others by. */
static struct due *take_due(struct mcu_process *p, uint64_t seq)
{
    struct due *before = NULL, *d = p->due_first;
    for (; d && d->seq != seq; d = d->next)
        before = d;
    if (!d)
        return NULL;
    if (before)
        before->next = d->next;
    else
        p->due_first = d->next;
    if (p->due_last == d)
        p->due_last = before;
    return d;
}

static void give_reply(struct mcu_process *p, const json_t *message, uint64_t seq)
{
    struct due *d = take_due(p, seq);
    if (!d) {
        mcu_process_fail(p, "it answered what nobody asked");
        return;
    }
    if (d->done)
        d->done(d->arg, message);
    free(d);
}

static void fail_due(struct mcu_process *p)
{
    json_t *reply = json_pack("{s:b, s:{s:s, s:s}}", "ok", 0, "error", "code", "room_restarted",
                              "message", "The room's process ended before it answered.");
    struct due *d = p->due_first;
    p->due_first = p->due_last = NULL;
    while (d) {
        struct due *next = d->next;
        if (d->done && reply)
            d->done(d->arg, reply);
        free(d);
        d = next;
    }
    json_decref(reply);
}

static void kill_now(const struct mcu_process *p)
{
    if (p->pid_fd >= 0)
        pidfd_send_signal(p->pid_fd, SIGKILL, NULL, 0);
}

static void die(struct mcu_process *p, const char *why)
{
    if (p->is_dead)
        return;
    p->is_dead = true;
    close(p->fd);
    p->fd = -1;
    unlink(p->path);
    if (!p->is_ending)
        kill_now(p);
    fail_due(p);
    if (p->events.dead)
        p->events.dead(p->arg, p, why);
}

void mcu_process_fail(struct mcu_process *p, const char *why)
{
    kill_now(p);
    die(p, why);
}

static void take_message(struct mcu_process *p, const json_t *message)
{
    const json_t *reply = json_object_get(message, "reply");
    if (json_is_integer(reply))
        give_reply(p, message, (uint64_t)json_integer_value(reply));
    else if (!json_is_string(json_object_get(message, "event")))
        mcu_process_fail(p, "it sent a message that is neither reply nor event");
    else if (p->events.event)
        p->events.event(p->arg, message);
}

static void take_messages(struct mcu_process *p)
{
    json_t *message = NULL;
    int n;
    while (!p->is_dead && (n = mcu_control_next(&p->reader, &message)) != 0) {
        if (n < 0) {
            mcu_process_fail(p, "it sent a line that is not a message");
            return;
        }
        take_message(p, message);
        json_decref(message);
    }
}

static void on_readable(struct mcu_process *p)
{
    static char buffer[READ_SIZE]; /* [front] is one thread */
    const ssize_t n = read(p->fd, buffer, sizeof(buffer));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        die(p, "its control connection ended");
        return;
    }
    p->heard_us = mcu_now_us();
    if (mcu_control_feed(&p->reader, buffer, (size_t)n) < 0)
        mcu_process_fail(p, "it sent a line that is too long");
    else
        take_messages(p);
}

static void on_writable(struct mcu_process *p)
{
    const ssize_t n = send(p->fd, p->out, p->out_size, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        return; /* what it said before it went is still to be read; then comes EOF */
    if (n > 0) {
        p->out_size -= (size_t)n;
        memmove(p->out, p->out + n, p->out_size);
    }
    set_wants_write(p, p->out_size > 0);
}

static void process_ready(struct mcu_watch *w, uint32_t events)
{
    struct mcu_process *p = (struct mcu_process *)w;
    if (events & EPOLLOUT)
        on_writable(p);
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        on_readable(p);
}

static int wrap(struct mcu_process **out, int epoll_fd, const char *path, int fd, pid_t pid)
{
    struct mcu_process *p = calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    p->watch.ready = process_ready;
    p->epoll_fd = epoll_fd;
    p->fd = fd;
    p->pid_fd = -1;
    p->heard_us = mcu_now_us();
    snprintf(p->path, sizeof(p->path), "%s", path);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = &p->watch};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0) {
        const int err = -errno;
        free(p);
        return err;
    }
    if (pid > 0)
        mcu_process_set_pid(p, pid);
    *out = p;
    return 0;
}

static int start_at(struct mcu_process **out, int epoll_fd, const char *path, int listener)
{
    const int fd = connect_to(path); /* the backlog takes it before anybody accepts */
    if (fd < 0)
        return fd;
    pid_t pid = 0;
    int err = spawn_room(&pid, listener);
    if (!err)
        err = wrap(out, epoll_fd, path, fd, pid);
    if (err) {
        if (pid > 0)
            kill(pid, SIGKILL);
        close(fd);
    }
    return err;
}

int mcu_process_start(struct mcu_process **out, int epoll_fd, const char *dir)
{
    char path[MCU_SOCKET_PATH_MAX];
    int err = new_path(path, dir);
    if (err)
        return err;
    const int listener = listen_at(path);
    if (listener < 0)
        return listener;
    err = start_at(out, epoll_fd, path, listener);
    close(listener);
    if (err)
        unlink(path);
    return err;
}

int mcu_process_attach(struct mcu_process **out, int epoll_fd, const char *path)
{
    const int fd = connect_to(path);
    if (fd < 0)
        return fd;
    const int err = wrap(out, epoll_fd, path, fd, 0);
    if (err)
        close(fd);
    return err;
}

static void free_process(struct mcu_process *p)
{
    p->is_dead = true;
    fail_due(p);
    if (p->pid_fd >= 0)
        close(p->pid_fd);
    mcu_control_reader_finish(&p->reader);
    free(p->out);
    free(p);
}

void mcu_process_destroy(struct mcu_process *p)
{
    if (!p)
        return;
    p->events = (struct mcu_process_events){0};
    die(p, "");
    free_process(p);
}

void mcu_process_release(struct mcu_process *p)
{
    if (!p->is_dead)
        close(p->fd);
    free_process(p);
}

void mcu_process_listen(struct mcu_process *p, const struct mcu_process_events *events, void *arg)
{
    p->events = *events;
    p->arg = arg;
    p->heard_us = mcu_now_us(); /* a spare has nothing to say */
}

static int queue_out(struct mcu_process *p, const char *data, size_t size)
{
    const size_t need = p->out_size + size;
    if (need > p->out_capacity) {
        const size_t capacity = need * 2;
        char *grown = realloc(p->out, capacity);
        if (!grown)
            return -ENOMEM;
        p->out = grown;
        p->out_capacity = capacity;
    }
    memcpy(p->out + p->out_size, data, size);
    p->out_size = need;
    return 0;
}

static int add_due(struct mcu_process *p, sig_reply_fn *done, void *arg)
{
    struct due *d = calloc(1, sizeof(*d));
    if (!d)
        return -ENOMEM;
    *d = (struct due){.seq = p->last_seq, .done = done, .arg = arg};
    if (p->due_last)
        p->due_last->next = d;
    else
        p->due_first = d;
    p->due_last = d;
    return 0;
}

/* Queues the line and who waits for its answer, or neither. */
static int queue_command(struct mcu_process *p, const json_t *command, sig_reply_fn *done,
                         void *arg)
{
    size_t size = 0;
    char *line = mcu_control_line(command, &size);
    if (!line)
        return -ENOMEM;
    int err = queue_out(p, line, size);
    free(line);
    if (err)
        return err;
    err = add_due(p, done, arg);
    if (err)
        p->out_size -= size;
    return err;
}

int mcu_process_send(struct mcu_process *p, json_t *command, sig_reply_fn *done, void *arg)
{
    int err = -EPIPE;
    if (!command)
        return -ENOMEM;
    if (p->is_dead || p->is_ending)
        goto out;
    err = -ENOMEM;
    if (json_object_set_new(command, "seq", json_integer((json_int_t)++p->last_seq)) == 0)
        err = queue_command(p, command, done, arg);
    if (!err)
        set_wants_write(p,
                        true); /* written from the loop; a flood is seen by mcu_process_is_stuck */
out:
    json_decref(command);
    return err;
}

void mcu_process_expect_end(struct mcu_process *p)
{
    p->is_ending = true;
}

void mcu_process_set_pid(struct mcu_process *p, pid_t pid)
{
    p->pid = pid;
    if (p->pid_fd < 0)
        p->pid_fd = pidfd_open(pid, 0);
}

pid_t mcu_process_pid(const struct mcu_process *p)
{
    return p->pid;
}

bool mcu_process_is_dead(const struct mcu_process *p)
{
    return p->is_dead;
}

bool mcu_process_is_stuck(const struct mcu_process *p, int64_t silence_us)
{
    return p->out_size > MCU_PROCESS_OUT_MAX || mcu_now_us() - p->heard_us > silence_us;
}
