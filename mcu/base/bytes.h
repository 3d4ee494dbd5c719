/* mcu/base/bytes.h - reading and writing network byte order within bounds.
 *
 * A reader never runs past its end: a read that would sets `failed` and answers zero, and so does
 * every read after it, so a parser may read a whole header and look at `failed` once. The writer
 * works the same way. */
#ifndef MCU_BASE_BYTES_H
#define MCU_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct mcu_reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

struct mcu_writer {
    uint8_t *start;
    uint8_t *at;
    uint8_t *end;
    bool failed;
};

static inline struct mcu_reader mcu_reader(const void *data, size_t size)
{
    const uint8_t *p = data;
    return (struct mcu_reader){.at = p, .end = p ? p + size : p, .failed = false};
}

static inline size_t mcu_left(const struct mcu_reader *r)
{
    return r->failed ? 0 : (size_t)(r->end - r->at);
}

/* n bytes inside the input, or NULL when fewer are left; the reader moves past them. */
static inline const uint8_t *mcu_take(struct mcu_reader *r, size_t n)
{
    if (r->failed || mcu_left(r) < n) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *p = r->at;
    r->at += n;
    return p;
}

static inline uint64_t mcu_take_be(struct mcu_reader *r, size_t n)
{
    const uint8_t *p = mcu_take(r, n);
    uint64_t v = 0;
    for (size_t i = 0; p && i < n; i++)
        v = v << 8 | p[i];
    return v;
}

static inline uint8_t mcu_take_u8(struct mcu_reader *r)
{
    return (uint8_t)mcu_take_be(r, 1);
}

static inline uint16_t mcu_take_u16(struct mcu_reader *r)
{
    return (uint16_t)mcu_take_be(r, 2);
}

static inline uint32_t mcu_take_u24(struct mcu_reader *r)
{
    return (uint32_t)mcu_take_be(r, 3);
}

static inline uint32_t mcu_take_u32(struct mcu_reader *r)
{
    return (uint32_t)mcu_take_be(r, 4);
}

static inline uint64_t mcu_take_u64(struct mcu_reader *r)
{
    return mcu_take_be(r, 8);
}

static inline struct mcu_writer mcu_writer(void *data, size_t size)
{
    uint8_t *p = data;
    return (struct mcu_writer){.start = p, .at = p, .end = p ? p + size : p, .failed = false};
}

/* Bytes written so far. */
static inline size_t mcu_written(const struct mcu_writer *w)
{
    return (size_t)(w->at - w->start);
}

/* Room for n bytes that the caller fills, or NULL. */
static inline uint8_t *mcu_put_space(struct mcu_writer *w, size_t n)
{
    if (w->failed || (size_t)(w->end - w->at) < n) {
        w->failed = true;
        return NULL;
    }
    uint8_t *p = w->at;
    w->at += n;
    return p;
}

static inline void mcu_put(struct mcu_writer *w, const void *data, size_t n)
{
    uint8_t *p = mcu_put_space(w, n);
    if (p && n)
        memcpy(p, data, n);
}

static inline void mcu_put_be(struct mcu_writer *w, uint64_t v, size_t n)
{
    uint8_t *p = mcu_put_space(w, n);
    for (size_t i = 0; p && i < n; i++)
        p[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
}

static inline void mcu_put_u8(struct mcu_writer *w, uint8_t v)
{
    mcu_put_be(w, v, 1);
}

static inline void mcu_put_u16(struct mcu_writer *w, uint16_t v)
{
    mcu_put_be(w, v, 2);
}

static inline void mcu_put_u24(struct mcu_writer *w, uint32_t v)
{
    mcu_put_be(w, v, 3);
}

static inline void mcu_put_u32(struct mcu_writer *w, uint32_t v)
{
    mcu_put_be(w, v, 4);
}

static inline void mcu_put_u64(struct mcu_writer *w, uint64_t v)
{
    mcu_put_be(w, v, 8);
}

#endif
