/* Addresses: what is public, and what the settings allow besides. Pure.
 *
 * All is compared as 16 bytes; IPv4 is ::ffff:a.b.c.d there. For IPv6 the table says what is
 * refused within 2000::/3; all outside of it is refused but for IPv4 in disguise. */
#include "recorder/guard.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct v4_net {
    uint32_t address;
    unsigned bits;
};

#define V4(a, b, c, d)                                                                             \
    ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

static const struct v4_net refused_v4[] = {
    {V4(0, 0, 0, 0), 8},       /* this host */
    {V4(10, 0, 0, 0), 8},      /* private */
    {V4(100, 64, 0, 0), 10},   /* carriers' NAT; some clouds' metadata */
    {V4(127, 0, 0, 0), 8},     /* loopback */
    {V4(169, 254, 0, 0), 16},  /* link-local; clouds' metadata */
    {V4(172, 16, 0, 0), 12},   /* private */
    {V4(192, 0, 0, 0), 24},    /* protocol assignments; a cloud's metadata */
    {V4(192, 0, 2, 0), 24},    /* documentation */
    {V4(192, 88, 99, 0), 24},  /* 6to4 relays */
    {V4(192, 168, 0, 0), 16},  /* private */
    {V4(198, 18, 0, 0), 15},   /* benchmarks */
    {V4(198, 51, 100, 0), 24}, /* documentation */
    {V4(203, 0, 113, 0), 24},  /* documentation */
    {V4(224, 0, 0, 0), 4},     /* multicast */
    {V4(240, 0, 0, 0), 4},     /* reserved, broadcast */
    {V4(168, 63, 129, 16), 32} /* a cloud's host agent, on a public address */
};

struct v6_net {
    uint8_t bytes[6];
    unsigned bits;
};

static const struct v6_net refused_v6[] = {
    {{0x20, 0x01, 0x00, 0x00}, 23}, /* protocol assignments */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
    {{0x3f, 0xff, 0x00, 0x00}, 20}, /* documentation */
    {{0x3f, 0xfe, 0x00, 0x00}, 16}, /* 6bone, given back */
};

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
static const uint8_t nat64_prefix[12] = {0x00, 0x64, 0xff, 0x9b};
static const uint8_t teredo_prefix[4] = {0x20, 0x01, 0x00, 0x00};

static bool has_prefix(const uint8_t *bytes, const uint8_t *prefix, unsigned bits)
{
    const unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(bytes, prefix, whole) != 0)
        return false;
    const uint8_t mask = (uint8_t)(0xff00 >> rest);
    return rest == 0 || ((bytes[whole] ^ prefix[whole]) & mask) == 0;
}

static bool is_public_v4(uint32_t address)
{
    for (size_t i = 0; i < sizeof(refused_v4) / sizeof(refused_v4[0]); i++) {
        const uint32_t mask = UINT32_MAX << (32 - refused_v4[i].bits);
        if ((address & mask) == refused_v4[i].address)
            return false;
    }
    return true;
}

static uint32_t v4_at(const uint8_t *at)
{
    return V4(at[0], at[1], at[2], at[3]);
}

static bool is_public_v6(const uint8_t *b)
{
    static const uint8_t zero[12];
    if (has_prefix(b, mapped_prefix, 96) || has_prefix(b, zero, 96) ||
        has_prefix(b, nat64_prefix, 96))
        return is_public_v4(v4_at(b + 12));
    if (has_prefix(b, teredo_prefix,
                   32)) /* RFC 4380: a server, and a client with all bits turned */
        return is_public_v4(v4_at(b + 4)) && is_public_v4(~v4_at(b + 12));
    if (b[0] == 0x20 && b[1] == 0x02) /* 6to4 */
        return is_public_v4(v4_at(b + 2));
    if ((b[0] & 0xe0) != 0x20) /* not 2000::/3 */
        return false;
    for (size_t i = 0; i < sizeof(refused_v6) / sizeof(refused_v6[0]); i++) {
        if (has_prefix(b, refused_v6[i].bytes, refused_v6[i].bits))
            return false;
    }
    return true;
}

/* False: it is neither IPv4 nor IPv6. */
static bool bytes_of(uint8_t *out, const struct sockaddr *a)
{
    if (a->sa_family == AF_INET) {
        memcpy(out, mapped_prefix, sizeof(mapped_prefix));
        memcpy(out + 12, &((const struct sockaddr_in *)(const void *)a)->sin_addr, 4);
        return true;
    }
    if (a->sa_family != AF_INET6)
        return false;
    memcpy(out, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, 16);
    return true;
}

bool guard_address_is_public(const struct sockaddr *a)
{
    uint8_t bytes[16];
    return bytes_of(bytes, a) && is_public_v6(bytes);
}

/* Digits alone, without a leading zero, at most max. */
static bool read_bits(const char *text, unsigned max, unsigned *out)
{
    const size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 3 || text[digits] || (text[0] == '0' && digits > 1))
        return false;
    const unsigned long value = strtoul(text, NULL, 10);
    if (value > max)
        return false;
    *out = (unsigned)value;
    return true;
}

static bool read_address(const char *text, uint8_t *out, unsigned *width)
{
    if (inet_pton(AF_INET, text, out + 12) == 1) {
        memcpy(out, mapped_prefix, sizeof(mapped_prefix));
        *width = 32;
        return true;
    }
    *width = 128;
    return inet_pton(AF_INET6, text, out) == 1;
}

static bool is_clean_behind(const struct guard_net *net)
{
    for (unsigned i = net->bits; i < 128; i++) {
        if (net->bytes[i / 8] & 0x80 >> i % 8)
            return false;
    }
    return true;
}

int guard_policy_add(struct guard_policy *p, const char *cidr)
{
    char address[INET6_ADDRSTRLEN] = "";
    const char *slash = strchr(cidr, '/');
    const size_t size = slash ? (size_t)(slash - cidr) : strlen(cidr);
    struct guard_net net = {0};
    unsigned width = 0, bits = 0;
    if (size >= sizeof(address))
        return -EINVAL;
    memcpy(address, cidr, size);
    if (!read_address(address, net.bytes, &width))
        return -EINVAL;
    bits = width;
    if (slash && !read_bits(slash + 1, width, &bits))
        return -EINVAL;
    net.bits = (uint8_t)(128 - width + bits);
    if (!is_clean_behind(&net))
        return -EINVAL;
    if (p->net_count == GUARD_NETS_MAX)
        return -ENOSPC;
    p->nets[p->net_count++] = net;
    return 0;
}

bool guard_policy_allows(const struct guard_policy *p, const struct sockaddr *a)
{
    uint8_t bytes[16];
    if (!bytes_of(bytes, a))
        return false;
    for (uint32_t i = 0; i < p->net_count; i++) {
        if (has_prefix(bytes, p->nets[i].bytes, p->nets[i].bits))
            return true;
    }
    return is_public_v6(bytes);
}
