/* tests/unit/transport/unfec.h - the other end of FlexFEC, as the draft has it and without a line
 * of transport/fec.c: what is missing from what came. For tests. */
#ifndef TESTS_UNIT_TRANSPORT_UNFEC_H
#define TESTS_UNIT_TRANSPORT_UNFEC_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct unfec_packet {
    size_t size; /* 0: it did not come */
    uint8_t data[1500];
};

struct unfec {
    uint16_t base;
    uint32_t ssrc;
    bool covers[109];
    size_t parity_at;
};

static inline uint32_t unfec_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Returns false for what is no repair packet of one stream. */
static inline bool unfec_read(struct unfec *u, const uint8_t *payload, size_t size)
{
    *u = (struct unfec){0};
    if (size < 20 || payload[0] & 0xc0 || payload[8] != 1)
        return false;
    u->ssrc = unfec_u32(payload + 12);
    u->base = (uint16_t)(payload[16] << 8 | payload[17]);
    const uint16_t first = (uint16_t)(payload[18] << 8 | payload[19]);
    for (int i = 0; i < 15; i++)
        u->covers[i] = first >> (14 - i) & 1;
    u->parity_at = 20;
    if (first & 0x8000)
        return true;
    if (size < 24)
        return false;
    const uint32_t second = unfec_u32(payload + 20);
    for (int i = 0; i < 31; i++)
        u->covers[15 + i] = second >> (30 - i) & 1;
    u->parity_at = 24;
    return second >> 31;
}

/* The one packet that is missing of those it covers; came[]: by sequence number. Returns its size,
 * or 0 when none is missing or more than one. */
static inline size_t unfec_recover(const uint8_t *payload, size_t size,
                                   const struct unfec_packet *came, uint16_t *seq, uint8_t *out)
{
    struct unfec u;
    int missing = -1;
    if (!unfec_read(&u, payload, size))
        return 0;
    uint8_t head[8] = {payload[0], payload[1], payload[2], payload[3],
                       payload[4], payload[5], payload[6], payload[7]};
    uint8_t rest[1500] = {0};
    memcpy(rest, payload + u.parity_at, size - u.parity_at);
    for (int i = 0; i < 109; i++) {
        const struct unfec_packet *p = &came[(uint16_t)(u.base + i)];
        if (!u.covers[i])
            continue;
        if (p->size == 0) {
            if (missing >= 0)
                return 0;
            missing = i;
            continue;
        }
        head[0] ^= p->data[0];
        head[1] ^= p->data[1];
        head[2] ^= (uint8_t)((p->size - 12) >> 8);
        head[3] ^= (uint8_t)(p->size - 12);
        for (int k = 4; k < 8; k++)
            head[k] ^= p->data[k];
        for (size_t k = 12; k < p->size; k++)
            rest[k - 12] ^= p->data[k];
    }
    const size_t length = (size_t)(head[2] << 8 | head[3]);
    if (missing < 0 || length > sizeof(rest) - 12)
        return 0;
    *seq = (uint16_t)(u.base + missing);
    out[0] = (uint8_t)(0x80 | (head[0] & 0x3f));
    out[1] = head[1];
    out[2] = (uint8_t)(*seq >> 8);
    out[3] = (uint8_t)*seq;
    memcpy(out + 4, head + 4, 4);
    for (int k = 0; k < 4; k++)
        out[8 + k] = (uint8_t)(u.ssrc >> (24 - 8 * k));
    memcpy(out + 12, rest, length);
    return length + 12;
}

#endif
