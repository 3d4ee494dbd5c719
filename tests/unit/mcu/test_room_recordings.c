/* Recordings of a room's pictures: which view they take, and with or without signs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <libavformat/avformat.h>
#include <pthread.h>
#include <sys/syscall.h>

#include "mcu/room_internal.h"
#include "tests/unit/mcu/guests.h"

/* The last picture of a film: its size and colours, and whether the upper right of it, where REC
 * stands, has the right half's colour everywhere. A recording is stopped and REC goes out at one
 * moment, but a tick of just before it may be drawn late, without REC: so what was lit is counted. */
struct film {
    int pictures, lit, width, height;
    enum colour left, right;
    bool is_plain;
};

static bool is_plain(const AVFrame *f, enum colour colour)
{
    for (int y = 4; y < f->height / 4; y++) {
        for (int x = f->width * 5 / 8 / 2; x < f->width / 2 - 4; x++) {
            if (abs(f->data[1][y * f->linesize[1] + x] - colours[colour][1]) >= 24 ||
                abs(f->data[2][y * f->linesize[2] + x] - colours[colour][2]) >= 24)
                return false;
        }
    }
    return true;
}

static void see_film(struct film *film, AVCodecContext *decoder, const AVPacket *packet)
{
    AVFrame *f = av_frame_alloc();
    assert_true(avcodec_send_packet(decoder, packet) >= 0);
    while (avcodec_receive_frame(decoder, f) == 0) {
        film->pictures++;
        film->width = f->width;
        film->height = f->height;
        film->left = colour_at(f, 0);
        film->right = colour_at(f, 1);
        film->is_plain = film->right != NO_COLOUR && is_plain(f, film->right);
        film->lit += film->right != NO_COLOUR && !film->is_plain;
        av_frame_unref(f);
    }
    av_frame_free(&f);
}

static struct film film_of(const char *path)
{
    struct film film = {.left = NO_COLOUR, .right = NO_COLOUR};
    AVFormatContext *in = NULL;
    assert_true(avformat_open_input(&in, path, NULL, NULL) >= 0);
    const int video = av_find_best_stream(in, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    assert_true(video >= 0);
    AVCodecContext *decoder = avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_H264));
    avcodec_parameters_to_context(decoder, in->streams[video]->codecpar);
    /* What the file says of itself is what is in it. */
    const int width = decoder->width, height = decoder->height;
    assert_int_equal(avcodec_open2(decoder, NULL, NULL), 0);
    AVPacket *packet = av_packet_alloc();
    for (; av_read_frame(in, packet) >= 0; av_packet_unref(packet)) {
        if (packet->stream_index == video)
            see_film(&film, decoder, packet);
    }
    see_film(&film, decoder, NULL);
    assert_int_equal(film.width, width);
    assert_int_equal(film.height, height);
    av_packet_free(&packet);
    avcodec_free_context(&decoder);
    avformat_close_input(&in);
    return film;
}

/* The file and all that lies beside it. */
static void remove_film(const char *path)
{
    static const char *const suffixes[] = {".mp4", ".m4a", ".ogg", ".vtt", ".json", ".jpg", ".marks"};
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        char *beside = rec_meta_path(path, suffixes[i]);
        unlink(beside);
        free(beside);
    }
}

/* Records under that id, what end_film() looks at. */
static json_t *record(const char *id, const char *key, json_t *value)
{
    char path[64];
    snprintf(path, sizeof(path), "/tmp/mixdown-views-%d-%s.mp4", (int)getpid(), id);
    remove_film(path);
    json_t *command = json_pack("{s:s,s:s,s:s}", "cmd", "record_start", "id", id, "file", path);
    if (key)
        json_object_set_new(command, key, value);
    return command;
}

static struct film end_film(struct stage *s, const char *id)
{
    char path[64];
    snprintf(path, sizeof(path), "/tmp/mixdown-views-%d-%s.mp4", (int)getpid(), id);
    const int before = s->counts_recording_ready;
    tell(s, json_pack("{s:s,s:s}", "cmd", "record_stop", "id", id));
    UNTIL(s, s->counts_recording_ready == before + 1);
    const struct film film = film_of(path);
    remove_film(path);
    return film;
}

/* Encoded since then, over all streams. */
static bool has_encoded(struct stage *s, uint64_t since, uint64_t count)
{
    struct comp_stats stats;
    comp_read_stats(mcu_studio_comp(s->room->studio), &stats);
    return stats.encoded >= since + count;
}

static void film_some(struct stage *s, uint64_t count)
{
    struct comp_stats stats;
    comp_read_stats(mcu_studio_comp(s->room->studio), &stats);
    run_for(s, 1000);
    UNTIL(s, has_encoded(s, stats.encoded, count));
}

static void recordings_take_views_of_their_own(void **state)
{
    struct stage *s = *state;
    open_room(s, "mcu");
    join(s, 0, RED, MCU_CODEC_VP8);
    join(s, 1, GREEN, MCU_CODEC_VP8);
    struct guest *a = join(s, 2, NO_COLOUR, MCU_CODEC_H264);
    tell(s, json_pack("{s:s,s:s,s:s,s:o,s:i,s:i}", "cmd", "view_add", "view", "stage", "layout",
                      "one", "file", layout_of("guest-1"), "width", 320, "height", 180));
    UNTIL(s, sees_colours(a, RED, GREEN));
    tell(s, record("stage", "view", json_string("stage")));
    tell(s, record("main", NULL, NULL));
    json_t *of_layout = record("layout", "layout", json_string("one"));
    json_object_set_new(of_layout, "layout_file", layout_of("guest-0"));
    tell(s, of_layout);
    film_some(s, 40);

    /* A front that comes later knows what they take. */
    tell(s, json_pack("{s:s}", "cmd", "adopt"));
    const json_t *told = json_object_get(s->reply, "recordings");
    assert_string_equal(text(json_array_get(told, 0), "view"), "stage");
    assert_string_equal(text(json_array_get(told, 1), "view"), "");
    assert_string_equal(text(json_array_get(told, 2), "layout"), "one");

    /* It is held, even when nobody watches it and its layout's file came with the command. */
    json_t *remove = json_pack("{s:s,s:s}", "cmd", "view_remove", "view", "stage");
    assert_string_equal(ask(s, json_incref(remove)), "view_busy");
    const struct film stage = end_film(s, "stage");
    const struct film main_film = end_film(s, "main");
    const struct film layout = end_film(s, "layout");
    assert_true(stage.pictures > 0 && main_film.pictures > 0 && layout.pictures > 0);
    assert_int_equal(stage.width, 320);
    assert_int_equal(stage.height, 180);
    assert_int_equal(stage.left, GREEN);
    assert_int_equal(stage.right, GREEN);
    assert_int_equal(main_film.width, 704);
    assert_int_equal(main_film.left, RED);
    assert_int_equal(main_film.right, GREEN);
    assert_int_equal(layout.width, 704);
    assert_int_equal(layout.left, RED);
    assert_int_equal(layout.right, RED);
    tell(s, remove);
    UNTIL(s, views(s) == 1); /* the layout's ends some seconds after its last use */
}

/* Pictures that are decoded later than the next: B-frames. */
static int reordered(const char *path, int64_t *width)
{
    int n = 0;
    AVFormatContext *in = NULL;
    assert_true(avformat_open_input(&in, path, NULL, NULL) >= 0);
    const int video = av_find_best_stream(in, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    *width = in->streams[video]->codecpar->width;
    int64_t newest = INT64_MIN;
    AVPacket *packet = av_packet_alloc();
    for (; av_read_frame(in, packet) >= 0; av_packet_unref(packet)) {
        if (packet->stream_index != video)
            continue;
        n += packet->pts < newest;
        newest = packet->pts > newest ? packet->pts : newest;
    }
    av_packet_free(&packet);
    avformat_close_input(&in);
    return n;
}

static void a_recording_may_be_encoded_for_itself(void **state)
{
    struct stage *s = *state;
    open_room(s, "mcu");
    join(s, 0, RED, MCU_CODEC_VP8);
    struct guest *a = join(s, 1, NO_COLOUR, MCU_CODEC_H264);
    UNTIL(s, sees_colours(a, RED, RED));
    json_t *large = record("large", "width", json_integer(3000));
    json_object_set_new(large, "height", json_integer(2000));
    assert_string_equal(ask(s, large), "bad_size");
    assert_string_equal(ask(s, record("half", "width", json_integer(320))), "bad_message");
    assert_string_equal(ask(s, record("odd", "preset", json_string("nonsense"))), "bad_size");
    char odd[64];
    snprintf(odd, sizeof(odd), "/tmp/mixdown-views-%d-odd.mp4", (int)getpid());
    assert_int_equal(access(odd, F_OK), -1); /* nothing is left of what was refused */

    json_t *own = record("own", "width", json_integer(320));
    json_object_set_new(own, "height", json_integer(180));
    json_object_set_new(own, "bitrateKbps", json_integer(300));
    tell(s, own);
    tell(s, json_pack("{s:s}", "cmd", "adopt"));
    const json_t *told = json_array_get(json_object_get(s->reply, "recordings"), 0);
    assert_int_equal(json_integer_value(json_object_get(told, "width")), 320);
    assert_int_equal(json_integer_value(json_object_get(told, "bitrateKbps")), 300);
    tell(s, record("shared", NULL, NULL));
    struct comp_stats stats;
    comp_read_stats(mcu_studio_comp(s->room->studio), &stats);
    film_some(s, 60);
    run_for(s, 1500);
    tell(s, json_pack("{s:s,s:s}", "cmd", "record_pause", "id", "own"));
    run_for(s, 1200);
    tell(s, json_pack("{s:s,s:s}", "cmd", "record_resume", "id", "own"));
    run_for(s, 1500);
    const int before = s->counts_recording_ready;
    tell(s, json_pack("{s:s,s:s}", "cmd", "record_stop", "id", "own"));
    tell(s, json_pack("{s:s,s:s}", "cmd", "record_stop", "id", "shared"));
    UNTIL(s, s->counts_recording_ready == before + 2);
    for (int i = 0; i < 2; i++) {
        char path[64];
        int64_t width = 0;
        snprintf(path, sizeof(path), "/tmp/mixdown-views-%d-%s.mp4", (int)getpid(),
                 i ? "shared" : "own");
        const int b_frames = reordered(path, &width);
        const struct film film = film_of(path); /* all of it decodes */
        assert_int_equal(width, i ? 704 : 320);
        assert_int_equal(b_frames > 0, !i);
        assert_int_equal(film.left, RED);
        unlink(path);
    }
}

static void a_recording_has_signs_or_not(void **state)
{
    struct stage *s = *state;
    struct mcu_config c;
    stage_config(&c);
    c.video.signs = true;
    open_stage(s, &c, "mcu");
    join(s, 0, GREEN, MCU_CODEC_VP8);
    struct guest *a = join(s, 1, NO_COLOUR, MCU_CODEC_H264);
    tell(s, json_pack("{s:s,s:s,s:s,s:o}", "cmd", "view_add", "view", "stage", "layout", "one",
                      "file", layout_of("guest-0")));
    UNTIL(s, sees_colours(a, GREEN, GREEN));
    tell(s, record("plain", "signs", json_false()));
    tell(s, record("signed", NULL, NULL));
    assert_string_equal(ask(s, watch(a, "view", "record:plain")), "no_such_view");
    film_some(s, 30);
    const struct film plain = end_film(s, "plain"); /* while REC is lit on what all see */
    const struct film signed_film = end_film(s, "signed");
    assert_true(signed_film.lit > 0);
    assert_true(plain.is_plain);
    assert_int_equal(plain.width, 704);
    assert_int_equal(views(s), 2); /* the one without signs has ended */

    json_t *of_stage = record("lit", "view", json_string("stage"));
    json_object_set_new(of_stage, "signs", json_true());
    tell(s, of_stage);
    film_some(s, 20);
    assert_true(end_film(s, "lit").lit > 0);
    tell(s, record("unlit", "view", json_string("stage")));
    film_some(s, 20);
    assert_true(end_film(s, "unlit").is_plain);
}

static void a_recording_of_what_is_not_there_is_refused(void **state)
{
    struct stage *s = *state;
    open_room(s, "mcu");
    struct guest *a = join(s, 0, GREEN, MCU_CODEC_VP8);
    UNTIL(s, sees_colours(a, GREEN, GREEN));
    tell(s, watch(a, "view", "own"));
    assert_string_equal(ask(s, record("x", "view", json_string("stage"))), "no_such_view");
    assert_string_equal(ask(s, record("x", "view", json_string("own:guest-0"))), "no_such_view");
    assert_string_equal(ask(s, record("x", "layout", json_string("nonsense"))), "no_such_layout");
    assert_string_equal(ask(s, record("x", "signs", json_integer(1))), "bad_message");
    json_t *both = record("x", "view", json_string("main"));
    json_object_set_new(both, "layout", json_string("grid"));
    assert_string_equal(ask(s, both), "bad_message");
    json_t *nowhere = json_pack("{s:s,s:s,s:s,s:b}", "cmd", "record_start", "id", "x", "file",
                                "/nonexistent/x.mp4", "signs", 0);
    assert_string_equal(ask(s, nowhere), "file_error");
    assert_int_equal(views(s), 2); /* main and his own: nothing is left of what was refused */
}

/* How long its sound lasts; no picture may be in it. */
static int64_t sound_of(const char *path, bool is_ogg)
{
    AVFormatContext *in = NULL;
    assert_true(avformat_open_input(&in, path, NULL, NULL) >= 0);
    assert_true(avformat_find_stream_info(in, NULL) >= 0); /* an OGG says its length at its end */
    assert_true(av_find_best_stream(in, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0) < 0);
    const int audio = av_find_best_stream(in, AVMEDIA_TYPE_AUDIO, -1, -1, NULL, 0);
    assert_true(audio >= 0);
    const AVStream *st = in->streams[audio];
    assert_int_equal(st->codecpar->codec_id, is_ogg ? AV_CODEC_ID_OPUS : AV_CODEC_ID_AAC);
    if (!is_ogg)
        assert_string_equal(av_dict_get(in->metadata, "major_brand", NULL, 0)->value, "M4A ");
    const AVDictionary *said = is_ogg ? st->metadata : in->metadata;
    assert_string_equal(av_dict_get(said, "title", NULL, 0)->value, "Morning");
    const int64_t duration_us = in->duration;
    avformat_close_input(&in);
    return duration_us;
}

static bool has_sounded(struct stage *s, uint32_t part, int64_t ms)
{
    struct mcu_record_status status = {0};
    mcu_studio_record_status(s->room->studio, "sound", &status);
    return status.part >= part && status.duration_ms >= ms;
}

static bool is_beside(const char *path, const char *suffix)
{
    char *beside = rec_meta_path(path, suffix);
    const bool is_there = access(beside, F_OK) == 0;
    free(beside);
    return is_there;
}

static void record_sound(struct stage *s, const char *format)
{
    const bool is_ogg = strcmp(format, "ogg") == 0;
    char path[64], next[64];
    uint32_t part = 0;
    snprintf(path, sizeof(path), "/tmp/mixdown-views-%d-sound.%s", (int)getpid(), format);
    snprintf(next, sizeof(next), "/tmp/mixdown-views-%d-sound-2.%s", (int)getpid(), format);
    open_room(s, "mcu");
    assert_string_equal(ask(s, json_pack("{s:s,s:s,s:s,s:s}", "cmd", "record_start", "id", "sound",
                                         "file", path, "format", "wav")),
                        "bad_message");
    tell(s, json_pack("{s:s,s:s,s:s,s:s,s:s}", "cmd", "record_start", "id", "sound", "file", path,
                      "format", format, "title", "Morning"));
    json_t *running = room_describe_recordings(s->room);
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(running, 0), "format")), format);
    json_decref(running);
    UNTIL(s, has_sounded(s, 1, 1000));
    tell(s, json_pack("{s:s,s:s}", "cmd", "record_pause", "id", "sound"));
    run_for(s, 100);
    tell(s, json_pack("{s:s,s:s}", "cmd", "record_resume", "id", "sound"));
    assert_int_equal(mcu_studio_record_next(s->room->studio, "sound", next, mcu_now_us(), &part),
                     0);
    UNTIL(s, has_sounded(s, 2, 500));
    const int before = s->counts_recording_ready;
    tell(s, json_pack("{s:s,s:s}", "cmd", "record_stop", "id", "sound"));
    UNTIL(s, s->counts_recording_ready > before && !s->room->recordings[0].id[0]);
    /* An Opus encoder looks 6.5 ms ahead: so much of the end is not heard. */
    assert_true(sound_of(path, is_ogg) >= 993000);
    assert_true(sound_of(next, is_ogg) >= 493000);
    assert_true(is_beside(path, ".vtt") && is_beside(path, ".json") && !is_beside(path, ".marks"));
    remove_film(path);
    remove_film(next);
}

static void sound_alone_is_an_m4a(void **state)
{
    record_sound(*state, "m4a");
}

static void or_opus_in_ogg(void **state)
{
    record_sound(*state, "ogg");
}

static pthread_t caller;
static atomic_bool is_written_by_caller; /* a picture, which may take as long as its disk */

/* In place of the C library's, for all that is linked with this. */
int open(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    const int mode = flags & O_CREAT ? va_arg(more, int) : 0;
    va_end(more);
    if (strstr(path, ".snapshot-") && flags & O_CREAT && pthread_equal(pthread_self(), caller))
        atomic_store(&is_written_by_caller, true);
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

/* The n-th picture beside the recording "stills" is a JPEG. */
static bool has_still(int n)
{
    char path[80];
    uint8_t head[3] = {0};
    snprintf(path, sizeof(path), "/tmp/mixdown-views-%d-stills.snapshot-%04d.jpg", (int)getpid(),
             n);
    FILE *f = fopen(path, "rb");
    if (!f)
        return false;
    const bool is_one = fread(head, 1, 3, f) == 3 && memcmp(head, "\xff\xd8\xff", 3) == 0;
    fclose(f);
    return is_one;
}

static void pictures_are_beside_it_at_an_interval(void **state)
{
    struct stage *s = *state;
    caller = pthread_self();
    open_room(s, "mcu");
    assert_string_equal(ask(s, record("stills", "snapshots", json_integer(0))), "bad_message");
    tell(s, record("stills", "snapshots", json_integer(1)));
    const int64_t from_us = mcu_now_us();
    UNTIL(s, has_still(1) && has_still(2) && has_still(3));
    assert_true(mcu_now_us() - from_us >= 1900000);
    tell(s, json_pack("{s:s,s:s}", "cmd", "record_pause", "id", "stills"));
    run_for(s, 1500);
    const int taken = (int)s->room->recordings[0].stills;
    run_for(s, 1500);
    assert_int_equal(s->room->recordings[0].stills, taken); /* none of what is left out */
    tell(s, json_pack("{s:s,s:s}", "cmd", "record_resume", "id", "stills"));
    UNTIL(s, has_still(taken + 1));
    end_film(s, "stills");
    assert_false(atomic_load(&is_written_by_caller));
    for (int n = 1; n <= taken + 5; n++) {
        char path[80];
        snprintf(path, sizeof(path), "/tmp/mixdown-views-%d-stills.snapshot-%04d.jpg",
                 (int)getpid(), n);
        unlink(path);
    }
}

int main(void)
{
    av_log_set_level(AV_LOG_ERROR);
#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_set_up, stage_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(recordings_take_views_of_their_own),
        TEST(a_recording_may_be_encoded_for_itself),
        TEST(a_recording_has_signs_or_not),
        TEST(a_recording_of_what_is_not_there_is_refused),
        TEST(sound_alone_is_an_m4a),
        TEST(or_opus_in_ogg),
        TEST(pictures_are_beside_it_at_an_interval),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
