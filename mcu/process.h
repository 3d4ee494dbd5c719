/* mcu/process.h - one room process as the front holds it: its pid, its control connection, and the
 * replies that are due.
 *
 * A process dies when its connection ends, whatever the reason: a crash (EOF), a line that is not a
 * message, silence, or an output that it does not read. It is then killed, so that no second one
 * ever writes the same files. [front] thread only; nothing here blocks. */
#ifndef MCU_PROCESS_H
#define MCU_PROCESS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "signaling/host.h"

/* Something with a descriptor in the supervisor's epoll set. */
struct mcu_watch {
    void (*ready)(struct mcu_watch *w, uint32_t events);
};

enum {
    MCU_SOCKET_PATH_MAX = 108,             /* sun_path */
    MCU_PROCESS_OUT_MAX = 8 * 1024 * 1024, /* bytes it may leave unread */
};

struct mcu_process;

struct mcu_process_events {
    void (*event)(void *arg, const json_t *message);
    /* Told once; replies that were due have been given. The owner destroys it later, when no call
     * into it is under way. */
    void (*dead)(void *arg, struct mcu_process *p, const char *why);
};

/* Binds a new socket in dir, starts `/proc/self/exe room --control-fd 3` with it in a session of
 * its own, and connects. Returns 0, -ENAMETOOLONG (dir is too long for a socket), or the errno of
 * what failed. *out is the caller's. */
int mcu_process_start(struct mcu_process **out, int epoll_fd, const char *dir);

/* Connects to the socket of a process of an earlier front. Returns 0, -ECONNREFUSED when nobody
 * listens any more, or another negative errno. */
int mcu_process_attach(struct mcu_process **out, int epoll_fd, const char *path);

/* Ends the connection and removes the socket file; kills the process if it was not expected to end.
 * Due replies are given, as failed. NULL is fine. */
void mcu_process_destroy(struct mcu_process *p);

/* Ends the connection; the process runs on and its socket stays, for the next front. */
void mcu_process_release(struct mcu_process *p);

/* Whom to tell. Until it is called events are dropped. */
void mcu_process_listen(struct mcu_process *p, const struct mcu_process_events *events, void *arg);

/* As sig_host.send. */
int mcu_process_send(struct mcu_process *p, json_t *command, sig_reply_fn *done, void *arg);

/* Its end will be no surprise: EOF then does not kill it. Nothing more can be sent. */
void mcu_process_expect_end(struct mcu_process *p);

/* Kills it; `dead` follows within this call. */
void mcu_process_fail(struct mcu_process *p, const char *why);

/* Lets adopted processes be killed: the pid that they told. */
void mcu_process_set_pid(struct mcu_process *p, pid_t pid);

pid_t mcu_process_pid(const struct mcu_process *p);
bool mcu_process_is_dead(const struct mcu_process *p);

/* It has said nothing for silence_us, or does not read what it is told. */
bool mcu_process_is_stuck(const struct mcu_process *p, int64_t silence_us);

#endif
