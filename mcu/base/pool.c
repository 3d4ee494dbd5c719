/* The pool: a list of free blocks under a lock. Each block remembers its pool, so that whoever gives
 * it back need not; the pool lives until its last block is back. */
#include "mcu/base/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct block {
    _Alignas(max_align_t) struct mcu_pool *pool;
    struct block *next; /* while it is free */
    _Alignas(max_align_t) unsigned char bytes[];
};

struct mcu_pool {
    size_t block_bytes;

    pthread_mutex_t lock; /* protects all below */
    struct block *free_blocks;
    size_t in_use;
    uint64_t misses;
    bool is_ending;
};

static struct block *make_block(struct mcu_pool *p)
{
    struct block *b = malloc(sizeof(*b) + p->block_bytes);
    if (b)
        b->pool = p;
    return b;
}

static void free_all(struct mcu_pool *p)
{
    for (struct block *b = p->free_blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static int fill(struct mcu_pool *p, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct block *b = make_block(p);
        if (!b)
            return -ENOMEM;
        b->next = p->free_blocks;
        p->free_blocks = b;
    }
    return 0;
}

int mcu_pool_create(struct mcu_pool **out, size_t block_bytes, size_t count)
{
    if (block_bytes == 0 || block_bytes > 65536)
        return -EINVAL;
    struct mcu_pool *p = calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    p->block_bytes = block_bytes;
    pthread_mutex_init(&p->lock, NULL);
    const int err = fill(p, count);
    if (err) {
        free_all(p);
        return err;
    }
    *out = p;
    return 0;
}

void mcu_pool_destroy(struct mcu_pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->is_ending = true;
    const bool is_last = p->in_use == 0;
    pthread_mutex_unlock(&p->lock);
    if (is_last)
        free_all(p);
}

void *mcu_pool_take(struct mcu_pool *p)
{
    pthread_mutex_lock(&p->lock);
    struct block *b = p->free_blocks;
    if (b)
        p->free_blocks = b->next;
    else
        p->misses++;
    p->in_use++;
    pthread_mutex_unlock(&p->lock);
    if (!b)
        b = make_block(p);
    if (!b) {
        pthread_mutex_lock(&p->lock);
        p->in_use--;
        pthread_mutex_unlock(&p->lock);
        return NULL;
    }
    memset(b->bytes, 0, p->block_bytes);
    return b->bytes;
}

void mcu_pool_give(void *block)
{
    if (!block)
        return;
    struct block *b = (struct block *)((unsigned char *)block - offsetof(struct block, bytes));
    struct mcu_pool *p = b->pool;
    pthread_mutex_lock(&p->lock);
    b->next = p->free_blocks;
    p->free_blocks = b;
    p->in_use--;
    const bool is_last = p->is_ending && p->in_use == 0;
    pthread_mutex_unlock(&p->lock);
    if (is_last)
        free_all(p);
}

size_t mcu_pool_block_bytes(const struct mcu_pool *p)
{
    return p->block_bytes;
}

uint64_t mcu_pool_misses(struct mcu_pool *p)
{
    pthread_mutex_lock(&p->lock);
    const uint64_t misses = p->misses;
    pthread_mutex_unlock(&p->lock);
    return misses;
}
