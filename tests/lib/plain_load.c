/* See plain_load.h. One thread wakes every millisecond, takes in what has come and sends for those
 * whose turn it is; both by batches. IP_PKTINFO says whom a datagram is for, and from whom it is.
 */
#include "tests/lib/plain_load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <opus.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "mcu/base/thread.h"
#include "transport/rtp.h"
#include "transport/srtp.h"

enum {
    BATCH = 64,
    DATAGRAM_BYTES = 1500,
    CONTROL_BYTES = 128,
    HOSTS_PER_BYTE = 250,
    FRAME_MS = 20,
    FRAME_SAMPLES = 960,
    FRAMES = 100, /* of a voice; then it begins again */
    VOICES = 9,   /* the first is silence */
    VOICE_BYTES = 400,
    CHECKED_EVERY = 16,
    SOCKET_BYTES = 8 * 1024 * 1024,
    LATE_MAX_US = 20 * 1000,
    LEVEL_LOUD = 20, /* -dBov */
    LEVEL_SILENT = 127,
};

struct voice {
    uint16_t sizes[FRAMES];
    uint8_t data[FRAMES][VOICE_BYTES];
};

struct member {
    /* any */
    atomic_uint_fast64_t aim; /* address << 16 | port in host order; 0: nowhere */
    atomic_bool speaks;
    /* load */
    uint32_t ssrc;
    uint16_t seq;
    uint32_t timestamp;
    uint32_t frame;
    struct rtc_srtp *send;
    struct rtc_srtp *receive;
    bool has_heard;
    uint16_t heard_seq;
    int64_t heard_us;
    void (*on_opus)(void *ctx, const uint8_t *opus, size_t size); /* may be NULL */
    void *ctx;
    struct plain_load_stats stats; /* under the lock */
};

/* One of the two halves of the socket. */
struct batch {
    size_t count;
    struct mmsghdr headers[BATCH];
    struct iovec vectors[BATCH];
    struct sockaddr_in names[BATCH];
    _Alignas(8) uint8_t control[BATCH][CONTROL_BYTES];
    _Alignas(8) uint8_t data[BATCH][DATAGRAM_BYTES + 4]; /* whole words, for SRTP */
};

struct plain_load {
    struct plain_load_conf conf;
    int fd;
    uint16_t port;
    pthread_t thread;
    bool is_running;
    atomic_bool is_ending;
    atomic_int_fast64_t cpu_us;
    pthread_mutex_t lock; /* protects stats, and what they are counted from */
    int64_t late_us;
    struct batch out;
    struct batch in;
    struct voice voices[VOICES];
    struct member members[];
};

/* --- voices
 * --------------------------------------------------------------------------------------- */

static double base_hz_of(size_t voice)
{
    return 110.0 + 30.0 * (double)voice;
}

double plain_load_pitch_hz(size_t i)
{
    return base_hz_of(1 + i % (VOICES - 1));
}

/* Something between a vowel and an alarm: a few harmonics that swell four times a second. */
static void synthesize(int16_t *pcm, size_t voice, size_t frame)
{
    const double base_hz = base_hz_of(voice);
    const double most = voice == 0 ? 1.0 : 3500.0;
    for (size_t i = 0; i < FRAME_SAMPLES; i++) {
        const double t = (double)(frame * FRAME_SAMPLES + i) / 48000.0;
        const double swell = 0.6 + 0.4 * sin(2 * M_PI * 4 * t);
        double v = 0;
        for (int h = 1; h <= 6; h++)
            v += sin(2 * M_PI * base_hz * h * t) / h;
        pcm[i] = (int16_t)lrint(most * swell * v);
    }
}

static int encode_voice(struct voice *v, size_t number)
{
    int err;
    OpusEncoder *e = opus_encoder_create(48000, 1, OPUS_APPLICATION_VOIP, &err);
    if (!e)
        return -ENOMEM;
    opus_encoder_ctl(e, OPUS_SET_BITRATE(32000));
    opus_encoder_ctl(e, OPUS_SET_COMPLEXITY(2));
    int n = 1;
    for (size_t i = 0; i < FRAMES && n > 0; i++) {
        int16_t pcm[FRAME_SAMPLES];
        synthesize(pcm, number, i);
        n = opus_encode(e, pcm, FRAME_SAMPLES, v->data[i], VOICE_BYTES);
        v->sizes[i] = n > 0 ? (uint16_t)n : 0;
    }
    opus_encoder_destroy(e);
    return n > 0 ? 0 : -EIO;
}

/* --- life
 * ----------------------------------------------------------------------------------------- */

static uint32_t address_of(const struct plain_load *l, size_t i)
{
    return UINT32_C(127) << 24 | (uint32_t)l->conf.net << 16 | (uint32_t)(i / HOSTS_PER_BYTE) << 8 |
           (uint32_t)(1 + i % HOSTS_PER_BYTE);
}

static int open_socket(struct plain_load *l)
{
    l->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->fd < 0)
        return -errno;
    const int size = SOCKET_BYTES, on = 1;
    if (setsockopt(l->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
        setsockopt(l->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    if (setsockopt(l->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
        setsockopt(l->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(l->conf.port)};
    socklen_t n = sizeof(name);
    if (setsockopt(l->fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) ||
        setsockopt(l->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) ||
        bind(l->fd, (struct sockaddr *)&name, sizeof(name)) ||
        getsockname(l->fd, (struct sockaddr *)&name, &n))
        return -errno;
    l->port = ntohs(name.sin_port);
    return 0;
}

static int open_member(struct plain_load *l, size_t i)
{
    struct member *m = &l->members[i];
    m->ssrc = 0x10000 + (uint32_t)i;
    uint32_t random[2];
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return -EIO;
    m->seq = random[0] & 0x7fff;
    m->timestamp = random[1];
    m->frame = (uint32_t)(i * 7);
    if (!l->conf.is_srtp)
        return 0;
    uint8_t in[PLAIN_LOAD_KEY_BYTES], out[PLAIN_LOAD_KEY_BYTES];
    plain_load_keys(l, i, in, out);
    int err = rtc_srtp_create(&m->send, RTC_SRTP_AEAD_AES_128_GCM, RTC_SRTP_SEND, in, sizeof(in));
    if (!err && i % CHECKED_EVERY == 0)
        err = rtc_srtp_create(&m->receive, RTC_SRTP_AEAD_AES_128_GCM, RTC_SRTP_RECEIVE, out,
                              sizeof(out));
    return err;
}

int plain_load_create(struct plain_load **out, const struct plain_load_conf *conf)
{
    if (conf->count == 0 || conf->count > PLAIN_LOAD_MAX || conf->audio_level_ext > 14)
        return -EINVAL;
    struct plain_load *l = calloc(1, sizeof(*l) + conf->count * sizeof(l->members[0]));
    if (!l)
        return -ENOMEM;
    l->conf = *conf;
    l->conf.net = conf->net ? conf->net : 77;
    l->conf.pt = conf->pt ? conf->pt : 111;
    pthread_mutex_init(&l->lock, NULL);
    int err = open_socket(l);
    for (size_t i = 0; i < VOICES && !err; i++)
        err = encode_voice(&l->voices[i], i);
    for (size_t i = 0; i < conf->count && !err; i++)
        err = open_member(l, i);
    if (err) {
        plain_load_destroy(l);
        return err;
    }
    *out = l;
    return 0;
}

void plain_load_destroy(struct plain_load *l)
{
    if (!l)
        return;
    plain_load_stop(l);
    for (size_t i = 0; i < l->conf.count; i++) {
        rtc_srtp_destroy(l->members[i].send);
        rtc_srtp_destroy(l->members[i].receive);
    }
    if (l->fd >= 0)
        close(l->fd);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

/* --- who is where
 * --------------------------------------------------------------------------------- */

void plain_load_address(const struct plain_load *l, size_t i, char host[PLAIN_LOAD_HOST_BYTES],
                        uint16_t *port)
{
    const uint32_t a = address_of(l, i);
    snprintf(host, PLAIN_LOAD_HOST_BYTES, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255,
             a & 255);
    *port = l->port;
}

uint32_t plain_load_ssrc(const struct plain_load *l, size_t i)
{
    return l->members[i].ssrc;
}

void plain_load_keys(const struct plain_load *l, size_t i, uint8_t in[PLAIN_LOAD_KEY_BYTES],
                     uint8_t out[PLAIN_LOAD_KEY_BYTES])
{
    (void)l;
    for (size_t k = 0; k < PLAIN_LOAD_KEY_BYTES; k++) {
        in[k] = (uint8_t)(i >> (k % 2 * 8) ^ k * 31);
        out[k] = (uint8_t)~in[k];
    }
}

int plain_load_aim(struct plain_load *l, size_t i, const char *host, uint16_t port)
{
    struct in_addr a = {0};
    if (host && (port == 0 || inet_pton(AF_INET, host, &a) != 1))
        return -EINVAL;
    atomic_store(&l->members[i].aim, host ? (uint64_t)ntohl(a.s_addr) << 16 | port : 0);
    return 0;
}

int plain_load_tap(struct plain_load *l, size_t i,
                   void (*on_opus)(void *ctx, const uint8_t *opus, size_t size), void *ctx)
{
    struct member *m = &l->members[i];
    if (l->is_running)
        return -EINVAL;
    if (l->conf.is_srtp && !m->receive) {
        uint8_t in[PLAIN_LOAD_KEY_BYTES], out[PLAIN_LOAD_KEY_BYTES];
        plain_load_keys(l, i, in, out);
        const int err = rtc_srtp_create(&m->receive, RTC_SRTP_AEAD_AES_128_GCM, RTC_SRTP_RECEIVE,
                                        out, sizeof(out));
        if (err)
            return err;
    }
    m->on_opus = on_opus;
    m->ctx = ctx;
    return 0;
}

void plain_load_speak(struct plain_load *l, size_t i, bool speaks)
{
    atomic_store(&l->members[i].speaks, speaks);
}

/* --- sending
 * -------------------------------------------------------------------------------------- */

static void flush(struct plain_load *l)
{
    struct batch *b = &l->out;
    size_t done = 0;
    while (done < b->count) {
        const int n = sendmmsg(l->fd, b->headers + done, (unsigned)(b->count - done), 0);
        if (n > 0) {
            done += (size_t)n;
        } else if (errno != EINTR) {
            l->members[0].stats.send_errors++;
            done++;
        }
    }
    b->count = 0;
}

static size_t write_packet(struct plain_load *l, struct member *m, size_t voice, uint8_t *out)
{
    const bool is_silent = voice == 0;
    const struct rtc_rtp_header h = {
        .pt = l->conf.pt,
        .seq = m->seq++,
        .timestamp = m->timestamp,
        .ssrc = m->ssrc,
        .ext.audio_level = l->conf.audio_level_ext,
        .level_dbov = is_silent ? -LEVEL_SILENT : -LEVEL_LOUD,
        .is_voice = !is_silent,
    };
    m->timestamp += FRAME_SAMPLES;
    const int head = rtc_rtp_write(out, DATAGRAM_BYTES, &h);
    if (head < 0)
        return 0;
    const struct voice *v = &l->voices[voice];
    const size_t frame = m->frame++ % FRAMES;
    size_t size = (size_t)head + v->sizes[frame];
    memcpy(out + head, v->data[frame], v->sizes[frame]);
    if (m->send && rtc_srtp_protect(m->send, out, &size, DATAGRAM_BYTES))
        return 0;
    return size;
}

static void put_source(struct msghdr *h, uint8_t *control, uint32_t address)
{
    h->msg_control = control;
    h->msg_controllen = CMSG_SPACE(sizeof(struct in_pktinfo));
    struct cmsghdr *c = CMSG_FIRSTHDR(h);
    c->cmsg_level = IPPROTO_IP;
    c->cmsg_type = IP_PKTINFO;
    c->cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo));
    const struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl(address)};
    memcpy(CMSG_DATA(c), &info, sizeof(info));
}

static void send_one(struct plain_load *l, size_t i)
{
    struct member *m = &l->members[i];
    const uint64_t aim = atomic_load_explicit(&m->aim, memory_order_relaxed);
    if (!aim)
        return;
    struct batch *b = &l->out;
    const size_t at = b->count;
    const bool speaks = atomic_load_explicit(&m->speaks, memory_order_relaxed);
    const size_t size = write_packet(l, m, speaks ? 1 + i % (VOICES - 1) : 0, b->data[at]);
    if (size == 0)
        return;
    b->names[at] = (struct sockaddr_in){.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)aim),
                                        .sin_addr.s_addr = htonl((uint32_t)(aim >> 16))};
    b->vectors[at] = (struct iovec){.iov_base = b->data[at], .iov_len = size};
    struct msghdr *h = &b->headers[at].msg_hdr;
    *h = (struct msghdr){.msg_name = &b->names[at],
                         .msg_namelen = sizeof(b->names[at]),
                         .msg_iov = &b->vectors[at],
                         .msg_iovlen = 1};
    put_source(h, b->control[at], address_of(l, i));
    m->stats.sent++;
    if (++b->count == BATCH)
        flush(l);
}

/* Those whose turn it is in this millisecond. */
static void send_turn(struct plain_load *l, int64_t ms)
{
    const size_t turn = (size_t)(ms % FRAME_MS);
    const size_t from = (l->conf.count * turn + FRAME_MS - 1) / FRAME_MS;
    const size_t to = (l->conf.count * (turn + 1) + FRAME_MS - 1) / FRAME_MS;
    for (size_t i = from; i < to; i++)
        send_one(l, i);
    flush(l);
}

/* --- receiving
 * ------------------------------------------------------------------------------------ */

/* Whom it is for (NULL: none of ours), and when the kernel took it in. */
static struct member *read_control(struct plain_load *l, struct msghdr *h, int64_t *wall_us)
{
    struct member *m = NULL;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            const uint32_t a = ntohl(info.ipi_addr.s_addr);
            const size_t i = (a >> 8 & 255) * HOSTS_PER_BYTE + (a & 255) - 1;
            if (a >> 16 == (127u << 8 | l->conf.net) && (a & 255) && i < l->conf.count)
                m = &l->members[i];
        } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec t;
            memcpy(&t, CMSG_DATA(c), sizeof(t));
            *wall_us = (int64_t)t.tv_sec * MCU_US_PER_S + t.tv_nsec / 1000;
        }
    }
    return m;
}

static void hand_on(const struct member *m, const uint8_t *data, size_t size)
{
    struct rtc_rtp rtp;
    if (m->on_opus && rtc_rtp_parse(&rtp, data, size) == 0)
        m->on_opus(m->ctx, rtp.payload, rtp.payload_size);
}

static void note_arrival(struct member *m, const uint8_t *data, size_t size, int64_t now_us)
{
    const uint16_t seq = (uint16_t)(data[2] << 8 | data[3]);
    struct plain_load_stats *s = &m->stats;
    s->received++;
    s->bytes += size;
    if (m->has_heard) {
        const int16_t step = (int16_t)(seq - m->heard_seq);
        const int64_t gap_us = now_us - m->heard_us;
        if (step > 1)
            s->lost += (uint64_t)step - 1;
        else if (step < 0 && s->lost > 0)
            s->lost--; /* it was only late */
        if (gap_us > s->largest_gap_us)
            s->largest_gap_us = gap_us;
        if (step <= 0)
            return;
    }
    m->has_heard = true;
    m->heard_seq = seq;
    m->heard_us = now_us;
}

static void take(struct plain_load *l, struct msghdr *h, uint8_t *data, size_t size)
{
    int64_t wall_us = 0;
    struct member *m = read_control(l, h, &wall_us);
    if (!m)
        return;
    const enum rtc_datagram kind = rtc_datagram_kind(data, size);
    size_t plain = size;
    if (kind == RTC_DATAGRAM_RTCP)
        m->stats.rtcp++;
    else if (kind == RTC_DATAGRAM_RTP && size >= 12 &&
             (!m->receive || rtc_srtp_unprotect(m->receive, data, &plain) == 0)) {
        note_arrival(m, data, plain, wall_us);
        hand_on(m, data, plain);
    } else {
        m->stats.bad++;
    }
}

static void receive(struct plain_load *l)
{
    struct batch *b = &l->in;
    for (int n = BATCH; n == BATCH;) {
        for (size_t i = 0; i < BATCH; i++) {
            b->vectors[i] = (struct iovec){.iov_base = b->data[i], .iov_len = DATAGRAM_BYTES};
            b->headers[i].msg_hdr = (struct msghdr){.msg_iov = &b->vectors[i],
                                                    .msg_iovlen = 1,
                                                    .msg_control = b->control[i],
                                                    .msg_controllen = CONTROL_BYTES};
        }
        n = recvmmsg(l->fd, b->headers, BATCH, 0, NULL);
        for (int i = 0; i < n; i++)
            take(l, &b->headers[i].msg_hdr, b->data[i], b->headers[i].msg_len);
    }
}

/* --- the thread
 * ----------------------------------------------------------------------------------- */

static void *run(void *arg)
{
    struct plain_load *l = arg;
    int64_t start_us = mcu_now_us();
    for (int64_t ms = 0; !atomic_load(&l->is_ending); ms++) {
        const int64_t due_us = start_us + ms * MCU_US_PER_MS;
        mcu_sleep_until_us(due_us);
        const int64_t late_us = mcu_now_us() - due_us;
        pthread_mutex_lock(&l->lock);
        if (late_us > l->late_us)
            l->late_us = late_us;
        if (late_us > LATE_MAX_US)
            start_us += late_us; /* nobody is served by a flood of what is overdue */
        receive(l);
        send_turn(l, ms);
        pthread_mutex_unlock(&l->lock);
        struct timespec cpu;
        if (ms % 100 == 0 && clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu) == 0)
            atomic_store(&l->cpu_us, (int64_t)cpu.tv_sec * MCU_US_PER_S + cpu.tv_nsec / 1000);
    }
    return NULL;
}

int plain_load_start(struct plain_load *l)
{
    if (l->is_running)
        return -EALREADY;
    atomic_store(&l->is_ending, false);
    const int err = mcu_thread_start(&l->thread, "load", run, l);
    l->is_running = !err;
    return err;
}

void plain_load_stop(struct plain_load *l)
{
    if (!l->is_running)
        return;
    atomic_store(&l->is_ending, true);
    pthread_join(l->thread, NULL);
    l->is_running = false;
}

/* --- figures
 * -------------------------------------------------------------------------------------- */

/* With the silence that still lasts. */
static struct plain_load_stats stats_of(const struct member *m, int64_t wall_us)
{
    struct plain_load_stats s = m->stats;
    if (m->has_heard && wall_us - m->heard_us > s.largest_gap_us)
        s.largest_gap_us = wall_us - m->heard_us;
    return s;
}

void plain_load_read(struct plain_load *l, size_t i, struct plain_load_stats *stats)
{
    pthread_mutex_lock(&l->lock);
    receive(l); /* what has come meanwhile is no silence */
    *stats = stats_of(&l->members[i], mcu_wall_ms() * MCU_US_PER_MS);
    pthread_mutex_unlock(&l->lock);
}

void plain_load_total(struct plain_load *l, struct plain_load_stats *stats)
{
    struct plain_load_stats t = {0};
    pthread_mutex_lock(&l->lock);
    receive(l);
    const int64_t wall_us = mcu_wall_ms() * MCU_US_PER_MS;
    for (size_t i = 0; i < l->conf.count; i++) {
        const struct plain_load_stats s = stats_of(&l->members[i], wall_us);
        t.sent += s.sent;
        t.send_errors += s.send_errors;
        t.received += s.received;
        t.bytes += s.bytes;
        t.rtcp += s.rtcp;
        t.bad += s.bad;
        t.lost += s.lost;
        t.silent += s.received == 0;
        if (s.largest_gap_us > t.largest_gap_us)
            t.largest_gap_us = s.largest_gap_us;
    }
    t.late_us = l->late_us;
    pthread_mutex_unlock(&l->lock);
    *stats = t;
}

void plain_load_reset(struct plain_load *l)
{
    pthread_mutex_lock(&l->lock);
    receive(l);
    for (size_t i = 0; i < l->conf.count; i++)
        l->members[i].stats = (struct plain_load_stats){0};
    l->late_us = 0;
    pthread_mutex_unlock(&l->lock);
}

int64_t plain_load_cpu_us(struct plain_load *l)
{
    return atomic_load(&l->cpu_us);
}
