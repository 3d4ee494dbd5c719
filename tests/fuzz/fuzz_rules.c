/* A room's rules as clients send them, and as an earlier front may have left them: what is taken
 * can be put in force, kept and read again to the same. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/json.h"
#include "mcu/base/log.h"
#include "signaling/rooms.h"
#include "signaling/ws.h"

static json_t *kept; /* what the room's process was given last */

static int host_open(void *ctx, const char *name, const char *type, int64_t opened_at_ms,
                     void *room, struct sig_link **out)
{
    (void)name;
    (void)type;
    (void)opened_at_ms;
    (void)room;
    *out = ctx;
    return 0;
}

static int host_send(struct sig_link *link, json_t *command, sig_reply_fn *done, void *arg)
{
    (void)link;
    (void)done; /* no command of rules waits for an answer */
    (void)arg;
    json_t *session = json_object_get(command, "session");
    if (session) {
        json_decref(kept);
        kept = json_deep_copy(session);
    }
    json_decref(command);
    return 0;
}

static void host_close(struct sig_link *link)
{
    (void)link;
}

static void on_send(struct sig_client *client, const json_t *event)
{
    (void)client;
    (void)event;
}

static void on_unseat(struct sig_client *client, const char *reason)
{
    (void)client;
    (void)reason;
}

static struct sig_room *make_room(void)
{
    static struct mcu_config config;
    static struct sig_rooms *rooms;
    static int link;
    const struct sig_error *error = NULL;
    if (!rooms) {
        mcu_config_init(&config);
        mcu_log_set_level_name("error");
        const struct sig_rooms_conf conf = {
            .config = &config,
            .host = {.ctx = &link, .open = host_open, .send = host_send, .close = host_close},
            .recordings_dir = "/tmp",
            .send = on_send,
            .unseat = on_unseat,
        };
        if (sig_rooms_create(&rooms, &conf) != 0)
            abort();
    }
    struct sig_room *room = sig_rooms_find(rooms, "fuzz");
    return room ? room : sig_rooms_open(rooms, "fuzz", "mcu", "", &error);
}

static void check(struct sig_room *room, json_t *patch)
{
    sig_rules_apply(room, patch, "fuzz");
    json_t *before = sig_rules_whole_json(room);
    sig_rules_finish(&room->rules);
    sig_rules_init(&room->rules, &(struct mcu_config){0});
    sig_rules_adopt(room, kept);
    json_t *after = sig_rules_whole_json(room);
    if (!json_equal(before, after))
        abort();
    const json_t *banned = json_object_get(before, "banned");
    const char *first = json_string_value(json_array_get(banned, 0));
    if (first && !sig_rules_gate(room, first, NULL, true, true))
        abort();
    json_decref(before);
    json_decref(after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *body = NULL;
    char why[MCU_WHY_MAX] = "";
    struct sig_room *room = make_room();
    if (!room || !sig_json_depth_fits((const char *)data, size, 16) ||
        mcu_json_parse(&body, (const char *)data, size) != 0)
        return 0;
    json_t *patch = sig_rules_split(body);
    if (sig_rules_check(patch, why) == 0)
        check(room, patch);
    else if (!why[0])
        abort();
    sig_rules_adopt(room, body); /* as nobody would have left it */
    json_decref(patch);
    json_decref(body);
    return 0;
}
