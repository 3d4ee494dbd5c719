/* transport/out_priv.h - the inside of rtc_out, shared by out.c (frames to packets) and out_rtcp.c (what
 * the far side says of them, and what it is told). Nobody else includes this. All functions are
 * [net]. */
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
    uint64_t feed_id;
    uint64_t last_index;
    bool is_live;            /* video: a key frame of this feed was taken */
    enum mcu_codec codec;    /* of that */
    bool is_known;           /* the far side reported about it: it knows SSRC and mid */
    struct rtc_stream_stats stats;
};

struct rtc_out_waiting {
    struct rtc_frame *frame;
    size_t next; /* slice */
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
    bool is_key_wanted;
    int64_t next_key_us;
};

/* Adds what has come together since the last time, up to `most`. */
void rtc_out_refill(struct rtc_out_bucket *b, int64_t now_us, int64_t bytes_per_ms, int64_t most);

/* Asks for a key frame now, or when it is due. */
void rtc_out_want_key(struct rtc_out *o, int64_t now_us);

/* Room-clock time in this stream's RTP ticks. */
uint32_t rtc_out_rtp_time(const struct rtc_out_stream *s, enum mcu_kind kind, int64_t pts_us);

#endif
