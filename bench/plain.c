/* bench/plain - what plain SRTP peers cost the transport alone, without a mix: everyone sends 50
 * packets a second and is sent one feed, all AES-GCM, over loopback.
 *
 * CPU of the [net] thread, as a share of a core and for one packet in and one packet out together,
 * system calls and all. The load is in the same process and is taken off.
 *
 * Usage: plain [COUNT [SECONDS]] */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/base/thread.h"
#include "tests/lib/plain_load.h"
#include "transport/rtc.h"
#include "transport/srtp.h"

enum { COUNT_MAX = 2000, PACKET_BYTES = 80, WARM_S = 2 };

struct rig {
    size_t count;
    struct plain_load *load;
    struct rtc *rtc;
    struct rtc_feed *feed;
    struct rtc_peer *peers[COUNT_MAX];
    atomic_uint_fast64_t taken;
};

static void on_state(void *ctx, enum rtc_state state, const char *reason)
{
    (void)ctx;
    (void)state;
    (void)reason;
}

static void on_candidate(void *ctx, const char *candidate)
{
    (void)ctx;
    (void)candidate;
}

static void on_audio(void *ctx, const struct rtc_audio *audio)
{
    struct rig *r = ctx;
    if (audio->size > 0)
        atomic_fetch_add_explicit(&r->taken, 1, memory_order_relaxed);
}

static void on_video(void *ctx, enum rtc_picture picture, struct mcu_packet *frame)
{
    (void)picture;
    (void)ctx;
    (void)frame;
}

static void on_need_key(void *ctx, enum mcu_codec codec)
{
    (void)ctx;
    (void)codec;
}

static int add_peer(struct rig *r, size_t i)
{
    char host[PLAIN_LOAD_HOST_BYTES];
    uint16_t port;
    uint8_t in[PLAIN_LOAD_KEY_BYTES], out[PLAIN_LOAD_KEY_BYTES];
    plain_load_address(r->load, i, host, &port);
    plain_load_keys(r->load, i, in, out);
    const struct rtc_plain_conf conf = {
        .remote_host = host,
        .remote_port = port,
        .media[MCU_AUDIO] = {.direction = MCU_SENDRECV,
                             .codec = MCU_CODEC_OPUS,
                             .pt = 111,
                             .audio_level_ext = 1},
        .is_srtp = true,
        .profile = RTC_SRTP_AEAD_AES_128_GCM,
        .key_in = in,
        .key_out = out,
        .key_bytes = PLAIN_LOAD_KEY_BYTES,
    };
    const struct rtc_peer_sink sink = {.ctx = r,
                                       .on_state = on_state,
                                       .on_candidate = on_candidate,
                                       .on_audio = on_audio,
                                       .on_video = on_video,
                                       .on_need_key = on_need_key};
    struct rtc_plain_local local;
    const int err = rtc_peer_create_plain(r->rtc, &r->peers[i], &conf, &sink, &local);
    if (err)
        return err;
    rtc_peer_tune(r->peers[i], MCU_AUDIO, r->feed);
    return plain_load_aim(r->load, i, local.host, local.port);
}

static int open_rig(struct rig *r, size_t count)
{
    const struct plain_load_conf load = {.count = count, .audio_level_ext = 1, .is_srtp = true};
    const struct rtc_conf conf = {.peers_per_thread = 32};
    r->count = count;
    int err = plain_load_create(&r->load, &load);
    if (!err)
        err = rtc_create(&r->rtc, &conf);
    if (!err)
        err = rtc_feed_create(r->rtc, &r->feed, MCU_CODEC_OPUS);
    for (size_t i = 0; i < count && !err; i++)
        err = add_peer(r, i);
    for (size_t i = 0; i < 3 && i < count && !err; i++)
        plain_load_speak(r->load, i, true);
    return err ? err : plain_load_start(r->load);
}

static void close_rig(struct rig *r)
{
    plain_load_destroy(r->load);
    rtc_destroy(r->rtc);
    rtc_feed_destroy(r->feed);
}

/* One packet every 20 ms, as a mix would come. */
static void push_for(struct rig *r, int64_t s)
{
    const int64_t start_us = mcu_now_us();
    for (int64_t n = 0; n < s * 50; n++) {
        static const uint8_t data[PACKET_BYTES] = {0x78};
        const int64_t due_us = start_us + n * 20 * MCU_US_PER_MS;
        mcu_sleep_until_us(due_us);
        struct mcu_packet *p = mcu_packet_copy(data, sizeof(data));
        if (!p)
            return;
        p->codec = MCU_CODEC_OPUS;
        p->pts_us = p->dts_us = due_us;
        rtc_feed_push(r->feed, p);
        mcu_packet_unref(p);
    }
}

static int measure(size_t count, int64_t seconds)
{
    struct rig *r = calloc(1, sizeof(*r));
    if (!r)
        return -1;
    const int err = open_rig(r, count);
    if (!err) {
        push_for(r, WARM_S);
        plain_load_reset(r->load);
        const uint64_t taken = atomic_load(&r->taken);
        const int64_t from_us = mcu_now_us();
        const int64_t cpu_us = mcu_cpu_us() - plain_load_cpu_us(r->load);
        push_for(r, seconds);
        const int64_t used_us = mcu_cpu_us() - plain_load_cpu_us(r->load) - cpu_us;
        const double passed_us = (double)(mcu_now_us() - from_us);
        const double in = (double)(atomic_load(&r->taken) - taken);
        struct plain_load_stats s;
        plain_load_total(r->load, &s);
        printf("%6zu %10.3f %14.2f %12.1f %8llu %10.1f %10.1f\n", count,
               (double)used_us / passed_us, (double)used_us / in, 100 * in / (double)s.sent,
               (unsigned long long)s.lost, (double)s.largest_gap_us / 1000,
               (double)s.late_us / 1000);
    }
    close_rig(r);
    free(r);
    return err;
}

int main(int argc, char **argv)
{
    static const size_t counts[] = {10, 100, 500, 1000};
    const size_t only = argc > 1 ? (size_t)atoi(argv[1]) : 0;
    const int64_t seconds = argc > 2 ? atoi(argv[2]) : 5;
    printf("%6s %10s %14s %12s %8s %10s %10s\n", "peers", "core", "us in and out", "taken in, %",
           "lost out", "gap ms", "load late");
    for (size_t i = 0; i < 4; i++) {
        if (only && i > 0)
            break;
        const int err = measure(only ? only : counts[i], seconds);
        if (err) {
            fprintf(stderr, "failed: %s\n", strerror(-err));
            return 1;
        }
    }
    return 0;
}
