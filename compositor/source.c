/* A participant's video: see source.h for the way of a picture. The tricky thing is who may wait:
 * the decoder waits for room in `frames`, the tick never waits, and a full packet queue drops. */
#include "compositor/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compositor/worker.h"
#include "mcu/base/clock.h"

enum {
    ITEMS_LIVE = 64,
    ITEMS_INLINE = 1024, /* files may be pushed far ahead */
    REQUEST_EVERY_US = 500000,
    PERCENTILE = 95,
};

static int make_frames(struct comp_source *s)
{
    while (s->spare_count < SOURCE_AVFRAMES) {
        AVFrame *frame = av_frame_alloc();
        if (!frame)
            return -ENOMEM;
        s->spare[s->spare_count++] = frame;
    }
    return 0;
}

int comp_source_create(struct comp_source **out, const struct comp_source_conf *conf,
                       const struct comp_sink *sink, bool is_inline, bool is_offline)
{
    struct comp_source *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    pthread_mutex_init(&s->lock, NULL);
    s->sink = sink;
    s->is_offline = is_offline;
    s->source_ctx = conf->source_ctx;
    s->order = conf->order;
    s->codec = conf->codec;
    s->needs_key = true;
    s->requested_us = INT64_MIN / 2;
    s->join = (struct comp_order){COMP_SOURCE_JOIN, s};
    s->leave = (struct comp_order){COMP_SOURCE_LEAVE, s};
    atomic_init(&s->is_wanted, true);
    s->item_capacity = is_inline ? ITEMS_INLINE : ITEMS_LIVE;
    s->items = calloc(s->item_capacity, sizeof(*s->items));
    s->is_screen = conf->is_screen;
    int err = s->items ? make_frames(s) : -ENOMEM;
    if (!err)
        err = comp_person_init(&s->person, conf->user ? conf->user : "");
    if (!err && conf->codec != MCU_CODEC_NONE)
        err = comp_decoder_create(&s->decoder, conf->codec, conf->extradata, conf->extradata_size,
                                  !is_offline && !conf->is_reordered);
    if (err) {
        comp_source_destroy(s);
        return err;
    }
    *out = s;
    return 0;
}

static bool take_item(struct comp_source *s, struct comp_source_item *out)
{
    pthread_mutex_lock(&s->lock);
    const bool has_one = s->item_count > 0;
    if (has_one) {
        *out = s->items[s->item_first];
        s->item_first = (s->item_first + 1) % s->item_capacity;
        s->item_count--;
    }
    pthread_mutex_unlock(&s->lock);
    if (!has_one)
        s->is_behind = false; /* all that waited is decoded */
    return has_one;
}

/* Gives the pictures of frames that are no longer needed back to the decoder's pool, outside the
 * lock, and keeps one empty frame at hand. */
static void recycle(struct comp_source *s)
{
    AVFrame *frames[SOURCE_AVFRAMES];
    pthread_mutex_lock(&s->lock);
    const size_t count = s->spare_count;
    memcpy(frames, s->spare, count * sizeof(*frames));
    s->spare_count = 0;
    pthread_mutex_unlock(&s->lock);

    for (size_t i = 0; i < count; i++)
        av_frame_unref(frames[i]);

    pthread_mutex_lock(&s->lock);
    memcpy(s->spare + s->spare_count, frames, count * sizeof(*frames));
    s->spare_count += count;
    if (!s->work && s->spare_count > 0)
        s->work = s->spare[--s->spare_count];
    pthread_mutex_unlock(&s->lock);
}

void comp_source_stop(struct comp_source *s)
{
    if (s->decoder) { /* an avatar has none, and [tick] may look at it just now */
        comp_decoder_destroy(s->decoder);
        s->decoder = NULL;
    }
    for (struct comp_source_item item; take_item(s, &item);)
        mcu_packet_unref(item.packet);
    pthread_mutex_lock(&s->lock);
    memcpy(s->spare + s->spare_count, s->frames, s->frame_count * sizeof(*s->frames));
    s->spare_count += s->frame_count;
    s->frame_count = 0;
    pthread_mutex_unlock(&s->lock);
    recycle(s);
}

void comp_source_destroy(struct comp_source *s)
{
    if (!s)
        return;
    comp_source_stop(s);
    for (size_t i = 0; i < s->spare_count; i++)
        av_frame_free(&s->spare[i]);
    av_frame_free(&s->work);
    av_frame_free(&s->shown);
    pthread_mutex_destroy(&s->lock);
    free(s->items);
    comp_person_finish(&s->person);
    comp_shares_finish(&s->shares);
    free(s);
}

/* --- [net] ---------------------------------------------------------------------------------------
 */

static int put_item(struct comp_source *s, struct mcu_packet *packet, int64_t arrival_us)
{
    int err = -ENOBUFS;
    pthread_mutex_lock(&s->lock);
    if (s->item_count < s->item_capacity) {
        s->items[(s->item_first + s->item_count) % s->item_capacity] = (struct comp_source_item){
            .packet = mcu_packet_ref(packet),
            .arrival_us = arrival_us,
            .is_after_gap = s->has_gap,
        };
        s->item_count++;
        s->has_gap = false;
        s->stats.packets++;
        err = 0;
    }
    pthread_mutex_unlock(&s->lock);
    return err;
}

static void count_drop(struct comp_source *s)
{
    pthread_mutex_lock(&s->lock);
    s->stats.packets++;
    s->stats.dropped++;
    s->has_gap = true;
    pthread_mutex_unlock(&s->lock);
}

int comp_source_push(struct comp_source *s, struct mcu_packet *packet)
{
    if (s->codec == MCU_CODEC_NONE)
        return -ENOTSUP;
    atomic_store_explicit(&s->has_pushed, true, memory_order_relaxed);
    int err = put_item(s, packet, s->worker ? mcu_now_us() : 0);
    while (err && !s->worker && comp_source_turn(s))
        err = put_item(s, packet, 0);
    if (err)
        count_drop(s);
    if (s->worker)
        comp_worker_wake(s->worker, s);
    return err;
}

void comp_source_drain(struct comp_source *s)
{
    pthread_mutex_lock(&s->lock);
    s->is_drained = true;
    pthread_mutex_unlock(&s->lock);
    if (s->worker)
        comp_worker_wake(s->worker, s);
}

/* --- [dec] ---------------------------------------------------------------------------------------
 */

/* Files have nobody to ask; live, the far side is asked twice a second at most. */
static void request_key(struct comp_source *s)
{
    const int64_t now_us = s->worker ? mcu_now_us() : s->pts_us;
    if (now_us - s->requested_us < REQUEST_EVERY_US)
        return;
    s->requested_us = now_us;
    if (s->sink->on_need_key)
        s->sink->on_need_key(s->sink->ctx, s->source_ctx);
}

static void count_undecodable(struct comp_source *s)
{
    pthread_mutex_lock(&s->lock);
    s->stats.undecodable++;
    pthread_mutex_unlock(&s->lock);
}

/* A packet or frame was broken: what refers to it would be broken too. */
static void lose(struct comp_source *s)
{
    count_undecodable(s);
    if (s->is_offline)
        return;
    s->needs_key = true;
    request_key(s);
}

static void feed(struct comp_source *s, const struct comp_source_item *item)
{
    struct mcu_packet *packet = item->packet;
    s->pts_us = packet->pts_us;
    s->arrival_us = item->arrival_us;
    if (!atomic_load_explicit(&s->is_wanted, memory_order_relaxed)) {
        s->needs_key = true; /* asked for when it is wanted again */
        return;
    }
    if (item->is_after_gap && !s->is_offline)
        s->needs_key = true;
    if (s->needs_key && !packet->is_key) {
        count_undecodable(s);
        request_key(s);
        return;
    }
    if (s->needs_key)
        comp_decoder_flush(s->decoder);
    s->needs_key = false;
    s->fed_us = s->worker ? mcu_now_us() : 0;
    if (comp_decoder_send(s->decoder, packet))
        lose(s);
}

static void queue_frame(struct comp_source *s)
{
    AVFrame *frame = s->work;
    /* While frames wait for their time decoding is late on purpose: then count from the arrival. */
    const int64_t now_us = s->worker ? mcu_now_us() : 0;
    const int64_t ready_us = s->is_behind ? s->arrival_us + (now_us - s->fed_us) : now_us;

    pthread_mutex_lock(&s->lock);
    s->frames[s->frame_count++] = frame;
    s->stats.decoded++;
    s->stats.width = (uint32_t)frame->width;
    s->stats.height = (uint32_t)frame->height;
    if (s->worker)
        s->lateness_us[s->lateness_count++ % SOURCE_LATENESS] = ready_us - frame->pts;
    s->work = NULL;
    pthread_mutex_unlock(&s->lock);
}

static bool is_full(struct comp_source *s)
{
    pthread_mutex_lock(&s->lock);
    const bool full = s->frame_count == SOURCE_FRAMES;
    pthread_mutex_unlock(&s->lock);
    return full;
}

static bool start_drain(struct comp_source *s)
{
    pthread_mutex_lock(&s->lock);
    const bool is_due = s->is_drained && s->item_count == 0;
    pthread_mutex_unlock(&s->lock);
    if (!is_due || s->is_drain_sent)
        return false;
    s->is_drain_sent = true;
    return comp_decoder_send(s->decoder, NULL) == 0;
}

bool comp_source_turn(struct comp_source *s)
{
    if (!s->decoder)
        return false;
    if (is_full(s)) {
        s->is_behind = true; /* advance() wakes the worker when there is room */
        return false;
    }
    recycle(s);
    const int err = comp_decoder_receive(s->decoder, s->work);
    if (err == 0) {
        queue_frame(s);
        return true;
    }
    if (err == -EBADMSG) {
        lose(s);
        return true;
    }
    struct comp_source_item item;
    if (err != -EAGAIN || !take_item(s, &item))
        return err == -EAGAIN && start_drain(s);
    feed(s, &item);
    mcu_packet_unref(item.packet);
    return true;
}

/* --- [tick] --------------------------------------------------------------------------------------
 */

/* Moves the newest due frame to shown. Returns whether the queue was full. */
static bool select_due(struct comp_source *s, int64_t until_us)
{
    pthread_mutex_lock(&s->lock);
    const bool was_full = s->frame_count == SOURCE_FRAMES;
    size_t due = 0;
    while (due < s->frame_count && s->frames[due]->pts <= until_us)
        due++;
    for (size_t i = 0; i < due; i++) {
        if (s->shown)
            s->spare[s->spare_count++] = s->shown;
        s->shown = s->frames[i];
        s->picture++;
    }
    s->frame_count -= due;
    memmove(s->frames, s->frames + due, s->frame_count * sizeof(*s->frames));
    pthread_mutex_unlock(&s->lock);
    return was_full && due > 0;
}

static bool has_later_frame(struct comp_source *s)
{
    pthread_mutex_lock(&s->lock);
    const bool has = s->frame_count > 0;
    pthread_mutex_unlock(&s->lock);
    return has;
}

static bool next_is_due(struct comp_source *s, int64_t until_us)
{
    pthread_mutex_lock(&s->lock);
    const bool is_due = s->item_count > 0 && s->items[s->item_first].packet->pts_us <= until_us;
    pthread_mutex_unlock(&s->lock);
    return is_due;
}

/* Without a worker: decode until a frame after until_us is there, so that none before it is
 * missing, whatever the order in the file. What nobody sees is only taken off the queue in time. */
static void decode_until(struct comp_source *s, int64_t until_us)
{
    if (!atomic_load_explicit(&s->is_wanted, memory_order_relaxed)) {
        while (next_is_due(s, until_us) && comp_source_turn(s))
            ;
        select_due(s, until_us);
        return;
    }
    do {
        select_due(s, until_us);
    } while (!has_later_frame(s) && comp_source_turn(s));
}

void comp_source_advance(struct comp_source *s, int64_t until_us)
{
    if (!s->worker)
        decode_until(s, until_us);
    else if (select_due(s, until_us))
        comp_worker_wake(s->worker, s);
}

void comp_source_blank(struct comp_source *s)
{
    if (!s->shown)
        return;
    pthread_mutex_lock(&s->lock);
    s->spare[s->spare_count++] = s->shown;
    pthread_mutex_unlock(&s->lock);
    s->shown = NULL;
}

void comp_source_count_shown(struct comp_source *s)
{
    if (s->counted == s->picture)
        return;
    s->counted = s->picture;
    pthread_mutex_lock(&s->lock);
    s->stats.shown++;
    pthread_mutex_unlock(&s->lock);
}

/* --- [any] ---------------------------------------------------------------------------------------
 */

void comp_source_set_delay_us(struct comp_source *s, int64_t delay_us)
{
    atomic_store_explicit(&s->delay_us, delay_us, memory_order_relaxed);
}

void comp_source_set_look(struct comp_source *s, const struct comp_look *look)
{
    comp_person_set_look(&s->person, look);
}

void comp_source_set_level(struct comp_source *s, float level)
{
    const float steps = level * DECOR_LEVELS + 0.5f;
    const unsigned step = steps >= DECOR_LEVELS ? DECOR_LEVELS : steps > 0 ? (unsigned)steps : 0;
    atomic_store_explicit(&s->person.level, step, memory_order_relaxed);
}

void comp_source_set_speaking(struct comp_source *s, bool is_speaking)
{
    atomic_store_explicit(&s->person.is_speaking, is_speaking, memory_order_relaxed);
}

void comp_source_set_floor(struct comp_source *s, bool has_floor)
{
    atomic_store_explicit(&s->has_floor, has_floor, memory_order_relaxed);
}

void comp_source_set_hidden(struct comp_source *s, bool is_hidden)
{
    atomic_store_explicit(&s->is_hidden, is_hidden, memory_order_relaxed);
}

bool comp_source_is_hidden(const struct comp_source *s)
{
    return atomic_load_explicit(&s->is_hidden, memory_order_relaxed);
}

/* Width and height never pass 4096, nor the rate 60: all of a need is in one word. */
void comp_source_set_need(struct comp_source *s, const struct comp_need *need)
{
    const uint64_t word = need ? (uint64_t)need->fps << 32 | need->width << 16 | need->height : 0;
    atomic_store_explicit(&s->need, word, memory_order_relaxed);
}

bool comp_source_read_need(const struct comp_source *s, struct comp_need *need)
{
    const uint64_t word = atomic_load_explicit(&s->need, memory_order_relaxed);
    if (!word)
        return false;
    *need = (struct comp_need){
        .width = word >> 16 & 0xffff, .height = word & 0xffff, .fps = (uint32_t)(word >> 32)};
    return true;
}

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

float comp_source_centre(const struct comp_source *s)
{
    return atomic_load_explicit(&s->centre, memory_order_relaxed);
}

void comp_source_read_stats(const struct comp_source *source, struct comp_source_stats *stats)
{
    struct comp_source *s = (struct comp_source *)source; /* only its lock changes */
    int64_t samples[SOURCE_LATENESS];
    pthread_mutex_lock(&s->lock);
    struct comp_source_stats copy = s->stats;
    const size_t count = s->lateness_count < SOURCE_LATENESS ? s->lateness_count : SOURCE_LATENESS;
    memcpy(samples, s->lateness_us, count * sizeof(*samples));
    pthread_mutex_unlock(&s->lock);
    if (count > 0) {
        qsort(samples, count, sizeof(*samples), compare);
        copy.lateness_us = samples[(count - 1) * PERCENTILE / 100];
    }
    *stats = copy;
}
