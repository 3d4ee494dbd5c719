/* A layout's picture: an offline compositor, one tick, one snapshot. Names are in several scripts,
 * so that the picture also shows that the fonts are there. */
#include "mcu/layout_picture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <libavutil/frame.h>

#include "compositor/comp.h"
#include "compositor/sample.h"
#include "mcu/base/clock.h"
#include "mcu/image_file.h"

enum { EYE_WIDTH = 64, EYE_HEIGHT = 36 };

static const char *const names[] = {
    "Ann Baker", "王小明", "Omar Haddad", "たなか ゆうこ", "Lena Novak", "김민준",
    "ليلى حسن",  "José",   "Priya Nair",  "Олена",         "Max",        "陈静",
};

/* Somebody, with a picture or without. */
static int add_source(struct comp *c, struct comp_source **out, unsigned i, bool is_screen,
                      struct mcu_packet *picture)
{
    char user[16];
    snprintf(user, sizeof(user), "u%u", i);
    const struct comp_source_conf conf = {
        .codec = picture ? MCU_CODEC_H264 : MCU_CODEC_NONE,
        .user = user,
        .order = i,
        .is_screen = is_screen,
    };
    int err = comp_source_add(c, out, &conf);
    if (!err && picture)
        err = comp_source_push(*out, picture);
    if (!err && picture)
        comp_source_drain(*out);
    return err;
}

static int add_person(struct comp *c, unsigned i, bool has_camera)
{
    struct mcu_packet *picture = NULL;
    struct comp_source *s = NULL;
    int err = has_camera ? comp_sample_create(&picture, COMP_SAMPLE_PERSON, i) : 0;
    if (!err)
        err = add_source(c, &s, i, false, picture);
    mcu_packet_unref(picture);
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
    comp_source_set_level(s, 0.6f);
    return 0;
}

static int add_screen(struct comp *c)
{
    struct mcu_packet *picture = NULL;
    struct comp_source *s = NULL;
    int err = comp_sample_create(&picture, COMP_SAMPLE_SLIDE, 0);
    if (!err)
        err = add_source(c, &s, 0, true, picture);
    mcu_packet_unref(picture);
    return err;
}

static int add_all(struct comp *c, const struct mcu_layout_scene *scene)
{
    int err = scene->has_screen ? add_screen(c) : 0;
    for (unsigned i = 0; !err && i < scene->people && i < COMP_SOURCES_MAX - 1; i++)
        err = add_person(c, i, scene->has_cameras && i % 3 != 2);
    return err;
}

/* Somebody must look, or no camera is decoded. */
static int open_eye(struct comp_view *v)
{
    const struct comp_stream_conf conf = {
        .codec = MCU_CODEC_H264,
        .width = EYE_WIDTH,
        .height = EYE_HEIGHT,
        .preset = "ultrafast",
        .speed = -1,
    };
    struct comp_stream *s = NULL;
    return comp_stream_create(v, &s, &conf);
}

static void ignore(void *ctx, void *stream_ctx, struct mcu_packet *packet)
{
    (void)ctx;
    (void)stream_ctx;
    (void)packet;
}

static int draw(struct comp *c, const struct comp_view_conf *conf,
                const struct mcu_layout_scene *scene, enum comp_picture_format format,
                uint8_t **data, size_t *size)
{
    struct comp_view *v = NULL;
    int err = comp_view_create(c, &v, conf);
    if (!err)
        err = open_eye(v);
    if (!err)
        err = add_all(c, scene);
    if (err)
        return err;
    comp_tick(c, 0);
    comp_tick(c, MCU_US_PER_S);
    AVFrame *picture = NULL;
    err = comp_view_snapshot(v, &picture);
    if (!err)
        err = comp_picture_encode(picture, format, scene->max_width, data, size);
    av_frame_free(&picture);
    return err;
}

int mcu_layout_picture(const struct layout *layout, const struct mcu_layout_scene *scene,
                       enum comp_picture_format format, uint8_t **data, size_t *size)
{
    const struct comp_conf conf = {.fps = 1, .is_offline = true};
    const struct comp_view_conf view_conf = {
        .width = scene->width,
        .height = scene->height,
        .background = 0x101418,
        .layout = layout,
        .has_labels = true,
        .has_avatars = true,
    };
    const struct comp_sink sink = {.on_packet = ignore};
    struct comp *c = NULL;
    int err = comp_create(&c, &conf, &sink);
    if (!err && scene->pictures_dir)
        mcu_images_give(c, layout, scene->pictures_dir);
    if (!err)
        err = draw(c, &view_conf, scene, format, data, size);
    comp_destroy(c);
    return err;
}
