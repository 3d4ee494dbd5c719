/* kill -9 at seeded moments of a recording: what is left is recovered, decodes to its end, and lacks at
 * most the last second. KILLS sets how many (`make proof-kill`: 100), SEED the moments. */
#include "tests/unit/recorder/synth.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "mcu/base/clock.h"

enum { START_US = 7654321, SECONDS = 6, AT_ONCE = 8, LOSS_MAX_US = 1000 * 1000 };

static struct synth packets;
static struct seen seen;

/* What a victim has handed over when it dies; shared with it. */
struct victim {
    pid_t pid;
    char path[128];
    int64_t live_us;           /* from its first packet to its death */
    atomic_int_fast64_t began_us;
    atomic_int_fast64_t video; /* pictures */
    atomic_int_fast64_t media_us;
    atomic_int_fast64_t late_us; /* the most that the machine kept it from running */
};

static struct victim *victims;

static void note_late(struct victim *v, int64_t due_us)
{
    const int64_t late_us = mcu_now_us() - due_us;
    if (late_us > atomic_load(&v->late_us))
        atomic_store(&v->late_us, late_us);
}

/* In the child: hands packets over as time goes by, until it dies. */
static void record_for_ever(struct victim *v, bool has_b_frames)
{
    const struct rec_conf conf = {
        .path = v->path, .width = SYNTH_WIDTH, .height = SYNTH_HEIGHT, .fps = SYNTH_FPS,
        .channels = 2, .audio_config = packets.audio_config,
        .audio_config_size = packets.audio_config_size, .fragment_ms = 500, .start_us = START_US,
        .is_reordered = has_b_frames};
    struct rec *r = NULL;
    if (rec_start(&r, &conf) != 0)
        _exit(1);
    const int64_t begin_us = mcu_now_us();
    atomic_store(&v->began_us, begin_us);
    size_t video = 0, audio = 0;
    for (int64_t at_us = 0; at_us < SECONDS * MCU_US_PER_S; at_us += 10000) {
        mcu_sleep_until_us(begin_us + at_us);
        note_late(v, begin_us + at_us);
        synth_push(&packets, r, &video, &audio, START_US + at_us);
        atomic_store(&v->video, (int_fast64_t)video);
        atomic_store(&v->media_us, at_us);
    }
    pause();
}

static void start_victim(struct victim *v, int number, bool has_b_frames)
{
    char name[32];
    snprintf(name, sizeof(name), "kill-%d.mp4", number);
    synth_path(v->path, sizeof(v->path), name);
    v->live_us = 200000 + rand() % ((SECONDS - 1) * 1000000);
    const pid_t pid = fork(); /* not straight into what both share */
    if (pid == 0)
        record_for_ever(v, has_b_frames);
    assert_true(pid > 0);
    v->pid = pid;
}

static void kill_in_time(struct victim *v)
{
    int64_t began_us = 0;
    for (int i = 0; i < 60000 && (began_us = atomic_load(&v->began_us)) == 0; i++)
        mcu_sleep_until_us(mcu_now_us() + 1000);
    assert_true(began_us > 0);
    mcu_sleep_until_us(began_us + v->live_us);
    int status = 0;
    assert_true(v->pid > 0);
    assert_int_equal(kill(v->pid, SIGKILL), 0);
    assert_int_equal(waitpid(v->pid, &status, 0), v->pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* Pictures up to the first that is missing: their times are those of their numbers. Of the last ones
 * that were reordered some may have been on their way still. */
static int count_pictures(void)
{
    int n = 0;
    while (n < seen.video_frames &&
           llabs(seen.video_pts_us[n] - n * INT64_C(1000000) / SYNTH_FPS) <= 1000)
        n++;
    assert_true(seen.video_frames - n <= 3);
    return n;
}

/* Returns how much was lost. */
static int64_t look_at(const struct victim *v)
{
    struct rec_result result = {0};
    const int64_t media_us = atomic_load(&v->media_us);
    const int64_t allowed_us = LOSS_MAX_US + atomic_load(&v->late_us);
    const int err = rec_recover(v->path, &result);
    if (err == -ENODATA && media_us <= allowed_us)
        return media_us;
    assert_int_equal(err, 0);
    assert_int_equal(seen_file(v->path, &seen), 0);
    assert_int_equal(seen.errors, 0);
    assert_int_equal(result.video_frames, (uint64_t)seen.video_frames);
    const int64_t pictures_us = (atomic_load(&v->video) - count_pictures()) * INT64_C(1000000) /
                                SYNTH_FPS;
    const int64_t sound_us = media_us - seen.audio_end_us;
    const int64_t lost_us = pictures_us > sound_us ? pictures_us : sound_us;
    if (lost_us > allowed_us)
        fail_msg("%s: %lld us lost of %lld, %lld allowed", v->path, (long long)lost_us,
                 (long long)media_us, (long long)allowed_us);
    return lost_us;
}

static void kill_some(int from, int count, bool has_b_frames, int64_t *most_us, int64_t *sum_us)
{
    memset(victims, 0, AT_ONCE * sizeof(*victims));
    for (int i = 0; i < count; i++)
        start_victim(&victims[i], from + i, has_b_frames);
    for (int done = 0; done < count; done++) { /* in the order of their deaths */
        struct victim *next = NULL;
        for (int i = 0; i < count; i++) {
            if (victims[i].pid && (!next || victims[i].live_us < next->live_us))
                next = &victims[i];
        }
        kill_in_time(next);
        next->pid = 0;
    }
    for (int i = 0; i < count; i++) {
        const int64_t lost_us = look_at(&victims[i]);
        *most_us = lost_us > *most_us ? lost_us : *most_us;
        *sum_us += lost_us;
    }
}

static int number_of(const char *name, int otherwise)
{
    const char *text = getenv(name);
    return text ? atoi(text) : otherwise;
}

static void at_most_a_second_is_lost(void **state)
{
    (void)state;
    const int kills = number_of("KILLS", AT_ONCE);
    int64_t most_us = 0, sum_us = 0;
    srand((unsigned)number_of("SEED", 20261121));
    for (int done = 0; done < kills; done += AT_ONCE) {
        const bool has_b_frames = done / AT_ONCE % 2 == 1;
        synth_audio(&packets, START_US - 500000, SECONDS + 1.0);
        synth_video(&packets, START_US, SECONDS * SYNTH_FPS, has_b_frames ? 2 : 0);
        kill_some(done, kills - done < AT_ONCE ? kills - done : AT_ONCE, has_b_frames, &most_us,
                  &sum_us);
        synth_free(&packets);
    }
    printf("# %d kills: at most %.0f ms lost, %.0f on average\n", kills, (double)most_us / 1000,
           (double)sum_us / kills / 1000);
}

static int set_up(void **state)
{
    (void)state;
    synth_make_dir();
    victims = mmap(NULL, AT_ONCE * sizeof(*victims), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return victims == MAP_FAILED ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < AT_ONCE; i++) {
        if (victims[i].pid > 0)
            kill(victims[i].pid, SIGKILL);
    }
    synth_remove_dir();
    return 0;
}

int main(void)
{
    av_log_set_level(AV_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_most_a_second_is_lost),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
