/* Who spoke when: marks, captions, chapters and the picture beside a recording. */
#include "tests/unit/recorder/synth.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "recorder/meta.h"
#include "recorder/talk.h"

#define S INT64_C(1000000)

static const char people[] = "{\"room\":\"standup\",\"title\":\"Monday\",\"started_at\":1700000000000}\n"
                             "{\"who\":0,\"user\":\"ann\",\"name\":\"Ann\"}\n"
                             "{\"who\":1,\"user\":\"bob\",\"name\":\"\"}\n";

static struct rec_talk *parse(const char *head, const char *marks)
{
    char text[8192];
    struct rec_talk *t = NULL;
    assert_true(snprintf(text, sizeof(text), "%s%s", head, marks) < (int)sizeof(text));
    assert_int_equal(rec_talk_parse(&t, text, strlen(text)), 0);
    return t;
}

/* "who start-end" in seconds with one digit, joined by commas. */
static void show(char *out, const struct rec_turn *turns, size_t count)
{
    *out = '\0';
    for (size_t i = 0; i < count; i++)
        sprintf(out + strlen(out), "%s%u %.1f-%.1f", i ? ", " : "", turns[i].who,
                (double)turns[i].start_us / S, (double)turns[i].end_us / S);
}

static const struct {
    const char *name, *marks, *turns;
} rows[] = {
    {"a turn", "{\"at\":1000000,\"who\":0,\"on\":true}\n{\"at\":3000000,\"who\":0,\"on\":false}\n",
     "0 1.0-3.0"},
    {"a pause for breath is none",
     "{\"at\":1000000,\"who\":0,\"on\":true}\n{\"at\":3000000,\"who\":0,\"on\":false}\n"
     "{\"at\":3600000,\"who\":0,\"on\":true}\n{\"at\":4000000,\"who\":0,\"on\":false}\n",
     "0 1.0-4.0"},
    {"a longer one is",
     "{\"at\":1000000,\"who\":0,\"on\":true}\n{\"at\":3000000,\"who\":0,\"on\":false}\n"
     "{\"at\":3800000,\"who\":0,\"on\":true}\n{\"at\":4200000,\"who\":0,\"on\":false}\n",
     "0 1.0-3.0, 0 3.8-4.2"},
    {"a cough is no turn",
     "{\"at\":1000000,\"who\":0,\"on\":true}\n{\"at\":1200000,\"who\":0,\"on\":false}\n", ""},
    {"two at once",
     "{\"at\":1000000,\"who\":1,\"on\":true}\n{\"at\":2000000,\"who\":0,\"on\":true}\n"
     "{\"at\":3000000,\"who\":1,\"on\":false}\n{\"at\":4000000,\"who\":0,\"on\":false}\n",
     "1 1.0-3.0, 0 2.0-4.0"},
    {"who still speaks at the end is cut there", "{\"at\":8000000,\"who\":1,\"on\":true}\n",
     "1 8.0-10.0"},
    {"what comes after the end is not there", "{\"at\":11000000,\"who\":1,\"on\":true}\n", ""},
    {"lines that are none, strangers and a cut-off end are passed over",
     "nonsense\n{\"at\":5,\"who\":7,\"on\":true}\n{\"at\":-5,\"who\":0,\"on\":true}\n[]\n\n"
     "{\"at\":1000000,\"who\":0,\"on\":true}\n{\"at\":2000000,\"who\":0,\"on\":1}\n"
     "{\"at\":3000000,\"who\":0,\"on\":false}\n{\"at\":4000000,\"who\":0,\"on\":tr",
     "0 1.0-3.0"},
};

static void turns_follow_the_marks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char found[512];
        struct rec_talk *t = parse(people, rows[i].marks);
        rec_talk_cut(t, 10 * S);
        show(found, t->turns, t->turns_count);
        if (strcmp(found, rows[i].turns) != 0)
            fail_msg("%s: '%s' instead of '%s'", rows[i].name, found, rows[i].turns);
        assert_string_equal(t->title, "Monday");
        assert_string_equal(t->people[1].name, "bob"); /* who has no name is called by his id */
        rec_talk_free(t);
    }
}

static void captions_name_the_speaker(void **state)
{
    (void)state;
    size_t size = 0;
    struct rec_talk *t = parse("{\"who\":0,\"user\":\"x\",\"name\":\"A<b>&\\nB\"}\n",
                               "{\"at\":3725040000,\"who\":0,\"on\":true}\n");
    rec_talk_cut(t, 3726 * S);
    char *vtt = rec_talk_vtt(t, &size);
    assert_string_equal(vtt, "WEBVTT\n\n01:02:05.040 --> 01:02:06.000\n"
                             "<v A&lt;b&gt;&amp; B>A&lt;b&gt;&amp; B\n\n");
    assert_int_equal(size, strlen(vtt));
    free(vtt);
    rec_talk_free(t);
}

static size_t chapters(const char *marks, int64_t duration_us, char *found)
{
    struct rec_turn out[REC_CHAPTERS_MAX];
    struct rec_talk *t = parse(people, marks);
    rec_talk_cut(t, duration_us);
    const size_t count = rec_talk_chapters(t, duration_us, out);
    show(found, out, count);
    rec_talk_free(t);
    return count;
}

static void chapters_follow_the_floor(void **state)
{
    (void)state;
    char found[REC_CHAPTERS_MAX * 40];
    chapters("", 60 * S, found);
    assert_string_equal(found, "");
    /* bob's two seconds in between do not make one, nor does ann's return within 15 s */
    chapters("{\"at\":2000000,\"who\":0,\"floor\":true}\n{\"at\":20000000,\"who\":1,\"floor\":true}\n"
             "{\"at\":22000000,\"who\":0,\"floor\":true}\n{\"at\":40000000,\"who\":1,\"floor\":true}\n"
             "{\"at\":45000000,\"who\":0,\"floor\":true}\n{\"at\":46000000,\"who\":1,\"floor\":true}\n",
             60 * S, found);
    assert_string_equal(found, "0 0.0-40.0, 1 40.0-60.0");
}

static void a_long_quarrel_has_few_chapters(void **state)
{
    (void)state;
    const size_t marks = 1400;
    char *text = calloc(marks, 64);
    char found[REC_CHAPTERS_MAX * 40];
    uint32_t random = 1;
    for (size_t i = 0; i < marks; i++) {
        random = random * 1664525 + 1013904223;
        sprintf(text + strlen(text), "{\"at\":%lld,\"who\":%d,\"floor\":true}\n",
                (long long)(i * 10 * S), (int)(random >> 31));
    }
    char *whole = NULL;
    struct rec_turn out[REC_CHAPTERS_MAX];
    struct rec_talk *t = NULL;
    assert_true(asprintf(&whole, "%s%s", people, text) > 0);
    assert_int_equal(rec_talk_parse(&t, whole, strlen(whole)), 0);
    rec_talk_cut(t, 14000 * S);
    const size_t count = rec_talk_chapters(t, 14000 * S, out);
    show(found, out, count);
    assert_in_range(count, 10, REC_CHAPTERS_MAX);
    for (size_t i = 0; i < count; i++)
        assert_true(out[i].end_us - out[i].start_us >= 14000 * S / REC_CHAPTERS_MAX);
    rec_talk_free(t);
    free(whole);
    free(text);
}

/* --- beside a file ----------------------------------------------------------------------------- */

static char *read_text(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    char *text = calloc(1, 65536);
    assert_true(fread(text, 1, 65535, f) < 65535);
    fclose(f);
    return text;
}

static bool is_there(const char *path, const char *suffix)
{
    char *beside = rec_meta_path(path, suffix);
    const bool is = access(beside, F_OK) == 0;
    free(beside);
    return is;
}

static void see_captions(const char *path, const char *wanted)
{
    char *beside = rec_meta_path(path, ".vtt");
    char *text = read_text(beside);
    assert_non_null(text);
    assert_string_equal(text, wanted);
    free(text);
    free(beside);
}

static void see_json(const char *path, const char *title)
{
    char *beside = rec_meta_path(path, ".json");
    json_t *json = json_load_file(beside, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(json, "title")), title);
    assert_int_equal(json_array_size(json_object_get(json, "turns")), 2);
    const json_t *ann = json_array_get(json_object_get(json, "speakers"), 0);
    assert_string_equal(json_string_value(json_object_get(ann, "user")), "ann");
    assert_int_equal(json_integer_value(json_object_get(ann, "spoken_ms")), 1000);
    json_decref(json);
    free(beside);
}

static int mean_of_jpeg(const char *path, int *width)
{
    char *beside = rec_meta_path(path, ".jpg");
    AVFormatContext *in = NULL;
    assert_true(avformat_open_input(&in, beside, NULL, NULL) >= 0);
    AVCodecContext *decoder = avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_MJPEG));
    assert_true(avcodec_open2(decoder, NULL, NULL) >= 0);
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();
    assert_true(av_read_frame(in, packet) >= 0);
    assert_true(avcodec_send_packet(decoder, packet) >= 0);
    assert_true(avcodec_receive_frame(decoder, frame) >= 0);
    int64_t sum = 0;
    for (int y = 0; y < frame->height; y++)
        for (int x = 0; x < frame->width; x++)
            sum += frame->data[0][y * frame->linesize[0] + x];
    *width = frame->width;
    const int mean = (int)(sum / (frame->width * frame->height));
    av_frame_free(&frame);
    av_packet_free(&packet);
    avcodec_free_context(&decoder);
    avformat_close_input(&in);
    free(beside);
    return mean;
}

static void see_mp4(const char *path, const char *title)
{
    AVFormatContext *in = NULL;
    assert_true(avformat_open_input(&in, path, NULL, NULL) >= 0);
    const AVDictionaryEntry *e = av_dict_get(in->metadata, "title", NULL, 0);
    assert_non_null(e);
    assert_string_equal(e->value, title);
    e = av_dict_get(in->metadata, "creation_time", NULL, 0);
    assert_non_null(e);
    assert_string_equal(e->value, "2023-11-14T22:13:20.000000Z");
    assert_int_equal(in->nb_chapters, 1);
    e = av_dict_get(in->chapters[0]->metadata, "title", NULL, 0);
    assert_non_null(e);
    assert_string_equal(e->value, "Ann B");
    assert_int_equal(in->chapters[0]->start, 0);
    assert_true(llabs(in->duration - 4 * S) < 100000); /* the chapter does not outlast the file */
    avformat_close_input(&in);
}

static pthread_t caller;
static atomic_bool is_opened_by_caller; /* the file of marks, which may take as long as its disk */

/* In place of the C library's, for all that is linked with this. */
int open(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    const int mode = flags & O_CREAT ? va_arg(more, int) : 0;
    va_end(more);
    const size_t size = strlen(path);
    if (size > 6 && strcmp(path + size - 6, ".marks") == 0 && flags & O_CREAT &&
        pthread_equal(pthread_self(), caller))
        atomic_store(&is_opened_by_caller, true);
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

/* Four seconds in which ann speaks from 1 to 2 s and bob from 3 s to the end, with a pause of 5 s of
 * the room's time at 2.5 s. */
static struct rec_meta *mark(const char *path, const char *title)
{
    const struct rec_meta_conf conf = {.path = path, .title = title, .room = "standup",
                                       .started_at_ms = INT64_C(1700000000000), .start_us = 50 * S};
    struct rec_meta *m = NULL;
    assert_int_equal(rec_meta_open(&m, &conf), 0);
    rec_meta_speak(m, "ann", "Ann B", true, 51 * S);
    rec_meta_floor(m, "ann", "Ann B", 51 * S + S / 2);
    rec_meta_speak(m, "ann", "Ann B", true, 51 * S + S / 2);
    rec_meta_speak(m, "ann", "Ann B", false, 52 * S);
    rec_meta_pause(m, 52 * S + S / 2);
    rec_meta_speak(m, "cat", "Cat", true, 54 * S);
    rec_meta_speak(m, "cat", "Cat", false, 56 * S);
    rec_meta_resume(m, 57 * S + S / 2);
    rec_meta_speak(m, "bob", "Bob", true, 58 * S);
    return m;
}

static const char captions[] = "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\n<v Ann B>Ann B\n\n"
                               "00:00:03.000 --> 00:00:04.000\n<v Bob>Bob\n\n";

static struct synth packets;

static struct rec *begin(const char *path)
{
    const struct rec_conf conf = {
        .path = path, .width = SYNTH_WIDTH, .height = SYNTH_HEIGHT, .fps = SYNTH_FPS,
        .channels = 2, .audio_config = packets.audio_config,
        .audio_config_size = packets.audio_config_size, .fragment_ms = 500, .may_block = true};
    struct rec *r = NULL;
    size_t video = 0;
    size_t audio = 0;
    assert_int_equal(rec_start(&r, &conf), 0);
    synth_push(&packets, r, &video, &audio, INT64_MAX);
    return r;
}

static void a_recording_has_its_talk_beside_it(void **state)
{
    (void)state;
    char path[128];
    int width = 0;
    synth_path(path, sizeof(path), "talk.1.mp4");
    caller = pthread_self();
    struct rec_meta *m = mark(path, "Monday");
    struct rec *r = begin(path);
    rec_meta_close(m);
    assert_true(is_there(path, ".marks"));
    assert_false(atomic_load(&is_opened_by_caller));
    rec_stop(r, 4 * S, NULL, NULL);
    rec_destroy(r);
    see_mp4(path, "Monday");
    see_captions(path, captions);
    see_json(path, "Monday");
    assert_in_range(mean_of_jpeg(path, &width), 40, 220);
    assert_int_equal(width, SYNTH_WIDTH);
    assert_false(is_there(path, ".marks"));
}

/* Jobs of a disk that hangs until it is let go. */
static atomic_bool is_let_go;
static atomic_int jobs_done, jobs_dropped;

static void hang(void *arg, bool is_wanted)
{
    (void)arg;
    while (is_wanted && !atomic_load(&is_let_go))
        usleep(1000);
    atomic_fetch_add(is_wanted ? &jobs_done : &jobs_dropped, 1);
}

static void wait_for_jobs(int count)
{
    for (int i = 0; i < 60000 && atomic_load(&jobs_done) < count; i++)
        usleep(1000);
    assert_int_equal(atomic_load(&jobs_done), count);
}

static void what_else_is_to_be_written_does_not_pile_up(void **state)
{
    (void)state;
    char path[128];
    synth_path(path, sizeof(path), "jobs.mp4");
    struct rec_meta *m = mark(path, "Jobs");
    int taken = 0;
    for (int i = 0; i < 20; i++)
        taken += rec_meta_do(m, hang, NULL);
    assert_int_equal(taken, 4);
    assert_int_equal(atomic_load(&jobs_dropped), 16);
    assert_false(rec_meta_do(NULL, hang, NULL));
    atomic_store(&is_let_go, true);
    wait_for_jobs(4);
    assert_true(rec_meta_do(m, hang, NULL)); /* there is room again */
    rec_meta_close(m);
    wait_for_jobs(5);
    char *marks = rec_meta_path(path, ".marks");
    unlink(marks);
    free(marks);
}

static void copy(const char *from, const char *to)
{
    char command[300];
    snprintf(command, sizeof(command), "cp '%s' '%s'", from, to);
    assert_int_equal(system(command), 0);
}

/* As a killed process leaves them: a fragmented file, and marks up to the middle of a line. */
static void a_recovered_one_has_it_too(void **state)
{
    (void)state;
    char path[128], left[128];
    synth_path(path, sizeof(path), "killed.mp4");
    synth_path(left, sizeof(left), "left.mp4");
    struct rec_meta *m = mark(path, "");
    struct rec *r = begin(path);
    rec_meta_close(m);
    for (int i = 0; i < 6000 && synth_file_size(path) < 60000; i++)
        usleep(10000);
    char *marks = rec_meta_path(path, ".marks");
    char *left_marks = rec_meta_path(left, ".marks");
    copy(path, left);
    copy(marks, left_marks);
    FILE *f = fopen(left_marks, "a");
    fputs("{\"at\":3100000,\"who\":2,\"on\":fal", f);
    fclose(f);
    rec_destroy(r);
    struct rec_result result = {0};
    assert_int_equal(rec_recover(left, &result), 0);
    assert_true(result.duration_ms > 1500);
    char *vtt = rec_meta_path(left, ".vtt");
    char *text = read_text(vtt);
    assert_non_null(strstr(text, "00:00:01.000 --> 00:00:02.000\n<v Ann B>"));
    assert_true(is_there(left, ".json"));
    assert_true(is_there(left, ".jpg"));
    assert_false(is_there(left, ".marks"));
    AVFormatContext *in = NULL; /* the room is its title */
    assert_true(avformat_open_input(&in, left, NULL, NULL) >= 0);
    assert_string_equal(av_dict_get(in->metadata, "title", NULL, 0)->value, "standup");
    avformat_close_input(&in);
    free(text);
    free(vtt);
    free(left_marks);
    free(marks);
}

static void names_beside_keep_the_stem(void **state)
{
    (void)state;
    static const char *const names[][2] = {{"/a/b.mp4", "/a/b.vtt"},
                                           {"/a.x/b", "/a.x/b.vtt"},
                                           {"/a/b.c.m4a", "/a/b.c.vtt"},
                                           {"/a/.b", "/a/.b.vtt"}};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char *path = rec_meta_path(names[i][0], ".vtt");
        assert_string_equal(path, names[i][1]);
        free(path);
    }
}

static int set_up(void **state)
{
    (void)state;
    synth_make_dir();
    synth_video(&packets, 0, 4 * SYNTH_FPS, 0);
    synth_audio(&packets, 0, 4.0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    synth_free(&packets);
    synth_remove_dir();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns_follow_the_marks),
        cmocka_unit_test(captions_name_the_speaker),
        cmocka_unit_test(chapters_follow_the_floor),
        cmocka_unit_test(a_long_quarrel_has_few_chapters),
        cmocka_unit_test(a_recording_has_its_talk_beside_it),
        cmocka_unit_test(what_else_is_to_be_written_does_not_pile_up),
        cmocka_unit_test(a_recovered_one_has_it_too),
        cmocka_unit_test(names_beside_keep_the_stem),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
