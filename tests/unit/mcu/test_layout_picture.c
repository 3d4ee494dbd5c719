/* Pictures of layouts: every built-in draws, as PNG and as JPEG, and what comes out is a picture.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavutil/frame.h>

#include "mcu/base/embed.h"
#include "mcu/layout_picture.h"

static AVFrame *decode(enum AVCodecID id, const uint8_t *data, size_t size)
{
    AVCodecContext *codec = avcodec_alloc_context3(avcodec_find_decoder(id));
    assert_int_equal(avcodec_open2(codec, NULL, NULL), 0);
    AVPacket *packet = av_packet_alloc();
    assert_int_equal(av_new_packet(packet, (int)size), 0);
    memcpy(packet->data, data, size);
    AVFrame *frame = av_frame_alloc();
    assert_int_equal(avcodec_send_packet(codec, packet), 0);
    assert_int_equal(avcodec_receive_frame(codec, frame), 0);
    av_packet_free(&packet);
    avcodec_free_context(&codec);
    return frame;
}

static void every_built_in_can_be_drawn(void **state)
{
    (void)state;
    size_t count = 0;
    for (const struct mcu_embedded *e = mcu_layout_files; e->name; e++, count++) {
        char name[64] = "";
        memcpy(name, e->name, strlen(e->name) - strlen(".json"));
        struct layout *l;
        assert_int_equal(layout_builtin(&l, name), 0);
        uint8_t *png;
        size_t size;
        const struct mcu_layout_scene scene = {.people = 7,
                                               .width = 320,
                                               .height = 180,
                                               .has_cameras = count % 2,
                                               .has_screen = count % 3 == 0};
        assert_int_equal(mcu_layout_picture(l, &scene, COMP_PNG, &png, &size), 0);
        AVFrame *f = decode(AV_CODEC_ID_PNG, png, size);
        assert_int_equal(f->width, 320);
        assert_int_equal(f->height, 180);
        uint64_t light = 0; /* background alone would be below 30 everywhere */
        for (int y = 0; y < 180; y++) {
            for (int x = 0; x < 3 * 320; x++)
                light += f->data[0][y * f->linesize[0] + x] > 60;
        }
        if (light < 1000)
            fail_msg("%s: nothing to see", name);
        av_frame_free(&f);
        free(png);
        layout_destroy(l);
    }
    assert_true(count >= 15);
}

static void colours_are_right_in_both_formats_and_sizes(void **state)
{
    (void)state;
    AVFrame *f = av_frame_alloc();
    f->format = AV_PIX_FMT_YUV420P;
    f->width = 64;
    f->height = 32;
    assert_int_equal(av_frame_get_buffer(f, 0), 0);
    memset(f->data[0], 81, (size_t)f->linesize[0] * 32); /* pure red in BT.601 */
    memset(f->data[1], 90, (size_t)f->linesize[1] * 16);
    memset(f->data[2], 240, (size_t)f->linesize[2] * 16);
    uint8_t *data;
    size_t size;
    assert_int_equal(comp_picture_encode(f, COMP_PNG, 0, &data, &size), 0);
    AVFrame *png = decode(AV_CODEC_ID_PNG, data, size);
    assert_in_range(png->data[0][0], 250, 255);
    assert_in_range(png->data[0][1], 0, 5);
    assert_in_range(png->data[0][2], 0, 5);
    free(data);
    assert_int_equal(comp_picture_encode(f, COMP_JPEG, 32, &data, &size), 0);
    AVFrame *jpeg = decode(AV_CODEC_ID_MJPEG, data, size);
    assert_int_equal(jpeg->width, 32);
    assert_int_equal(jpeg->height, 16);
    assert_in_range(jpeg->data[0][0], 72, 80); /* 76: red in full range */
    free(data);
    assert_int_equal(comp_picture_encode(f, COMP_PNG, 1, &data, &size), -EINVAL);
    av_frame_free(&png);
    av_frame_free(&jpeg);
    av_frame_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_built_in_can_be_drawn),
        cmocka_unit_test(colours_are_right_in_both_formats_and_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
