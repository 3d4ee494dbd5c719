/* An outside source; see input.h. One lock protects all that both threads and the control thread
 * share, and is held for copies only: [input] reads without it, [feed] pushes without it. */
#include "recorder/input.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <libavcodec/packet.h>

#include "mcu/base/clock.h"
#include "mcu/base/thread.h"
#include "recorder/input_demux.h"
#include "recorder/input_sound.h"

enum {
    ITEMS_MAX = 1024, /* each kind; 20 s of sound */
    BYTES_MAX = 32 * 1024 * 1024,
};

#define AHEAD_FILE_US  (2 * MCU_US_PER_S) /* so far a file is read ahead of what was played */
#define AHEAD_HLS_US   (15 * MCU_US_PER_S)
#define DECODE_US      (60 * MCU_US_PER_MS) /* pictures leave so much early, for decoding takes time */
#define SOUND_US       (20 * MCU_US_PER_MS) /* and sound, for a thread may wake late */
#define BACKOFF_MIN_US (500 * MCU_US_PER_MS)
#define BACKOFF_MAX_US (10 * MCU_US_PER_S)
#define GOOD_FOR_US    (10 * MCU_US_PER_S) /* a connection that lasted so long begins anew with that \
                                            */
#define IDLE_US (100 * MCU_US_PER_MS)

struct item {
    struct mcu_packet *packet;
    int64_t position_us; /* in the file */
};

/* Packets read but not yet pushed, oldest first. */
struct fifo {
    struct item items[ITEMS_MAX];
    size_t first, count;
    int64_t read_us; /* dts of the newest one that was put */
};

struct rec_input {
    /* fixed */
    struct rec_input_sink sink;
    char *url; /* NULL: a file */
    int fd;
    struct guard_policy policy;
    pthread_t reader, feeder;
    bool has_reader, has_feeder;

    pthread_mutex_t lock; /* protects all down to the blank line */
    pthread_cond_t changed;
    bool is_stopping;
    bool is_reader_over;
    bool is_paused, is_looped;
    int64_t paused_us;      /* since when */
    int64_t seek_us;        /* wanted; -1: none */
    uint32_t opened, wired; /* serial numbers: what was opened, and what may be pushed */
    uint32_t told;          /* [feed] has called on_opened() for */
    bool has_news;          /* on_state() is due */
    struct rec_input_status status;
    const struct rec_source_info *info;
    struct rec_pace pace;
    struct fifo fifos[2]; /* by enum mcu_kind */
    size_t bytes;
    bool is_all_read; /* a file, to its end */

    /* [input] */
    struct rec_demux *demux;
    struct rec_input_sound *sound;
    int64_t offset_us; /* of this round of a loop */
    int64_t end_us;    /* where it ends */
};

/* --- under the lock --------------------------------------------------------------------------- */

static struct item *first(struct fifo *f)
{
    return f->count ? &f->items[f->first] : NULL;
}

static struct mcu_packet *take(struct rec_input *in, struct fifo *f)
{
    struct mcu_packet *p = f->items[f->first].packet;
    f->first = (f->first + 1) % ITEMS_MAX;
    f->count--;
    in->bytes -= p->size;
    return p;
}

static void flush(struct rec_input *in)
{
    for (int kind = 0; kind < 2; kind++) {
        struct fifo *f = &in->fifos[kind];
        while (f->count)
            mcu_packet_unref(take(in, f));
        f->read_us = INT64_MIN;
    }
    rec_pace_restart(&in->pace);
    in->is_all_read = false;
}

static void set_state(struct rec_input *in, enum rec_input_state state, const char *error)
{
    if (in->status.state == state && strcmp(in->status.error, error) == 0)
        return;
    in->status.state = state;
    in->status.error = error;
    in->has_news = true;
    pthread_cond_broadcast(&in->changed);
}

static void wait_until(struct rec_input *in, int64_t until_us)
{
    const struct timespec at = {until_us / MCU_US_PER_S, until_us % MCU_US_PER_S * 1000};
    pthread_cond_timedwait(&in->changed, &in->lock, &at);
}

static bool is_full(const struct rec_input *in)
{
    return in->bytes >= BYTES_MAX || in->fifos[MCU_AUDIO].count == ITEMS_MAX ||
           in->fifos[MCU_VIDEO].count == ITEMS_MAX;
}

/* The newest time that all streams have been read to. */
static int64_t read_to_us(const struct rec_input *in)
{
    const int64_t audio_us = in->fifos[MCU_AUDIO].read_us;
    const int64_t video_us = in->fifos[MCU_VIDEO].read_us;
    if (!in->status.has_audio || !in->status.has_video)
        return in->status.has_audio ? audio_us : video_us;
    return audio_us < video_us ? audio_us : video_us;
}

/* A file and HLS are there whenever we read on. */
static bool may_read(const struct rec_input *in, int64_t now_us)
{
    if (in->pace.kind == REC_PACE_LIVE || in->is_stopping || in->seek_us >= 0)
        return true;
    if (is_full(in) || in->is_all_read)
        return false;
    const int64_t ahead_us = in->pace.kind == REC_PACE_FILE ? AHEAD_FILE_US : AHEAD_HLS_US;
    const int64_t to_us = read_to_us(in);
    if (!in->pace.has_base || to_us == INT64_MIN)
        return true;
    return !in->is_paused && rec_pace_due(&in->pace, to_us) - now_us < ahead_us;
}

/* --- [input] ---------------------------------------------------------------------------------- */

static bool is_stopped(void *ctx)
{
    struct rec_input *in = ctx;
    pthread_mutex_lock(&in->lock);
    const bool is_over = in->is_stopping;
    pthread_mutex_unlock(&in->lock);
    return is_over;
}

/* Takes the reference. */
static void put(struct rec_input *in, struct mcu_packet *p)
{
    const enum mcu_kind kind = mcu_codec_kind(p->codec);
    pthread_mutex_lock(&in->lock);
    struct fifo *f = &in->fifos[kind];
    if (in->seek_us >= 0 || (in->is_paused && in->pace.kind == REC_PACE_LIVE)) {
        mcu_packet_unref(p); /* nobody wants it */
        pthread_mutex_unlock(&in->lock);
        return;
    }
    while (f->count == ITEMS_MAX || (f->count && in->bytes >= BYTES_MAX))
        mcu_packet_unref(take(in, f)); /* live, and [feed] cannot: or the streams lie far apart */
    f->items[(f->first + f->count++) % ITEMS_MAX] = (struct item){p, p->pts_us - in->offset_us};
    f->read_us = p->dts_us > f->read_us ? p->dts_us : f->read_us;
    in->bytes += p->size;
    if (in->is_paused && !in->pace.has_base)
        in->paused_us = mcu_now_us(); /* sought meanwhile: its time begins anew, and so does this */
    rec_pace_arrived(&in->pace, p->dts_us, mcu_now_us());
    pthread_cond_broadcast(&in->changed);
    pthread_mutex_unlock(&in->lock);
}

static void take_piece(void *ctx, struct mcu_packet *piece)
{
    struct rec_input *in = ctx;
    if (piece->pts_us + piece->duration_us > in->end_us)
        in->end_us = piece->pts_us + piece->duration_us;
    put(in, piece);
}

static int take_picture(struct rec_input *in, const struct rec_demux_packet *from)
{
    struct mcu_packet *p = mcu_packet_copy(from->packet->data, (size_t)from->packet->size);
    if (!p)
        return -ENOMEM;
    p->codec = rec_demux_info(in->demux)->video.codec;
    p->pts_us = from->pts_us + in->offset_us;
    p->dts_us = from->dts_us + in->offset_us;
    p->duration_us = from->duration_us;
    p->is_key = from->is_key;
    if (p->pts_us + p->duration_us > in->end_us)
        in->end_us = p->pts_us + p->duration_us;
    put(in, p);
    return 0;
}

/* Returns what rec_demux_read() does, or -ENOMEM. */
static int read_one(struct rec_input *in)
{
    struct rec_demux_packet packet;
    const int got = rec_demux_read(in->demux, &packet);
    if (got)
        return got;
    if (!packet.is_sound)
        return take_picture(in, &packet);
    return rec_input_sound_feed(in->sound, packet.packet, packet.pts_us + in->offset_us, take_piece,
                                in);
}

/* From another place of the file on. */
static int jump(struct rec_input *in, int64_t position_us)
{
    const int err = rec_demux_seek(in->demux, position_us);
    if (in->sound)
        rec_input_sound_reset(in->sound);
    return err;
}

/* Waits for room in the queues, and does what was asked. Returns 0 to read on, or an error. */
static int wait_for_turn(struct rec_input *in)
{
    pthread_mutex_lock(&in->lock);
    while (!may_read(in, mcu_now_us()))
        wait_until(in, mcu_now_us() + IDLE_US);
    const int64_t seek_us = in->is_stopping ? -1 : in->seek_us;
    if (seek_us >= 0) {
        flush(in);
        in->seek_us = -1;
        in->status.position_us = seek_us;
    }
    const bool is_over = in->is_stopping;
    pthread_mutex_unlock(&in->lock);
    if (seek_us >= 0) {
        in->offset_us = 0;
        in->end_us = 0;
        return jump(in, seek_us) ? 1 : 0; /* there is nothing any more */
    }
    return is_over ? -ECANCELED : 0;
}

/* The end of a file: again from its beginning, or wait for what comes. */
static int at_end(struct rec_input *in)
{
    pthread_mutex_lock(&in->lock);
    const bool is_looped = in->is_looped && in->end_us > in->offset_us + 100 * MCU_US_PER_MS;
    in->is_all_read = !is_looped;
    pthread_cond_broadcast(&in->changed);
    pthread_mutex_unlock(&in->lock);
    if (!is_looped)
        return 0;
    in->offset_us = in->end_us;
    return jump(in, 0);
}

static int open_sound(struct rec_input *in)
{
    const struct AVCodecParameters *par = rec_demux_sound(in->demux);
    return par ? rec_input_sound_create(&in->sound, par) : 0;
}

static void close_source(struct rec_input *in)
{
    rec_input_sound_destroy(in->sound);
    in->sound = NULL;
    rec_demux_close(in->demux);
    in->demux = NULL;
}

static int open_source(struct rec_input *in, const char **why)
{
    const struct rec_demux_conf conf = {
        .url = in->url, .fd = in->fd, .policy = in->policy, .is_stopped = is_stopped, .ctx = in};
    int err = rec_demux_open(&in->demux, &conf, why);
    if (err)
        return err;
    const int heard = open_sound(in);
    if (heard && rec_demux_info(in->demux)->video.codec == MCU_CODEC_NONE) {
        close_source(in);
        *why = "not_media";
        return heard;
    }
    in->offset_us = 0;
    in->end_us = 0;
    return 0;
}

/* Tells that it is open and waits until its packets may come. */
static void announce(struct rec_input *in)
{
    const struct rec_source_info *info = rec_demux_info(in->demux);
    pthread_mutex_lock(&in->lock);
    rec_pace_init(&in->pace, rec_demux_pace(in->demux));
    flush(in);
    in->status.has_audio = in->sound != NULL;
    in->status.has_video = info->video.codec != MCU_CODEC_NONE;
    in->status.duration_us = info->duration_us;
    in->info = info;
    in->opened++;
    pthread_cond_broadcast(&in->changed);
    while (in->wired != in->opened && !in->is_stopping)
        pthread_cond_wait(&in->changed, &in->lock);
    in->info = NULL;
    in->paused_us = mcu_now_us();
    set_state(in, in->is_paused ? REC_INPUT_PAUSED : REC_INPUT_PLAYING, "");
    pthread_mutex_unlock(&in->lock);
}

/* Reads until it ends; returns why. */
static int read_all(struct rec_input *in)
{
    for (;;) {
        int err = wait_for_turn(in);
        if (!err)
            err = read_one(in);
        if (err == 1 && !in->url)
            err = at_end(in);
        if (err)
            return err;
    }
}

static const char *reason(int err)
{
    switch (err) {
    case 1:
        return "ended";
    case -ETIMEDOUT:
        return "stalled";
    case -EACCES:
        return "refused";
    default:
        return "lost";
    }
}

/* One connection, from opening to its end. */
static void play_once(struct rec_input *in, int64_t *backoff_us)
{
    const char *why = "";
    const int64_t since_us = mcu_now_us();
    if (open_source(in, &why) == 0) {
        announce(in);
        const int err = read_all(in);
        why = in->url ? reason(err) : "broken";
        close_source(in);
    }
    if (mcu_now_us() - since_us > GOOD_FOR_US)
        *backoff_us = BACKOFF_MIN_US;
    pthread_mutex_lock(&in->lock);
    in->status.retries++;
    if (!in->is_stopping)
        set_state(in, in->url ? REC_INPUT_WAITING : REC_INPUT_FAILED, why);
    pthread_mutex_unlock(&in->lock);
}

static void *read_thread(void *arg)
{
    struct rec_input *in = arg;
    int64_t backoff_us = BACKOFF_MIN_US;
    do {
        play_once(in, &backoff_us);
        const int64_t until_us = mcu_now_us() + backoff_us;
        backoff_us = backoff_us * 2 < BACKOFF_MAX_US ? backoff_us * 2 : BACKOFF_MAX_US;
        pthread_mutex_lock(&in->lock);
        while (in->url && !in->is_stopping && mcu_now_us() < until_us)
            wait_until(in, until_us);
        if (in->url && !in->is_stopping)
            set_state(in, REC_INPUT_CONNECTING, in->status.error);
        pthread_mutex_unlock(&in->lock);
    } while (in->url && !is_stopped(in));
    pthread_mutex_lock(&in->lock);
    in->is_reader_over = true;
    pthread_mutex_unlock(&in->lock);
    return NULL;
}

/* --- [feed] ----------------------------------------------------------------------------------- */

/* When the first packet of that kind is to leave. */
static int64_t leaves_us(const struct rec_input *in, const struct mcu_packet *p)
{
    const int64_t due_us = rec_pace_due(&in->pace, p->dts_us);
    return mcu_codec_kind(p->codec) == MCU_AUDIO ? due_us - SOUND_US : due_us - DECODE_US;
}

/* The next packet whose time has come, or NULL and when to look again. */
static struct mcu_packet *next_due(struct rec_input *in, int64_t now_us, int64_t *again_us)
{
    *again_us = now_us + IDLE_US;
    if (in->is_paused || in->wired != in->opened)
        return NULL;
    if (in->fifos[0].count + in->fifos[1].count > 0)
        rec_pace_check(&in->pace,
                       in->fifos[0].read_us > in->fifos[1].read_us ? in->fifos[0].read_us
                                                                   : in->fifos[1].read_us,
                       now_us);
    for (int kind = 0; kind < 2; kind++) {
        const struct item *item = first(&in->fifos[kind]);
        const int64_t at_us = item ? leaves_us(in, item->packet) : INT64_MAX;
        if (at_us <= now_us) {
            if (!in->url)
                in->status.position_us = item->position_us;
            return take(in, &in->fifos[kind]);
        }
        *again_us = at_us < *again_us ? at_us : *again_us;
    }
    return NULL;
}

static void push(struct rec_input *in, struct mcu_packet *p, int64_t base_us)
{
    p->pts_us += base_us; /* nobody else has it yet */
    p->dts_us += base_us;
    if (mcu_codec_kind(p->codec) == MCU_AUDIO)
        in->sink.push_audio(in->sink.ctx, p);
    else
        in->sink.push_video(in->sink.ctx, p);
    mcu_packet_unref(p);
}

/* What the sink has to hear of; true: it was told something. The lock is held, and not while
 * telling. */
static bool tell(struct rec_input *in)
{
    const bool is_opened = in->told != in->opened;
    const bool is_state = in->has_news;
    in->told = in->opened;
    in->has_news = false;
    if (!is_opened && !is_state)
        return false;
    pthread_mutex_unlock(&in->lock);
    if (is_opened)
        in->sink.on_opened(in->sink.ctx);
    if (is_state)
        in->sink.on_state(in->sink.ctx);
    pthread_mutex_lock(&in->lock);
    return true;
}

/* A file is over once all of it was played. */
static void notice_end(struct rec_input *in)
{
    if (!in->is_all_read || in->fifos[0].count + in->fifos[1].count > 0 ||
        in->status.state != REC_INPUT_PLAYING || in->seek_us >= 0)
        return;
    if (in->status.duration_us)
        in->status.position_us = in->status.duration_us;
    set_state(in, REC_INPUT_ENDED, "");
}

static void *feed_thread(void *arg)
{
    struct rec_input *in = arg;
    pthread_mutex_lock(&in->lock);
    while (!in->is_stopping) {
        int64_t again_us;
        if (tell(in))
            continue;
        struct mcu_packet *p = next_due(in, mcu_now_us(), &again_us);
        const int64_t base_us = in->pace.base_us;
        if (!p) {
            notice_end(in);
            if (!in->has_news)
                wait_until(in, again_us);
            continue;
        }
        pthread_cond_broadcast(&in->changed); /* there is room again */
        pthread_mutex_unlock(&in->lock);
        push(in, p, base_us);
        pthread_mutex_lock(&in->lock);
    }
    pthread_mutex_unlock(&in->lock);
    return NULL;
}

/* --- [ctl] ------------------------------------------------------------------------------------ */

static int init_lock(struct rec_input *in)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&in->lock, NULL);
    pthread_cond_init(&in->changed, &attr);
    pthread_condattr_destroy(&attr);
    return 0;
}

static int start_threads(struct rec_input *in)
{
    int err = mcu_thread_start(&in->reader, "input", read_thread, in);
    in->has_reader = !err;
    if (!err)
        err = mcu_thread_start(&in->feeder, "feed", feed_thread, in);
    in->has_feeder = in->has_reader && !err;
    return err;
}

int rec_input_start(struct rec_input **out, const struct rec_input_conf *conf)
{
    struct rec_input *in = calloc(1, sizeof(*in));
    if (!in) {
        if (!conf->url)
            close(conf->fd);
        return -ENOMEM;
    }
    init_lock(in);
    in->sink = conf->sink;
    in->fd = conf->url ? -1 : conf->fd;
    in->policy = conf->policy;
    in->is_looped = conf->is_looped;
    in->is_paused = conf->is_paused;
    in->seek_us = !conf->url && conf->position_us > 0 ? conf->position_us : -1;
    in->status.error = "";
    in->status.is_looped = conf->is_looped;
    in->fifos[0].read_us = in->fifos[1].read_us = INT64_MIN;
    in->url = conf->url ? strdup(conf->url) : NULL;
    const int err = conf->url && !in->url ? -ENOMEM : start_threads(in);
    if (err)
        rec_input_destroy(in);
    else
        *out = in;
    return err;
}

void rec_input_stop(struct rec_input *in)
{
    pthread_mutex_lock(&in->lock);
    in->is_stopping = true;
    pthread_cond_broadcast(&in->changed);
    pthread_mutex_unlock(&in->lock);
    if (in->has_feeder)
        pthread_join(in->feeder, NULL);
    in->has_feeder = false;
}

bool rec_input_is_over(struct rec_input *in)
{
    pthread_mutex_lock(&in->lock);
    const bool is_over = in->is_reader_over || !in->has_reader;
    pthread_mutex_unlock(&in->lock);
    return is_over;
}

void rec_input_destroy(struct rec_input *in)
{
    if (!in)
        return;
    rec_input_stop(in);
    if (in->has_reader)
        pthread_join(in->reader, NULL);
    flush(in);
    if (in->fd >= 0)
        close(in->fd);
    pthread_cond_destroy(&in->changed);
    pthread_mutex_destroy(&in->lock);
    free(in->url);
    free(in);
}

/* --- [any] ------------------------------------------------------------------------------------ */

const struct rec_source_info *rec_input_info(struct rec_input *in)
{
    pthread_mutex_lock(&in->lock);
    const struct rec_source_info *info = in->wired != in->opened ? in->info : NULL;
    pthread_mutex_unlock(&in->lock);
    return info;
}

void rec_input_wired(struct rec_input *in)
{
    pthread_mutex_lock(&in->lock);
    in->wired = in->opened;
    pthread_cond_broadcast(&in->changed);
    pthread_mutex_unlock(&in->lock);
}

static bool is_on(const struct rec_input *in)
{
    const enum rec_input_state s = in->status.state;
    return s == REC_INPUT_PLAYING || s == REC_INPUT_PAUSED || s == REC_INPUT_ENDED;
}

void rec_input_set_paused(struct rec_input *in, bool is_paused)
{
    pthread_mutex_lock(&in->lock);
    const bool is_again = !is_paused && in->status.state == REC_INPUT_ENDED;
    if (is_again)
        in->seek_us = 0;
    if (in->is_paused && !is_paused) {
        if (in->pace.kind == REC_PACE_FILE)
            rec_pace_shift(&in->pace, mcu_now_us() - in->paused_us);
        else
            flush(in);
    }
    if (!in->is_paused && is_paused)
        in->paused_us = mcu_now_us();
    in->is_paused = is_paused;
    if (is_on(in) && (is_again || in->status.state != REC_INPUT_ENDED))
        set_state(in, is_paused ? REC_INPUT_PAUSED : REC_INPUT_PLAYING, "");
    pthread_cond_broadcast(&in->changed);
    pthread_mutex_unlock(&in->lock);
}

void rec_input_set_looped(struct rec_input *in, bool is_looped)
{
    pthread_mutex_lock(&in->lock);
    in->is_looped = is_looped;
    in->status.is_looped = is_looped;
    pthread_mutex_unlock(&in->lock);
}

void rec_input_seek(struct rec_input *in, int64_t position_us)
{
    pthread_mutex_lock(&in->lock);
    if (!in->url) {
        const int64_t end_us = in->status.duration_us;
        in->seek_us = position_us < 0 ? 0 : end_us && position_us > end_us ? end_us : position_us;
        in->status.position_us = in->seek_us;
        if (in->status.state == REC_INPUT_ENDED)
            set_state(in, in->is_paused ? REC_INPUT_PAUSED : REC_INPUT_PLAYING, "");
    }
    pthread_cond_broadcast(&in->changed);
    pthread_mutex_unlock(&in->lock);
}

void rec_input_read_status(struct rec_input *in, struct rec_input_status *out)
{
    pthread_mutex_lock(&in->lock);
    *out = in->status;
    out->resyncs = in->pace.resyncs;
    pthread_mutex_unlock(&in->lock);
}
