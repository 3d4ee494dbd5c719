/* transport/rtp.h - the RTP header (RFC 3550) and its extensions (RFC 8285), read and written.
 *
 * Parsing copies nothing: everything in struct rtc_rtp points into the packet, which must outlive
 * it. Pure functions, no state: [any]. */
#ifndef TRANSPORT_RTP_H
#define TRANSPORT_RTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mcu/base/desc.h"
#include "mcu/base/packet.h"

enum {
    RTC_RTP_HEADER_SIZE = 12, /* without CSRCs and extensions */
    RTC_RTP_MID_MAX = 16,     /* longest MID in a one-byte header extension */
    RTC_RTP_HEADER_MAX = 48,  /* most that rtc_rtp_write() puts out */
    RTC_MTU = 1500,           /* no datagram that we take or send is longer */
};

struct rtc_rtp {
    bool marker;
    uint8_t pt;
    uint16_t seq;
    uint32_t timestamp;
    uint32_t ssrc;
    uint8_t csrc_count;
    const uint8_t *csrc;  /* csrc_count times 4 bytes, network order */
    uint16_t ext_profile; /* 0xbede, 0x100x, or what the sender likes; 0: no extension */
    const uint8_t *ext;
    size_t ext_size;
    size_t header_size; /* all before the payload */
    const uint8_t *payload;
    size_t payload_size; /* 0 for padding-only packets */
    uint8_t padding;     /* bytes after the payload */
};

/* What a datagram on a shared port is (RFC 7983, RFC 5761). */
enum rtc_datagram {
    RTC_DATAGRAM_UNKNOWN,
    RTC_DATAGRAM_STUN,
    RTC_DATAGRAM_DTLS,
    RTC_DATAGRAM_RTP,
    RTC_DATAGRAM_RTCP,
};

enum rtc_datagram rtc_datagram_kind(const void *data, size_t size);

/* Reads a whole packet. *out is written only on success. Returns 0 or -EBADMSG (not version 2, or
 * some length in it goes past its end). */
int rtc_rtp_parse(struct rtc_rtp *out, const void *data, size_t size);

/* The value of header extension id (1..255), one-byte and two-byte form; NULL when it is not there.
 * In the two-byte form a value may be empty: then not NULL, *size 0. */
const uint8_t *rtc_rtp_ext_find(const struct rtc_rtp *rtp, uint8_t id, size_t *size);

/* Typed values; all return 0, or -ENOENT: not there, id is 0, or of a wrong size. */
int rtc_rtp_get_transport_seq(const struct rtc_rtp *rtp, uint8_t id, uint16_t *seq);
int rtc_rtp_get_abs_send_time(const struct rtc_rtp *rtp, uint8_t id, uint32_t *time_6_18);
int rtc_rtp_get_audio_level(const struct rtc_rtp *rtp, uint8_t id, int *level_dbov, bool *is_voice);
/* What the pictures' numbers mean from here on; with or without HDR metadata, which is not read. */
int rtc_rtp_get_colours(const struct rtc_rtp *rtp, uint8_t id, struct mcu_colours *colours);
int rtc_rtp_get_mid(const struct rtc_rtp *rtp, uint8_t id, char mid[static RTC_RTP_MID_MAX + 1]);

/* A header to write. Extensions whose id is 0 are left out; ids must be below 15. */
struct rtc_rtp_header {
    bool marker;
    uint8_t pt;
    uint16_t seq;
    uint32_t timestamp;
    uint32_t ssrc;
    struct mcu_desc_extensions ext;
    uint16_t transport_seq;
    uint32_t abs_send_time; /* 6.18 fixed point seconds: rtc_abs_send_time() */
    const char *mid;        /* NULL: left out; at most RTC_RTP_MID_MAX bytes */
    int level_dbov;         /* 0..-127; 1: left out */
    bool is_voice;
};

/* Writes it. Returns its size (at most RTC_RTP_HEADER_MAX), -ENOSPC or -EINVAL. */
int rtc_rtp_write(uint8_t *out, size_t capacity, const struct rtc_rtp_header *header);

/* Overwrites the value of an extension that is there and has this size, in a packet or in its
 * header alone. Returns 0, -EBADMSG or -ENOENT. */
int rtc_rtp_ext_rewrite(uint8_t *packet, size_t size, uint8_t id, const void *value,
                        size_t value_size);

/* A clock in microseconds as abs-send-time has it: 24 bits of 6.18 fixed point seconds. */
uint32_t rtc_abs_send_time(int64_t now_us);

#endif
