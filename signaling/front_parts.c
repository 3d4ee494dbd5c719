/* The front's parts, in the order in which they need each other. Front thread. */
#include "signaling/front_parts.h"

#include <errno.h>
#include <stdio.h>

#include "mcu/base/clock.h"
#include "signaling/calls.h"
#include "signaling/chat.h"
#include "signaling/hooks.h"
#include "signaling/http_once.h"
#include "signaling/images.h"
#include "signaling/layout_pictures.h"
#include "signaling/layouts.h"
#include "signaling/room_images.h"
#include "signaling/room_picture.h"
#include "signaling/uploads.h"
#include "signaling/ws.h"
#include "signaling/ws_internal.h"

static int create_layouts(struct sig_front *front, const struct sig_server_conf *conf)
{
    int err = sig_layouts_create(&front->layouts, conf->layouts_dir);
    if (!err)
        err = sig_images_create(&front->images, conf->images_dir);
    if (!err)
        err = sig_pictures_create(&front->pictures, &conf->host);
    if (!err)
        sig_layouts_scan(front->layouts);
    return err;
}

/* Rooms would silently begin with another one. */
static int check_layout(const struct sig_front *front, const struct sig_server_conf *conf,
                        char *error)
{
    const char *name = conf->config->video.layout;
    if (sig_layout_exists(front->layouts, name))
        return 0;
    snprintf(error, SIG_SERVER_ERROR_MAX,
             "video.layout: no layout '%.64s'; `mixdown layout list` names those built in, "
             "others belong into video.layouts_dir",
             name);
    return -EINVAL;
}

static void on_uploaded(void *ctx, const char *recording, bool is_done)
{
    const struct sig_front *front = ctx;
    sig_recording_uploaded(front->rooms, recording, is_done);
}

static int create_uploads(struct sig_front *front, const struct sig_server_conf *conf, char *error)
{
    const struct sig_uploads_conf uploads = {
        .config = conf->config,
        .store = conf->store,
        .on_end = on_uploaded,
        .ctx = front,
    };
    const int err = sig_uploads_create(&front->uploads, &uploads);
    if (err == -EINVAL)
        snprintf(error, SIG_SERVER_ERROR_MAX,
                 "storage.s3_endpoint: it needs storage.s3_bucket, s3_access_key and "
                 "s3_secret_key, too, and be http(s)://HOST[:PORT]");
    return err;
}

static int create_rooms(struct sig_front *front, const struct sig_server_conf *conf)
{
    const struct sig_rooms_conf rooms = {
        .config = conf->config,
        .store = conf->store,
        .hooks = front->hooks,
        .host = conf->host,
        .recordings_dir = conf->recordings_dir,
        .layouts = front->layouts,
        .images = front->images,
        .uploads = front->uploads,
        .send = sig_client_send,
        .unseat = sig_client_unseat,
    };
    front->config = conf->config;
    front->host = conf->host;
    front->store = conf->store;
    front->snapshots_dir = conf->snapshots_dir;
    const int err = sig_rooms_create(&front->rooms, &rooms);
    if (err)
        return err;
    sig_layouts_listen(front->layouts, sig_rooms_layout_changed, front->rooms);
    sig_images_listen(front->images, sig_rooms_image_changed, front->rooms);
    return 0;
}

static int create_users(struct sig_front *front, const struct sig_server_conf *conf)
{
    const struct mcu_config *config = conf->config;
    const struct sig_users_conf users = {
        .grace_us = config->rtc.grace_s * MCU_US_PER_S,
        .send = sig_client_send,
        .replaced = sig_client_replaced,
    };
    int err = sig_users_create(&front->users, &users);
    if (err)
        return err;
    struct sig_calls_conf calls = {
        .users = front->users,
        .store = conf->store,
        .ring_us = config->room.ring_s * MCU_US_PER_S,
        .now_us = mcu_now_us,
    };
    ws_calls_conf(&calls, front);
    err = sig_calls_create(&front->calls, &calls);
    if (err)
        return err;
    const struct sig_chat_conf chat = {.users = front->users, .store = conf->store};
    return sig_chat_create(&front->chat, &chat);
}

int sig_front_create(struct sig_front *front, const struct sig_server_conf *conf, char *error)
{
    int err = create_layouts(front, conf);
    if (!err)
        err = check_layout(front, conf, error);
    if (!err)
        err = sig_hooks_create(&front->hooks, conf->config);
    if (!err)
        err = create_uploads(front, conf, error);
    if (!err)
        err = create_rooms(front, conf);
    return err ? err : create_users(front, conf);
}

void sig_front_destroy(struct sig_front *front)
{
    sig_hooks_destroy(front->hooks); /* answers what is asked, to the rooms */
    sig_chat_destroy(front->chat);
    sig_calls_destroy(front->calls);
    sig_users_destroy(front->users);
    sig_rooms_destroy(front->rooms);
    sig_uploads_destroy(front->uploads);
    sig_once_destroy(front->once);
    sig_pictures_destroy(front->pictures);
    sig_images_destroy(front->images);
    sig_layouts_destroy(front->layouts);
}
