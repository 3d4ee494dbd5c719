/* transport/rtp.c - RTP headers and their extensions. Pure; [any].
 *
 * The tricky thing: lengths nest (packet, extension block, element, padding), and each is checked
 * against the one around it before it is used. */
#include "transport/rtp.h"

#include <errno.h>
#include <string.h>

#include "mcu/base/bytes.h"

enum {
    EXT_ONE_BYTE = 0xbede,
    EXT_TWO_BYTE = 0x1000, /* low 4 bits: for the application */
};

enum rtc_datagram rtc_datagram_kind(const void *data, size_t size)
{
    const uint8_t *p = data;
    if (size < 1)
        return RTC_DATAGRAM_UNKNOWN;
    if (p[0] <= 3)
        return RTC_DATAGRAM_STUN;
    if (p[0] >= 20 && p[0] <= 63)
        return RTC_DATAGRAM_DTLS;
    if (p[0] < 128 || p[0] > 191 || size < 2)
        return RTC_DATAGRAM_UNKNOWN;
    return p[1] >= 192 && p[1] <= 223 ? RTC_DATAGRAM_RTCP : RTC_DATAGRAM_RTP;
}

static int parse_extension(struct rtc_rtp *rtp, struct mcu_reader *r)
{
    rtp->ext_profile = mcu_take_u16(r);
    rtp->ext_size = (size_t)mcu_take_u16(r) * 4;
    rtp->ext = mcu_take(r, rtp->ext_size);
    return r->failed ? -EBADMSG : 0;
}

static int parse_padding(struct rtc_rtp *rtp)
{
    if (rtp->payload_size == 0)
        return -EBADMSG;
    rtp->padding = rtp->payload[rtp->payload_size - 1];
    if (rtp->padding == 0 || rtp->padding > rtp->payload_size)
        return -EBADMSG;
    rtp->payload_size -= rtp->padding;
    return 0;
}

int rtc_rtp_parse(struct rtc_rtp *out, const void *data, size_t size)
{
    struct mcu_reader r = mcu_reader(data, size);
    struct rtc_rtp rtp = {0};
    const uint8_t first = mcu_take_u8(&r);
    const uint8_t second = mcu_take_u8(&r);

    if (r.failed || first >> 6 != 2)
        return -EBADMSG;
    rtp.marker = second & 0x80;
    rtp.pt = second & 0x7f;
    rtp.seq = mcu_take_u16(&r);
    rtp.timestamp = mcu_take_u32(&r);
    rtp.ssrc = mcu_take_u32(&r);
    rtp.csrc_count = first & 0x0f;
    rtp.csrc = mcu_take(&r, (size_t)rtp.csrc_count * 4);
    if (first & 0x10 && parse_extension(&rtp, &r))
        return -EBADMSG;
    if (r.failed)
        return -EBADMSG;

    rtp.payload_size = mcu_left(&r);
    rtp.payload = r.at;
    rtp.header_size = size - rtp.payload_size;
    if (first & 0x20 && parse_padding(&rtp))
        return -EBADMSG;
    *out = rtp;
    return 0;
}

static const uint8_t *find_one_byte(struct mcu_reader *r, uint8_t id, size_t *size)
{
    while (mcu_left(r)) {
        const uint8_t head = mcu_take_u8(r);
        if (head == 0)
            continue; /* padding */
        if (head >> 4 == 15 || head >> 4 == 0)
            return NULL; /* RFC 8285, section 4.2: stop here */
        const size_t n = (size_t)(head & 0x0f) + 1;
        const uint8_t *value = mcu_take(r, n);
        if (value && head >> 4 == id) {
            *size = n;
            return value;
        }
    }
    return NULL;
}

static const uint8_t *find_two_byte(struct mcu_reader *r, uint8_t id, size_t *size)
{
    while (mcu_left(r)) {
        const uint8_t element = mcu_take_u8(r);
        if (element == 0)
            continue;
        const size_t n = mcu_take_u8(r);
        const uint8_t *value = mcu_take(r, n);
        if (!r->failed && element == id) {
            *size = n;
            return value;
        }
    }
    return NULL;
}

const uint8_t *rtc_rtp_ext_find(const struct rtc_rtp *rtp, uint8_t id, size_t *size)
{
    struct mcu_reader r = mcu_reader(rtp->ext, rtp->ext_size);
    if (id == 0 || !rtp->ext)
        return NULL;
    if (rtp->ext_profile == EXT_ONE_BYTE)
        return find_one_byte(&r, id, size);
    if ((rtp->ext_profile & 0xfff0) == EXT_TWO_BYTE)
        return find_two_byte(&r, id, size);
    return NULL;
}

static const uint8_t *find_sized(const struct rtc_rtp *rtp, uint8_t id, size_t size)
{
    size_t found = 0;
    const uint8_t *value = rtc_rtp_ext_find(rtp, id, &found);
    return found == size ? value : NULL;
}

int rtc_rtp_get_transport_seq(const struct rtc_rtp *rtp, uint8_t id, uint16_t *seq)
{
    const uint8_t *v = find_sized(rtp, id, 2);
    if (!v)
        return -ENOENT;
    *seq = (uint16_t)(v[0] << 8 | v[1]);
    return 0;
}

int rtc_rtp_get_abs_send_time(const struct rtc_rtp *rtp, uint8_t id, uint32_t *time_6_18)
{
    const uint8_t *v = find_sized(rtp, id, 3);
    if (!v)
        return -ENOENT;
    *time_6_18 = (uint32_t)v[0] << 16 | (uint32_t)v[1] << 8 | v[2];
    return 0;
}

int rtc_rtp_get_audio_level(const struct rtc_rtp *rtp, uint8_t id, int *level_dbov, bool *is_voice)
{
    const uint8_t *v = find_sized(rtp, id, 1);
    if (!v)
        return -ENOENT;
    *level_dbov = -(v[0] & 0x7f);
    *is_voice = v[0] & 0x80;
    return 0;
}

/* primaries, transfer, matrix, range (2 bits from bit 4 on) with chroma siting; 24 bytes of
 * metadata */
int rtc_rtp_get_colours(const struct rtc_rtp *rtp, uint8_t id, struct mcu_colours *colours)
{
    enum { SHORT = 4, WITH_METADATA = 28, FULL_RANGE = 2 };
    const uint8_t *v = find_sized(rtp, id, SHORT);
    if (!v)
        v = find_sized(rtp, id, WITH_METADATA);
    if (!v)
        return -ENOENT;
    *colours = (struct mcu_colours){
        .is_said = true, .matrix = v[2], .is_full_range = (v[3] >> 4 & 3) == FULL_RANGE};
    return 0;
}

int rtc_rtp_get_mid(const struct rtc_rtp *rtp, uint8_t id, char mid[static RTC_RTP_MID_MAX + 1])
{
    size_t size = 0;
    const uint8_t *v = rtc_rtp_ext_find(rtp, id, &size);
    if (!v || size == 0 || size > RTC_RTP_MID_MAX || memchr(v, 0, size))
        return -ENOENT;
    memcpy(mid, v, size);
    mid[size] = '\0';
    return 0;
}

static void put_element(struct mcu_writer *w, uint8_t id, const void *value, size_t size)
{
    if (id == 0)
        return;
    mcu_put_u8(w, (uint8_t)(id << 4 | (size - 1)));
    mcu_put(w, value, size);
}

static void put_elements(struct mcu_writer *w, const struct rtc_rtp_header *h)
{
    const uint8_t level = (uint8_t)(-h->level_dbov | (h->is_voice ? 0x80 : 0));
    const uint8_t seq[2] = {(uint8_t)(h->transport_seq >> 8), (uint8_t)h->transport_seq};
    const uint8_t time[3] = {(uint8_t)(h->abs_send_time >> 16), (uint8_t)(h->abs_send_time >> 8),
                             (uint8_t)h->abs_send_time};

    put_element(w, h->ext.transport_cc, seq, sizeof(seq));
    put_element(w, h->ext.abs_send_time, time, sizeof(time));
    if (h->level_dbov <= 0)
        put_element(w, h->ext.audio_level, &level, 1);
    if (h->mid)
        put_element(w, h->ext.mid, h->mid, strlen(h->mid));
}

static bool is_writable(const struct rtc_rtp_header *h)
{
    const struct mcu_desc_extensions *e = &h->ext;
    if (e->audio_level > 14 || e->abs_send_time > 14 || e->transport_cc > 14 || e->mid > 14)
        return false;
    if (h->mid && (!h->mid[0] || strlen(h->mid) > RTC_RTP_MID_MAX))
        return false;
    return h->pt < 128 && h->level_dbov >= -127 && h->level_dbov <= 1;
}

int rtc_rtp_write(uint8_t *out, size_t capacity, const struct rtc_rtp_header *h)
{
    uint8_t elements[32];
    struct mcu_writer e = mcu_writer(elements, sizeof(elements));
    if (!is_writable(h))
        return -EINVAL;
    put_elements(&e, h);
    while (mcu_written(&e) % 4)
        mcu_put_u8(&e, 0);

    struct mcu_writer w = mcu_writer(out, capacity);
    mcu_put_u8(&w, mcu_written(&e) ? 0x90 : 0x80);
    mcu_put_u8(&w, (uint8_t)(h->pt | (h->marker ? 0x80 : 0)));
    mcu_put_u16(&w, h->seq);
    mcu_put_u32(&w, h->timestamp);
    mcu_put_u32(&w, h->ssrc);
    if (mcu_written(&e)) {
        mcu_put_u16(&w, EXT_ONE_BYTE);
        mcu_put_u16(&w, (uint16_t)(mcu_written(&e) / 4));
        mcu_put(&w, elements, mcu_written(&e));
    }
    return w.failed ? -ENOSPC : (int)mcu_written(&w);
}

int rtc_rtp_ext_rewrite(uint8_t *packet, size_t size, uint8_t id, const void *value,
                        size_t value_size)
{
    struct rtc_rtp rtp;
    if (rtc_rtp_parse(&rtp, packet, size))
        return -EBADMSG;
    const uint8_t *found = find_sized(&rtp, id, value_size);
    if (!found)
        return -ENOENT;
    memcpy(packet + (found - packet), value, value_size);
    return 0;
}

uint32_t rtc_abs_send_time(int64_t now_us)
{
    /* Seconds modulo 64, then 18 bits of fraction; 2^18 / 10^6 = 4096 / 15625. */
    const uint64_t in_cycle_us = (uint64_t)now_us % 64000000;
    return (uint32_t)(in_cycle_us * 4096 / 15625) & 0xffffff;
}
