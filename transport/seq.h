/* transport/seq.h - sequence numbers and timestamps that wrap, made wide.
 *
 * A wide number starts one period above zero, so that what was reordered before the first value
 * still has a number of its own. Each new value is taken as the one nearest to the highest seen,
 * so up to half a period of reordering or loss is followed. Pure; no thread of its own. */
#ifndef TRANSPORT_SEQ_H
#define TRANSPORT_SEQ_H

#include <stdbool.h>
#include <stdint.h>

/* All zero is a fresh one. */
struct rtc_unwrap {
    bool is_started;
    uint64_t highest;
};

/* Is a after b, both modulo 2^16? */
static inline bool rtc_seq_after(uint16_t a, uint16_t b)
{
    return a != b && (uint16_t)(a - b) < 0x8000;
}

/* The wide number nearest to what was seen, without taking notice of it. */
static inline uint64_t rtc_unwrap16_peek(const struct rtc_unwrap *u, uint16_t value)
{
    if (!u->is_started)
        return UINT64_C(0x10000) + value;
    const int64_t delta = (int16_t)(uint16_t)(value - (uint16_t)u->highest);
    return u->highest +
           (uint64_t)delta; /* highest never falls, so this stays above half a period */
}

static inline uint64_t rtc_unwrap32_peek(const struct rtc_unwrap *u, uint32_t value)
{
    if (!u->is_started)
        return UINT64_C(0x100000000) + value;
    const int64_t delta = (int32_t)(value - (uint32_t)u->highest);
    return u->highest + (uint64_t)delta;
}

static inline uint64_t rtc_unwrap_note(struct rtc_unwrap *u, uint64_t wide)
{
    if (!u->is_started || wide > u->highest)
        u->highest = wide;
    u->is_started = true;
    return wide;
}

/* A 16-bit sequence number, wide. */
static inline uint64_t rtc_unwrap16(struct rtc_unwrap *u, uint16_t value)
{
    return rtc_unwrap_note(u, rtc_unwrap16_peek(u, value));
}

/* A 32-bit RTP timestamp, wide. */
static inline uint64_t rtc_unwrap32(struct rtc_unwrap *u, uint32_t value)
{
    return rtc_unwrap_note(u, rtc_unwrap32_peek(u, value));
}

#endif
