/* Recordings on disks that are full, broken or slow. The disk is this program's own write(2), and a
 * real one of 64 MiB where it may mount one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "tests/unit/mcu/films.h"

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

/* --- tests ------------------------------------------------------------------------------------ */

/* A second is long for a test. */
static void try_now(struct stage *s)
{
    s->room->recordings[0].retry_us = 0;
}

static void assert_takes_up_again(struct stage *s)
{
    try_now(s);
    UNTIL(s, told(s, "resumed", 0));
    assert_non_null(told(s, "failed", 1));
    UNTIL(s, has_written(s, 300));
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
    UNTIL(s, has_written(s, 300));
    const int64_t broken_us = mcu_now_us();
    break_disk(EIO);
    UNTIL(s, told(s, "stalled", 0));
    const int64_t told_ms = (mcu_now_us() - broken_us) / 1000;
    printf("# told after %lld ms\n", (long long)told_ms);
    assert_string_equal(text(told(s, "stalled", 0), "error"), strerror(EIO));
    assert_null(told(s, "resumed", 0));
    const int64_t due_us = s->room->recordings[0].retry_us;
    UNTIL(s, s->room->recordings[0].retry_us > due_us); /* an attempt comes, and to nothing */
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
    UNTIL(s, has_written(s, 300));
    atomic_store(&fault, FAULT_SLOW);
    UNTIL(s, told(s, "stalled", 0));
    assert_string_equal(text(told(s, "stalled", 0), "error"), "the disk is too slow");
    run_for(s, 200);
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
    UNTIL(s, has_written(s, 300));
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
    UNTIL(s, has_written(s, 300));
    fill_disk(filler, filler_bytes);
    UNTIL(s, told(s, "stalled", 0));
    assert_string_equal(text(told(s, "stalled", 0), "error"), strerror(ENOSPC));
    run_for(s, 100);
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

static int tear_down(void **state)
{
    atomic_store(&fault, FAULT_NONE);
    return films_tear_down(state);
}

int main(void)
{
    av_log_set_level(AV_LOG_ERROR);
#define TEST(name) cmocka_unit_test_setup_teardown(name, films_set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_disk_error_is_told_and_the_next_file_takes_up),
        TEST(a_slow_disk_is_told_and_nothing_waits_for_it),
        TEST(a_stop_while_the_disk_is_broken_ends_it),
        TEST(a_full_disk_is_waited_for),
        TEST(some_room_is_left_to_others),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
