/* STUN messages; see stun.h. Lengths in the header are set as each check attribute wants them: that up
 * to and including itself (RFC 8489, sections 14.5 and 14.7). */
#include "transport/stun.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define MAGIC 0x2112a442u
#define FINGERPRINT_XOR 0x5354554eu

enum {
    METHOD_BINDING = 1,
    ATTRIBUTE_BYTES = 4, /* type and length */
    INTEGRITY_BYTES = 20,
    PRIORITY_BYTES = 4,
    TIE_BREAKER_BYTES = 8,
    FINGERPRINT_BYTES = 4,
};

enum attribute {
    USERNAME = 0x0006,
    MESSAGE_INTEGRITY = 0x0008,
    ERROR_CODE = 0x0009,
    UNKNOWN_ATTRIBUTES = 0x000a,
    XOR_MAPPED_ADDRESS = 0x0020,
    PRIORITY = 0x0024,
    USE_CANDIDATE = 0x0025,
    OPTIONAL = 0x8000, /* from here on whoever does not know it steps over it */
    FINGERPRINT = 0x8028,
    ICE_CONTROLLED = 0x8029,
    ICE_CONTROLLING = 0x802a,
};

/* CRC-32 of ITU V.42, bit by bit: a hundred bytes some times a second. */
static uint32_t crc32_of(const uint8_t *data, size_t size)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static uint16_t get_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get_u32(const uint8_t *at)
{
    return (uint32_t)get_u16(at) << 16 | get_u16(at + 2);
}

static void put_u16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put_u32(uint8_t *at, uint32_t value)
{
    put_u16(at, (uint16_t)(value >> 16));
    put_u16(at + 2, (uint16_t)value);
}

static size_t padded(size_t size)
{
    return (size + 3) & ~(size_t)3;
}

/* HMAC-SHA1 of the first size bytes, whose header says that the message ends with the integrity. */
static bool sign(uint8_t mac[INTEGRITY_BYTES], const uint8_t *message, size_t size,
                 const char *password)
{
    uint8_t copy[RTC_STUN_MAX_BYTES];
    unsigned mac_size = 0;
    if (size > sizeof(copy))
        return false;
    memcpy(copy, message, size);
    put_u16(copy + 2,
                (uint16_t)(size + ATTRIBUTE_BYTES + INTEGRITY_BYTES - RTC_STUN_HEADER_BYTES));
    return HMAC(EVP_sha1(), password, (int)strlen(password), copy, size, mac, &mac_size) &&
           mac_size == INTEGRITY_BYTES;
}

/* --- reading
 * -------------------------------------------------------------------------------------- */

static bool is_fingerprint_right(const uint8_t *data, size_t size)
{
    const size_t at = size - ATTRIBUTE_BYTES - FINGERPRINT_BYTES;
    return size >= RTC_STUN_HEADER_BYTES + ATTRIBUTE_BYTES + FINGERPRINT_BYTES &&
           get_u16(data + at) == FINGERPRINT &&
           get_u16(data + at + 2) == FINGERPRINT_BYTES &&
           get_u32(data + at + 4) == (crc32_of(data, at) ^ FINGERPRINT_XOR);
}

static void note_unknown(struct rtc_stun *m, uint16_t type)
{
    if (m->unknown_count < RTC_STUN_UNKNOWN_MAX)
        m->unknown[m->unknown_count++] = type;
}

static uint64_t get_u64(const uint8_t *at)
{
    return (uint64_t)get_u32(at) << 32 | get_u32(at + 4);
}

static int take_role(struct rtc_stun *m, bool *has, const uint8_t *value, size_t size)
{
    if (size != TIE_BREAKER_BYTES)
        return -EBADMSG;
    *has = true;
    m->tie_breaker = get_u64(value);
    return 0;
}

/* Of several of one type the first counts (RFC 8489, section 14). */
static int take(struct rtc_stun *m, uint16_t type, const uint8_t *value, size_t size)
{
    switch (type) {
    case USERNAME:
        if (size == 0 || size > RTC_STUN_USERNAME_MAX)
            return -EBADMSG;
        if (!m->username) {
            m->username = (const char *)value;
            m->username_size = size;
        }
        return 0;
    case MESSAGE_INTEGRITY:
        m->integrity_at = (size_t)(value - ATTRIBUTE_BYTES - m->data);
        return size == INTEGRITY_BYTES ? 0 : -EBADMSG;
    case PRIORITY:
        if (size == PRIORITY_BYTES && m->priority == 0)
            m->priority = get_u32(value);
        return size == PRIORITY_BYTES ? 0 : -EBADMSG;
    case USE_CANDIDATE:
        m->has_use_candidate = true;
        return size == 0 ? 0 : -EBADMSG;
    case ICE_CONTROLLING:
        return take_role(m, &m->has_controlling, value, size);
    case ICE_CONTROLLED:
        return take_role(m, &m->has_controlled, value, size);
    case ERROR_CODE:
    case UNKNOWN_ATTRIBUTES:
    case XOR_MAPPED_ADDRESS:
        return 0;
    default:
        if (type < OPTIONAL)
            note_unknown(m, type);
        return 0;
    }
}

static int take_attributes(struct rtc_stun *m, size_t size)
{
    size_t at = RTC_STUN_HEADER_BYTES;
    while (at < size) {
        if (size - at < ATTRIBUTE_BYTES)
            return -EBADMSG;
        const uint16_t type = get_u16(m->data + at);
        const size_t length = get_u16(m->data + at + 2);
        at += ATTRIBUTE_BYTES;
        if (padded(length) > size - at)
            return -EBADMSG;
        /* Behind the integrity nobody vouches for anything; its end is the fingerprint's matter. */
        if (m->integrity_at == 0) {
            const int err = take(m, type, m->data + at, length);
            if (err)
                return err;
        }
        at += padded(length);
    }
    return 0;
}

int rtc_stun_read(struct rtc_stun *out, const uint8_t *data, size_t size)
{
    if (size < RTC_STUN_HEADER_BYTES || size > RTC_STUN_MAX_BYTES || size % 4 != 0 ||
        get_u16(data + 2) != size - RTC_STUN_HEADER_BYTES || get_u32(data + 4) != MAGIC)
        return -EBADMSG;
    const uint16_t type = get_u16(data);
    if ((type & ~0x0110u) != METHOD_BINDING || !is_fingerprint_right(data, size))
        return -EBADMSG;
    struct rtc_stun m = {
        .kind = (enum rtc_stun_kind)((type >> 7 & 2) | (type >> 4 & 1)),
        .data = data,
        .transaction = data + 8,
    };
    const int err = take_attributes(&m, size);
    if (!err)
        *out = m;
    return err;
}

bool rtc_stun_is_authentic(const struct rtc_stun *m, const char *password)
{
    uint8_t mac[INTEGRITY_BYTES];
    return m->integrity_at && sign(mac, m->data, m->integrity_at, password) &&
           CRYPTO_memcmp(mac, m->data + m->integrity_at + ATTRIBUTE_BYTES, sizeof(mac)) == 0;
}

bool rtc_stun_is_for(const struct rtc_stun *m, const char *ours, const char *theirs)
{
    const size_t n = strlen(ours);
    if (!m->username || m->username_size <= n || memcmp(m->username, ours, n) != 0 ||
        m->username[n] != ':')
        return false;
    const size_t rest = m->username_size - n - 1;
    return !theirs || (strlen(theirs) == rest && memcmp(m->username + n + 1, theirs, rest) == 0);
}

/* --- writing
 * -------------------------------------------------------------------------------------- */

static size_t begin(uint8_t *out, enum rtc_stun_kind kind, const uint8_t *transaction)
{
    put_u16(out, (uint16_t)((kind & 2) << 7 | (kind & 1) << 4 | METHOD_BINDING));
    put_u16(out + 2, 0);
    put_u32(out + 4, MAGIC);
    memcpy(out + 8, transaction, RTC_STUN_TRANSACTION_BYTES);
    return RTC_STUN_HEADER_BYTES;
}

/* The attribute's head; its value is to be written at the returned place. */
static uint8_t *add(uint8_t *out, size_t *size, enum attribute type, size_t length)
{
    uint8_t *at = out + *size;
    put_u16(at, (uint16_t)type);
    put_u16(at + 2, (uint16_t)length);
    *size += ATTRIBUTE_BYTES + padded(length);
    memset(at + ATTRIBUTE_BYTES, 0, padded(length));
    return at + ATTRIBUTE_BYTES;
}

static size_t finish(uint8_t *out, size_t size, const char *password)
{
    uint8_t mac[INTEGRITY_BYTES];
    if (password) {
        if (!sign(mac, out, size, password))
            return 0;
        memcpy(add(out, &size, MESSAGE_INTEGRITY, sizeof(mac)), mac, sizeof(mac));
    }
    const size_t at = size;
    uint8_t *crc = add(out, &size, FINGERPRINT, FINGERPRINT_BYTES);
    put_u16(out + 2, (uint16_t)(size - RTC_STUN_HEADER_BYTES));
    put_u32(crc, crc32_of(out, at) ^ FINGERPRINT_XOR);
    return size;
}

static void put_u64(uint8_t *at, uint64_t value)
{
    put_u32(at, (uint32_t)(value >> 32));
    put_u32(at + 4, (uint32_t)value);
}

size_t rtc_stun_write_check(uint8_t *out, const struct rtc_stun_check *check)
{
    const size_t username_size = strlen(check->username);
    if (username_size > RTC_STUN_USERNAME_MAX / 2 + 1) /* so that all the rest fits */
        return 0;
    size_t size = begin(out, RTC_STUN_REQUEST, check->transaction);
    memcpy(add(out, &size, USERNAME, username_size), check->username, username_size);
    put_u32(add(out, &size, PRIORITY, PRIORITY_BYTES), check->priority);
    put_u64(add(out, &size, check->is_controlling ? ICE_CONTROLLING : ICE_CONTROLLED,
                TIE_BREAKER_BYTES),
            check->tie_breaker);
    return finish(out, size, check->password);
}

/* RFC 8489, section 14.2. */
static void add_mapped(uint8_t *out, size_t *size, const struct rtc_address *mapped)
{
    const bool is_v6 = mapped->any.sa_family == AF_INET6;
    const bool is_v4_in_v6 = is_v6 && IN6_IS_ADDR_V4MAPPED(&mapped->v6.sin6_addr);
    const uint8_t *ip = is_v6 ? mapped->v6.sin6_addr.s6_addr
                              : (const uint8_t *)&mapped->v4.sin_addr.s_addr;
    const size_t ip_size = is_v6 && !is_v4_in_v6 ? 16 : 4;
    const uint16_t port = ntohs(is_v6 ? mapped->v6.sin6_port : mapped->v4.sin_port);
    uint8_t *at = add(out, size, XOR_MAPPED_ADDRESS, 4 + ip_size);
    at[1] = ip_size == 16 ? 2 : 1;
    put_u16(at + 2, (uint16_t)(port ^ MAGIC >> 16));
    for (size_t i = 0; i < ip_size; i++) /* the header from the cookie on is what it is mixed with */
        at[4 + i] = (uint8_t)(ip[i + (is_v4_in_v6 ? 12 : 0)] ^ out[4 + i]);
}

size_t rtc_stun_write_success(uint8_t *out, const uint8_t *transaction,
                              const struct rtc_address *mapped, const char *password)
{
    size_t size = begin(out, RTC_STUN_SUCCESS, transaction);
    add_mapped(out, &size, mapped);
    return finish(out, size, password);
}

size_t rtc_stun_write_error(uint8_t *out, const struct rtc_stun *request, enum rtc_stun_code code,
                            const char *password)
{
    size_t size = begin(out, RTC_STUN_ERROR, request->transaction);
    uint8_t *value = add(out, &size, ERROR_CODE, 4);
    value[2] = (uint8_t)(code / 100);
    value[3] = (uint8_t)(code % 100);
    if (code == RTC_STUN_UNKNOWN_ATTRIBUTE) {
        uint8_t *list = add(out, &size, UNKNOWN_ATTRIBUTES, 2 * request->unknown_count);
        for (size_t i = 0; i < request->unknown_count; i++)
            put_u16(list + 2 * i, request->unknown[i]);
    }
    return finish(out, size, password);
}
