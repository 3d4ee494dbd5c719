/* SRTP: sizes, and which backend does what; see srtp_backend.h. [net] */
#include "transport/srtp.h"

#include <errno.h>
#include <stdbool.h>

#include "transport/srtp_backend.h"

size_t rtc_srtp_key_bytes(enum rtc_srtp_profile profile)
{
    return profile == RTC_SRTP_AES128_CM_SHA1_80 || profile == RTC_SRTP_AEAD_AES_128_GCM ? 16 : 0;
}

size_t rtc_srtp_salt_bytes(enum rtc_srtp_profile profile)
{
    switch (profile) {
    case RTC_SRTP_AES128_CM_SHA1_80:
        return 14;
    case RTC_SRTP_AEAD_AES_128_GCM:
        return 12;
    }
    return 0;
}

int rtc_srtp_create(struct rtc_srtp **out, enum rtc_srtp_profile profile,
                    enum rtc_srtp_direction direction, const uint8_t *key, size_t size)
{
    if (size == 0 || size != rtc_srtp_key_bytes(profile) + rtc_srtp_salt_bytes(profile))
        return -EINVAL;
    return profile == RTC_SRTP_AEAD_AES_128_GCM
               ? rtc_srtp_gcm_create(out, direction, key, size)
               : rtc_srtp_lib_create(out, profile, direction, key, size);
}

void rtc_srtp_destroy(struct rtc_srtp *s)
{
    if (s)
        s->backend->destroy(s);
}

static bool is_sane(size_t size, size_t header)
{
    return size >= header && size <= UINT16_MAX;
}

int rtc_srtp_protect(struct rtc_srtp *s, uint8_t *packet, size_t *size, size_t capacity)
{
    if (!is_sane(*size, RTC_SRTP_RTP_HEADER_BYTES) || capacity < *size + RTC_SRTP_EXPANSION_MAX)
        return -EINVAL;
    return s->backend->protect(s, packet, size);
}

int rtc_srtp_protect_rtcp(struct rtc_srtp *s, uint8_t *packet, size_t *size, size_t capacity)
{
    if (!is_sane(*size, RTC_SRTP_RTCP_HEADER_BYTES) || capacity < *size + RTC_SRTP_EXPANSION_MAX)
        return -EINVAL;
    return s->backend->protect_rtcp(s, packet, size);
}

int rtc_srtp_unprotect(struct rtc_srtp *s, uint8_t *packet, size_t *size)
{
    return is_sane(*size, RTC_SRTP_RTP_HEADER_BYTES) ? s->backend->unprotect(s, packet, size)
                                                     : -EINVAL;
}

int rtc_srtp_unprotect_rtcp(struct rtc_srtp *s, uint8_t *packet, size_t *size)
{
    return is_sane(*size, RTC_SRTP_RTCP_HEADER_BYTES) ? s->backend->unprotect_rtcp(s, packet, size)
                                                      : -EINVAL;
}

void rtc_srtp_warm(const struct rtc_srtp *s, enum rtc_warm step)
{
    if (!s)
        return;
    if (step <= RTC_WARM_PARTS)
        rtc_warm(s, 2 * RTC_WARM_LINE_BYTES);
    else if (s->backend->warm)
        s->backend->warm(s, step);
}
