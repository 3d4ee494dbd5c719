/* The packet box between [net] and [tick]. The ring has as many places as there are slots, so it
 * cannot overflow; fullness is a matter of slots and of sound queued. */
#include "mixer/inbox.h"

#include <errno.h>

#include "mixer/lazy.h"

int mix_inbox_init(struct mix_inbox *box, size_t data_max)
{
    const size_t bytes = sizeof(struct mix_slot) + data_max + MIX_PACKET_PADDING;
    box->data_max = data_max;
    box->stride = (bytes + 15) / 16 * 16;
    box->slots = mix_lazy_alloc(MIX_SLOTS * box->stride);
    return box->slots ? 0 : -ENOMEM;
}

void mix_inbox_finish(struct mix_inbox *box)
{
    mix_lazy_free(box->slots, MIX_SLOTS * box->stride);
    box->slots = NULL;
}

static struct mix_slot *slot_at(const struct mix_inbox *box, unsigned number)
{
    return (struct mix_slot *)(void *)(box->slots + number * box->stride);
}

static unsigned number_of(const struct mix_inbox *box, const struct mix_slot *slot)
{
    return (unsigned)((size_t)((const uint8_t *)slot - box->slots) / box->stride);
}

bool mix_inbox_is_full(const struct mix_inbox *box, uint32_t frames)
{
    return atomic_load_explicit(&box->frames, memory_order_relaxed) + frames > MIX_INBOX_FRAMES_MAX;
}

struct mix_slot *mix_inbox_claim(struct mix_inbox *box)
{
    for (unsigned word = 0; word < MIX_SLOTS / 64; word++) {
        /* Acquire: the tick is done reading what it gave back. */
        const uint64_t used = atomic_load_explicit(&box->used[word], memory_order_acquire);
        if (used != UINT64_MAX)
            return slot_at(box, word * 64 + (unsigned)__builtin_ctzll(~used));
    }
    return NULL;
}

void mix_inbox_send(struct mix_inbox *box, struct mix_slot *slot)
{
    const unsigned number = number_of(box, slot);
    const unsigned head = atomic_load_explicit(&box->head, memory_order_relaxed);
    atomic_fetch_or_explicit(&box->used[number / 64], UINT64_C(1) << (number % 64),
                             memory_order_relaxed);
    atomic_fetch_add_explicit(&box->frames, slot->frames, memory_order_relaxed);
    box->ring[head % MIX_SLOTS] = (uint16_t)number;
    atomic_store_explicit(&box->head, head + 1, memory_order_release);
}

struct mix_slot *mix_inbox_take(struct mix_inbox *box)
{
    if (box->tail == atomic_load_explicit(&box->head, memory_order_acquire))
        return NULL;
    /* A place in the ring is written again only once a slot that was taken here or later has been
     * given back; the release there orders this read. */
    return slot_at(box, box->ring[box->tail++ % MIX_SLOTS]);
}

void mix_inbox_give_back(struct mix_inbox *box, struct mix_slot *slot)
{
    const unsigned number = number_of(box, slot);
    atomic_fetch_sub_explicit(&box->frames, slot->frames, memory_order_relaxed);
    atomic_fetch_and_explicit(&box->used[number / 64], ~(UINT64_C(1) << (number % 64)),
                              memory_order_release);
}
