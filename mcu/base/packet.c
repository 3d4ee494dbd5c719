/* Encoded packets: header and payload in one allocation. */
#include "mcu/base/packet.h"

#include <stdlib.h>
#include <string.h>

enum { PADDING_BYTES = 64 };

struct mcu_packet *mcu_packet_create(size_t capacity)
{
    struct mcu_packet *p = calloc(1, sizeof(*p) + capacity + PADDING_BYTES);
    if (!p)
        return NULL;
    atomic_init(&p->refs, 1);
    p->capacity = capacity;
    p->data = (uint8_t *)(p + 1);
    return p;
}

struct mcu_packet *mcu_packet_copy(const void *data, size_t size)
{
    struct mcu_packet *p = mcu_packet_create(size);
    if (!p)
        return NULL;
    if (size)
        memcpy(p->data, data, size);
    p->size = size;
    return p;
}

struct mcu_packet *mcu_packet_ref(struct mcu_packet *p)
{
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void mcu_packet_unref(struct mcu_packet *p)
{
    if (p && atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) == 1)
        free(p);
}
