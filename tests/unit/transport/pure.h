/* What the tests of the pure parts share: repeatable chance, and inputs that end where they end. */
#ifndef TESTS_UNIT_TRANSPORT_PURE_H
#define TESTS_UNIT_TRANSPORT_PURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* xorshift64: the same numbers on every machine. */
static inline uint64_t rnd(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static inline uint64_t rnd_below(uint64_t *state, uint64_t limit)
{
    return rnd(state) % limit;
}

/* A copy in a block of exactly this size: under AddressSanitizer one byte too far is an error. */
static inline uint8_t *exact_copy(const void *data, size_t size)
{
    uint8_t *p = malloc(size ? size : 1);
    assert_non_null(p);
    if (size)
        memcpy(p, data, size);
    return p;
}

#endif
