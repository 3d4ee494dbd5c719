/* Recovery: recorders killed at seeded moments, files cut at seeded places, hostile files. */
#include "tests/unit/recorder/synth.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "mcu/base/clock.h"
#include "recorder/boxes.h"
#include "recorder/cut.h"

enum { KILLS = 20, BATCH = 5, STOPS = 6, SECONDS = 6 };

static struct synth packets;
static struct seen seen;

static uint32_t random_state = 20261121;

static uint32_t next_random(uint32_t below)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % below;
}

/* --- kill -9 ---------------------------------------------------------------------------------- */

/* What a child tells while it lives; shared memory. */
struct diary {
    atomic_int pushed;      /* video frames */
    atomic_llong late_us;   /* the most it came late to one: a busy machine's fault, not ours */
    atomic_bool is_stopped; /* rec_stop() was called */
    _Atomic int64_t at_us[SECONDS * SYNTH_FPS];
};

struct victim {
    pid_t pid;
    char path[128];
    struct diary *diary;
    int64_t killed_us;
};

static struct rec_conf conf_for(const char *path)
{
    return (struct rec_conf){
        .path = path, .width = SYNTH_WIDTH, .height = SYNTH_HEIGHT, .fps = SYNTH_FPS,
        .channels = 2, .audio_config = packets.audio_config,
        .audio_config_size = packets.audio_config_size, .fragment_ms = 500};
}

/* Records in real time, for `seconds`, then stops. */
static void live(const struct victim *v, double seconds)
{
    const struct rec_conf conf = conf_for(v->path);
    struct rec *r = NULL;
    if (rec_start(&r, &conf))
        _exit(1);
    const int64_t start_us = mcu_now_us();
    size_t a = 0;
    const int frames = (int)(seconds * SYNTH_FPS);
    for (int n = 0; n < frames; n++) {
        const int64_t due_us = start_us + packets.video[n]->pts_us;
        mcu_sleep_until_us(due_us);
        const int64_t now_us = mcu_now_us();
        if (now_us - due_us > atomic_load(&v->diary->late_us))
            atomic_store(&v->diary->late_us, now_us - due_us);
        rec_push_video(r, packets.video[n]);
        while (a < packets.audio_count && packets.audio[a]->pts_us <= packets.video[n]->pts_us)
            rec_push_audio(r, packets.audio[a++]);
        atomic_store(&v->diary->at_us[n], now_us);
        atomic_store(&v->diary->pushed, n + 1);
    }
    atomic_store(&v->diary->is_stopped, true);
    rec_stop(r, INT64_MAX, NULL, NULL);
    rec_destroy(r);
    _exit(0);
}

static void spawn(struct victim *v, int number, double seconds)
{
    char name[32];
    snprintf(name, sizeof(name), "killed%d.mp4", number);
    synth_path(v->path, sizeof(v->path), name);
    unlink(v->path);
    v->diary = mmap(NULL, sizeof(*v->diary), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(v->diary != MAP_FAILED);
    v->pid = fork();
    assert_true(v->pid >= 0);
    if (v->pid == 0)
        live(v, seconds);
}

static void kill_now(struct victim *v)
{
    v->killed_us = mcu_now_us();
    assert_int_equal(kill(v->pid, SIGKILL), 0);
    assert_true(waitpid(v->pid, NULL, 0) == v->pid);
}

/* The file plays to its end, and all that was pushed a second before the kill is in it. */
static void assert_saved(const struct victim *v)
{
    struct rec_result result = {0};
    const int err = rec_recover(v->path, &result);
    int due = 0; /* frames that must be there */
    const int pushed = atomic_load(&v->diary->pushed);
    const int64_t grace_us = 1000000 + 2 * atomic_load(&v->diary->late_us);
    while (due < pushed && atomic_load(&v->diary->at_us[due]) < v->killed_us - grace_us)
        due++;
    if (err && !(err == -ENODATA && due == 0))
        fail_msg("%s: error %d, %d pushed", v->path, err, pushed);
    if (!err) {
        assert_int_equal(seen_file(v->path, &seen), 0);
        assert_int_equal(seen.errors, 0);
        assert_int_equal(seen.video_frames, result.video_frames);
        assert_int_equal(synth_find_box(v->path, "moof"), -1);
        assert_true(synth_find_box(v->path, "moov") < synth_find_box(v->path, "mdat"));
        if (seen.video_frames < due)
            fail_msg("%s: %d of %d frames, %d had to be there", v->path, seen.video_frames, pushed,
                     due);
    }
    char tmp[160];
    snprintf(tmp, sizeof(tmp), "%s.tmp", v->path);
    assert_int_equal(synth_file_size(tmp), -1);
    munmap(v->diary, sizeof(*v->diary));
}

static void killed_while_recording_it_loses_a_second_at_most(void **state)
{
    (void)state;
    for (int first = 0; first < KILLS; first += BATCH) {
        struct victim victims[BATCH];
        int64_t when_us[BATCH];
        for (int i = 0; i < BATCH; i++) {
            when_us[i] = mcu_now_us() + 600000 + next_random(2900000);
            spawn(&victims[i], first + i, SECONDS);
        }
        for (int done = 0; done < BATCH; done++) {
            int next = 0;
            for (int i = 1; i < BATCH; i++)
                next = when_us[i] < when_us[next] ? i : next;
            mcu_sleep_until_us(when_us[next]);
            kill_now(&victims[next]);
            when_us[next] = INT64_MAX;
        }
        for (int i = 0; i < BATCH; i++)
            assert_saved(&victims[i]);
    }
}

static void killed_while_finishing_it_loses_nothing(void **state)
{
    (void)state;
    for (int n = 0; n < STOPS; n++) {
        struct victim v;
        spawn(&v, 100 + n, 1.5);
        for (int i = 0; i < 30000 && !atomic_load(&v.diary->is_stopped); i++)
            mcu_sleep_until_us(mcu_now_us() + 1000);
        mcu_sleep_until_us(mcu_now_us() + (int64_t)next_random(12) * 1000);
        kill_now(&v);
        assert_saved(&v);
    }
}

/* --- files -------------------------------------------------------------------------------------- */

static void copy_file(const char *from, const char *to, int64_t bytes)
{
    FILE *in = fopen(from, "rb");
    FILE *out = fopen(to, "wb");
    assert_non_null(in);
    assert_non_null(out);
    for (int c; bytes > 0 && (c = fgetc(in)) != EOF; bytes--)
        fputc(c, out);
    fclose(in);
    fclose(out);
}

/* A fragmented file of 3 s, as a killed recorder leaves it: the copy of a growing one. */
static void make_fragmented(const char *path)
{
    char growing[128];
    synth_path(growing, sizeof(growing), "growing.mp4");
    const struct rec_conf conf = conf_for(growing);
    struct rec *r = NULL;
    assert_int_equal(rec_start(&r, &conf), 0);
    size_t v = 0, a = 0;
    synth_push(&packets, r, &v, &a, 3000000);
    struct rec_boxes b = {0};
    for (int i = 0; i < 30000 && b.fragments < 5; i++) {
        mcu_sleep_until_us(mcu_now_us() + 1000);
        int fd = open(growing, O_RDONLY);
        const struct rec_boxes_reader reader = {&fd, rec_read_fd, (uint64_t)synth_file_size(growing)};
        assert_int_equal(rec_boxes_scan(&reader, &b), 0);
        close(fd);
    }
    copy_file(growing, path, INT64_MAX);
    rec_destroy(r);
    unlink(growing);
}

static uint32_t checksum(const char *path)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    uint32_t sum = 1;
    for (int c; (c = fgetc(f)) != EOF;)
        sum = sum * 16777619 ^ (uint32_t)c;
    fclose(f);
    return sum;
}

static void cut_anywhere_it_saves_what_is_whole(void **state)
{
    (void)state;
    char whole[128], cut[128];
    synth_path(whole, sizeof(whole), "fragmented.mp4");
    synth_path(cut, sizeof(cut), "cut.mp4");
    make_fragmented(whole);
    const int64_t size = synth_file_size(whole);
    int last_frames = 0;
    for (int n = 0; n <= 60; n++) {
        const int64_t at = size * n / 60;
        copy_file(whole, cut, at);
        const uint32_t before = checksum(cut);
        struct rec_result result = {0};
        const int err = rec_recover(cut, &result);
        if (err) {
            if (err != -ENODATA || last_frames > 0)
                fail_msg("cut at %lld: %d", (long long)at, err);
            assert_int_equal(checksum(cut), before);
            continue;
        }
        assert_int_equal(seen_file(cut, &seen), 0);
        assert_int_equal(seen.errors, 0);
        assert_int_equal(seen.video_frames, result.video_frames);
        assert_true(seen.video_frames >= last_frames);
        last_frames = seen.video_frames;
    }
    assert_true(last_frames >= 70);
}

static void repeated_it_changes_nothing(void **state)
{
    (void)state;
    char path[128], tmp[160];
    synth_path(path, sizeof(path), "again.mp4");
    snprintf(tmp, sizeof(tmp), "%s.tmp", path);
    make_fragmented(path);
    copy_file(path, tmp, 1000); /* of a finish that was interrupted */
    struct rec_result first, second;
    assert_int_equal(rec_recover(path, &first), 0);
    assert_int_equal(synth_file_size(tmp), -1);
    const uint32_t sum = checksum(path);
    struct stat before, after;
    assert_int_equal(stat(path, &before), 0);
    copy_file(path, tmp, 1000);
    assert_int_equal(rec_recover(path, &second), 0);
    assert_int_equal(synth_file_size(tmp), -1);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(sum, checksum(path));
    assert_int_equal(first.bytes, second.bytes);
    assert_int_equal(first.video_frames, second.video_frames);
    assert_int_equal(first.audio_frames, second.audio_frames);
    assert_true(llabs(first.duration_ms - second.duration_ms) <= 40);
}

#define TEXT(s) (s), sizeof(s) - 1

static const struct {
    const char *name;
    const char *data;
    size_t size;
    int err;
} bad_files[] = {
    {"empty", TEXT(""), -ENODATA},
    {"a few bytes", TEXT("\0\0\0"), -ENODATA},
    {"only a head", TEXT("\0\0\0\x0c" "ftyp" "isom"), -ENODATA},
    {"a text", TEXT("this is no film at all, it is a text"), -EBADMSG},
    {"zeros", TEXT("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), -EBADMSG},
    {"a finished file without its end",
     TEXT("\0\0\0\x0c" "ftyp" "isom" "\0\0\0\x10" "moov" "\0\0\0\x08" "trak" "\0\0\1\0" "mdat" "abcd"), -EBADMSG},
    {"fragments of nothing",
     TEXT("\0\0\0\x0c" "ftyp" "isom" "\0\0\0\x10" "moov" "\0\0\0\x08" "mvex"
          "\0\0\0\x10" "moof" "\0\0\0\x08" "mfhd" "\0\0\0\x0c" "mdat" "abcd"), -EBADMSG},
};

static void what_cannot_be_read_stays(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad_files) / sizeof(bad_files[0]); i++) {
        char path[128];
        synth_path(path, sizeof(path), "bad.mp4");
        FILE *f = fopen(path, "wb");
        assert_int_equal(fwrite(bad_files[i].data, 1, bad_files[i].size, f), bad_files[i].size);
        fclose(f);
        struct rec_result result = {.bytes = 77};
        const int err = rec_recover(path, &result);
        if (err != bad_files[i].err)
            fail_msg("%s: %d", bad_files[i].name, err);
        assert_int_equal(result.bytes, 77);
        assert_int_equal(synth_file_size(path), bad_files[i].size);
    }
    struct rec_result result;
    assert_int_equal(rec_recover("/tmp/no/such/file.mp4", &result), -ENOENT);
    assert_int_equal(rec_recover("/tmp", &result), -EISDIR);
    char fifo[128];
    synth_path(fifo, sizeof(fifo), "fifo.mp4");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(rec_recover(fifo, &result), -EINVAL);
}

struct watch {
    const char *path;
    atomic_bool is_over;
    int looks;
    int misses;
};

static void *watch(void *arg)
{
    struct watch *w = arg;
    while (!atomic_load(&w->is_over)) {
        w->looks++;
        w->misses += access(w->path, R_OK) != 0;
    }
    return NULL;
}

/* A kill could come at any of these moments. */
static void the_name_is_never_without_a_file(void **state)
{
    (void)state;
    char whole[128], path[128], next[128];
    synth_path(whole, sizeof(whole), "fragmented.mp4");
    synth_path(path, sizeof(path), "watched.mp4");
    synth_path(next, sizeof(next), "next.mp4");
    make_fragmented(whole);
    copy_file(whole, path, INT64_MAX);
    struct watch w = {.path = path};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, watch, &w), 0);
    for (int n = 0; n < 50; n++) {
        struct rec_result result;
        assert_int_equal(rec_recover(path, &result), 0);
        copy_file(whole, next, INT64_MAX);
        assert_int_equal(rename(next, path), 0);
    }
    atomic_store(&w.is_over, true);
    pthread_join(thread, NULL);
    assert_true(w.looks > 1000);
    assert_int_equal(w.misses, 0);
}

/* Bytes inside the fragments set at random: an error or a file, never a crash, and never no file. */
static void spoiled_files_are_survived(void **state)
{
    (void)state;
    char whole[128], path[128];
    synth_path(whole, sizeof(whole), "fragmented.mp4");
    synth_path(path, sizeof(path), "spoiled.mp4");
    make_fragmented(whole);
    const int64_t size = synth_file_size(whole);
    for (int n = 0; n < 60; n++) {
        copy_file(whole, path, size);
        FILE *f = fopen(path, "r+b");
        for (int k = 0; k < 1 + n / 4; k++) {
            fseek(f, (long)next_random((uint32_t)(n % 2 ? size : 4000)), SEEK_SET);
            fputc((int)next_random(256), f);
        }
        fclose(f);
        const uint32_t before = checksum(path);
        struct rec_result result;
        const int err = rec_recover(path, &result);
        if (err)
            assert_int_equal(checksum(path), before);
        else
            assert_true(synth_file_size(path) > 0);
    }
}

static int set_up(void **state)
{
    (void)state;
    synth_make_dir();
    synth_audio(&packets, 0, SECONDS);
    synth_video(&packets, 0, SECONDS * SYNTH_FPS, 0);
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
    av_log_set_level(AV_LOG_QUIET);
    const struct CMUnitTest tests[] = {
        /* First, while this process has no threads: fork() copies only the caller. */
        cmocka_unit_test(killed_while_recording_it_loses_a_second_at_most),
        cmocka_unit_test(killed_while_finishing_it_loses_nothing),
        cmocka_unit_test(cut_anywhere_it_saves_what_is_whole),
        cmocka_unit_test(repeated_it_changes_nothing),
        cmocka_unit_test(the_name_is_never_without_a_file),
        cmocka_unit_test(what_cannot_be_read_stays),
        cmocka_unit_test(spoiled_files_are_survived),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
