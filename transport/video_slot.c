/* transport/video_slot.c - what a packet says of its place in a frame, and frames from packets.
 * One [net] thread at a time.
 *
 * H264 does not mark the first packet of a frame. An SPS stands at the beginning of a key frame; an
 * IDR slice begins one only if the packet before it is of another frame, which the ring knows. */
#include "transport/video_slot.h"

#include <errno.h>
#include <string.h>

#include "transport/payload_h264.h"

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

int rtc_video_slot_describe(struct rtc_video_slot *slot, enum mcu_codec codec,
                            const uint8_t *payload, size_t size)
{
    if (size == 0) {
        slot->is_padding = true;
        return 0;
    }
    return codec == MCU_CODEC_H264 ? describe_h264(slot, payload, size)
                                   : describe_vp8(slot, payload, size);
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

int rtc_video_assemble(struct mcu_packet **out, enum mcu_codec codec,
                       const struct rtc_video_run *run, struct rtc_h264_sets *sets)
{
    return codec == MCU_CODEC_H264 ? assemble_h264(out, run, sets) : assemble_vp8(out, run);
}
