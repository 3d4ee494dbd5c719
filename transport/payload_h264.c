/* transport/payload_h264.c - H264 payloads. Pure; [any].
 *
 * Packetizing runs the same plan twice: first to count slices and copied bytes, then into the one
 * allocation that holds them. Only STAP-A and SPS are copied; all else points into the frame. */
#include "transport/payload_h264.h"

#include <errno.h>
#include <string.h>

#include "mcu/base/bytes.h"

enum {
    NAL_SLICE = 1,
    NAL_IDR = 5,
    NAL_SEI = 6,
    NAL_SPS = 7,
    NAL_PPS = 8,
    NAL_AUD = 9,
    NAL_FILLER = 12,
    NAL_STAP_A = 24,
    NAL_FU_A = 28,
    FU_START = 0x80,
    FU_END = 0x40,
};

static uint8_t nal_type(uint8_t head)
{
    return head & 0x1f;
}

/* --- Annex B ---------------------------------------------------------------------------------- */

/* The offset of the next 00 00 01 from at on, or size. */
static size_t find_start(const uint8_t *data, size_t size, size_t at)
{
    while (at + 3 <= size) {
        const uint8_t *one = memchr(data + at + 2, 1, size - at - 2);
        if (!one)
            return size;
        if (one[-1] == 0 && one[-2] == 0)
            return (size_t)(one - data) - 2;
        at = (size_t)(one - data) - 1;
    }
    return size;
}

const uint8_t *rtc_h264_next_nal(const uint8_t *data, size_t size, size_t *at, size_t *nal_size)
{
    for (;;) {
        const size_t code = find_start(data, size, *at);
        if (code == size) {
            *at = size;
            return NULL;
        }
        const size_t begin = code + 3;
        size_t end = find_start(data, size, begin);
        *at = end;
        while (end > begin && data[end - 1] == 0)
            end--; /* trailing_zero_8bits, and the long start code's first zero */
        if (end > begin) {
            *nal_size = end - begin;
            return data + begin;
        }
    }
}

static bool can_say(const uint8_t *sps, size_t size, const uint8_t *profile)
{
    return size >= 4 && sps[1] == profile[0] && !(sps[2] & ~profile[1]) && sps[3] <= profile[2];
}

int rtc_h264_set_profile(uint8_t *data, size_t size, const uint8_t profile[static 3])
{
    bool has_sps = false;
    size_t n;
    const uint8_t *nal;
    for (size_t at = 0; (nal = rtc_h264_next_nal(data, size, &at, &n));) {
        if (nal_type(nal[0]) != NAL_SPS)
            continue;
        if (!can_say(nal, n, profile))
            return -EINVAL;
        has_sps = true;
    }
    for (size_t at = 0; (nal = rtc_h264_next_nal(data, size, &at, &n));)
        if (nal_type(nal[0]) == NAL_SPS)
            memcpy(data + (nal - data) + 1, profile, 3);
    return has_sps ? 0 : -ENOENT;
}

/* --- out -------------------------------------------------------------------------------------- */

/* Where slices and copies go; counts only while payloads is NULL. */
struct plan {
    struct rtc_payloads *payloads;
    const uint8_t *profile;
    size_t max;
    size_t count;
    size_t copied;
};

static void plan_slice(struct plan *p, const uint8_t *data, size_t size, const uint8_t *prefix)
{
    if (p->payloads) {
        struct rtc_slice *s = &p->payloads->slices[p->count];
        *s = (struct rtc_slice){.data = data, .size = (uint16_t)size};
        if (prefix) {
            s->prefix_size = 2;
            memcpy(s->prefix, prefix, 2);
        }
    }
    p->count++;
}

/* Copies bytes behind those copied so far; where they stand now, NULL while counting. */
static uint8_t *plan_copy(struct plan *p, const void *data, size_t size)
{
    uint8_t *to = p->payloads ? p->payloads->copies + p->copied : NULL;
    if (to)
        memcpy(to, data, size);
    p->copied += size;
    return to;
}

static uint8_t *plan_copy_nal(struct plan *p, const uint8_t *nal, size_t size)
{
    uint8_t *to = plan_copy(p, nal, size);
    if (to && p->profile && nal_type(nal[0]) == NAL_SPS && can_say(nal, size, p->profile))
        memcpy(to + 1, p->profile, 3);
    return to;
}

static void plan_fragments(struct plan *p, const uint8_t *nal, size_t size)
{
    const uint8_t *body = nal + 1; /* the NAL header travels in the prefix */
    const size_t total = size - 1;
    const size_t most = p->max - 2;
    const size_t count = (total + most - 1) / most;

    for (size_t i = 0; i < count; i++) {
        const size_t from = total * i / count;
        const size_t to = total * (i + 1) / count;
        const uint8_t prefix[2] = {
            (uint8_t)((nal[0] & 0xe0) | NAL_FU_A),
            (uint8_t)(nal_type(nal[0]) | (i == 0 ? FU_START : 0) | (i + 1 == count ? FU_END : 0)),
        };
        plan_slice(p, body + from, to - from, prefix);
    }
}

static void plan_single(struct plan *p, const uint8_t *nal, size_t size)
{
    if (size > p->max)
        plan_fragments(p, nal, size);
    else if (nal_type(nal[0]) == NAL_SPS)
        plan_slice(p, plan_copy_nal(p, nal, size), size, NULL);
    else
        plan_slice(p, nal, size, NULL);
}

static bool is_small_kind(uint8_t head)
{
    return nal_type(head) >= NAL_SEI && nal_type(head) <= NAL_PPS;
}

static bool is_left_out(uint8_t head)
{
    return nal_type(head) == NAL_AUD || nal_type(head) == NAL_FILLER;
}

/* From at on, the parameter sets and SEI that fit one STAP-A together; *stap_size: its size. */
static size_t count_small(const uint8_t *data, size_t size, size_t at, size_t max,
                          size_t *stap_size)
{
    size_t count = 0;
    size_t n;
    const uint8_t *nal;
    *stap_size = 1;
    while ((nal = rtc_h264_next_nal(data, size, &at, &n)) && is_small_kind(nal[0])) {
        if (*stap_size + 2 + n > max)
            break;
        *stap_size += 2 + n;
        count++;
    }
    return count;
}

/* One STAP-A of the next count NAL units (RFC 6184, section 5.7.1); moves *at behind them. */
static void plan_stap(struct plan *p, const uint8_t *data, size_t size, size_t *at, size_t count,
                      size_t stap_size)
{
    uint8_t head = NAL_STAP_A;
    uint8_t *start = plan_copy(p, &head, 1);
    for (size_t i = 0; i < count; i++) {
        size_t n;
        const uint8_t *nal = rtc_h264_next_nal(data, size, at, &n);
        const uint8_t length[2] = {(uint8_t)(n >> 8), (uint8_t)n};
        plan_copy(p, length, 2);
        plan_copy_nal(p, nal, n);
        if ((nal[0] & 0x60) > (head & 0x60))
            head = (uint8_t)(NAL_STAP_A | (nal[0] & 0x60)); /* the highest NRI of all */
    }
    if (start)
        *start = head;
    plan_slice(p, start, stap_size, NULL);
}

static void plan_access_unit(struct plan *p, const struct mcu_packet *packet)
{
    size_t at = 0;
    for (;;) {
        size_t n, stap_size;
        const size_t small = count_small(packet->data, packet->size, at, p->max, &stap_size);
        if (small >= 2) {
            plan_stap(p, packet->data, packet->size, &at, small, stap_size);
            continue;
        }
        const uint8_t *nal = rtc_h264_next_nal(packet->data, packet->size, &at, &n);
        if (!nal)
            return;
        if (!is_left_out(nal[0]))
            plan_single(p, nal, n);
    }
}

int rtc_h264_packetize(struct rtc_payloads **out, struct mcu_packet *packet, size_t max_payload,
                       const uint8_t *profile)
{
    struct plan count = {.profile = profile, .max = max_payload};
    if (max_payload < RTC_PAYLOAD_MIN || max_payload > UINT16_MAX)
        return -EINVAL;
    plan_access_unit(&count, packet);
    if (count.count == 0)
        return -EINVAL;

    struct plan fill = {.profile = profile, .max = max_payload};
    fill.payloads = rtc_payloads_alloc(packet, count.count, count.copied);
    if (!fill.payloads)
        return -ENOMEM;
    plan_access_unit(&fill, packet);
    fill.payloads->slices[0].is_first = true;
    fill.payloads->slices[count.count - 1].is_last = true;
    *out = fill.payloads;
    return 0;
}

/* --- in --------------------------------------------------------------------------------------- */

static void note_type(struct rtc_h264_unpack *u, uint8_t type)
{
    u->has_sps |= type == NAL_SPS;
    u->has_pps |= type == NAL_PPS;
    u->has_idr |= type == NAL_IDR;
    u->has_slice |= type >= NAL_SLICE && type <= NAL_IDR;
}

static int append(struct rtc_h264_unpack *u, const void *data, size_t size)
{
    if (u->out) {
        if (u->capacity - u->size < size)
            return -ENOSPC;
        memcpy(u->out + u->size, data, size);
    }
    u->size += size;
    return 0;
}

/* A start code and the NAL unit's first byte. */
static int append_head(struct rtc_h264_unpack *u, uint8_t head)
{
    const uint8_t bytes[5] = {0, 0, 0, 1, head};
    note_type(u, nal_type(head));
    return append(u, bytes, sizeof(bytes));
}

static int append_nal(struct rtc_h264_unpack *u, const uint8_t *nal, size_t size)
{
    const uint8_t type = nal_type(nal[0]);
    if (type == 0 || type > 23)
        return -EBADMSG;
    const int err = append_head(u, nal[0]);
    return err ? err : append(u, nal + 1, size - 1);
}

static int unpack_stap(struct rtc_h264_unpack *u, const uint8_t *payload, size_t size)
{
    struct mcu_reader r = mcu_reader(payload + 1, size - 1);
    do {
        const size_t n = mcu_take_u16(&r);
        const uint8_t *nal = mcu_take(&r, n);
        if (!nal || n == 0)
            return -EBADMSG;
        const int err = append_nal(u, nal, n);
        if (err)
            return err;
    } while (mcu_left(&r));
    return 0;
}

static int unpack_fu(struct rtc_h264_unpack *u, const uint8_t *payload, size_t size)
{
    if (size < 3)
        return -EBADMSG;
    const uint8_t type = nal_type(payload[1]);
    const bool is_start = payload[1] & FU_START;
    if (type == 0 || type > 23 || is_start == u->in_fu || (u->in_fu && type != u->fu_type))
        return -EBADMSG;
    if (is_start) {
        const int err = append_head(u, (uint8_t)((payload[0] & 0xe0) | type));
        if (err)
            return err;
    }
    u->fu_type = type;
    u->in_fu = !(payload[1] & FU_END);
    return append(u, payload + 2, size - 2);
}

int rtc_h264_unpack_add(struct rtc_h264_unpack *u, const uint8_t *payload, size_t size)
{
    if (size == 0)
        return -EBADMSG;
    const uint8_t type = nal_type(payload[0]);
    if (type == NAL_FU_A)
        return unpack_fu(u, payload, size);
    if (u->in_fu)
        return -EBADMSG; /* the fragment before has no end */
    if (type == NAL_STAP_A)
        return unpack_stap(u, payload, size);
    return append_nal(u, payload, size);
}

int rtc_h264_peek(struct rtc_h264_peek *out, const uint8_t *payload, size_t size)
{
    /* A fragment that goes on is checked as if its start had been seen. */
    struct rtc_h264_unpack u = {0};
    struct rtc_h264_peek peek = {0};
    if (size >= 3 && nal_type(payload[0]) == NAL_FU_A && !(payload[1] & FU_START)) {
        u.in_fu = peek.is_continued = true;
        u.fu_type = nal_type(payload[1]);
    }
    if (rtc_h264_unpack_add(&u, payload, size))
        return -EBADMSG;
    peek.has_sps = u.has_sps;
    peek.has_idr = u.has_idr;
    *out = peek;
    return 0;
}
