/* tests/lib/netrig_control.h - lines from standard input and from a UNIX socket, each answered by
 * one line.
 *
 * Bounded: eight connections, lines of NETRIG_LINE_MAX. Whoever does not read its answers loses
 * them; nothing here waits. One thread. */
#ifndef TESTS_LIB_NETRIG_CONTROL_H
#define TESTS_LIB_NETRIG_CONTROL_H

#include <poll.h>
#include <stdbool.h>

#include "tests/lib/netrig_conf.h"

#define NETRIG_CONNECTIONS 8
#define NETRIG_CONTROL_FDS (NETRIG_CONNECTIONS + 2)
#define NETRIG_ANSWER_MAX  1024

/* Does what the line says and writes the answer, without a line feed. */
typedef void netrig_line_fn(void *ctx, const char *line, char answer[static NETRIG_ANSWER_MAX]);

struct netrig_channel {
    int in_fd, out_fd; /* -1: free */
    size_t used;
    bool is_too_long; /* until its line feed comes */
    char line[NETRIG_LINE_MAX];
};

struct netrig_control {
    netrig_line_fn *take;
    void *ctx;
    int listen_fd;
    struct netrig_channel channels[NETRIG_CONNECTIONS + 1]; /* the first is standard input */
    bool is_input_over;
};

/* -errno; with_input: standard input too, made non-blocking. */
int netrig_control_open(struct netrig_control *c, const char *path, bool with_input,
                        netrig_line_fn *take, void *ctx);
void netrig_control_close(struct netrig_control *c);

/* NETRIG_CONTROL_FDS entries to poll, and what to do afterwards. */
void netrig_control_fill(const struct netrig_control *c, struct pollfd *fds);
void netrig_control_serve(struct netrig_control *c, const struct pollfd *fds);

/* The other end: one line, one answer. -errno. */
int netrig_control_tell(const char *path, const char *line, char answer[static NETRIG_ANSWER_MAX]);

#endif
