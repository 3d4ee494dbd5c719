/* transport/rtc.h - WebRTC peers of one room: ICE, DTLS, SRTP, RTP and RTCP, in and out.
 *
 * Threads: [ctl] the room's control thread makes and ends things; [net] one thread per 32 peers runs
 * their libnice agents on its own GLib context and does all packet work for them; [any] feeds may
 * be pushed from any one thread each. Everything the transport calls back is called on the peer's
 * [net] thread and must return quickly.
 *
 * A feed is one encoded stream that goes out (an audio mix, a composited picture in one codec).
 * It is packetized once; each peer that is tuned to it gets its own RTP header, SRTP and history.
 *
 * Lifetime: rtc_peer_destroy() returns when no callback of that peer runs or will run. A feed may
 * be destroyed while peers are tuned to it: they get nothing more of it. */
#ifndef TRANSPORT_RTC_H
#define TRANSPORT_RTC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mcu/base/codec.h"
#include "mcu/base/desc.h"
#include "mcu/base/packet.h"

struct rtc;
struct rtc_peer;
struct rtc_feed;

enum { RTC_ADDRESSES_MAX = 8 };

/* A TURN server that relays for us, where nobody reaches our own addresses. Full ICE only. */
struct rtc_turn {
    const char *server; /* "host:port" by address, or NULL: none */
    const char *user;
    const char *password;
    bool is_tcp;  /* we reach it over TCP; what it relays is UDP all the same */
    bool is_only; /* nothing goes or comes but through it */
};

struct rtc_conf {
    uint16_t port_min;          /* UDP ports for ICE; 0 and 0: any */
    uint16_t port_max;
    const char *listen[RTC_ADDRESSES_MAX];    /* local addresses to gather on; none: all interfaces */
    size_t listen_count;
    const char *announced[RTC_ADDRESSES_MAX]; /* addresses put in candidates instead of the local ones */
    size_t announced_count;
    bool has_loopback;          /* gather on 127.0.0.1 too: --dev and tests */
    bool has_tcp;               /* full ICE: passive TCP candidates too (RFC 6544), in the same ports */
    uint8_t dscp;               /* RFC 2474 mark of all that is sent, 0..63 */
    bool is_one_port;           /* ICE-lite: all peers on one UDP port, and no libnice */
    const char *stun_server;    /* "host:port" by address, or NULL */
    struct rtc_turn turn;
    uint32_t peers_per_thread;  /* 32; of plain peers there may be thousands on one */
    uint32_t red_copies_max;    /* RFC 2198 copies of audio to a peer that takes them, 0..4 */
    uint32_t audio_channels;    /* of the mix, for the answer's Opus line: 1, 2; 0: as it is offered */
    uint32_t audio_bitrate_bps; /* Opus that far sides are asked to send; 0: as they see fit */
    int64_t audio_stale_us;     /* sound that waited longer for its [net] thread is left out; 0: none is */
    const char *plain_address;  /* local address of plain RTP ports; NULL: 127.0.0.1 */
};

enum rtc_state {
    RTC_NEW,
    RTC_CONNECTING,
    RTC_CONNECTED, /* DTLS done: media flows */
    RTC_FAILED,    /* ICE or DTLS failed, or consent expired (RFC 7675): no more is sent */
    RTC_CLOSED,    /* the far side closed DTLS */
};

/* The pictures that a participant may send, each on an m-line of its own. The one we send has none of
 * these names: it goes out on the camera's line. */
enum rtc_picture {
    RTC_CAMERA,
    RTC_SCREEN,
    RTC_PICTURES,
};

/* One audio packet, in order or not, never twice. */
struct rtc_audio {
    const uint8_t *payload;  /* Opus */
    size_t size;
    uint64_t sequence;       /* extended */
    int64_t pts_us;          /* capture time on the room clock */
    int64_t arrival_us;
    int level_dbov;          /* RFC 6464: 0 loudest .. -127; 1: not said */
    bool is_repair;          /* it came as a RED copy or by retransmission */
};

/* What a peer's network asks of the audio that it is sent, from its reports: loss decides between
 * the first two, rate for the third. RED copies beside it are the transport's own matter. */
enum rtc_audio_need {
    RTC_AUDIO_CLEAN,
    RTC_AUDIO_FEC,
    RTC_AUDIO_LOW,
};

/* What the way to a peer carries. From transport-wide feedback where the far side gives it, else
 * from REMB and receiver reports. */
struct rtc_estimate {
    uint64_t bitrate_bps;   /* all that may be sent: audio, video, what is sent again */
    uint32_t loss_permille; /* of what was sent lately */
    int64_t rtt_us;         /* -1: not known */
    bool is_probing;        /* padding goes out to find out whether there is more */
};

/* Members may be NULL: then nobody is told. */
struct rtc_peer_sink {
    void *ctx;
    void (*on_state)(void *ctx, enum rtc_state state, const char *reason);
    /* "candidate:..." without "a="; NULL: no more will come (not called when the description
     * said end_of_candidates already). */
    void (*on_candidate)(void *ctx, const char *candidate);
    void (*on_audio)(void *ctx, const struct rtc_audio *audio);
    /* One whole access unit (H264 in Annex B), in decoding order; pts_us on the room clock.
     * Borrowed. After a loss that NACK could not repair the frames that need the lost one are
     * left out, and PLI is sent. */
    void (*on_video)(void *ctx, enum rtc_picture picture, struct mcu_packet *frame);
    /* A key frame is wanted of the video feed that it is to be tuned to: the far side asked for one
     * (PLI or FIR) and none that was kept helps, or the feed waits for one to begin. */
    void (*on_need_key)(void *ctx, enum mcu_codec codec);
    /* The audio that it should be sent from now on; RTC_AUDIO_CLEAN before the first. May be NULL. */
    void (*on_audio_need)(void *ctx, enum rtc_audio_need need);
    /* The video that leaves now is of this feed: a key frame of it is on its way. The one before
     * is not in use any more. The pointer only tells feeds apart. */
    void (*on_tuned)(void *ctx, struct rtc_feed *feed);
    /* At most each 100 ms, and at once when it falls. */
    void (*on_estimate)(void *ctx, const struct rtc_estimate *estimate);
};

struct rtc_stream_stats {
    uint64_t packets;
    uint64_t bytes;
    uint64_t lost;         /* in: cumulative, RFC 3550; out: as the far side reports */
    uint64_t nacks;        /* in: sequence numbers we asked for; out: were asked for */
    uint64_t retransmitted;
    uint64_t plis;         /* in: sent by us; out: received */
    uint32_t jitter_us;
    uint32_t loss_permille; /* the newest report */
    uint64_t recovered;    /* in, audio: packets that a RED copy or a retransmission brought */
    uint64_t copies;       /* out: RED copies of audio, repair packets of video */
    uint64_t freezes;      /* in, a camera: pictures that came late (transport/freeze.h) */
    bool is_ended;         /* in, video: 2 s after BYE, or neither packets nor reports for 10 s */
};

enum { RTC_STREAMS_IN = 1 + RTC_PICTURES }; /* MCU_AUDIO, then MCU_VIDEO + enum rtc_picture */

struct rtc_peer_stats {
    enum rtc_state state;
    int64_t rtt_us;          /* -1: not known */
    bool is_suspect;         /* nothing authentic has come for 5 s */
    uint32_t suspicions;     /* how often that began */
    uint64_t rejected;       /* datagrams that were not ours, or failed authentication */
    uint64_t nack_misses;    /* asked for again but no longer in the store */
    struct rtc_stream_stats in[RTC_STREAMS_IN];
    struct rtc_stream_stats out[2]; /* by enum mcu_kind */
};

/* [ctl] The transport of a room, with a certificate of its own (ECDSA P-256). The caller owns *out.
 * Returns 0, -EINVAL, -ENOMEM or -EIO (OpenSSL, libsrtp). */
int rtc_create(struct rtc **out, const struct rtc_conf *conf);

/* [ctl] Ends peers and threads. Feeds stay their owner's, to be destroyed before or after. NULL is
 * fine. */
void rtc_destroy(struct rtc *rtc);

/* [ctl] A peer without a description. The sink is copied. Returns 0, -ENOSPC,
 * -ENOMEM, -EINVAL (a configured address is none), -EIO or -ETIMEDOUT. */
int rtc_peer_create(struct rtc *rtc, struct rtc_peer **out, const struct rtc_peer_sink *sink);

/* --- plain peers: RTP or SRTP over UDP without ICE and DTLS, for gateways and tools ------------- */

struct rtc_plain_media {
    enum mcu_direction direction; /* ours; MCU_INACTIVE: no such medium */
    enum mcu_codec codec;         /* OPUS; H264 or VP8 */
    uint8_t pt;                   /* both ways, 0..127 */
    uint8_t red_pt;               /* of RFC 2198 for audio; 0: none */
    uint8_t rtx_pt;               /* of RFC 4588; 0: none, what is asked for again is sent as it was */
    uint8_t audio_level_ext;      /* id of RFC 6464; 0: none */
    uint32_t remote_ssrc;         /* 0: whichever comes first */
    bool has_nack;
};

struct rtc_plain_conf {
    /* Where to send, and from where to take: an address and port. host NULL: learnt from the first
     * valid packet; such a peer gets a port of its own, all others share one and are told apart by
     * where packets come from. RTCP is on the same port (RFC 5761). */
    const char *remote_host;
    uint16_t remote_port;
    struct rtc_plain_media media[2]; /* by enum mcu_kind */
    bool is_srtp;
    int profile;                     /* enum rtc_srtp_profile */
    const uint8_t *key_in;           /* master key and salt of what comes; copied */
    const uint8_t *key_out;
    size_t key_bytes;                /* of each */
};

struct rtc_plain_local {
    char host[64];
    uint16_t port;
    uint32_t ssrc[2]; /* by enum mcu_kind */
};

/* [ctl] A peer that is RTC_CONNECTED from the start (with a learnt address: from the first packet on);
 * on_state() says so, maybe before this returns.
 * Everything else of rtc_peer works as for others, save offers and candidates. It has failed when
 * nothing came for 30 s although it may send, and comes back with the next packet. Returns 0, -EINVAL,
 * -EADDRINUSE (another peer has that remote address), -ENOSPC, -ENOMEM or -EIO (no free port). */
int rtc_peer_create_plain(struct rtc *rtc, struct rtc_peer **out, const struct rtc_plain_conf *conf,
                          const struct rtc_peer_sink *sink, struct rtc_plain_local *local);

/* [ctl] Ends and frees it, with a DTLS close_notify and RTCP BYE. Waits for its thread; never call it
 * from a callback. NULL is fine. */
void rtc_peer_destroy(struct rtc_peer *p);

/* [ctl] Takes the far side's offer, fills the answer, starts ICE. A second offer with other ICE
 * credentials restarts ICE (RFC 8445, section 9) and keeps DTLS and RTP. prefer is the video codec
 * put first in the answer. Candidates found so far are in the answer; others come by
 * on_candidate(). After RTC_FAILED by lost consent such a restart may lead to RTC_CONNECTED again.
 * Returns 0, -EINVAL (nothing in it that we can do: no ICE, no BUNDLE-able media), -EPROTO (changes
 * what cannot be changed: certificate, DTLS role), -ENOMEM, -EIO (no address or no free port) or
 * -ETIMEDOUT (the [net] thread is stuck). */
int rtc_peer_accept(struct rtc_peer *p, const struct mcu_desc *offer, enum mcu_codec prefer,
                    struct mcu_desc *answer);

/* [ctl] The other way round, for synthetic peers in tests and benches: an offer with audio and video
 * in these directions (MCU_INACTIVE: no such m-line) and this video codec only; the screen's m-line is
 * not among ours. A second offer restarts ICE. Errors as rtc_peer_accept(). */
int rtc_peer_offer(struct rtc_peer *p, enum mcu_direction audio, enum mcu_direction video,
                   enum mcu_codec codec, struct mcu_desc *offer);
int rtc_peer_answered(struct rtc_peer *p, const struct mcu_desc *answer);

/* [ctl] Our offer of the mix to who could not offer himself (WHEP's counter-offer): sound and picture
 * that are sent only, prefer put first. rtc_peer_answered() follows. Not after rtc_peer_accept().
 * Errors as there. */
int rtc_peer_offer_mix(struct rtc_peer *p, enum mcu_codec prefer, struct mcu_desc *offer);

/* [ctl] Restarts ICE without an offer (WHIP's PATCH): of theirs only ICE credentials and candidates are
 * looked at, and only they are put into ours. Returns 0, -EINVAL (no offer was taken, or the credentials
 * are not new) or as rtc_peer_accept(). */
int rtc_peer_restart(struct rtc_peer *p, const struct mcu_desc *theirs, struct mcu_desc *ours);

/* [ctl] A candidate of the far side ("candidate:..."); "" or NULL ends them. Returns 0 or -EINVAL. */
int rtc_peer_add_candidate(struct rtc_peer *p, const char *candidate);

/* [any] What was negotiated: the codec that this peer is to be sent (MCU_CODEC_NONE: it does not
 * receive that kind), and whether it may send sound or that picture. */
enum mcu_codec rtc_peer_send_codec(const struct rtc_peer *p, enum mcu_kind kind);
bool rtc_peer_receives_audio(const struct rtc_peer *p);
bool rtc_peer_receives_picture(const struct rtc_peer *p, enum rtc_picture picture);

/* [any] Tunes the peer to a feed, or to none with NULL: at once then. The feed's codec must be the
 * negotiated one. SSRC, sequence numbers, picture ids and timestamps run on over all feeds.
 *
 * A video feed begins at its next key frame, and until then the one before plays on: let that one
 * go on until on_tuned(). Who has no picture yet gets the feed's kept key frame at once, as a
 * still, and goes live at the next one. on_need_key() asks for it. */
void rtc_peer_tune(struct rtc_peer *p, enum mcu_kind kind, struct rtc_feed *feed);

/* [any] Frames of higher temporal layers are left out, from the next frame on; more are let through
 * from the next frame of the base layer on, so that what is sent can be decoded: frames of a higher
 * layer may refer to nothing older than the last base frame. The far side sees no hole. All layers
 * at first. */
void rtc_peer_set_layers(struct rtc_peer *p, uint8_t max_temporal_id);

/* [any] All that might be sent to it takes so much; more is not looked for. 0, as at first: not known,
 * then by what is sent. */
void rtc_peer_set_useful(struct rtc_peer *p, uint64_t bps);

/* [any] What may be sent to bring back what is lost before anybody asks for it: RED copies of audio
 * beyond the second, and repair packets of video (FlexFEC, where round trips are long). Without end
 * at first. */
void rtc_peer_set_redundancy(struct rtc_peer *p, uint64_t bps);

/* [any] How many lines the H264, VP8 or VP9 may have that it is sent: what its description allows (a
 * level of H264 says no more than it can decode: 3.1 is 720, from 4 on 1080); 0: it is sent none. */
uint32_t rtc_peer_send_height_max(const struct rtc_peer *p);

/* What is needed of a picture. */
struct rtc_limit {
    uint32_t width;
    uint32_t height;
    uint32_t fps;
    uint32_t bitrate_bps; /* 0: it need not be sent */
};

/* [any] Tells the far side by REMB, at once and every second, how much to send, and takes the layer of
 * simulcast that covers the size: the smallest that does. Before the first call it may send what it
 * likes, and its largest layer is taken. */
void rtc_peer_limit(struct rtc_peer *p, enum rtc_picture picture, const struct rtc_limit *limit);

/* [any] Asks the far side for a key frame (PLI) of a picture; at most one in 500 ms goes out. */
void rtc_peer_request_key(struct rtc_peer *p, enum rtc_picture picture);

/* [any] */
void rtc_peer_read_stats(const struct rtc_peer *p, struct rtc_peer_stats *stats);

/* [ctl] A feed of one codec. Returns 0, -EINVAL, -ENOMEM. */
int rtc_feed_create(struct rtc *rtc, struct rtc_feed **out, enum mcu_codec codec);
void rtc_feed_destroy(struct rtc_feed *f);

/* [any, one thread at a time] Sends one encoded frame to everyone tuned in. Takes its own
 * reference. Never blocks; a [net] thread that does not keep up loses frames up to the next key
 * frame, counted. */
void rtc_feed_push(struct rtc_feed *f, struct mcu_packet *packet);

#endif
