/* bench/srtp - what protecting and unprotecting a small audio packet costs, with one session and
 * with as many as a large room has, turned over as a fan-out does: one packet for each session in
 * turn.
 *
 * Our AES-GCM over OpenSSL against libsrtp2's AES-GCM and AES-CM with HMAC-SHA1. Nanoseconds of CPU
 * a packet; the last columns are ratios to ours.
 *
 * Usage: srtp */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "transport/srtp_backend.h"

enum {
    SESSIONS_MAX = 1000,
    PACKETS = 200 * 1000,
    PAYLOAD = 80,
    RTP = 12 + 8 + PAYLOAD,
    CAPACITY = 160
};

enum kind { OURS, LIB_GCM, LIB_CM, KINDS };

struct session {
    struct rtc_srtp *send;
    struct rtc_srtp *receive;
};

static int open_session(struct session *s, enum kind kind, uint8_t seed)
{
    uint8_t key[RTC_SRTP_KEY_MAX];
    memset(key, seed, sizeof(key));
    if (kind == OURS)
        return rtc_srtp_gcm_create(&s->send, RTC_SRTP_SEND, key, 28) ||
               rtc_srtp_gcm_create(&s->receive, RTC_SRTP_RECEIVE, key, 28);
    const enum rtc_srtp_profile p =
        kind == LIB_GCM ? RTC_SRTP_AEAD_AES_128_GCM : RTC_SRTP_AES128_CM_SHA1_80;
    const size_t size = kind == LIB_GCM ? 28 : 30;
    return rtc_srtp_lib_create(&s->send, p, RTC_SRTP_SEND, key, size) ||
           rtc_srtp_lib_create(&s->receive, p, RTC_SRTP_RECEIVE, key, size);
}

static size_t make_packet(uint8_t *p, uint16_t seq)
{
    static const uint8_t head[20] = {0x90, 111, 0, 0,    0,    0, 0, 0,    0,
                                     0,    0,   5, 0xbe, 0xde, 0, 1, 0x10, 0x85};
    memcpy(p, head, sizeof(head));
    p[2] = (uint8_t)(seq >> 8);
    p[3] = (uint8_t)seq;
    memset(p + sizeof(head), 0x5a, PAYLOAD);
    return RTP;
}

/* ns[0] of protecting, ns[1] of unprotecting. */
static int measure(enum kind kind, size_t count, double ns[2])
{
    static struct session sessions[SESSIONS_MAX];
    static _Alignas(8) uint8_t packets[SESSIONS_MAX][CAPACITY];
    static size_t sizes[SESSIONS_MAX];
    int64_t us[2] = {0};
    memset(sessions, 0, sizeof(sessions));
    int err = 0;
    for (size_t i = 0; i < count; i++)
        err |= open_session(&sessions[i], kind, (uint8_t)i);
    const size_t turn = SESSIONS_MAX / count * count; /* packets between two looks at the clock */
    for (size_t done = 0; done < PACKETS && !err; done += turn) {
        int64_t from_us = mcu_cpu_us();
        for (size_t i = 0; i < turn; i++) {
            sizes[i] = make_packet(packets[i], (uint16_t)((done + i) / count));
            err |= rtc_srtp_protect(sessions[i % count].send, packets[i], &sizes[i], CAPACITY);
        }
        us[0] += mcu_cpu_us() - from_us;
        from_us = mcu_cpu_us();
        for (size_t i = 0; i < turn; i++)
            err |= rtc_srtp_unprotect(sessions[i % count].receive, packets[i], &sizes[i]);
        us[1] += mcu_cpu_us() - from_us;
    }
    for (size_t i = 0; i < count; i++) {
        rtc_srtp_destroy(sessions[i].send);
        rtc_srtp_destroy(sessions[i].receive);
    }
    for (size_t i = 0; i < 2; i++)
        ns[i] = (double)us[i] * 1000 / PACKETS;
    return err;
}

int main(void)
{
    static const char *const names[] = {"AES-GCM, ours over OpenSSL", "AES-GCM, libsrtp2",
                                        "AES-CM and SHA1, libsrtp2"};
    static const size_t counts[] = {1, 100, 1000};
    printf("%-28s %8s %12s %12s %8s %8s\n", "a packet of 80 bytes, in ns", "sessions", "protect",
           "unprotect", "ratio", "ratio");
    for (size_t c = 0; c < 3; c++) {
        double ours[2] = {1, 1};
        for (enum kind kind = OURS; kind < KINDS; kind++) {
            double ns[2];
            if (measure(kind, counts[c], ns)) {
                fprintf(stderr, "%s failed\n", names[kind]);
                return 1;
            }
            if (kind == OURS)
                memcpy(ours, ns, sizeof(ours));
            printf("%-28s %8zu %12.0f %12.0f %8.2f %8.2f\n", names[kind], counts[c], ns[0], ns[1],
                   ns[0] / ours[0], ns[1] / ours[1]);
        }
    }
    return 0;
}
