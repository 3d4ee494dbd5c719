/* Finding the rooms of an earlier front. [front] thread, at the start, before anybody is served.
 *
 * Each socket in DATA/rooms either has a room behind it, which is asked `adopt`, or is what a dead
 * one left. A room that does not answer in time is left to the next start: nobody knows its pid. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "mcu/base/json.h"
#include "mcu/base/log.h"
#include "mcu/supervisor_internal.h"

static void close_unwanted(struct sig_link *link)
{
    struct sig_host host;
    mcu_supervisor_host(link->s, &host);
    host.close(link);
}

/* The room's own word on who it is; strict, for the file could be anybody's. */
static int read_identity(struct sig_link *link, const json_t *answer)
{
    int64_t pid = 0;
    int err = mcu_json_string(answer, "room", MCU_JSON_REQUIRED, 1, link->name, sizeof(link->name));
    if (!err)
        err = mcu_json_string(answer, "type", MCU_JSON_REQUIRED, 1, link->type, sizeof(link->type));
    if (!err)
        err =
            mcu_json_int(answer, "opened_at", MCU_JSON_REQUIRED, 0, INT64_MAX, &link->opened_at_ms);
    if (!err)
        err = mcu_json_int(answer, "pid", MCU_JSON_REQUIRED, 2, INT32_MAX, &pid);
    if (!err)
        mcu_process_set_pid(link->process, (pid_t)pid);
    return err;
}

static void on_adopt_answer(void *arg, const json_t *answer)
{
    struct sig_link *link = arg;
    if (!link->process || mcu_process_is_dead(link->process))
        return; /* on_link_dead follows */
    if (!json_is_true(json_object_get(answer, "ok")) || read_identity(link, answer) != 0) {
        link->is_adopting = false;
        close_unwanted(link); /* a spare of the earlier front, too */
        return;
    }
    link->is_adopting = false;
    link->room = link->s->events.adopted(link->s->events.ctx, link, answer);
    if (!link->room) {
        close_unwanted(link);
        return;
    }
    link->s->stats.adopted++;
    log_info("room=%s adopted, process %d", link->name, (int)mcu_process_pid(link->process));
}

static void adopt_socket(struct mcu_supervisor *s, const char *path)
{
    struct mcu_process *p = NULL;
    const int err = mcu_process_attach(&p, s->epoll_fd, path);
    if (err) {
        log_info("removing the socket of a room that is gone: %s (%s)", path, strerror(-err));
        unlink(path);
        return;
    }
    struct sig_link *link = supervisor_add_link(s, p);
    if (!link) {
        mcu_process_release(p);
        return;
    }
    link->is_adopting = true;
    supervisor_listen_link(link);
    if (mcu_process_send(p, json_pack("{s:s}", "cmd", "adopt"), on_adopt_answer, link) != 0)
        mcu_process_fail(p, "it cannot be asked to be adopted");
}

static bool is_socket_name(const char *name)
{
    const size_t n = strlen(name);
    return n > 5 && strcmp(name + n - 5, ".sock") == 0;
}

static int scan(struct mcu_supervisor *s)
{
    DIR *dir = opendir(s->rooms_dir);
    if (!dir)
        return -errno;
    const struct dirent *entry;
    while ((entry = readdir(dir))) {
        char path[MCU_SOCKET_PATH_MAX];
        if (is_socket_name(entry->d_name) &&
            snprintf(path, sizeof(path), "%s/%s", s->rooms_dir, entry->d_name) < (int)sizeof(path))
            adopt_socket(s, path);
    }
    closedir(dir);
    return 0;
}

static struct sig_link *first_adopting(const struct mcu_supervisor *s)
{
    struct sig_link *link = s->links;
    while (link && !link->is_adopting)
        link = link->next;
    return link;
}

int mcu_supervisor_adopt(struct mcu_supervisor *s, int timeout_ms)
{
    const int err = scan(s);
    if (err)
        return err;
    const int64_t deadline_us = mcu_now_us() + timeout_ms * MCU_US_PER_MS;
    while (first_adopting(s) && mcu_now_us() < deadline_us) {
        struct pollfd fd = {.fd = s->epoll_fd, .events = POLLIN};
        poll(&fd, 1, 50);
        mcu_supervisor_service(s);
    }
    struct sig_link *link;
    while ((link = first_adopting(s))) {
        log_warn("a room of an earlier front does not answer; it is left alone");
        mcu_process_release(link->process);
        supervisor_drop_link(link);
    }
    supervisor_keep_spares(s);
    return (int)s->stats.adopted;
}
