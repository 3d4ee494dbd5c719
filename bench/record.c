/* bench/record - what a recording and a push add to a room at 1280x720, 30 frames a second, whose
 * viewers take the same H264 already: with that stream, and with an encoder of their own.
 *
 * One camera with a moving picture fills the canvas and one voice speaks. CPU of the whole process, in
 * percent of a core, over turns of a second and a half each that are taken in a circle, so that what
 * else the machine does falls on all of them; the median. `writer` is the CPU of the threads that only a
 * recording or a push has: the AAC encode, and the writing.
 *
 * Usage: record [TURNS]     (8). The push goes to a listener of ffmpeg's over RTMP on loopback. */
#include <dirent.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libavutil/log.h>

#include "compositor/encode.h"
#include "compositor/engine.h"
#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "mcu/pushes.h"
#include "mcu/studio.h"
#include "tests/lib/scenes.h"

enum { WIDTH = 1280, HEIGHT = 720, FPS = 30, PICTURES = 60, TURNS_MAX = 40, TURN_MS = 1500 };
enum { NOTHING, SHARED, OWN, PUSH, PUSH_OWN, KINDS };

extern char **environ;

static const char *const kinds[KINDS] = {"nothing", "recording, shared", "recording, own encoder",
                                         "push, shared", "push, own encoder"};

struct bench {
    struct layout *layout;
    struct mcu_studio *studio;
    struct mcu_seat *seat;
    struct mcu_packet *pictures[PICTURES];
    int picture_count;
    int64_t now_us;
    uint64_t video_tick;
    char folder[64];
    atomic_int ended;
    double cpu[KINDS][TURNS_MAX], writer[KINDS][TURNS_MAX];
};

static void take_packet(void *ctx, struct mcu_packet *packet)
{
    struct bench *b = ctx;
    if (b->picture_count < PICTURES)
        b->pictures[b->picture_count++] = packet;
    else
        mcu_packet_unref(packet);
}

static void make_pictures(struct bench *b)
{
    static struct scene scene;
    struct comp_canvas canvas;
    void *impl = NULL;
    const struct comp_codec_conf conf = {.width = WIDTH, .height = HEIGHT, .fps = FPS,
                                         .bitrate_bps = 2500000, .preset = "superfast",
                                         .speed = -8, .threads = 1, .temporal_layers = 1};
    scene_init(&scene, 2, 4);
    if (comp_canvas_init(&canvas, WIDTH, HEIGHT) || comp_codec_h264.create(&impl, &conf))
        abort();
    for (int n = 0; n < PICTURES; n++) {
        scene_paint(&scene, &canvas, n < PICTURES / 2 ? n : PICTURES - n);
        comp_codec_h264.encode(impl, &canvas, n * 33333, n == 0, take_packet, b);
    }
    comp_codec_h264.destroy(impl);
}

/* --- the room --------------------------------------------------------------------------------- */

static void on_assign(void *ctx, void *seat_ctx, int32_t output)
{
    (void)ctx, (void)seat_ctx, (void)output;
}

static void on_recording(void *ctx, const char *id, uint32_t part, const struct rec_result *result)
{
    struct bench *b = ctx;
    (void)id, (void)part;
    if (result->error)
        fprintf(stderr, "the recording failed: %s\n", strerror(-result->error));
    atomic_fetch_add(&b->ended, 1);
}

static struct comp_stream_conf stream_conf(void)
{
    return (struct comp_stream_conf){.width = WIDTH, .height = HEIGHT, .fps = FPS,
                                     .bitrate_bps = 2500000, .preset = "superfast", .speed = -8,
                                     .threads = 1, .temporal_layers = 1, .key_every_us = 2000000};
}

static void open_room(struct bench *b)
{
    const struct mcu_studio_conf conf = {
        .mix = {.channels = 2, .bitrate_bps = 64000, .complexity = 5, .speakers = 3,
                .max_delay_us = 100000},
        .comp = {.fps = FPS},
        .view = {.width = WIDTH, .height = HEIGHT},
        .video = stream_conf(),
        .layout = b->layout,
        .aac_bitrate_bps = 128000,
        .fragment_ms = 500,
    };
    const struct mcu_studio_sink sink = {
        .ctx = b, .on_assign = on_assign, .on_recording = on_recording};
    if (mcu_studio_create(&b->studio, &conf, &sink) ||
        mcu_seat_add(b->studio, &b->seat, "a", NULL) ||
        mcu_seat_open_video(b->seat, MCU_CAMERA, MCU_CODEC_H264, NULL, 0) ||
        mcu_studio_watch(b->studio)) {
        fprintf(stderr, "no room\n");
        exit(1);
    }
}

static void send_picture(struct bench *b, int64_t now_us)
{
    const struct mcu_packet *of = b->pictures[b->video_tick % (uint64_t)b->picture_count];
    struct mcu_packet *p = mcu_packet_copy(of->data, of->size);
    p->codec = MCU_CODEC_H264;
    p->is_key = of->is_key;
    p->pts_us = p->dts_us = now_us;
    mcu_seat_push_video(b->seat, MCU_CAMERA, p);
    mcu_packet_unref(p);
}

static void run_for(struct bench *b, int ms)
{
    const int64_t end_us = b->now_us + ms * INT64_C(1000);
    static int64_t video_us;
    if (video_us < b->now_us)
        video_us = b->now_us;
    for (; b->now_us < end_us; b->now_us += MIX_TICK_US) {
        mcu_sleep_until_us(b->now_us);
        mcu_studio_tick_audio(b->studio, b->now_us);
        for (; video_us < b->now_us + MIX_TICK_US; video_us += MCU_US_PER_S / FPS) {
            send_picture(b, video_us);
            mcu_studio_tick_video(b->studio, video_us);
            b->video_tick++;
        }
    }
}

/* --- what is added ---------------------------------------------------------------------------- */

static void record(struct bench *b, const struct comp_stream_conf *video, const char *path)
{
    const struct mcu_record_conf conf = {
        .id = "r", .path = path, .start_us = b->now_us,
        .view = video ? mcu_studio_view(b->studio) : NULL, .video = video};
    if (mcu_studio_record(b->studio, &conf)) {
        fprintf(stderr, "no recording\n");
        exit(1);
    }
}

static void stop_recording(struct bench *b)
{
    const int before = atomic_load(&b->ended);
    mcu_studio_record_stop(b->studio, "r", b->now_us);
    while (atomic_load(&b->ended) == before)
        run_for(b, 20);
    mcu_studio_record_reap(b->studio, "r", 1);
}

static int free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(a);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
        getsockname(fd, (struct sockaddr *)&a, &size) < 0)
        abort();
    close(fd);
    return ntohs(a.sin_port);
}

static pid_t listen_at(char *url, size_t size)
{
    pid_t pid = 0;
    snprintf(url, size, "rtmp://127.0.0.1:%d/live/bench", free_port());
    char *argv[] = {"ffmpeg", "-nostdin", "-loglevel", "quiet", "-listen", "1", "-i", url,
                    "-c",     "copy",     "-f",        "null",  "-",       NULL};
    return posix_spawnp(&pid, "ffmpeg", NULL, NULL, argv, environ) == 0 ? pid : 0;
}

/* NULL with *pid 0: there is no ffmpeg. */
static struct mcu_push *push(struct bench *b, bool is_own, pid_t *pid)
{
    char url[128];
    struct mcu_push *p = NULL;
    const struct comp_stream_conf video = stream_conf();
    *pid = listen_at(url, sizeof(url));
    if (!*pid)
        return NULL;
    run_for(b, 1000); /* it listens by then */
    struct mcu_push_conf conf = {
        .live = {.name = "bench", .url = url, .ca_file = "", .connect_us = 5 * MCU_US_PER_S,
                 .stall_us = 5 * MCU_US_PER_S},
        .view = is_own ? mcu_studio_view(b->studio) : NULL, .video = &video, .start_us = b->now_us};
    guard_policy_add(&conf.live.policy, "127.0.0.0/8");
    if (mcu_push_start(b->studio, &p, &conf))
        exit(1);
    struct rec_live_status status = {0};
    for (int i = 0; i < 100 && status.state != REC_LIVE_ON; i++) {
        run_for(b, 100);
        mcu_push_read(p, &status);
    }
    if (status.state != REC_LIVE_ON)
        fprintf(stderr, "the push is not on\n");
    return p;
}

static void stop_push(struct bench *b, struct mcu_push *p, pid_t pid)
{
    if (p) {
        mcu_push_stop(p);
        run_for(b, 600);
        mcu_push_destroy(p);
    }
    if (pid) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
}

/* --- what it costs ---------------------------------------------------------------------------- */

static double cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* Seconds on a CPU of the threads with these names, in nanoseconds of schedstat. */
static double writers_s(void)
{
    double sum = 0;
    DIR *dir = opendir("/proc/self/task");
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        char path[300], name[32] = "";
        unsigned long long ns = 0;
        snprintf(path, sizeof(path), "/proc/self/task/%.20s/comm", e->d_name);
        FILE *f = fopen(path, "r");
        if (!f || fscanf(f, "%31s", name) != 1)
            name[0] = '\0';
        if (f)
            fclose(f);
        if (strcmp(name, "rec") != 0 && strcmp(name, "aac") != 0 && strcmp(name, "push") != 0)
            continue;
        snprintf(path, sizeof(path), "/proc/self/task/%.20s/schedstat", e->d_name);
        f = fopen(path, "r");
        if (f && fscanf(f, "%llu", &ns) == 1)
            sum += (double)ns / 1e9;
        if (f)
            fclose(f);
    }
    if (dir)
        closedir(dir);
    return sum;
}

static void measure(struct bench *b, int kind, int turn)
{
    run_for(b, 300);
    const double cpu = cpu_s(), writers = writers_s();
    run_for(b, TURN_MS);
    b->cpu[kind][turn] = (cpu_s() - cpu) * 100000 / TURN_MS;
    b->writer[kind][turn] = (writers_s() - writers) * 100000 / TURN_MS;
}

static void take_turn(struct bench *b, int turn)
{
    const struct comp_stream_conf room = stream_conf();
    struct comp_stream_conf own = room;
    pid_t pid = 0;
    own.b_frames = 2;
    snprintf(own.preset, sizeof(own.preset), "veryfast");
    measure(b, NOTHING, turn);
    for (int kind = SHARED; kind <= OWN; kind++) {
        char path[128];
        snprintf(path, sizeof(path), "%s/%d-%d.mp4", b->folder, turn, kind);
        record(b, kind == OWN ? &own : NULL, path);
        measure(b, kind, turn);
        stop_recording(b);
        unlink(path);
    }
    for (int kind = PUSH; kind <= PUSH_OWN; kind++) {
        struct mcu_push *p = push(b, kind == PUSH_OWN, &pid);
        measure(b, kind, turn);
        stop_push(b, p, pid);
    }
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof(*values), compare);
    return values[n / 2];
}

int main(int argc, char **argv)
{
    static struct bench b;
    int turns = argc > 1 ? atoi(argv[1]) : 8;
    turns = turns < 1 ? 1 : turns > TURNS_MAX ? TURNS_MAX : turns;
    mcu_log_set_level_name("error");
    av_log_set_level(AV_LOG_ERROR);
    snprintf(b.folder, sizeof(b.folder), "/tmp/mixdown-bench-XXXXXX");
    if (!mkdtemp(b.folder) || layout_builtin(&b.layout, "grid") < 0)
        return 1;
    make_pictures(&b);
    b.now_us = mcu_now_us();
    open_room(&b);
    run_for(&b, 2000);
    for (int turn = 0; turn < turns; turn++)
        take_turn(&b, turn);
    const double nothing = median(b.cpu[NOTHING], turns);
    printf("%-24s %10s %8s %8s\n", "% of a core", "process", "added", "writer");
    for (int kind = 0; kind < KINDS; kind++) {
        const double cpu = median(b.cpu[kind], turns);
        printf("%-24s %10.1f %8.1f %8.2f\n", kinds[kind], cpu, cpu - nothing,
               median(b.writer[kind], turns));
    }
    mcu_studio_destroy(b.studio);
    layout_destroy(b.layout);
    rmdir(b.folder);
    return 0;
}
