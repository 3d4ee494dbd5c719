/* HLS: segments and playlists in a folder, played back by libavformat. */
#include "synth.h"

#include <dirent.h>

#include "mcu/base/clock.h"
#include "recorder/hls.h"

enum { SECONDS = 9 };

static struct synth synth;

static int make_media(void **state)
{
    (void)state;
    synth_make_dir();
    synth_audio(&synth, 0, SECONDS);
    synth_video(&synth, 0, SECONDS * SYNTH_FPS, 0); /* a key frame a second */
    return 0;
}

static int free_media(void **state)
{
    (void)state;
    synth_free(&synth);
    synth_remove_dir();
    return 0;
}

static struct rec_hls_conf conf_of(const char *folder, uint32_t segments)
{
    return (struct rec_hls_conf){
        .folder = folder,
        .name = "run-1",
        .width = SYNTH_WIDTH,
        .height = SYNTH_HEIGHT,
        .fps = SYNTH_FPS,
        .channels = 2,
        .audio_config = synth.audio_config,
        .audio_config_size = synth.audio_config_size,
        .segment_us = 2 * MCU_US_PER_S,
        .segments = segments,
    };
}

/* All of it, the sound that the encoders give later in its place. The queue may be full. */
static void push_one(struct rec_hls *h, struct mcu_packet *p, bool is_video)
{
    for (int i = 0; i < 60000; i++) {
        if ((is_video ? rec_hls_push_video(h, p) : rec_hls_push_audio(h, p)) == 0)
            return;
        usleep(1000);
    }
    fail_msg("the queue stays full");
}

static void push_until(struct rec_hls *h, size_t *v, size_t *a, int64_t until_us)
{
    for (;;) {
        const struct mcu_packet *video = *v < synth.video_count ? synth.video[*v] : NULL;
        const struct mcu_packet *audio = *a < synth.audio_count ? synth.audio[*a] : NULL;
        const bool is_video = video && (!audio || video->dts_us <= audio->dts_us);
        const struct mcu_packet *next = is_video ? video : audio;
        if (!next || next->dts_us >= until_us)
            return;
        push_one(h, is_video ? synth.video[(*v)++] : synth.audio[(*a)++], is_video);
        usleep(200);
    }
}

static void push_all(struct rec_hls *h)
{
    size_t v = 0, a = 0;
    push_until(h, &v, &a, INT64_MAX);
}

static void wait_for(struct rec_hls *h, enum rec_live_state state)
{
    struct rec_live_status status = {0};
    for (int i = 0; i < 60000 && status.state != state; i++) {
        rec_hls_read(h, &status);
        usleep(1000);
    }
    assert_int_equal(status.state, state);
}

static void run(const struct rec_hls_conf *conf)
{
    struct rec_hls *h = NULL;
    assert_int_equal(rec_hls_start(&h, conf), 0);
    push_all(h);
    struct rec_live_status status;
    rec_hls_stop(h);
    wait_for(h, REC_LIVE_ENDED);
    rec_hls_read(h, &status);
    rec_hls_destroy(h);
    assert_int_equal(status.error, 0);
    assert_true(status.bytes > 1000);
}

static char *text_of(const char *folder)
{
    static char text[65536];
    char path[512];
    snprintf(path, sizeof(path), "%s/index.m3u8", folder);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    return text;
}

static int files(const char *folder, const char *end)
{
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    const struct dirent *e;
    int n = 0;
    while ((e = readdir(dir))) {
        const size_t size = strlen(e->d_name);
        n += size > strlen(end) && strcmp(e->d_name + size - strlen(end), end) == 0;
    }
    closedir(dir);
    return n;
}

/* Seconds of pictures, and how far the largest gap between two of them is. */
static double play(const char *folder, double *gap)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/index.m3u8", folder);
    AVFormatContext *in = NULL;
    AVDictionary *options = NULL;
    av_dict_set(&options, "allowed_extensions", "ALL", 0);
    av_dict_set(&options, "live_start_index", "0", 0);
    assert_int_equal(avformat_open_input(&in, path, NULL, &options), 0);
    av_dict_free(&options);
    assert_true(avformat_find_stream_info(in, NULL) >= 0);
    const int video = av_find_best_stream(in, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    assert_true(video >= 0);
    assert_true(av_find_best_stream(in, AVMEDIA_TYPE_AUDIO, -1, -1, NULL, 0) >= 0);
    AVPacket *p = av_packet_alloc();
    double first = -1, last = 0;
    *gap = 0;
    while (av_read_frame(in, p) >= 0) {
        const double at = (double)p->dts * av_q2d(in->streams[p->stream_index]->time_base);
        if (p->stream_index == video) {
            if (first < 0)
                first = at;
            else if (at - last > *gap)
                *gap = at - last;
            last = at;
        }
        av_packet_unref(p);
    }
    av_packet_free(&p);
    avformat_close_input(&in);
    return last - first;
}

static void an_archive_has_all_of_it(void **state)
{
    (void)state;
    char folder[128];
    synth_path(folder, sizeof(folder), "archive");
    const struct rec_hls_conf conf = conf_of(folder, 0);
    run(&conf);
    const char *text = text_of(folder);
    assert_non_null(strstr(text, "#EXT-X-PLAYLIST-TYPE:VOD"));
    assert_non_null(strstr(text, "#EXT-X-ENDLIST"));
    assert_non_null(strstr(text, "#EXT-X-MAP:URI=\"run-1-init.mp4\""));
    assert_null(strchr(text, '/'));             /* names alone */
    assert_int_equal(files(folder, ".m4s"), 5); /* four of 2 s and the rest */
    assert_int_equal(files(folder, ".tmp"), 0);
    double gap;
    const double span = play(folder, &gap);
    assert_true(span > SECONDS - 0.1 && span < SECONDS);
    assert_true(gap < 0.05);
}

static void a_window_has_the_newest(void **state)
{
    (void)state;
    char folder[128];
    synth_path(folder, sizeof(folder), "window");
    const struct rec_hls_conf conf = conf_of(folder, 2);
    run(&conf);
    const char *text = text_of(folder);
    assert_null(strstr(text, "run-1-00000.m4s"));
    assert_non_null(strstr(text, "run-1-00004.m4s"));
    assert_null(strstr(text, "PLAYLIST-TYPE"));
    assert_true(files(folder, ".m4s") <= 4); /* who has just read the list may still fetch them */
}

static void what_was_there_before_is_removed(void **state)
{
    (void)state;
    char folder[128], path[160];
    synth_path(folder, sizeof(folder), "again");
    assert_int_equal(mkdir(folder, 0755), 0);
    static const char *const names[] = {"old-00000.m4s", "old-init.mp4", "index.m3u8.tmp",
                                        "keep.txt"};
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fclose(f);
    }
    const struct rec_hls_conf conf = conf_of(folder, 0);
    run(&conf);
    assert_int_equal(files(folder, ".m4s"), 5);
    assert_int_equal(files(folder, ".mp4"), 1);
    snprintf(path, sizeof(path), "%s/keep.txt", folder);
    assert_int_equal(access(path, F_OK), 0); /* not ours */
}

static void a_folder_that_goes_is_told_of(void **state)
{
    (void)state;
    char folder[128], index[160], command[256];
    synth_path(folder, sizeof(folder), "gone");
    snprintf(index, sizeof(index), "%s/index.m3u8", folder);
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    const struct rec_hls_conf conf = conf_of(folder, 0);
    struct rec_hls *h = NULL;
    assert_int_equal(rec_hls_start(&h, &conf), 0);
    size_t v = 0, a = 0;
    push_until(h, &v, &a, 4 * MCU_US_PER_S);
    for (int i = 0; i < 60000 && access(index, F_OK) != 0; i++)
        usleep(1000);
    assert_int_equal(system(command), 0);
    for (; v < synth.video_count; v++) {
        if (rec_hls_push_video(h, synth.video[v]) == -EPIPE)
            break;
        for (; a < synth.audio_count && synth.audio[a]->pts_us <= synth.video[v]->pts_us; a++)
            rec_hls_push_audio(h, synth.audio[a]);
        usleep(200);
    }
    wait_for(h, REC_LIVE_FAILED);
    struct rec_live_status status;
    rec_hls_read(h, &status);
    assert_int_equal(status.error, -ENOENT);
    rec_hls_destroy(h);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    struct rec_hls *h = NULL;
    struct rec_hls_conf conf = conf_of("relative", 0);
    assert_int_equal(rec_hls_start(&h, &conf), -EINVAL);
    conf = conf_of("/tmp/with%d", 0);
    assert_int_equal(rec_hls_start(&h, &conf), -EINVAL);
    conf = conf_of("/nowhere/at/all", 0);
    assert_int_equal(rec_hls_start(&h, &conf), -ENOENT);
    conf.name = "../x";
    assert_int_equal(rec_hls_start(&h, &conf), -EINVAL);
}

static void names_have_types(void **state)
{
    (void)state;
    assert_string_equal(rec_hls_type("index.m3u8"), "application/vnd.apple.mpegurl");
    assert_string_equal(rec_hls_type("Ab-9_z-00001.m4s"), "video/iso.segment");
    assert_string_equal(rec_hls_type("x-init.mp4"), "video/mp4");
    static const char *const none[] = {"",          ".m4s",   "../x.m4s", "a/b.m4s",
                                       "x.m4s.tmp", "x.html", "x.y.m4s",  "x.m4s\n",
                                       "x%2f.m4s",  "index",  "..m3u8",   "a b.m4s"};
    for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
        assert_null(rec_hls_type(none[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_archive_has_all_of_it),
        cmocka_unit_test(a_window_has_the_newest),
        cmocka_unit_test(what_was_there_before_is_removed),
        cmocka_unit_test(a_folder_that_goes_is_told_of),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(names_have_types),
    };
    return cmocka_run_group_tests(tests, make_media, free_media);
}
