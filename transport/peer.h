/* transport/peer.h - the inside of a peer, shared by the files that make it up:
 *
 *     rtc.c    the transport: its [net] threads and who lives on which
 *     peer.c   what [ctl] and [any] call, carried over to [net]
 *     link.c   ICE, DTLS, SRTP: how far the connection is; datagrams in and out
 *     report.c RTCP both ways
 *     in.c, out.c  media
 *     feed.c   streams that peers are tuned to
 *
 * Lifetime: a peer belongs to its group's thread from create_on_net to destroy_on_net in peer.c;
 * [ctl] only makes the shell before and frees it after. */
#ifndef TRANSPORT_PEER_H
#define TRANSPORT_PEER_H

#include <pthread.h>
#include <stdatomic.h>

#include "transport/dtls.h"
#include "transport/feed.h"
#include "transport/ice.h"
#include "transport/in.h"
#include "transport/negotiate.h"
#include "transport/out.h"
#include "transport/rtc.h"
#include "transport/rtp.h"
#include "transport/shard.h"
#include "transport/srtp.h"

enum {
    RTC_CONNECT_US = 30 * 1000 * 1000, /* from the description to media */
    RTC_RESTART_US = 15 * 1000 * 1000, /* an ICE restart may take this long after consent is lost */
    RTC_EARLY_DATAGRAMS = 8,           /* of DTLS, kept until ICE is through */
};

/* The peers of one [net] thread. */
struct rtc_group {
    struct rtc *rtc;
    unsigned index;
    struct rtc_shard *shard;
    size_t reserved; /* [ctl] peers that are there or about to be */
    /* [net] */
    struct rtc_peer **peers;
    size_t count;
    uint8_t scratch[RTC_MTU + RTC_SRTP_EXPANSION_MAX] __attribute__((aligned(8)));
};

struct rtc {
    struct rtc_conf conf; /* strings are copies of ours */
    struct rtc_certificate *certificate;
    struct mcu_pool *pool; /* frames, and the payloads of audio */
    /* [ctl]; a feed reads groups[i].shard once a peer there is tuned to it */
    struct rtc_group groups[RTC_SHARDS_MAX];
    size_t group_count;
    struct rtc_peer *first;
};

struct rtc_early {
    size_t count;
    size_t sizes[RTC_EARLY_DATAGRAMS];
    uint8_t data[RTC_EARLY_DATAGRAMS][RTC_MTU];
};

struct rtc_peer {
    /* fixed */
    struct rtc *rtc;
    struct rtc_group *group;
    struct rtc_peer_sink sink;

    /* [ctl] */
    struct rtc_peer *next;

    /* [net] how far the connection is */
    enum rtc_state state;
    struct rtc_ice *ice;
    struct rtc_dtls *dtls;
    struct rtc_srtp *srtp_send;
    struct rtc_srtp *srtp_receive;
    struct rtc_early *early;
    bool is_described;      /* the far side's description is here */
    bool is_gathering_told; /* candidates so far go into a description, not to on_candidate() */
    bool is_restarting;     /* ICE */
    bool is_path_lost;      /* ICE says so; fatal unless a restart is going on */
    int64_t deadline_us;    /* 0: none */
    char remote_ufrag[MCU_DESC_TOKEN_MAX + 1];
    char remote_pwd[MCU_DESC_TOKEN_MAX + 1];
    uint8_t remote_fingerprint[RTC_FINGERPRINT_BYTES];
    struct rtc_local local;
    struct rtc_session session;
    struct mcu_desc *offer; /* ours, if we offered */

    /* [net] media and reports */
    struct rtc_in *in;
    struct rtc_out *out;
    int64_t rtt_us;
    uint64_t rejected;
    int64_t next_report_us;
    int64_t next_feedback_us;
    int64_t next_publish_us;

    /* [net] tests only: true loses the datagram */
    bool (*filter)(void *ctx, const uint8_t *data, size_t size);
    void *filter_ctx;

    /* [any] */
    atomic_uint_fast64_t feed_ids[2]; /* tuned to; 0: none */
    atomic_int send_codecs[2];        /* enum mcu_codec */
    atomic_bool receives[2];
    atomic_bool is_key_asked;

    pthread_mutex_t lock; /* protects: */
    struct rtc_feed *feeds[2];
    struct rtc_peer_stats stats;
};

/* link.c, all [net] */

/* Events for rtc_ice_create(). */
struct rtc_ice_events rtc_link_events(struct rtc_peer *p);

/* The far side's description is here, first or anew: what is kept back goes on. */
void rtc_link_described(struct rtc_peer *p, int64_t now_us);

/* Says good-bye to the far side, if it is there. */
void rtc_link_leave(struct rtc_peer *p);

/* Frees all that belongs to [net]. */
void rtc_link_finish(struct rtc_peer *p);

/* Returns the microseconds until it wants to be called again, or -1. */
int64_t rtc_link_tick(struct rtc_peer *p, int64_t now_us);

/* Protect and send, if connected. Room behind: RTC_SRTP_EXPANSION_MAX. */
void rtc_link_send_rtp(struct rtc_peer *p, uint8_t *packet, size_t size);
void rtc_link_send_rtcp(struct rtc_peer *p, uint8_t *packet, size_t size);

/* Sends a datagram as it is. */
void rtc_link_send(struct rtc_peer *p, const uint8_t *data, size_t size);

/* report.c, all [net] */

/* RTCP that came in, authenticated and plain. Returns 0 or -EBADMSG. */
int rtc_report_receive(struct rtc_peer *p, const uint8_t *data, size_t size, int64_t now_us);

/* Sends what is due. */
void rtc_report_tick(struct rtc_peer *p, int64_t now_us);

/* BYE for all that was sent. */
void rtc_report_bye(struct rtc_peer *p, int64_t now_us);

/* peer.c, for tests */

/* [ctl] drop() is asked on [net] for every datagram about to leave; true: it is lost. */
void rtc_peer_filter(struct rtc_peer *p, bool (*drop)(void *ctx, const uint8_t *data, size_t size),
                     void *ctx);

/* [ctl] Sends a datagram on the peer's ICE pair as it is. */
int rtc_peer_inject(struct rtc_peer *p, const void *data, size_t size);

/* rtc.c */

/* [ctl] A place on a thread, started if need be; given back with leave. Returns 0, -ENOSPC, -ENOMEM or
 * a negative errno. */
int rtc_group_reserve(struct rtc *rtc, struct rtc_group **out);
void rtc_group_leave(struct rtc_group *g);

/* [net] */
void rtc_group_add(struct rtc_group *g, struct rtc_peer *p);
void rtc_group_remove(struct rtc_group *g, struct rtc_peer *p);

#endif
