/* Addresses, ports, bits; see the header. */
#include "tests/lib/netrig_packet.h"

#include <netinet/in.h>
#include <string.h>

/* Where the parts of a packet are; offsets are within `size`, 0: there is no such part. */
struct parts {
    bool is_v6;
    uint8_t protocol; /* 0 when the ports are in another fragment */
    size_t source, target, address_size;
    size_t header_sum; /* IPv4's */
    size_t upper;      /* UDP, TCP, ICMP */
    size_t upper_sum;
    size_t payload;
    size_t end;
};

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void find_upper(struct parts *at, const uint8_t *data)
{
    const size_t left = at->end - at->upper;
    if (at->protocol == IPPROTO_UDP && left >= 8) {
        at->upper_sum = at->upper + 6;
        at->payload = at->upper + 8;
    } else if (at->protocol == IPPROTO_TCP && left >= 20 && data[at->upper + 12] >> 4 >= 5) {
        at->upper_sum = at->upper + 16;
        at->payload = at->upper + (size_t)(data[at->upper + 12] >> 4) * 4;
    } else if (at->protocol == IPPROTO_ICMPV6 && at->is_v6 && left >= 4) {
        at->upper_sum = at->upper + 2;
    } else {
        at->protocol = 0;
    }
    if (at->payload >= at->end)
        at->payload = 0;
}

static bool find_v4(struct parts *at, const uint8_t *data, size_t size)
{
    const size_t header = (size_t)(data[0] & 15) * 4;
    if (size < 20 || header < 20 || get16(data + 2) < header || get16(data + 2) > size)
        return false;
    const uint16_t fragment = get16(data + 6);
    *at = (struct parts){.source = 12,
                         .target = 16,
                         .address_size = 4,
                         .header_sum = 10,
                         .upper = header,
                         .end = get16(data + 2),
                         .protocol = (fragment & 0x1fff) ? 0 : data[9]};
    return true;
}

static bool find_v6(struct parts *at, const uint8_t *data, size_t size)
{
    if (size < 40 || get16(data + 4) > size - 40)
        return false;
    *at = (struct parts){.is_v6 = true,
                         .source = 8,
                         .target = 24,
                         .address_size = 16,
                         .upper = 40,
                         .end = 40u + get16(data + 4),
                         .protocol = data[6]};
    if (at->protocol == IPPROTO_FRAGMENT) {
        if (at->end < 48)
            return false;
        at->protocol = (get16(data + 42) & 0xfff8) ? 0 : data[40];
        at->upper = 48;
    }
    return true;
}

static bool find(struct parts *at, const uint8_t *data, size_t size)
{
    if (size < 1)
        return false;
    const int version = data[0] >> 4;
    if (!(version == 4 && find_v4(at, data, size)) && !(version == 6 && find_v6(at, data, size)))
        return false;
    find_upper(at, data);
    return true;
}

bool netrig_packet_is_noise(const uint8_t *data, size_t size)
{
    struct parts at;
    if (!find(&at, data, size))
        return true;
    const uint8_t *target = data + at.target;
    if (!at.is_v6)
        return target[0] >= 224;
    return target[0] == 0xff || (data[at.source] == 0xfe && (data[at.source + 1] & 0xc0) == 0x80);
}

/* RFC 1624, equation 3. A UDP checksum of 0 says that there is none (IPv4), so 0 is sent as all
 * ones. */
static void mend_sum(uint8_t *field, uint16_t was, uint16_t is, bool is_udp)
{
    if (is_udp && get16(field) == 0)
        return;
    uint32_t sum = (uint16_t)~get16(field) + (uint32_t)(uint16_t)~was + is;
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    const uint16_t made = (uint16_t)~sum;
    put16(field, is_udp && made == 0 ? 0xffff : made);
}

/* Writes 16 bits that the checksums of `at` cover. */
static void write16(const struct parts *at, uint8_t *data, size_t where, uint16_t value,
                    bool in_header)
{
    const uint16_t was = get16(data + where);
    put16(data + where, value);
    if (in_header && at->header_sum)
        mend_sum(data + at->header_sum, was, value, false);
    if (at->protocol)
        mend_sum(data + at->upper_sum, was, value, at->protocol == IPPROTO_UDP);
}

static void write_address(const struct parts *at, uint8_t *data, size_t where,
                          const uint8_t *address)
{
    for (size_t i = 0; i < at->address_size; i += 2)
        write16(at, data, where + i, get16(address + i), true);
}

static void flip_bit(uint8_t *data, const struct parts *at, size_t bit, bool mend)
{
    const size_t byte = at->payload + bit / 8;
    const size_t word = byte - (byte - at->upper) % 2;
    const uint8_t low = word + 1 < at->end ? data[word + 1] : 0;
    const uint16_t was = (uint16_t)(data[word] << 8 | low);
    const uint16_t mask = (uint16_t)((0x80u >> bit % 8) << (byte == word ? 8 : 0));
    data[byte] ^= (uint8_t)(0x80u >> bit % 8);
    if (mend)
        mend_sum(data + at->upper_sum, was, was ^ mask, at->protocol == IPPROTO_UDP);
}

bool netrig_packet_corrupt(uint8_t *data, size_t size, uint64_t noise, uint32_t bits, bool mend)
{
    struct parts at;
    if (!find(&at, data, size) || at.payload == 0)
        return false;
    const size_t all = (at.end - at.payload) * 8;
    const size_t flipped = bits < all ? bits : all;
    const size_t from = noise % (all - flipped + 1);
    /* A fragment's checksum covers what is not here, but a difference is a difference. */
    for (size_t i = 0; i < flipped; i++)
        flip_bit(data, &at, from + i, mend && at.protocol == IPPROTO_UDP);
    return true;
}

/* --- the client's other address ----------------------------------------------------------------
 */

void netrig_nat_set(struct netrig_nat *nat, const struct netrig_nat_conf *conf)
{
    nat->conf = *conf;
    memset(nat->opened, 0, sizeof(nat->opened));
}

static const uint8_t *outside_address(const struct netrig_nat *nat, bool is_v6)
{
    if (is_v6)
        return nat->conf.has_addr6 ? nat->conf.addr6 : nat->inside6;
    return nat->conf.has_addr ? nat->conf.addr : nat->inside;
}

/* Ports from 1024 on go round; those below stay. */
static uint16_t shift_port(uint16_t port, uint32_t by)
{
    return port < 1024 ? port : (uint16_t)(1024 + (port - 1024u + by) % 64512u);
}

static bool has_ports(const struct parts *at)
{
    return at->protocol == IPPROTO_UDP || at->protocol == IPPROTO_TCP;
}

bool netrig_nat_leave(struct netrig_nat *nat, uint8_t *data, size_t size)
{
    struct parts at;
    if (!nat->conf.is_on)
        return true;
    if (!find(&at, data, size))
        return false;
    const uint8_t *inside = at.is_v6 ? nat->inside6 : nat->inside;
    if (memcmp(data + at.source, inside, at.address_size) != 0)
        return false;
    write_address(&at, data, at.source, outside_address(nat, at.is_v6));
    if (nat->conf.port_shift && has_ports(&at)) {
        const uint16_t port = shift_port(get16(data + at.upper), nat->conf.port_shift);
        nat->opened[at.protocol == IPPROTO_TCP][port / 8] |= (uint8_t)(1u << port % 8);
        write16(&at, data, at.upper, port, false);
    }
    return true;
}

bool netrig_nat_enter(const struct netrig_nat *nat, uint8_t *data, size_t size)
{
    struct parts at;
    if (!nat->conf.is_on)
        return true;
    if (!find(&at, data, size) ||
        memcmp(data + at.target, outside_address(nat, at.is_v6), at.address_size) != 0)
        return false;
    if (nat->conf.port_shift && has_ports(&at)) {
        const uint16_t port = get16(data + at.upper + 2);
        if (!(nat->opened[at.protocol == IPPROTO_TCP][port / 8] & 1u << port % 8))
            return false;
        write16(&at, data, at.upper + 2, shift_port(port, 64512u - nat->conf.port_shift), false);
    }
    write_address(&at, data, at.target, at.is_v6 ? nat->inside6 : nat->inside);
    return true;
}
