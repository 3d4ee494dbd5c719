/* bench/compositor - what composing a grid costs: ours on its tick, FFmpeg's xstack (libswscale
 * before it) and GStreamer's compositor, each from pictures that lie in memory, without decoding
 * or encoding. Canvas 1280x720, I420; sources as large as their tiles need, 640x360 up to 9 tiles
 * and 320x180 above. Ours reads pictures that another core has just decoded, theirs one and the
 * same that stays in the cache: where nothing is scaled (4 and 16 tiles) that is the difference.
 *
 * Ours: CPU of the thread that ticks, in lockstep with its decoders and encoder, with every source
 * moving, one moving, and none. The others draw everything anew at every frame, so theirs is one
 * figure: CPU of the whole program, less that of a run of one frame. `encode` is what the encoder
 * thread (x264 superfast, 1500 kbit/s) spends on the same pictures, all moving.
 *
 * For the others: apt-get install ffmpeg gstreamer1.0-tools gstreamer1.0-plugins-{base,good}
 *
 * Usage: compositor [FRAMES] */
#include <dirent.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bench/grid.h"
#include "bench/peers.h"
#include "compositor/comp.h"
#include "compositor/encode.h"
#include "layouts/layout.h"
#include "mcu/base/clock.h"
#include "tests/lib/scenes.h"

enum {
    CLIP = 16,
    MOST = 49,
    COMMAND_BYTES = 32768,
    WAIT_US = 20000000,
    STILL_TICKS = 5,
    WARM_TICKS = 5
};
enum { WARM_US = 100000, PEER_FRAMES = 300 };

static const int counts[] = {4, 9, 16, 25, 49};

struct size {
    uint32_t width, height;
};

static struct size source_size(int tiles)
{
    return tiles <= 9 ? (struct size){640, 360} : (struct size){320, 180};
}

/* --- ours ----------------------------------------------------------------------------------------
 */

struct rig {
    struct comp *comp;
    struct comp_view *view;
    struct comp_stream *stream;
    struct comp_source *sources[MOST];
    struct layout *layout;
    struct mcu_packet *clip[CLIP]; /* key frames, so that any may follow any */
    int64_t tick;
    uint64_t missing[MOST]; /* packets that will never be decoded: from before it had a tile */
};

static void keep(void *ctx, struct mcu_packet *packet)
{
    *(struct mcu_packet **)ctx = packet;
}

static void drop(void *ctx, void *stream_ctx, struct mcu_packet *packet)
{
    (void)ctx;
    (void)stream_ctx;
    (void)packet;
}

static void ignore(void *ctx, void *source_ctx)
{
    (void)ctx;
    (void)source_ctx;
}

static int make_clip(struct rig *r, struct size size)
{
    static struct scene scene;
    const struct comp_codec_conf conf = {.width = size.width,
                                         .height = size.height,
                                         .fps = GRID_FPS,
                                         .bitrate_bps = 8000000,
                                         .speed = -8,
                                         .threads = 1,
                                         .temporal_layers = 1};
    struct comp_canvas canvas = {0};
    void *vp8;
    if (comp_codec_vp8.create(&vp8, &conf) || comp_canvas_init(&canvas, size.width, size.height))
        return -1;
    scene_init(&scene, 1, 1);
    for (int i = 0; i < CLIP; i++) {
        scene_paint(&scene, &canvas, i);
        comp_codec_vp8.encode(vp8, &canvas, i * MCU_US_PER_S / GRID_FPS, true, keep, &r->clip[i]);
    }
    comp_codec_vp8.destroy(vp8);
    comp_canvas_finish(&canvas);
    return r->clip[CLIP - 1] ? 0 : -1;
}

static int open_rig(struct rig *r, int tiles)
{
    const struct comp_conf conf = {.fps = GRID_FPS, .workers = 1};
    const struct comp_sink sink = {NULL, drop, ignore};
    memset(r, 0, sizeof(*r));
    if (make_clip(r, source_size(tiles)) || layout_builtin(&r->layout, "grid") ||
        comp_create(&r->comp, &conf, &sink))
        return -1;
    const struct comp_view_conf view = {
        .width = GRID_WIDTH, .height = GRID_HEIGHT, .layout = r->layout};
    const struct comp_stream_conf stream = {.codec = MCU_CODEC_H264,
                                            .engine = COMP_ENGINE_X264,
                                            .bitrate_bps = 1500000,
                                            .preset = "superfast",
                                            .speed = -8,
                                            .temporal_layers = 1};
    if (comp_view_create(r->comp, &r->view, &view) ||
        comp_stream_create(r->view, &r->stream, &stream))
        return -1;
    for (int i = 0; i < tiles; i++) {
        char user[16];
        snprintf(user, sizeof(user), "user%d", i);
        const struct comp_source_conf source = {
            .codec = MCU_CODEC_VP8, .user = user, .order = (uint32_t)i};
        if (comp_source_add(r->comp, &r->sources[i], &source))
            return -1;
    }
    return 0;
}

static void close_rig(struct rig *r)
{
    comp_destroy(r->comp);
    layout_destroy(r->layout);
    for (int i = 0; i < CLIP; i++)
        mcu_packet_unref(r->clip[i]);
}

static int64_t thread_cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* Nanoseconds that the encoder thread has run so far. */
static int64_t encoder_cpu_ns(void)
{
    int64_t sum = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (const struct dirent *e; tasks && (e = readdir(tasks));) {
        char path[300], name[32] = "";
        long long ns = 0;
        snprintf(path, sizeof(path), "/proc/self/task/%s/comm", e->d_name);
        FILE *f = fopen(path, "r");
        const bool is_encoder = f && fgets(name, sizeof(name), f) && !strncmp(name, "enc-", 4);
        if (f)
            fclose(f);
        snprintf(path, sizeof(path), "/proc/self/task/%s/schedstat", e->d_name);
        f = is_encoder ? fopen(path, "r") : NULL;
        if (f && fscanf(f, "%lld", &ns) == 1)
            sum += ns;
        if (f)
            fclose(f);
    }
    if (tasks)
        closedir(tasks);
    return sum;
}

/* Packets that are not decoded yet, or never will be. */
static uint64_t behind(const struct rig *r, int who)
{
    struct comp_source_stats stats;
    comp_source_read_stats(r->sources[who], &stats);
    return stats.packets - stats.decoded;
}

static uint64_t encoded_of(const struct rig *r)
{
    struct comp_stream_stats stats;
    comp_stream_read_stats(r->stream, &stats);
    return stats.encoded;
}

static void push(struct rig *r, int who)
{
    const struct mcu_packet *from = r->clip[(r->tick + who * 5) % CLIP];
    struct mcu_packet *p = mcu_packet_copy(from->data, from->size);
    if (!p)
        return;
    p->codec = MCU_CODEC_VP8;
    p->is_key = true;
    p->pts_us = p->dts_us = r->tick * MCU_US_PER_S / GRID_FPS;
    comp_source_push(r->sources[who], p);
    mcu_packet_unref(p);
}

/* One frame of the first `moving` sources; returns the CPU of the tick in ns, or -1 when something
 * stands still. */
static int64_t step(struct rig *r, int moving)
{
    const int64_t give_up_us = mcu_now_us() + WAIT_US;
    for (int i = 0; i < moving; i++)
        push(r, i);
    for (int i = 0; i < moving; i++) {
        while (behind(r, i) > r->missing[i] && mcu_now_us() < give_up_us)
            mcu_sleep_until_us(mcu_now_us() + 200);
    }
    const uint64_t encoded = encoded_of(r);
    const int64_t from_ns = thread_cpu_ns();
    comp_tick(r->comp, r->tick * MCU_US_PER_S / GRID_FPS);
    const int64_t ns = thread_cpu_ns() - from_ns;
    r->tick++;
    while (moving > 0 && encoded_of(r) == encoded && mcu_now_us() < give_up_us)
        mcu_sleep_until_us(mcu_now_us() + 200);
    return mcu_now_us() >= give_up_us ? -1 : ns;
}

/* Until everybody has his tile, and nothing is left to decode. */
static void warm_up(struct rig *r, int tiles)
{
    for (int n = 0; n < WARM_TICKS; n++) {
        for (int i = 0; i < tiles; i++)
            push(r, i);
        comp_tick(r->comp, r->tick++ * MCU_US_PER_S / GRID_FPS);
        mcu_sleep_until_us(mcu_now_us() + WARM_US);
    }
    mcu_sleep_until_us(mcu_now_us() + 10 * WARM_US);
    for (int i = 0; i < tiles; i++)
        r->missing[i] = behind(r, i);
    for (int n = 0; n < WARM_TICKS; n++)
        step(r, tiles);
}

struct cost {
    double all_us, one_us, none_us, encode_us;
    uint64_t drawn; /* tiles, a tick with all moving */
};

/* Mean over `frames` steps; -1: something stood still. */
static double mean_us(struct rig *r, int moving, int frames)
{
    int64_t sum_ns = 0;
    for (int i = 0; i < frames; i++) {
        const int64_t ns = step(r, moving);
        if (ns < 0)
            return -1;
        sum_ns += ns;
    }
    return (double)sum_ns / 1000 / frames;
}

static int measure_ours(struct cost *c, int tiles, int frames)
{
    static struct rig r;
    if (open_rig(&r, tiles))
        return -1;
    warm_up(&r, tiles);
    struct comp_stats before, after;
    comp_read_stats(r.comp, &before);
    const int64_t encode_ns = encoder_cpu_ns();
    c->all_us = mean_us(&r, tiles, frames);
    c->encode_us = (double)(encoder_cpu_ns() - encode_ns) / 1000 / frames;
    comp_read_stats(r.comp, &after);
    c->drawn = (after.tiles_drawn - before.tiles_drawn) / (uint64_t)frames;
    c->one_us = mean_us(&r, 1, frames);
    c->none_us = mean_us(&r, 0, STILL_TICKS);
    close_rig(&r);
    return c->all_us < 0 || c->one_us < 0 || c->none_us < 0;
}

/* --- theirs --------------------------------------------------------------------------------------
 */

struct text {
    char bytes[COMMAND_BYTES];
    size_t size;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(t->bytes + t->size, sizeof(t->bytes) - t->size, format, args);
    va_end(args);
    if (n > 0)
        t->size += (size_t)n < sizeof(t->bytes) - t->size ? (size_t)n : 0;
}

/* `loop` hands out the same picture again and again without a copy. */
static void xstack(struct text *t, int tiles, int frames)
{
    const struct size s = source_size(tiles);
    const struct grid g = grid_of(tiles, (int)s.width, (int)s.height);
    add(t, "ffmpeg -nostdin -v error -filter_complex_threads 1 -filter_complex '");
    for (int i = 0; i < tiles; i++)
        add(t,
            "testsrc2=s=%ux%u:r=30,format=yuv420p,loop=loop=-1:size=1,crop=%d:%d:0:0,"
            "scale=%d:%d:flags=area[t%d];",
            s.width, s.height, g.crop_width, g.crop_height, g.tile_width, g.tile_height, i);
    for (int i = 0; i < tiles; i++)
        add(t, "[t%d]", i);
    add(t, "xstack=inputs=%d:layout=", tiles);
    for (int i = 0; i < tiles; i++)
        add(t, "%s%d_%d", i ? "|" : "", i % g.cols * g.tile_width, i / g.cols * g.tile_height);
    add(t, "[o]' -map '[o]' -frames:v %d -f null -", frames);
}

/* `imagefreeze` does the same here. */
static void gstreamer(struct text *t, int tiles, int frames)
{
    const struct size s = source_size(tiles);
    const struct grid g = grid_of(tiles, (int)s.width, (int)s.height);
    add(t, "gst-launch-1.0 -q compositor name=c background=black ");
    for (int i = 0; i < tiles; i++)
        add(t, "sink_%d::xpos=%d sink_%d::ypos=%d sink_%d::width=%d sink_%d::height=%d ", i,
            i % g.cols * g.tile_width, i, i / g.cols * g.tile_height, i, g.tile_width, i,
            g.tile_height);
    add(t, "! video/x-raw,format=I420,width=%d,height=%d,framerate=30/1 ! fakesink ", GRID_WIDTH,
        GRID_HEIGHT);
    for (int i = 0; i < tiles; i++)
        add(t,
            "videotestsrc num-buffers=1 ! video/x-raw,format=I420,width=%u,height=%u ! "
            "imagefreeze num-buffers=%d ! video/x-raw,framerate=30/1 ! c.sink_%d ",
            s.width, s.height, frames, i);
}

/* Microseconds a frame; negative: it is not there, or does not work. */
static double measure_peer(void (*write)(struct text *, int, int), int tiles, int frames)
{
    static struct text one, many;
    one.size = many.size = 0;
    write(&one, tiles, 1);
    write(&many, tiles, frames + 1);
    const int64_t start_us = peer_cpu_us(one.bytes);
    const int64_t all_us = start_us < 0 ? -1 : peer_cpu_us(many.bytes);
    return all_us < 0 ? -1 : (double)(all_us - start_us) / frames;
}

static void print_peer(double us)
{
    if (us < 0)
        printf(" %10s", "-");
    else
        printf(" %10.0f", us);
}

int main(int argc, char **argv)
{
    const int frames = argc > 1 && atoi(argv[1]) > 0 ? atoi(argv[1]) : 60;
    bool is_missing = false;
    printf("us a frame\n%5s %10s %10s %10s %10s %10s %10s %10s %8s\n", "tiles", "all move", "each",
           "one moves", "none", "xstack", "GStreamer", "encode", "share %");
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct cost c;
        const int n = counts[i];
        if (measure_ours(&c, n, frames)) {
            fprintf(stderr, "%d tiles: failed\n", n);
            return 1;
        }
        if (c.drawn != (uint64_t)n)
            fprintf(stderr, "%d tiles: %llu drawn\n", n, (unsigned long long)c.drawn);
        printf("%5d %10.0f %10.1f %10.1f %10.1f", n, c.all_us, c.all_us / n, c.one_us, c.none_us);
        const double ffmpeg_us = measure_peer(xstack, n, PEER_FRAMES);
        const double gst_us = measure_peer(gstreamer, n, PEER_FRAMES);
        is_missing |= ffmpeg_us < 0 || gst_us < 0;
        print_peer(ffmpeg_us);
        print_peer(gst_us);
        printf(" %10.0f %8.1f\n", c.encode_us, 100 * c.all_us / c.encode_us);
        fflush(stdout);
    }
    if (is_missing)
        printf("-: apt-get install ffmpeg gstreamer1.0-tools gstreamer1.0-plugins-base "
               "gstreamer1.0-plugins-good\n");
    return 0;
}
