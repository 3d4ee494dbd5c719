/* transport/out_priv.h - the inside of rtc_out. Nobody but these includes it; all functions are [net].
 *
 *     out.c       numbers and headers, and audio
 *     out_video.c which video frames are sent, and when
 *     out_queue.c those that wait
 *     out_pace.c  how fast all leaves, and how that is known
 *     out_fec.c   repair of video that is not asked for
 *     out_rtcp.c  what the far side says of all that, and what it is told */
#ifndef TRANSPORT_OUT_PRIV_H
#define TRANSPORT_OUT_PRIV_H

#include "transport/audio_loss.h"
#include "transport/estimate.h"
#include "transport/out.h"
#include "transport/out_audio.h"
#include "transport/payload_vp8.h"
#include "transport/rtx.h"

struct rtc_out_bucket {
    int64_t bytes;
    int64_t filled_us;
};

struct rtc_out_stream {
    uint16_t seq; /* of the next packet */
    uint32_t timestamp_offset;
    bool is_known;           /* the far side reported about it: it knows SSRC and mid */
    struct rtc_stream_stats stats;
};

struct rtc_out_waiting {
    struct rtc_payloads *payloads; /* a reference */
    int64_t pts_us;
    size_t next; /* slice */
};

/* Where the video is that the far side sees. */
struct rtc_out_playing {
    uint64_t feed_id; /* 0: it has no picture */
    uint64_t last_index;
    enum mcu_codec codec;
    bool is_live;        /* what comes next continues what was sent */
    int64_t pts_us;      /* of the newest that was taken; later ones are later */
    uint8_t layers;      /* highest temporal layer that is let through now */
    uint8_t layers_max;  /* that is allowed */
    uint8_t lowest_upper; /* sent since the last base frame; UINT8_MAX: none */
};

/* A packet of video that is asked for again. */
struct rtc_out_again {
    uint16_t seq;
    bool is_echo; /* it was sent again already: once more */
};

/* Repair packets of video. */
struct rtc_out_fec {
    uint16_t seq; /* of the next one */
    struct rtc_out_bucket budget;
    /* the block that is being sent */
    uint16_t base;
    uint32_t count; /* of sequence numbers; 0: none was sent yet */
    size_t bytes;
    int64_t began_us;
    /* the block that is being repaired */
    uint16_t covers_base;
    uint32_t covers;
    uint32_t lane, lanes; /* the next repair packet, and how many it gets */
};

struct rtc_out {
    const struct rtc_session *session;
    const struct rtc_local *local;
    struct rtc_out_hooks hooks;
    struct rtc_out_stream streams[2]; /* by enum mcu_kind */
    uint16_t transport_seq;
    uint64_t nack_misses;
    struct rtc_out_bucket resend;
    struct rtc_out_again again[RTC_OUT_AGAIN_MAX]; /* waits */
    size_t again_first, again_count;
    int64_t rtt_us; /* -1: not known */
    uint64_t redundancy_bps; /* what repair may take that nobody asked for */
    uint64_t copies_bps;     /* what of it copies of audio take */
    struct rtc_out_fec fec;

    /* the estimate */
    struct rtc_estimator *estimator; /* NULL: no transport-wide numbers */
    uint64_t remb_bps;
    int64_t remb_us; /* 0: never */
    struct rtc_estimate told;
    int64_t told_us;
    int64_t useful_us;
    uint64_t useful_bps; /* as told; 0: not */
    uint64_t sent_bytes; /* since then */
    uint64_t padding_bytes;
    struct rtc_rtx rtx[2]; /* by enum mcu_kind */

    /* audio */
    struct rtc_out_audio *audio;
    struct rtc_audio_loss loss;
    enum rtc_audio_need need; /* as told */

    /* video */
    struct rtc_out_waiting ring[RTC_OUT_FRAMES_MAX];
    size_t first;
    size_t count;
    struct rtc_out_bucket pace, mean;
    int64_t video_began_us; /* 0: not yet */
    struct rtc_history *history;
    struct rtc_vp8_counter vp8;
    bool is_vp8_sync; /* of the frame that leaves now */
    uint64_t wanted_id;
    struct rtc_out_playing playing;
    int64_t next_still_us;
    bool is_key_wanted;
    int64_t next_key_us;
};

/* out_fec.c: a packet of video left; are repair packets due, and sends the next: its bytes. */
void rtc_out_fec_sent(struct rtc_out *o, uint16_t seq, size_t bytes, bool ends_frame, int64_t now_us);
bool rtc_out_fec_waits(const struct rtc_out *o);
size_t rtc_out_fec_next(struct rtc_out *o, int64_t now_us);

/* Takes so much out of what repair that nobody asked for may cost; false: there is not enough. */
bool rtc_out_fec_pays(struct rtc_out *o, size_t bytes, int64_t now_us);

/* Of what was sent lately. */
uint32_t rtc_out_loss_permille(const struct rtc_out *o);

/* Is anything held back? */
bool rtc_out_is_busy(const struct rtc_out *o, int64_t now_us);

/* Adds what has come together since the last time, up to `most`. */
void rtc_out_refill(struct rtc_out_bucket *b, int64_t now_us, int64_t bytes_per_ms, int64_t most);

/* Asks for a key frame now, or when it is due. */
void rtc_out_want_key(struct rtc_out *o, int64_t now_us);

/* The far side has nothing to decode from: the kept key frame if that helps, else a new one. */
void rtc_out_revive(struct rtc_out *o, int64_t now_us);

/* Is this what the peer is sent by what was negotiated? */
bool rtc_out_sends(const struct rtc_out *o, enum mcu_kind kind, enum mcu_codec codec);

/* Takes a frame of video that may continue, replace or be neither. */
void rtc_out_take_video(struct rtc_out *o, const struct rtc_frame *frame, int64_t now_us);

/* out_queue.c: room for one more is the caller's matter. */
void rtc_out_queue_put(struct rtc_out *o, struct rtc_payloads *payloads, int64_t pts_us);
void rtc_out_queue_finish(struct rtc_out *o); /* the first one */

/* Leaves out what waits too long. Returns false when what comes next has nothing to refer to. */
bool rtc_out_queue_shorten(struct rtc_out *o, size_t most_bytes);

/* A packet with that many bytes leaves now: takes its transport-wide number, if it has one. */
void rtc_out_note_sent(struct rtc_out *o, enum mcu_kind kind, size_t bytes, int64_t now_us);

/* The buckets: what came together, what is taken out, whether there is something, and what leaves in
 * so long. */
void rtc_out_pace_refill(struct rtc_out *o, int64_t now_us);
bool rtc_out_pace_lets(const struct rtc_out *o);
void rtc_out_pace_take(struct rtc_out *o, size_t bytes, int64_t now_us);
size_t rtc_out_pace_bytes(const struct rtc_out *o, int64_t us, int64_t now_us);

/* Every tick. */
void rtc_out_pace_tick(struct rtc_out *o, int64_t now_us);

/* Something was learnt: the sink, if it is news. */
void rtc_out_tell_estimate(struct rtc_out *o, int64_t now_us);

/* Are bytes due to find out whether there is more? If so, and no media waits, padding is sent. */
bool rtc_out_is_probing(const struct rtc_out *o, int64_t now_us);
void rtc_out_pad(struct rtc_out *o, int64_t now_us);

/* A packet that was sent, to be sent again. Returns its size or as rtc_history_build_rtx(). */
int rtc_out_build_resend(struct rtc_out *o, enum mcu_kind kind, uint16_t seq, int64_t now_us,
                         int64_t rtt_us, uint8_t *packet, size_t capacity);

/* Sends the next one that is asked for again. Returns its bytes. */
size_t rtc_out_resend_next(struct rtc_out *o, int64_t now_us);

/* Sends what waits, as far as pacing lets. */
void rtc_out_drain(struct rtc_out *o, int64_t now_us);

/* Lets go of all video that waits. */
void rtc_out_drop_waiting(struct rtc_out *o);

/* The RTP header of the next packet. Returns its size or a negative errno. */
int rtc_out_write_header(struct rtc_out *o, enum mcu_kind kind, uint8_t pt, int64_t pts_us,
                         bool marker, int64_t now_us, uint8_t *out);

/* A packet is ready: takes the numbers it used and sends it. */
void rtc_out_send_packet(struct rtc_out *o, enum mcu_kind kind, uint8_t *packet, size_t size,
                         size_t header_size, int64_t now_us);

/* Room-clock time in this stream's RTP ticks. */
uint32_t rtc_out_rtp_time(const struct rtc_out_stream *s, enum mcu_kind kind, int64_t pts_us);

#endif
