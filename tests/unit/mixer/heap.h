/* Counts what one thread takes from and gives back to the heap while heap_is_counting.
 *
 * malloc() and friends of this program count and hand on to glibc's; under a sanitizer, whose own
 * they are, its hooks count. One .c of a program includes this. */
#ifndef TESTS_UNIT_MIXER_HEAP_H
#define TESTS_UNIT_MIXER_HEAP_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif

/* volatile: compilers know what malloc() does, and that it cannot change these */
static _Thread_local volatile bool heap_is_counting;
static _Thread_local volatile unsigned heap_calls;

#ifdef HAS_SANITIZER

int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *));

static void count_malloc(const volatile void *p, size_t size)
{
    (void)p;
    (void)size;
    heap_calls += heap_is_counting;
}

static void count_free(const volatile void *p)
{
    heap_calls += heap_is_counting && p != NULL;
}

static void heap_start(void)
{
    if (__sanitizer_install_malloc_and_free_hooks(count_malloc, count_free) <= 0)
        abort();
}

#else

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t align, size_t size);
void __libc_free(void *p);

void *malloc(size_t size)
{
    heap_calls += heap_is_counting;
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    heap_calls += heap_is_counting;
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
    heap_calls += heap_is_counting;
    return __libc_realloc(p, size);
}

int posix_memalign(void **out, size_t align, size_t size)
{
    heap_calls += heap_is_counting;
    *out = __libc_memalign(align, size);
    return *out ? 0 : ENOMEM;
}

void free(void *p)
{
    heap_calls += heap_is_counting && p != NULL;
    __libc_free(p);
}

static void heap_start(void)
{
}

#endif

#endif
