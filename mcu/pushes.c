#include "mcu/pushes.h"

#include <errno.h>
#include <stdlib.h>

#include "mcu/base/clock.h"
#include "mcu/studio_internal.h"

#define KEY_EVERY_US (2 * MCU_US_PER_S) /* as platforms ask for, and as long as segments are */

struct mcu_push {
    struct rec_live *live; /* one of these two */
    struct rec_hls *hls;
    struct mcu_tap *tap;
};

static int push_video(void *ctx, struct mcu_packet *packet)
{
    const struct mcu_push *p = ctx;
    return p->hls ? rec_hls_push_video(p->hls, packet) : rec_live_push_video(p->live, packet);
}

static int push_audio(void *ctx, struct mcu_packet *packet)
{
    const struct mcu_push *p = ctx;
    return p->hls ? rec_hls_push_audio(p->hls, packet) : rec_live_push_audio(p->live, packet);
}

static int start_live(struct mcu_studio *s, struct mcu_push *p, const struct mcu_push_conf *conf)
{
    struct rec_live_conf live = conf->live;
    live.width = conf->video->width;
    live.height = conf->video->height;
    live.channels = s->conf.mix.channels;
    live.audio_config = rec_aac_config(s->aac, &live.audio_config_size);
    live.fill_bps = conf->is_filled ? conf->video->bitrate_bps : 0;
    return rec_live_start(&p->live, &live);
}

static int start_hls(struct mcu_studio *s, struct mcu_push *p, const struct mcu_push_conf *conf)
{
    struct rec_hls_conf hls = conf->hls;
    hls.width = conf->video->width;
    hls.height = conf->video->height;
    hls.fps = conf->video->fps;
    hls.channels = s->conf.mix.channels;
    hls.audio_config = rec_aac_config(s->aac, &hls.audio_config_size);
    hls.segment_us = KEY_EVERY_US;
    return rec_hls_start(&p->hls, &hls);
}

int mcu_push_start(struct mcu_studio *s, struct mcu_push **out, const struct mcu_push_conf *conf)
{
    struct mcu_push *p = calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    int err = conf->hls.folder ? start_hls(s, p, conf) : start_live(s, p, conf);
    if (!err) {
        const struct mcu_tap_conf tap = {.sink = {p, push_video, push_audio},
                                         .start_us = conf->start_us,
                                         .view = conf->view,
                                         .video = conf->video,
                                         .key_every_us = KEY_EVERY_US};
        err = mcu_tap_add(s, &p->tap, &tap);
    }
    if (err) {
        mcu_push_destroy(p);
        return err;
    }
    *out = p;
    return 0;
}

void mcu_push_set_rate(struct mcu_push *p, uint32_t bitrate_bps, uint32_t fps)
{
    mcu_tap_set_rate(p->tap, bitrate_bps, fps);
}

void mcu_push_read(struct mcu_push *p, struct rec_live_status *out)
{
    if (p->hls)
        rec_hls_read(p->hls, out);
    else
        rec_live_read(p->live, out);
}

void mcu_push_stop(struct mcu_push *p)
{
    if (p->hls)
        rec_hls_stop(p->hls);
    else
        rec_live_stop(p->live);
}

void mcu_push_destroy(struct mcu_push *p)
{
    if (!p)
        return;
    mcu_tap_remove(p->tap);
    rec_live_destroy(p->live);
    rec_hls_destroy(p->hls);
    free(p);
}
