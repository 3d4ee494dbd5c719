/* mcu/studio_internal.h - what studio.c, seat.c and recordings.c share. Nobody else includes it. */
#ifndef MCU_STUDIO_INTERNAL_H
#define MCU_STUDIO_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "mcu/studio.h"
#include "recorder/aac.h"

/* One recording of the room's mix. */
struct mcu_recording {
    char id[MCU_RECORDING_ID_MAX];
    struct rec *rec; /* NULL: the slot is free */
    struct comp_stream *own; /* of another view, with this slot as its context; NULL: the room's */
    struct mcu_studio *studio;
    int64_t start_us;
    int64_t end_us; /* packets from here on are not for it */
    bool needs_key; /* it cannot use pictures until one comes */
    bool is_stopping;
};

/* The recordings that encoded packets go to. The lock covers the slots: it is held to walk them and
 * to put references into the writers' queues, never for work. */
struct mcu_recordings {
    pthread_mutex_t lock;
    struct mcu_recording slots[MCU_RECORDINGS_MAX];
};

struct mcu_studio {
    struct mcu_studio_conf conf;
    struct mcu_studio_sink sink;
    struct mix *mix;
    struct comp *comp;
    struct comp_view *view;
    unsigned stream_users;       /* [ctl] */
    pthread_mutex_t stream_lock; /* held to look at the pointer and to ask it for something */
    struct comp_stream *stream;  /* what recordings take; NULL: nobody does */
    struct rec_aac *aac;
    atomic_uint audio_phase; /* odd while an audio tick runs */

    /* [ctl] */
    struct mcu_seat *seats[MIX_INPUTS_MAX];
    uint32_t last_seat_id;

    struct mcu_recordings recordings;
};

void mcu_recordings_init(struct mcu_recordings *r);
/* [ctl] Ends all and waits for their files. */
void mcu_recordings_finish(struct mcu_recordings *r);
/* [enc] A frame to the recordings that take the stream of that stream_ctx (NULL: the room's). */
void mcu_recordings_push_video(struct mcu_recordings *r, const void *stream_ctx,
                               struct mcu_packet *packet);
/* [aac] One packet to every recording. */
void mcu_recordings_push_audio(struct mcu_recordings *r, struct mcu_packet *packet);
/* [any] Whether that stream is a recording's own. */
bool mcu_recordings_own(const struct mcu_recordings *r, const void *stream_ctx);

/* [ctl] Returns when no audio tick that was running still runs. */
void mcu_studio_wait_for_tick(struct mcu_studio *s);

/* What the compositor knows of a seat's picture: both numbers in one. */
static inline void *mcu_source_ctx(uint32_t seat_id, enum mcu_picture picture)
{
    return (void *)((uintptr_t)seat_id * MCU_PICTURES + picture);
}

static inline uint32_t mcu_source_seat(const void *source_ctx)
{
    return (uint32_t)((uintptr_t)source_ctx / MCU_PICTURES);
}

static inline enum mcu_picture mcu_source_picture(const void *source_ctx)
{
    return (enum mcu_picture)((uintptr_t)source_ctx % MCU_PICTURES);
}

#endif
