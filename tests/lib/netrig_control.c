/* Control lines; see the header. */
#include "tests/lib/netrig_control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int make_address(struct sockaddr_un *address, const char *path)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address->sun_path))
        return -ENAMETOOLONG;
    strcpy(address->sun_path, path);
    return 0;
}

static int listen_at(const char *path)
{
    struct sockaddr_un address;
    const int err = make_address(&address, path);
    if (err)
        return err;
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 8) == 0)
        return fd;
    const int why = -errno;
    close(fd);
    return why;
}

int netrig_control_open(struct netrig_control *c, const char *path, bool with_input,
                        netrig_line_fn *take, void *ctx)
{
    *c = (struct netrig_control){.take = take, .ctx = ctx};
    for (int i = 0; i <= NETRIG_CONNECTIONS; i++)
        c->channels[i].in_fd = c->channels[i].out_fd = -1;
    c->listen_fd = listen_at(path);
    if (c->listen_fd < 0)
        return c->listen_fd;
    if (with_input) {
        fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
        c->channels[0].in_fd = STDIN_FILENO;
        c->channels[0].out_fd = STDOUT_FILENO;
    }
    return 0;
}

void netrig_control_close(struct netrig_control *c)
{
    for (int i = 1; i <= NETRIG_CONNECTIONS; i++) {
        if (c->channels[i].in_fd >= 0)
            close(c->channels[i].in_fd);
    }
    close(c->listen_fd);
}

void netrig_control_fill(const struct netrig_control *c, struct pollfd *fds)
{
    for (int i = 0; i <= NETRIG_CONNECTIONS; i++)
        fds[i] = (struct pollfd){.fd = c->channels[i].in_fd, .events = POLLIN};
    fds[NETRIG_CONNECTIONS + 1] = (struct pollfd){.fd = c->listen_fd, .events = POLLIN};
}

static void answer_line(struct netrig_control *c, struct netrig_channel *ch)
{
    char answer[NETRIG_ANSWER_MAX] = "{\"event\":\"error\",\"why\":\"the line is too long\"}";
    if (!ch->is_too_long)
        c->take(c->ctx, ch->line, answer);
    strncat(answer, "\n", sizeof(answer) - strlen(answer) - 1);
    struct pollfd ready = {.fd = ch->out_fd, .events = POLLOUT};
    if (poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) &&
        write(ch->out_fd, answer, strlen(answer)) < 0)
        ch->is_too_long = false; /* nobody reads: no answer, no harm */
}

static void take_byte(struct netrig_control *c, struct netrig_channel *ch, char byte)
{
    if (byte != '\n' && ch->used + 1 < sizeof(ch->line)) {
        ch->line[ch->used++] = byte == '\r' ? ' ' : byte;
        return;
    }
    if (byte != '\n') {
        ch->is_too_long = true;
        return;
    }
    ch->line[ch->used] = '\0';
    answer_line(c, ch);
    ch->used = 0;
    ch->is_too_long = false;
}

static void end_channel(struct netrig_control *c, struct netrig_channel *ch)
{
    if (ch == &c->channels[0])
        c->is_input_over = true;
    else
        close(ch->in_fd);
    *ch = (struct netrig_channel){.in_fd = -1, .out_fd = -1};
}

static void read_channel(struct netrig_control *c, struct netrig_channel *ch)
{
    char bytes[4096];
    const ssize_t n = read(ch->in_fd, bytes, sizeof(bytes));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    for (ssize_t i = 0; i < n; i++)
        take_byte(c, ch, bytes[i]);
    if (n <= 0)
        end_channel(c, ch);
}

static void accept_one(struct netrig_control *c)
{
    const int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    for (int i = 1; fd >= 0 && i <= NETRIG_CONNECTIONS; i++) {
        if (c->channels[i].in_fd < 0) {
            c->channels[i] = (struct netrig_channel){.in_fd = fd, .out_fd = fd};
            return;
        }
    }
    if (fd >= 0)
        close(fd);
}

void netrig_control_serve(struct netrig_control *c, const struct pollfd *fds)
{
    for (int i = 0; i <= NETRIG_CONNECTIONS; i++) {
        if (fds[i].revents && c->channels[i].in_fd == fds[i].fd)
            read_channel(c, &c->channels[i]);
    }
    if (fds[NETRIG_CONNECTIONS + 1].revents)
        accept_one(c);
}

int netrig_control_tell(const char *path, const char *line, char answer[static NETRIG_ANSWER_MAX])
{
    struct sockaddr_un address;
    int err = make_address(&address, path);
    const int fd = err ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err ? err : -errno;
    ssize_t n = -1;
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
        dprintf(fd, "%s\n", line) > 0)
        n = read(fd, answer, NETRIG_ANSWER_MAX - 1);
    err = n < 0 ? -errno : n == 0 ? -EPIPE : 0;
    close(fd);
    answer[n > 0 ? n : 0] = '\0';
    answer[strcspn(answer, "\n")] = '\0';
    return err;
}
