/* transport/dtls.h - DTLS 1.2 with keys for SRTP (RFC 5764), on datagrams that somebody else carries.
 *
 * Both sides show a certificate; the far side's SHA-256 fingerprint must be the one that its
 * description told, or the handshake fails. No media key leaves before that. Certificates are
 * [any] once made; a struct rtc_dtls belongs to one thread, [net]. */
#ifndef TRANSPORT_DTLS_H
#define TRANSPORT_DTLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/srtp.h"

struct rtc_certificate; /* opaque: ECDSA P-256, self-signed, and the TLS settings that go with it */
struct rtc_dtls;        /* opaque: one association */

enum {
    RTC_FINGERPRINT_BYTES = 32,
    RTC_DTLS_MTU_BYTES = 1200,
};

enum rtc_dtls_state {
    RTC_DTLS_HANDSHAKE,
    RTC_DTLS_CONNECTED,
    RTC_DTLS_CLOSED, /* close_notify came in, or went out */
    RTC_DTLS_FAILED,
};

struct rtc_dtls_keys {
    enum rtc_srtp_profile profile;
    size_t size; /* of each: master key, then salt */
    uint8_t send[RTC_SRTP_KEY_MAX];
    uint8_t receive[RTC_SRTP_KEY_MAX];
};

/* Returns 0, -ENOMEM or -EIO. The caller owns *out, which outlives all associations made of it. */
int rtc_certificate_create(struct rtc_certificate **out);
void rtc_certificate_destroy(struct rtc_certificate *c);

/* RTC_FINGERPRINT_BYTES bytes. */
const uint8_t *rtc_certificate_fingerprint(const struct rtc_certificate *c);

/* fingerprint: of the far side. send() is called with each datagram to go out, from within the
 * functions below; what it cannot send is lost, as any datagram may be. Returns 0, -ENOMEM, -EIO. */
int rtc_dtls_create(struct rtc_dtls **out, const struct rtc_certificate *c, bool is_client,
                    const uint8_t *fingerprint,
                    void (*send)(void *ctx, const uint8_t *data, size_t size), void *ctx);
void rtc_dtls_destroy(struct rtc_dtls *d);

/* A client says hello; a server waits. Returns the state after it. */
enum rtc_dtls_state rtc_dtls_start(struct rtc_dtls *d);

/* One datagram that came in. Returns the state after it. */
enum rtc_dtls_state rtc_dtls_receive(struct rtc_dtls *d, const uint8_t *data, size_t size);

/* Sends again what is due. Returns the state after it. */
enum rtc_dtls_state rtc_dtls_tick(struct rtc_dtls *d);

/* Microseconds until rtc_dtls_tick() has something to do; -1: nothing pending. */
int64_t rtc_dtls_timeout_us(struct rtc_dtls *d);

/* Tells the far side that it is over (close_notify). */
void rtc_dtls_close(struct rtc_dtls *d);

/* Why it failed, in a few words; static storage or until d is destroyed. */
const char *rtc_dtls_reason(const struct rtc_dtls *d);

/* The SRTP keys, once RTC_DTLS_CONNECTED. Returns 0, -EAGAIN (not connected) or -EIO. */
int rtc_dtls_keys(struct rtc_dtls *d, struct rtc_dtls_keys *keys);

#endif
