/* transport/out.h - what one peer gets from us: its own SSRCs, sequence numbers, timestamps and picture
 * ids around payloads that all share; pacing, the store for resending, sender reports.
 *
 * Timestamps are room-clock time in RTP ticks plus a random offset per stream, so that feeds can be
 * exchanged without rewriting anything. All functions are [net]. */
#ifndef TRANSPORT_OUT_H
#define TRANSPORT_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/warm.h"

#include "mcu/base/bytes.h"
#include "transport/feed.h"
#include "transport/negotiate.h"
#include "transport/rtc.h"
#include "transport/rtcp.h"

struct rtc_out; /* opaque */

enum {
    /* Pacing where nothing is known of the far side: video leaves at once while the bucket lasts,
     * then at its refill, so that a key frame of 100 kB takes some 30 ms instead of one burst. */
    RTC_OUT_BUCKET_BYTES = 16 * 1024,
    RTC_OUT_REFILL_BYTES_PER_MS = 3200,
    RTC_OUT_PACE_US = 5 * 1000,
    RTC_OUT_QUEUE_US = 400 * 1000, /* so long video waits; more: see out_queue.c */
    RTC_OUT_QUEUE_MIN_BYTES = 4000,
    RTC_OUT_FRAMES_MAX = 64,       /* held back; more: as if they waited too long */
    RTC_OUT_AGAIN_MAX = 128,       /* asked for again and held back; more: they are asked for once more */
    RTC_OUT_PADDING_MAX = 64,      /* packets at once */
    /* Resending has a bucket of its own: no peer makes us send without end by asking. */
    RTC_OUT_RESEND_BUCKET_BYTES = 64 * 1024,
    RTC_OUT_RESEND_REFILL_BYTES_PER_MS = 1000,
    RTC_OUT_KEY_INTERVAL_US = 500 * 1000,
    RTC_OUT_PACKET_MAX = 1500,
    RTC_OUT_WIRE_BYTES = 44, /* that a packet has besides: IPv4 20, UDP 8, SRTP 16 at most */
};

struct rtc_out_hooks {
    void *ctx;
    /* A plain RTP packet to protect and send; there is room behind it up to RTC_OUT_PACKET_MAX. */
    void (*send)(void *ctx, uint8_t *packet, size_t size);
    void (*need_key)(void *ctx, enum mcu_codec codec);
    void (*audio_need)(void *ctx, enum rtc_audio_need need); /* on change only */
    /* The kept key frame of a feed, as rtc_feed_still(); -ENOENT also when it is wanted no more. */
    int (*still)(void *ctx, uint64_t feed_id, int64_t now_us, struct rtc_still *still);
    /* A key frame of the feed it is tuned to is about to leave. false: it is to hear another one. */
    bool (*begins)(void *ctx, uint64_t feed_id);
    void (*estimate)(void *ctx, const struct rtc_estimate *estimate);
};

/* session and local stay the caller's and may change between calls; hooks are copied. The caller
 * owns *out. Returns 0, -ENOMEM or -EIO (no random numbers). */
int rtc_out_create(struct rtc_out **out, const struct rtc_session *session,
                   const struct rtc_local *local, const struct rtc_out_hooks *hooks);
void rtc_out_destroy(struct rtc_out *o); /* NULL is fine */

/* The video that is wanted from now on; 0: none. What plays goes on until a key frame of it comes.
 * Returns true when something is held back: call rtc_out_tick() in RTC_OUT_PACE_US. */
bool rtc_out_tune(struct rtc_out *o, uint64_t feed_id, int64_t now_us);

/* The highest temporal layer that is sent; see rtc_peer_set_layers(). */
void rtc_out_set_layers(struct rtc_out *o, uint8_t max_temporal_id);

/* See rtc_peer_set_useful(). */
void rtc_out_set_useful(struct rtc_out *o, uint64_t bps);

/* What copies of audio and repair of video may take together; see rtc_peer_set_redundancy(). */
void rtc_out_set_redundancy(struct rtc_out *o, uint64_t bps);

/* A frame of a feed that the peer is tuned to now, or was before that one began. Returns true when
 * something is held back: call rtc_out_tick() in RTC_OUT_PACE_US. */
bool rtc_out_frame(struct rtc_out *o, struct rtc_frame *frame, int64_t now_us);

/* A frame of audio goes out soon. */
void rtc_out_warm(const struct rtc_out *o);

/* Sends what pacing held back, and asks for key frames that are still wanted. Returns true while
 * something is held back: call again in RTC_OUT_PACE_US. */
bool rtc_out_tick(struct rtc_out *o, int64_t now_us);

/* What its network is thought to carry; 0: not known. */
uint64_t rtc_out_estimate_bps(const struct rtc_out *o, int64_t now_us);

/* Anything authentic came from the far side. */
void rtc_out_heard(struct rtc_out *o, int64_t now_us);

/* From RTCP. */
void rtc_out_nack(struct rtc_out *o, uint32_t ssrc, const uint16_t *seqs, size_t count,
                  int64_t now_us, int64_t rtt_us);
void rtc_out_key_asked(struct rtc_out *o, uint32_t ssrc, int64_t now_us);
void rtc_out_block(struct rtc_out *o, const struct rtc_rtcp_block *block, int64_t now_us);
void rtc_out_remb(struct rtc_out *o, uint64_t bitrate_bps, int64_t now_us);
/* Transport-wide feedback, as rtc_twcc_parse() takes it. */
void rtc_out_feedback(struct rtc_out *o, const uint8_t *fci, size_t size, int64_t now_us,
                      int64_t rtt_us);

/* Appends a sender report for each stream that has sent something, blocks in the first, and
 * says whether there was any. */
bool rtc_out_put_reports(struct rtc_out *o, struct mcu_writer *w,
                         const struct rtc_rtcp_block *blocks, size_t count, int64_t now_us);

/* SSRCs that have sent something; at most 2. */
size_t rtc_out_ssrcs(const struct rtc_out *o, uint32_t *ssrcs);

/* Fills both kinds. *nack_misses: asked for again but no longer there. */
void rtc_out_read_stats(const struct rtc_out *o, struct rtc_stream_stats *stats,
                        uint64_t *nack_misses);

#endif
