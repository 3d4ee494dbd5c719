/* WebSocket connections: reassembly, queue out, rate, heartbeat. Front thread.
 *
 * libwebsockets answers pings and checks UTF-8 itself (LWS_SERVER_OPTION_VALIDATE_UTF8). */
#include "signaling/ws.h"

#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "signaling/trunk.h"
#include "signaling/ws_internal.h"
#include "signaling/bearer.h"

struct ws_message {
    struct ws_message *next;
    size_t size;
    unsigned char data[]; /* LWS_PRE bytes, then the text */
};

struct sig_client *sig_client_ref(struct sig_client *c)
{
    c->refs++;
    return c;
}

void sig_client_unref(struct sig_client *c)
{
    if (!c || --c->refs)
        return;
    free(c->in);
    free(c);
}

/* --- coming and going ------------------------------------------------------------------------- */

static void read_field(struct lws *wsi, enum lws_token_indexes token, char *out, size_t size)
{
    if (lws_hdr_total_length(wsi, token) <= 0 || lws_hdr_copy(wsi, out, (int)size, token) < 0)
        out[0] = '\0';
}

const struct sig_error *sig_ws_check(struct sig_front *front, struct lws *wsi,
                                     struct sig_token *token)
{
    char path[64];
    char origin[256];
    char host[256];
    char text[SIG_TOKEN_SIZE_MAX];
    read_field(wsi, WSI_TOKEN_GET_URI, path, sizeof(path));
    read_field(wsi, WSI_TOKEN_ORIGIN, origin, sizeof(origin));
    read_field(wsi, WSI_TOKEN_HOST, host, sizeof(host));
    sig_bearer_read(wsi, true, text, sizeof(text));
    const struct sig_error *error = NULL;
    const bool is_trunk = strcmp(path, "/trunk") == 0;
    if (!is_trunk && strcmp(path, "/ws") != 0)
        error = sig_error("not_found");
    else if (!sig_origin_is_allowed(front->config, origin, host))
        error = sig_error("bad_origin");
    else
        error = sig_doorman_check(front, wsi, text, token);
    if (!error && token->is_observer) /* it could not do anything */
        error = sig_error("forbidden");
    if (!error && is_trunk && !token->is_admin)
        error = sig_error("forbidden");
    if (error)
        front->stats.ws_refused++;
    return error;
}

struct sig_client *sig_client_create(struct sig_front *front)
{
    struct sig_client *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->refs = 1;
    c->front = front;
    c->heard_us = c->pinged_us = c->tokens_us = mcu_now_us();
    c->tokens = SIG_WS_BURST;
    return c;
}

static bool is_trunk(struct lws *wsi)
{
    char path[64];
    read_field(wsi, WSI_TOKEN_GET_URI, path, sizeof(path));
    return strcmp(path, "/trunk") == 0;
}

static void list_client(struct sig_client *c)
{
    struct sig_front *front = c->front;
    c->next = front->clients;
    c->at = &front->clients;
    if (c->next)
        c->next->at = &c->next;
    front->clients = c;
    front->client_count++;
    front->stats.ws_connections++;
}

struct sig_client *sig_client_open(struct sig_front *front, struct lws *wsi,
                                   const struct sig_token *token)
{
    struct sig_client *c = sig_client_create(front);
    if (!c)
        return NULL;
    c->wsi = wsi;
    c->token = *token;
    if (is_trunk(wsi)) {
        c->trunk = sig_trunk_create(c);
        c->tokens = SIG_TRUNK_RATE;
        if (!c->trunk) {
            sig_client_unref(c);
            return NULL;
        }
    } else {
        snprintf(c->user, sizeof(c->user), "%s", token->sub);
    }
    list_client(c);
    return c;
}

static void drop_output(struct sig_client *c)
{
    while (c->out_first) {
        struct ws_message *m = c->out_first;
        c->out_first = m->next;
        free(m);
    }
    c->out_last = NULL;
    c->out_size = 0;
}

void sig_client_end(struct sig_client *c)
{
    struct sig_member *m = c->member;
    struct sig_device *d = c->device;
    c->is_gone = true;
    c->via = NULL;
    c->member = NULL;
    c->device = NULL;
    sig_client_stop_waiting(c);
    if (m)
        sig_member_lost(m, mcu_now_us());
    if (d)
        sig_device_lost(d, mcu_now_us());
    sig_client_unref(c);
}

void sig_client_gone(struct sig_client *c)
{
    *c->at = c->next;
    if (c->next)
        c->next->at = c->at;
    c->front->client_count--;
    c->wsi = NULL;
    c->is_gone = true;
    drop_output(c);
    sig_trunk_destroy(c->trunk);
    c->trunk = NULL;
    sig_client_end(c);
}

/* --- in --------------------------------------------------------------------------------------- */

static bool take_token(struct sig_client *c, int64_t now_us)
{
    const double rate = c->trunk ? SIG_TRUNK_RATE : SIG_WS_RATE;
    const double burst = c->trunk ? SIG_TRUNK_RATE : SIG_WS_BURST;
    c->tokens += (double)(now_us - c->tokens_us) * rate / (double)MCU_US_PER_S;
    if (c->tokens > burst)
        c->tokens = burst;
    c->tokens_us = now_us;
    if (c->tokens < 1)
        return false;
    c->tokens -= 1;
    return true;
}

/* Told once a second: a flood is not answered by a flood. */
static void refuse_rate(struct sig_client *c, int64_t now_us)
{
    c->front->stats.ws_rate_limited++;
    sig_client_fault(c);
    if (c->refused_us && now_us - c->refused_us < MCU_US_PER_S)
        return;
    c->refused_us = now_us;
    json_t *event = json_pack("{s:s, s:s, s:o}", "type", "rtc", "action", "error", "data",
                              sig_error_json(sig_error("rate_limited"), NULL));
    sig_client_send(c, event);
    json_decref(event);
}

void sig_client_take(struct sig_client *c, json_t *message)
{
    if (c->via && !take_token(c, c->heard_us))
        refuse_rate(c, c->heard_us);
    else
        sig_client_request(c, message);
}

static int append_in(struct sig_client *c, const void *data, size_t size)
{
    if (size > SIG_WS_MESSAGE_MAX - c->in_size)
        return -1;
    if (c->in_size + size > c->in_capacity) {
        const size_t capacity = (c->in_size + size) * 2;
        char *grown = realloc(c->in, capacity);
        if (!grown)
            return -1;
        c->in = grown;
        c->in_capacity = capacity;
    }
    if (size)
        memcpy(c->in + c->in_size, data, size);
    c->in_size += size;
    return 0;
}

static void take_message(struct sig_client *c)
{
    c->front->stats.ws_messages_in++;
    if (take_token(c, c->heard_us))
        sig_client_message(c, c->in ? c->in : "", c->in_size);
    else
        refuse_rate(c, c->heard_us);
    c->in_size = 0;
    if (c->in_capacity > 16 * 1024) { /* one long message is no reason to keep the room for it */
        free(c->in);
        c->in = NULL;
        c->in_capacity = 0;
    }
}

static int close_with(struct sig_client *c, enum lws_close_status status, const char *words)
{
    unsigned char text[64];
    lws_strncpy((char *)text, words, sizeof(text));
    lws_close_reason(c->wsi, status, text, strlen((const char *)text));
    return -1;
}

int sig_client_received(struct sig_client *c, const void *data, size_t size)
{
    c->heard_us = mcu_now_us();
    if (lws_frame_is_binary(c->wsi))
        return close_with(c, LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE, "text only");
    if (c->is_dropped)
        return 0; /* it is being told so */
    if (c->in_size == 0)
        c->in_since_us = c->heard_us;
    if (append_in(c, data, size) != 0)
        return close_with(c, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, "message too large");
    if (lws_is_final_fragment(c->wsi) && lws_remaining_packet_payload(c->wsi) == 0)
        take_message(c);
    return 0;
}

/* --- out -------------------------------------------------------------------------------------- */

static void close_soon(struct sig_client *c, const char *why)
{
    log_info("a WebSocket client is dropped: %s", why);
    c->is_dropped = true;
    c->close_words = why;
    c->front->stats.ws_dropped++;
    lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_OK, 1); /* even if it is never writable */
    lws_callback_on_writable(c->wsi);
}

static void drop_client(struct sig_client *c, const char *why)
{
    if (c->is_dropped)
        return;
    drop_output(c);
    close_soon(c, why);
}

void sig_client_fault(struct sig_client *c)
{
    if (c->via || c->trunk || c->is_gone || c->is_dropped || ++c->faults < SIG_WS_FAULTS_MAX)
        return;
    close_soon(c, "too many messages were refused"); /* it reads, and is told of them before */
}

static void queue_message(struct sig_client *c, struct ws_message *m)
{
    m->next = NULL;
    if (c->out_last)
        c->out_last->next = m;
    else
        c->out_first = m;
    c->out_last = m;
    c->out_size += m->size;
    c->front->stats.ws_messages_out++;
    lws_callback_on_writable(c->wsi);
}

static void send_text(struct sig_client *c, const json_t *message)
{
    const size_t flags = JSON_COMPACT | JSON_PRESERVE_ORDER;
    const size_t size = json_dumpb(message, NULL, 0, flags);
    const size_t most = c->trunk ? SIG_TRUNK_OUT_MAX : SIG_WS_OUT_MAX;
    if (size == 0 || size > most - c->out_size) {
        drop_client(c, "it does not read what it is sent");
        return;
    }
    struct ws_message *m = malloc(sizeof(*m) + LWS_PRE + size);
    if (!m) {
        drop_client(c, "no memory");
        return;
    }
    m->size = size;
    json_dumpb(message, (char *)m->data + LWS_PRE, size, flags);
    queue_message(c, m);
}

void sig_client_send(struct sig_client *c, const json_t *message)
{
    if (c->is_gone || c->is_dropped || !message)
        return;
    json_t *other = sig_dialect_out(&c->dialect, c->user, message);
    if (c->via)
        sig_trunk_send(c, other ? other : message);
    else
        send_text(c, other ? other : message);
    json_decref(other);
}

void sig_client_pong(struct sig_client *c)
{
    c->heard_us = mcu_now_us();
    c->front->stats.ws_pongs++;
}

/* With a payload: libwebsockets does not tell of pongs without one. */
static int write_ping(struct sig_client *c, int64_t now_us)
{
    static const char word[] = "mixdown";
    unsigned char buffer[LWS_PRE + sizeof(word)];
    memcpy(buffer + LWS_PRE, word, sizeof(word));
    c->pinged_us = now_us;
    return lws_write(c->wsi, buffer + LWS_PRE, sizeof(word) - 1, LWS_WRITE_PING) < 0 ? -1 : 0;
}

int sig_client_writable(struct sig_client *c)
{
    const int64_t now_us = mcu_now_us();
    if (c->is_dropped && !c->out_first)
        return close_with(c, LWS_CLOSE_STATUS_POLICY_VIOLATION, c->close_words);
    if (now_us - c->pinged_us >= SIG_WS_PING_S * MCU_US_PER_S)
        return write_ping(c, now_us) ? -1 : (lws_callback_on_writable(c->wsi), 0);
    struct ws_message *m = c->out_first;
    if (!m)
        return 0;
    c->out_first = m->next;
    if (!c->out_first)
        c->out_last = NULL;
    c->out_size -= m->size;
    const int n = lws_write(c->wsi, m->data + LWS_PRE, m->size, LWS_WRITE_TEXT);
    const bool failed = n < (int)m->size;
    free(m);
    if (c->out_first || c->is_dropped)
        lws_callback_on_writable(c->wsi);
    return failed ? -1 : 0;
}

size_t sig_clients_on_trunks(const struct sig_front *front)
{
    size_t n = 0;
    for (const struct sig_client *c = front->clients; c; c = c->next)
        n += sig_trunk_count(c->trunk);
    return n;
}

void sig_clients_tick(struct sig_front *front, int64_t now_us)
{
    for (struct sig_client *c = front->clients; c; c = c->next) {
        if (c->trunk)
            sig_trunk_tick(c->trunk);
        if (now_us - c->heard_us >= SIG_WS_SILENCE_S * MCU_US_PER_S)
            drop_client(c, "it has been silent for too long");
        else if (c->in_size > 0 && now_us - c->in_since_us >= SIG_WS_MESSAGE_S * MCU_US_PER_S)
            drop_client(c, "a message took too long to come");
        else if (now_us - c->pinged_us >= SIG_WS_PING_S * MCU_US_PER_S)
            lws_callback_on_writable(c->wsi);
    }
}
