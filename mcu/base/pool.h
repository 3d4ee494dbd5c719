/* mcu/base/pool.h - small blocks of memory that are taken on a tick and given back by other threads.
 *
 * malloc may lock, search and call the kernel; a tick must not. A pool keeps what is given back: once
 * as many blocks exist as are ever in use together, taking is a pointer under a lock that is held
 * for that pointer only. Until then a take that finds none uses malloc, and counts it. */
#ifndef MCU_BASE_POOL_H
#define MCU_BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

struct mcu_pool; /* opaque */

/* [ctl] Blocks of block_bytes, the first count of them made now. Returns 0, -EINVAL or -ENOMEM. */
int mcu_pool_create(struct mcu_pool **out, size_t block_bytes, size_t count);

/* [ctl] Frees it as soon as the last block in use is given back. NULL is fine. */
void mcu_pool_destroy(struct mcu_pool *p);

/* [any] A block, zeroed, aligned as malloc's are. NULL: no memory. */
void *mcu_pool_take(struct mcu_pool *p);

/* [any] Gives a block back to the pool it came from. NULL is fine. */
void mcu_pool_give(void *block);

size_t mcu_pool_block_bytes(const struct mcu_pool *p);

/* [any] Takes that had to use malloc. */
uint64_t mcu_pool_misses(struct mcu_pool *p);

#endif
