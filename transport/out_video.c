/* The video that one peer gets: which frames, in which order, and how fast. See out.h. [net]
 *
 *     feed A  K d d d d d d d d d
 *     feed B      k d d d d K d d        k: kept
 *     sent    K d d d d d d K d d        tuned to B after k: A plays on until the next K of B
 *     sent          k - - - K d d        no picture yet: the kept one, as a still
 *
 * A frame is taken or left when it comes; what was taken waits in a ring for the pacer. */
#include <errno.h>
#include <string.h>

#include "transport/out_priv.h"
#include "transport/rtp.h"
#include "transport/srtp.h"

enum {
    PTS_STEP_US = 1000, /* between frames whose own times would run backwards */
};

/* --- packets ----------------------------------------------------------------------------------
 */

/* Header, VP8 descriptor and prefix of a slice. Returns the size of all, *header_size of the first.
 */
static int write_head(struct rtc_out *o, const struct rtc_out_waiting *w, int64_t now_us,
                      uint8_t *out, size_t *header_size)
{
    const struct mcu_packet *packet = w->payloads->packet;
    const struct rtc_slice *slice = &w->payloads->slices[w->next];
    const uint8_t pt = o->session->lines[MCU_VIDEO].codecs[0].pt;
    const int n = rtc_out_write_header(o, MCU_VIDEO, pt, w->pts_us, slice->is_last, now_us, out);
    if (n < 0)
        return n;
    size_t size = (size_t)n;
    *header_size = size;
    if (packet->codec == MCU_CODEC_VP8) {
        rtc_vp8_put_descriptor(out + size, &o->vp8, slice, packet->temporal_id, o->is_vp8_sync);
        size += RTC_VP8_DESCRIPTOR_SIZE;
    }
    memcpy(out + size, slice->prefix, slice->prefix_size);
    return (int)(size + slice->prefix_size);
}

/* Sends one slice. Returns its bytes. */
static size_t send_slice(struct rtc_out *o, const struct rtc_out_waiting *w, int64_t now_us)
{
    const struct rtc_slice *slice = &w->payloads->slices[w->next];
    uint8_t packet[RTC_OUT_PACKET_MAX] __attribute__((aligned(8)));
    size_t header_size;
    const int head = write_head(o, w, now_us, packet, &header_size);
    if (head < 0 || (size_t)head + slice->size + RTC_SRTP_EXPANSION_MAX > sizeof(packet))
        return 0;
    memcpy(packet + head, slice->data, slice->size);
    const size_t size = (size_t)head + slice->size;
    const uint16_t seq = o->streams[MCU_VIDEO].seq;
    rtc_history_put(o->history, seq, packet, (size_t)head, header_size, w->payloads, w->next,
                    now_us);
    rtc_out_send_packet(o, MCU_VIDEO, packet, size, header_size, now_us);
    rtc_out_fec_sent(o, seq, size, slice->is_last, now_us);
    return size;
}

/* Picture ids and TL0PICIDX are this peer's own, over all feeds and whatever is left out. A frame
 * is a sync one when it can refer to the base layer only: nothing above it came since. */
static void begin_frame(struct rtc_out *o, const struct mcu_packet *packet)
{
    struct rtc_out_playing *p = &o->playing;
    const uint8_t layer = packet->temporal_id;
    if (packet->codec != MCU_CODEC_VP8)
        return;
    rtc_vp8_next_frame(&o->vp8, layer);
    o->is_vp8_sync = layer > 0 && layer < p->lowest_upper;
    if (layer == 0)
        p->lowest_upper = UINT8_MAX;
    else if (layer < p->lowest_upper)
        p->lowest_upper = layer;
}

/* Sends one slice of what waits first. Returns its bytes, 0 when nothing waits. */
static size_t send_next(struct rtc_out *o, int64_t now_us)
{
    while (o->count > 0 && !rtc_out_sends(o, MCU_VIDEO, o->ring[o->first].payloads->packet->codec))
        rtc_out_queue_finish(o); /* a new answer came in between */
    if (o->count == 0)
        return 0;
    struct rtc_out_waiting *w = &o->ring[o->first];
    if (w->next == 0)
        begin_frame(o, w->payloads->packet);
    if (!o->video_began_us)
        o->video_began_us = now_us;
    const size_t bytes = send_slice(o, w, now_us);
    if (++w->next == w->payloads->count)
        rtc_out_queue_finish(o);
    return bytes > 0 ? bytes : 1;
}

/* What is sent again first: somebody waits for it already. */
void rtc_out_drain(struct rtc_out *o, int64_t now_us)
{
    rtc_out_pace_refill(o, now_us);
    while (rtc_out_pace_lets(o) || rtc_out_is_probing(o, now_us)) {
        size_t bytes = rtc_out_resend_next(o, now_us);
        if (bytes == 0)
            bytes = rtc_out_fec_next(o, now_us);
        if (bytes == 0)
            bytes = send_next(o, now_us);
        if (bytes == 0)
            break;
        rtc_out_pace_take(o, bytes, now_us);
    }
    rtc_out_pad(o, now_us);
}

/* Encoders of different speed and kept frames must not make the far side's time run backwards. */
static int64_t later_pts(struct rtc_out *o, int64_t pts_us)
{
    struct rtc_out_playing *p = &o->playing;
    const bool is_first = o->streams[MCU_VIDEO].stats.packets == 0 && o->count == 0;
    p->pts_us = is_first || pts_us > p->pts_us ? pts_us : p->pts_us + PTS_STEP_US;
    return p->pts_us;
}

/* It waits too long, or too many do. */
static void shorten(struct rtc_out *o, int64_t now_us)
{
    const size_t most = rtc_out_pace_bytes(o, RTC_OUT_QUEUE_US, now_us);
    const size_t bytes = o->count == RTC_OUT_FRAMES_MAX   ? 0
                         : most > RTC_OUT_QUEUE_MIN_BYTES ? most
                                                          : RTC_OUT_QUEUE_MIN_BYTES;
    if (rtc_out_queue_shorten(o, bytes))
        return;
    o->playing.is_live = false;
    rtc_out_want_key(o, now_us);
}

static void queue(struct rtc_out *o, struct rtc_payloads *payloads, int64_t pts_us, int64_t now_us)
{
    rtc_out_queue_put(o, payloads, later_pts(o, pts_us));
    rtc_out_drain(o, now_us);
    shorten(o, now_us);
}

/* --- key frames --------------------------------------------------------------------------------
 */

void rtc_out_want_key(struct rtc_out *o, int64_t now_us)
{
    o->is_key_wanted = true;
    if (now_us < o->next_key_us)
        return; /* the tick asks when it is due, if none went out before */
    o->is_key_wanted = false;
    o->next_key_us = now_us + RTC_OUT_KEY_INTERVAL_US;
    const struct rtc_line *line = &o->session->lines[MCU_VIDEO];
    if (line->is_used && (line->direction & MCU_SENDONLY))
        o->hooks.need_key(o->hooks.ctx, line->codecs[0].codec);
}

/* What comes from now on is of this feed. */
static void play(struct rtc_out *o, uint64_t feed_id, enum mcu_codec codec, uint64_t index)
{
    struct rtc_out_playing *p = &o->playing;
    p->feed_id = feed_id;
    p->codec = codec;
    p->last_index = index;
    p->is_live = true;
    p->layers = p->layers_max;
}

/* A kept key frame helps whom it lets go on at once, and whom has no picture at all. */
static bool is_of_use(const struct rtc_out *o, const struct rtc_still *still)
{
    const struct rtc_out_playing *p = &o->playing;
    if (!rtc_out_sends(o, MCU_VIDEO, still->payloads->packet->codec))
        return false;
    return p->feed_id != o->wanted_id || !p->is_live || still->index >= p->last_index;
}

/* Returns false when a new key frame has to be asked for. */
static bool send_still(struct rtc_out *o, int64_t now_us)
{
    struct rtc_still still;
    const int err = o->hooks.still(o->hooks.ctx, o->wanted_id, now_us, &still);
    if (err)
        return err == -ENOENT; /* the first frame is a key frame */
    const bool is_sent = is_of_use(o, &still) && o->hooks.begins(o->hooks.ctx, o->wanted_id);
    if (is_sent) {
        o->next_still_us = now_us + RTC_OUT_KEY_INTERVAL_US;
        play(o, o->wanted_id, still.payloads->packet->codec, still.index);
        queue(o, still.payloads, still.pts_us, now_us);
    }
    rtc_payloads_unref(still.payloads);
    return is_sent;
}

void rtc_out_revive(struct rtc_out *o, int64_t now_us)
{
    /* While another feed plays, only a new key frame leads on to the one that is wanted. */
    const bool is_switching = o->playing.feed_id && o->playing.feed_id != o->wanted_id;
    if (is_switching || now_us < o->next_still_us || !send_still(o, now_us))
        rtc_out_want_key(o, now_us);
}

/* --- which feed --------------------------------------------------------------------------------
 */

bool rtc_out_tune(struct rtc_out *o, uint64_t feed_id, int64_t now_us)
{
    struct rtc_out_playing *p = &o->playing;
    if (o->wanted_id == feed_id)
        return o->count > 0;
    o->wanted_id = feed_id;
    if (feed_id == 0) {
        p->feed_id = 0;
        p->is_live = false;
        o->is_key_wanted = false;
    } else if (feed_id == p->feed_id) {
        o->hooks.begins(o->hooks.ctx, feed_id); /* back to what it never left */
    } else if (!p->feed_id || !rtc_out_sends(o, MCU_VIDEO, p->codec)) {
        if (!send_still(o, now_us))
            rtc_out_want_key(o, now_us);
    } else {
        rtc_out_want_key(o, now_us);
    }
    return o->count > 0;
}

void rtc_out_set_layers(struct rtc_out *o, uint8_t max_temporal_id)
{
    struct rtc_out_playing *p = &o->playing;
    p->layers_max = max_temporal_id;
    if (p->layers > max_temporal_id)
        p->layers = max_temporal_id;
}

/* A frame may be sent if it continues what was sent, or starts anew. */
static bool continues(struct rtc_out *o, const struct rtc_frame *frame, int64_t now_us)
{
    struct rtc_out_playing *p = &o->playing;
    const struct mcu_packet *packet = frame->payloads->packet;
    if (frame->index <= p->last_index)
        return false; /* older than the still that was sent */
    if (frame->index != p->last_index + 1)
        p->is_live = false;
    p->last_index = frame->index;
    if (packet->is_key)
        play(o, frame->feed_id, packet->codec, frame->index);
    else if (!p->is_live)
        rtc_out_want_key(o, now_us);
    return p->is_live;
}

/* A frame of the feed that is wanted while another one plays, or none. */
static bool begins(struct rtc_out *o, const struct rtc_frame *frame, int64_t now_us)
{
    if (!frame->payloads->packet->is_key) {
        rtc_out_want_key(o, now_us);
        return false;
    }
    if (!o->hooks.begins(o->hooks.ctx, frame->feed_id))
        return false;
    play(o, frame->feed_id, frame->payloads->packet->codec, frame->index);
    return true;
}

static bool is_layer_sent(struct rtc_out_playing *p, const struct mcu_packet *packet)
{
    if (packet->temporal_id == 0)
        p->layers = p->layers_max;
    return packet->temporal_id <= p->layers;
}

void rtc_out_take_video(struct rtc_out *o, const struct rtc_frame *frame, int64_t now_us)
{
    const struct mcu_packet *packet = frame->payloads->packet;
    bool is_taken = false;
    if (frame->feed_id == o->playing.feed_id)
        is_taken = continues(o, frame, now_us);
    else if (frame->feed_id == o->wanted_id)
        is_taken = begins(o, frame, now_us);
    if (!is_taken)
        return;
    if (packet->is_key)
        o->is_key_wanted = o->playing.feed_id != o->wanted_id;
    if (is_layer_sent(&o->playing, packet))
        queue(o, frame->payloads, packet->pts_us, now_us);
}
