/* mcu/offline_input.h - a media file in a seat: reads ahead of the virtual clock, pushes what is due. */
#ifndef MCU_OFFLINE_INPUT_H
#define MCU_OFFLINE_INPUT_H

#include <stdbool.h>

#include "mcu/offline.h"
#include "recorder/source.h"

enum { OFFLINE_FIFO_MAX = 4096 };

/* Packets read but not yet pushed, oldest first. */
struct offline_fifo {
    struct mcu_packet *items[OFFLINE_FIFO_MAX];
    size_t first;
    size_t count;
};

struct offline_input {
    const char *path;
    const char *label; /* NULL: none */
    int64_t start_us;
    struct mix_treatment treatment; /* of its voice */
    struct rec_source *source; /* NULL: could not be opened, or closed */
    struct mcu_seat *seat;     /* NULL: not joined yet, or left */
    struct offline_fifo audio;
    struct offline_fifo video;
    int64_t read_audio_us;     /* how far each stream was read */
    int64_t read_video_us;
    int64_t end_us;            /* the end of the last packet read */
    uint64_t audio_sequence;
    uint32_t width, height;    /* of the first picture */
    bool has_audio, has_video;
    bool is_read;              /* to the end of the file */
    bool is_drained;
    bool has_video_ended;
    bool has_left;
    void (*on_problem)(struct offline_input *in, const char *what, bool is_failure);
    void *ctx;
    struct mcu_offline_input_result *result;
};

/* Opens the file. Problems are reported, not returned. */
void offline_input_open(struct offline_input *in);

/* Joins the studio when its time has come, and pushes what is due before until_us. */
void offline_input_feed(struct offline_input *in, struct mcu_studio *s, int64_t until_us);

/* Leaves the studio once all of it was played at now_us. */
void offline_input_leave_when_over(struct offline_input *in, int64_t now_us);

void offline_input_close(struct offline_input *in);

#endif
