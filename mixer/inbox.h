/* mixer/inbox.h - a bounded box of packets from [net] to [tick], without locks.
 *
 * Fixed slots and a ring of their numbers. One thread fills ([net]: claim, write, send), one
 * empties ([tick]: take, keep as long as it likes and in any order, give back). The lowest free
 * slot is claimed first, so a box that is nearly empty keeps using the same few pages; the others
 * are never touched (lazy.h). */
#ifndef MIXER_INBOX_H
#define MIXER_INBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MIX_PACKET_MAX = 8192,      /* bytes of one codec frame */
    MIX_LIVE_PACKET_MAX = 1500, /* the same of Opus from a network: no datagram carries more */
    MIX_PACKET_PADDING = 64,    /* zero bytes after it, as libavcodec wants */
    MIX_SLOTS = 128,
    MIX_INBOX_FRAMES_MAX = 48000, /* of sound queued: 1 s */
};

struct mix_slot {
    uint64_t sequence;
    int64_t pts_us;
    int64_t arrival_us;
    uint32_t frames; /* at 48 kHz, as the packet says; 0 when it does not parse */
    uint32_t size;   /* bytes of data */
    int level_dbov;  /* as in mix_packet: 1 is not said */
    bool is_repair;
    _Alignas(16) uint8_t data[];
};

struct mix_inbox {
    uint8_t *slots;
    size_t stride;                              /* bytes from one slot to the next */
    size_t data_max;                            /* bytes of data that a slot takes */
    atomic_uint_least64_t used[MIX_SLOTS / 64]; /* bit per slot; net sets, tick clears */
    atomic_uint head;                           /* net */
    unsigned tail;                              /* tick */
    atomic_uint frames;                         /* sound in slots that are used */
    uint16_t ring[MIX_SLOTS];
};

/* [ctl] Slots for at most data_max bytes each. Returns 0 or -ENOMEM. */
int mix_inbox_init(struct mix_inbox *box, size_t data_max);
void mix_inbox_finish(struct mix_inbox *box);

/* [net] Whether `frames` more would be too many. */
bool mix_inbox_is_full(const struct mix_inbox *box, uint32_t frames);

/* [net] A free slot to fill, or NULL. It is not taken until it is sent. */
struct mix_slot *mix_inbox_claim(struct mix_inbox *box);
void mix_inbox_send(struct mix_inbox *box, struct mix_slot *slot);

/* [tick] The next slot in the order of sending, or NULL. */
struct mix_slot *mix_inbox_take(struct mix_inbox *box);
void mix_inbox_give_back(struct mix_inbox *box, struct mix_slot *slot);

#endif
