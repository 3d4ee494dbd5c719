/* mcu/offline.h - `mixdown mix` as a function: the studio of a room with files as seats and a
 * virtual clock.
 *
 * Time starts at 0; audio ticks every 20 ms and video ticks every 1/fps run in order of their time,
 * and before a tick every packet due is pushed. Nothing depends on the real clock (save the pace,
 * when is_realtime), so the same files always make the same mix. One thread, besides the
 * recording's writer. */
#ifndef MCU_OFFLINE_H
#define MCU_OFFLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mcu/config.h"
#include "mcu/studio.h"

enum { MCU_OFFLINE_INPUTS_MAX = 100 };

struct mcu_offline_input {
    const char *path;
    int64_t start_us; /* when it joins */
    const char *label; /* written on its tile; NULL: nothing is */
};

struct mcu_offline_conf {
    struct mcu_offline_input inputs[MCU_OFFLINE_INPUTS_MAX];
    size_t input_count;
    const char *out;             /* must not exist */
    const struct layout *layout;
    uint32_t width, height, fps;
    uint32_t video_bitrate_bps;
    uint32_t audio_bitrate_bps;
    const char *preset;          /* of x264 */
    uint32_t encoder_threads;
    const struct mcu_config *config; /* for what is under `audio`; NULL: the defaults */
    bool is_realtime;            /* no faster than real time */
    void *ctx;
    /* Called about ten times a second of media; total_us may be 0 (not known). May be NULL. */
    void (*on_progress)(void *ctx, int64_t done_us, int64_t total_us);
    /* Something to tell about an input; the mix goes on. May be NULL. */
    void (*on_problem)(void *ctx, const char *path, const char *what);
    /* The mix of everyone, for tests; may be NULL. */
    void (*on_pcm)(void *ctx, const float *pcm, size_t frames, int64_t pts_us);
};

struct mcu_offline_input_result {
    bool was_mixed;   /* opened, and something of it is in the mix */
    bool is_complete; /* to its end, sound or picture or both as the file has them */
    struct mix_input_stats audio;
    struct comp_source_stats video;
};

struct mcu_offline_result {
    struct rec_result file;
    struct mcu_offline_input_result inputs[MCU_OFFLINE_INPUTS_MAX];
    size_t problems;  /* inputs that are missing, cut, broken or without video */
    struct comp_stats comp;
    struct mix_stats mix;
};

/* Returns 0 when a file was made (look at problems too), -ENODATA when no input could be used, or
 * another negative errno. */
int mcu_offline_run(const struct mcu_offline_conf *conf, struct mcu_offline_result *result);

#endif
