/* transport/video_slot.c - what a packet says of its place in a frame, and frames from packets.
 * One [net] thread at a time.
 *
 * H264 does not mark the first packet of a frame. An SPS stands at the beginning of a key frame; an
 * IDR slice begins one only if the packet before it is of another frame, which the ring knows. AV1
 * marks the first packet of a key frame only. */
#include "transport/video_slot.h"

#include <errno.h>
#include <string.h>

#include "transport/payload_av1.h"
#include "transport/payload_h264.h"
#include "transport/payload_vp9.h"

static int describe_h264(struct rtc_video_slot *slot, const uint8_t *payload, size_t size)
{
    struct rtc_h264_peek peek;
    if (rtc_h264_peek(&peek, payload, size))
        return -EBADMSG;
    slot->may_start = !peek.is_continued;
    slot->starts_key = !peek.is_continued && (peek.has_sps || peek.has_idr);
    slot->is_sure_start = peek.has_sps;
    return 0;
}

static int describe_vp8(struct rtc_video_slot *slot, const uint8_t *payload, size_t size)
{
    if (rtc_vp8_parse(&slot->vp8, payload, size))
        return -EBADMSG;
    slot->may_start = slot->is_sure_start = slot->vp8.is_start && slot->vp8.partition == 0;
    slot->starts_key =
        slot->may_start && rtc_vp8_is_key(payload + slot->vp8.size, size - slot->vp8.size);
    return 0;
}

/* A picture begins with its lowest spatial layer. */
static int describe_vp9(struct rtc_video_slot *slot, const uint8_t *payload, size_t size)
{
    struct rtc_vp9_descriptor d;
    if (rtc_vp9_parse(&d, payload, size) || d.size > UINT8_MAX)
        return -EBADMSG;
    slot->head = (uint8_t)d.size;
    slot->is_left_out = d.sid > 0;
    slot->may_start = slot->is_sure_start = d.is_start && d.sid == 0;
    slot->starts_key = slot->may_start && !d.is_inter;
    return 0;
}

static int describe_av1(struct rtc_video_slot *slot, const uint8_t *payload, size_t size)
{
    struct rtc_av1_peek peek;
    if (rtc_av1_peek(&peek, payload, size))
        return -EBADMSG;
    slot->may_start = !peek.is_continued;
    slot->starts_key = slot->is_sure_start = peek.is_new;
    return 0;
}

int rtc_video_slot_describe(struct rtc_video_slot *slot, enum mcu_codec codec,
                            const uint8_t *payload, size_t size)
{
    if (size == 0) {
        slot->is_padding = true;
        return 0;
    }
    switch (codec) {
    case MCU_CODEC_H264:
        return describe_h264(slot, payload, size);
    case MCU_CODEC_VP9:
        return describe_vp9(slot, payload, size);
    case MCU_CODEC_AV1:
        return describe_av1(slot, payload, size);
    default:
        return describe_vp8(slot, payload, size);
    }
}

/* --- VP8 -------------------------------------------------------------------------------------- */

static int assemble_vp8(struct mcu_packet **out, const struct rtc_video_run *run)
{
    size_t size = 0;
    for (uint64_t s = run->first; s <= run->last; s++)
        if (!rtc_video_run_at(run, s)->is_padding)
            size += rtc_video_run_at(run, s)->size - rtc_video_run_at(run, s)->vp8.size;
    struct mcu_packet *p = mcu_packet_create(size);
    if (!p)
        return -ENOMEM;

    for (uint64_t s = run->first; s <= run->last; s++) {
        const struct rtc_video_slot *slot = rtc_video_run_at(run, s);
        if (slot->is_padding)
            continue;
        memcpy(p->data + p->size, slot->cell + slot->vp8.size, slot->size - slot->vp8.size);
        p->size += slot->size - slot->vp8.size;
    }
    p->codec = MCU_CODEC_VP8;
    p->is_key = rtc_vp8_is_key(p->data, p->size);
    p->temporal_id = rtc_video_run_at(run, run->first)->vp8.tid;
    *out = p;
    return 0;
}

/* --- H264 ------------------------------------------------------------------------------------- */

/* With u->out NULL this only measures. */
static int unpack_run(struct rtc_h264_unpack *u, const struct rtc_video_run *run)
{
    int err = 0;
    for (uint64_t s = run->first; s <= run->last && !err; s++) {
        const struct rtc_video_slot *slot = rtc_video_run_at(run, s);
        if (!slot->is_padding)
            err = rtc_h264_unpack_add(u, slot->cell, slot->size);
    }
    return err ? err : u->in_fu ? -EBADMSG : 0;
}

/* Keeps the parameter sets of an access unit; when they are too many, none. */
static void keep_sets(struct rtc_h264_sets *sets, const struct mcu_packet *p)
{
    size_t at = 0, n;
    const uint8_t *nal;
    sets->size = 0;
    while ((nal = rtc_h264_next_nal(p->data, p->size, &at, &n))) {
        const uint8_t type = nal[0] & 0x1f;
        if (type != 7 && type != 8)
            continue;
        if (sizeof(sets->data) - sets->size < n + 4) {
            sets->size = 0;
            return;
        }
        memcpy(sets->data + sets->size, (const uint8_t[]){0, 0, 0, 1}, 4);
        memcpy(sets->data + sets->size + 4, nal, n);
        sets->size += n + 4;
    }
}

/* sets_size bytes of kept parameter sets, then the frame. */
static struct mcu_packet *build_h264(const struct rtc_video_run *run, size_t frame_size,
                                     const struct rtc_h264_sets *sets, size_t sets_size)
{
    struct mcu_packet *p = mcu_packet_create(sets_size + frame_size);
    if (!p)
        return NULL;
    memcpy(p->data, sets->data, sets_size);
    struct rtc_h264_unpack u = {.out = p->data, .capacity = p->capacity, .size = sets_size};
    unpack_run(&u, run); /* was measured: cannot fail */
    p->size = u.size;
    p->codec = MCU_CODEC_H264;
    return p;
}

static int assemble_h264(struct mcu_packet **out, const struct rtc_video_run *run,
                         struct rtc_h264_sets *sets)
{
    struct rtc_h264_unpack measured = {0};
    if (unpack_run(&measured, run))
        return -EBADMSG;

    const bool wants_sets = measured.has_idr && !measured.has_sps;
    struct mcu_packet *p = build_h264(run, measured.size, sets, wants_sets ? sets->size : 0);
    if (!p)
        return -ENOMEM;
    p->is_key = measured.has_idr && (measured.has_sps || sets->size > 0);
    if (measured.has_sps)
        keep_sets(sets, p);
    if (!measured.has_slice) {
        mcu_packet_unref(p);
        p = NULL;
    }
    *out = p;
    return 0;
}

/* --- VP9 -------------------------------------------------------------------------------------- */

static bool is_of_vp9_frame(const struct rtc_video_slot *slot)
{
    return !slot->is_padding && !slot->is_left_out;
}

static int assemble_vp9(struct mcu_packet **out, const struct rtc_video_run *run)
{
    size_t size = 0;
    for (uint64_t s = run->first; s <= run->last; s++) {
        const struct rtc_video_slot *slot = rtc_video_run_at(run, s);
        size += is_of_vp9_frame(slot) ? slot->size - slot->head : 0;
    }
    struct mcu_packet *p = mcu_packet_create(size);
    if (!p)
        return -ENOMEM;
    for (uint64_t s = run->first; s <= run->last; s++) {
        const struct rtc_video_slot *slot = rtc_video_run_at(run, s);
        if (!is_of_vp9_frame(slot))
            continue;
        memcpy(p->data + p->size, slot->cell + slot->head, slot->size - slot->head);
        p->size += slot->size - slot->head;
    }
    p->codec = MCU_CODEC_VP9;
    p->is_key = rtc_video_run_at(run, run->first)->starts_key;
    *out = p;
    return 0;
}

/* --- AV1 -------------------------------------------------------------------------------------- */

static int unpack_av1(struct rtc_av1_unpack *u, const struct rtc_video_run *run)
{
    int err = 0;
    for (uint64_t s = run->first; s <= run->last && !err; s++) {
        const struct rtc_video_slot *slot = rtc_video_run_at(run, s);
        if (!slot->is_padding)
            err = rtc_av1_unpack_add(u, slot->cell, slot->size);
    }
    return err ? err : u->in_obu ? -EBADMSG : 0;
}

static int assemble_av1(struct mcu_packet **out, const struct rtc_video_run *run)
{
    static const uint8_t delimiter[] = {0x12, 0x00}; /* senders leave it out */
    struct rtc_av1_unpack u = {0};
    if (unpack_av1(&u, run))
        return -EBADMSG;
    if (!u.has_frame) {
        *out = NULL;
        return 0;
    }
    struct mcu_packet *p = mcu_packet_create(sizeof(delimiter) + u.size);
    if (!p)
        return -ENOMEM;
    memcpy(p->data, delimiter, sizeof(delimiter));
    u = (struct rtc_av1_unpack){.out = p->data, .capacity = p->capacity, .size = sizeof(delimiter)};
    unpack_av1(&u, run); /* was measured: cannot fail */
    p->size = u.size;
    p->codec = MCU_CODEC_AV1;
    p->is_key = u.has_sequence && rtc_video_run_at(run, run->first)->starts_key;
    *out = p;
    return 0;
}

int rtc_video_assemble(struct mcu_packet **out, enum mcu_codec codec,
                       const struct rtc_video_run *run, struct rtc_h264_sets *sets)
{
    switch (codec) {
    case MCU_CODEC_H264:
        return assemble_h264(out, run, sets);
    case MCU_CODEC_VP9:
        return assemble_vp9(out, run);
    case MCU_CODEC_AV1:
        return assemble_av1(out, run);
    default:
        return assemble_vp8(out, run);
    }
}
