/* A layout's picture: an offline compositor, one tick, one snapshot. Names are in several scripts,
 * so that the picture also shows that the fonts are there. */
#include "mcu/layout_picture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <libavutil/frame.h>

#include "compositor/comp.h"

static const char *const names[] = {
    "Ann Baker", "王小明", "Omar Haddad", "たなか ゆうこ", "Lena Novak", "김민준",
    "ليلى حسن",  "José",   "Priya Nair",  "Олена",         "Max",        "陈静",
};

static int add_person(struct comp *c, unsigned i)
{
    char user[16];
    snprintf(user, sizeof(user), "u%u", i);
    const struct comp_source_conf conf = {.codec = MCU_CODEC_NONE, .user = user, .order = i};
    struct comp_source *s = NULL;
    const int err = comp_source_add(c, &s, &conf);
    if (err)
        return err;
    const struct comp_look look = {
        .name = names[i % (sizeof(names) / sizeof(names[0]))],
        .role = i == 0 ? "host" : "publisher",
        .is_muted = i % 4 == 2,
        .has_hand_up = i % 7 == 5,
        .bars = i % 9 == 3 ? 1 : COMP_BARS_UNKNOWN,
    };
    comp_source_set_look(s, &look);
    comp_source_set_floor(s, i == 0);
    comp_source_set_speaking(s, i == 0);
    return 0;
}

static int draw(struct comp *c, const struct comp_view_conf *conf, unsigned people,
                enum comp_picture_format format, uint8_t **data, size_t *size)
{
    struct comp_view *v = NULL;
    int err = comp_view_create(c, &v, conf);
    for (unsigned i = 0; !err && i < people && i < COMP_SOURCES_MAX; i++)
        err = add_person(c, i);
    if (err)
        return err;
    comp_tick(c, 0);
    AVFrame *picture = NULL;
    err = comp_view_snapshot(v, &picture);
    if (!err)
        err = comp_picture_encode(picture, format, 0, data, size);
    av_frame_free(&picture);
    return err;
}

int mcu_layout_picture(const struct layout *layout, unsigned people, uint32_t width,
                       uint32_t height, enum comp_picture_format format, uint8_t **data,
                       size_t *size)
{
    const struct comp_conf conf = {.fps = 1, .is_offline = true};
    const struct comp_view_conf view_conf = {
        .width = width,
        .height = height,
        .background = 0x101418,
        .layout = layout,
        .has_labels = true,
        .has_avatars = true,
    };
    const struct comp_sink sink = {0};
    struct comp *c = NULL;
    int err = comp_create(&c, &conf, &sink);
    if (!err)
        err = draw(c, &view_conf, people, format, data, size);
    comp_destroy(c);
    return err;
}
