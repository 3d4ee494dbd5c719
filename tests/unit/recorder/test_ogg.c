/* A room's sound as Opus in OGG: what is in the file is what was heard, when it was heard, whatever
 * happened to the process, the disk and the file. */
#include "tests/unit/recorder/synth.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "mcu/base/clock.h"
#include "recorder/cut.h"
#include "recorder/meta.h"
#include "recorder/ogg_pages.h"

enum { RATE = 48000, TICK = 960, TICK_US = 20000, SECONDS_MAX = 12 };

#define START_US INT64_C(7654321)

/* --- sound and what is heard of it
 * ---------------------------------------------------------------- */

/* Left and right are tones of their own, others in each second. */
static double tone_hz(int channel, int second)
{
    return 300.0 + 200 * second + (channel ? 2500 : 0);
}

static void make_tick(float pcm[TICK * 2], int tick)
{
    const int second = tick / 50;
    for (int i = 0; i < TICK * 2; i++) {
        const double at = (tick * TICK + i / 2) / (double)RATE;
        pcm[i] = (float)(0.3 * sin(6.283185307 * tone_hz(i & 1, second) * at));
    }
}

struct heard {
    float pcm[2][RATE * SECONDS_MAX];
    int samples;
    char title[64];
};

static struct heard heard;

static void hear(const AVFrame *f)
{
    assert_int_equal(f->ch_layout.nb_channels, 2);
    assert_true(heard.samples + f->nb_samples <= RATE * SECONDS_MAX);
    for (int c = 0; c < 2; c++)
        memcpy(heard.pcm[c] + heard.samples, f->extended_data[c],
               (size_t)f->nb_samples * sizeof(float));
    heard.samples += f->nb_samples;
}

static void listen_to(const char *path)
{
    AVFormatContext *in = NULL;
    heard = (struct heard){.samples = 0};
    if (avformat_open_input(&in, path, NULL, NULL) < 0)
        fail_msg("%s does not open", path);
    assert_int_equal(in->nb_streams, 1);
    assert_int_equal(in->streams[0]->codecpar->codec_id, AV_CODEC_ID_OPUS);
    const AVDictionaryEntry *e = av_dict_get(in->streams[0]->metadata, "title", NULL, 0);
    snprintf(heard.title, sizeof(heard.title), "%s", e ? e->value : "");
    AVCodecContext *c = avcodec_alloc_context3(avcodec_find_decoder_by_name("opus"));
    avcodec_parameters_to_context(c, in->streams[0]->codecpar);
    assert_true(avcodec_open2(c, NULL, NULL) >= 0);
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();
    while (av_read_frame(in, packet) >= 0) {
        assert_true(avcodec_send_packet(c, packet) >= 0);
        while (avcodec_receive_frame(c, frame) >= 0)
            hear(frame);
        av_packet_unref(packet);
    }
    av_frame_free(&frame);
    av_packet_free(&packet);
    avcodec_free_context(&c);
    avformat_close_input(&in);
}

/* How much of that tone is in the 100 ms from there on (Goertzel); 0.3 when it is all. */
static double amount(int channel, int from, double hz)
{
    const int n = RATE / 10;
    const double k = 2 * cos(6.283185307 * hz / RATE);
    double one = 0, two = 0;
    assert_true(from >= 0 && from + n <= heard.samples);
    for (int i = 0; i < n; i++) {
        const double now = heard.pcm[channel][from + i] + k * one - two;
        two = one;
        one = now;
    }
    return 2 * sqrt(fmax(0, one * one + two * two - k * one * two)) / n;
}

/* From from_ms to to_ms the file has what was heard from second `second` on, second by second. */
static void assert_tones(int from_ms, int to_ms, int second)
{
    for (int at_ms = from_ms; at_ms + 1000 <= to_ms; at_ms += 1000, second++) {
        for (int c = 0; c < 2; c++) {
            const double early = amount(c, (at_ms + 30) * RATE / 1000, tone_hz(c, second));
            const double late = amount(c, (at_ms + 870) * RATE / 1000, tone_hz(c, second));
            const double other = amount(c, (at_ms + 870) * RATE / 1000, tone_hz(c, second + 1));
            if ((at_ms > 0 && early < 0.24) || late < 0.24 || other > 0.05)
                fail_msg("at %d ms, channel %d: %f, %f, %f", at_ms, c, early, late, other);
        }
    }
}

/* --- recording
 * ------------------------------------------------------------------------------------ */

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

static void on_packet(void *ctx, struct mcu_packet *packet)
{
    if (packet->codec == MCU_CODEC_OPUS)
        rec_push_audio(ctx, packet);
}

static struct rec_conf conf_for(const char *path)
{
    return (struct rec_conf){.path = path,
                             .channels = 2,
                             .fragment_ms = 500,
                             .start_us = START_US,
                             .is_ogg = true,
                             .title = "Morning",
                             .may_block = true};
}

/* An encoder that gives its packets to r. */
static struct rec_aac *encoder_for(struct rec *r)
{
    struct rec_aac *a = NULL;
    const struct rec_aac_conf conf = {
        .channels = 2, .bitrate_bps = 128000, .is_inline = true, .ctx = r, .on_packet = on_packet};
    assert_int_equal(rec_aac_create(&a, &conf), 0);
    rec_aac_want_opus(a, true);
    return a;
}

static void push_ticks(struct rec_aac *a, int from, int to)
{
    float pcm[TICK * 2];
    for (int t = from; t < to; t++) {
        make_tick(pcm, t);
        assert_int_equal(rec_aac_push(a, pcm, TICK, START_US + (int64_t)t * TICK_US), 0);
    }
}

static struct rec_result end(struct rec *r, struct rec_aac *a, int64_t end_us)
{
    struct outcome o = {0};
    rec_aac_flush(a);
    rec_stop(r, end_us, on_done, &o);
    rec_destroy(r);
    rec_aac_destroy(a);
    assert_int_equal(atomic_load(&o.count), 1);
    return o.result;
}

static struct rec_ogg_pages pages_of(const char *path)
{
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    struct rec_ogg_pages pages;
    const struct rec_boxes_reader reader = {
        .ctx = &fd, .read_at = rec_read_fd, .size = (uint64_t)synth_file_size(path)};
    assert_int_equal(rec_ogg_pages_scan(&reader, &pages), 0);
    close(fd);
    return pages;
}

static void make_file(const char *path, int seconds)
{
    struct rec *r = NULL;
    const struct rec_conf conf = conf_for(path);
    unlink(path);
    assert_int_equal(rec_start(&r, &conf), 0);
    struct rec_aac *a = encoder_for(r);
    push_ticks(a, 0, seconds * 50);
    const struct rec_result result = end(r, a, START_US + seconds * INT64_C(1000000));
    assert_int_equal(result.error, 0);
    assert_int_equal(result.dropped, 0);
    /* What the encoder held back is a packet of its own. */
    assert_true(result.duration_ms >= seconds * 1000 && result.duration_ms <= seconds * 1000 + 20);
    assert_int_equal(result.bytes, synth_file_size(path));
}

static void what_was_heard_is_in_the_file(void **state)
{
    (void)state;
    char path[128];
    synth_path(path, sizeof(path), "whole.ogg");
    make_file(path, 4);
    listen_to(path);
    assert_string_equal(heard.title, "Morning");
    assert_true(heard.samples >= 4 * RATE - 960 && heard.samples <= 4 * RATE + 960);
    assert_tones(0, heard.samples * 1000 / RATE + 1, 0);
    const struct rec_ogg_pages pages = pages_of(path);
    assert_true(pages.has_end);
    assert_int_equal(pages.good_bytes, synth_file_size(path));
    struct rec_result result;
    assert_int_equal(rec_recover(path, &result), 0); /* it is finished, and is left alone */
    assert_int_equal(result.bytes, synth_file_size(path));
    assert_true(llabs(result.duration_ms - 4000) <= 20);
}

static void paused_time_is_cut_out(void **state)
{
    (void)state;
    char path[128];
    struct rec *r = NULL;
    synth_path(path, sizeof(path), "paused.ogg");
    const struct rec_conf conf = conf_for(path);
    assert_int_equal(rec_start(&r, &conf), 0);
    struct rec_aac *a = encoder_for(r);
    push_ticks(a, 0, 100);
    assert_int_equal(rec_pause(r, START_US + 2000000), 0);
    push_ticks(a, 100, 200);
    assert_int_equal(rec_resume(r, START_US + 4000000), 0);
    push_ticks(a, 200, 300);
    const struct rec_result result = end(r, a, START_US + 6000000);
    assert_int_equal(result.error, 0);
    if (llabs(result.duration_ms - 4000) > 40)
        fail_msg("%lld ms", (long long)result.duration_ms);
    listen_to(path);
    assert_tones(0, 2000, 0);
    assert_tones(2000, 4000, 4);
}

/* One that wants Opus later, or no more, changes nothing for others; AAC goes on all the time. */
struct both {
    int aac, opus;
    int64_t first_us, last_us;
};

static void count(void *ctx, struct mcu_packet *packet)
{
    struct both *b = ctx;
    if (packet->codec != MCU_CODEC_OPUS) {
        b->aac++;
        return;
    }
    if (b->opus++ == 0)
        b->first_us = packet->pts_us;
    else
        assert_int_equal(packet->pts_us, b->last_us + TICK_US);
    b->last_us = packet->pts_us;
}

static void opus_is_made_while_it_is_wanted(void **state)
{
    (void)state;
    struct both b = {0};
    struct rec_aac *a = NULL;
    const struct rec_aac_conf conf = {
        .channels = 2, .bitrate_bps = 512000, .is_inline = true, .ctx = &b, .on_packet = count};
    assert_int_equal(rec_aac_create(&a, &conf), 0);
    push_ticks(a, 0, 50);
    assert_int_equal(b.opus, 0);
    rec_aac_want_opus(a, true);
    push_ticks(a, 50, 100);
    assert_int_equal(b.opus, 50);
    assert_int_equal(b.first_us, START_US + 1000000);
    rec_aac_want_opus(a, true);
    rec_aac_want_opus(a, false);
    push_ticks(a, 100, 150);
    assert_int_equal(b.opus, 100);
    rec_aac_want_opus(a, false);
    push_ticks(a, 150, 200);
    assert_int_equal(b.opus, 100);
    assert_true(b.aac > 180);
    rec_aac_want_opus(a, true);
    b.opus = 0;
    push_ticks(a, 200, 201);
    push_ticks(a, 205, 206); /* a hole is silence, and time goes on */
    rec_aac_flush(a);
    rec_aac_destroy(a);
    assert_int_equal(b.first_us, START_US + 4000000);
    assert_int_equal(b.opus, 6 + 1); /* the last has what the encoder held back */
}

/* --- what happens to files
 * ------------------------------------------------------------------------ */

static void copy_cut(const char *from, const char *to, int64_t bytes)
{
    char command[400];
    snprintf(command, sizeof(command), "head -c %lld '%s' > '%s'", (long long)bytes, from, to);
    assert_int_equal(system(command), 0);
}

static void append(const char *path, const void *bytes, size_t size)
{
    FILE *f = fopen(path, "ab");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    fclose(f);
}

static void flip(const char *path, int64_t at)
{
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, (long)at, SEEK_SET), 0);
    const int byte = fgetc(f);
    assert_int_equal(fseek(f, (long)at, SEEK_SET), 0);
    fputc(byte ^ 0x10, f);
    fclose(f);
}

static void one_that_is_cut_is_whole_up_to_its_last_page(void **state)
{
    (void)state;
    char path[128], cut[128];
    synth_path(path, sizeof(path), "uncut.ogg");
    synth_path(cut, sizeof(cut), "cut.ogg");
    make_file(path, 4);
    const int64_t size = synth_file_size(path);
    int empty = 0;
    for (int i = 0; i <= 40; i++) {
        const int64_t bytes = size * i / 40;
        copy_cut(path, cut, bytes);
        struct rec_result result = {0};
        const int err = rec_recover(cut, &result);
        if (err) {
            assert_int_equal(synth_file_size(cut), bytes); /* what cannot be read stays */
            assert_true(bytes < size / 6);
            empty++;
            continue;
        }
        assert_int_equal(result.bytes, synth_file_size(cut));
        assert_int_equal(pages_of(cut).good_bytes, synth_file_size(cut));
        assert_true(result.duration_ms >= 4000 * i / 40 - 1000);
        listen_to(cut);
        assert_true(llabs(heard.samples * INT64_C(1000) / RATE - result.duration_ms) <= 20);
        assert_tones(0, heard.samples * 1000 / RATE, 0);
    }
    assert_true(empty < 8);
}

static void only_a_page_of_its_own_is_cut_off(void **state)
{
    (void)state;
    char path[128], cut[128];
    static uint8_t junk[REC_OGG_PAGE_MAX + 1];
    struct rec_result result;
    synth_path(path, sizeof(path), "own.ogg");
    synth_path(cut, sizeof(cut), "other.ogg");
    make_file(path, 3);
    const int64_t size = synth_file_size(path);

    append(path, "tail", 4); /* behind its end: not of it */
    assert_int_equal(rec_recover(path, &result), 0);
    assert_int_equal(synth_file_size(path), size + 4);

    copy_cut(path, cut, size - 10); /* and a long one is not a page of ours */
    append(cut, junk, sizeof(junk));
    assert_int_equal(rec_recover(cut, &result), 0);
    assert_int_equal(synth_file_size(cut), size - 10 + (int64_t)sizeof(junk));

    copy_cut(path, cut, size);
    flip(cut, size * 2 / 3); /* a page with a wrong checksum ends it */
    assert_int_equal(rec_recover(cut, &result), 0);
    assert_true(result.duration_ms < 2100 && result.duration_ms >= 1000);

    copy_cut(path, cut, size);
    flip(cut, 30); /* no head, no stream */
    assert_int_equal(rec_recover(cut, &result), -EBADMSG);
    assert_int_equal(synth_file_size(cut), size);
}

static void a_disk_that_is_full_leaves_whole_pages(void **state)
{
    (void)state;
    char path[128];
    struct rec *r = NULL;
    struct rec_status status = {0};
    struct rlimit before, small;
    synth_path(path, sizeof(path), "full.ogg");
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){.rlim_cur = 40000, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const struct rec_conf conf = conf_for(path);
    assert_int_equal(rec_start(&r, &conf), 0);
    struct rec_aac *a = encoder_for(r);
    push_ticks(a, 0, 300);
    const int64_t until_us = mcu_now_us() + 60000000;
    while (!status.error && mcu_now_us() < until_us)
        rec_read_status(r, &status);
    const struct rec_result result = end(r, a, START_US + 6000000);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status.error, -EFBIG);
    assert_int_equal(result.error, -EFBIG);
    assert_true(result.bytes > 10000 && result.bytes <= 40000);
    assert_int_equal(result.bytes, synth_file_size(path));
    assert_int_equal(pages_of(path).good_bytes, result.bytes);
    listen_to(path);
    assert_true(llabs(heard.samples * INT64_C(1000) / RATE - result.duration_ms) <= 20);
}

/* Records in real time until it is killed. */
static void live(const char *path, atomic_int *ticks)
{
    struct rec *r = NULL;
    struct rec_conf conf = conf_for(path);
    conf.may_block = false;
    if (rec_start(&r, &conf))
        _exit(1);
    struct rec_aac *a = encoder_for(r);
    const int64_t start_us = mcu_now_us();
    for (int t = 0; t < 50 * SECONDS_MAX; t++) {
        mcu_sleep_until_us(start_us + (int64_t)t * TICK_US);
        push_ticks(a, t, t + 1);
        atomic_store(ticks, t + 1);
    }
    _exit(0);
}

static void killed_it_loses_a_second_at_most(void **state)
{
    (void)state;
    char path[128];
    synth_path(path, sizeof(path), "killed.ogg");
    atomic_int *ticks =
        mmap(NULL, sizeof(*ticks), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(ticks != MAP_FAILED);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        live(path, ticks);
    const int64_t until_us = mcu_now_us() + 60000000;
    while (atomic_load(ticks) < 112 && mcu_now_us() < until_us)
        mcu_sleep_until_us(mcu_now_us() + 1000);
    const int early = atomic_load(ticks); /* its writer may be behind on a busy machine */
    mcu_sleep_until_us(mcu_now_us() + 100000);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_true(waitpid(pid, NULL, 0) == pid);
    struct rec_result result = {0};
    assert_int_equal(rec_recover(path, &result), 0);
    assert_true(result.duration_ms >= early * 20 - 1000);
    listen_to(path);
    assert_tones(0, heard.samples * 1000 / RATE, 0);
    munmap(ticks, sizeof(*ticks));
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    char path[128];
    struct rec *r = NULL;
    synth_path(path, sizeof(path), "no.ogg");
    struct rec_conf conf = conf_for(path);
    conf.channels = 0;
    assert_int_equal(rec_start(&r, &conf), -EINVAL);
    conf = conf_for(path);
    conf.width = conf.height = 64;
    assert_int_equal(rec_start(&r, &conf), -EINVAL);
    conf = conf_for(path);
    assert_int_equal(rec_start(&r, &conf), 0);
    struct outcome o = {0};
    rec_stop(r, START_US, on_done, &o); /* nothing has come */
    rec_destroy(r);
    assert_int_equal(o.result.error, -ENODATA);
    assert_int_equal(o.result.bytes, 0);
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
    synth_remove_dir();
    return 0;
}

int main(void)
{
    av_log_set_level(AV_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_heard_is_in_the_file),
        cmocka_unit_test(paused_time_is_cut_out),
        cmocka_unit_test(opus_is_made_while_it_is_wanted),
        cmocka_unit_test(one_that_is_cut_is_whole_up_to_its_last_page),
        cmocka_unit_test(only_a_page_of_its_own_is_cut_off),
        cmocka_unit_test(a_disk_that_is_full_leaves_whole_pages),
        cmocka_unit_test(killed_it_loses_a_second_at_most),
        cmocka_unit_test(what_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
