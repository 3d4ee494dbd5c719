/* transport/srtp_backend.h - what stands behind srtp.h: libsrtp2 (srtp_lib.c) does both profiles,
 * our own framing over OpenSSL (srtp_gcm.c) does AES-GCM at a cost that does not grow with the
 * number of sessions. srtp.c chooses; tests and benches take either, to hold one against the other.
 *
 * Sizes are checked by srtp.c before a backend is asked: a packet has its fixed header, and
 * protecting has its room. [net], as srtp.h. */
#ifndef TRANSPORT_SRTP_BACKEND_H
#define TRANSPORT_SRTP_BACKEND_H

#include "transport/srtp.h"
#include "transport/warm.h"

enum {
    RTC_SRTP_WINDOW_PACKETS = 1024, /* replay window: a resend without RTX may be this late */
    RTC_SRTP_RTP_HEADER_BYTES = 12,
    RTC_SRTP_RTCP_HEADER_BYTES = 8,
};

/* The verbs of srtp.h; all of them are set, but the last. */
struct rtc_srtp_backend {
    void (*destroy)(struct rtc_srtp *s);
    int (*protect)(struct rtc_srtp *s, uint8_t *packet, size_t *size);
    int (*protect_rtcp)(struct rtc_srtp *s, uint8_t *packet, size_t *size);
    int (*unprotect)(struct rtc_srtp *s, uint8_t *packet, size_t *size);
    int (*unprotect_rtcp)(struct rtc_srtp *s, uint8_t *packet, size_t *size);
    void (*warm)(const struct rtc_srtp *s, enum rtc_warm step); /* NULL: it has nothing of its own */
};

/* First in each backend's session. */
struct rtc_srtp {
    const struct rtc_srtp_backend *backend;
};

/* As rtc_srtp_create(), with profile and size checked already. */
int rtc_srtp_lib_create(struct rtc_srtp **out, enum rtc_srtp_profile profile,
                        enum rtc_srtp_direction direction, const uint8_t *key, size_t size);

/* RTC_SRTP_AEAD_AES_128_GCM only. */
int rtc_srtp_gcm_create(struct rtc_srtp **out, enum rtc_srtp_direction direction,
                        const uint8_t *key, size_t size);

#endif
