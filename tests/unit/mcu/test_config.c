/* Settings: the table, the YAML reader's errors word for word, the environment, JSON, and the two
 * files in docs/ that are made from the table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mcu/config_internal.h"

static struct mcu_config config;
static char error[MCU_CONFIG_ERROR_MAX];

/* Structs have holes, so what is compared is every setting. */
static void assert_same(const struct mcu_config *a, const struct mcu_config *b)
{
    json_t *left = mcu_config_to_json(a), *right = mcu_config_to_json(b);
    assert_true(json_equal(left, right));
    assert_string_equal(a->auth.secret, b->auth.secret);
    json_decref(left);
    json_decref(right);
}

static int load_text(const char *yaml)
{
    mcu_config_init(&config);
    error[0] = '\0';
    return config_parse_yaml(&config, "x.yaml", yaml, strlen(yaml), error);
}

static void test_defaults(void **state)
{
    (void)state;
    mcu_config_init(&config);
    assert_string_equal(config.http.listen, "0.0.0.0:8080");
    assert_int_equal(config.http.cors_origins.count, 0);
    assert_int_equal(config.http.max_connections, 1000);
    assert_int_equal(config.rtc.port_min, 40000);
    assert_int_equal(config.rtc.port_max, 49999);
    assert_false(config.rtc.loopback);
    assert_int_equal(config.video.width, 1280);
    assert_string_equal(config.video.background, "#101418");
    assert_string_equal(config.storage.dir, "data");
    assert_string_equal(config.log.level, "info");
    char why[MCU_CONFIG_ERROR_MAX];
    assert_int_equal(config_check(&config, why), 0);
}

static void test_every_row_is_complete(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];
        print_message("%s.%s\n", row->section, row->key);
        assert_ptr_equal(config_find(row->section, row->key), row);
        assert_true(strlen(row->sentence) > 10);
        assert_int_equal(row->sentence[strlen(row->sentence) - 1], '.');
        assert_true(row->type != CONFIG_LIST || (row->is_valid && row->form));
        assert_true(row->type != CONFIG_TEXT || row->choices || row->form);
        assert_true(row->type != CONFIG_INT || row->min < row->max);
        assert_true(row->type != CONFIG_INT || row->size == sizeof(uint32_t));
    }
}

static void test_a_file_sets_what_it_names(void **state)
{
    (void)state;
    assert_int_equal(load_text("# mine\n"
                               "http:\n  listen: '[::]:80'\n  cors_origins: [ 'https://a.example', \"*\" ]\n"
                               "rtc:\n  loopback: true\n  announced:\n    - 192.0.2.1\n    - 2001:db8::1\n"
                               "  listen: 10.0.0.1, 10.0.0.2\n"
                               "video: {width: 640, height: 360}\n"
                               "log:\n"),
                     0);
    assert_string_equal(config.http.listen, "[::]:80");
    assert_int_equal(config.http.cors_origins.count, 2);
    assert_string_equal(config.http.cors_origins.item[0], "https://a.example");
    assert_true(config.rtc.loopback);
    assert_string_equal(config.rtc.announced.item[1], "2001:db8::1");
    assert_int_equal(config.rtc.listen.count, 2);
    assert_string_equal(config.rtc.listen.item[1], "10.0.0.2");
    assert_int_equal(config.video.width, 640);
    assert_int_equal(config.video.fps, 30);
    assert_int_equal(load_text(""), 0);
    assert_int_equal(load_text("# nothing\n"), 0);
    assert_int_equal(load_text("---\n"), 0);
}

static void test_errors_name_file_line_key_and_the_nearest(void **state)
{
    static const struct {
        const char *yaml, *words;
    } rows[] = {
        {"http:\n  listn: x\n", "x.yaml:2: unknown key http.listn; did you mean http.listen?"},
        {"\nhtpp:\n  listen: x\n", "x.yaml:2: unknown section htpp; did you mean http?"},
        {"rtc:\n  listen: 10.0.0.1\n  max_rooms: 4\n",
         "x.yaml:3: unknown key rtc.max_rooms; did you mean room.max_rooms?"},
        {"http:\n  zzzzzzzzzz: 1\n",
         "x.yaml:2: unknown key http.zzzzzzzzzz; `mixdown config doc` lists what there is"},
        {"rtc:\n  port_min: 70000\n",
         "x.yaml:2: rtc.port_min: \"70000\" is not allowed here: give a whole number from 1024 to 65535"},
        {"rtc:\n  port_min: -1\n", "x.yaml:2: rtc.port_min: \"-1\" is not"},
        {"rtc:\n  port_min: 4e4\n", "x.yaml:2: rtc.port_min: \"4e4\" is not"},
        {"rtc:\n  port_min: 99999999999999999999\n", "x.yaml:2: rtc.port_min:"},
        {"rtc:\n  port_min:\n", "x.yaml:2: rtc.port_min: \"\" is not"},
        {"rtc:\n  loopback: yes\n", "give true or false"},
        {"http:\n  listen: 8080\n", "give HOST:PORT or [ADDRESS]:PORT"},
        {"http:\n  listen: 'a:65536'\n", "give HOST:PORT"},
        {"http:\n  listen: '[::g]:80'\n", "give HOST:PORT"},
        {"http:\n  listen: '::1:80'\n", "give HOST:PORT"},
        {"http:\n  listen: ''\n", "give HOST:PORT"},
        {"http:\n  cors_origins: [a.example]\n", "x.yaml:2: http.cors_origins \"a.example\" is not"},
        {"http:\n  cors_origins:\n    - '*'\n    - {}\n", "x.yaml:4: a plain value is wanted"},
        {"http:\n  cors_origins: {a: b}\n", "x.yaml:2: a list is wanted"},
        {"rtc:\n  listen: [1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1]\n",
         "too many items: give at most 8"},
        {"rtc:\n  listen: [300.1.1.1]\n", "give an IP address"},
        {"rtc:\n  ice_servers: ['http://x']\n", "give stun:HOST:PORT"},
        {"video:\n  preset: placebo\n", "give ultrafast superfast veryfast"},
        {"video:\n  preset: fast medium\n", "give ultrafast"},
        {"video:\n  background: red\n", "give #rrggbb"},
        {"video:\n  layout: ../x\n", "give letters"},
        {"video:\n  width: 640\n  width: 320\n", "x.yaml:3: video.width stands here a second time"},
        {"video:\n  width: 640\nvideo:\n  width: 320\n", "x.yaml:4: video.width stands here a second"},
        {"auth:\n  secret: short-and-secret\n", "x.yaml:2: auth.secret: must be at least 32 bytes"},
        {"log:\n  level: \"in\\nfo\"\n", "one line of UTF-8"},
        {"http:\n  \"a\\nb\": 1\n", "x.yaml:2: unknown key http.a?b"},
        {"http: 5\n", "x.yaml:1: section http needs its settings below it"},
        {"- http\n", "x.yaml:1: sections are wanted here"},
        {"just words\n", "x.yaml:1: sections are wanted here"},
        {"a: &x 1\nb: *x\n", "x.yaml:1: unknown section a"},
        {"http:\n  listen: &x 'a:1'\n", "x.yaml:2: tags (!name) and anchors"},
        {"http:\n  tls_cert: *x\n", "x.yaml:2: "},
        {"http:\n  listen: !!str 'a:1'\n", "x.yaml:2: tags"},
        {"http:\n\tlisten: 1\n", "x.yaml:2: not YAML"},
        {"http: {listen: 'a:1'\n", "not YAML"},
        {"log:\n  level: info\n---\nlog:\n", "x.yaml:3: a second document"},
        {"? [a]\n: b\n", "x.yaml:1: the name of a section is wanted"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const int err = load_text(rows[i].yaml);
        print_message("%s", rows[i].yaml);
        assert_int_equal(err, -EINVAL);
        if (!strstr(error, rows[i].words))
            fail_msg("\"%s\" is not in \"%s\"", rows[i].words, error);
        assert_null(strchr(error, '\n'));
    }
    assert_int_equal(load_text("auth:\n  secret: short-and-secret\n"), -EINVAL);
    assert_null(strstr(error, "short-and-secret"));
}

static void test_settings_that_contradict_each_other(void **state)
{
    static const struct {
        const char *yaml, *words;
    } rows[] = {
        {"rtc: {port_min: 5000, port_max: 4000}\n", "rtc.port_min (5000) is above rtc.port_max (4000)"},
        {"audio: {playout_min_ms: 400, playout_max_ms: 100}\n", "audio.playout_min_ms"},
        {"video: {width: 641}\n", "must be even"},
        {"http: {tls_cert: a.pem}\n", "need each other"},
    };
    char why[MCU_CONFIG_ERROR_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(load_text(rows[i].yaml), 0);
        assert_int_equal(config_check(&config, why), -EINVAL);
        if (!strstr(why, rows[i].words))
            fail_msg("\"%s\" is not in \"%s\"", rows[i].words, why);
    }
}

static int load_environment(const char *variable)
{
    char copy[256];
    char *environment[] = {copy, NULL};
    snprintf(copy, sizeof(copy), "%s", variable);
    mcu_config_init(&config);
    error[0] = '\0';
    return config_read_environment(&config, environment, error);
}

static void test_environment(void **state)
{
    static const struct {
        const char *variable, *words; /* NULL: fine */
    } rows[] = {
        {"MIXDOWN_RTC_PORT_MIN=5000", NULL},
        {"MIXDOWN_HTTP_CORS_ORIGINS=https://a, https://b", NULL},
        {"HOME=/root", NULL},
        {"MIXDOWN_SERVICE_HOST=10.0.0.1", NULL}, /* an orchestrator's */
        {"MIXDOWN_PORT_8080_TCP=tcp://x", NULL},
        {"MIXDOWN_RTC_PORT_MIN=x", "environment: MIXDOWN_RTC_PORT_MIN: \"x\" is not allowed"},
        {"MIXDOWN_RTC_PORTMIN=1",
         "MIXDOWN_RTC_PORTMIN: unknown setting; did you mean MIXDOWN_RTC_PORT_MIN?"},
        {"MIXDOWN_RTC=1", "MIXDOWN_RTC: unknown setting"},
        {"MIXDOWN_RTC_=1", "MIXDOWN_RTC_: unknown setting"},
        {"MIXDOWN_AUTH_DEV=true", "MIXDOWN_AUTH_DEV: unknown setting"},
        {"MIXDOWN_AUTH_SECRET=tooshort", "environment: MIXDOWN_AUTH_SECRET: must be at least"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const int err = load_environment(rows[i].variable);
        print_message("%s\n", rows[i].variable);
        assert_int_equal(err, rows[i].words ? -EINVAL : 0);
        if (rows[i].words && !strstr(error, rows[i].words))
            fail_msg("\"%s\" is not in \"%s\"", rows[i].words, error);
        assert_null(strstr(error, "tooshort"));
    }
    assert_int_equal(load_environment("MIXDOWN_HTTP_CORS_ORIGINS=https://a, https://b"), 0);
    assert_int_equal(config.http.cors_origins.count, 2);
    assert_string_equal(config.http.cors_origins.item[1], "https://b");
}

/* Writes a file of its own and removes it in the end. */
static int load_file(const char *yaml)
{
    char path[] = "/tmp/mixdown-config-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, yaml, strlen(yaml)), (ssize_t)strlen(yaml));
    close(fd);
    const int err = mcu_config_load(&config, path, error);
    unlink(path);
    return err;
}

static void test_load_is_all_or_nothing_and_the_environment_is_stronger(void **state)
{
    (void)state;
    mcu_config_init(&config);
    assert_int_equal(load_file("video: {width: 640}\nrtc: {port_min: 60000}\n"), -EINVAL);
    assert_non_null(strstr(error, "is above rtc.port_max"));
    assert_int_equal(config.video.width, 1280);

    setenv("MIXDOWN_VIDEO_WIDTH", "320", 1);
    assert_int_equal(load_file("video: {width: 640, height: 180}\n"), 0);
    unsetenv("MIXDOWN_VIDEO_WIDTH");
    assert_int_equal(config.video.width, 320);
    assert_int_equal(config.video.height, 180);

    assert_int_equal(mcu_config_load(&config, "/nowhere/x.yaml", error), -ENOENT);
    assert_non_null(strstr(error, "/nowhere/x.yaml: No such file"));
    assert_true(mcu_config_load(&config, "/tmp", error) < 0);
}

static void test_json_carries_all_but_secrets(void **state)
{
    struct mcu_config back;
    (void)state;
    assert_int_equal(load_text("video: {width: 640}\n"
                               "rtc: {loopback: true, listen: [10.0.0.1], turn_secret: north,\n"
                               "      turn_password: south}\n"
                               "auth: {secret: 0123456789abcdef0123456789abcdef}\n"), 0);
    json_t *json = mcu_config_to_json(&config);
    assert_non_null(json_object_get(json, "auth"));
    assert_null(json_object_get(json_object_get(json, "auth"), "secret"));
    mcu_config_init(&back);
    assert_int_equal(mcu_config_from_json(&back, json, error), 0);
    memset(config.auth.secret, 0, sizeof(config.auth.secret));
    assert_same(&config, &back);
    assert_string_equal(back.rtc.turn_secret, "");
    assert_string_equal(back.rtc.turn_password, "south"); /* rooms use it */
    json_decref(json);
}

static void test_json_is_read_as_strictly(void **state)
{
    static const char *const bad[] = {
        "[]", "{\"video\":1}", "{\"video\":{\"widht\":640}}", "{\"video\":{\"width\":\"640\"}}",
        "{\"video\":{\"width\":1.5}}", "{\"video\":{\"width\":-640}}", "{\"video\":{\"width\":641}}",
        "{\"rtc\":{\"loopback\":1}}", "{\"rtc\":{\"listen\":[1]}}", "{\"rtc\":{\"listen\":[\"x\"]}}",
        "{\"rtc\":{\"listen\":\"10.0.0.1\"}}", "{\"nothing\":{}, \"video\":{\"fps\":1}}",
        "{\"auth\":{\"secret\":\"0123456789abcdef0123456789abcdef\"}}",
        "{\"video\":{\"layout\":\"\\u0001\"}}",
    };
    (void)state;
    mcu_config_init(&config);
    const struct mcu_config before = config;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        json_t *json = json_loads(bad[i], 0, NULL);
        print_message("%s\n", bad[i]);
        error[0] = '\0';
        assert_int_equal(mcu_config_from_json(&config, json, error), -EINVAL);
        assert_true(error[0] != '\0');
        assert_same(&config, &before);
        json_decref(json);
    }
}

static char *printed(const struct mcu_config *c)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (c)
        mcu_config_print_yaml(c, f);
    else
        mcu_config_print_markdown(f);
    fclose(f);
    return text;
}

static void test_what_show_prints_loads_again(void **state)
{
    (void)state;
    assert_int_equal(load_text("video: {width: 640}\nrtc: {listen: [10.0.0.1, '::1']}\n"
                               "http: {tls_cert: 'a \"b\" \\c', tls_key: k}\n"), 0);
    const struct mcu_config before = config;
    char *text = printed(&config);
    assert_int_equal(load_text(text), 0);
    assert_same(&config, &before);
    free(text);
}

static void test_show_masks_secrets(void **state)
{
    (void)state;
    assert_int_equal(load_text("auth: {secret: 0123456789abcdef0123456789abcdef}\n"), 0);
    char *text = printed(&config);
    assert_null(strstr(text, "0123456789abcdef"));
    assert_non_null(strstr(text, "secret: \"********\""));
    free(text);
}

static void assert_file_is(const char *path, const char *wanted, const char *command)
{
    FILE *f = fopen(path, "re");
    if (!f)
        fail_msg("%s: not there; run from the top folder", path);
    static char text[64 * 1024];
    const size_t size = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    text[size] = '\0';
    if (strcmp(text, wanted) != 0)
        fail_msg("%s is older than mcu/config_table.c: run %s > %s", path, command, path);
}

static void test_the_files_in_docs_are_those_of_the_table(void **state)
{
    (void)state;
    mcu_config_init(&config);
    char *yaml = printed(&config), *markdown = printed(NULL);
    assert_file_is("docs/mixdown.yaml", yaml, "build/mixdown config show");
    assert_file_is("docs/settings.md", markdown, "build/mixdown config doc");
    free(yaml);
    free(markdown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_every_row_is_complete),
        cmocka_unit_test(test_a_file_sets_what_it_names),
        cmocka_unit_test(test_errors_name_file_line_key_and_the_nearest),
        cmocka_unit_test(test_settings_that_contradict_each_other),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_load_is_all_or_nothing_and_the_environment_is_stronger),
        cmocka_unit_test(test_json_carries_all_but_secrets),
        cmocka_unit_test(test_json_is_read_as_strictly),
        cmocka_unit_test(test_what_show_prints_loads_again),
        cmocka_unit_test(test_show_masks_secrets),
        cmocka_unit_test(test_the_files_in_docs_are_those_of_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
