/* URLs, read strictly. Pure, and it knows nothing of what the text is for but its scheme.
 *
 * Strictness is for the parser behind us (FFmpeg's): what we read and what it reads must be the
 * same host. So whatever could be read in two ways is refused, not mended. */
#include "recorder/guard.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *prefix;
    uint16_t port; /* 0: it has to be said */
    bool is_for_push;
} schemes[] = {
    [GUARD_RTMP] = {"rtmp://", 1935, true}, [GUARD_RTMPS] = {"rtmps://", 443, true},
    [GUARD_RTSP] = {"rtsp://", 554, false}, [GUARD_SRT] = {"srt://", 0, true},
    [GUARD_HTTP] = {"http://", 80, false},  [GUARD_HTTPS] = {"https://", 443, false},
};

/* The parts of a text, as places in it. */
struct span {
    const char *at;
    size_t size;
};

struct parts {
    struct span user; /* with the password, without the @ */
    struct span host; /* with brackets */
    struct span port;
    struct span path;  /* with the / */
    struct span query; /* without the ? */
};

static int refuse(const char **why, const char *words)
{
    *why = words;
    return -EINVAL;
}

/* --- characters ------------------------------------------------------------------------------- */

/* What RFC 3986 knows, without the fragment's #, which is looked at apart. */
static bool is_url_char(unsigned char c)
{
    return isalnum(c) || (c && strchr("-._~:/?[]@!$&'()*+,;=%#", c));
}

/* Nothing that turns into a control character when somebody decodes it, and no half escape. */
static bool has_sound_escapes(const char *text)
{
    for (const char *p = text; (p = strchr(p, '%')); p++) {
        if (!isxdigit((unsigned char)p[1]) || !isxdigit((unsigned char)p[2]))
            return false;
        const char hex[3] = {p[1], p[2], '\0'};
        const unsigned long c = strtoul(hex, NULL, 16);
        if (c < 0x20 || c == 0x7f)
            return false;
    }
    return true;
}

static int check_chars(const char *text, const char **why)
{
    size_t n = 0;
    for (; text[n]; n++) {
        if (n + 1 >= GUARD_URL_MAX)
            return refuse(why, "url: too long");
        if (!is_url_char((unsigned char)text[n]))
            return refuse(why, "url: a character that has no place in a URL");
    }
    return has_sound_escapes(text) ? 0
                                   : refuse(why, "url: a % without two digits, or of a control "
                                                 "character");
}

static bool is_in(struct span s, char c)
{
    return s.size > 0 && memchr(s.at, c, s.size);
}

/* --- parts ------------------------------------------------------------------------------------ */

static int read_scheme(struct guard_url *out, const char **text, enum guard_use use,
                       const char **why)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        const size_t n = strlen(schemes[i].prefix);
        if (strncmp(*text, schemes[i].prefix, n) != 0 ||
            (use == GUARD_PUSH && !schemes[i].is_for_push))
            continue;
        out->scheme = (enum guard_scheme)i;
        *text += n;
        return 0;
    }
    return refuse(why, use == GUARD_PUSH
                           ? "url: must begin with rtmp://, rtmps:// or srt://"
                           : "url: must begin with rtmp://, rtmps://, rtsp://, srt://, http:// or "
                             "https://");
}

static struct span cut(const char *at, const char *stop)
{
    return (struct span){at, strcspn(at, stop)};
}

static int split_authority(struct parts *out, struct span s, const char **why)
{
    const char *at = s.size ? memchr(s.at, '@', s.size) : NULL;
    if (at) {
        out->user = (struct span){s.at, (size_t)(at - s.at)};
        s.size -= out->user.size + 1;
        s.at = at + 1;
        if (out->user.size == 0 || out->user.at[0] == ':' || is_in(s, '@'))
            return refuse(why, "url: a user that is empty, or more than one @");
    }
    const char *close = s.size && s.at[0] == '[' ? memchr(s.at, ']', s.size) : NULL;
    const size_t from = close ? (size_t)(close - s.at) + 1 : 0;
    const char *colon = from < s.size ? memchr(s.at + from, ':', s.size - from) : NULL;
    out->host = (struct span){s.at, colon ? (size_t)(colon - s.at) : s.size};
    if (colon)
        out->port = (struct span){colon + 1, s.size - out->host.size - 1};
    return colon && out->port.size == 0 ? refuse(why, "url: a colon without a port") : 0;
}

static int split(struct parts *out, const char *text, const char **why)
{
    const struct span authority = cut(text, "/?#");
    text += authority.size;
    out->path = cut(text, "?#");
    text += out->path.size;
    if (*text == '?')
        out->query = (struct span){text + 1, strlen(text + 1)};
    else if (*text)
        return refuse(why, "url: a fragment (#) has no place here");
    return split_authority(out, authority, why);
}

static int read_port(struct guard_url *out, struct span port, const char **why)
{
    unsigned long value = 0;
    out->port = schemes[out->scheme].port;
    if (!port.at)
        return out->port ? 0 : refuse(why, "url: a port is needed, as in srt://HOST:PORT");
    if (port.size > 5 || port.at[0] == '0')
        return refuse(why, "url: the port must be 1 to 65535");
    for (size_t i = 0; i < port.size; i++) {
        if (!isdigit((unsigned char)port.at[i]))
            return refuse(why, "url: the port must be 1 to 65535");
        value = value * 10 + (unsigned long)(port.at[i] - '0');
    }
    if (value > 65535)
        return refuse(why, "url: the port must be 1 to 65535");
    out->port = (uint16_t)value;
    return 0;
}

/* --- host ------------------------------------------------------------------------------------- */

/* A name whose last label begins with a digit is read as an address by some: 127.1, 0x7f000001. */
static bool looks_like_address(const char *host)
{
    const char *dot = strrchr(host, '.');
    return isdigit((unsigned char)(dot ? dot[1] : host[0]));
}

static bool is_label(const char *at, size_t size)
{
    if (size == 0 || size > 63 || at[0] == '-' || at[size - 1] == '-')
        return false;
    for (size_t i = 0; i < size; i++) {
        if (!isalnum((unsigned char)at[i]) && at[i] != '-' && at[i] != '_')
            return false;
    }
    return true;
}

static bool is_name(const char *host)
{
    for (;;) {
        const size_t n = strcspn(host, ".");
        if (!is_label(host, n))
            return false;
        if (!host[n])
            return true;
        host += n + 1;
    }
}

static int read_v6(struct guard_url *out, struct span host, const char **why)
{
    struct in6_addr any;
    if (host.size < 4 || host.at[host.size - 1] != ']' || host.size - 2 >= INET6_ADDRSTRLEN)
        return refuse(why, "url: not an IPv6 address in brackets");
    memcpy(out->host, host.at + 1, host.size - 2);
    out->host[host.size - 2] = '\0';
    out->is_v6 = true;
    return inet_pton(AF_INET6, out->host, &any) == 1
               ? 0
               : refuse(why, "url: not an IPv6 address in brackets");
}

static int read_host(struct guard_url *out, struct span host, const char **why)
{
    struct in_addr any;
    if (host.size == 0 || host.size >= sizeof(out->host))
        return refuse(why, "url: a host is needed");
    if (host.at[0] == '[')
        return read_v6(out, host, why);
    memcpy(out->host, host.at, host.size);
    out->host[host.size] = '\0';
    if (looks_like_address(out->host))
        return inet_pton(AF_INET, out->host, &any) == 1
                   ? 0
                   : refuse(why, "url: an address must be written as four numbers, as in "
                                 "203.0.113.7");
    return is_name(out->host) ? 0 : refuse(why, "url: not a host name");
}

/* --- the rest --------------------------------------------------------------------------------- */

static bool is_key(struct span s, const char *name)
{
    return s.size == strlen(name) && memcmp(s.at, name, s.size) == 0;
}

/* One option of SRT's query. Others would turn us into a listener, or bind addresses of ours. */
static int check_srt_option(struct span key, struct span value, uint32_t *seen, const char **why)
{
    static const char *const names[] = {"streamid", "passphrase", "pbkeylen", "latency", "mode"};
    for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!is_key(key, names[i]))
            continue;
        if (*seen & 1u << i)
            return refuse(why, "url: an SRT option is given twice");
        *seen |= 1u << i;
        if (strcmp(names[i], "mode") == 0 && !is_key(value, "caller"))
            return refuse(why, "url: mode must be caller");
        return value.size ? 0 : refuse(why, "url: an SRT option without a value");
    }
    return refuse(why, "url: SRT options are streamid, passphrase, pbkeylen, latency and mode");
}

static int check_srt(const struct parts *p, const char **why)
{
    uint32_t seen = 0;
    if (p->path.size > 1 || p->user.at)
        return refuse(why, "url: of SRT has a host, a port and options only");
    for (struct span rest = p->query; rest.size > 0;) {
        const struct span one = {rest.at, strcspn(rest.at, "&")};
        const char *equals = memchr(one.at, '=', one.size);
        if (!equals)
            return refuse(why, "url: an SRT option without a value");
        const struct span key = {one.at, (size_t)(equals - one.at)};
        const struct span value = {equals + 1, one.size - key.size - 1};
        if (check_srt_option(key, value, &seen, why))
            return -EINVAL;
        const size_t step = one.size + (rest.at[one.size] == '&');
        rest = (struct span){rest.at + step, rest.size - step};
    }
    return 0;
}

/* The parts that a scheme has or has not. */
static int check_rest(const struct guard_url *out, const struct parts *p, const char **why)
{
    if (out->scheme == GUARD_SRT)
        return check_srt(p, why);
    if (is_in(p->query, '#'))
        return refuse(why, "url: a fragment (#) has no place here");
    const bool is_rtmp = out->scheme == GUARD_RTMP || out->scheme == GUARD_RTMPS;
    if (is_rtmp && p->path.size < 2)
        return refuse(why, "url: of RTMP needs an application, as in rtmp://HOST/live/KEY");
    return 0;
}

/* The first part of the path may be told where others follow: an application, not a key. */
static void mask(struct guard_url *out, const struct parts *p)
{
    const char *const open = out->is_v6 ? "[" : "", *const close = out->is_v6 ? "]" : "";
    const size_t first = p->path.size ? 1 + strcspn(p->path.at + 1, "/?#") : 0;
    const bool has_more = first + 1 < p->path.size;
    const int shown = has_more && first < 64 ? (int)first : 0;
    char port[8] = "";
    if (p->port.at)
        snprintf(port, sizeof(port), ":%u", out->port);
    snprintf(out->masked, sizeof(out->masked), "%s%s%s%s%s%s%.*s%s%s", schemes[out->scheme].prefix,
             p->user.at ? "***@" : "", open, out->host, close, port, shown, shown ? p->path.at : "",
             p->path.size > 1 ? "/***" : "", p->query.at ? "?***" : "");
}

int guard_parse_url(struct guard_url *out, const char *text, enum guard_use use, const char **why)
{
    struct guard_url url = {0};
    struct parts parts = {.path = {0}};
    *why = "";
    if (check_chars(text, why) || read_scheme(&url, &text, use, why) || split(&parts, text, why) ||
        read_host(&url, parts.host, why) || read_port(&url, parts.port, why) ||
        check_rest(&url, &parts, why))
        return -EINVAL;
    url.has_user = parts.user.at != NULL;
    mask(&url, &parts);
    *out = url;
    return 0;
}
