/* Outside sources in the model; see inputs.h. What the room's process says is checked as all it
 * says is. */
#include "signaling/inputs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mcu/base/json.h"
#include "mcu/control_input.h"
#include "signaling/rooms_internal.h"

static bool is_state(const char *state)
{
    static const char *const names[] = {"connecting", "playing", "paused",
                                        "waiting",    "ended",   "failed"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], state) == 0)
            return true;
    }
    return false;
}

/* A status of nothing but what it may have; NULL: it is none. */
static json_t *read_status(const json_t *said)
{
    char state[16], error[32] = "";
    double position = 0.0, duration = 0.0;
    int64_t retries = 0;
    bool is_looped = false;
    if (mcu_json_string(said, "state", MCU_JSON_REQUIRED, 1, state, sizeof(state)) ||
        !is_state(state) ||
        mcu_json_string(said, "error", MCU_JSON_OPTIONAL, 0, error, sizeof(error)) ||
        mcu_json_number(said, "position", MCU_JSON_OPTIONAL, -1e9, 1e9, &position) ||
        mcu_json_number(said, "duration", MCU_JSON_OPTIONAL, 0.0, 1e9, &duration) ||
        mcu_json_int(said, "retries", MCU_JSON_OPTIONAL, 0, UINT32_MAX, &retries) ||
        mcu_json_bool(said, "loop", MCU_JSON_OPTIONAL, &is_looped))
        return NULL;
    return json_pack("{s:s, s:o, s:f, s:o, s:I, s:b}", "state", state, "error",
                     error[0] ? json_string(error) : json_null(), "position",
                     position > 0.0 ? position : 0.0, "duration",
                     duration > 0.0 ? json_real(duration) : json_null(), "retries",
                     (json_int_t)retries, "loop", is_looped);
}

static bool is_same(const json_t *a, const json_t *b, const char *key)
{
    return json_equal(json_object_get(a, key), json_object_get(b, key));
}

static void tell(const struct sig_member *m)
{
    if (!m->room || m->is_joining || !m->input_status) /* it may have left meanwhile */
        return;
    json_t *data = json_deep_copy(m->input_status); /* where a file stands is asked for */
    json_object_set_new(data, "userId", json_string(m->user));
    json_object_set_new(data, "id", json_string(m->peer));
    json_object_set_new(data, "name", json_string(m->name));
    sig_room_tell(m->room, NULL, "input", data);
}

/* A new process of the room counts anew. */
static void count_retries(const struct sig_member *m, const json_t *status)
{
    const json_int_t was = json_integer_value(json_object_get(m->input_status, "retries"));
    const json_int_t is = json_integer_value(json_object_get(status, "retries"));
    m->room->rooms->stats.input_retries += (uint64_t)(is > was ? is - was : 0);
}

bool sig_input_is_waiting(const struct sig_member *m)
{
    const char *state = json_string_value(json_object_get(m->input_status, "state"));
    return state && strcmp(state, "waiting") == 0;
}

void sig_input_set_status(struct sig_member *m, const json_t *said)
{
    json_t *status = m->room && m->kind == SIG_KIND_INPUT ? read_status(said) : NULL;
    if (!status)
        return;
    count_retries(m, status);
    const bool is_news = !is_same(status, m->input_status, "state") ||
                         !is_same(status, m->input_status, "error") ||
                         !is_same(status, m->input_status, "loop");
    json_decref(m->input_status);
    m->input_status = status;
    if (is_news)
        tell(m);
}

void sig_input_event(struct sig_room *room, const json_t *event)
{
    struct sig_member *m = member_of_event(room, event);
    if (m)
        sig_input_set_status(m, event);
}

json_t *sig_input_json(const struct sig_member *m)
{
    struct mcu_input said;
    char why[MCU_INPUT_WHY_MAX];
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:s, s:n, s:f, s:n, s:i, s:b, s:i}", "id", m->peer, "userId",
                  m->user, "name", m->name, "state", "connecting", "error", "position", 0.0,
                  "duration", "retries", 0, "loop", 0, "volume", sig_member_volume(m));
    if (mcu_input_read(&said, m->input, why) == 0) {
        json_object_set_new(json, said.url[0] ? "url" : "file", json_string(said.masked));
        json_object_set_new(json, "loop", json_boolean(said.is_looped));
    }
    if (m->input_status)
        json_object_update(json, m->input_status);
    return json;
}

int sig_input_adopt(struct sig_member *m, const json_t *input)
{
    struct mcu_input said;
    char why[MCU_INPUT_WHY_MAX];
    json_t *about = json_object_get(input, "about");
    json_t *status = read_status(input);
    if (!status || mcu_input_read(&said, about, why)) {
        json_decref(status);
        return -EINVAL;
    }
    m->input = json_deep_copy(about);
    m->input_status = status;
    return 0;
}

json_t *sig_input_again(const struct sig_member *m)
{
    json_t *input = json_deep_copy(m->input);
    json_t *position = json_object_get(m->input_status, "position");
    if (input && position && json_object_get(input, "file"))
        json_object_set(input, "position", position);
    return input;
}

void sig_input_note(struct sig_member *m, const json_t *change)
{
    static const char *const kept[] = {"loop", "paused"};
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        json_t *value = json_object_get(change, kept[i]);
        if (value)
            json_object_set(m->input, kept[i], value);
    }
    const char *name = json_string_value(json_object_get(change, "name"));
    if (!name || strcmp(name, m->name) == 0)
        return;
    snprintf(m->name, sizeof(m->name), "%s", name);
    tell(m);
}
