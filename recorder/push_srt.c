/* SRT by libsrt itself: libavformat's wrapper does not say how long the far side may be silent, and
 * five seconds are too long. Never blocking; waits go through one epoll in slices, so that the
 * deadline is looked at.
 *
 * libsrt sends from threads of its own, but only to the address that was resolved here. */
#include "recorder/push_io.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <srt/srt.h>
#include <srt/logging_api.h>

#include "mcu/base/clock.h"

enum {
    SLICE_MS = 50,
    VALUE_MAX = 513, /* of an option; libsrt's longest has 512 bytes */
    LATENCY_MAX_US = 30 * 1000 * 1000,
};

struct push_srt {
    SRTSOCKET socket;
    int epoll;
    struct push_deadline *deadline;
};

/* --- options of the URL ----------------------------------------------------------------------- */

static int hex_of(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : (c | 32) - 'a' + 10;
}

/* `name=` in the query, unescaped; false when it is not there or too long. A stream id may go on
 * behind a '#' (it often begins with "#!::"), so the text goes on to the next '&'. */
static bool option(const char *url, const char *name, char out[VALUE_MAX])
{
    const size_t name_size = strlen(name);
    const char *at = strchr(url, '?');
    while (at && strncmp(at + 1, name, name_size + (at[1 + name_size] == '=')) != 0)
        at = strchr(at + 1, '&');
    if (!at || at[1 + name_size] != '=')
        return false;
    at += name_size + 2;
    size_t n = 0;
    for (; *at && *at != '&' && n < VALUE_MAX - 1; at++) {
        if (*at == '%' && isxdigit((unsigned char)at[1]) && isxdigit((unsigned char)at[2])) {
            out[n++] = (char)(hex_of(at[1]) * 16 + hex_of(at[2]));
            at += 2;
        } else {
            out[n++] = *at;
        }
    }
    out[n] = '\0';
    return !*at || *at == '&';
}

static int set_int(SRTSOCKET s, SRT_SOCKOPT name, int value)
{
    return srt_setsockflag(s, name, &value, sizeof(value)) == SRT_ERROR ? -EINVAL : 0;
}

static int set_text(SRTSOCKET s, SRT_SOCKOPT name, const char *value)
{
    return srt_setsockflag(s, name, value, (int)strlen(value)) == SRT_ERROR ? -EINVAL : 0;
}

/* Microseconds in the URL, as FFmpeg and OBS have it. */
static int set_latency(SRTSOCKET s, const char *text)
{
    char *end;
    const long us = strtol(text, &end, 10);
    if (!*text || *end || us < 0 || us > LATENCY_MAX_US)
        return -EINVAL;
    return set_int(s, SRTO_LATENCY, (int)(us / 1000));
}

static int set_options(SRTSOCKET s, const struct push_srt_conf *conf)
{
    char value[VALUE_MAX];
    const int64_t left_us = conf->deadline->until_us - mcu_now_us();
    int err = set_int(s, SRTO_SNDSYN, 0);
    if (!err)
        err = set_int(s, SRTO_RCVSYN, 0); /* connecting, too */
    if (!err)
        err = set_int(s, SRTO_SENDER, 1);
    if (!err)
        err = set_int(s, SRTO_CONNTIMEO, left_us > 0 ? (int)(left_us / 1000) : 1);
    if (!err)
        err = set_int(s, SRTO_PEERIDLETIMEO, (int)(conf->stall_us / 1000));
    if (!err && option(conf->url, "latency", value))
        err = set_latency(s, value);
    if (!err && option(conf->url, "streamid", value))
        err = set_text(s, SRTO_STREAMID, value);
    if (!err && option(conf->url, "pbkeylen", value))
        err = set_int(s, SRTO_PBKEYLEN, atoi(value));
    if (!err && option(conf->url, "passphrase", value))
        err = set_text(s, SRTO_PASSPHRASE, value);
    return err;
}

/* --- connecting ------------------------------------------------------------------------------- */

static int resolve(struct addrinfo **out, const struct guard_url *parts)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};
    char port[8];
    snprintf(port, sizeof(port), "%u", parts->port);
    const int err = getaddrinfo(parts->host, port, &hints, out);
    if (!err)
        return 0;
    return err == EAI_MEMORY ? -ENOMEM : err == EAI_SYSTEM ? -errno : -EHOSTUNREACH;
}

/* Waits until it may send, or is broken. */
static int wait_ready(struct push_srt *s)
{
    while (!push_is_over(s->deadline)) {
        SRTSOCKET ready[1];
        int count = 1;
        srt_epoll_wait(s->epoll, NULL, NULL, ready, &count, SLICE_MS, NULL, NULL, NULL, NULL);
        switch (srt_getsockstate(s->socket)) {
        case SRTS_CONNECTED:
            if (count > 0)
                return 0;
            break;
        case SRTS_INIT:
        case SRTS_OPENED:
        case SRTS_CONNECTING:
            break;
        default:
            return -ECONNRESET;
        }
    }
    return -ETIMEDOUT;
}

/* What refused it, where libsrt knows. */
static int connect_error(const struct push_srt *s, int err)
{
    const int reason = srt_getrejectreason(s->socket);
    if (err == -ETIMEDOUT || reason == SRT_REJ_TIMEOUT || reason == SRT_REJ_UNKNOWN)
        return -ETIMEDOUT;
    return reason == SRT_REJ_BADSECRET || reason == SRT_REJ_UNSECURE ? -EACCES : -ECONNREFUSED;
}

static int connect_to(struct push_srt *s, const struct push_srt_conf *conf)
{
    struct addrinfo *found = NULL;
    int err = resolve(&found, conf->parts);
    if (err)
        return err;
    const int events = SRT_EPOLL_OUT | SRT_EPOLL_ERR;
    if (srt_epoll_add_usock(s->epoll, s->socket, &events) == SRT_ERROR)
        err = -ENOMEM;
    else if (srt_connect(s->socket, found->ai_addr, (int)found->ai_addrlen) == SRT_ERROR)
        err = -ECONNREFUSED;
    freeaddrinfo(found);
    if (err)
        return err;
    err = wait_ready(s);
    return err ? connect_error(s, err) : 0;
}

int push_srt_open(struct push_srt **out, const struct push_srt_conf *conf)
{
    struct push_srt *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    srt_startup(); /* counted inside */
    srt_setloglevel(LOG_CRIT);
    s->deadline = conf->deadline;
    s->socket = srt_create_socket();
    s->epoll = srt_epoll_create();
    int err = s->socket == SRT_INVALID_SOCK || s->epoll < 0 ? -ENOMEM : 0;
    if (!err)
        err = set_options(s->socket, conf);
    if (!err)
        err = connect_to(s, conf);
    if (err) {
        push_srt_close(s);
        return err;
    }
    *out = s;
    return 0;
}

int push_srt_write(void *srt, uint8_t *data, int size)
{
    struct push_srt *s = srt;
    for (;;) {
        if (srt_sendmsg(s->socket, (const char *)data, size, -1, 1) != SRT_ERROR)
            return size;
        if (srt_getlasterror(NULL) != SRT_EASYNCSND)
            return -ECONNRESET;
        const int err = wait_ready(s);
        if (err)
            return err;
    }
}

void push_srt_close(struct push_srt *s)
{
    if (!s)
        return;
    if (s->epoll >= 0)
        srt_epoll_release(s->epoll);
    if (s->socket != SRT_INVALID_SOCK)
        srt_close(s->socket);
    srt_cleanup();
    free(s);
}
