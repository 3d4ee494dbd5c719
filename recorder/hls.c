/* HLS: the inbox, the thread [hls] that empties it, and the folder. Samples' durations are the
 * distance to the next one (recorder/track.h), so segments join without gaps. */
#include "recorder/hls.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "mcu/base/thread.h"
#include "recorder/hls_mux.h"
#include "recorder/inbox.h"

enum {
    INBOX_PACKETS = 512,
    INBOX_BYTES = 16 * 1024 * 1024,
    AUDIO_CONFIG_MAX = 64,
    FOLDER_MAX = 512,
    SEGMENTS_MAX = 1000,
    PLAYLIST_MAX = 4 * 1024 * 1024,
};

struct rec_hls {
    struct rec_hls_conf conf;
    char folder[FOLDER_MAX];
    char name[REC_HLS_NAME_MAX];
    uint8_t audio_config[AUDIO_CONFIG_MAX];
    struct rec_inbox *inbox;
    pthread_t thread;

    /* [hls] */
    struct hls_mux *mux; /* NULL: no key frame came yet */
    struct rec_track tracks[2];

    pthread_mutex_t lock;
    struct rec_live_status status;
    bool is_stopping;
};

/* --- names and files -------------------------------------------------------------------------- */

static bool is_name(const char *text, size_t size)
{
    static const char fit[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    return size > 0 && size < 128 && strspn(text, fit) >= size;
}

const char *rec_hls_type(const char *file)
{
    static const struct {
        const char *end, *type;
    } types[] = {{".m3u8", "application/vnd.apple.mpegurl"},
                 {".m4s", "video/iso.segment"},
                 {".mp4", "video/mp4"}};
    const size_t size = strlen(file);
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        const size_t end = strlen(types[i].end);
        if (size > end && strcmp(file + size - end, types[i].end) == 0 && is_name(file, size - end))
            return types[i].type;
    }
    return NULL;
}

/* Only what HLS makes, and what it left half-made. */
static bool is_ours(const char *file)
{
    char name[256];
    const size_t size = strlen(file);
    if (size >= sizeof(name))
        return false;
    memcpy(name, file, size + 1);
    if (size > 4 && strcmp(name + size - 4, ".tmp") == 0)
        name[size - 4] = '\0';
    return rec_hls_type(name) != NULL;
}

static int make_folder(const char *folder)
{
    if (mkdir(folder, 0755) < 0 && errno != EEXIST)
        return -errno;
    DIR *dir = opendir(folder);
    if (!dir)
        return -errno;
    const struct dirent *entry;
    while ((entry = readdir(dir))) {
        if (is_ours(entry->d_name))
            unlinkat(dirfd(dir), entry->d_name, 0);
    }
    closedir(dir);
    return 0;
}

static ssize_t read_file(const char *path, char *to, size_t capacity)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = 0, n = 0;
    while (fd >= 0 && (n = read(fd, to + size, capacity - (size_t)size)) > 0)
        size += n;
    if (fd >= 0)
        close(fd);
    return fd < 0 || n < 0 ? -1 : size;
}

/* An event that is over is video on demand: players seek in it from the beginning. */
static void end_event(const struct rec_hls *h)
{
    char path[FOLDER_MAX + 16], tmp[FOLDER_MAX + 24];
    snprintf(path, sizeof(path), "%s/index.m3u8", h->folder);
    snprintf(tmp, sizeof(tmp), "%s.tmp", path);
    char *text = calloc(1, PLAYLIST_MAX + 1);
    const ssize_t size = text ? read_file(path, text, PLAYLIST_MAX) : -1;
    char *type = size > 0 ? strstr(text, "TYPE:EVENT") : NULL;
    FILE *out = type ? fopen(tmp, "we") : NULL;
    if (out) {
        const char *rest = type + strlen("TYPE:EVENT");
        const bool ok = fprintf(out, "%.*sTYPE:VOD%s", (int)(type - text), text, rest) > 0;
        if (fclose(out) != 0 || !ok || rename(tmp, path) < 0)
            log_warn("hls %s: its playlist stays an event's", h->name);
    }
    free(text);
}

/* --- [hls] ------------------------------------------------------------------------------------ */

static void set_state(struct rec_hls *h, enum rec_live_state state, int err)
{
    pthread_mutex_lock(&h->lock);
    const bool is_new = h->status.state != state;
    h->status.state = state;
    h->status.since_us = mcu_now_us();
    if (err)
        h->status.error = err;
    pthread_mutex_unlock(&h->lock);
    if (is_new && h->conf.on_state)
        h->conf.on_state(h->conf.ctx);
}

static int begin(struct rec_hls *h, const struct mcu_packet *key)
{
    const int err = hls_mux_open(&h->mux, &h->conf, key);
    const struct rec_track_conf audio = {.start_us = key->pts_us,
                                         .timescale = REC_AUDIO_HZ,
                                         .nominal_ticks = REC_AAC_SAMPLES,
                                         .is_steady = true};
    const struct rec_track_conf video = {.start_us = key->pts_us,
                                         .timescale = REC_VIDEO_HZ,
                                         .nominal_ticks = REC_VIDEO_HZ / h->conf.fps,
                                         .fills_to_end = true};
    rec_track_init(&h->tracks[MCU_AUDIO], &audio);
    rec_track_init(&h->tracks[MCU_VIDEO], &video);
    if (!err)
        set_state(h, REC_LIVE_ON, 0);
    return err;
}

static int write_sample(struct rec_hls *h, enum mcu_kind kind, const struct rec_sample *sample)
{
    pthread_mutex_lock(&h->lock);
    h->status.bytes += sample->packet->size;
    pthread_mutex_unlock(&h->lock);
    return hls_mux_write(h->mux, kind, sample);
}

/* Takes the packet over. */
static int put(struct rec_hls *h, struct mcu_packet *packet, enum mcu_kind kind)
{
    int err = 0;
    if (!h->mux && kind == MCU_VIDEO && packet->is_key)
        err = begin(h, packet);
    if (err || !h->mux || packet->pts_us < h->tracks[kind].conf.start_us) {
        mcu_packet_unref(packet);
        return err;
    }
    struct rec_sample ready;
    return rec_track_put(&h->tracks[kind], packet, &ready) ? write_sample(h, kind, &ready) : 0;
}

static bool is_stopping(struct rec_hls *h)
{
    pthread_mutex_lock(&h->lock);
    const bool is = h->is_stopping;
    pthread_mutex_unlock(&h->lock);
    return is;
}

/* Until it is stopped and all is written, or writing fails. */
static int write_all(struct rec_hls *h)
{
    for (;;) {
        struct rec_inbox_item item;
        const bool stops = is_stopping(h);
        if (rec_inbox_take(h->inbox, &item, stops ? 0 : -1)) {
            const int err = put(h, item.packet, item.kind);
            if (err)
                return err;
        } else if (stops) {
            return 0;
        }
    }
}

static int finish(struct rec_hls *h)
{
    int err = 0;
    for (int kind = 0; kind < 2 && h->mux; kind++) {
        struct rec_sample last;
        if (rec_track_end(&h->tracks[kind], REC_TRACK_NO_END, &last) && !err)
            err = write_sample(h, (enum mcu_kind)kind, &last);
    }
    const int closed = hls_mux_close(h->mux);
    if (h->mux && !h->conf.segments)
        end_event(h);
    h->mux = NULL;
    return err ? err : closed;
}

static void wait_for_stop(struct rec_hls *h)
{
    struct rec_inbox_item item;
    while (!is_stopping(h)) {
        if (rec_inbox_take(h->inbox, &item, -1))
            mcu_packet_unref(item.packet);
    }
}

static void *run(void *arg)
{
    struct rec_hls *h = arg;
    int err = write_all(h);
    if (err) {
        log_error("hls %s: %s", h->name, strerror(-err));
        rec_inbox_close(h->inbox);
        finish(h); /* what is there plays, if the disk takes its end */
        set_state(h, REC_LIVE_FAILED, err);
        wait_for_stop(h);
    } else {
        err = finish(h);
        if (err)
            log_error("hls %s: its end: %s", h->name, strerror(-err));
    }
    set_state(h, REC_LIVE_ENDED, err);
    return NULL;
}

/* --- [ctl] ------------------------------------------------------------------------------------ */

static bool is_valid(const struct rec_hls_conf *c)
{
    return c->folder[0] == '/' && strlen(c->folder) < FOLDER_MAX && !strchr(c->folder, '%') &&
           strlen(c->name) < REC_HLS_NAME_MAX && is_name(c->name, strlen(c->name)) && c->width &&
           c->height && c->fps && c->channels >= 1 && c->channels <= 2 && c->audio_config &&
           c->audio_config_size >= 2 && c->audio_config_size <= AUDIO_CONFIG_MAX &&
           c->segment_us >= MCU_US_PER_S && c->segments <= SEGMENTS_MAX;
}

static void release(struct rec_hls *h)
{
    for (int kind = 0; kind < 2; kind++)
        rec_track_finish(&h->tracks[kind]);
    rec_inbox_destroy(h->inbox);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

int rec_hls_start(struct rec_hls **out, const struct rec_hls_conf *conf)
{
    if (!is_valid(conf))
        return -EINVAL;
    struct rec_hls *h = calloc(1, sizeof(*h));
    if (!h)
        return -ENOMEM;
    pthread_mutex_init(&h->lock, NULL);
    h->conf = *conf;
    snprintf(h->folder, sizeof(h->folder), "%s", conf->folder);
    snprintf(h->name, sizeof(h->name), "%s", conf->name);
    memcpy(h->audio_config, conf->audio_config, conf->audio_config_size);
    h->conf.folder = h->folder;
    h->conf.name = h->name;
    h->conf.audio_config = h->audio_config;
    h->status.since_us = mcu_now_us();
    const struct rec_inbox_conf inbox = {.packets_max = INBOX_PACKETS, .bytes_max = INBOX_BYTES};
    int err = make_folder(h->folder);
    if (!err)
        err = rec_inbox_create(&h->inbox, &inbox);
    if (!err)
        err = mcu_thread_start(&h->thread, "hls", run, h);
    if (err) {
        release(h);
        return err;
    }
    *out = h;
    return 0;
}

int rec_hls_push_video(struct rec_hls *h, struct mcu_packet *packet)
{
    return rec_inbox_put(h->inbox, packet, MCU_VIDEO);
}

int rec_hls_push_audio(struct rec_hls *h, struct mcu_packet *packet)
{
    return rec_inbox_put(h->inbox, packet, MCU_AUDIO);
}

void rec_hls_read(struct rec_hls *h, struct rec_live_status *out)
{
    pthread_mutex_lock(&h->lock);
    *out = h->status;
    pthread_mutex_unlock(&h->lock);
    out->dropped = rec_inbox_dropped(h->inbox);
}

void rec_hls_stop(struct rec_hls *h)
{
    pthread_mutex_lock(&h->lock);
    h->is_stopping = true;
    pthread_mutex_unlock(&h->lock);
    rec_inbox_wake(h->inbox);
}

void rec_hls_destroy(struct rec_hls *h)
{
    if (!h)
        return;
    rec_hls_stop(h);
    pthread_join(h->thread, NULL);
    release(h);
}
