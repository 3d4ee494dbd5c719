/* ICE candidates as text; see candidate.h. What comes in is hostile: every field is bounded and
 * checked before libnice sees it. */
#include "transport/candidate.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FIELD_MAX = 256 };

static const char *const type_names[] = {"host", "srflx", "prflx", "relay"};

/* The next word, bounded by one space or the end. Returns false when there is none, or it is too
 * long. */
static bool take_word(const char **at, char *out, size_t capacity)
{
    const size_t n = strcspn(*at, " ");
    if (n == 0 || n >= capacity)
        return false;
    memcpy(out, *at, n);
    out[n] = '\0';
    *at += n;
    *at += strspn(*at, " ");
    return true;
}

static bool take_number(const char **at, uint32_t max, uint32_t *out)
{
    char word[11];
    if (!take_word(at, word, sizeof(word)) || strspn(word, "0123456789") != strlen(word))
        return false;
    const unsigned long long value = strtoull(word, NULL, 10);
    if (value > max)
        return false;
    *out = (uint32_t)value;
    return true;
}

static bool is_foundation(const char *word)
{
    for (; *word; word++) {
        if (!isalnum((unsigned char)*word) && *word != '+' && *word != '/')
            return false;
    }
    return true;
}

static bool is_name(const char *word)
{
    for (; *word; word++) {
        if (!isalnum((unsigned char)*word) && !strchr("-._", *word))
            return false;
    }
    return true;
}

static bool take_type(const char **at, enum rtc_candidate_type *out)
{
    char word[8];
    if (!take_word(at, word, sizeof(word)) || strcmp(word, "typ") != 0 ||
        !take_word(at, word, sizeof(word)))
        return false;
    for (size_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++) {
        if (strcmp(word, type_names[i]) == 0) {
            *out = (enum rtc_candidate_type)i;
            return true;
        }
    }
    return false;
}

int rtc_address_parse(struct sockaddr_storage *out, const char *text, uint16_t port)
{
    struct sockaddr_storage a = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&a;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a;
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
    } else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
    } else {
        return -EINVAL;
    }
    *out = a;
    return 0;
}

uint16_t rtc_address_port(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)address)->sin_port);
    return ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
}

bool rtc_address_is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

bool rtc_address_is_link_local(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 16 == 0xa9fe;
    return IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

/* Extensions come in pairs of a name and a value. */
static bool is_passive(const char *at)
{
    char name[FIELD_MAX];
    char value[FIELD_MAX];
    while (take_word(&at, name, sizeof(name)) && take_word(&at, value, sizeof(value))) {
        if (strcmp(name, "tcptype") == 0)
            return strcmp(value, "passive") == 0;
    }
    return false;
}

int rtc_candidate_parse(struct rtc_candidate *out, const char *text)
{
    static const char prefix[] = "candidate:";
    if (strncmp(text, prefix, sizeof(prefix) - 1) != 0)
        return -EINVAL;
    const char *at = text + sizeof(prefix) - 1;
    struct rtc_candidate c = {0};
    char transport[8];
    char address[FIELD_MAX];
    uint32_t port;
    if (!take_word(&at, c.foundation, sizeof(c.foundation)) || !is_foundation(c.foundation) ||
        !take_number(&at, 256, &c.component) || c.component == 0 ||
        !take_word(&at, transport, sizeof(transport)) ||
        !take_number(&at, UINT32_MAX, &c.priority) ||
        !take_word(&at, address, sizeof(address)) || !take_number(&at, UINT16_MAX, &port) ||
        !take_type(&at, &c.type))
        return -EINVAL;
    c.is_udp = strcasecmp(transport, "udp") == 0;
    c.has_address = rtc_address_parse(&c.address, address, (uint16_t)port) == 0;
    if (!c.has_address && !is_name(address))
        return -EINVAL;
    c.is_tcp_passive = strcasecmp(transport, "tcp") == 0 && is_passive(at);
    if ((c.is_udp || c.is_tcp_passive) && port == 0)
        return -EINVAL;
    *out = c;
    return 0;
}

static const char *address_text(const struct sockaddr *a, char text[static INET6_ADDRSTRLEN])
{
    const void *at = a->sa_family == AF_INET
                         ? (const void *)&((const struct sockaddr_in *)a)->sin_addr
                         : (const void *)&((const struct sockaddr_in6 *)a)->sin6_addr;
    return inet_ntop(a->sa_family, at, text, INET6_ADDRSTRLEN) ? text : "";
}

int rtc_candidate_write(char *out, size_t capacity, const struct rtc_candidate *c,
                        const struct sockaddr *related)
{
    const struct sockaddr *address = (const struct sockaddr *)&c->address;
    char text[INET6_ADDRSTRLEN];
    char tail[INET6_ADDRSTRLEN + 32] = "";
    if (related)
        snprintf(tail, sizeof(tail), " raddr %s rport %u", address_text(related, text),
                 rtc_address_port(related));
    const int n = snprintf(out, capacity, "candidate:%s 1 %s %u %s %u typ %s%s%s", c->foundation,
                           c->is_tcp_passive ? "tcp" : "udp", c->priority,
                           address_text(address, text), rtc_address_port(address),
                           type_names[c->type], tail, c->is_tcp_passive ? " tcptype passive" : "");
    return n < 0 || (size_t)n >= capacity ? -ENOSPC : 0;
}
