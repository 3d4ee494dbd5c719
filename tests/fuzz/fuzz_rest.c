/* Fuzzes bodies of REST requests: the first byte chooses one of the routes under a room that take a
 * body, the rest is the body, as its handler gets it. The room's process says yes to everything; its
 * answers and the room's end are part of each run. Aborts when a request is still held at the end. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/log.h"
#include "signaling/http.h"
#include "signaling/rooms.h"

enum { BODY_MAX = 8 * 1024, ASKED_MAX = 256 };

static struct {
    json_t *command;
    sig_reply_fn *done;
    void *arg;
} asked[ASKED_MAX];
static size_t asked_count;
static void *opened;

/* --- a host that keeps what it is asked ------------------------------------------------------- */

static int host_open(void *ctx, const char *name, const char *type, int64_t at_ms, void *room,
                     struct sig_link **out)
{
    (void)ctx, (void)name, (void)type, (void)at_ms;
    opened = room;
    *out = (struct sig_link *)&opened;
    return 0;
}

static int host_send(struct sig_link *link, json_t *command, sig_reply_fn *done, void *arg)
{
    (void)link;
    if (asked_count == ASKED_MAX) {
        json_decref(command);
        return -EPIPE;
    }
    asked[asked_count].command = command;
    asked[asked_count].done = done;
    asked[asked_count++].arg = arg;
    return 0;
}

static void host_close(struct sig_link *link)
{
    (void)link;
}

static void host_stats(void *ctx, struct sig_host_stats *out)
{
    (void)ctx;
    *out = (struct sig_host_stats){0};
}

static void no_event(struct sig_client *client, const json_t *event)
{
    (void)client, (void)event;
}

static void no_unseat(struct sig_client *client, const char *reason)
{
    (void)client, (void)reason;
}

static void answer_all(void)
{
    json_t *yes = json_pack("{s:b}", "ok", 1);
    for (size_t i = 0; i < asked_count; i++) { /* answers may ask more */
        if (asked[i].done)
            asked[i].done(asked[i].arg, yes);
        json_decref(asked[i].command);
    }
    asked_count = 0;
    json_decref(yes);
}

/* --- a request -------------------------------------------------------------------------------- */

static const struct sig_route *choose(uint8_t n)
{
    const struct sig_route *routes[64];
    size_t count = 0;
    for (const struct sig_route *r = sig_routes; r->pattern && count < 64; r++) {
        if (r->body_max && strncmp(r->pattern, "/api/v1/rooms", 13) == 0)
            routes[count++] = r;
    }
    return routes[n % count];
}

static void request(struct sig_front *front, const struct sig_route *route, const uint8_t *body,
                    size_t size)
{
    struct sig_http *req = calloc(1, sizeof(*req));
    req->refs = 1;
    req->front = front;
    req->file = -1;
    req->method = route->method;
    req->match.route = route;
    snprintf(req->path, sizeof(req->path), "%s", route->pattern);
    snprintf(req->match.params[0], sizeof(req->match.params[0]), "room");
    snprintf(req->match.params[1], sizeof(req->match.params[1]), "user");
    req->body = malloc(size + 1);
    memcpy(req->body, body, size);
    req->body[size] = '\0';
    req->body_size = req->body_expected = size;
    sig_http_ref(req);
    route->handle(req);
    answer_all();
    if (req->refs != 2)
        abort();
    sig_http_unref(req);
    sig_http_unref(req);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mcu_config config;
    static struct sig_front front;
    const struct sig_error *error = NULL;
    if (size < 1 || size > BODY_MAX)
        return 0;
    mcu_log_set_level_name("error");
    mcu_config_init(&config);
    config.auth.dev = true;
    const struct sig_rooms_conf conf = {
        .config = &config,
        .host = {.open = host_open, .send = host_send, .close = host_close, .stats = host_stats},
        .recordings_dir = "/tmp",
        .send = no_event,
        .unseat = no_unseat,
    };
    front = (struct sig_front){.config = &config, .host = conf.host, .is_ready = true};
    if (sig_rooms_create(&front.rooms, &conf) != 0)
        abort();
    struct sig_host_events events;
    sig_rooms_events(front.rooms, &events);
    sig_rooms_open(front.rooms, "room", "mcu", "user", &error);
    const struct sig_join join = {.kind = SIG_KIND_RTP,
                                  .room_id = "room",
                                  .user = "user",
                                  .name = "User",
                                  .role = "host"};
    sig_rooms_join(front.rooms, &join);
    answer_all();
    request(&front, choose(data[0]), data + 1, size - 1);
    sig_rooms_detach(front.rooms);
    sig_rooms_destroy(front.rooms);
    answer_all();
    return 0;
}
