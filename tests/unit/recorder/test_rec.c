/* Whole recordings: real H264 and AAC packets in, the file decoded again. */
#include "tests/unit/recorder/synth.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <signal.h>

#include "mcu/base/clock.h"
#include "recorder/boxes.h"
#include "recorder/cut.h"

enum { START_US = 7654321 };

static struct synth packets;
static struct seen seen;

struct outcome {
    atomic_int count;
    struct rec_result result;
};

static void on_done(void *ctx, const struct rec_result *result)
{
    struct outcome *o = ctx;
    o->result = *result;
    atomic_fetch_add(&o->count, 1);
}

static struct rec_conf conf_for(const char *path, bool may_block)
{
    return (struct rec_conf){
        .path = path, .width = SYNTH_WIDTH, .height = SYNTH_HEIGHT, .fps = SYNTH_FPS,
        .channels = 2, .audio_config = packets.audio_config,
        .audio_config_size = packets.audio_config_size, .fragment_ms = 500,
        .start_us = START_US, .may_block = may_block};
}

static struct rec *start(const struct rec_conf *conf)
{
    struct rec *r = NULL;
    assert_int_equal(rec_start(&r, conf), 0);
    return r;
}

/* Fragments in a growing file. */
static uint64_t fragments_of(const char *path)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    int fd = fileno(f);
    struct rec_boxes b;
    const struct rec_boxes_reader reader = {&fd, rec_read_fd, (uint64_t)synth_file_size(path)};
    assert_int_equal(rec_boxes_scan(&reader, &b), 0);
    fclose(f);
    return b.fragments;
}

static void wait_for_fragments(const char *path, uint64_t n)
{
    for (int i = 0; i < 30000 && fragments_of(path) < n; i++)
        mcu_sleep_until_us(mcu_now_us() + 1000);
    assert_true(fragments_of(path) >= n);
}

/* Until the file decodes without an error, with that many pictures in it. */
static void wait_for_frames(const char *path, int frames)
{
    for (int i = 0; i < 600; i++) {
        if (seen_file(path, &seen) == 0 && seen.errors == 0 && seen.video_frames >= frames)
            return;
        mcu_sleep_until_us(mcu_now_us() + 50000);
    }
    fail_msg("%d of %d pictures, %d errors", seen.video_frames, frames, seen.errors);
}

/* Pushes everything and ends at end_us after the start. */
static struct rec_result record(const struct rec_conf *conf, int64_t end_us)
{
    struct outcome o = {0};
    struct rec *r = start(conf);
    size_t v = 0, a = 0;
    synth_push(&packets, r, &v, &a, INT64_MAX);
    rec_stop(r, START_US + end_us, on_done, &o);
    rec_destroy(r);
    assert_int_equal(atomic_load(&o.count), 1);
    return o.result;
}

static void assert_near(const char *what, int64_t got, int64_t wanted, int64_t tolerance)
{
    if (llabs(got - wanted) > tolerance)
        fail_msg("%s: %lld, not %lld", what, (long long)got, (long long)wanted);
}

static void look_at(const char *path, int64_t end_us)
{
    assert_int_equal(seen_file(path, &seen), 0);
    assert_int_equal(seen.errors, 0);
    assert_true(synth_find_box(path, "moov") > 0);
    assert_true(synth_find_box(path, "moov") < synth_find_box(path, "mdat"));
    assert_int_equal(synth_find_box(path, "moof"), -1);
    if (seen.video_frames > 0) {
        assert_near("first picture", seen.video_start_us, 0, 1000);
        assert_near("last picture", seen.video_end_us, end_us, 2000);
    }
    if (seen.audio_frames > 0) {
        assert_near("first sound", seen.audio_start_us, 0, 1000);
        assert_near("last sound", seen.audio_end_us, end_us, 40000);
    }
}

static void a_recording_is_whole_and_in_time(void **state)
{
    (void)state;
    for (int b_frames = 0; b_frames <= 2; b_frames += 2) {
        char path[128];
        synth_path(path, sizeof(path), b_frames ? "b.mp4" : "plain.mp4");
        synth_audio(&packets, START_US - 500000, 3.6);
        synth_video(&packets, START_US, 90, b_frames);
        const struct rec_conf conf = conf_for(path, true);
        const struct rec_result result = record(&conf, 3000000);
        assert_int_equal(result.error, 0);
        assert_int_equal(result.video_frames, 90);
        assert_int_equal(result.dropped, 0);
        assert_near("duration", result.duration_ms, 3000, 40);
        assert_int_equal(result.bytes, synth_file_size(path));
        look_at(path, 3000000);
        assert_int_equal(seen.video_frames, 90);
        for (int n = 0; n < 90; n++)
            assert_near("picture", seen.video_pts_us[n], n * INT64_C(1000000) / SYNTH_FPS, 12);
        synth_free(&packets);
    }
}

static void a_tone_that_began_before_is_in_phase(void **state)
{
    (void)state;
    char path[128], command[300];
    synth_path(path, sizeof(path), "phase.mp4");
    synth_audio(&packets, START_US - 500000, 2.6); /* 440 Hz, phase 0 at its own start */
    struct rec_conf conf = conf_for(path, true);
    conf.width = conf.height = 0;
    assert_int_equal(record(&conf, 2000000).error, 0);
    look_at(path, 2000000);
    assert_int_equal(seen.video_frames, 0);
    snprintf(command, sizeof(command), "ffmpeg -nostdin -v error -i %s -f f32le -af pan=mono\\|c0=c0 -", path);
    FILE *pcm = popen(command, "r");
    assert_non_null(pcm);
    float worst = 0;
    int n = 0;
    for (float sample; fread(&sample, sizeof(sample), 1, pcm) == 1 && n < 95000; n++) {
        const double at = 0.5 + n / 48000.0;
        worst = fmaxf(worst, fabsf(sample - (float)(0.3 * sin(6.283185307 * 440 * at))));
    }
    pclose(pcm);
    assert_int_equal(n, 95000);
    if (worst > 0.03f) /* one sample off would be 0.017 and grow to 0.3; from the very first one on */
        fail_msg("off by %f", (double)worst);
    synth_free(&packets);
}

static void a_late_key_frame_shows_from_the_start(void **state)
{
    (void)state;
    char path[128];
    synth_path(path, sizeof(path), "late.mp4");
    synth_audio(&packets, START_US - 500000, 3.6);
    synth_video(&packets, START_US - 500000, 105, 0); /* the first key frame inside is at +0.5 s */
    const struct rec_conf conf = conf_for(path, true);
    const struct rec_result result = record(&conf, 3000000);
    assert_int_equal(result.error, 0);
    assert_int_equal(result.video_frames, 75);
    look_at(path, 3000000);
    assert_near("second picture", seen.video_pts_us[1], 533333, 12);
    synth_free(&packets);
}

static void live_the_stop_waits_for_late_packets_and_leaves_out_the_rest(void **state)
{
    (void)state;
    char path[128];
    synth_path(path, sizeof(path), "live.mp4");
    synth_audio(&packets, START_US - 500000, 4.6);
    synth_video(&packets, START_US, 120, 0);
    const struct rec_conf conf = conf_for(path, false);
    struct outcome o = {0};
    struct rec *r = start(&conf);
    size_t v = 0, a = 0;
    synth_push(&packets, r, &v, &a, START_US + 2600000);
    wait_for_fragments(path, 4);
    rec_stop(r, START_US + 3000000, on_done, &o);
    mcu_sleep_until_us(mcu_now_us() + 20000); /* the encoders are slow */
    synth_push_past(&packets, r, &v, &a, START_US + 4000000, START_US + 3000000);
    rec_destroy(r);
    assert_int_equal(atomic_load(&o.count), 1);
    assert_int_equal(o.result.error, 0);
    assert_int_equal(o.result.video_frames, 90);
    assert_near("duration", o.result.duration_ms, 3000, 40);
    look_at(path, 3000000);
    synth_free(&packets);
}

static void a_stalled_picture_lasts_to_the_end(void **state)
{
    (void)state;
    char path[128];
    synth_path(path, sizeof(path), "stall.mp4");
    synth_audio(&packets, START_US - 500000, 3.6);
    synth_video(&packets, START_US, 30, 0);
    const struct rec_conf conf = conf_for(path, false); /* nothing at or past the end comes: it gives up waiting */
    const struct rec_result result = record(&conf, 3000000);
    assert_int_equal(result.error, 0);
    assert_int_equal(result.video_frames, 30);
    look_at(path, 3000000);
    synth_free(&packets);
}

/* Its successor may come a second later, or never: a kill must not cost it. */
static void a_still_is_in_the_growing_file(void **state)
{
    (void)state;
    char path[128];
    synth_path(path, sizeof(path), "still.mp4");
    synth_audio(&packets, START_US - 500000, 4.6);
    synth_video(&packets, START_US, 120, 0);
    const struct rec_conf conf = conf_for(path, false);
    struct outcome o = {0};
    struct rec *r = start(&conf);
    assert_int_equal(rec_push_video(r, packets.video[0]), 0);
    for (size_t i = 0; i < 120; i++)
        assert_int_equal(rec_push_audio(r, packets.audio[i]), 0);
    wait_for_frames(path, 1);
    for (size_t i = 90; i < 120; i++) /* it moves again after three seconds, with a key frame */
        assert_int_equal(rec_push_video(r, packets.video[i]), 0);
    for (size_t i = 120; i < packets.audio_count; i++)
        assert_int_equal(rec_push_audio(r, packets.audio[i]), 0);
    rec_stop(r, START_US + 4000000, on_done, &o);
    rec_destroy(r);
    assert_int_equal(o.result.error, 0);
    assert_int_equal(o.result.video_frames, 31);
    look_at(path, 4000000);
    assert_near("second picture", seen.video_pts_us[1], 3000000, 12);
    synth_free(&packets);
}

static void one_kind_alone_is_a_file(void **state)
{
    (void)state;
    char path[128];
    synth_audio(&packets, START_US, 2.6);
    synth_video(&packets, START_US, 60, 0);
    synth_path(path, sizeof(path), "video.mp4");
    struct rec_conf conf = conf_for(path, true);
    conf.channels = 0;
    assert_int_equal(record(&conf, 2000000).audio_frames, 0);
    look_at(path, 2000000);
    assert_int_equal(seen.video_frames, 60);
    assert_int_equal(seen.audio_frames, 0);

    /* Both were announced, but the camera never brought a key frame. */
    synth_path(path, sizeof(path), "nokey.mp4");
    conf = conf_for(path, true);
    for (size_t i = 0; i < packets.video_count; i++)
        packets.video[i]->is_key = false;
    const struct rec_result result = record(&conf, 2000000);
    assert_int_equal(result.error, 0);
    assert_int_equal(result.video_frames, 0);
    look_at(path, 2000000);
    assert_true(seen.audio_frames > 90);
    synth_free(&packets);
}

static void nothing_at_all_is_told(void **state)
{
    (void)state;
    char path[128];
    synth_path(path, sizeof(path), "none.mp4");
    synth_audio(&packets, START_US - 5000000, 1);
    const struct rec_conf conf = conf_for(path, true);
    const struct rec_result result = record(&conf, 1000000);
    assert_int_equal(result.error, -ENODATA);
    assert_int_equal(result.bytes, 0);
    synth_free(&packets);
}

static void without_a_stop_destroy_ends_the_file(void **state)
{
    (void)state;
    char path[128];
    synth_path(path, sizeof(path), "destroy.mp4");
    synth_audio(&packets, START_US - 500000, 2.5);
    synth_video(&packets, START_US, 60, 0);
    const struct rec_conf conf = conf_for(path, false);
    struct rec *r = start(&conf);
    size_t v = 0, a = 0;
    synth_push(&packets, r, &v, &a, INT64_MAX);
    rec_destroy(r);
    look_at(path, 2000000);
    assert_int_equal(seen.video_frames, 60);
    synth_free(&packets);
}

static void the_growing_file_plays(void **state)
{
    (void)state;
    char path[128], command[300];
    synth_path(path, sizeof(path), "growing.mp4");
    synth_audio(&packets, START_US - 500000, 4.6);
    synth_video(&packets, START_US, 120, 0);
    const struct rec_conf conf = conf_for(path, false);
    struct rec *r = start(&conf);
    size_t v = 0, a = 0;
    for (int second = 1; second <= 4; second++) {
        synth_push(&packets, r, &v, &a, START_US + second * INT64_C(1000000));
        wait_for_frames(path, second * SYNTH_FPS - 17); /* half a second and what is held */
        assert_near("together", seen.video_end_us, seen.audio_end_us, 600000);
    }
    snprintf(command, sizeof(command),
             "ffprobe -v error -show_entries stream=codec_name -of csv=p=0 %s | tr '\\n' ' '", path);
    FILE *p = popen(command, "r");
    char line[64] = "";
    assert_non_null(fgets(line, sizeof(line), p));
    pclose(p);
    assert_string_equal(line, "h264 aac ");
    rec_destroy(r);
    synth_free(&packets);
}

static void bad_settings_and_taken_names_are_refused(void **state)
{
    (void)state;
    char path[128];
    synth_path(path, sizeof(path), "refused.mp4");
    packets.audio_config_size = 2;
    const struct rec_conf good = conf_for(path, false);
    struct rec *r = NULL;
    struct rec_conf bad[8];
    for (int i = 0; i < 8; i++)
        bad[i] = good;
    bad[0].path = "relative.mp4";
    bad[1].width = bad[1].height = bad[1].channels = 0;
    bad[2].height = 0;
    bad[3].channels = 3;
    bad[4].audio_config_size = 0;
    bad[5].fragment_ms = 0;
    bad[6].width = 100000;
    bad[7].audio_config_size = 1000;
    for (int i = 0; i < 8; i++)
        assert_int_equal(rec_start(&r, &bad[i]), -EINVAL);
    assert_int_equal(synth_file_size(path), -1);
    struct rec_conf nowhere = good;
    nowhere.path = "/tmp/no/such/folder/a.mp4";
    assert_int_equal(rec_start(&r, &nowhere), -ENOENT);
    FILE *f = fopen(path, "w");
    fputs("precious", f);
    fclose(f);
    assert_int_equal(rec_start(&r, &good), -EEXIST);
    assert_int_equal(synth_file_size(path), 8);
    assert_null(r);
    rec_destroy(NULL);
}

/* Records until a push says -EIO, and looks at what is left. */
static void record_until_it_breaks(const char *path, int error)
{
    synth_audio(&packets, START_US - 500000, 20.5);
    synth_video(&packets, START_US, 600, 0);
    const struct rec_conf conf = conf_for(path, true);
    struct outcome o = {0};
    struct rec *r = start(&conf);
    int err = 0;
    for (size_t i = 0; i < packets.video_count && !err; i++) {
        err = rec_push_video(r, packets.video[i]);
        for (size_t k = i * 47 / 30; k < (i + 1) * 47 / 30 && !err; k++)
            err = rec_push_audio(r, packets.audio[k]);
    }
    if (!err) { /* all went into the queue before the writer came to the end of the disk */
        rec_stop(r, START_US + 20000000, on_done, &o);
        rec_destroy(r);
    } else {
        assert_int_equal(err, -EIO);
        assert_int_equal(atomic_load(&o.count), 0);
        rec_stop(r, START_US + 20000000, on_done, &o);
        rec_destroy(r);
    }
    assert_int_equal(atomic_load(&o.count), 1);
    assert_int_equal(o.result.error, error);
    assert_int_equal(o.result.bytes, synth_file_size(path));
    assert_int_equal(seen_file(path, &seen), 0);
    assert_int_equal(seen.errors, 0);
    assert_true(seen.video_frames >= 15);
    assert_near("duration", o.result.duration_ms, seen.video_end_us / 1000, 600);
    synth_free(&packets);
}

static void a_full_disk_ends_it_and_the_file_plays(void **state)
{
    (void)state;
    char folder[128], path[160];
    synth_path(folder, sizeof(folder), "small");
    assert_int_equal(mkdir(folder, 0700), 0);
    if (mount("tmpfs", folder, "tmpfs", 0, "size=128k") < 0) {
        printf("skipped: no tmpfs can be mounted here: %s\n", strerror(errno));
        assert_null(getenv("CI")); /* there it can be, so a skip is a failure */
        skip();
    }
    snprintf(path, sizeof(path), "%s/full.mp4", folder);
    record_until_it_breaks(path, -ENOSPC);
    struct rec_result result;
    const int64_t size = synth_file_size(path);
    assert_int_equal(rec_recover(path, &result), -ENOSPC); /* no room for the second file either */
    assert_int_equal(synth_file_size(path), size);
    assert_int_equal(mount("tmpfs", folder, "tmpfs", MS_REMOUNT, "size=1m"), 0);
    assert_int_equal(rec_recover(path, &result), 0);
    assert_int_equal(seen_file(path, &seen), 0);
    assert_int_equal(seen.errors, 0);
    assert_int_equal(result.video_frames, (uint64_t)seen.video_frames);
    assert_int_equal(umount(folder), 0);
}

static void a_failing_write_ends_it_and_the_file_plays(void **state)
{
    (void)state;
    char path[128];
    synth_path(path, sizeof(path), "limit.mp4");
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit small = {.rlim_cur = 100000, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    record_until_it_breaks(path, -EFBIG);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
}

static int set_up(void **state)
{
    (void)state;
    synth_make_dir();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char folder[128];
    synth_path(folder, sizeof(folder), "small");
    umount2(folder, MNT_DETACH); /* left behind by a test that failed */
    synth_remove_dir();
    return 0;
}

int main(void)
{
    av_log_set_level(AV_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recording_is_whole_and_in_time),
        cmocka_unit_test(a_tone_that_began_before_is_in_phase),
        cmocka_unit_test(a_late_key_frame_shows_from_the_start),
        cmocka_unit_test(live_the_stop_waits_for_late_packets_and_leaves_out_the_rest),
        cmocka_unit_test(a_stalled_picture_lasts_to_the_end),
        cmocka_unit_test(a_still_is_in_the_growing_file),
        cmocka_unit_test(one_kind_alone_is_a_file),
        cmocka_unit_test(nothing_at_all_is_told),
        cmocka_unit_test(without_a_stop_destroy_ends_the_file),
        cmocka_unit_test(the_growing_file_plays),
        cmocka_unit_test(bad_settings_and_taken_names_are_refused),
        cmocka_unit_test(a_full_disk_ends_it_and_the_file_plays),
        cmocka_unit_test(a_failing_write_ends_it_and_the_file_plays),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
