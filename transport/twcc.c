/* transport/twcc.c - transport-wide feedback, built and read. One [net] thread at a time.
 *
 * Arrival times stand in a ring by wide sequence number: [next, highest] is what the sender has not
 * been told. Deltas count from the sum of those already written, not from the true times, so the
 * rounding to 250 us does not add up. */
#include "transport/twcc.h"

#include <errno.h>
#include <stdlib.h>

#include "transport/rtcp.h"
#include "transport/seq.h"

enum {
    FORMAT = 15,
    TICK_US = 250,
    REFERENCE_US = 64000,
    FIXED_SIZE = 20, /* RTCP header, SSRCs, base, count, reference time, packet count */
    RUN_MAX = 0x1fff,
    BITS_1 = 14, /* symbols in a vector chunk of one-bit symbols */
    BITS_2 = 7,
};

enum symbol {
    LOST = 0,
    SMALL = 1, /* received, delta in one unsigned byte */
    LARGE = 2, /* received, delta in two signed bytes */
};

#define NEVER INT64_MIN

struct rtc_twcc {
    struct rtc_unwrap unwrap;
    uint64_t next; /* first number not reported */
    uint8_t feedback_count;
    int64_t reference; /* of the last feedback, for one that has only losses */
    int64_t arrival_us[RTC_TWCC_WINDOW];
};

int rtc_twcc_create(struct rtc_twcc **out)
{
    struct rtc_twcc *t = calloc(1, sizeof(*t));
    if (!t)
        return -ENOMEM;
    for (size_t i = 0; i < RTC_TWCC_WINDOW; i++)
        t->arrival_us[i] = NEVER;
    *out = t;
    return 0;
}

void rtc_twcc_destroy(struct rtc_twcc *t)
{
    free(t);
}

static int64_t *arrival_of(struct rtc_twcc *t, uint64_t seq)
{
    return &t->arrival_us[seq % RTC_TWCC_WINDOW];
}

/* The window moves on to end with seq: what is new in it has not arrived. */
static void advance(struct rtc_twcc *t, uint64_t highest, uint64_t seq)
{
    if (seq - highest >= RTC_TWCC_WINDOW)
        t->next = seq;
    const uint64_t from =
        seq - highest >= RTC_TWCC_WINDOW ? seq - RTC_TWCC_WINDOW + 1 : highest + 1;
    for (uint64_t s = from; s <= seq; s++)
        *arrival_of(t, s) = NEVER;
    if (seq - t->next >= RTC_TWCC_WINDOW)
        t->next = seq - RTC_TWCC_WINDOW + 1;
}

void rtc_twcc_note(struct rtc_twcc *t, uint16_t seq16, int64_t arrival_us)
{
    const bool is_first = !t->unwrap.is_started;
    const uint64_t highest = t->unwrap.highest;
    const uint64_t seq = rtc_unwrap16(&t->unwrap, seq16);

    if (is_first)
        t->next = seq;
    else if (seq > highest)
        advance(t, highest, seq);
    else if (highest - seq >= RTC_TWCC_WINDOW || *arrival_of(t, seq) != NEVER)
        return;
    *arrival_of(t, seq) = arrival_us;
    if (seq < t->next)
        t->next = seq; /* it was reported lost: say again from here */
}

bool rtc_twcc_is_due(const struct rtc_twcc *t)
{
    return t->unwrap.is_started && t->next <= t->unwrap.highest;
}

/* --- building --------------------------------------------------------------------------------- */

struct draft {
    size_t count;
    size_t delta_size;
    int64_t reference; /* in 64 ms */
    uint8_t symbols[RTC_TWCC_WINDOW];
    int16_t deltas[RTC_TWCC_WINDOW];
};

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* The size of a packet with that many symbols and bytes of deltas, at most: every chunk a vector of
 * two-bit symbols, and padding. */
static size_t size_bound(size_t count, size_t delta_size)
{
    return FIXED_SIZE + (count + BITS_2 - 1) / BITS_2 * 2 + delta_size + 3;
}

/* As many statuses from t->next on as fit into space bytes and one reference time can tell. */
static void draft_statuses(struct rtc_twcc *t, struct draft *d, size_t space)
{
    int64_t ticks = 0; /* of the last one told */
    bool has_reference = false;

    d->count = d->delta_size = 0;
    d->reference = t->reference;
    for (uint64_t s = t->next; s <= t->unwrap.highest; s++) {
        const int64_t arrival_us = *arrival_of(t, s);
        enum symbol symbol = LOST;
        int64_t delta = 0;
        if (arrival_us != NEVER) {
            if (!has_reference) {
                d->reference = floor_div(arrival_us, REFERENCE_US);
                ticks = d->reference * (REFERENCE_US / TICK_US);
                has_reference = true;
            }
            delta = floor_div(arrival_us, TICK_US) - ticks;
            if (delta < INT16_MIN || delta > INT16_MAX)
                return; /* the next packet has its own reference time */
            symbol = delta >= 0 && delta <= UINT8_MAX ? SMALL : LARGE;
        }
        if (size_bound(d->count + 1, d->delta_size + symbol) > space)
            return;
        ticks += delta;
        d->delta_size += symbol; /* a symbol's value is its delta's size */
        d->deltas[d->count] = (int16_t)delta;
        d->symbols[d->count++] = (uint8_t)symbol;
    }
}

static size_t run_length(const struct draft *d, size_t at)
{
    size_t n = 1;
    while (at + n < d->count && n < RUN_MAX && d->symbols[at + n] == d->symbols[at])
        n++;
    return n;
}

/* Puts up to `per_chunk` symbols of `bits` each into a vector chunk; missing ones are zero. */
static size_t put_vector(struct mcu_writer *w, const struct draft *d, size_t at, size_t per_chunk,
                         unsigned bits)
{
    uint16_t chunk = bits == 2 ? 0xc000 : 0x8000;
    size_t n = 0;
    for (; n < per_chunk && at + n < d->count; n++)
        chunk |= (uint16_t)(d->symbols[at + n] << (14 - bits * (n + 1)));
    mcu_put_u16(w, chunk);
    return n;
}

static bool has_large(const struct draft *d, size_t at, size_t n)
{
    for (size_t i = at; i < at + n && i < d->count; i++)
        if (d->symbols[i] == LARGE)
            return true;
    return false;
}

static size_t put_chunk(struct mcu_writer *w, const struct draft *d, size_t at)
{
    const bool wide = has_large(d, at, BITS_1);
    const size_t run = run_length(d, at);

    if (run >= (wide ? BITS_2 : BITS_1) || at + run == d->count) {
        mcu_put_u16(w, (uint16_t)(d->symbols[at] << 13 | run));
        return run;
    }
    return wide ? put_vector(w, d, at, BITS_2, 2) : put_vector(w, d, at, BITS_1, 1);
}

static void put_draft(struct mcu_writer *w, const struct draft *d)
{
    for (size_t at = 0; at < d->count;)
        at += put_chunk(w, d, at);
    for (size_t i = 0; i < d->count; i++)
        if (d->symbols[i] != LOST)
            mcu_put_be(w, (uint16_t)d->deltas[i], d->symbols[i]);
}

int rtc_twcc_put(struct rtc_twcc *t, struct mcu_writer *w, uint32_t from, uint32_t media)
{
    struct draft d;
    const size_t space = w->failed ? 0 : (size_t)(w->end - w->at);
    if (!rtc_twcc_is_due(t))
        return -ENODATA;
    if (space < RTC_TWCC_FEEDBACK_MIN)
        return -ENOSPC;
    draft_statuses(t, &d, space);

    uint8_t *start = w->at;
    mcu_put_u8(w, 0x80 | FORMAT);
    mcu_put_u8(w, RTC_RTCP_RTPFB);
    mcu_put_u16(w, 0);
    mcu_put_u32(w, from);
    mcu_put_u32(w, media);
    mcu_put_u16(w, (uint16_t)t->next);
    mcu_put_u16(w, (uint16_t)d.count);
    mcu_put_u24(w, (uint32_t)((uint64_t)d.reference & 0xffffff));
    mcu_put_u8(w, t->feedback_count++);
    put_draft(w, &d);
    while ((size_t)(w->at - start) % 4)
        mcu_put_u8(w, 0);

    const size_t words = (size_t)(w->at - start) / 4 - 1;
    start[2] = (uint8_t)(words >> 8);
    start[3] = (uint8_t)words;
    t->reference = d.reference;
    t->next += d.count;
    return 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

struct reading {
    struct mcu_reader chunks;
    uint32_t left; /* statuses not read yet */
    uint16_t chunk;
    uint32_t in_chunk; /* symbols left in it */
    uint16_t seq;
};

static void next_chunk(struct reading *g)
{
    g->chunk = mcu_take_u16(&g->chunks);
    if (!(g->chunk & 0x8000))
        g->in_chunk = g->chunk & RUN_MAX;
    else
        g->in_chunk = g->chunk & 0x4000 ? BITS_2 : BITS_1;
}

/* The next status: 0 to 3, or -1 when there are no more or the chunks end too early. */
static int next_symbol(struct reading *g)
{
    if (g->left == 0)
        return -1;
    while (g->in_chunk == 0) {
        next_chunk(g);
        if (g->chunks.failed)
            return -1;
    }
    g->left--;
    g->in_chunk--;
    g->seq++;
    if (!(g->chunk & 0x8000))
        return g->chunk >> 13;
    if (g->chunk & 0x4000)
        return g->chunk >> (2 * g->in_chunk) & 3;
    return g->chunk >> g->in_chunk & 1;
}

/* Walks all chunks; *delta_size: how many bytes of deltas they ask for. */
static int measure(struct reading *g, size_t *delta_size)
{
    int symbol;
    *delta_size = 0;
    while ((symbol = next_symbol(g)) >= 0) {
        if (symbol > LARGE)
            return -EBADMSG;
        *delta_size += (size_t)symbol;
    }
    return g->chunks.failed || g->left ? -EBADMSG : 0;
}

int rtc_twcc_parse(const uint8_t *fci, size_t size, uint8_t *feedback_count, rtc_twcc_fate_fn *fate,
                   void *ctx)
{
    struct mcu_reader r = mcu_reader(fci, size);
    const uint16_t base = mcu_take_u16(&r);
    const uint32_t count = mcu_take_u16(&r);
    const uint32_t reference = mcu_take_u24(&r);
    const uint8_t number = mcu_take_u8(&r);
    const struct reading start = {.chunks = r, .left = count, .seq = (uint16_t)(base - 1)};
    struct reading g = start;
    size_t delta_size;

    if (r.failed || count == 0 || measure(&g, &delta_size))
        return -EBADMSG;
    struct mcu_reader deltas = g.chunks;
    if (mcu_left(&deltas) < delta_size || mcu_left(&deltas) - delta_size > 3)
        return -EBADMSG;

    int64_t arrival_us = (int64_t)reference * REFERENCE_US;
    int symbol;
    g = start;
    while ((symbol = next_symbol(&g)) >= 0) {
        if (symbol == SMALL)
            arrival_us += (int64_t)mcu_take_u8(&deltas) * TICK_US;
        else if (symbol == LARGE)
            arrival_us += (int64_t)(int16_t)mcu_take_u16(&deltas) * TICK_US;
        fate(ctx, g.seq, symbol != LOST, arrival_us);
    }
    if (feedback_count)
        *feedback_count = number;
    return 0;
}
