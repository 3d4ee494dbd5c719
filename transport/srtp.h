/* transport/srtp.h - one direction of SRTP and SRTCP (RFC 3711, RFC 7714).
 *
 * Two backends stand behind it (srtp_backend.h): libsrtp2, and for AES-GCM our own framing over OpenSSL,
 * since Debian's libsrtp2 slows down with the number of sessions. Nothing allocates per packet. A
 * session is used by one thread at a time, [net].
 *
 * Never protect other bytes under the same SSRC and sequence number: with GCM the nonce would repeat.
 * The same bytes again are the same ciphertext again, which is how a packet is resent without RTX. */
#ifndef TRANSPORT_SRTP_H
#define TRANSPORT_SRTP_H

#include <stddef.h>
#include <stdint.h>

#include "transport/warm.h"

enum rtc_srtp_profile { /* values of RFC 5764 and RFC 7714 */
    RTC_SRTP_AES128_CM_SHA1_80 = 0x0001,
    RTC_SRTP_AEAD_AES_128_GCM = 0x0007,
};

enum {
    RTC_SRTP_KEY_MAX = 30,      /* master key and salt */
    RTC_SRTP_EXPANSION_MAX = 24, /* most that protecting adds: GCM tag, or SHA1 tag, and index */
    RTC_SRTP_SSRCS_MAX = 32,    /* sources kept of the far side; the idlest gives way to a new one */
};

enum rtc_srtp_direction {
    RTC_SRTP_SEND,
    RTC_SRTP_RECEIVE,
};

struct rtc_srtp; /* opaque */

/* Bytes of master key and of salt for a profile; 0 for one that is not ours. */
size_t rtc_srtp_key_bytes(enum rtc_srtp_profile profile);
size_t rtc_srtp_salt_bytes(enum rtc_srtp_profile profile);

/* A session with this master key followed by its salt (size is their sum). The caller owns *out.
 * Returns 0, -EINVAL, -ENOMEM or -EIO. */
int rtc_srtp_create(struct rtc_srtp **out, enum rtc_srtp_profile profile,
                    enum rtc_srtp_direction direction, const uint8_t *key, size_t size);

/* NULL is fine. */
void rtc_srtp_destroy(struct rtc_srtp *s);

/* In place; *size grows by at most RTC_SRTP_EXPANSION_MAX, for which capacity has to have room.
 * Returns 0, -EINVAL (not RTP, no room), -EALREADY (older than what may be resent) or -EIO. */
int rtc_srtp_protect(struct rtc_srtp *s, uint8_t *packet, size_t *size, size_t capacity);
int rtc_srtp_protect_rtcp(struct rtc_srtp *s, uint8_t *packet, size_t *size, size_t capacity);

/* In place; *size shrinks. packet must be aligned to 4 bytes. Returns 0, -EINVAL (not RTP), -EACCES
 * (failed authentication) or -EALREADY (a replay, or too old to tell). */
int rtc_srtp_unprotect(struct rtc_srtp *s, uint8_t *packet, size_t *size);
int rtc_srtp_unprotect_rtcp(struct rtc_srtp *s, uint8_t *packet, size_t *size);

/* It is used soon; NULL is fine. */
void rtc_srtp_warm(const struct rtc_srtp *s, enum rtc_warm step);

#endif
