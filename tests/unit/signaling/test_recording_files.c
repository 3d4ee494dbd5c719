/* What belongs to a recording in its folder, and what does not. */
#include "signaling/recording_files.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const struct {
    const char *file, *name, *kind; /* NULL: it is none of it */
} rows[] = {
    {"/d/a-1.mp4", "a-1.mp4", "recording"},
    {"/d/a-1.mp4", "a-1.vtt", "captions"},
    {"/d/a-1.mp4", "a-1.json", "speakers"},
    {"/d/a-1.mp4", "a-1.jpg", "thumbnail"},
    {"/d/a-1.mp4", "a-1.snapshot-0001.jpg", "snapshot"},
    {"/d/a-1.mp4", "a-1.track-ann_1.ogg", "track"},
    {"/d/a-1.ogg", "a-1.ogg", "recording"},
    {"/d/a.b.mp4", "a.b.vtt", "captions"},
    {"/d/a-1.mp4", "a-1.ogg", NULL},   /* another recording */
    {"/d/a-1.mp4", "a-1.marks", NULL}, /* not finished */
    {"/d/a-1.mp4", "a-1.mp4.tmp", NULL},
    {"/d/a-1.mp4", "a-12.vtt", NULL},
    {"/d/a-1.mp4", "b-1.vtt", NULL},
    {"/d/a-1.mp4", "a-.vtt", NULL},
    {"/d/a-1.mp4", "a-1.b.vtt", NULL},
    {"/d/a-1.mp4", "a-1.track-.ogg", NULL},
    {"/d/a-1.mp4", "a-1.track-x.mp4", NULL},
    {"/d/a-1.mp4", "a-1.track-../x.ogg", NULL},
    {"/d/a-1.mp4", "a-1.snapshot-a.b.jpg", NULL},
    {"/d/a-1.mp4", "", NULL},
    {"/d/a-1.mp4", "../a-1.vtt", NULL},
};

static void names_tell_what_belongs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sig_recording_file f = {.kind = NULL};
        const bool is = sig_recording_file_is(rows[i].file, rows[i].name, &f);
        if (is != (rows[i].kind != NULL) || (is && strcmp(f.kind, rows[i].kind) != 0))
            fail_msg("%s beside %s: %s", rows[i].name, rows[i].file, is ? f.kind : "nothing");
    }
}

static char folder[64];

static void make(const char *name, const char *bytes)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(bytes, f);
    fclose(f);
}

static bool is_there(const char *name)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

static void all_is_listed_and_deleted_and_nothing_else(void **state)
{
    (void)state;
    static const char *const mine[] = {"r-1.vtt", "r-1.mp4", "r-1.track-bob.ogg",
                                       "r-1.snapshot-0001.jpg"};
    char path[256];
    struct sig_recording_file *files = NULL;
    for (size_t i = 0; i < 4; i++)
        make(mine[i], "12345");
    make("r-1.marks", "x");
    make("r-10.mp4", "x");
    make("r-10.vtt", "x");
    snprintf(path, sizeof(path), "%s/r-1.mp4", folder);
    assert_int_equal(sig_recording_files(path, &files), 4);
    assert_string_equal(files[0].name, "r-1.mp4");
    assert_string_equal(files[3].name, "r-1.vtt");
    assert_int_equal(files[3].bytes, 5);
    free(files);

    json_t *list = sig_recording_files_json("abc", path);
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "url")),
                        "/api/v1/recordings/abc/file");
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 2), "url")),
                        "/api/v1/recordings/abc/files/r-1.track-bob.ogg");
    json_decref(list);

    assert_int_equal(sig_recording_remove_files(path), 0);
    for (size_t i = 0; i < 4; i++)
        assert_false(is_there(mine[i]));
    assert_false(is_there("r-1.marks"));
    assert_true(is_there("r-10.mp4"));
    assert_true(is_there("r-10.vtt"));
    assert_int_equal(sig_recording_remove_files(path), -ENOENT);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/mixdown-files-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_tell_what_belongs),
        cmocka_unit_test(all_is_listed_and_deleted_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
