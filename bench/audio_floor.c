/* bench/audio_floor: the least work that a room of N plain SRTP participants can be.
 *
 * One thread, one socket. Reads with recvmmsg, authenticates and decrypts everything (AES-GCM,
 * OpenSSL), decodes at most K whose RFC 6464 levels say that they speak, mixes and encodes once per
 * distinct mix, protects and sends with sendmmsg. No jitter buffer worth the name, no reports, no
 * joins, no fades, no levelling: what bench/audio_room divides Mixdown's cost by. Participants and
 * keys are those of tests/lib/plain_load.h.
 *
 * Usage: audio_floor COUNT PORT REMOTE_PORT; ends on SIGTERM and says how many ticks were late. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <opus/opus.h>

#include "bench/audio_room.h"
#include "mcu/base/clock.h"
#include "tests/lib/bare_srtp.h"
#include "tests/lib/plain_load.h"

enum {
    BATCH = 64,
    DATAGRAM_BYTES = 1500,
    FRAMES = 960,
    QUEUE = 4,       /* packets kept for a speaker */
    LOUD_DBOV = -50, /* a level above it is speech */
    HOLD_TICKS = 10, /* how long one stays a speaker without such a packet */
    LATE_US = 10000, /* as the room counts */
    READ_US = 5000,  /* between two reads of the socket */
};

struct member {
    struct bare_srtp in;
    struct bare_srtp out;
    struct sockaddr_in remote;
    OpusDecoder *decoder;
    OpusEncoder *encoder; /* of the mix without it */
    float pcm[FRAMES];
    uint8_t queue[QUEUE][DATAGRAM_BYTES];
    size_t sizes[QUEUE];
    uint32_t queued;
    uint32_t played;
    int level_dbov;
    uint64_t loud_tick; /* newest tick at which it was loud; 0: never */
    uint16_t seq;
};

struct batch {
    struct mmsghdr headers[BATCH];
    struct iovec vectors[BATCH];
    struct sockaddr_in names[BATCH];
    uint8_t data[BATCH][DATAGRAM_BYTES];
};

static struct member *members;
static size_t count;
static int fd;
static uint64_t tick = 1;
static struct batch in, out;
static size_t out_count;
static volatile sig_atomic_t is_ending;

static void end(int signal)
{
    (void)signal;
    is_ending = 1;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

/* --- in --- */

static struct member *find(const struct sockaddr_in *from)
{
    const uint32_t a = ntohl(from->sin_addr.s_addr);
    const size_t i = (a >> 8 & 255) * 250 + (a & 255) - 1;
    return i < count && members[i].remote.sin_addr.s_addr == from->sin_addr.s_addr ? &members[i]
                                                                                   : NULL;
}

static void take(struct member *m, uint8_t *packet, size_t size)
{
    const size_t head = bare_rtp_header_bytes(packet, size);
    size = head ? bare_srtp_unprotect(&m->in, packet, head, size) : 0;
    if (size <= head || head < 20)
        return;
    m->level_dbov = -(packet[17] & 127); /* the one extension that the load sends */
    if (m->level_dbov > LOUD_DBOV)
        m->loud_tick = tick;
    else if (!m->loud_tick || tick - m->loud_tick > HOLD_TICKS)
        return;
    m->sizes[m->queued % QUEUE] = size - head;
    memcpy(m->queue[m->queued++ % QUEUE], packet + head, size - head);
}

static void read_socket(void)
{
    for (int n = BATCH; n == BATCH;) {
        for (int i = 0; i < BATCH; i++)
            in.headers[i].msg_hdr.msg_namelen = sizeof(in.names[i]);
        n = recvmmsg(fd, in.headers, BATCH, MSG_DONTWAIT, NULL);
        for (int i = 0; i < n; i++) {
            struct member *m = find(&in.names[i]);
            if (m)
                take(m, in.data[i], in.headers[i].msg_len);
        }
    }
}

/* --- the mix --- */

static size_t choose(struct member *speakers[AUDIO_ROOM_SPEAKERS])
{
    size_t n = 0;
    for (size_t i = 0; i < count && n < AUDIO_ROOM_SPEAKERS; i++) {
        if (members[i].loud_tick && tick - members[i].loud_tick <= HOLD_TICKS)
            speakers[n++] = &members[i];
    }
    return n;
}

static OpusEncoder *make_encoder(void)
{
    int err;
    OpusEncoder *e = opus_encoder_create(48000, 1, OPUS_APPLICATION_AUDIO, &err);
    opus_encoder_ctl(e, OPUS_SET_BITRATE(AUDIO_ROOM_KBPS * 1000));
    opus_encoder_ctl(e, OPUS_SET_COMPLEXITY(AUDIO_ROOM_COMPLEXITY));
    return e;
}

static void decode(struct member *m)
{
    int err;
    if (!m->decoder)
        m->decoder = opus_decoder_create(48000, 1, &err);
    if (m->queued - m->played > QUEUE)
        m->played = m->queued - 2;
    const bool is_lost = m->played == m->queued;
    const uint32_t at = is_lost ? 0 : m->played++ % QUEUE;
    if (opus_decode_float(m->decoder, is_lost ? NULL : m->queue[at],
                          is_lost ? 0 : (opus_int32)m->sizes[at], m->pcm, FRAMES, 0) < 0)
        memset(m->pcm, 0, sizeof(m->pcm));
}

/* The sum without one (NULL: of all), as Opus. */
static int encode(OpusEncoder *e, const float *sum, const struct member *without, uint8_t *data)
{
    float mix[FRAMES];
    for (int i = 0; i < FRAMES; i++) {
        const float v = sum[i] - (without ? without->pcm[i] : 0);
        mix[i] = v > 1 ? 1 : v < -1 ? -1 : v;
    }
    return opus_encode_float(e, mix, FRAMES, data, DATAGRAM_BYTES / 2);
}

/* --- out --- */

static void flush(void)
{
    for (size_t done = 0; done < out_count;) {
        const int n = sendmmsg(fd, out.headers + done, (unsigned)(out_count - done), 0);
        done += n > 0 ? (size_t)n : 1;
    }
    out_count = 0;
}

static void send_to(struct member *m, const uint8_t *opus, size_t size)
{
    uint8_t *p = out.data[out_count];
    const uint32_t words[3] = {htonl(0x80u << 24 | 111u << 16 | m->seq++),
                               htonl((uint32_t)(tick * FRAMES)),
                               htonl(0x20000000u + (uint32_t)(m - members))};
    memcpy(p, words, 12);
    memcpy(p + 12, opus, size);
    out.vectors[out_count].iov_len = bare_srtp_protect(&m->out, p, 12, 12 + size);
    out.names[out_count] = m->remote;
    if (++out_count == BATCH)
        flush();
}

static void run_tick(OpusEncoder *for_all)
{
    static uint8_t data[AUDIO_ROOM_SPEAKERS + 1][DATAGRAM_BYTES];
    struct member *speakers[AUDIO_ROOM_SPEAKERS];
    int sizes[AUDIO_ROOM_SPEAKERS + 1];
    float sum[FRAMES] = {0};
    const size_t n = choose(speakers);
    for (size_t s = 0; s < n; s++) {
        decode(speakers[s]);
        for (int i = 0; i < FRAMES; i++)
            sum[i] += speakers[s]->pcm[i];
    }
    for (size_t s = 0; s < n; s++) {
        if (!speakers[s]->encoder)
            speakers[s]->encoder = make_encoder();
        sizes[s] = encode(speakers[s]->encoder, sum, speakers[s], data[s]);
    }
    sizes[n] = encode(for_all, sum, NULL, data[n]);
    for (size_t i = 0, s = 0; i < count; i++) {
        const size_t own = s < n && speakers[s] == &members[i] ? s++ : n;
        send_to(&members[i], data[own], (size_t)sizes[own]);
    }
    flush();
    tick++;
}

/* --- set-up --- */

static void open_socket(uint16_t port)
{
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    const int size = 8 << 20;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
    const struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || bind(fd, (const struct sockaddr *)&name, sizeof(name)))
        fail("audio_floor: the socket");
    for (int i = 0; i < BATCH; i++) {
        in.vectors[i] = (struct iovec){in.data[i], DATAGRAM_BYTES};
        out.vectors[i] = (struct iovec){out.data[i], 0};
        in.headers[i].msg_hdr =
            (struct msghdr){.msg_name = &in.names[i], .msg_iov = &in.vectors[i], .msg_iovlen = 1};
        out.headers[i].msg_hdr = (struct msghdr){.msg_name = &out.names[i],
                                                 .msg_namelen = sizeof(out.names[i]),
                                                 .msg_iov = &out.vectors[i],
                                                 .msg_iovlen = 1};
    }
}

static void make_members(uint16_t remote_port)
{
    members = calloc(count, sizeof(*members));
    if (!members)
        fail("audio_floor: members");
    for (size_t i = 0; i < count; i++) {
        uint8_t key_in[PLAIN_LOAD_KEY_BYTES], key_out[PLAIN_LOAD_KEY_BYTES];
        plain_load_keys(NULL, i, key_in, key_out);
        if (bare_srtp_init(&members[i].in, key_in, 0) ||
            bare_srtp_init(&members[i].out, key_out, 1))
            fail("audio_floor: keys");
        const uint32_t address =
            127u << 24 | 77u << 16 | (uint32_t)(i / 250) << 8 | (uint32_t)(1 + i % 250);
        members[i].remote = (struct sockaddr_in){.sin_family = AF_INET,
                                                 .sin_port = htons(remote_port),
                                                 .sin_addr.s_addr = htonl(address)};
    }
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    count = strtoul(argv[1], NULL, 10);
    signal(SIGTERM, end);
    make_members((uint16_t)atoi(argv[3]));
    open_socket((uint16_t)atoi(argv[2]));
    OpusEncoder *for_all = make_encoder();
    uint64_t late = 0;
    const int64_t start_us = mcu_now_us();
    for (int64_t turn = 1; !is_ending; turn++) {
        const int64_t due_us = start_us + turn * READ_US;
        mcu_sleep_until_us(due_us);
        read_socket();
        if (turn % 4 == 0) {
            late += mcu_now_us() - due_us > LATE_US;
            run_tick(for_all);
        }
    }
    printf("late=%llu\n", (unsigned long long)late);
    return 0;
}
