/* The three threads at once, for the sanitizers; and that a tick takes no memory and no lock.
 *
 * heap.h counts allocations of the tick's thread. Locks are counted here, in plain builds only: a
 * sanitizer has its own. */
#include "heap.h"
#include "rig.h"

#include "mixer/clip.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>

#include "mcu/base/clock.h"
#include "mcu/base/thread.h"

/* volatile as in heap.h */
static _Thread_local volatile unsigned locks;

#ifndef HAS_SANITIZER

/* Ours comes first for all that this program calls, its libraries included. */
int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    static int (*real)(pthread_mutex_t *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "pthread_mutex_lock");
    locks += heap_is_counting;
    return real(mutex);
}

#endif

static void keep_nothing(void *ctx, uint32_t output, struct mcu_packet *packet)
{
    (void)output;
    *(size_t *)ctx += packet->size;
}

static void tell_nobody(void *ctx, void *listener_ctx, int32_t output)
{
    (void)ctx;
    (void)listener_ctx;
    (void)output;
}

static void hear_nothing(void *ctx, const float *pcm, size_t frames, int64_t pts_us)
{
    (void)ctx;
    (void)pcm;
    (void)frames;
    (void)pts_us;
}

static void the_counter_counts(void **state)
{
    (void)state;
    heap_is_counting = true;
    void *volatile p = malloc(10);
    heap_is_counting = false;
    free(p);
    assert_true(heap_calls > 0);
    heap_calls = 0;
#ifndef HAS_SANITIZER /* whose own the locks are */
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    heap_is_counting = true;
    pthread_mutex_lock(&mutex);
    heap_is_counting = false;
    pthread_mutex_unlock(&mutex);
    assert_true(locks > 0);
    locks = 0;
#endif
}

/* In turn all that makes listeners move, and sounds. */
static void ask_for_everything(struct mix *m, struct mix_listener *l, struct mix_input *in,
                               struct mix_clip *chime, size_t t)
{
    static struct mix_sound *sound;
    float buses[MIX_BUSES_MAX] = {t % 2 ? 0.5f : 1.0f, 1.0f};
    const struct mix_sound_conf sc = {
        .clip = chime, .gain = 0.5f, .duck_gain = 0.3f, .to = t % 32 == 0 ? l : NULL};
    if (t % 8 == 0)
        mix_listener_set_quality(l, (enum mix_quality)(t / 8 % MIX_QUALITIES));
    if (t % 16 == 1)
        assert_int_equal(mix_listener_set_gain(m, l, in, t % 32 == 1 ? 0.5f : 1.0f), 0);
    if (t % 16 == 3)
        assert_int_equal(mix_listener_set_deaf(m, l, t % 32 == 3), 0);
    if (t % 16 == 5)
        assert_int_equal(mix_listener_set_buses(m, l, buses), 0);
    if (t % 16 == 7)
        assert_int_equal(mix_listener_set_own(m, l, t % 32 == 7 ? in : NULL), 0);
    if (t % 16 == 0)
        assert_int_equal(mix_sound_play(m, &sound, &sc), 0);
    if (t % 16 == 9)
        mix_sound_stop(m, sound);
}

static struct mix_clip *load_chime(uint32_t channels)
{
    struct mix_clip *chime = NULL;
    assert_int_equal(mix_clip_builtin(&chime, "join", channels), 0);
    return chime;
}

static void a_tick_takes_no_memory_and_no_lock(void **state)
{
    (void)state;
    size_t bytes = 0;
    const struct mix_conf conf = {.channels = 2,
                                  .bitrate_bps = 64000,
                                  .complexity = 5,
                                  .min_delay_us = 20000,
                                  .max_delay_us = 300000};
    const struct mix_sink sink = {
        .ctx = &bytes, .on_packet = keep_nothing, .on_assign = tell_nobody, .on_pcm = hear_nothing};
    const struct mix_input_conf ic = {.codec = MCU_CODEC_OPUS, .channels = 2, .rate_hz = 48000,
                                     .treatment = {.is_levelled = true, .is_denoised = true}};
    struct clip clip = make_clip(440, 0.2, 150);
    struct mix *m;
    struct mix_input *in[5];
    struct mix_listener *l[6];
    assert_int_equal(mix_create(&m, &conf, &sink), 0);
    mix_want_pcm(m, true);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(mix_input_add(m, &in[i], &ic), 0);
        assert_int_equal(mix_listener_add(m, &l[i], in[i], NULL), 0);
    }
    assert_int_equal(mix_listener_add(m, &l[5], NULL, NULL), 0);
    struct mix_listener *audience[2]; /* with whom l[5] shares now and then */
    for (int i = 0; i < 2; i++)
        assert_int_equal(mix_listener_add(m, &audience[i], NULL, NULL), 0);
    struct mix_clip *chime = load_chime(2);
    uint32_t seed = 1;
    for (size_t t = 0; t < 150; t++) {
        const int64_t now = (int64_t)t * MIX_TICK_US;
        for (int i = 0; i < 4; i++) { /* with loss, jitter and garbage */
            clip.packets[t].data[0] ^= (uint8_t)(t == 70);
            if (rig_random(&seed, 10) > 0)
                push_clip(in[i], &clip, t, t, now - rig_random(&seed, 40000), now);
        }
        if (t == 30)
            mix_input_set_muted(in[0], true);
        if (t == 50)
            mix_input_remove(m, in[1]);
        if (t == 60)
            mix_listener_remove(m, l[2]);
        if (t == 80)
            mix_input_set_min_delay_us(in[2], 120000);
        ask_for_everything(m, l[5], in[0], chime, t);
        heap_is_counting = true;
        mix_tick(m, now);
        heap_is_counting = false;
        if (t == 50) {
            in[1] = in[4];
        }
    }
    assert_int_equal(heap_calls, 0);
    assert_int_equal(locks, 0);
    assert_true(bytes > 10000);
    struct mix_stats all;
    mix_read_stats(m, &all);
    assert_true(all.switches > 5);
    mix_destroy(m);
    mix_clip_unref(chime);
    free_clip(&clip);
}

/* --- threads ---------------------------------------------------------------------------------- */

enum { VOICES = 6, ROUNDS = 400 };

struct shared {
    struct mix *m;
    struct mix_listener *listener;
    struct mix_clip *chime;
    struct clip clip;
    struct mix_input *voices[VOICES];
    pthread_t net[VOICES];
    atomic_int is_over;
    atomic_llong now_us;
    atomic_uint told, sent;
};

struct feed {
    struct shared *s;
    int voice;
};

static void on_packet(void *ctx, uint32_t output, struct mcu_packet *packet)
{
    struct shared *s = ctx;
    (void)output;
    assert_true(packet->size > 0);
    atomic_fetch_add(&s->sent, 1);
}

static void on_assign(void *ctx, void *listener_ctx, int32_t output)
{
    struct shared *s = ctx;
    (void)listener_ctx;
    assert_true(output < MIX_OUTPUTS_MAX);
    atomic_fetch_add(&s->told, 1);
}

static void *run_tick(void *arg)
{
    struct shared *s = arg;
    for (int t = 0; !atomic_load(&s->is_over); t++) {
        const int64_t now = (int64_t)t * MIX_TICK_US;
        mix_tick(s->m, now);
        atomic_store(&s->now_us, now + MIX_TICK_US);
        mcu_sleep_until_us(mcu_now_us() + 200);
    }
    return NULL;
}

static void *run_net(void *arg)
{
    const struct feed *f = arg;
    struct shared *s = f->s;
    int64_t last = -1;
    for (uint64_t k = 0; !atomic_load(&s->is_over);) {
        const int64_t now = atomic_load(&s->now_us);
        if (now == last) {
            mcu_sleep_until_us(mcu_now_us() + 50);
            continue;
        }
        last = now;
        push_clip(s->voices[f->voice], &s->clip, k % s->clip.count, k, now, now);
        k++;
    }
    return NULL;
}

/* [ctl]: voices that come and go (unfed), listeners, mutes, reads; two voices are fed throughout.
 */
static void run_ctl(struct shared *s)
{
    const struct mix_input_conf ic = {.codec = MCU_CODEC_OPUS, .channels = 1, .rate_hz = 48000};
    struct mix_listener *ears[VOICES] = {NULL};
    uint32_t seed = 2;
    for (int round = 0; round < ROUNDS; round++) {
        const int i = 2 + (int)rig_random(&seed, VOICES - 2);
        if (s->voices[i]) {
            mix_listener_remove(s->m, ears[i]);
            if (round % 3)
                push_clip(s->voices[i], &s->clip, 0, 0, atomic_load(&s->now_us), 0);
            mix_input_remove(s->m, s->voices[i]);
            s->voices[i] = NULL;
        } else {
            assert_int_equal(mix_input_add(s->m, &s->voices[i], &ic), 0);
            assert_int_equal(mix_listener_add(s->m, &ears[i], s->voices[i], s), 0);
        }
        mix_input_set_muted(s->voices[0], rig_random(&seed, 2));
        mix_input_set_min_delay_us(s->voices[1], rig_random(&seed, 100000));
        struct mix_input_stats stats;
        mix_input_read_stats(s->voices[0], &stats);
        struct mix_stats all;
        mix_read_stats(s->m, &all);
        assert_true(mix_input_level_dbov(s->voices[1]) <= 0);
        (void)mix_input_is_speaking(s->voices[1]);
        mix_want_pcm(s->m, round % 2 == 0);
        ask_for_everything(s->m, s->listener, s->voices[round % 2], s->chime, (size_t)round);
        mcu_sleep_until_us(mcu_now_us() + 300);
    }
}

static void three_threads_do_not_meet(void **state)
{
    (void)state;
    static struct shared s;
    s.clip = make_clip(440, 0.2, 50);
    const struct mix_conf conf = {.channels = 1,
                                  .bitrate_bps = 32000,
                                  .complexity = 0,
                                  .min_delay_us = 20000,
                                  .max_delay_us = 300000};
    const struct mix_sink sink = {.ctx = &s, .on_packet = on_packet, .on_assign = on_assign};
    const struct mix_input_conf ic = {.codec = MCU_CODEC_OPUS, .channels = 1, .rate_hz = 48000};
    assert_int_equal(mix_create(&s.m, &conf, &sink), 0);
    struct mix_listener *l;
    assert_int_equal(mix_listener_add(s.m, &l, NULL, &s), 0);
    assert_int_equal(mix_listener_add(s.m, &s.listener, NULL, &s), 0);
    s.chime = load_chime(1);
    struct feed feeds[2];
    pthread_t tick;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(mix_input_add(s.m, &s.voices[i], &ic), 0);
        feeds[i] = (struct feed){&s, i};
        assert_int_equal(mcu_thread_start(&s.net[i], "net", run_net, &feeds[i]), 0);
    }
    assert_int_equal(mcu_thread_start(&tick, "tick", run_tick, &s), 0);
    run_ctl(&s);
    for (int i = 0; i < 20000; i++) { /* until sound went through, 20 s at most */
        struct mix_input_stats stats;
        mix_input_read_stats(s.voices[0], &stats);
        if (stats.frames > 9600 && atomic_load(&s.sent) > 20)
            break;
        mcu_sleep_until_us(mcu_now_us() + 1000);
    }
    atomic_store(&s.is_over, 1);
    pthread_join(tick, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(s.net[i], NULL);
    struct mix_input_stats stats;
    mix_input_read_stats(s.voices[0], &stats);
    assert_true(stats.frames > 9600);
    assert_true(atomic_load(&s.told) > 0 && atomic_load(&s.sent) > 20);
    mix_destroy(s.m);
    mix_clip_unref(s.chime);
    free_clip(&s.clip);
}

int main(void)
{
    heap_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_counter_counts),
        cmocka_unit_test(a_tick_takes_no_memory_and_no_lock),
        cmocka_unit_test(three_threads_do_not_meet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
