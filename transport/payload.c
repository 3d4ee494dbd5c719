/* transport/payload.c - the shared, cut-up frame. [any]; the one tricky thing: slices point into
 * the packet or into copies, which both live exactly as long as this does. */
#include "transport/payload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "transport/payload_h264.h"
#include "transport/payload_vp8.h"
#include "transport/payload_vp9.h"

static void init(struct rtc_payloads *p, struct mcu_packet *packet, size_t count)
{
    atomic_init(&p->refs, 1);
    p->count = count;
    p->copies = (uint8_t *)&p->slices[count];
    p->packet = mcu_packet_ref(packet);
}

struct rtc_payloads *rtc_payloads_alloc(struct mcu_packet *packet, size_t count, size_t copied)
{
    struct rtc_payloads *p = calloc(1, sizeof(*p) + count * sizeof(p->slices[0]) + copied);
    if (p)
        init(p, packet, count);
    return p;
}

int rtc_payloads_split(struct rtc_payloads **out, struct mcu_packet *packet, size_t max_payload,
                       size_t descriptor_size)
{
    if (packet->size == 0 || max_payload < RTC_PAYLOAD_MIN || max_payload > UINT16_MAX)
        return -EINVAL;
    const size_t most = max_payload - descriptor_size;
    const size_t count = (packet->size + most - 1) / most;
    struct rtc_payloads *p = rtc_payloads_alloc(packet, count, 0);
    if (!p)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const size_t from = packet->size * i / count;
        const size_t to = packet->size * (i + 1) / count;
        p->slices[i] = (struct rtc_slice){
            .data = packet->data + from,
            .size = (uint16_t)(to - from),
            .is_first = i == 0,
            .is_last = i + 1 == count,
        };
    }
    *out = p;
    return 0;
}

/* pool may be NULL: then from malloc. */
static int packetize_whole(struct rtc_payloads **out, struct mcu_pool *pool,
                           struct mcu_packet *packet, size_t max_payload)
{
    if (packet->size > max_payload || packet->size > UINT16_MAX)
        return -EMSGSIZE;
    struct rtc_payloads *p = pool ? mcu_pool_take(pool) : rtc_payloads_alloc(packet, 1, 0);
    if (!p)
        return -ENOMEM;
    if (pool) {
        init(p, packet, 1);
        p->is_pooled = true;
    }
    p->slices[0] = (struct rtc_slice){
        .data = packet->data,
        .size = (uint16_t)packet->size,
        .is_first = true,
        .is_last = true,
    };
    *out = p;
    return 0;
}

/* What the SPS is to say: constrained baseline, as the description does (Safari shows black
 * otherwise), at level 3.1, or at the stream's own where it is higher. */
static void choose_profile(const struct mcu_packet *packet, uint8_t profile[static 3])
{
    size_t at = 0, n;
    const uint8_t *nal;
    memcpy(profile, (const uint8_t[]){0x42, 0xe0, 0x1f}, 3);
    while (packet->is_key && (nal = rtc_h264_next_nal(packet->data, packet->size, &at, &n))) {
        if ((nal[0] & 0x1f) == 7 && n > 3 && nal[3] > profile[2])
            profile[2] = nal[3];
    }
}

int rtc_payloads_create(struct rtc_payloads **out, struct mcu_packet *packet, size_t max_payload)
{
    uint8_t profile[3];
    if (packet->size == 0 || max_payload < RTC_PAYLOAD_MIN || max_payload > UINT16_MAX)
        return -EINVAL;
    if (packet->codec == MCU_CODEC_H264) {
        choose_profile(packet, profile);
        return rtc_h264_packetize(out, packet, max_payload, profile);
    }
    if (packet->codec == MCU_CODEC_VP8)
        return rtc_vp8_packetize(out, packet, max_payload);
    if (packet->codec == MCU_CODEC_VP9)
        return rtc_vp9_packetize(out, packet, max_payload);
    return packetize_whole(out, NULL, packet, max_payload);
}

int rtc_payloads_create_whole(struct rtc_payloads **out, struct mcu_pool *pool,
                              struct mcu_packet *packet, size_t max_payload)
{
    if (packet->size == 0 || mcu_pool_block_bytes(pool) < RTC_PAYLOADS_WHOLE_BYTES)
        return -EINVAL;
    return packetize_whole(out, pool, packet, max_payload);
}

struct rtc_payloads *rtc_payloads_ref(struct rtc_payloads *p)
{
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void rtc_payloads_unref(struct rtc_payloads *p)
{
    if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
        return;
    mcu_packet_unref(p->packet);
    if (p->is_pooled)
        mcu_pool_give(p);
    else
        free(p);
}
