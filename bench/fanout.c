/* bench/fanout - one mixed picture and sound to 10, 100, 500 and 1000 viewers: SRTP (AES-GCM) over
 * loopback, plain peers on one port, through feeds, histories and batches.
 *
 * Beside it the floor, in the same run: the same packets by nothing but one EVP call each, with a
 * context per viewer, and sendmmsg by 64. Nobody reads what comes: the kernel drops it, for both.
 *
 * Usage: fanout [COUNT [SECONDS]] */
#include <arpa/inet.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "transport/rtc.h"
#include "transport/srtp.h"

enum {
    COUNT_MAX = 2000,
    FPS = 30,
    FRAME_BYTES = 5000, /* 1.2 Mbit/s */
    KEY_BYTES = 20000,
    KEY_EVERY = 90,
    AUDIO_BYTES = 120,
    KEY_AND_SALT = 28,
    FLOOR_BATCH = 64,
    HEADER = 12,
    TAG = 16,
    TOLD_US = 700 * 1000, /* until a peer's counts are told: nothing is sent meanwhile */
};

struct rig {
    size_t count;
    int sink;
    uint16_t port;
    struct rtc *rtc;
    struct rtc_feed *audio, *video;
    struct rtc_peer *peers[COUNT_MAX];
    uint32_t next;
};

static void address_of(const struct rig *r, size_t i, struct sockaddr_in *out)
{
    const uint32_t host = 0x7f4e0001u + (uint32_t)(i / 250 << 8 | i % 250); /* 127.78.x.y */
    *out = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(r->port), .sin_addr.s_addr = htonl(host)};
}

static int open_sink(struct rig *r)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    socklen_t size = sizeof(any);
    r->sink = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (r->sink < 0 || bind(r->sink, (struct sockaddr *)&any, sizeof(any)) ||
        getsockname(r->sink, (struct sockaddr *)&any, &size))
        return -1;
    r->port = ntohs(any.sin_port);
    return 0;
}

static int add_viewer(struct rig *r, size_t i)
{
    struct sockaddr_in to;
    char host[INET_ADDRSTRLEN];
    uint8_t in[KEY_AND_SALT] = {1}, out[KEY_AND_SALT] = {2};
    memcpy(out + 1, &i, sizeof(i));
    address_of(r, i, &to);
    inet_ntop(AF_INET, &to.sin_addr, host, sizeof(host));
    const struct rtc_plain_conf conf = {
        .remote_host = host,
        .remote_port = r->port,
        .media = {{.direction = MCU_SENDONLY, .codec = MCU_CODEC_OPUS, .pt = 111},
                  {.direction = MCU_SENDONLY, .codec = MCU_CODEC_VP8, .pt = 96, .has_nack = true}},
        .is_srtp = true,
        .profile = RTC_SRTP_AEAD_AES_128_GCM,
        .key_in = in,
        .key_out = out,
        .key_bytes = KEY_AND_SALT,
    };
    const struct rtc_peer_sink nothing = {.ctx = NULL};
    struct rtc_plain_local local;
    const int err = rtc_peer_create_plain(r->rtc, &r->peers[i], &conf, &nothing, &local);
    if (err)
        return err;
    rtc_peer_tune(r->peers[i], MCU_AUDIO, r->audio);
    rtc_peer_tune(r->peers[i], MCU_VIDEO, r->video);
    return 0;
}

static void push(struct rtc_feed *feed, enum mcu_codec codec, size_t size, bool is_key, int64_t pts)
{
    struct mcu_packet *p = mcu_packet_create(size);
    if (!p)
        return;
    memset(p->data, 0x31, size);
    p->size = size;
    p->codec = codec;
    p->is_key = is_key;
    p->pts_us = p->dts_us = pts;
    rtc_feed_push(feed, p);
    mcu_packet_unref(p);
}

/* In steps of 10 ms: sound at every other, pictures 30 times a second. */
static void push_for(struct rig *r, int64_t seconds)
{
    const int64_t start_us = mcu_now_us();
    for (int64_t step = 0; step < seconds * 100; step++) {
        const int64_t due_us = start_us + step * 10 * MCU_US_PER_MS;
        mcu_sleep_until_us(due_us);
        if (step % 2 == 0)
            push(r->audio, MCU_CODEC_OPUS, AUDIO_BYTES, true, due_us);
        if (step * FPS / 100 != (step + 1) * FPS / 100) {
            const bool is_key = r->next++ % KEY_EVERY == 0;
            push(r->video, MCU_CODEC_VP8, is_key ? KEY_BYTES : FRAME_BYTES, is_key, due_us);
        }
    }
}

struct sums {
    uint64_t packets, bytes;
};

static struct sums sent_by(const struct rig *r)
{
    struct sums s = {0, 0};
    for (size_t i = 0; i < r->count; i++) {
        struct rtc_peer_stats stats;
        rtc_peer_read_stats(r->peers[i], &stats);
        for (size_t kind = 0; kind < 2; kind++) {
            s.packets += stats.out[kind].packets;
            s.bytes += stats.out[kind].bytes;
        }
    }
    return s;
}

static size_t resident_kb(void)
{
    size_t pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%*u %zu", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE) / 1024;
}

/* --- the floor ---------------------------------------------------------------------------------
 */

struct floor {
    EVP_CIPHER_CTX *ctx[COUNT_MAX];
    struct mmsghdr messages[FLOOR_BATCH];
    struct iovec parts[FLOOR_BATCH];
    struct sockaddr_in to[FLOOR_BATCH];
    uint8_t data[FLOOR_BATCH][1500];
};

static void protect(EVP_CIPHER_CTX *ctx, uint32_t n, uint8_t *packet, const uint8_t *payload,
                    size_t size)
{
    uint8_t iv[12] = {0};
    int len;
    memcpy(iv, &n, sizeof(n));
    EVP_EncryptInit_ex(ctx, NULL, NULL, NULL, iv);
    EVP_EncryptUpdate(ctx, NULL, &len, packet, HEADER);
    EVP_EncryptUpdate(ctx, packet + HEADER, &len, payload, (int)size);
    EVP_EncryptFinal_ex(ctx, packet + HEADER + size, &len);
    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG, packet + HEADER + size);
}

/* Microseconds of CPU for a packet of so many bytes, viewer after viewer. */
static double floor_us(const struct rig *r, struct floor *f, uint64_t packets, size_t size)
{
    static const uint8_t payload[1400] = {7};
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int64_t from_us = mcu_cpu_us();
    size_t waiting = 0;
    for (uint64_t n = 0; n < packets; n++) {
        const size_t viewer = n % r->count;
        address_of(r, viewer, &f->to[waiting]);
        protect(f->ctx[viewer], (uint32_t)n, f->data[waiting], payload, size);
        f->parts[waiting] =
            (struct iovec){.iov_base = f->data[waiting], .iov_len = HEADER + size + TAG};
        f->messages[waiting].msg_hdr = (struct msghdr){.msg_name = &f->to[waiting],
                                                       .msg_namelen = sizeof(f->to[waiting]),
                                                       .msg_iov = &f->parts[waiting],
                                                       .msg_iovlen = 1};
        if (++waiting == FLOOR_BATCH || n + 1 == packets) {
            sendmmsg(fd, f->messages, (unsigned)waiting, 0);
            waiting = 0;
        }
    }
    const double us = (double)(mcu_cpu_us() - from_us) / (double)packets;
    close(fd);
    return us;
}

static double measure_floor(const struct rig *r, uint64_t packets, size_t size)
{
    struct floor *f = calloc(1, sizeof(*f));
    if (!f)
        return -1;
    for (size_t i = 0; i < r->count; i++) {
        uint8_t key[16] = {3};
        memcpy(key + 1, &i, sizeof(i));
        f->ctx[i] = EVP_CIPHER_CTX_new();
        EVP_EncryptInit_ex(f->ctx[i], EVP_aes_128_gcm(), NULL, key, NULL);
    }
    const double us = floor_us(r, f, packets, size);
    for (size_t i = 0; i < r->count; i++)
        EVP_CIPHER_CTX_free(f->ctx[i]);
    free(f);
    return us;
}

/* --- one row -----------------------------------------------------------------------------------
 */

static int open_rig(struct rig *r, size_t count)
{
    const struct rtc_conf conf = {.peers_per_thread = 32};
    r->count = count;
    int err = open_sink(r);
    if (!err)
        err = rtc_create(&r->rtc, &conf);
    if (!err)
        err = rtc_feed_create(r->rtc, &r->audio, MCU_CODEC_OPUS);
    if (!err)
        err = rtc_feed_create(r->rtc, &r->video, MCU_CODEC_VP8);
    for (size_t i = 0; i < count && !err; i++)
        err = add_viewer(r, i);
    return err;
}

static void close_rig(struct rig *r)
{
    rtc_destroy(r->rtc);
    rtc_feed_destroy(r->audio);
    rtc_feed_destroy(r->video);
    if (r->sink >= 0)
        close(r->sink);
}

static int measure(size_t count, int64_t seconds)
{
    struct rig *r = calloc(1, sizeof(*r));
    if (!r)
        return -1;
    const size_t before_kb = resident_kb();
    const int err = open_rig(r, count);
    if (!err) {
        push_for(r, 2);
        mcu_sleep_until_us(mcu_now_us() + TOLD_US);
        const struct sums from = sent_by(r);
        const int64_t from_us = mcu_now_us(), cpu_us = mcu_cpu_us();
        push_for(r, seconds);
        const double used_us = (double)(mcu_cpu_us() - cpu_us);
        const double passed_us = (double)(mcu_now_us() - from_us);
        const size_t kb = resident_kb() - before_kb;
        mcu_sleep_until_us(mcu_now_us() + TOLD_US);
        const struct sums to = sent_by(r);
        const double packets = (double)(to.packets - from.packets);
        const size_t size = (size_t)((double)(to.bytes - from.bytes) / packets);
        const double ours = used_us / packets;
        const double bare = measure_floor(r, (uint64_t)(packets < 200000 ? packets : 200000), size);
        printf("%7zu %10.0f %8.3f %12.3f %10zu %10.2f %10.2f %8.2f\n", count,
               packets * 1e6 / passed_us, used_us / passed_us,
               1000 * used_us / passed_us / (double)count, kb / count, ours, bare, ours / bare);
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
    if (only > COUNT_MAX)
        return 2;
    printf("%7s %10s %8s %12s %10s %10s %10s %8s\n", "viewers", "packets/s", "core", "mcore each",
           "kB each", "us/packet", "floor us", "ratio");
    for (size_t i = 0; i < (only ? 1 : 4); i++) {
        const int err = measure(only ? only : counts[i], seconds);
        if (err) {
            fprintf(stderr, "failed: %s\n", strerror(-err));
            return 1;
        }
    }
    return 0;
}
