/* bench/picture_load - people for bench/picture/room.mjs: each sends a file's VP8 and Opus over plain
 * RTP, round and round, as a browser would send its camera.
 *
 * Usage: picture_load SECONDS FILE:PORT...     ports of 127.0.0.1, as POST .../rtp told them
 * Participants of one file share its packets; each begins at another place, so that they do not all
 * send at once. Video is PT 96, audio PT 111. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "recorder/source.h"
#include "transport/rtc.h"

enum {
    PEOPLE_MAX = 64,
    FILES_MAX = 64,
    PACKETS_MAX = 20000,
    STEP_US = 2000,
    PHASE_US = 13000, /* between two participants */
};

struct file {
    const char *name;
    size_t name_size;
    struct mcu_packet *packets[PACKETS_MAX];
    size_t count;
    int64_t duration_us;
};

struct person {
    const struct file *file;
    struct rtc_peer *peer;
    struct rtc_feed *feeds[2]; /* by enum mcu_kind */
    size_t next;
    int64_t start_us; /* of this round */
};

static void on_state(void *ctx, enum rtc_state state, const char *reason)
{
    (void)ctx;
    (void)state;
    (void)reason;
}

static int load(struct file *f)
{
    char path[1024];
    if (f->name_size >= sizeof(path))
        return -ENAMETOOLONG;
    memcpy(path, f->name, f->name_size);
    path[f->name_size] = '\0';
    struct rec_source *source;
    int err = rec_source_open(&source, path);
    if (err)
        return err;
    f->duration_us = rec_source_info(source)->duration_us;
    struct mcu_packet *packet;
    while (f->count < PACKETS_MAX && (err = rec_source_read(source, &packet)) == 0) {
        if (packet->pts_us < 0)
            mcu_packet_unref(packet);
        else
            f->packets[f->count++] = packet;
    }
    rec_source_close(source);
    return err < 0 ? err : f->count && f->duration_us ? 0 : -EINVAL;
}

static const struct file *find_file(struct file **files, const char *name, size_t size)
{
    size_t i = 0;
    for (; i < FILES_MAX && files[i]; i++) {
        if (files[i]->name_size == size && memcmp(files[i]->name, name, size) == 0)
            return files[i];
    }
    files[i] = calloc(1, sizeof(**files));
    if (!files[i])
        return NULL;
    files[i]->name = name;
    files[i]->name_size = size;
    return load(files[i]) ? NULL : files[i];
}

static int open_person(struct person *p, struct rtc *rtc, uint16_t port)
{
    const struct rtc_plain_conf conf = {
        .remote_host = "127.0.0.1",
        .remote_port = port,
        .media[MCU_AUDIO] = {.direction = MCU_SENDONLY, .codec = MCU_CODEC_OPUS, .pt = 111},
        .media[MCU_VIDEO] = {.direction = MCU_SENDONLY, .codec = MCU_CODEC_VP8, .pt = 96},
    };
    const struct rtc_peer_sink sink = {.ctx = p, .on_state = on_state};
    struct rtc_plain_local local;
    int err = rtc_feed_create(rtc, &p->feeds[MCU_AUDIO], MCU_CODEC_OPUS);
    if (!err)
        err = rtc_feed_create(rtc, &p->feeds[MCU_VIDEO], MCU_CODEC_VP8);
    if (!err)
        err = rtc_peer_create_plain(rtc, &p->peer, &conf, &sink, &local);
    for (int kind = 0; !err && kind < 2; kind++)
        rtc_peer_tune(p->peer, kind, p->feeds[kind]);
    return err;
}

/* What is due; a packet is shared, so each round sends copies with times of its own. */
static int send_due(struct person *p, int64_t now_us)
{
    for (;;) {
        const struct mcu_packet *packet = p->file->packets[p->next];
        const int64_t due_us = p->start_us + packet->pts_us;
        if (due_us > now_us)
            return 0;
        struct mcu_packet *copy = mcu_packet_copy(packet->data, packet->size);
        if (!copy)
            return -ENOMEM;
        copy->codec = packet->codec;
        copy->is_key = packet->is_key;
        copy->duration_us = packet->duration_us;
        copy->pts_us = copy->dts_us = due_us;
        rtc_feed_push(p->feeds[mcu_codec_kind(packet->codec)], copy);
        mcu_packet_unref(copy);
        if (++p->next < p->file->count)
            continue;
        p->next = 0;
        p->start_us += p->file->duration_us;
    }
}

static int run(struct person *people, size_t count, unsigned seconds)
{
    const int64_t start_us = mcu_now_us();
    for (size_t i = 0; i < count; i++)
        people[i].start_us = start_us + (int64_t)i * PHASE_US % MCU_US_PER_S;
    const int64_t end_us = start_us + (int64_t)seconds * MCU_US_PER_S;
    for (int64_t now_us = start_us; now_us < end_us; now_us += STEP_US) {
        mcu_sleep_until_us(now_us);
        for (size_t i = 0; i < count; i++) {
            const int err = send_due(&people[i], now_us);
            if (err)
                return err;
        }
    }
    return 0;
}

static int open_all(struct person *people, char **words, size_t count, struct rtc *rtc)
{
    static struct file *files[FILES_MAX];
    for (size_t i = 0; i < count; i++) {
        const char *colon = strrchr(words[i], ':');
        const unsigned long port = colon ? strtoul(colon + 1, NULL, 10) : 0;
        if (port < 1 || port > UINT16_MAX)
            return -EINVAL;
        people[i].file = find_file(files, words[i], (size_t)(colon - words[i]));
        if (!people[i].file)
            return -ENOENT;
        const int err = open_person(&people[i], rtc, (uint16_t)port);
        if (err)
            return err;
    }
    return 0;
}

int main(int argc, char **argv)
{
    static struct person people[PEOPLE_MAX];
    const int seconds = argc > 2 ? atoi(argv[1]) : 0;
    const size_t count = argc > 2 ? (size_t)argc - 2 : 0;
    if (seconds < 1 || seconds > 600 || count > PEOPLE_MAX) {
        fprintf(stderr, "usage: picture_load SECONDS FILE:PORT...\n");
        return 2;
    }
    const struct rtc_conf conf = {.peers_per_thread = PEOPLE_MAX};
    struct rtc *rtc = NULL;
    int err = rtc_create(&rtc, &conf);
    if (!err)
        err = open_all(people, argv + 2, count, rtc);
    if (!err)
        err = run(people, count, (unsigned)seconds);
    for (size_t i = 0; i < count; i++) {
        rtc_peer_destroy(people[i].peer);
        rtc_feed_destroy(people[i].feeds[MCU_AUDIO]);
        rtc_feed_destroy(people[i].feeds[MCU_VIDEO]);
    }
    rtc_destroy(rtc);
    if (err)
        fprintf(stderr, "picture_load: %s\n", strerror(-err));
    return err ? 1 : 0;
}
