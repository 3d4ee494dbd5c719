/* recorder/push_io.h - how long a push may wait, and SRT as an output of libavformat; inside this
 * folder only. */
#ifndef RECORDER_PUSH_IO_H
#define RECORDER_PUSH_IO_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <libavformat/avformat.h>

#include "recorder/guard.h"

/* Until when the call that runs now may wait. */
struct push_deadline {
    int64_t until_us; /* [push] */
    atomic_int_fast64_t
        end_us; /* [ctl] sets it once: everything ends by then; INT64_MAX: not yet */
};

/* For AVIOInterruptCB: 1 when the time is over. */
int push_is_over(void *deadline);

struct push_srt; /* one connection */

struct push_srt_conf {
    const char *url; /* of guard_parse_url(), scheme srt */
    const struct guard_url *parts;
    int64_t stall_us;               /* the far side may be silent for so long */
    struct push_deadline *deadline; /* borrowed */
};

/* [push] Resolves (inside guard_enter()) and connects. Returns 0 or a negative errno. */
int push_srt_open(struct push_srt **out, const struct push_srt_conf *conf);

/* [push] Sends all of it, in messages of at most PUSH_SRT_MESSAGE bytes: `size` is at most that.
 * Returns size or a negative errno. */
int push_srt_write(void *srt, uint8_t *data, int size);

enum { PUSH_SRT_MESSAGE = 1316 }; /* seven packets of MPEG-TS */

/* [push] NULL is fine. */
void push_srt_close(struct push_srt *srt);

#endif
