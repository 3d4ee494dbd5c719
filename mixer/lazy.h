/* mixer/lazy.h - memory that costs nothing before it is used.
 *
 * A room of a thousand has a buffer for each voice and five voices that are heard. malloc() gives
 * back memory that somebody touched before, and then calloc() touches it again; pages from mmap()
 * are zero and become real one by one, when they are written. [ctl] */
#ifndef MIXER_LAZY_H
#define MIXER_LAZY_H

#include <stddef.h>
#include <sys/mman.h>

/* Zeroes, page-aligned; NULL when there is no memory. */
static inline void *mix_lazy_alloc(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

/* The same size again. NULL is fine. */
static inline void mix_lazy_free(void *p, size_t bytes)
{
    if (p)
        munmap(p, bytes);
}

#endif
