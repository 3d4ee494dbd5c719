/* Recordings in several files: pauses, splits, and disks that are full, broken or slow. The disk is
 * this program's own write(2), and a real one of 64 MiB where it may mount one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <libavformat/avformat.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "mcu/room_internal.h"
#include "tests/unit/mcu/guests.h"

static char folder[64];

/* --- the disk --------------------------------------------------------------------------------- */

enum fault { FAULT_NONE, FAULT_ERROR, FAULT_SLOW };

static atomic_int fault;
static atomic_int fault_error;

static bool is_ours(int fd)
{
    char link[64], path[512] = "";
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    return readlink(link, path, sizeof(path) - 1) > 0 && strncmp(path, folder, strlen(folder)) == 0;
}

/* In place of the C library's, for all that is linked with this. */
ssize_t write(int fd, const void *data, size_t size)
{
    if (atomic_load(&fault) != FAULT_NONE && is_ours(fd)) {
        while (atomic_load(&fault) == FAULT_SLOW)
            usleep(1000);
        if (atomic_load(&fault) == FAULT_ERROR) {
            errno = atomic_load(&fault_error);
            return -1;
        }
    }
    return syscall(SYS_write, fd, data, size);
}

static void break_disk(int error)
{
    atomic_store(&fault_error, error);
    atomic_store(&fault, FAULT_ERROR);
}

/* --- what is told, and what is in the files --------------------------------------------------- */

static const json_t *told(const struct stage *s, const char *state, int part)
{
    size_t i;
    json_t *event;
    json_array_foreach(s->recordings, i, event) {
        if (strcmp(text(event, "state"), state) == 0 &&
            (part == 0 || json_integer_value(json_object_get(event, "part")) == part))
            return event;
    }
    return NULL;
}

static int64_t number(const json_t *event, const char *key)
{
    return json_integer_value(json_object_get(event, key));
}

struct film {
    int pictures;
    int64_t video_us, audio_us; /* where they end */
};

/* Decodes all of it. */
static struct film film_of(const char *path)
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

static void begin(struct stage *s, const struct mcu_config *c)
{
    char file[128];
    open_stage(s, c, "mcu");
    snprintf(file, sizeof(file), "%s/r.mp4", folder);
    tell(s, json_pack("{s:s,s:s,s:s}", "cmd", "record_start", "id", "r", "file", file));
}

static json_t *command(const char *name)
{
    return json_pack("{s:s,s:s}", "cmd", name, "id", "r");
}

static bool has_written(struct stage *s, int ms)
{
    struct mcu_record_status status = {0};
    mcu_studio_record_status(s->room->studio, "r", &status);
    return status.part && status.duration_ms >= ms;
}

static bool is_over(const struct stage *s)
{
    return !s->room->recordings[0].id[0];
}

/* --- tests ------------------------------------------------------------------------------------ */

static void a_pause_is_not_in_the_file(void **state)
{
    struct stage *s = *state;
    struct mcu_config c;
    stage_config(&c);
    begin(s, &c);
    assert_string_equal(ask(s, command("record_resume")), "already");
    UNTIL(s, has_written(s, 1000));
    tell(s, command("record_pause"));
    assert_string_equal(ask(s, command("record_pause")), "already");
    const int64_t paused_us = mcu_now_us();
    run_for(s, 1500);
    tell(s, json_pack("{s:s}", "cmd", "adopt"));
    const json_t *one = json_array_get(json_object_get(s->reply, "recordings"), 0);
    assert_true(json_is_true(json_object_get(one, "paused")));
    assert_int_equal(json_array_size(json_object_get(one, "parts")), 1);
    tell(s, command("record_resume"));
    const int64_t pause_ms = (mcu_now_us() - paused_us) / 1000;
    run_for(s, 1500);
    const int64_t ended_us = mcu_now_us();
    tell(s, command("record_stop"));
    assert_string_equal(ask(s, json_pack("{s:s,s:s}", "cmd", "record_pause", "id", "none")),
                        "no_such_recording");
    UNTIL(s, is_over(s));
    const json_t *ready = told(s, "ready", 1);
    assert_non_null(ready);
    assert_true(json_is_true(json_object_get(ready, "final")));
    const struct film film = film_of(text(ready, "file"));
    const int64_t whole_ms = number(ready, "ended_at") - number(ready, "started_at");
    /* The key frame after it comes with the next picture or two, of 100 ms each. */
    assert_true(film.video_us / 1000 <= whole_ms - pause_ms + 20);
    assert_true(film.video_us / 1000 >= whole_ms - pause_ms - 2000);
    assert_true(llabs(film.video_us - film.audio_us) <= 40000);
    assert_true(ended_us > paused_us);
}

static void a_long_one_goes_on_in_another_file(void **state)
{
    struct stage *s = *state;
    struct mcu_config c;
    stage_config(&c);
    begin(s, &c);
    UNTIL(s, has_written(s, 1000));
    uint32_t part = 0;
    char file[128];
    snprintf(file, sizeof(file), "%s/r-2.mp4", folder);
    assert_int_equal(mcu_studio_record_next(s->room->studio, "r", file, mcu_now_us(), &part), 0);
    assert_int_equal(part, 2);
    assert_int_equal(mcu_studio_record_next(s->room->studio, "r", file, mcu_now_us(), &part),
                     -EBUSY);
    UNTIL(s, told(s, "part", 2));
    UNTIL(s, told(s, "ready", 1)); /* while the second is written */
    assert_false(json_is_true(json_object_get(told(s, "ready", 1), "final")));
    UNTIL(s, has_written(s, 700));
    tell(s, command("record_stop"));
    UNTIL(s, is_over(s));
    const json_t *first = told(s, "ready", 1), *second = told(s, "ready", 2);
    assert_true(json_is_true(json_object_get(second, "final")));
    assert_string_equal(text(second, "file"), file);
    const struct film a = film_of(text(first, "file")), b = film_of(file);
    /* The second begins where the first ends, and both together last as long as the whole. */
    const int64_t gap_ms = number(second, "started_at") - number(first, "started_at");
    assert_true(llabs(a.video_us / 1000 - gap_ms) <= 2);
    assert_true(llabs((a.video_us + b.video_us) / 1000 -
                      (number(second, "ended_at") - number(first, "started_at"))) <= 2);
    assert_true(llabs(a.audio_us - a.video_us) <= 40000 && llabs(b.audio_us - b.video_us) <= 40000);
}

/* Another part is written, and the room has not looked yet. */
static void cut_unseen(struct stage *s, uint32_t number)
{
    char file[128];
    uint32_t part = 0;
    struct mcu_record_status status = {0};
    const int64_t until_us = mcu_now_us() + PATIENCE_S * MCU_US_PER_S;
    snprintf(file, sizeof(file), "%s/r-%u.mp4", folder, (unsigned)number);
    assert_int_equal(mcu_studio_record_next(s->room->studio, "r", file, mcu_now_us(), &part), 0);
    assert_int_equal(part, number);
    while (status.part != number && mcu_now_us() < until_us) {
        usleep(1000);
        mcu_studio_record_status(s->room->studio, "r", &status);
    }
    assert_int_equal(status.part, number);
    assert_int_equal(s->room->recordings[0].part, number - 1);
}

static void what_is_noted_is_noted_beside_the_newest_part(void **state)
{
    struct stage *s = *state;
    struct mcu_config c;
    stage_config(&c);
    begin(s, &c);
    const struct room_recording *one = &s->room->recordings[0];
    UNTIL(s, has_written(s, 500));
    cut_unseen(s, 2);
    tell(s, command("record_pause"));
    assert_int_equal(one->part, 2); /* else the pause were the first one's */
    tell(s, command("record_resume"));
    UNTIL(s, has_written(s, 500));
    cut_unseen(s, 3);
    tell(s, command("record_stop"));
    assert_int_equal(one->part, 3);
    assert_null(one->meta); /* nothing more is noted */
    UNTIL(s, is_over(s));
}

static void parts_follow_by_the_setting(void **state)
{
    struct stage *s = *state;
    struct mcu_config c;
    stage_config(&c);
    c.recording.split_minutes = 2;
    c.recording.split_mb = 3;
    begin(s, &c);
    struct room_recording *one = &s->room->recordings[0];
    assert_int_equal(one->split_ms, 120000);
    assert_int_equal(one->split_bytes, 3000000);
    UNTIL(s, has_written(s, 1000));
    assert_null(told(s, "part", 2));
    one->split_ms = 1000; /* two minutes are long for a test */
    UNTIL(s, told(s, "part", 2));
    one->split_ms = 0;
    run_for(s, 300);
    one->split_bytes = 1;
    UNTIL(s, told(s, "part", 3));
    one->split_bytes = 0;
    UNTIL(s, told(s, "ready", 2));
    run_for(s, 1000);
    const size_t parts = one->part; /* another may have followed before it was told not to */
    UNTIL(s, has_written(s, 700));
    assert_int_equal(one->part, parts);
    tell(s, command("record_stop"));
    UNTIL(s, is_over(s));
    for (int part = 1; part <= (int)parts; part++)
        film_of(text(told(s, "ready", part), "file"));
}

static void assert_takes_up_again(struct stage *s)
{
    UNTIL(s, told(s, "resumed", 0));
    assert_non_null(told(s, "failed", 1));
    UNTIL(s, has_written(s, 500));
    tell(s, command("record_stop"));
    UNTIL(s, is_over(s));
    const json_t *last = json_array_get(s->recordings, json_array_size(s->recordings) - 1);
    assert_string_equal(text(last, "state"), "ready");
    assert_true(number(last, "part") > 1);
    film_of(text(last, "file"));
    film_of(text(told(s, "failed", 1), "file")); /* what was written before plays */
}

static void a_disk_error_is_told_and_the_next_file_takes_up(void **state)
{
    struct stage *s = *state;
    struct mcu_config c;
    stage_config(&c);
    begin(s, &c);
    UNTIL(s, has_written(s, 1000));
    const int64_t broken_us = mcu_now_us();
    break_disk(EIO);
    UNTIL(s, told(s, "stalled", 0));
    const int64_t told_ms = (mcu_now_us() - broken_us) / 1000;
    printf("# told after %lld ms\n", (long long)told_ms);
    assert_string_equal(text(told(s, "stalled", 0), "error"), strerror(EIO));
    assert_null(told(s, "resumed", 0));
    run_for(s, 1500); /* the first attempt comes to nothing */
    assert_null(told(s, "resumed", 0));
    tell(s, json_pack("{s:s}", "cmd", "adopt"));
    const json_t *one = json_array_get(json_object_get(s->reply, "recordings"), 0);
    assert_true(json_is_true(json_object_get(one, "stalled")));
    atomic_store(&fault, FAULT_NONE);
    assert_takes_up_again(s);
}

static void a_slow_disk_is_told_and_nothing_waits_for_it(void **state)
{
    struct stage *s = *state;
    struct mcu_config c;
    stage_config(&c);
    begin(s, &c);
    UNTIL(s, has_written(s, 1000));
    atomic_store(&fault, FAULT_SLOW);
    UNTIL(s, told(s, "stalled", 0));
    assert_string_equal(text(told(s, "stalled", 0), "error"), "the disk is too slow");
    run_for(s, 500);
    assert_null(told(s, "resumed", 0));
    atomic_store(&fault, FAULT_NONE);
    UNTIL(s, told(s, "resumed", 0));
    tell(s, command("record_stop"));
    UNTIL(s, is_over(s));
    const struct film film = film_of(text(told(s, "ready", 1), "file")); /* it is still one file */
    assert_true(llabs(film.video_us - film.audio_us) <= 40000);
}

static void a_stop_while_the_disk_is_broken_ends_it(void **state)
{
    struct stage *s = *state;
    struct mcu_config c;
    stage_config(&c);
    begin(s, &c);
    UNTIL(s, has_written(s, 1500));
    break_disk(ENOSPC);
    UNTIL(s, told(s, "stalled", 0) && told(s, "failed", 1));
    tell(s, command("record_stop"));
    UNTIL(s, is_over(s));
    const json_t *last = json_array_get(s->recordings, json_array_size(s->recordings) - 1);
    assert_true(strcmp(text(last, "state"), "ended") == 0 ||
                json_is_true(json_object_get(last, "final")));
    film_of(text(told(s, "failed", 1), "file"));
}

/* --- a disk of 64 MiB ------------------------------------------------------------------------- */

static void fill_disk(const char *path, int64_t bytes)
{
    static char block[65536];
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    ssize_t n = 1;
    for (int64_t done = 0; done < bytes && n > 0; done += n)
        n = syscall(SYS_write, fd, block, sizeof(block));
    close(fd);
}

static void fill_and_free(struct stage *s, uint32_t min_free_mb, int64_t filler_bytes)
{
    struct mcu_config c;
    stage_config(&c);
    c.recording.min_free_mb = min_free_mb;
    char filler[128];
    snprintf(filler, sizeof(filler), "%s/filler", folder);
    begin(s, &c);
    UNTIL(s, has_written(s, 1000));
    fill_disk(filler, filler_bytes);
    UNTIL(s, told(s, "stalled", 0));
    assert_string_equal(text(told(s, "stalled", 0), "error"), strerror(ENOSPC));
    run_for(s, 300);
    assert_int_equal(unlink(filler), 0);
    assert_takes_up_again(s);
}

static bool mount_small(void)
{
    if (mount("tmpfs", folder, "tmpfs", 0, "size=64m") == 0)
        return true;
    printf("skipped: no tmpfs can be mounted here: %s\n", strerror(errno));
    assert_null(getenv("CI")); /* there it can be, so a skip is a failure */
    return false;
}

static void a_full_disk_is_waited_for(void **state)
{
    if (!mount_small())
        skip();
    fill_and_free(*state, 0, INT64_MAX);
}

static void some_room_is_left_to_others(void **state)
{
    if (!mount_small())
        skip();
    fill_and_free(*state, 20, 50 * 1024 * 1024);
}

static int set_up(void **state)
{
    snprintf(folder, sizeof(folder), "/tmp/mixdown-parts-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    return stage_set_up(state);
}

static int tear_down(void **state)
{
    char line[128];
    atomic_store(&fault, FAULT_NONE);
    const int err = stage_tear_down(state);
    umount2(folder, MNT_DETACH);
    snprintf(line, sizeof(line), "rm -rf '%s'", folder);
    return system(line) == 0 ? err : -1;
}

int main(void)
{
    av_log_set_level(AV_LOG_ERROR);
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_pause_is_not_in_the_file),
        TEST(a_long_one_goes_on_in_another_file),
        TEST(what_is_noted_is_noted_beside_the_newest_part),
        TEST(parts_follow_by_the_setting),
        TEST(a_disk_error_is_told_and_the_next_file_takes_up),
        TEST(a_slow_disk_is_told_and_nothing_waits_for_it),
        TEST(a_stop_while_the_disk_is_broken_ends_it),
        TEST(a_full_disk_is_waited_for),
        TEST(some_room_is_left_to_others),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
