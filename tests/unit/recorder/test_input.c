/* Outside sources, as the ffmpeg program makes them: files, and its own RTMP and SRT servers.
 * Nothing is asserted of how fast the machine is: only of times that packets carry. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <libavutil/log.h>

#include "mcu/base/clock.h"
#include "recorder/input.h"
#include "recorder/input_demux.h"

enum { PACKETS_MAX = 8192 };

#define PATIENCE_US (60 * MCU_US_PER_S)

struct seen {
    int64_t pts_us, dts_us, at_us;
    bool is_key;
    int peak; /* of sound */
};

/* What a room would be. */
struct room {
    struct rec_input *input;
    pthread_mutex_t lock; /* protects the rest */
    struct seen audio[PACKETS_MAX], video[PACKETS_MAX];
    size_t audio_count, video_count;
    uint32_t opened, states;
    enum mcu_codec codec;
    bool is_unwired; /* leaves the wiring to the test */
};

static void on_opened(void *ctx)
{
    struct room *r = ctx;
    pthread_mutex_lock(&r->lock);
    const struct rec_source_info *info = rec_input_info(r->input);
    r->opened++;
    r->codec = info ? info->video.codec : MCU_CODEC_NONE;
    const bool is_wired = !r->is_unwired;
    pthread_mutex_unlock(&r->lock);
    if (is_wired)
        rec_input_wired(r->input);
}

static void on_state(void *ctx)
{
    struct room *r = ctx;
    pthread_mutex_lock(&r->lock);
    r->states++;
    pthread_mutex_unlock(&r->lock);
}

static int peak_of(const struct mcu_packet *p)
{
    int peak = 0;
    for (size_t i = 0; i < p->size / 2; i++) {
        const int v = abs(((const int16_t *)(const void *)p->data)[i]);
        peak = v > peak ? v : peak;
    }
    return peak;
}

static void note(struct room *r, struct seen *list, size_t *count, const struct mcu_packet *p)
{
    pthread_mutex_lock(&r->lock);
    if (*count < PACKETS_MAX)
        list[(*count)++] = (struct seen){
            .pts_us = p->pts_us,
            .dts_us = p->dts_us,
            .at_us = mcu_now_us(),
            .is_key = p->is_key,
            .peak = p->codec == MCU_CODEC_PCM ? peak_of(p) : 0,
        };
    pthread_mutex_unlock(&r->lock);
}

static void push_audio(void *ctx, struct mcu_packet *p)
{
    struct room *r = ctx;
    note(r, r->audio, &r->audio_count, p);
}

static void push_video(void *ctx, struct mcu_packet *p)
{
    struct room *r = ctx;
    note(r, r->video, &r->video_count, p);
}

static struct room *new_room(void)
{
    struct room *r = calloc(1, sizeof(*r));
    assert_non_null(r);
    pthread_mutex_init(&r->lock, NULL);
    return r;
}

/* rec_input_start() may call on_opened() before it has returned the input: the lock holds it back.
 */
static void start(struct room *r, struct rec_input_conf *conf)
{
    conf->sink = (struct rec_input_sink){r, on_opened, on_state, push_audio, push_video};
    pthread_mutex_lock(&r->lock);
    assert_int_equal(rec_input_start(&r->input, conf), 0);
    pthread_mutex_unlock(&r->lock);
}

static void end(struct room *r)
{
    rec_input_stop(r->input);
    const size_t audio = r->audio_count, video = r->video_count;
    const int64_t until_us = mcu_now_us() + PATIENCE_US;
    while (!rec_input_is_over(r->input) && mcu_now_us() < until_us)
        mcu_sleep_until_us(mcu_now_us() + 5000);
    assert_true(rec_input_is_over(r->input));
    rec_input_destroy(r->input);
    assert_int_equal(r->audio_count, audio); /* nothing is pushed once it is stopped */
    assert_int_equal(r->video_count, video);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

static size_t count(struct room *r, const size_t *n)
{
    pthread_mutex_lock(&r->lock);
    const size_t value = *n;
    pthread_mutex_unlock(&r->lock);
    return value;
}

static void wait_state(struct room *r, enum rec_input_state state, const char *error)
{
    struct rec_input_status s;
    for (const int64_t until_us = mcu_now_us() + PATIENCE_US; mcu_now_us() < until_us;) {
        rec_input_read_status(r->input, &s);
        if (s.state == state && (!error || strcmp(s.error, error) == 0))
            return;
        mcu_sleep_until_us(mcu_now_us() + 5000);
    }
    fail_msg("state %d (%s), not %d (%s)", s.state, s.error, state, error ? error : "any");
}

static void wait_count(struct room *r, const size_t *n, size_t wanted)
{
    for (const int64_t until_us = mcu_now_us() + PATIENCE_US; mcu_now_us() < until_us;) {
        if (count(r, n) >= wanted)
            return;
        mcu_sleep_until_us(mcu_now_us() + 5000);
    }
    fail_msg("%zu packets, not %zu", count(r, n), wanted);
}

/* --- files ------------------------------------------------------------------------------------ */

static char folder[] = "/tmp/input-XXXXXX";

#define TONE   "-f lavfi -i sine=frequency=1000:sample_rate=44100:duration=%g "
#define COLOUR "-f lavfi -i color=red:size=160x90:rate=25:duration=%g "

static void make(const char *name, const char *options, double seconds)
{
    char command[1024];
    const int n =
        snprintf(command, sizeof(command), "ffmpeg -v error -nostdin -y " COLOUR TONE "%s %s/%s",
                 seconds, seconds, options, folder, name);
    assert_true(n > 0 && n < (int)sizeof(command));
    assert_int_equal(system(command), 0);
}

static int open_file(const char *name)
{
    const int fd = guard_open_file(folder, name);
    if (fd < 0)
        fail_msg("%s: %d", name, fd);
    return fd;
}

/* Sound follows on sound, from `from` on. */
static void check_whole(const struct room *r, size_t from, size_t n)
{
    for (size_t i = from + 1; i < from + n; i++) {
        const int64_t step_us = r->audio[i].pts_us - r->audio[i - 1].pts_us;
        if (step_us != 20000)
            fail_msg("piece %zu begins %ld us after the one before", i, (long)step_us);
    }
}

/* In the order of decoding. */
static void check_reordered(const struct room *r)
{
    bool has_reordered = false;
    for (size_t i = 1; i < r->video_count; i++) {
        assert_true(r->video[i].dts_us >= r->video[i - 1].dts_us);
        has_reordered |= r->video[i].pts_us < r->video[i - 1].pts_us;
    }
    assert_true(has_reordered); /* B-frames: or the test shows nothing */
}

static struct room *begin_loop(void)
{
    make("short.mkv", "-c:v libx264 -bf 0 -c:a pcm_s16le", 0.4);
    struct rec_input_conf conf = {.fd = open_file("short.mkv"), .is_looped = true};
    struct room *r = new_room();
    start(r, &conf);
    return r;
}

static void leave_loop(struct room *r)
{
    wait_count(r, &r->audio_count, 45); /* 20 a round */
    rec_input_set_looped(r->input, false);
}

/* It has no hole where it begins again. */
static void end_loop(struct room *r)
{
    wait_state(r, REC_INPUT_ENDED, "");
    rec_input_stop(r->input);
    int64_t hole_us = 0;
    for (size_t i = 1; i < 45; i++) {
        const int64_t step_us = r->audio[i].pts_us - r->audio[i - 1].pts_us;
        hole_us = step_us > hole_us ? step_us : hole_us;
    }
    struct rec_input_status s;
    rec_input_read_status(r->input, &s);
    if (s.resyncs == 0) /* else the machine stood still for half a second */
        assert_in_range(hole_us, 20000, 60000);
    assert_true(r->video_count >= 30);
    for (size_t i = 1; i < r->video_count; i++)
        assert_true(r->video[i].pts_us > r->video[i - 1].pts_us);
    end(r);
}

static void every_kind_of_file_plays_to_its_end_beside_a_loop(void **state)
{
    (void)state;
    static const struct {
        const char *name, *options;
        enum mcu_codec codec;
    } rows[] = {
        {"a.mp4", "-c:v libx264 -bf 2 -g 25 -c:a aac", MCU_CODEC_H264},
        {"a.webm", "-c:v libvpx -deadline realtime -c:a libopus", MCU_CODEC_VP8},
        {"a.mkv", "-c:v libx264 -c:a libvorbis", MCU_CODEC_H264},
        {"a.ts", "-c:v libx264 -bf 2 -c:a mp2", MCU_CODEC_H264},
        {"a.mp3", "-map 1:a -c:a libmp3lame", MCU_CODEC_NONE},
        {"a.wav", "-map 1:a", MCU_CODEC_NONE},
    };
    struct room *rooms[sizeof(rows) / sizeof(rows[0])];
    const size_t n = sizeof(rows) / sizeof(rows[0]);
    struct room *loop = begin_loop();
    for (size_t i = 0; i < n; i++)
        make(rows[i].name, rows[i].options, 1.0);
    for (size_t i = 0; i < n; i++) { /* at once: each takes its second */
        struct rec_input_conf conf = {.fd = open_file(rows[i].name)};
        rooms[i] = new_room();
        start(rooms[i], &conf);
    }
    leave_loop(loop);
    for (size_t i = 0; i < n; i++) {
        struct room *r = rooms[i];
        struct rec_input_status s;
        wait_state(r, REC_INPUT_ENDED, "");
        rec_input_read_status(r->input, &s);
        rec_input_stop(r->input);
        if (r->codec != rows[i].codec || s.has_video != (r->codec != MCU_CODEC_NONE))
            fail_msg("%s: codec %d", rows[i].name, r->codec);
        if (r->audio_count < 47 || r->audio_count > 54)
            fail_msg("%s: %zu pieces of 20 ms", rows[i].name, r->audio_count);
        const bool was_in_time =
            s.resyncs == 0; /* else the machine stood still for half a second */
        if (was_in_time)
            check_whole(r, 0, r->audio_count);
        assert_in_range(r->audio[25].peak, 2000, 6000); /* FFmpeg's sine is of 1/8 */
        if (r->codec != MCU_CODEC_NONE) {
            assert_int_equal(r->video_count, 25);
            assert_true(r->video[0].is_key);
            const int64_t apart_us = r->video[0].pts_us - r->audio[0].pts_us;
            if (was_in_time && llabs(apart_us) > 60000)
                fail_msg("%s: sound and picture begin %ld us apart", rows[i].name, (long)apart_us);
        }
        for (size_t k = 0; k < r->audio_count;
             k++) /* never earlier than a breath before its time */
            assert_true(r->audio[k].at_us >= r->audio[k].pts_us - 25000);
        assert_in_range(s.duration_us, 900000, 1200000);
        if (strcmp(rows[i].name, "a.mp4") == 0)
            check_reordered(r);
        end(r);
    }
    end_loop(loop);
}

static void what_is_paused_stands_still(void **state)
{
    (void)state;
    make("long.mkv", "-c:v libx264 -g 10 -c:a pcm_s16le", 20.0);
    struct rec_input_conf conf = {.fd = open_file("long.mkv")};
    struct room *r = new_room();
    struct rec_input_status before, after;
    start(r, &conf);
    wait_count(r, &r->audio_count, 10);
    rec_input_set_paused(r->input, true);
    wait_state(r, REC_INPUT_PAUSED, "");
    mcu_sleep_until_us(mcu_now_us() + 30000); /* the one that was on its way */
    rec_input_read_status(r->input, &before);
    const size_t n = count(r, &r->audio_count);
    mcu_sleep_until_us(mcu_now_us() + 300000);
    rec_input_read_status(r->input, &after);
    assert_int_equal(count(r, &r->audio_count), n);
    assert_int_equal(before.position_us, after.position_us);
    rec_input_set_paused(r->input, false);
    wait_count(r, &r->audio_count, n + 10);
    rec_input_stop(r->input);
    /* It goes on where it stood, as much later as it stood still. */
    assert_true(r->audio[n].pts_us - r->audio[n - 1].pts_us >= 300000);
    rec_input_read_status(r->input, &after);
    if (after.resyncs == 0)
        check_whole(r, n, 10);
    end(r);
}

static void a_file_is_sought(void **state)
{
    (void)state;
    struct rec_input_conf conf = {.fd = open_file("long.mkv"), .position_us = 5000000};
    struct room *r = new_room();
    struct rec_input_status s;
    start(r, &conf);
    wait_count(r, &r->audio_count, 5);
    rec_input_read_status(r->input, &s);
    assert_in_range(s.position_us, 4000000, 8000000);
    rec_input_seek(r->input, 15000000);
    const int64_t until_us = mcu_now_us() + PATIENCE_US;
    do {
        rec_input_read_status(r->input, &s);
    } while (s.position_us < 14000000 && mcu_now_us() < until_us);
    const size_t n = count(r, &r->audio_count);
    wait_count(r, &r->audio_count, n + 10);
    rec_input_read_status(r->input, &s);
    assert_in_range(s.position_us, 14000000, 19000000);
    rec_input_seek(r->input, 3600 * MCU_US_PER_S); /* behind the end is the end */
    wait_state(r, REC_INPUT_ENDED, "");
    const size_t ended = count(r, &r->audio_count);
    rec_input_set_paused(r->input, false); /* plays it again */
    wait_count(r, &r->audio_count, ended + 10);
    rec_input_read_status(r->input, &s);
    assert_in_range(s.position_us, 0, 5000000);
    end(r);
}

static void what_is_sought_while_it_is_paused_goes_on_at_once(void **state)
{
    (void)state;
    struct rec_input_conf conf = {.fd = open_file("long.mkv")};
    struct room *r = new_room();
    start(r, &conf);
    wait_count(r, &r->audio_count, 5);
    rec_input_set_paused(r->input, true);
    mcu_sleep_until_us(mcu_now_us() + 1500000);
    rec_input_seek(r->input, 10000000);
    mcu_sleep_until_us(mcu_now_us() + 300000); /* it is read meanwhile */
    const size_t n = count(r, &r->audio_count);
    const int64_t resumed_us = mcu_now_us();
    rec_input_set_paused(r->input, false);
    wait_count(r, &r->audio_count, n + 1);
    rec_input_stop(r->input);
    /* What it stood still before it was sought is not added once more. */
    assert_in_range(r->audio[n].pts_us, resumed_us, resumed_us + 1300000);
    end(r);
}

static bool is_stopped_already(void *ctx)
{
    (void)ctx;
    return true;
}

static void nobody_waits_for_a_file_to_be_read_to_its_end(void **state)
{
    (void)state;
    const char *why = "";
    struct rec_demux *d = NULL;
    const struct rec_demux_conf conf = {.fd = open_file("long.mkv"),
                                        .is_stopped = is_stopped_already};
    assert_int_not_equal(rec_demux_open(&d, &conf, &why), 0);
    close(conf.fd);
}

static void what_is_no_media_fails(void **state)
{
    (void)state;
    char path[64];
    snprintf(path, sizeof(path), "%s/text.mp4", folder);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (int i = 0; i < 1000; i++)
        fputs("#EXTM3U\nfile:///etc/passwd\n", f);
    fclose(f);
    struct rec_input_conf conf = {.fd = open_file("text.mp4")};
    struct room *r = new_room();
    start(r, &conf);
    wait_state(r, REC_INPUT_FAILED, "not_media");
    assert_int_equal(r->opened, 0);
    end(r);
}

static void nothing_is_pushed_before_it_is_wired(void **state)
{
    (void)state;
    struct rec_input_conf conf = {.fd = open_file("short.mkv")};
    struct room *r = new_room();
    r->is_unwired = true;
    start(r, &conf);
    const int64_t until_us = mcu_now_us() + PATIENCE_US;
    uint32_t opened = 0;
    while (!opened && mcu_now_us() < until_us) {
        pthread_mutex_lock(&r->lock);
        opened = r->opened;
        pthread_mutex_unlock(&r->lock);
    }
    assert_int_equal(opened, 1);
    assert_non_null(rec_input_info(r->input));
    mcu_sleep_until_us(mcu_now_us() + 100000);
    assert_int_equal(count(r, &r->audio_count), 0);
    rec_input_wired(r->input);
    wait_count(r, &r->audio_count, 19); /* of 20: and none is lost */
    assert_true(r->video[0].is_key);
    end(r);
}

/* --- live ------------------------------------------------------------------------------------- */

static uint16_t free_port(int type)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(a);
    const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
    close(fd);
    return ntohs(a.sin_port);
}

/* The ffmpeg program serves one client at that URL. */
static pid_t serve(const char *format, const char *url)
{
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        setpgid(0, 0);
        const char *const listen = strncmp(url, "rtmp", 4) == 0 ? "-listen" : "-muxdelay";
        const char *const value = strncmp(url, "rtmp", 4) == 0 ? "1" : "0";
        execlp("ffmpeg", "ffmpeg", "-v", "quiet", "-nostdin", "-re", "-f", "lavfi", "-i",
               "color=red:size=160x90:rate=25", "-f", "lavfi", "-i",
               "sine=frequency=1000:sample_rate=44100", "-c:v", "libx264", "-preset", "ultrafast",
               "-tune", "zerolatency", "-g", "25", "-c:a", "aac", "-f", format, listen, value, url,
               (char *)NULL);
        _exit(127);
    }
    return pid;
}

static void quit(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

struct live {
    char url[64], server_url[80];
    const char *format;
    pid_t server;
    struct room *room;
    size_t audio, video; /* when the server was killed */
};

static void check_again(struct live *l)
{
    struct room *r = l->room;
    wait_count(r, &r->audio_count, l->audio + 20);
    wait_count(r, &r->video_count, l->video + 12);
    wait_state(r, REC_INPUT_PLAYING, "");
    rec_input_stop(r->input);
    quit(l->server);
    struct rec_input_status s;
    rec_input_read_status(r->input, &s);
    assert_true(s.retries >= 1);
    assert_true(r->opened >= 2);
    const struct seen *heard = &r->audio[l->audio + 15]; /* after the server's return */
    assert_in_range(heard->peak, 2000, 6000);
    /* Times are the room's: what is pushed is due about then. */
    assert_true(llabs(heard->pts_us - heard->at_us) < 5 * MCU_US_PER_S);
    end(r);
}

static void live_sources_play_and_are_connected_again(void **state)
{
    (void)state;
    struct live lives[2] = {{.format = "flv"}, {.format = "mpegts"}};
    struct live *rtmp = &lives[0], *srt = &lives[1];
    snprintf(rtmp->url, sizeof(rtmp->url), "rtmp://127.0.0.1:%u/live/a", free_port(SOCK_STREAM));
    snprintf(rtmp->server_url, sizeof(rtmp->server_url), "%s", rtmp->url);
    snprintf(srt->url, sizeof(srt->url), "srt://127.0.0.1:%u", free_port(SOCK_DGRAM));
    snprintf(srt->server_url, sizeof(srt->server_url), "%s?mode=listener", srt->url);
    for (size_t i = 0; i < 2; i++) {
        struct live *l = &lives[i];
        struct rec_input_conf conf = {.url = l->url};
        assert_int_equal(guard_policy_add(&conf.policy, "127.0.0.0/8"), 0);
        l->room = new_room();
        l->server = serve(l->format, l->server_url);
        start(l->room, &conf);
    }
    for (size_t i = 0; i < 2; i++) {
        wait_count(lives[i].room, &lives[i].room->video_count, 12);
        wait_count(lives[i].room, &lives[i].room->audio_count, 20);
    }
    quit(rtmp->server); /* of SRT it takes five seconds to notice: tests/faults/inputs.mjs */
    wait_state(rtmp->room, REC_INPUT_WAITING, NULL);
    rtmp->audio = count(rtmp->room, &rtmp->room->audio_count);
    rtmp->video = count(rtmp->room, &rtmp->room->video_count);
    rtmp->server = serve(rtmp->format, rtmp->server_url);
    check_again(rtmp);
    quit(srt->server);
    end(srt->room);
}

static void a_private_address_is_refused(void **state)
{
    (void)state;
    static const char *const urls[] = {"rtmp://127.0.0.1:9/live/a", "srt://127.0.0.1:9",
                                       "rtsp://127.0.0.1:9/a", "http://127.0.0.1:9/a.m3u8",
                                       "https://[::ffff:10.0.0.1]/a.m3u8"};
    struct room *rooms[sizeof(urls) / sizeof(urls[0])];
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct rec_input_conf conf = {.url = urls[i]};
        rooms[i] = new_room();
        start(rooms[i], &conf);
    }
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        wait_state(rooms[i], REC_INPUT_WAITING, "refused");
        end(rooms[i]);
    }
}

static int set_up(void **state)
{
    (void)state;
    av_log_set_level(AV_LOG_QUIET);
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof(command), "rm -r %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_file_plays_to_its_end_beside_a_loop),
        cmocka_unit_test(what_is_paused_stands_still),
        cmocka_unit_test(what_is_sought_while_it_is_paused_goes_on_at_once),
        cmocka_unit_test(nobody_waits_for_a_file_to_be_read_to_its_end),
        cmocka_unit_test(a_file_is_sought),
        cmocka_unit_test(what_is_no_media_fails),
        cmocka_unit_test(nothing_is_pushed_before_it_is_wired),
        cmocka_unit_test(live_sources_play_and_are_connected_again),
        cmocka_unit_test(a_private_address_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
