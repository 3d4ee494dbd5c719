/* `mixdown config` and `mixdown token` as a shell sees them: exit status, standard output, standard
 * error. Each run is a process of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "mcu/commands.h"
#include "signaling/token.h"

enum { WORDS_MAX = 16 };

static const char secret[] = "0123456789abcdef0123456789abcdef";
static char out[64 * 1024], err[4096];

static void read_back(FILE *f, char *text, size_t size)
{
    rewind(f);
    text[fread(text, 1, size - 1, f)] = '\0';
    fclose(f);
}

/* Runs the words of line, separated by spaces. Returns the exit status. */
static int run(const char *line)
{
    char words[1024], *argv[WORDS_MAX + 1];
    int argc = 0, status = -1;
    FILE *out_file = tmpfile(), *err_file = tmpfile();
    snprintf(words, sizeof(words), "%s", line);
    for (char *p = strtok(words, " "); p && argc < WORDS_MAX; p = strtok(NULL, " "))
        argv[argc++] = p;
    argv[argc] = NULL;
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        dup2(fileno(out_file), STDOUT_FILENO);
        dup2(fileno(err_file), STDERR_FILENO);
        const int done = strcmp(argv[0], "token") == 0 ? mcu_cmd_token(argc, argv)
                                                       : mcu_cmd_config(argc, argv);
        fflush(NULL);
        _exit(done);
    }
    waitpid(child, &status, 0);
    read_back(out_file, out, sizeof(out));
    read_back(err_file, err, sizeof(err));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_wrong_words_say_what_and_leave_with_two(void **state)
{
    static const struct {
        const char *line, *words;
    } rows[] = {
        {"config", "give show, check FILE or doc"},
        {"config dance", "give show, check FILE or doc"},
        {"config check", "give one file"},
        {"config check /nowhere.yaml", "/nowhere.yaml: No such file"},
        {"config check tests/unit/mcu/test_json.c", "test_json.c:1: "},
        {"config show --verbose", "takes only --config FILE"},
        {"config doc x", "takes nothing more"},
        {"token", "--room is missing"},
        {"token --room r", "--user is missing"},
        {"token --room a/b --user u", "--room: give 1 to 64 of"},
        {"token --room r --user u --role king", "--role: give host, publisher or subscriber"},
        {"token --room r --user u --ttl never", "--ttl: give a time"},
        {"token --room r --user u --ttl 0", "--ttl: give a time"},
        {"token --room r --user u --ttl 99999d", "--ttl: give a time"},
        {"token --room r --user u --ttl 1w", "--ttl: give a time"},
        {"token --room r --user u extra", "extra: an unknown word"},
        {"token --rom r", "Try mixdown token --help"},
        {"token --room r --user", "Try mixdown token --help"},
        {"token --room r --user u", "auth.secret is not set"},
        {"token --room r --user u --config /nowhere.yaml", "/nowhere.yaml: No such file"},
    };
    (void)state;
    unsetenv("MIXDOWN_AUTH_SECRET");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const int status = run(rows[i].line);
        print_message("%s: %s", rows[i].line, err);
        assert_int_equal(status, 2);
        assert_non_null(strstr(err, rows[i].words));
        assert_string_equal(out, "");
    }
}

static void test_help(void **state)
{
    (void)state;
    assert_int_equal(run("config --help"), 0);
    assert_non_null(strstr(out, "Usage: mixdown config"));
    assert_int_equal(run("config show --help"), 0);
    assert_int_equal(run("token --help"), 0);
    assert_non_null(strstr(out, "--ttl TIME"));
    assert_string_equal(err, "");
}

static void test_show_check_and_doc(void **state)
{
    (void)state;
    assert_int_equal(run("config check docs/mixdown.yaml"), 0);
    assert_string_equal(out, "docs/mixdown.yaml: fine\n");
    assert_int_equal(run("config show --config docs/mixdown.yaml"), 0);
    assert_non_null(strstr(out, "\nrtc:\n"));
    setenv("MIXDOWN_VIDEO_FPS", "25", 1);
    assert_int_equal(run("config show"), 0);
    unsetenv("MIXDOWN_VIDEO_FPS");
    assert_non_null(strstr(out, "  fps: 25\n"));
    assert_int_equal(run("config doc"), 0);
    assert_non_null(strstr(out, "| `video.fps` |"));
}

static void test_output_that_cannot_be_written_is_a_failure(void **state)
{
    (void)state;
    const pid_t child = fork();
    if (child == 0) {
        char *argv[] = {"config", "doc", NULL};
        dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO);
        _exit(mcu_cmd_config(2, argv));
    }
    int status = 0;
    waitpid(child, &status, 0);
    assert_int_equal(WEXITSTATUS(status), 1);
}

static void test_a_token_that_verifies(void **state)
{
    struct sig_token t;
    (void)state;
    setenv("MIXDOWN_AUTH_SECRET", secret, 1);
    assert_int_equal(run("token --room r1 --user u1 --name Ann --role host --ttl 2h --record"), 0);
    unsetenv("MIXDOWN_AUTH_SECRET");
    const size_t size = strcspn(out, "\n");
    const int64_t now_s = mcu_wall_ms() / 1000;
    assert_int_equal(sig_token_verify(&t, out, size, secret, now_s, NULL), 0);
    assert_string_equal(t.room, "r1");
    assert_string_equal(t.sub, "u1");
    assert_string_equal(t.name, "Ann");
    assert_string_equal(t.role, "host");
    assert_true(t.may_record && !t.may_live && !t.is_admin);
    assert_in_range(t.exp_s, now_s + 7200 - 100, now_s + 7200);
    assert_string_equal(out + size, "\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_words_say_what_and_leave_with_two),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_show_check_and_doc),
        cmocka_unit_test(test_output_that_cannot_be_written_is_a_failure),
        cmocka_unit_test(test_a_token_that_verifies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
