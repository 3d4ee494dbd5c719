/* Text; see chat.h. Front thread.
 *
 * Messages are numbered here, for the store writes later and on another thread. Numbers begin at
 * the clock's microseconds or behind the newest stored, so they rise over restarts. */
#include "signaling/chat.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"

/* A page is cut where its text would fill the client's queue. */
enum { INBOX_PAGE = 100, INBOX_BYTES = 256 * 1024, HISTORY_BYTES = 512 * 1024, MISSED_MAX = 100 };

struct sig_chat {
    struct sig_chat_conf conf;
    int64_t next_row;
    struct sig_chat_stats stats;
};

static json_t *message_json(const struct sig_store_message *m)
{
    json_t *json = json_pack("{s:I, s:s, s:s, s:I}", "messageId", (json_int_t)m->id, "userId",
                             m->from, "content", m->content, "sentAt", (json_int_t)m->sent_at_ms);
    if (m->room_id[0])
        json_object_set_new(json, "roomId", json_string(m->room_id));
    else
        json_object_set_new(json, "targetUser", json_string(m->to));
    if (m->delivered_at_ms)
        json_object_set_new(json, "deliveredAt", json_integer(m->delivered_at_ms));
    return json;
}

/* The sender learns that it arrived. */
static void tell_delivered(struct sig_chat *c, const char *from, const char *to, int64_t row,
                           int64_t at_ms)
{
    sig_user_tell(sig_users_find(c->conf.users, from), NULL, "message", "delivered",
                  json_pack("{s:s, s:I, s:I}", "userId", to, "messageId", (json_int_t)row,
                            "deliveredAt", (json_int_t)at_ms));
}

/* --- sending ---------------------------------------------------------------------------------- */

static json_t *sent_answer(const struct sig_store_message *m)
{
    return json_pack("{s:I, s:I, s:b}", "messageId", (json_int_t)m->id, "sentAt",
                     (json_int_t)m->sent_at_ms, "delivered", m->delivered_at_ms != 0);
}

static const struct sig_error *keep(struct sig_chat *c, const struct sig_store_message *m)
{
    c->stats.sent++;
    const int err = c->conf.store
                        ? sig_store_message(c->conf.store, m->id, m->from, m->to, m->room_id,
                                            m->content, m->sent_at_ms, m->delivered_at_ms)
                        : 0;
    return err ? sig_error("too_busy") : NULL;
}

const struct sig_error *sig_chat_to_user(struct sig_chat *c, struct sig_device *by, const char *to,
                                         const char *content, json_t **answer)
{
    struct sig_store_message m = {.id = ++c->next_row, .sent_at_ms = mcu_wall_ms()};
    snprintf(m.from, sizeof(m.from), "%s", by->user->id);
    snprintf(m.to, sizeof(m.to), "%s", to);
    m.content = (char *)content;
    struct sig_user *user = sig_users_find(c->conf.users, to);
    const bool is_there = strcmp(sig_user_state(user), "online") == 0;
    m.delivered_at_ms = is_there ? m.sent_at_ms : 0;
    const struct sig_error *error = keep(c, &m);
    if (error)
        return error;
    sig_user_tell(user, by, "message", "send", message_json(&m));
    if (user != by->user)
        sig_user_tell(by->user, by, "message", "send", message_json(&m));
    c->stats.delivered += is_there ? 1 : 0;
    c->stats.waited += is_there ? 0 : 1;
    *answer = sent_answer(&m);
    return NULL;
}

static void tell_room(struct sig_member *by, json_t *data)
{
    json_t *event = json_pack("{s:s, s:s, s:o}", "type", "message", "action", "send", "data", data);
    sig_room_send(by->room, by, event);
    json_decref(event);
}

const struct sig_error *sig_chat_to_room(struct sig_chat *c, struct sig_member *by,
                                         const char *content, json_t **answer)
{
    struct sig_store_message m = {.id = ++c->next_row, .sent_at_ms = mcu_wall_ms()};
    snprintf(m.from, sizeof(m.from), "%s", by->user);
    snprintf(m.room_id, sizeof(m.room_id), "%s", by->room->id);
    m.content = (char *)content;
    m.delivered_at_ms = m.sent_at_ms;
    const struct sig_error *error = keep(c, &m);
    if (error)
        return error;
    json_t *data = message_json(&m);
    json_object_set_new(data, "name", json_string(by->name));
    tell_room(by, data);
    *answer = sent_answer(&m);
    return NULL;
}

/* --- history ---------------------------------------------------------------------------------- */

/* How many of n rows fit into so many bytes; the others' texts are freed. */
static int cut_page(struct sig_store_message *rows, int n, size_t bytes)
{
    int fits = 0;
    for (size_t used = 0; fits < n; fits++) {
        used += strlen(rows[fits].content) + 256;
        if (fits > 0 && used > bytes)
            break;
    }
    for (int i = fits; i < n; i++)
        free(rows[i].content);
    return fits;
}

static json_t *take_page(struct sig_store_message *rows, int n, bool is_newest_first)
{
    json_t *list = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(list, message_json(&rows[is_newest_first ? n - 1 - i : i]));
    for (int i = 0; i < n; i++)
        free(rows[i].content);
    return list;
}

const struct sig_error *sig_chat_history(struct sig_chat *c, const struct sig_store_talk *which,
                                         json_t **answer)
{
    struct sig_store_message *rows = calloc(SIG_CHAT_PAGE_MAX + 1, sizeof(*rows));
    struct sig_store_talk more = *which;
    more.limit = which->limit + 1; /* one more says whether there are more */
    const int n = rows && c->conf.store ? sig_store_messages(c->conf.store, &more, rows) : -ENOMEM;
    if (n < 0) {
        free(rows);
        return sig_error("too_busy");
    }
    int fits = cut_page(rows, n, HISTORY_BYTES);
    if (fits > (int)which->limit)
        free(rows[--fits].content);
    *answer = json_pack("{s:o, s:b}", "messages", take_page(rows, fits, which->after == 0), "more",
                        fits < n);
    free(rows);
    return NULL;
}

/* --- what waits ------------------------------------------------------------------------------- */

/* Returns whether there may be more. */
static bool deliver_page(struct sig_chat *c, struct sig_user *user)
{
    struct sig_store_message *rows = calloc(INBOX_PAGE, sizeof(*rows));
    const int64_t now_ms = mcu_wall_ms();
    const int n =
        rows ? sig_store_messages_waiting(c->conf.store, user->id, user->inbox_to, INBOX_PAGE, rows)
             : 0;
    const int fits = n > 0 ? cut_page(rows, n, INBOX_BYTES) : 0;
    for (int i = 0; i < fits; i++) {
        user->inbox_to = rows[i].id;
        rows[i].delivered_at_ms = now_ms;
        sig_user_tell(user, NULL, "message", "send", message_json(&rows[i]));
        tell_delivered(c, rows[i].from, user->id, rows[i].id, now_ms);
        free(rows[i].content);
        c->stats.delivered++;
    }
    if (fits > 0)
        sig_store_messages_delivered(c->conf.store, user->id, user->inbox_to, now_ms);
    free(rows);
    return n == INBOX_PAGE || fits < n;
}

static void tell_missed(struct sig_chat *c, struct sig_user *user)
{
    struct sig_store_call *rows = calloc(MISSED_MAX, sizeof(*rows));
    const int n =
        rows ? sig_store_calls_missed(c->conf.store, user->id, user->missed_to, MISSED_MAX, rows)
             : 0;
    json_t *calls = json_array();
    for (int i = 0; i < n; i++) {
        user->missed_to = rows[i].id;
        json_array_append_new(
            calls, json_pack("{s:s, s:s, s:s, s:I, s:s}", "callId", rows[i].room_id, "userId",
                             rows[i].caller, "media", rows[i].media, "startedAt",
                             (json_int_t)rows[i].started_at_ms, "outcome", rows[i].outcome));
    }
    if (n > 0) {
        sig_user_tell(user, NULL, "rtc", "missed", json_pack("{s:O}", "calls", calls));
        sig_store_calls_told(c->conf.store, user->id, user->missed_to, mcu_wall_ms());
    }
    json_decref(calls);
    free(rows);
}

/* Writes of before he came may still be on their way to the store; then it is looked at again. */
static void open_inbox(struct sig_chat *c, struct sig_user *user)
{
    struct sig_store_stats stats;
    if (!c->conf.store || strcmp(sig_user_state(user), "online") != 0)
        return;
    sig_store_stats(c->conf.store, &stats);
    user->is_inbox_due = deliver_page(c, user) || stats.waiting > 0;
    tell_missed(c, user);
}

static void on_came(void *ctx, struct sig_device *d, bool is_back)
{
    (void)is_back;
    open_inbox(ctx, d->user);
}

static void on_gone(void *ctx, struct sig_device *d)
{
    (void)ctx;
    (void)d;
}

static void look_again(void *arg, struct sig_user *user)
{
    if (user->is_inbox_due)
        open_inbox(arg, user);
}

void sig_chat_tick(struct sig_chat *c)
{
    sig_users_each(c->conf.users, look_again, c);
}

/* --- the whole -------------------------------------------------------------------------------- */

void sig_chat_stats(const struct sig_chat *c, struct sig_chat_stats *out)
{
    *out = c->stats;
}

int sig_chat_create(struct sig_chat **out, const struct sig_chat_conf *conf)
{
    struct sig_chat *c = calloc(1, sizeof(*c));
    int64_t calls = 0;
    int64_t messages = 0;
    if (!c)
        return -ENOMEM;
    c->conf = *conf;
    if (conf->store && sig_store_talk_rows(conf->store, &calls, &messages) != 0)
        log_warn("chat: the newest message cannot be read; numbers begin at the clock");
    c->next_row = mcu_wall_ms() * 1000;
    if (messages > c->next_row)
        c->next_row = messages;
    sig_users_listen(conf->users,
                     &(struct sig_users_listener){.ctx = c, .came = on_came, .gone = on_gone});
    *out = c;
    return 0;
}

void sig_chat_destroy(struct sig_chat *c)
{
    free(c);
}
