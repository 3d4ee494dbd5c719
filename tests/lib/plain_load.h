/* tests/lib/plain_load.h - up to 2000 plain RTP (or AES-GCM SRTP) audio participants on one socket,
 * cheap enough to stand beside what is measured. For tests and benches.
 *
 * Participant i is 127.NET.(i / 250).(1 + i % 250), all on one port: the kernel takes the whole of
 * 127.0.0.0/8 as local, so a server tells them apart by address as it would real ones. Each sends
 * one Opus packet every 20 ms with its level (RFC 6464): a loud one of the speakers, a near-silent
 * one of the others, spread evenly over the 20 ms. What comes back is counted per participant.
 *
 *     plain_load_create(&l, &conf);
 *     for each i: plain_load_address(l, i, host, &port); tell the server that it is remote, and
 * with SRTP plain_load_keys(l, i, in, out); plain_load_aim(l, i, server_host, server_port)
 *     plain_load_speak(l, 0, true) ...
 *     plain_load_start(l); sleep; plain_load_reset(l); sleep; plain_load_total(l, &stats)
 *     plain_load_stop(l); plain_load_destroy(l)
 *
 * Threads: one of its own, "load", sends and receives; all functions here are [ctl], one at a
 * time. aim, speak, reset and reading may be called while it runs. */
#ifndef TESTS_LIB_PLAIN_LOAD_H
#define TESTS_LIB_PLAIN_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plain_load; /* opaque */

enum {
    PLAIN_LOAD_MAX = 2000,
    PLAIN_LOAD_HOST_BYTES = 16,
    PLAIN_LOAD_KEY_BYTES = 28, /* AES-GCM: master key and salt */
};

struct plain_load_conf {
    size_t count;
    uint8_t net;             /* second byte of the addresses; 0: 77 */
    uint16_t port;           /* 0: any that is free */
    uint8_t pt;              /* both ways; 0: 111 */
    uint8_t audio_level_ext; /* id of RFC 6464; 0: not sent */
    bool is_srtp; /* AES-GCM; of what comes back every 16th participant's is authenticated */
};

struct plain_load_stats {
    uint64_t sent;
    uint64_t send_errors; /* datagrams that the kernel refused */
    uint64_t received;    /* RTP packets */
    uint64_t bytes;
    uint64_t rtcp;
    uint64_t bad;  /* neither RTP nor RTCP, or not authentic */
    uint64_t lost; /* missing sequence numbers */
    int64_t
        largest_gap_us; /* between two RTP packets as the kernel took them in, or since the last */
    uint64_t silent;    /* of a total: participants that got nothing at all */
    int64_t late_us;    /* of a total: the furthest that "load" was behind its own clock */
};

/* Pre-encodes the voices, binds the socket. The caller owns *out. Returns 0, -EINVAL, -ENOMEM or a
 * negative errno of the socket. */
int plain_load_create(struct plain_load **out, const struct plain_load_conf *conf);
void plain_load_destroy(struct plain_load *l); /* stops it; NULL is fine */

/* Where participant i is. */
void plain_load_address(const struct plain_load *l, size_t i, char host[PLAIN_LOAD_HOST_BYTES],
                        uint16_t *port);
uint32_t plain_load_ssrc(const struct plain_load *l, size_t i);

/* Its keys as the server sees them: in protects what i sends, out what the server sends. */
void plain_load_keys(const struct plain_load *l, size_t i, uint8_t in[PLAIN_LOAD_KEY_BYTES],
                     uint8_t out[PLAIN_LOAD_KEY_BYTES]);

/* Where i sends from now on (IPv4 address); NULL: nowhere, as at first. Returns 0 or -EINVAL. */
int plain_load_aim(struct plain_load *l, size_t i, const char *host, uint16_t port);

/* Everything that i hears is handed on as well, on "load"; with SRTP all of it is authenticated. Before
 * the start only. Returns 0, -EINVAL, -ENOMEM or -EIO. */
int plain_load_tap(struct plain_load *l, size_t i,
                   void (*on_opus)(void *ctx, const uint8_t *opus, size_t size), void *ctx);

/* The lowest harmonic of i's voice; the same for every eighth. */
double plain_load_pitch_hz(size_t i);

/* i talks, or falls silent. */
void plain_load_speak(struct plain_load *l, size_t i, bool speaks);

/* Returns 0 or a negative errno. */
int plain_load_start(struct plain_load *l);
void plain_load_stop(struct plain_load *l); /* not running: nothing happens */

/* Since the start or the last reset. */
void plain_load_read(struct plain_load *l, size_t i, struct plain_load_stats *stats);
void plain_load_total(struct plain_load *l, struct plain_load_stats *stats); /* sums and maxima */
void plain_load_reset(struct plain_load *l);

/* CPU time of "load" so far, in microseconds: what to take off this process's own. */
int64_t plain_load_cpu_us(struct plain_load *l);

#endif
