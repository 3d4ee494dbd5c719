/* transport/peer.h - the inside of a peer, shared by the files that make it up:
 *
 *     rtc.c    the transport: its [net] threads and who lives on which
 *     peer.c   what [ctl] and [any] call, carried over to [net]
 *     group.c  the peers of one [net] thread: which frame is for whom, who is due
 *     link.c   how far the connection is, and the way over ICE and DTLS
 *     alive.c  is the far side still there, and where
 *     lite.c   another way: ICE-lite, all peers on one UDP port
 *     plain.c  the third: RTP or SRTP over a UDP port
 *     report.c RTCP both ways
 *     in.c, out.c  media
 *     feed.c   streams that peers are tuned to
 *
 * Lifetime: a peer belongs to its group's thread from start_on_net to destroy_on_net in peer.c;
 * [ctl] only makes the shell before and frees it after. */
#ifndef TRANSPORT_PEER_H
#define TRANSPORT_PEER_H

#include <pthread.h>
#include <stdatomic.h>

#include "transport/dtls.h"
#include "transport/feed.h"
#include "transport/ice.h"
#include "transport/in.h"
#include "transport/limit.h"
#include "transport/negotiate.h"
#include "transport/out.h"
#include "transport/port.h"
#include "transport/rtc.h"
#include "transport/rtp.h"
#include "transport/shard.h"
#include "transport/srtp.h"

enum {
    RTC_CONNECT_US = 30 * 1000 * 1000, /* from the description to media */
    RTC_RESTART_US = 15 * 1000 * 1000, /* an ICE restart may take this long after consent is lost */
    RTC_EARLY_DATAGRAMS = 8,           /* of DTLS, kept until ICE is through */
};

/* What a peer is tuned to: rows 0 and 1 are by enum mcu_kind. */
enum {
    RTC_ROW_LEAVING = 2, /* the video that plays on until the one it is to see begins */
    RTC_ROWS,
};

enum rtc_way {
    RTC_WAY_ICE,   /* libnice: a socket and more a peer */
    RTC_WAY_PLAIN, /* plain.c */
    RTC_WAY_LITE,  /* lite.c: one port for all */
};

/* The peers of one [net] thread. What every frame or turn of the clock looks at stands in arrays of
 * its own by place, so that a thousand peers cost a walk over some kilobytes. */
struct rtc_group {
    struct rtc *rtc;
    unsigned index;
    enum rtc_way way; /* of all its peers; libnice is known to one of them only */
    struct rtc_shard *shard;
    size_t reserved; /* [ctl] peers that are there or about to be */
    /* [any] */
    atomic_bool is_retuned; /* tuned[] has to be made anew */
    /* [net] */
    struct rtc_peer **peers;
    int64_t *due_us;    /* by place: when rtc_link_tick() is due; INT64_MAX: not */
    /* By row and place: the feed it hears; 0: none, or not connected. */
    uint64_t *tuned[RTC_ROWS];
    size_t count;
    size_t capacity;
    uint64_t stale; /* frames of audio that waited too long to be of use */
    struct rtc_batch *batch; /* of plain peers, from the first on */
    struct rtc_port *port;   /* shared by those whose address is known; from the first on */
    struct rtc_lite *stranger; /* on one port: owner of what comes from unknown addresses */
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

/* The way to the far side. All [net]. */
struct rtc_path {
    /* Sends a datagram as it is. Returns 0 or a negative errno. */
    int (*send)(struct rtc_peer *p, const uint8_t *data, size_t size);
    /* Protects and sends; asked only when connected. Room behind: RTC_SRTP_EXPANSION_MAX. */
    void (*send_rtp)(struct rtc_peer *p, uint8_t *packet, size_t size);
    void (*send_rtcp)(struct rtc_peer *p, uint8_t *packet, size_t size);
    /* What has run out. Returns the microseconds until it wants to look again. */
    int64_t (*tick)(struct rtc_peer *p, int64_t now_us);
    void (*leave)(struct rtc_peer *p); /* good-byes beside RTCP's; asked only when connected */
    void (*close)(struct rtc_peer *p);
};

/* Is the far side still there, and where? See alive.c. */
struct rtc_alive {
    bool is_on;
    bool is_suspect;
    uint32_t suspicions;
    int64_t heard_us;      /* the newest that was authentic */
    int64_t reached_us;    /* the newest report that something of ours had arrived */
    uint32_t highest[2];   /* sequence numbers by such reports, by enum mcu_kind */
    int64_t began_us;      /* when there was a path, first or after a restart */
    int64_t newcomer_us;   /* when it showed itself at another address; 0: it has not */
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
    const struct rtc_path *path;

    /* [ctl] */
    struct rtc_peer *next;

    /* [net] how far the connection is */
    size_t place; /* in the group's arrays */
    enum rtc_state state;
    struct rtc_plain *plain;
    struct rtc_lite *lite;
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
    struct rtc_alive alive;
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
    uint64_t remb_bps;     /* 0: none is told */
    int64_t next_remb_us;
    bool is_calm; /* nothing about it is more urgent than its reports: no video, NACK or RED */

    /* [net] tests only: true loses the datagram */
    bool (*filter)(void *ctx, const uint8_t *data, size_t size);
    void *filter_ctx;

    /* [any] */
    atomic_uint_fast64_t feed_ids[RTC_ROWS]; /* tuned to; 0: none */
    atomic_uchar layers_max;
    atomic_uint_fast64_t useful_bps;
    atomic_uint_fast64_t redundancy_bps; /* the tick looks at it */
    atomic_int send_codecs[2];        /* enum mcu_codec */
    atomic_bool receives[RTC_LINES];
    atomic_bool is_key_asked[RTC_PICTURES];
    atomic_bool is_limited;     /* limits[] has changed */
    atomic_uint send_height_max;

    pthread_mutex_t lock; /* protects: */
    struct rtc_told_limit limits[RTC_PICTURES];
    struct rtc_feed *feeds[RTC_ROWS];
    struct rtc_peer_stats stats;
};

/* link.c, all [net] */

/* Opens the way over ICE. Returns 0 or a negative errno. */
int rtc_link_open(struct rtc_peer *p, void *arg);
extern const struct rtc_path rtc_link_ice_path;

/* There is a path to the far side, first or after a restart. */
void rtc_link_connected(struct rtc_peer *p);

/* A datagram came over it, of DTLS, SRTP or SRTCP. */
void rtc_link_receive(struct rtc_peer *p, const uint8_t *data, size_t size);

/* For struct rtc_path: the same with libnice and on one port. */
int64_t rtc_link_path_tick(struct rtc_peer *p, int64_t now_us);
void rtc_link_path_leave(struct rtc_peer *p);

/* Tells the sink, if it is another one. */
void rtc_link_set_state(struct rtc_peer *p, enum rtc_state state, const char *reason);

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

/* Sends a datagram as it is, unless a test's filter takes it. */
void rtc_link_send(struct rtc_peer *p, const uint8_t *data, size_t size);

/* alive.c, all [net] */

/* There is a path, first or after a restart. */
void rtc_alive_start(struct rtc_peer *p, int64_t now_us);

/* Something authentic came: SRTP, SRTCP or STUN. */
void rtc_alive_heard(struct rtc_peer *p, int64_t now_us);

/* A report said that what we send arrives. */
void rtc_alive_reached(struct rtc_peer *p, int64_t now_us);

/* ICE: the far side has shown itself at another address, too. */
void rtc_alive_newcomer(struct rtc_peer *p, int64_t now_us);

/* Suspects, and follows who has moved. false: consent has expired. */
bool rtc_alive_tick(struct rtc_peer *p, int64_t now_us);

/* report.c, all [net] */

/* RTCP that came in, authenticated and plain. Returns 0 or -EBADMSG. */
int rtc_report_receive(struct rtc_peer *p, const uint8_t *data, size_t size, int64_t now_us);

/* Sends what is due. */
void rtc_report_tick(struct rtc_peer *p, int64_t now_us);

/* BYE for all that was sent. */
void rtc_report_bye(struct rtc_peer *p, int64_t now_us);

/* lite.c, all [net] */

extern const struct rtc_path rtc_lite_path;
int rtc_lite_open(struct rtc_peer *p, void *arg);

/* Our credentials, new ones at a restart, and candidates. Returns 0 or -EIO (no address). */
int rtc_lite_describe(struct rtc_peer *p, bool is_restart, struct mcu_desc *ours);

/* Frees what the group has of it. */
void rtc_lite_finish_group(struct rtc_group *g);

/* plain.c */

extern const struct rtc_path rtc_plain_path;

/* [net] Audio goes out to it soon; see warm.h. */
void rtc_plain_warm_out(const struct rtc_peer *p, enum rtc_warm step);

/* [ctl] For tests: as if nothing had come for so long. */
void rtc_plain_age(struct rtc_peer *p, int64_t us);

/* peer.c */

/* [ctl] Makes a peer and takes it to its thread, where open(p, arg) makes its way to the far side;
 * p->local is there by then. Errors as rtc_peer_create(), or what open returned. */
int rtc_peer_start(struct rtc *rtc, struct rtc_peer **out, const struct rtc_peer_sink *sink,
                   enum rtc_way way, int (*open)(struct rtc_peer *p, void *arg), void *arg);

/* [net] p->session is another one: what [any] may ask of it. */
void rtc_peer_note_session(struct rtc_peer *p);

/* for tests */

/* [ctl] drop() is asked on [net] for every datagram about to leave; true: it is lost. */
void rtc_peer_filter(struct rtc_peer *p, bool (*drop)(void *ctx, const uint8_t *data, size_t size),
                     void *ctx);

/* [ctl] As if nothing had come for so long. */
void rtc_alive_age(struct rtc_peer *p, int64_t us);

/* [ctl] Sends a datagram to the far side as it is. */
int rtc_peer_inject(struct rtc_peer *p, const void *data, size_t size);

/* group.c */

enum {
    RTC_PLAIN_PEERS_MAX = 4096,
    /* Who has at least this long to wait is served at a whole multiple of it: the reports of a
     * thousand peers are fifty wake-ups a second, and none where a busy port is looked at anyway.
     */
    RTC_GROUP_LAZY_US = 4 * RTC_PORT_LOOK_US,
};

/* [any] When it is the turn of one who wants to be called again in wait_us, 0 or more. */
int64_t rtc_group_due_us(int64_t now_us, int64_t wait_us);

/* [ctl] A place on a thread, started if need be; given back with leave. All plain peers share one
 * thread. Returns 0, -ENOSPC, -ENOMEM or a negative errno. */
int rtc_group_reserve(struct rtc *rtc, enum rtc_way way, struct rtc_group **out);
void rtc_group_leave(struct rtc_group *g);

/* [ctl] Ends the thread; its peers are gone. */
void rtc_group_stop(struct rtc_group *g);

/* [net] Returns 0 or -ENOMEM. */
int rtc_group_add(struct rtc_group *g, struct rtc_peer *p);
void rtc_group_remove(struct rtc_group *g, struct rtc_peer *p);

/* [net] rtc_link_tick() of the peer is due at due_us, or earlier if it was due earlier. */
void rtc_group_wake(struct rtc_group *g, struct rtc_peer *p, int64_t due_us);

/* [any] A peer of it hears another feed, or is in another state: looked at before the next frame. */
void rtc_group_retuned(struct rtc_group *g);

/* [any] The same, without waiting for a frame. */
void rtc_group_nudge(struct rtc_group *g);

#endif
