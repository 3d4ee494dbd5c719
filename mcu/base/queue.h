/* mcu/base/queue.h - a bounded queue of pointers: any threads put, one thread takes.
 *
 * The lock is held only to move a pointer. A full queue refuses, and the caller drops and counts.
 * The taker either blocks in mcu_queue_take() or polls mcu_queue_fd(). */
#ifndef MCU_BASE_QUEUE_H
#define MCU_BASE_QUEUE_H

#include <stddef.h>
#include <stdint.h>

struct mcu_queue; /* opaque */

/* [ctl] A queue of at most capacity items. The caller owns *out. Returns 0, -EINVAL, -ENOMEM or the
 * errno of eventfd(2). */
int mcu_queue_create(struct mcu_queue **out, size_t capacity);

/* [ctl] Frees the queue. Items still inside go to drop(item) if it is given. NULL is fine. */
void mcu_queue_destroy(struct mcu_queue *q, void (*drop)(void *item));

/* [any] Puts an item (not NULL) at the end. Returns 0, -ENOBUFS when full (counted), -EPIPE when
 * closed; on error the item stays the caller's. */
int mcu_queue_put(struct mcu_queue *q, void *item);

/* [taker] The first item, or NULL at once when there is none. */
void *mcu_queue_try_take(struct mcu_queue *q);

/* [taker] The first item; waits for one at most timeout_us (negative: without limit). NULL when the
 * time is over, or when the queue is closed and empty. */
void *mcu_queue_take(struct mcu_queue *q, int64_t timeout_us);

/* [any] No more puts; takers empty what is left and then get NULL. */
void mcu_queue_close(struct mcu_queue *q);

/* [taker] An eventfd that is readable while items may be there. Clear it by read(2), then
 * mcu_queue_try_take() until NULL. */
int mcu_queue_fd(const struct mcu_queue *q);

/* [any] Items inside, and how many puts were refused because it was full. */
size_t mcu_queue_length(struct mcu_queue *q);
uint64_t mcu_queue_refused(struct mcu_queue *q);

#endif
