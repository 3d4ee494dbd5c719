/* transport/stun.h - STUN messages as ICE uses them: Binding, by short-term credentials (RFC 8489, RFC 8445).
 *
 * Reading is strict: a message that is not exactly as long as it says, that has an attribute beyond its
 * end, or whose FINGERPRINT is missing, wrong or not last, is none. What stands behind
 * MESSAGE-INTEGRITY is not looked at. Pure functions: [any]. */
#ifndef TRANSPORT_STUN_H
#define TRANSPORT_STUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/address.h"

enum {
    RTC_STUN_HEADER_BYTES = 20,
    RTC_STUN_TRANSACTION_BYTES = 12,
    RTC_STUN_MAX_BYTES = 576,  /* longest that is taken or written */
    RTC_STUN_USERNAME_MAX = 513, /* RFC 8489, section 14.3 */
    RTC_STUN_UNKNOWN_MAX = 4,
};

enum rtc_stun_kind {
    RTC_STUN_REQUEST,
    RTC_STUN_INDICATION,
    RTC_STUN_SUCCESS,
    RTC_STUN_ERROR,
};

enum rtc_stun_code {
    RTC_STUN_BAD_REQUEST = 400,
    RTC_STUN_UNAUTHENTICATED = 401,
    RTC_STUN_UNKNOWN_ATTRIBUTE = 420,
    RTC_STUN_ROLE_CONFLICT = 487,
};

/* A message that was read; what it points to is the datagram's. */
struct rtc_stun {
    enum rtc_stun_kind kind;
    const uint8_t *data;
    const uint8_t *transaction; /* RTC_STUN_TRANSACTION_BYTES */
    const char *username;       /* not terminated; NULL: none */
    size_t username_size;
    size_t integrity_at; /* where MESSAGE-INTEGRITY begins; 0: none */
    uint32_t priority;   /* 0: none */
    bool has_use_candidate;
    bool has_controlling; /* ICE-CONTROLLING */
    bool has_controlled;
    uint64_t tie_breaker;
    uint16_t unknown[RTC_STUN_UNKNOWN_MAX]; /* that must be understood and are not; the first few */
    size_t unknown_count;
};

/* Returns 0 or -EBADMSG (also for any method but Binding). */
int rtc_stun_read(struct rtc_stun *out, const uint8_t *data, size_t size);

/* Was it made by who knows the password? */
bool rtc_stun_is_authentic(const struct rtc_stun *m, const char *password);

/* Is it addressed to "ours:theirs"? The part behind the colon need not be known: theirs may be NULL. */
bool rtc_stun_is_for(const struct rtc_stun *m, const char *ours, const char *theirs);

/* What a check of ours says. */
struct rtc_stun_check {
    const uint8_t *transaction;
    const char *username; /* "theirs:ours" */
    const char *password; /* theirs */
    uint32_t priority;
    bool is_controlling;
    uint64_t tie_breaker;
};

/* Each writes a message of at most RTC_STUN_MAX_BYTES into out, with MESSAGE-INTEGRITY (error: if password
 * is not NULL) and FINGERPRINT. Returns its size, or 0: it would be too long. */
size_t rtc_stun_write_check(uint8_t *out, const struct rtc_stun_check *check);
size_t rtc_stun_write_success(uint8_t *out, const uint8_t *transaction,
                              const struct rtc_address *mapped, const char *password);
size_t rtc_stun_write_error(uint8_t *out, const struct rtc_stun *request, enum rtc_stun_code code,
                            const char *password);

#endif
