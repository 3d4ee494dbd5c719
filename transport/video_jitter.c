/* transport/video_jitter.c - reordering, assembling, and what to do about holes. One [net] thread.
 *
 *      released        ring, by sequence number modulo 1024
 *     ---------- | [k][k][k]  .  [p][p]  .   .  [p] |
 *                next_seq     ^hole              highest
 *
 * Following: the frame at next_seq comes out when it is whole. A hole older than max_wait_us ends
 * that: either only upper VP8 layers are gone, then it goes on at the next frame start, or it waits
 * for a key frame. Waiting: the first whole key frame in the ring comes out; what is before it, or
 * too old to become whole, is dropped. A slot's since_us makes a hole's age right even when some of
 * it was repaired in between. */
#include "transport/video_jitter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "transport/video_slot.h"

enum {
    RING = RTC_VIDEO_JITTER_PACKETS,
    RESTART_AFTER = 64, /* packets in a row that are older than the ring: numbers began anew */
    ALL_LAYERS = 0x0f,
    BASE_LAYER = 0x01,
};

struct rtc_video_jitter {
    /* set up */
    enum mcu_codec codec;
    int64_t max_wait_us;
    uint8_t colours_id; /* of the header extension */

    /* the ring */
    bool is_started;
    bool has_released; /* next_seq must not go down any more */
    uint64_t next_seq;
    uint64_t highest;
    size_t key_starts; /* slots with starts_key */
    unsigned ancient;  /* packets older than the ring, in a row */
    struct rtc_video_slot ring[RING];

    /* the slot before next_seq, if it is known */
    bool has_previous;
    bool previous_marker;
    uint32_t previous_timestamp;

    /* following or waiting */
    bool is_waiting;
    bool wants_key;
    struct rtc_h264_sets sets;
    bool has_tl0;
    uint8_t tl0picidx; /* of the last VP8 frame that came out */
    uint8_t layers;    /* bits: temporal layers that lack nothing, as far as can be told */

    /* spare cells, so that packets seldom allocate */
    uint8_t *spare[RING];
    size_t spare_count;

    struct rtc_video_jitter_stats stats;
};

/* --- slots ------------------------------------------------------------------------------------ */

static struct rtc_video_slot *slot_of(struct rtc_video_jitter *v, uint64_t seq)
{
    return &v->ring[seq % RING];
}

static struct rtc_video_slot *used_slot(struct rtc_video_jitter *v, uint64_t seq)
{
    struct rtc_video_slot *s = slot_of(v, seq);
    return s->is_used && s->seq == seq ? s : NULL;
}

static uint8_t *take_cell(struct rtc_video_jitter *v)
{
    return v->spare_count ? v->spare[--v->spare_count] : malloc(RTC_MTU);
}

/* The slot at next_seq, if there is one, is done with; next_seq moves on. */
static void release_next(struct rtc_video_jitter *v)
{
    struct rtc_video_slot *s = used_slot(v, v->next_seq++);
    v->has_released = true;
    if (!s) {
        v->has_previous = false;
        return;
    }
    if (!s->is_padding) {
        v->has_previous = true;
        v->previous_marker = s->marker;
        v->previous_timestamp = s->timestamp;
    }
    v->key_starts -= s->starts_key;
    if (s->cell)
        v->spare[v->spare_count++] = s->cell;
    s->is_used = false;
    s->cell = NULL;
}

static void release_upto(struct rtc_video_jitter *v, uint64_t last)
{
    while (v->next_seq <= last)
        release_next(v);
}

/* The same for what did not make it into a frame. */
static void drop_next(struct rtc_video_jitter *v)
{
    const struct rtc_video_slot *s = used_slot(v, v->next_seq);
    if (s && !s->is_padding) {
        v->stats.dropped_packets++;
        v->stats.dropped_frames += s->marker;
    }
    release_next(v);
}

static void drop_below(struct rtc_video_jitter *v, uint64_t seq)
{
    while (v->next_seq < seq && v->next_seq <= v->highest)
        drop_next(v);
    if (v->next_seq < seq) { /* a leap past all there was */
        v->next_seq = seq;
        v->has_previous = false;
    }
}

static void wait_for_key(struct rtc_video_jitter *v)
{
    v->is_waiting = true;
    v->has_tl0 = false;
    v->layers = ALL_LAYERS;
}

static bool is_taken(enum mcu_codec codec)
{
    return codec == MCU_CODEC_H264 || codec == MCU_CODEC_VP8 || codec == MCU_CODEC_VP9 ||
           codec == MCU_CODEC_AV1;
}

int rtc_video_jitter_create(struct rtc_video_jitter **out, enum mcu_codec codec,
                            int64_t max_wait_us)
{
    if (!is_taken(codec) || max_wait_us < 0)
        return -EINVAL;
    struct rtc_video_jitter *v = calloc(1, sizeof(*v));
    if (!v)
        return -ENOMEM;
    v->codec = codec;
    v->max_wait_us = max_wait_us;
    wait_for_key(v);
    *out = v;
    return 0;
}

void rtc_video_jitter_destroy(struct rtc_video_jitter *v)
{
    if (!v)
        return;
    for (size_t i = 0; i < RING; i++)
        free(v->ring[i].cell);
    for (size_t i = 0; i < v->spare_count; i++)
        free(v->spare[i]);
    free(v);
}

/* Empty, and the next packet is the first. */
static void start_over(struct rtc_video_jitter *v)
{
    if (v->is_started)
        drop_below(v, v->highest + 1);
    v->is_started = v->has_released = v->has_previous = false;
    v->ancient = 0;
    v->wants_key = false;
    wait_for_key(v);
}

int rtc_video_jitter_set_codec(struct rtc_video_jitter *v, enum mcu_codec codec)
{
    if (!is_taken(codec))
        return -EINVAL;
    start_over(v);
    v->codec = codec;
    v->sets.size = 0;
    return 0;
}

/* --- in --------------------------------------------------------------------------------------- */

/* Is there a place for seq? Moves the ring on when seq is ahead of it. */
static int make_place(struct rtc_video_jitter *v, uint64_t seq)
{
    if (v->is_started && seq < v->next_seq && v->next_seq - seq > RING) {
        v->stats.late++;
        if (++v->ancient < RESTART_AFTER)
            return -ESTALE;
        start_over(v);
    }
    v->ancient = 0;
    if (!v->is_started) {
        v->is_started = true;
        v->next_seq = v->highest = seq;
        return 0;
    }
    if (seq < v->next_seq && !v->has_released && v->highest - seq < RING)
        v->next_seq = seq; /* the very first packets came out of order */
    if (seq < v->next_seq) {
        v->stats.late++;
        return -ESTALE;
    }
    if (used_slot(v, seq)) {
        v->stats.duplicates++;
        return -EALREADY;
    }
    if (seq - v->next_seq >= RING) {
        v->stats.losses++;
        drop_below(v, seq - RING + 1);
        wait_for_key(v);
    }
    return 0;
}

/* When the first packet behind seq came: so old is a hole before seq, however late seq is. */
static int64_t since_of(struct rtc_video_jitter *v, uint64_t seq, int64_t arrival_us)
{
    for (uint64_t s = seq + 1; s <= v->highest; s++) {
        const struct rtc_video_slot *later = used_slot(v, s);
        if (later)
            return later->since_us < arrival_us ? later->since_us : arrival_us;
    }
    return arrival_us;
}

void rtc_video_jitter_set_colours_id(struct rtc_video_jitter *v, uint8_t id)
{
    v->colours_id = id;
}

int rtc_video_jitter_insert(struct rtc_video_jitter *v, const struct rtc_rtp *rtp, uint64_t seq,
                            int64_t arrival_us)
{
    struct rtc_video_slot slot = {
        .is_used = true,
        .marker = rtp->marker,
        .timestamp = rtp->timestamp,
        .seq = seq,
        .arrival_us = arrival_us,
        .size = rtp->payload_size,
    };
    int err = -EMSGSIZE;
    if (slot.size <= RTC_MTU)
        err = rtc_video_slot_describe(&slot, v->codec, rtp->payload, slot.size);
    if (err) {
        v->stats.malformed++;
        return err;
    }
    err = make_place(v, seq);
    if (err)
        return err;
    if (slot.size) {
        slot.cell = take_cell(v);
        if (!slot.cell)
            return -ENOMEM;
        memcpy(slot.cell, rtp->payload, slot.size);
    }
    slot.since_us = since_of(v, seq, arrival_us);
    rtc_rtp_get_colours(rtp, v->colours_id, &slot.colours);
    *slot_of(v, seq) = slot;
    if (seq > v->highest)
        v->highest = seq;
    v->key_starts += slot.starts_key;
    return 0;
}

/* --- frames ----------------------------------------------------------------------------------- */

enum extent {
    WHOLE,   /* *end: its last packet */
    BROKEN,  /* *end: the first missing one, something is behind it */
    GROWING, /* all of it up to the newest packet is there */
};

/* How far the frame reaches that begins at first, a used slot that is not padding. */
static enum extent measure(struct rtc_video_jitter *v, uint64_t first, uint64_t *end)
{
    const uint32_t timestamp = slot_of(v, first)->timestamp;
    for (uint64_t s = first; s <= v->highest; s++) {
        const struct rtc_video_slot *slot = used_slot(v, s);
        *end = s;
        if (!slot)
            return BROKEN;
        if (slot->is_padding)
            continue;
        if (slot->timestamp != timestamp) {
            *end = s - 1;
            return WHOLE; /* a sender that sets no marker */
        }
        if (slot->marker)
            return WHOLE;
    }
    return GROWING;
}

/* The first packet that is there from seq on; there must be one. */
static struct rtc_video_slot *present_from(struct rtc_video_jitter *v, uint64_t seq)
{
    while (seq < v->highest && !used_slot(v, seq))
        seq++;
    return slot_of(v, seq);
}

/* Has the hole at seq been there for too long? */
static bool is_overdue(struct rtc_video_jitter *v, uint64_t seq, int64_t now_us)
{
    return now_us - present_from(v, seq)->since_us >= v->max_wait_us;
}

static void describe_frame(const struct rtc_video_run *run, struct rtc_video_frame *out)
{
    const struct rtc_video_slot *first = rtc_video_run_at(run, run->first);
    out->timestamp = first->timestamp;
    out->first_arrival_us = out->last_arrival_us = first->arrival_us;
    out->last_seq = run->last;
    for (uint64_t s = run->first + 1; s <= run->last; s++) {
        const int64_t at_us = rtc_video_run_at(run, s)->arrival_us;
        if (at_us < out->first_arrival_us)
            out->first_arrival_us = at_us;
        if (at_us > out->last_arrival_us)
            out->last_arrival_us = at_us;
    }
}

/* The last packet of a frame tells them, if any does. */
static struct mcu_colours colours_of(const struct rtc_video_run *run)
{
    uint64_t s = run->last;
    while (s > run->first && !rtc_video_run_at(run, s)->colours.is_said)
        s--;
    return rtc_video_run_at(run, s)->colours;
}

/* Temporal layers after a frame that comes out. */
static void note_layers(struct rtc_video_jitter *v, const struct rtc_vp8_descriptor *d, bool is_key)
{
    v->has_tl0 = d->has_tl0;
    v->tl0picidx = d->tl0picidx;
    if (is_key)
        v->layers = ALL_LAYERS;
    else if (d->is_sync)
        v->layers |= (uint8_t)(1u << d->tid); /* its layer begins anew here */
}

/* Takes out the whole frame [next_seq, last]. Returns 0, -ENOENT (nothing to show came of it) or
 * -ENOMEM (it stays). */
static int take_frame(struct rtc_video_jitter *v, uint64_t last, struct rtc_video_frame *out)
{
    const struct rtc_video_run run = {.ring = v->ring, .first = v->next_seq, .last = last};
    const struct rtc_vp8_descriptor vp8 = slot_of(v, v->next_seq)->vp8;
    struct rtc_video_frame frame;
    int err = rtc_video_assemble(&frame.packet, v->codec, &run, &v->sets);
    if (err == -ENOMEM)
        return err;
    if (err || (frame.packet && v->is_waiting && !frame.packet->is_key)) {
        v->stats.malformed += err != 0;
        if (!err)
            mcu_packet_unref(frame.packet);
        drop_below(v, last + 1);
        wait_for_key(v);
        return -ENOENT;
    }
    describe_frame(&run, &frame);
    const struct mcu_colours colours = colours_of(&run);
    release_upto(v, last);
    if (!frame.packet)
        return -ENOENT;

    frame.packet->colours = colours;
    note_layers(v, &vp8, frame.packet->is_key);
    v->is_waiting = false;
    v->stats.frames++;
    v->stats.key_frames += frame.packet->is_key;
    *out = frame;
    return 0;
}

/* --- following -------------------------------------------------------------------------------- */

/* A VP8 frame that may need a lost one of its layer or of one below. */
static bool is_undecodable(const struct rtc_video_jitter *v, const struct rtc_video_slot *s)
{
    const unsigned needed = (2u << s->vp8.tid) - 1;
    return v->codec == MCU_CODEC_VP8 && !s->vp8.is_sync && (v->layers & needed) != needed;
}

/* Does the base layer go on unbroken from the last frame out to this one (RFC 7741, TL0PICIDX)? */
static bool goes_on(const struct rtc_video_jitter *v, const struct rtc_vp8_descriptor *d)
{
    if (!v->has_tl0 || !d->has_tl0 || !d->has_tid)
        return false;
    return d->tl0picidx == (uint8_t)(v->tl0picidx + (d->tid == 0));
}

/* Behind the hole at seq: the next frame start, if only upper layers are missing before it; else 0.
 * A base layer frame that is there in part is the next base frame, so it cannot be missed. */
static uint64_t find_continuation(struct rtc_video_jitter *v, uint64_t hole)
{
    if (v->codec != MCU_CODEC_VP8)
        return 0;
    for (uint64_t s = hole + 1; s <= v->highest; s++) {
        const struct rtc_video_slot *slot = used_slot(v, s);
        if (!slot || slot->is_padding || !slot->may_start)
            continue;
        return goes_on(v, &slot->vp8) ? s : 0;
    }
    return 0;
}

static int follow_broken(struct rtc_video_jitter *v, uint64_t hole, int64_t now_us)
{
    if (!is_overdue(v, hole, now_us))
        return -EAGAIN;
    v->stats.losses++;
    const uint64_t go_on = find_continuation(v, hole);
    if (go_on) {
        drop_below(v, go_on);
        v->layers = BASE_LAYER;
    } else {
        wait_for_key(v);
    }
    return -ENOENT;
}

/* One step. Returns 0 (a frame), -ENOENT (something moved: again), -EAGAIN or -ENOMEM. */
static int follow(struct rtc_video_jitter *v, int64_t now_us, struct rtc_video_frame *out)
{
    const struct rtc_video_slot *s = used_slot(v, v->next_seq);
    uint64_t end;
    if (!s)
        return follow_broken(v, v->next_seq, now_us);
    if (s->is_padding) {
        release_next(v);
        return -ENOENT;
    }
    const enum extent extent = measure(v, v->next_seq, &end);
    if (extent == GROWING)
        return -EAGAIN;
    if (extent == BROKEN)
        return follow_broken(v, end, now_us);
    if (is_undecodable(v, s)) {
        drop_below(v, end + 1);
        return -ENOENT;
    }
    if (s->may_start)
        return take_frame(v, end, out);
    v->stats.malformed++; /* a frame without a beginning, and nothing is missing before it */
    wait_for_key(v);
    return -ENOENT;
}

/* --- waiting for a key frame ------------------------------------------------------------------ */

static bool is_key_start(struct rtc_video_jitter *v, uint64_t seq)
{
    const struct rtc_video_slot *s = used_slot(v, seq);
    if (!s || !s->starts_key || s->is_sure_start)
        return s && s->starts_key;
    if (seq == v->next_seq)
        return v->has_previous && (v->previous_marker || v->previous_timestamp != s->timestamp);
    const struct rtc_video_slot *before = used_slot(v, seq - 1);
    return before && (before->marker || before->timestamp != s->timestamp);
}

/* The first whole key frame, if there is one; *has_start: whether one has begun at all. */
static bool find_key(struct rtc_video_jitter *v, uint64_t *first, uint64_t *last, bool *has_start)
{
    *has_start = false;
    for (uint64_t s = v->next_seq; v->key_starts && s <= v->highest; s++) {
        if (!is_key_start(v, s))
            continue;
        *has_start = true;
        *first = s;
        if (measure(v, s, last) == WHOLE)
            return true;
        s = *last; /* what lacks is the same for every start before it */
    }
    return false;
}

/* Drops what can no longer become part of a key frame. */
static void drop_overdue(struct rtc_video_jitter *v, int64_t now_us)
{
    uint64_t end;
    while (v->next_seq <= v->highest) {
        const bool is_start = is_key_start(v, v->next_seq);
        const enum extent extent = is_start ? measure(v, v->next_seq, &end) : BROKEN;
        if (extent == GROWING || !is_overdue(v, is_start ? end : v->next_seq, now_us))
            return;
        v->stats.losses += is_start;
        drop_next(v);
    }
}

static int wait(struct rtc_video_jitter *v, int64_t now_us, struct rtc_video_frame *out)
{
    uint64_t first, last;
    bool has_start;
    if (find_key(v, &first, &last, &has_start)) {
        drop_below(v, first);
        return take_frame(v, last, out);
    }
    drop_overdue(v, now_us);
    find_key(v, &first, &last, &has_start);
    v->wants_key = !has_start;
    return -EAGAIN;
}

int rtc_video_jitter_pop(struct rtc_video_jitter *v, int64_t now_us, struct rtc_video_frame *out)
{
    int err = v->is_started ? -ENOENT : -EAGAIN;
    while (err == -ENOENT) {
        if (v->next_seq > v->highest) {
            v->wants_key = v->is_waiting;
            return -EAGAIN;
        }
        err = v->is_waiting ? wait(v, now_us, out) : follow(v, now_us, out);
    }
    return err;
}

bool rtc_video_jitter_wants_key(const struct rtc_video_jitter *v)
{
    return v->is_waiting && v->wants_key;
}

uint64_t rtc_video_jitter_next_seq(const struct rtc_video_jitter *v)
{
    return v->next_seq;
}

void rtc_video_jitter_read_stats(const struct rtc_video_jitter *v,
                                 struct rtc_video_jitter_stats *stats)
{
    *stats = v->stats;
}
