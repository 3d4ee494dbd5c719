/* SRTP by libsrtp2; see srtp_backend.h. libsrtp makes a stream per SSRC from a template once a
 * packet of it has been authenticated, and keeps it for ever: to stay bounded against a far side
 * that invents SSRCs, we keep a table of those in use and take the idlest out before a new one may
 * come in. */
#include "transport/srtp_backend.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <srtp2/srtp.h>
#include <stdlib.h>
#include <string.h>

struct source {
    uint32_t ssrc;
    uint64_t used_at; /* count of packets when it was last used */
};

struct lib {
    struct rtc_srtp base;
    srtp_t session;
    uint64_t packets;
    struct source sources[RTC_SRTP_SSRCS_MAX];
    size_t source_count;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static srtp_err_status_t init_status;

static void init_library(void)
{
    init_status = srtp_init();
}

static srtp_profile_t library_profile(enum rtc_srtp_profile profile)
{
    switch (profile) {
    case RTC_SRTP_AES128_CM_SHA1_80:
        return srtp_profile_aes128_cm_sha1_80;
    case RTC_SRTP_AEAD_AES_128_GCM:
        return srtp_profile_aead_aes_128_gcm;
    }
    return srtp_profile_reserved;
}

static uint32_t ssrc_at(const uint8_t *packet, size_t offset)
{
    uint32_t ssrc;
    memcpy(&ssrc, packet + offset, sizeof(ssrc));
    return ntohl(ssrc);
}

static struct source *find_source(struct lib *s, uint32_t ssrc)
{
    for (size_t i = 0; i < s->source_count; i++) {
        if (s->sources[i].ssrc == ssrc)
            return &s->sources[i];
    }
    return NULL;
}

/* Called after a packet of a source that is not in the table was authenticated. */
static void add_source(struct lib *s, uint32_t ssrc)
{
    size_t slot = s->source_count;
    if (slot == RTC_SRTP_SSRCS_MAX) {
        slot = 0;
        for (size_t i = 1; i < RTC_SRTP_SSRCS_MAX; i++) {
            if (s->sources[i].used_at < s->sources[slot].used_at)
                slot = i;
        }
        srtp_remove_stream(s->session, htonl(s->sources[slot].ssrc));
    } else {
        s->source_count++;
    }
    s->sources[slot] = (struct source){.ssrc = ssrc, .used_at = s->packets};
}

static void note_source(struct lib *s, uint32_t ssrc)
{
    s->packets++;
    struct source *source = find_source(s, ssrc);
    if (source)
        source->used_at = s->packets;
    else
        add_source(s, ssrc);
}

static int translated(srtp_err_status_t status)
{
    switch (status) {
    case srtp_err_status_ok:
        return 0;
    case srtp_err_status_auth_fail:
    case srtp_err_status_no_ctx:
        return -EACCES;
    case srtp_err_status_replay_fail:
    case srtp_err_status_replay_old:
        return -EALREADY;
    case srtp_err_status_bad_param:
    case srtp_err_status_parse_err:
        return -EINVAL;
    default:
        return -EIO;
    }
}

static int apply(struct lib *s, uint8_t *packet, size_t *size, size_t ssrc_offset,
                 srtp_err_status_t (*fn)(srtp_t, void *, int *))
{
    int length = (int)*size;
    const uint32_t ssrc = ssrc_at(packet, ssrc_offset);
    const int err = translated(fn(s->session, packet, &length));
    if (err)
        return err;
    note_source(s, ssrc);
    *size = (size_t)length;
    return 0;
}

static int lib_protect(struct rtc_srtp *base, uint8_t *packet, size_t *size)
{
    return apply((struct lib *)base, packet, size, 8, srtp_protect);
}

static int lib_protect_rtcp(struct rtc_srtp *base, uint8_t *packet, size_t *size)
{
    return apply((struct lib *)base, packet, size, 4, srtp_protect_rtcp);
}

static int lib_unprotect(struct rtc_srtp *base, uint8_t *packet, size_t *size)
{
    return apply((struct lib *)base, packet, size, 8, srtp_unprotect);
}

static int lib_unprotect_rtcp(struct rtc_srtp *base, uint8_t *packet, size_t *size)
{
    return apply((struct lib *)base, packet, size, 4, srtp_unprotect_rtcp);
}

static void lib_destroy(struct rtc_srtp *base)
{
    struct lib *s = (struct lib *)base;
    srtp_dealloc(s->session);
    free(s);
}

static const struct rtc_srtp_backend backend = {
    .destroy = lib_destroy,
    .protect = lib_protect,
    .protect_rtcp = lib_protect_rtcp,
    .unprotect = lib_unprotect,
    .unprotect_rtcp = lib_unprotect_rtcp,
};

int rtc_srtp_lib_create(struct rtc_srtp **out, enum rtc_srtp_profile profile,
                        enum rtc_srtp_direction direction, const uint8_t *key, size_t size)
{
    pthread_once(&once, init_library);
    if (init_status != srtp_err_status_ok)
        return -EIO;

    struct lib *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->base.backend = &backend;
    uint8_t copy[SRTP_MAX_KEY_LEN] = {0};
    memcpy(copy, key, size);
    srtp_policy_t policy = {
        .ssrc.type = direction == RTC_SRTP_SEND ? ssrc_any_outbound : ssrc_any_inbound,
        .key = copy,
        .window_size = RTC_SRTP_WINDOW_PACKETS,
        /* Resending without RTX protects the same bytes again: same nonce, same ciphertext. */
        .allow_repeat_tx = 1,
    };
    const srtp_profile_t p = library_profile(profile);
    srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, p);
    srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, p);
    const srtp_err_status_t status = srtp_create(&s->session, &policy);
    explicit_bzero(copy, sizeof(copy));
    if (status != srtp_err_status_ok) {
        free(s);
        return -EIO;
    }
    *out = &s->base;
    return 0;
}
