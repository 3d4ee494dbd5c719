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

enum { ADOPT_PEERS_MAX = 4096 };

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

static void give_up(struct sig_link *link)
{
    json_decref(link->adopted);
    link->adopted = NULL;
    link->is_adopting = false;
    close_unwanted(link); /* a spare of the earlier front, too */
}

static void finish_adopt(struct sig_link *link)
{
    json_t *answer = link->adopted;
    link->adopted = NULL;
    link->is_adopting = false;
    link->room = link->s->events.adopted(link->s->events.ctx, link, answer);
    json_decref(answer);
    if (!link->room) {
        close_unwanted(link);
        return;
    }
    link->s->stats.adopted++;
    log_info("room=%s adopted, process %d", link->name, (int)mcu_process_pid(link->process));
}

static void on_adopt_answer(void *arg, const json_t *answer);

/* A large room tells its peers in slices: `next` says where the following one begins. */
static int ask_next(struct sig_link *link, const json_t *answer)
{
    int64_t next = 0;
    if (mcu_json_int(answer, "next", MCU_JSON_OPTIONAL, 1, ADOPT_PEERS_MAX, &next))
        return -EINVAL;
    if (!next)
        return 0;
    if ((size_t)next != json_array_size(json_object_get(link->adopted, "peers")))
        return -EINVAL;
    const int err = mcu_process_send(
        link->process, json_pack("{s:s,s:I}", "cmd", "adopt", "from", (json_int_t)next),
        on_adopt_answer, link);
    return err ? err : 1;
}

/* Adds a slice to what there is. Returns 0 or -EINVAL. */
static int take_slice(struct sig_link *link, const json_t *answer)
{
    json_t *peers = NULL;
    if (!json_is_true(json_object_get(answer, "ok")) ||
        mcu_json_array(answer, "peers", MCU_JSON_REQUIRED, ADOPT_PEERS_MAX, &peers))
        return -EINVAL;
    if (link->adopted)
        return json_array_size(peers) == 0 /* it would never end */
                   ? -EINVAL
                   : json_array_extend(json_object_get(link->adopted, "peers"), peers);
    link->adopted = json_deep_copy(answer);
    return link->adopted ? read_identity(link, answer) : -ENOMEM;
}

static void on_adopt_answer(void *arg, const json_t *answer)
{
    struct sig_link *link = arg;
    if (!link->process || mcu_process_is_dead(link->process))
        return; /* on_link_dead follows */
    const int more = take_slice(link, answer) == 0 ? ask_next(link, answer) : -EINVAL;
    if (more < 0)
        give_up(link);
    else if (more == 0)
        finish_adopt(link);
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
