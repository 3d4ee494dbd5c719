/* tests/unit/mcu/films.h - a room that is recorded into a folder of its own: what is told of it,
 * and what is in the files. */
#ifndef TESTS_UNIT_MCU_FILMS_H
#define TESTS_UNIT_MCU_FILMS_H

#include <libavformat/avformat.h>
#include <sys/mount.h>

#include "mcu/room_internal.h"
#include "tests/unit/mcu/guests.h"

static char folder[64]; /* of this test */

static inline const json_t *told(const struct stage *s, const char *state, int part)
{
    size_t i;
    json_t *event;
    json_array_foreach(s->recordings, i, event)
    {
        if (strcmp(text(event, "state"), state) == 0 &&
            (part == 0 || json_integer_value(json_object_get(event, "part")) == part))
            return event;
    }
    return NULL;
}

static inline int64_t number(const json_t *event, const char *key)
{
    return json_integer_value(json_object_get(event, key));
}

struct film {
    int pictures;
    int64_t video_us, audio_us; /* where they end */
};

/* Decodes all of it. */
static inline struct film film_of(const char *path)
{
    struct film film = {0};
    AVFormatContext *in = NULL;
    if (avformat_open_input(&in, path, NULL, NULL) < 0)
        fail_msg("%s does not open", path);
    AVCodecContext *decoder = avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_H264));
    const int video = av_find_best_stream(in, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    assert_true(video >= 0);
    avcodec_parameters_to_context(decoder, in->streams[video]->codecpar);
    decoder->err_recognition = AV_EF_EXPLODE;
    assert_int_equal(avcodec_open2(decoder, NULL, NULL), 0);
    AVPacket *p = av_packet_alloc();
    AVFrame *f = av_frame_alloc();
    for (; av_read_frame(in, p) >= 0; av_packet_unref(p)) {
        const AVStream *st = in->streams[p->stream_index];
        const int64_t end_us =
            av_rescale_q(p->pts + p->duration, st->time_base, (AVRational){1, 1000000});
        if (p->stream_index != video) {
            film.audio_us = end_us;
            continue;
        }
        film.video_us = end_us;
        assert_true(avcodec_send_packet(decoder, p) >= 0);
        while (avcodec_receive_frame(decoder, f) == 0)
            film.pictures++;
    }
    avcodec_send_packet(decoder, NULL);
    while (avcodec_receive_frame(decoder, f) == 0)
        film.pictures++;
    av_frame_free(&f);
    av_packet_free(&p);
    avcodec_free_context(&decoder);
    avformat_close_input(&in);
    assert_true(film.pictures > 0);
    return film;
}

static inline void begin(struct stage *s, const struct mcu_config *c)
{
    char file[128];
    struct mcu_config quick = *c;
    quick.recording.fragment_ms = 100; /* what is written is soon known */
    open_stage(s, &quick, "mcu");
    snprintf(file, sizeof(file), "%s/r.mp4", folder);
    tell(s, json_pack("{s:s,s:s,s:s}", "cmd", "record_start", "id", "r", "file", file));
}

static inline json_t *command(const char *name)
{
    return json_pack("{s:s,s:s}", "cmd", name, "id", "r");
}

/* Of the part that is written now; -1: none is. */
static inline int64_t written_ms(struct stage *s)
{
    struct mcu_record_status status = {0};
    mcu_studio_record_status(s->room->studio, "r", &status);
    return status.part ? (int64_t)status.duration_ms : -1;
}

static inline bool has_written(struct stage *s, int ms)
{
    return written_ms(s) >= ms;
}

static inline bool is_over(const struct stage *s)
{
    return !s->room->recordings[0].id[0];
}

static inline int films_set_up(void **state)
{
    snprintf(folder, sizeof(folder), "/tmp/mixdown-parts-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    return stage_set_up(state);
}

static inline int films_tear_down(void **state)
{
    char line[128];
    const int err = stage_tear_down(state);
    umount2(folder, MNT_DETACH);
    snprintf(line, sizeof(line), "rm -rf '%s'", folder);
    return system(line) == 0 ? err : -1;
}

#endif
