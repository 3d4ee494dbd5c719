/* libwebsockets 4.1.6 around the handlers: one context, a vhost that listens and one, without a
 * port, for the host's descriptor (so that no stranger can name its protocol). Front thread.
 *
 * HTTP/1.1 only (ALPN): HTTP/2 in 4.1.6 is unsafe. LWS_CALLBACK_HTTP_CONFIRM_UPGRADE must stay
 * unhandled. */
#include "signaling/server.h"

#include <errno.h>
#include <libwebsockets.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "signaling/calls.h"
#include "signaling/chat.h"
#include "signaling/certificate.h"
#include "signaling/front_parts.h"
#include "signaling/hooks.h"
#include "signaling/http.h"
#include "signaling/layouts.h"
#include "signaling/listen.h"
#include "signaling/live.h"
#include "signaling/uploads.h"
#include "signaling/ws.h"

enum { HEADER_DATA_MAX = 16 * 1024, HTTP_TIMEOUT_S = 20, KEEPALIVE_S = 60, HLS_SWEEP_S = 60 };
enum { OTHER_FILES = 4096 }; /* rooms, the store, files that are sent */

struct connection { /* libwebsockets' per-session data: zeroed */
    struct sig_http *req;
    struct sig_client *client;
};

struct sig_server {
    struct sig_front front;
    struct sig_server_conf conf;
    struct lws_context *lws;
    lws_sorted_usec_list_t tick;
    struct sig_certificate certificate;
    atomic_bool is_stopping;
    atomic_bool is_reloading;
    uint32_t connections; /* to the port */
    char url[128];
};

static struct sig_server *server_of(struct lws *wsi)
{
    return lws_context_user(lws_get_context(wsi));
}

/* --- HTTP ------------------------------------------------------------------------------------- */

static void drop_request(struct connection *c)
{
    if (c->req)
        sig_http_gone(c->req);
    c->req = NULL;
}

static int on_http(struct lws *wsi, struct connection *c, const char *path)
{
    drop_request(c);
    c->req = sig_http_begin(&server_of(wsi)->front, wsi, path);
    return c->req ? 0 : -1;
}

static int on_http_writable(struct lws *wsi, struct connection *c)
{
    bool done = false;
    if (!c->req)
        return 0;
    if (sig_http_writable(c->req, &done) != 0)
        return -1;
    if (!done)
        return 0;
    drop_request(c);
    return lws_http_transaction_completed(wsi) ? -1 : 0;
}

static int http_callback(struct lws *wsi, enum lws_callback_reasons reason, struct connection *c,
                         void *in, size_t size)
{
    switch (reason) {
    case LWS_CALLBACK_HTTP:
        return on_http(wsi, c, in);
    case LWS_CALLBACK_HTTP_BODY:
        return c->req ? sig_http_body(c->req, in, size) : -1;
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        return c->req ? sig_http_body_end(c->req) : 0;
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return on_http_writable(wsi, c);
    default: /* LWS_CALLBACK_CLOSED_HTTP, LWS_CALLBACK_HTTP_DROP_PROTOCOL */
        if (c)
            drop_request(c);
        return 0;
    }
}

/* --- WebSocket -------------------------------------------------------------------------------- */

static int on_upgrade(struct lws *wsi)
{
    struct sig_token token;
    const struct sig_error *error = sig_ws_check(&server_of(wsi)->front, wsi, &token);
    if (!error)
        return 0;
    sig_http_refuse_upgrade(wsi, error);
    return -1;
}

static int on_established(struct lws *wsi, struct connection *c)
{
    struct sig_token token;
    struct sig_front *front = &server_of(wsi)->front;
    if (sig_ws_check(front, wsi, &token) != NULL) /* the token may have expired this second */
        return -1;
    c->client = sig_client_open(front, wsi, &token);
    return c->client ? 0 : -1;
}

static int ws_callback(struct lws *wsi, enum lws_callback_reasons reason, struct connection *c,
                       void *in, size_t size)
{
    switch (reason) {
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        return on_upgrade(wsi);
    case LWS_CALLBACK_ESTABLISHED:
        return on_established(wsi, c);
    case LWS_CALLBACK_RECEIVE:
        return c->client ? sig_client_received(c->client, in, size) : -1;
    case LWS_CALLBACK_RECEIVE_PONG:
        if (c->client)
            sig_client_pong(c->client);
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return c->client ? sig_client_writable(c->client) : -1;
    default: /* LWS_CALLBACK_CLOSED */
        if (c && c->client)
            sig_client_gone(c->client);
        if (c)
            c->client = NULL;
        return 0;
    }
}

/* Who comes when all places are taken is sent away at once. */
static int on_accept(struct sig_server *s)
{
    return s->connections < s->conf.config->http.max_connections ? 0 : 1;
}

static int on_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                       size_t size)
{
    switch (reason) {
    case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
        return on_accept(server_of(wsi));
    case LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED:
        server_of(wsi)->connections++;
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        if (server_of(wsi)->connections > 0) /* the socket that listens goes, too */
            server_of(wsi)->connections--;
        return 0;
    case LWS_CALLBACK_HTTP:
    case LWS_CALLBACK_HTTP_BODY:
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
    case LWS_CALLBACK_HTTP_WRITEABLE:
    case LWS_CALLBACK_CLOSED_HTTP:
    case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
        return http_callback(wsi, reason, user, in, size);
    case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS: /* user is the port's SSL_CTX */
        server_of(wsi)->certificate.context = user;
        return 0;
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
    case LWS_CALLBACK_ESTABLISHED:
    case LWS_CALLBACK_RECEIVE:
    case LWS_CALLBACK_RECEIVE_PONG:
    case LWS_CALLBACK_SERVER_WRITEABLE:
    case LWS_CALLBACK_CLOSED:
        return ws_callback(wsi, reason, user, in, size);
    default:
        return 0;
    }
}

static int on_host(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                   size_t size)
{
    (void)user;
    (void)in;
    (void)size;
    struct sig_server *s = server_of(wsi);
    if (reason == LWS_CALLBACK_RAW_RX_FILE)
        s->conf.serve_host(s->conf.host_ctx);
    return 0;
}

static int on_hooks(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t size)
{
    (void)user;
    (void)in;
    (void)size;
    if (reason == LWS_CALLBACK_RAW_RX_FILE)
        sig_hooks_service(server_of(wsi)->front.hooks);
    return 0;
}

static int on_uploads(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                      size_t size)
{
    (void)user;
    (void)in;
    (void)size;
    if (reason == LWS_CALLBACK_RAW_RX_FILE)
        sig_uploads_service(server_of(wsi)->front.uploads);
    return 0;
}

static const struct lws_protocols port_protocols[] = {
    {.name = "mixdown",
     .callback = on_callback,
     .per_session_data_size = sizeof(struct connection)},
    {0},
};

static const struct lws_protocols host_protocols[] = {
    {.name = "host", .callback = on_host},
    {.name = "hooks", .callback = on_hooks},
    {.name = "uploads", .callback = on_uploads},
    {0},
};

/* --- starting --------------------------------------------------------------------------------- */

static void on_lws_log(int level, const char *line)
{
    (void)level;
    log_warn("lws: %.*s", (int)strcspn(line, "\n"), line);
}

static void look_at_certificate(struct sig_server *s)
{
    if (sig_certificate_look(&s->certificate, atomic_exchange(&s->is_reloading, false)))
        s->front.stats.certificates++;
}

static void on_tick(lws_sorted_usec_list_t *sul)
{
    struct sig_server *s = lws_container_of(sul, struct sig_server, tick);
    const int64_t now_us = mcu_now_us();
    sig_layouts_scan(s->front.layouts);
    sig_rooms_tick(s->front.rooms, now_us);
    if (now_us / MCU_US_PER_S % HLS_SWEEP_S == 0) /* which a busy second may skip */
        sig_hls_sweep(s->front.rooms, mcu_wall_ms() / 1000);
    sig_clients_tick(&s->front, now_us);
    look_at_certificate(s);
    sig_users_tick(s->front.users, now_us);
    sig_calls_tick(s->front.calls);
    sig_chat_tick(s->front.chat);
    lws_sul_schedule(s->lws, 0, &s->tick, on_tick, LWS_US_PER_SEC);
}

/* libwebsockets finds a connection by its descriptor in a table of as many entries as the process may
 * have files, or, given a number of its own, by searching: with thousands of connections each close
 * and each event would walk them all. So it is given the table, in a size that we choose. */
static struct lws_context *create_sized(const struct lws_context_creation_info *info,
                                        uint32_t max_connections)
{
    struct rlimit was;
    if (getrlimit(RLIMIT_NOFILE, &was) != 0)
        return NULL;
    struct rlimit sized = was;
    const rlim_t wanted = (rlim_t)max_connections + OTHER_FILES;
    sized.rlim_cur = wanted < was.rlim_max ? wanted : was.rlim_max;
    if (sized.rlim_cur < wanted)
        log_warn("this process may open %llu files only: fewer than http.max_connections",
                 (unsigned long long)sized.rlim_cur);
    setrlimit(RLIMIT_NOFILE, &sized);
    struct lws_context *lws = lws_create_context(info);
    if (was.rlim_cur > sized.rlim_cur) /* numbers above the table are never reached: see on_accept() */
        setrlimit(RLIMIT_NOFILE, &was);
    return lws;
}

static int create_context(struct sig_server *s)
{
    const struct mcu_config *config = s->conf.config;
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_VALIDATE_UTF8,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
        .max_http_header_data = HEADER_DATA_MAX,
        .user = s,
    };
    if (config->http.tls_cert[0])
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    lws_set_log_level(LLL_ERR | LLL_WARN, on_lws_log);
    s->lws = create_sized(&info, config->http.max_connections);
    return s->lws ? 0 : -ENOMEM;
}

static int listen_on(struct sig_server *s, const char *host, int port, bool is_v6)
{
    const struct mcu_config *config = s->conf.config;
    struct lws_context_creation_info info = {
        .port = port,
        .iface = strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0 ? NULL : host,
        .protocols = port_protocols,
        .vhost_name = "port",
        .alpn = "http/1.1",
        .timeout_secs = HTTP_TIMEOUT_S,
        .keepalive_timeout = KEEPALIVE_S,
        .options = LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND | LWS_SERVER_OPTION_VALIDATE_UTF8 |
                   (is_v6 ? 0 : LWS_SERVER_OPTION_DISABLE_IPV6),
    };
    if (config->http.tls_cert[0]) {
        info.ssl_cert_filepath = config->http.tls_cert;
        info.ssl_private_key_filepath = config->http.tls_key;
        info.ssl_options_set = SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1;
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    }
    if (!lws_create_vhost(s->lws, &info))
        return -EIO;
    sig_certificate_init(&s->certificate, s->certificate.context, config->http.tls_cert,
                         config->http.tls_key);
    return 0;
}

/* libwebsockets closes what it adopts, so it gets a duplicate. */
static int watch_fd(struct lws_vhost *vhost, int original, const char *protocol)
{
    lws_sock_file_fd_type fd = {.filefd = dup(original)};
    if (fd.filefd < 0)
        return -errno;
    return lws_adopt_descriptor_vhost(vhost, LWS_ADOPT_RAW_FILE_DESC, fd, protocol, NULL) ? 0
                                                                                          : -ENOMEM;
}

static int watch_host(struct sig_server *s)
{
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = host_protocols,
        .vhost_name = "host",
    };
    struct lws_vhost *vhost = lws_create_vhost(s->lws, &info);
    if (!vhost)
        return -ENOMEM;
    int err = watch_fd(vhost, s->conf.host_fd, "host");
    if (!err && s->front.hooks)
        err = watch_fd(vhost, sig_hooks_fd(s->front.hooks), "hooks");
    if (!err && s->front.uploads)
        err = watch_fd(vhost, sig_uploads_fd(s->front.uploads), "uploads");
    return err;
}

static void make_url(struct sig_server *s, const char *host, int port, bool is_v6)
{
    const bool is_any = strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
    const bool is_local = is_any || strcmp(host, "127.0.0.1") == 0 || strcmp(host, "::1") == 0;
    const char *scheme = s->conf.config->http.tls_cert[0] ? "https" : "http";
    snprintf(s->url, sizeof(s->url), is_v6 && !is_local ? "%s://[%s]:%d/" : "%s://%s:%d/", scheme,
             is_local ? "localhost" : host, port);
}

static int open_port(struct sig_server *s, char *error)
{
    char host[64];
    int port = 0;
    bool is_v6 = false;
    const char *listen = s->conf.config->http.listen;
    int err = sig_listen_parse(listen, host, &port, &is_v6);
    if (err) {
        snprintf(error, SIG_SERVER_ERROR_MAX, "http.listen: '%s' is not HOST:PORT", listen);
        return err;
    }
    err = sig_listen_try(host, port, is_v6);
    if (err) {
        snprintf(error, SIG_SERVER_ERROR_MAX, "cannot listen on %s: %s%s", listen, strerror(-err),
                 err == -EADDRINUSE ? "; stop what runs there or use --listen HOST:PORT" : "");
        return err;
    }
    err = listen_on(s, host, port, is_v6);
    if (err)
        snprintf(error, SIG_SERVER_ERROR_MAX, "cannot serve on %s%s", listen,
                 s->conf.config->http.tls_cert[0] ? ": look at http.tls_cert and http.tls_key"
                                                  : "");
    else
        make_url(s, host, port, is_v6);
    return err;
}

int sig_server_create(struct sig_server **out, const struct sig_server_conf *conf, char *error)
{
    struct sig_server *s = calloc(1, sizeof(*s));
    snprintf(error, SIG_SERVER_ERROR_MAX, "out of memory");
    if (!s)
        return -ENOMEM;
    s->conf = *conf;
    int err = sig_front_create(&s->front, &s->conf, error);
    if (!err)
        err = create_context(s);
    if (!err)
        err = open_port(s, error);
    if (!err)
        err = watch_host(s);
    if (err)
        goto fail;
    lws_sul_schedule(s->lws, 0, &s->tick, on_tick, LWS_US_PER_SEC);
    *out = s;
    return 0;

fail:
    sig_server_destroy(s);
    return err;
}

void sig_server_destroy(struct sig_server *s)
{
    if (!s)
        return;
    if (s->lws) {
        lws_sul_cancel(&s->tick);
        lws_context_destroy(s->lws);
    }
    sig_front_destroy(&s->front);
    free(s);
}

void sig_server_host_events(struct sig_server *s, struct sig_host_events *out)
{
    sig_rooms_events(s->front.rooms, out);
}

void sig_server_detach_host(struct sig_server *s)
{
    sig_rooms_detach(s->front.rooms);
}

int sig_server_ready(struct sig_server *s)
{
    const int n = sig_rooms_recover(s->front.rooms);
    if (n > 0)
        log_warn("%d recordings were cut off and are being recovered", n);
    s->front.started_at_ms = mcu_wall_ms();
    s->front.is_ready = true;
    return n < 0 ? n : 0;
}

void sig_server_run(struct sig_server *s)
{
    while (!atomic_load(&s->is_stopping) && lws_service(s->lws, 0) >= 0)
        continue;
}

void sig_server_drain(struct sig_server *s, int timeout_ms)
{
    const int64_t deadline_us = mcu_now_us() + timeout_ms * MCU_US_PER_MS;
    s->front.is_ready = false;
    sig_rooms_close_all(s->front.rooms);
    while (sig_rooms_first(s->front.rooms) && mcu_now_us() < deadline_us) {
        if (lws_service(s->lws, 0) < 0)
            break;
    }
}

void sig_server_reload(struct sig_server *s)
{
    atomic_store(&s->is_reloading, true); /* the next tick looks */
}

void sig_server_stop(struct sig_server *s)
{
    atomic_store(&s->is_stopping, true);
    lws_cancel_service(s->lws);
}

const char *sig_server_url(const struct sig_server *s)
{
    return s->url;
}
