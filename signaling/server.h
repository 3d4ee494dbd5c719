/* signaling/server.h - the front's port and its one thread: HTTP/1.1 and WebSocket by
 * libwebsockets.
 *
 * The thread that calls sig_server_run() is "front": everything in signaling/ happens there, but
 * the store's writes. Nothing there blocks. */
#ifndef SIGNALING_SERVER_H
#define SIGNALING_SERVER_H

#include <stdbool.h>

#include "mcu/config.h"
#include "signaling/host.h"
#include "signaling/store.h"

struct sig_server;

enum { SIG_SERVER_ERROR_MAX = 1024 };

struct sig_server_conf {
    const struct mcu_config *config; /* must outlive the server */
    struct sig_store *store;
    struct sig_host host;
    const char *recordings_dir;
    const char *layouts_dir;
    const char *images_dir;    /* of pictures that layouts name */
    const char *snapshots_dir; /* for files that rooms write and clients fetch at once */
    int host_fd; /* readable when the host has something to do; stays the caller's */
    void (*serve_host)(void *ctx);
    void *host_ctx;
};

/* Binds the port; nobody is served before sig_server_run(). On error one line in error
 * (SIG_SERVER_ERROR_MAX bytes). Returns 0, -EINVAL (the settings are wrong) or another negative
 * errno (-EADDRINUSE, -EIO: it cannot listen). */
int sig_server_create(struct sig_server **out, const struct sig_server_conf *conf, char *error);
void sig_server_destroy(struct sig_server *s);

/* For the host: where to tell what happens. */
void sig_server_host_events(struct sig_server *s, struct sig_host_events *out);

/* Before the host is destroyed. */
void sig_server_detach_host(struct sig_server *s);

/* After the host has adopted what lives: recovers recordings, from then on ready. */
int sig_server_ready(struct sig_server *s);

/* Serves until sig_server_stop(). */
void sig_server_run(struct sig_server *s);

/* Closes every room and serves on until their recordings are finished, at most timeout_ms. */
void sig_server_drain(struct sig_server *s, int timeout_ms);

/* [any], and in a signal handler. Takes the certificate anew, within a second. */
void sig_server_reload(struct sig_server *s);

/* [any, also in a signal's handler] Makes run return. */
void sig_server_stop(struct sig_server *s);

/* "http://localhost:8080/", what to open. */
const char *sig_server_url(const struct sig_server *s);

#endif
