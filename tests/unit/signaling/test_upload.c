/* The parts of an upload that need no storage: answers, sizes of parts, and what the store keeps. The whole is
 * proved by tests/faults/upload.mjs. */
#include "signaling/store_upload.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "signaling/uploads_internal.h"

static const struct {
    const char *xml, *tag;
    int err;
    const char *text;
} rows[] = {
    {"<a><UploadId>x</UploadId></a>", "UploadId", 0, "x"},
    {"<?xml version=\"1.0\"?>\n<E><Code>N&amp;&lt;&gt;&quot;&apos;&#34;</Code></E>", "Code", 0,
     "N&<>\"'\""},
    {"<UploadId></UploadId>", "UploadId", 0, ""},
    {"<UploadIds>x</UploadIds>", "UploadId", -ENOENT, NULL},
    {"<UploadId x=\"\">x</UploadId>", "UploadId", -ENOENT, NULL},
    {"<UploadId>x", "UploadId", -EBADMSG, NULL},
    {"</UploadId><UploadId>", "UploadId", -EBADMSG, NULL},
    {"<UploadId>a<b>c</b></UploadId>", "UploadId", -EBADMSG, NULL},
    {"<UploadId>&bad;</UploadId>", "UploadId", -EBADMSG, NULL},
    {"<UploadId>a&am</UploadId>", "UploadId", -EBADMSG, NULL},
    {"<UploadId>a\nb</UploadId>", "UploadId", -EBADMSG, NULL},
    {"<UploadId>12345678</UploadId>", "UploadId", -EMSGSIZE, NULL},
    {"", "UploadId", -ENOENT, NULL},
};

static void answers_are_read_strictly(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[8] = "";
        /* without the NUL: an answer has none */
        const size_t size = strlen(rows[i].xml);
        char *bytes = malloc(size + 1);
        memcpy(bytes, rows[i].xml, size);
        const int err = s3_xml_text(bytes, size, rows[i].tag, out, sizeof(out));
        free(bytes);
        if (err != rows[i].err || (!err && strcmp(out, rows[i].text) != 0))
            fail_msg("%s: %d '%s'", rows[i].xml, err, out);
    }
}

static void parts_are_ten_thousand_at_most(void **state)
{
    (void)state;
    const int64_t mib = 1024 * 1024;
    assert_int_equal(upload_part_bytes(100, 8 * mib), 8 * mib);
    assert_int_equal(upload_part_bytes(80000 * mib, 8 * mib), 8 * mib);
    assert_int_equal(upload_part_bytes(80000 * mib + 1, 8 * mib), 9 * mib);
    assert_true(5000000 * mib / upload_part_bytes(5000000 * mib, 8 * mib) <= S3_PARTS_MAX);
}

static void endpoints_are_plain(void **state)
{
    (void)state;
    static const char *const good[] = {"https://s3.eu-west-1.amazonaws.com", "http://127.0.0.1:9000",
                                       "https://[::1]:9000/", "https://minio/s3"};
    static const char *const bad[] = {"",           "s3.amazonaws.com", "ftp://x",
                                      "https://",   "https://a:b@x",    "https://x/?a",
                                      "https://x/#a", "file:///etc/passwd"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(s3_endpoint_is_valid(good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(s3_endpoint_is_valid(bad[i]));
}

static char folder[64];
static struct sig_store *store;

static void record(const char *id)
{
    struct sig_store_recording r = {.started_at_ms = 5};
    snprintf(r.id, sizeof(r.id), "%s", id);
    strcpy(r.room_id, "room");
    snprintf(r.file, sizeof(r.file), "/d/%s.mp4", id);
    assert_int_equal(sig_store_recording_started(store, &r), 0);
}

static struct sig_store_upload next(void)
{
    struct sig_store_upload u = {.name = ""};
    assert_int_equal(sig_store_flush(store, 60000), 0);
    assert_in_range(sig_store_upload_next(store, &u), 0, 1);
    return u;
}

static struct sig_store_upload_sum sum;

static const char *sum_status(const char *id)
{
    assert_int_equal(sig_store_flush(store, 60000), 0);
    assert_int_equal(sig_store_upload_sum(store, id, &sum), 0);
    return sum.status;
}

static void the_store_knows_how_far_it_is(void **state)
{
    (void)state;
    struct s3_part parts[4];
    record("r1");
    assert_string_equal(sum_status("r1"), "none");
    sig_store_upload_added(store, "r1", "r1.mp4", 20);
    sig_store_upload_added(store, "r1", "r1.vtt", 5);
    struct sig_store_upload u = next();
    assert_string_equal(u.name, "r1.mp4");
    assert_string_equal(u.file, "/d/r1.mp4");
    assert_string_equal(sum_status("r1"), "waiting");

    strcpy(u.upload_id, "an id");
    assert_int_equal(sig_store_upload_begun(store, &u), 0);
    sig_store_upload_part(store, &u, &(struct s3_part){.number = 2, .etag = "\"b\""}, 8);
    sig_store_upload_part(store, &u, &(struct s3_part){.number = 1, .etag = "\"a\""}, 8);
    sig_store_upload_added(store, "r1", "r1.mp4", 20); /* again: nothing changes */
    u = next();
    assert_string_equal(u.name, "r1.mp4"); /* what has begun comes first */
    assert_string_equal(u.upload_id, "an id");
    assert_int_equal(u.sent, 16);
    assert_string_equal(sum_status("r1"), "uploading");
    assert_int_equal(sig_store_upload_parts(store, &u, parts, 4), 2);
    assert_int_equal(parts[0].number, 1);
    assert_string_equal(parts[1].etag, "\"b\"");
    assert_int_equal(sig_store_uploads_waiting(store), 2);
    assert_int_equal(sum.open, 2);

    sig_store_upload_ended(store, &u, "done", "");
    u = next();
    assert_string_equal(u.name, "r1.vtt");
    sig_store_upload_ended(store, &u, "failed", "HTTP 403");
    assert_string_equal(sum_status("r1"), "failed");
    assert_int_equal(sum.open, 0);
    assert_string_equal(next().name, "");
    sig_store_uploads_again(store, "other");
    assert_string_equal(next().name, "");
    sig_store_uploads_again(store, "r1");
    u = next();
    assert_string_equal(u.name, "r1.vtt");
    sig_store_upload_ended(store, &u, "done", "");
    assert_string_equal(sum_status("r1"), "done");
    assert_int_equal(sig_store_upload_parts(store, &u, parts, 4), 0);
}

static void uploads_go_with_their_recording(void **state)
{
    (void)state;
    struct s3_part parts[4];
    record("r2");
    sig_store_upload_added(store, "r2", "r2.mp4", 20);
    struct sig_store_upload u = next();
    strcpy(u.upload_id, "an id");
    sig_store_upload_begun(store, &u);
    sig_store_recording_delete(store, "r2");
    /* what the thread still has to say of it comes too late */
    sig_store_upload_part(store, &u, &(struct s3_part){.number = 1, .etag = "\"a\""}, 8);
    assert_string_equal(next().name, "");
    assert_string_equal(sum_status("r2"), "none");
    assert_int_equal(sig_store_upload_parts(store, &u, parts, 4), 0);
}

struct told {
    int times;
    bool is_done;
    char recording[65];
    pthread_t thread;
};

static void on_end(void *ctx, const char *recording, bool is_done)
{
    struct told *t = ctx;
    t->times++;
    t->is_done = is_done;
    snprintf(t->recording, sizeof(t->recording), "%s", recording);
    t->thread = pthread_self();
}

/* Files that are not there fail without a storage. */
static void an_end_is_told_once_and_on_the_front(void **state)
{
    (void)state;
    struct told told = {.times = 0};
    struct mcu_config *config = calloc(1, sizeof(*config));
    mcu_config_init(config);
    strcpy(config->storage.s3_endpoint, "http://127.0.0.1:9");
    strcpy(config->storage.s3_bucket, "b");
    strcpy(config->storage.s3_access_key, "a");
    strcpy(config->storage.s3_secret_key, "s");
    const struct sig_uploads_conf conf = {
        .config = config, .store = store, .on_end = on_end, .ctx = &told};
    struct sig_uploads *u = NULL;
    record("r3");
    sig_store_upload_added(store, "r3", "r3.mp4", 20);
    sig_store_upload_added(store, "r3", "r3.vtt", 5);
    assert_int_equal(sig_store_flush(store, 60000), 0);
    assert_int_equal(sig_uploads_fd(NULL), -1);
    sig_uploads_service(NULL);
    assert_int_equal(sig_uploads_create(&u, &conf), 0);
    struct pollfd fd = {.fd = sig_uploads_fd(u), .events = POLLIN};
    assert_int_equal(poll(&fd, 1, 60000), 1);
    assert_int_equal(told.times, 0); /* not by itself */
    sig_uploads_service(u);
    assert_int_equal(told.times, 1);
    assert_false(told.is_done);
    assert_string_equal(told.recording, "r3");
    assert_true(pthread_equal(told.thread, pthread_self()));
    record("r4");
    sig_store_upload_added(store, "r4", "r4.mp4", 20);
    sig_uploads_again(u, "");
    while (strcmp(told.recording, "r4") != 0) {
        assert_int_equal(poll(&fd, 1, 60000), 1);
        sig_uploads_service(u);
    }
    assert_int_equal(told.times, 3); /* r3 again, and no file for itself */
    sig_uploads_again(u, "r3");      /* it fails again, and nobody asks */
    assert_int_equal(poll(&fd, 1, 60000), 1);
    sig_uploads_destroy(u);
    assert_int_equal(told.times, 3);
    free(config);
}

static int set_up(void **state)
{
    (void)state;
    char path[128];
    snprintf(folder, sizeof(folder), "/tmp/mixdown-upload-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/mixdown.db", folder);
    return sig_store_open(&store, path);
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    sig_store_close(store);
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_read_strictly),
        cmocka_unit_test(parts_are_ten_thousand_at_most),
        cmocka_unit_test(endpoints_are_plain),
        cmocka_unit_test(the_store_knows_how_far_it_is),
        cmocka_unit_test(uploads_go_with_their_recording),
        cmocka_unit_test(an_end_is_told_once_and_on_the_front),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
