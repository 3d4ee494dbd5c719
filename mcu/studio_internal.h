/* mcu/studio_internal.h - what studio.c, seat.c, tap.c and recordings.c share. Nobody else includes it. */
#ifndef MCU_STUDIO_INTERNAL_H
#define MCU_STUDIO_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "mcu/studio.h"
#include "mcu/tap.h"
#include "recorder/aac.h"

struct mcu_recording;

/* One file of a recording. */
struct mcu_part {
    struct mcu_recording *recording;
    struct rec *rec; /* NULL: the slot is free */
    uint32_t number; /* from 1 on */
    int64_t begun_us;
    bool is_ending;
};

struct mcu_recording {
    struct mcu_studio *studio; /* NULL: the slot is free */
    char id[MCU_RECORDING_ID_MAX];
    struct mcu_tap *tap;
    uint32_t width, height, fps;
    bool is_reordered;
    bool is_ogg;
    char title[257];
    int64_t min_free_bytes;
    uint32_t last_part;
    bool is_paused;
    bool is_stopping;

    pthread_mutex_t lock;     /* protects all below */
    struct mcu_part parts[MCU_PARTS_MAX];
    struct mcu_part *writing; /* NULL: the disk has failed */
    struct mcu_part *next;    /* NULL: none is to follow */
    int64_t keyed_us;         /* the newest key frame */
    int64_t next_from_us;     /* it begins with a key frame from here on */
};

struct mcu_recordings {
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
    struct comp_stream *stream;  /* what taps of it take; NULL: nobody does */
    struct rec_aac *aac;
    atomic_uint audio_phase; /* odd while an audio tick runs */

    /* [ctl] */
    struct mcu_seat *seats[MIX_INPUTS_MAX];
    uint32_t last_seat_id;

    struct mcu_taps taps;
    struct mcu_recordings recordings;
};

/* [ctl] Ends all and waits for their files; taps are closed. */
void mcu_recordings_finish(struct mcu_recordings *r);

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
