/* recorder/guard.h - what outside sources and pushes may reach: which URLs, which addresses.
 *
 * Two lines of defence. A URL is read strictly before anything is opened (guard_parse_url). And
 * every connection that a library makes on a guarded thread is judged by the address it goes to:
 * this program's getaddrinfo() and connect() stand before libc's, so redirects, playlists, names
 * that change their address and numeric hosts all pass here. Threads without a guard are not
 * touched.
 *
 * libsrt sends from threads of its own, but only to addresses that its caller resolved. */
#ifndef RECORDER_GUARD_H
#define RECORDER_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sockaddr;

enum {
    GUARD_URL_MAX = 2048, /* bytes with the NUL, as of all here */
    GUARD_HOST_MAX = 254,
    GUARD_MASKED_MAX = 512,
    GUARD_FILE_MAX = 512,
    GUARD_NETS_MAX = 8,
};

enum guard_use {
    GUARD_INPUT, /* rtmp, rtmps, rtsp, srt; http and https for HLS */
    GUARD_PUSH,  /* rtmp, rtmps, srt */
};

enum guard_scheme {
    GUARD_RTMP,
    GUARD_RTMPS,
    GUARD_RTSP,
    GUARD_SRT,
    GUARD_HTTP,
    GUARD_HTTPS,
};

struct guard_url {
    enum guard_scheme scheme;
    char host[GUARD_HOST_MAX];     /* a name, or an address without brackets */
    bool is_v6;                    /* it is to stand in brackets */
    uint16_t port;                 /* as said, or the scheme's */
    bool has_user;                 /* a user and perhaps a password stand before the host */
    char masked[GUARD_MASKED_MAX]; /* for logs, events and replies: no user, key or query in it */
};

/* [any] Pure. Reads a URL strictly: printable ASCII, a known scheme in lower case, one host, no
 * spelling of an address but the usual one, no fragment (but in SRT's stream id), of SRT's options
 * only streamid, passphrase, pbkeylen, latency and mode=caller. Returns 0, or -EINVAL and *why, a
 * sentence without any part of the text (static). */
int guard_parse_url(struct guard_url *out, const char *text, enum guard_use use, const char **why);

/* [any] Pure. A file's name below a folder: relative, no empty, "." or ".." part, no control
 * character. Returns 0, or -EINVAL and *why. */
int guard_check_file(const char *name, const char **why);

/* [any] Opens it for reading without ever leaving the folder or following a link, and only if it is
 * a plain file. Returns the descriptor, -ENOENT (also for what leaves the folder), -EINVAL (the
 * name), or another negative errno. */
int guard_open_file(const char *folder, const char *name);

/* [any] Pure. Whether the address is of the public internet (RFC 6890 and its successors). IPv4 in
 * IPv6 (mapped, compatible, NAT64, 6to4, Teredo) is judged by what is inside. */
bool guard_address_is_public(const struct sockaddr *a);

struct guard_net {
    uint8_t bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
    uint8_t bits;      /* of 128 */
};

/* Which addresses may be reached: public ones, and these. */
struct guard_policy {
    struct guard_net nets[GUARD_NETS_MAX];
    uint32_t net_count;
    uint32_t user_timeout_ms; /* TCP_USER_TIMEOUT of connections: without an answer for so long they
                                 are lost, also where the far side only takes no more; 0: libc's */
};

/* [any] Pure. Adds "10.1.0.0/16", "127.0.0.1", "fd00::/8". Returns 0, -EINVAL (no network, or bits
 * set behind the prefix) or -ENOSPC. */
int guard_policy_add(struct guard_policy *p, const char *cidr);

/* [any] Pure. */
bool guard_policy_allows(const struct guard_policy *p, const struct sockaddr *a);

/* [any] From here to guard_leave() what this thread resolves and connects to is judged by *p, which
 * the caller keeps. Not nested. Returns 0, or -ENOSYS when this process's getaddrinfo() is not
 * ours: then nothing may be opened. */
int guard_enter(const struct guard_policy *p);

/* [any] Ends it. Returns whether an address was refused since guard_enter(). */
bool guard_leave(void);

/* [any] Whether one was refused so far, between the two. */
bool guard_has_refused(void);

struct addrinfo;
typedef int guard_resolver(const char *name, const char *service, const struct addrinfo *hints,
                           struct addrinfo **out);

/* Names are looked up by this one instead of libc's getaddrinfo(), NULL: by that again. For tests
 * of names that change their address; what it gives out is freed by freeaddrinfo(). */
void guard_set_resolver(guard_resolver *resolver);

/* At the start of a process, before threads: a proxy in the environment would be asked for what we
 * may not reach. */
void guard_forget_proxies(void);

#endif
