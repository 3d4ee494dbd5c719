/* Packets that the rig changes: checksums are computed from scratch here and compared. */
#include "tests/lib/netrig_packet.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "tests/lib/netrig_random.h"

static uint32_t add(const uint8_t *p, size_t n)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (uint32_t)p[i] << (i % 2 ? 0 : 8);
    return sum;
}

static uint16_t fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static size_t header_size(const uint8_t *p)
{
    return p[0] >> 4 == 4 ? 20 : 40;
}

/* The sum over pseudo header and all above it: 0 when the checksum is right. */
static uint16_t upper_sum(const uint8_t *p, size_t size)
{
    const size_t header = header_size(p);
    const bool is_v4 = header == 20;
    const uint32_t protocol = is_v4 ? p[9] : p[6];
    const uint32_t pseudo = is_v4 ? add(p + 12, 8) : add(p + 8, 32);
    return fold(pseudo + protocol + (uint32_t)(size - header) + add(p + header, size - header));
}

static size_t build(uint8_t *p, int version, uint8_t protocol, size_t payload)
{
    const size_t header = version == 4 ? 20 : 40;
    const size_t upper = protocol == 17 ? 8 : 20;
    const size_t size = header + upper + payload;
    for (size_t i = 0; i < size; i++)
        p[i] = (uint8_t)(i * 37 + 11);
    memset(p, 0, header);
    p[0] = (uint8_t)(version << 4 | (version == 4 ? 5 : 0));
    if (version == 4) {
        p[2] = (uint8_t)(size >> 8);
        p[3] = (uint8_t)size;
        p[9] = protocol;
        inet_pton(AF_INET, "10.81.1.2", p + 12);
        inet_pton(AF_INET, "10.81.2.2", p + 16);
        const uint16_t sum = htons(fold(add(p, 20)));
        memcpy(p + 10, &sum, 2);
    } else {
        p[4] = (uint8_t)((size - 40) >> 8);
        p[5] = (uint8_t)(size - 40);
        p[6] = protocol;
        inet_pton(AF_INET6, "fd81:1::2", p + 8);
        inet_pton(AF_INET6, "fd81:2::2", p + 24);
    }
    p[header] = 0x9c; /* port 40000 */
    p[header + 1] = 0x40;
    if (protocol == 6)
        p[header + 12] = 0x50;
    uint8_t *field = p + header + (protocol == 17 ? 6 : 16);
    memset(field, 0, 2);
    const uint16_t sum = htons(upper_sum(p, size));
    memcpy(field, &sum, 2);
    return size;
}

static uint32_t bits_between(const uint8_t *a, const uint8_t *b, size_t n)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < n; i++)
        bits += (uint32_t)__builtin_popcount(a[i] ^ b[i]);
    return bits;
}

static void corruption_flips_payload_bits_and_mends(void **state)
{
    (void)state;
    struct netrig_random r;
    netrig_random_init(&r, 3, 0);
    for (int i = 0; i < 20000; i++) {
        uint8_t p[1500], before[1500];
        const int version = i % 2 ? 4 : 6;
        const size_t payload = 1 + netrig_random_next(&r) % 99;
        const size_t size = build(p, version, 17, payload);
        const size_t start = header_size(p) + 8;
        const uint32_t bits = 1 + (uint32_t)i % 20;
        memcpy(before, p, size);
        assert_true(netrig_packet_corrupt(p, size, netrig_random_next(&r), bits, true));
        assert_int_equal(bits_between(p + start, before + start, payload),
                         bits < payload * 8 ? bits : payload * 8);
        assert_memory_equal(p, before, start - 2);
        assert_int_equal(upper_sum(p, size), 0);
    }
}

static void a_wrong_checksum_stays_wrong(void **state)
{
    (void)state;
    uint8_t p[200];
    size_t size = build(p, 4, 17, 40);
    assert_true(netrig_packet_corrupt(p, size, 99, 1, false));
    assert_int_not_equal(upper_sum(p, size), 0);
    assert_int_equal(fold(add(p, 20)), 0);
    size = build(p, 6, 6, 40); /* TCP's is never mended */
    assert_true(netrig_packet_corrupt(p, size, 99, 1, true));
    assert_int_not_equal(upper_sum(p, size), 0);
    size = build(p, 4, 17, 0);
    assert_false(netrig_packet_corrupt(p, size, 99, 1, true)); /* no payload */
}

static struct netrig_nat make_nat(const char *words)
{
    const char *why;
    struct netrig_nat nat = {0};
    struct netrig_nat_conf conf;
    inet_pton(AF_INET, "10.81.1.2", nat.inside);
    inet_pton(AF_INET6, "fd81:1::2", nat.inside6);
    assert_int_equal(netrig_nat_parse(&conf, words, &why), 0);
    netrig_nat_set(&nat, &conf);
    return nat;
}

/* What the server would answer to p: both ends change places. Sums stay right by that. */
static void answer(uint8_t *p)
{
    uint8_t swap[16];
    const size_t header = header_size(p);
    const size_t n = header == 20 ? 4 : 16;
    uint8_t *ends = p + (header == 20 ? 12 : 8);
    memcpy(swap, ends, n);
    memmove(ends, ends + n, n);
    memcpy(ends + n, swap, n);
    memcpy(swap, p + header, 2);
    memmove(p + header, p + header + 2, 2);
    memcpy(p + header + 2, swap, 2);
}

static void the_way_out_and_back_is_consistent(void **state)
{
    (void)state;
    struct netrig_nat nat = make_nat("addr=203.0.113.9 addr6=2001:db8::9 port=+1000");
    for (int i = 0; i < 4; i++) {
        uint8_t p[200], before[200];
        const size_t size = build(p, i % 2 ? 4 : 6, i / 2 ? 6 : 17, 33);
        const size_t header = header_size(p);
        memcpy(before, p, size);
        assert_true(netrig_nat_leave(&nat, p, size));
        assert_int_equal(upper_sum(p, size), 0);
        assert_true(header == 40 || fold(add(p, 20)) == 0);
        assert_memory_not_equal(p, before, header);
        assert_int_equal(p[header] << 8 | p[header + 1], 41000);
        answer(p);
        assert_true(netrig_nat_enter(&nat, p, size));
        answer(p);
        assert_memory_equal(p, before, size);
    }
}

static void what_the_nat_does_not_know_is_dropped(void **state)
{
    (void)state;
    uint8_t p[200];
    struct netrig_nat nat = make_nat("addr=203.0.113.9 port=+1000");
    size_t size = build(p, 4, 17, 33);
    answer(p); /* to the client's own address */
    assert_false(netrig_nat_enter(&nat, p, size));
    size = build(p, 4, 17, 33);
    assert_true(netrig_nat_leave(&nat, p, size));
    answer(p);
    netrig_nat_set(&nat, &nat.conf); /* it forgets: the port is closed */
    assert_false(netrig_nat_enter(&nat, p, size));
    size = build(p, 4, 17, 33);
    answer(p); /* from somebody else than the client */
    assert_false(netrig_nat_leave(&nat, p, size));
    nat = make_nat("off");
    assert_true(netrig_nat_leave(&nat, p, size));
    assert_true(netrig_nat_enter(&nat, p, size));
}

static void every_port_comes_back(void **state)
{
    (void)state;
    struct netrig_nat nat = make_nat("port=+64000");
    for (uint32_t port = 1; port < 65536; port += 13) {
        uint8_t p[200], before[200];
        const size_t size = build(p, 4, 17, 9);
        p[20] = (uint8_t)(port >> 8);
        p[21] = (uint8_t)port;
        p[26] = p[27] = 0; /* no checksum: it stays so */
        memcpy(before, p, size);
        assert_true(netrig_nat_leave(&nat, p, size));
        answer(p);
        assert_true(netrig_nat_enter(&nat, p, size));
        answer(p);
        assert_memory_equal(p, before, size);
    }
}

static void the_kernels_own_talk_is_noise(void **state)
{
    (void)state;
    uint8_t p[200];
    size_t size = build(p, 6, 17, 9);
    assert_false(netrig_packet_is_noise(p, size));
    p[24] = 0xff; /* multicast */
    assert_true(netrig_packet_is_noise(p, size));
    size = build(p, 4, 17, 9);
    assert_false(netrig_packet_is_noise(p, size));
    assert_true(netrig_packet_is_noise(p, 10));
    assert_true(netrig_packet_is_noise(p, 0));
}

/* Random bytes of exact length on the heap: a sanitizer sees any step outside. */
static void random_bytes_harm_nothing(void **state)
{
    (void)state;
    struct netrig_random r;
    netrig_random_init(&r, 9, 0);
    struct netrig_nat nat = make_nat("addr=203.0.113.9 addr6=2001:db8::9 port=+7");
    for (int i = 0; i < 200000; i++) {
        const size_t size = 1 + netrig_random_next(&r) % 80;
        uint8_t *p = malloc(size);
        for (size_t k = 0; k < size; k++)
            p[k] = (uint8_t)netrig_random_next(&r);
        p[0] = i % 2 ? 0x45 : 0x60;
        if (size > 9 && i % 4 < 2)
            p[2] = p[4] = 0;
        if (size > 9 && i % 3)
            p[6] = p[9] = (uint8_t[]){6, 17, 44, 58}[i % 4];
        memcpy(nat.inside, p + (size > 16 ? 12 : 0), size > 16 ? 4 : 0);
        netrig_packet_is_noise(p, size);
        netrig_packet_corrupt(p, size, netrig_random_next(&r), 3, i % 5 == 0);
        netrig_nat_leave(&nat, p, size);
        netrig_nat_enter(&nat, p, size);
        free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(corruption_flips_payload_bits_and_mends),
        cmocka_unit_test(a_wrong_checksum_stays_wrong),
        cmocka_unit_test(the_way_out_and_back_is_consistent),
        cmocka_unit_test(what_the_nat_does_not_know_is_dropped),
        cmocka_unit_test(every_port_comes_back),
        cmocka_unit_test(the_kernels_own_talk_is_noise),
        cmocka_unit_test(random_bytes_harm_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
