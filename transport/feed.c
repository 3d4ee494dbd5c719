/* Feeds; see feed.h. A frame that a full shard queue refuses leaves a gap in `index`, which the peers
 * there notice: they wait for the next key frame and ask for one. Nothing else has to be told. */
#include "transport/feed.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "transport/peer.h"

struct rtc_feed {
    struct rtc *rtc;
    uint64_t id;
    enum mcu_codec codec;
    atomic_int refs; /* its owner's, and one of each peer in each row */
    atomic_int tuned[RTC_SHARDS_MAX]; /* peers per shard */

    /* the pushing thread */
    uint64_t index;

    atomic_uint_fast64_t refused; /* frames that a shard had no room for */
    atomic_uint_fast64_t malformed;

    pthread_mutex_t lock; /* protects, for video: */
    struct rtc_still still;
    int64_t still_us; /* when it was pushed */
    int64_t newest_pts_us;
    bool has_begun;
};

static atomic_uint_fast64_t last_id;

struct rtc_frame *rtc_frame_ref(struct rtc_frame *f)
{
    atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
    return f;
}

void rtc_frame_unref(struct rtc_frame *f)
{
    if (!f || atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1)
        return;
    rtc_payloads_unref(f->payloads);
    mcu_pool_give(f);
}

int rtc_feed_create(struct rtc *rtc, struct rtc_feed **out, enum mcu_codec codec)
{
    if (codec != MCU_CODEC_OPUS && codec != MCU_CODEC_H264 && codec != MCU_CODEC_VP8 &&
        codec != MCU_CODEC_VP9)
        return -EINVAL;
    struct rtc_feed *f = calloc(1, sizeof(*f));
    if (!f)
        return -ENOMEM;
    f->rtc = rtc;
    f->codec = codec;
    f->id = atomic_fetch_add(&last_id, 1) + 1;
    atomic_init(&f->refs, 1);
    pthread_mutex_init(&f->lock, NULL);
    *out = f;
    return 0;
}

static void unref(struct rtc_feed *f)
{
    if (atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1)
        return;
    rtc_payloads_unref(f->still.payloads);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

void rtc_feed_destroy(struct rtc_feed *f)
{
    if (!f)
        return;
    const uint64_t refused = atomic_load(&f->refused);
    const uint64_t malformed = atomic_load(&f->malformed);
    if (refused || malformed)
        log_warn("feed of %s: %llu frames lost by slow net threads, %llu malformed",
                 mcu_codec_name(f->codec), (unsigned long long)refused,
                 (unsigned long long)malformed);
    unref(f);
}

uint64_t rtc_feed_id(const struct rtc_feed *f)
{
    return f->id;
}

void rtc_feed_tuned_in(struct rtc_feed *f, unsigned shard)
{
    atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&f->tuned[shard], 1, memory_order_acq_rel);
}

void rtc_feed_tuned_out(struct rtc_feed *f, unsigned shard)
{
    atomic_fetch_sub_explicit(&f->tuned[shard], 1, memory_order_acq_rel);
    unref(f);
}

static bool is_heard(const struct rtc_feed *f)
{
    for (size_t i = 0; i < RTC_SHARDS_MAX; i++) {
        if (atomic_load_explicit(&f->tuned[i], memory_order_acquire) > 0)
            return true;
    }
    return false;
}

/* Audio comes from the mix tick, which must not meet malloc. */
static int cut(struct rtc_feed *f, struct mcu_packet *packet, struct rtc_payloads **out)
{
    if (mcu_codec_kind(f->codec) == MCU_AUDIO)
        return rtc_payloads_create_whole(out, f->rtc->pool, packet, RTC_FEED_PAYLOAD_MAX);
    return rtc_payloads_create(out, packet, RTC_FEED_PAYLOAD_MAX);
}

static struct rtc_frame *make_frame(struct rtc_feed *f, struct rtc_payloads *payloads)
{
    struct rtc_frame *frame = mcu_pool_take(f->rtc->pool);
    if (!frame)
        return NULL;
    atomic_init(&frame->refs, 1);
    frame->feed_id = f->id;
    frame->index = f->index;
    frame->pushed_us = mcu_now_us();
    frame->payloads = rtc_payloads_ref(payloads);
    return frame;
}

static void post(struct rtc_feed *f, struct rtc_payloads *payloads)
{
    struct rtc_frame *frame = make_frame(f, payloads);
    if (!frame)
        return;
    for (size_t i = 0; i < RTC_SHARDS_MAX; i++) {
        if (atomic_load_explicit(&f->tuned[i], memory_order_acquire) <= 0)
            continue;
        if (rtc_shard_put(f->rtc->groups[i].shard, rtc_frame_ref(frame))) {
            rtc_frame_unref(frame);
            atomic_fetch_add_explicit(&f->refused, 1, memory_order_relaxed);
        }
    }
    rtc_frame_unref(frame);
}

/* Before it is posted: who gets the kept one must not be sent it once more as a live one. */
static void keep(struct rtc_feed *f, const struct mcu_packet *packet, struct rtc_payloads *payloads)
{
    struct rtc_payloads *old = NULL;
    pthread_mutex_lock(&f->lock);
    f->has_begun = true;
    f->newest_pts_us = packet->pts_us;
    if (packet->is_key) {
        old = f->still.payloads;
        f->still.payloads = payloads ? rtc_payloads_ref(payloads) : NULL;
        f->still.index = f->index;
        f->still_us = mcu_now_us();
    }
    pthread_mutex_unlock(&f->lock);
    rtc_payloads_unref(old);
}

int rtc_feed_still(struct rtc_feed *f, int64_t now_us, struct rtc_still *out)
{
    int err = -ESTALE;
    pthread_mutex_lock(&f->lock);
    if (!f->has_begun) {
        err = -ENOENT;
    } else if (f->still.payloads && now_us - f->still_us <= RTC_FEED_STILL_US) {
        *out = f->still;
        out->pts_us = f->newest_pts_us;
        rtc_payloads_ref(out->payloads);
        err = 0;
    }
    pthread_mutex_unlock(&f->lock);
    return err;
}

void rtc_feed_push(struct rtc_feed *f, struct mcu_packet *packet)
{
    const bool is_video = mcu_codec_kind(f->codec) == MCU_VIDEO;
    const bool has_hearers = is_heard(f);
    struct rtc_payloads *payloads = NULL;
    f->index++;
    if (has_hearers || (is_video && packet->is_key)) {
        if (packet->codec != f->codec || cut(f, packet, &payloads)) {
            atomic_fetch_add_explicit(&f->malformed, 1, memory_order_relaxed);
            return;
        }
    }
    if (is_video)
        keep(f, packet, payloads);
    if (has_hearers)
        post(f, payloads);
    rtc_payloads_unref(payloads);
}
