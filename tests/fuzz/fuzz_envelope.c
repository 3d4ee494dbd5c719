/* Fuzzes envelopes as WebSocket clients send them, in our words and in the dialect. Aborts when a
 * dialect message becomes something that names another sender or receiver than it says, or when
 * what it became does not come out of the dialect and in again as the same request. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/json.h"
#include "signaling/dialect.h"
#include "signaling/ws.h"

static void check(bool is_true)
{
    if (!is_true)
        abort();
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* Out to the receiver, who sends it back as his own. */
static void check_again(const struct sig_dialect *d, json_t *ours, const char *from)
{
    struct sig_dialect back = {.is_spoken = false};
    char sender[SIG_USER_SIZE];
    json_t *again = NULL;
    json_t *data = json_object_get(ours, "data");
    json_object_set_new(data, "userId", json_string(from));
    json_t *out = sig_dialect_out(d, "receiver", ours);
    if (!out) /* an action that is only understood */
        return;
    check(strcmp(text_of(out, "send_id"), from) == 0);
    check(strcmp(text_of(out, "receive_id"), "receiver") == 0);
    if (sig_dialect_in(&back, out, &again, sender) == 0) {
        const char *was = text_of(ours, "action");
        const char *is = text_of(again, "action");
        check(strcmp(was, is) == 0 || (strcmp(was, "cancel") == 0 && strcmp(is, "hangup") == 0) ||
              d->says_sdp);
        check(strcmp(text_of(json_object_get(again, "data"), "sdp"), text_of(data, "sdp")) == 0);
        json_decref(again);
    }
    json_decref(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sig_dialect d = {.is_spoken = false};
    char from[SIG_USER_SIZE] = "";
    json_t *message = NULL;
    json_t *ours = NULL;
    if (size > SIG_WS_MESSAGE_MAX ||
        !sig_json_depth_fits((const char *)data, size, SIG_WS_DEPTH_MAX) ||
        mcu_json_parse(&message, (const char *)data, size) != 0)
        return 0;
    if (sig_dialect_is(message) && sig_dialect_in(&d, message, &ours, from) == 0) {
        const json_t *made = json_object_get(ours, "data");
        check(d.is_spoken && from[0] && strcmp(text_of(message, "send_id"), from) == 0);
        check(strcmp(text_of(ours, "type"), "rtc") == 0 && json_is_object(made));
        check(!json_object_get(made, "userId") && !json_object_get(made, "targetUsers"));
        check(strcmp(text_of(made, "targetUser"), text_of(message, "receive_id")) == 0);
        check_again(&d, ours, from);
        json_decref(ours);
    } else {
        check(!d.is_spoken);
    }
    json_decref(message);
    return 0;
}
