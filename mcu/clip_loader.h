/* mcu/clip_loader.h - loads sounds off the control thread: reading and decoding may take a second.
 *
 * Threads: [ctl] creates, asks and destroys; [clip], a thread of its own, loads one after the other
 * and calls back. At most MCU_CLIPS_WAITING wait. */
#ifndef MCU_CLIP_LOADER_H
#define MCU_CLIP_LOADER_H

#include <stdint.h>

#include "mixer/clip.h"

enum {
    MCU_CLIPS_WAITING = 16,
    MCU_CLIP_ID_MAX = 32,
    MCU_CLIP_FILE_BYTES_MAX = 128 * 1024 * 1024,
};

struct mcu_clip_loader;

/* [clip] Loaded: the clip is the callee's; or NULL and a negative errno. */
typedef void mcu_clip_loaded_fn(void *ctx, const char *id, struct mix_clip *clip, int err);

/* [ctl] The caller owns *out. channels: of the clips. Returns 0, -ENOMEM or -EAGAIN. */
int mcu_clip_loader_create(struct mcu_clip_loader **out, uint32_t channels,
                           mcu_clip_loaded_fn *on_loaded, void *ctx);

/* [ctl] Waits for what is being loaded; what still waits is dropped. NULL is fine. */
void mcu_clip_loader_destroy(struct mcu_clip_loader *l);

/* [ctl] Asks for the built-in sound of that name, or, with name NULL, for the file behind fd, which
 * becomes the loader's unless this fails. Returns 0, -ENOBUFS (too many wait) or -ENOMEM. */
int mcu_clip_loader_ask(struct mcu_clip_loader *l, const char *id, const char *name, int fd);

/* [any] Opens a file below a folder for reading: a regular one of at most MCU_CLIP_FILE_BYTES_MAX,
 * by no way that leads out of the folder ("..", links). Returns a descriptor, -ENOENT (also for
 * what leads out), -EFBIG, or another negative errno. */
int mcu_clip_open_below(const char *folder, const char *file);

#endif
