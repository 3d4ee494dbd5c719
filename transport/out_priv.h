/* transport/out_priv.h - the inside of rtc_out. Nobody but these includes it; all functions are [net].
 *
 *     out.c       numbers and headers, and audio
 *     out_video.c which video frames are sent, and when
 *     out_rtcp.c  what the far side says of all that, and what it is told */
#ifndef TRANSPORT_OUT_PRIV_H
#define TRANSPORT_OUT_PRIV_H

#include "transport/audio_loss.h"
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

struct rtc_out {
    const struct rtc_session *session;
    const struct rtc_local *local;
    struct rtc_out_hooks hooks;
    struct rtc_out_stream streams[2]; /* by enum mcu_kind */
    uint16_t transport_seq;
    uint64_t nack_misses;
    struct rtc_out_bucket resend;
    struct rtc_rtx rtx[2]; /* by enum mcu_kind */

    /* audio */
    struct rtc_out_audio *audio;
    struct rtc_audio_loss loss;
    enum rtc_audio_need need; /* as told */

    /* video */
    struct rtc_out_waiting ring[RTC_OUT_FRAMES_MAX];
    size_t first;
    size_t count;
    struct rtc_out_bucket pace;
    struct rtc_history *history;
    struct rtc_vp8_counter vp8;
    bool is_vp8_sync; /* of the frame that leaves now */
    uint64_t wanted_id;
    struct rtc_out_playing playing;
    int64_t next_still_us;
    bool is_key_wanted;
    int64_t next_key_us;
};

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

/* Sends what waits, as far as pacing lets. */
void rtc_out_drain(struct rtc_out *o, int64_t now_us);

/* Lets go of all video that waits. */
void rtc_out_drop_waiting(struct rtc_out *o);

/* The RTP header of the next packet. Returns its size or a negative errno. */
int rtc_out_write_header(struct rtc_out *o, enum mcu_kind kind, uint8_t pt, int64_t pts_us,
                         bool marker, int64_t now_us, uint8_t *out);

/* A packet is ready: takes the numbers it used and sends it. */
void rtc_out_send_packet(struct rtc_out *o, enum mcu_kind kind, uint8_t *packet, size_t size,
                         size_t header_size);

/* Room-clock time in this stream's RTP ticks. */
uint32_t rtc_out_rtp_time(const struct rtc_out_stream *s, enum mcu_kind kind, int64_t pts_us);

#endif
