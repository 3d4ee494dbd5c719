/* Recordings that are paused and split: nothing is lost, nothing is doubled, and sound stays with its
 * pictures. Every packet in the file is compared with the one that was pushed. */
#include "tests/unit/recorder/synth.h"

#include <math.h>
#include <stdatomic.h>

#include "mcu/base/clock.h"

enum { START_US = 7654321, HALF_AAC_US = 10667 };

static struct synth packets;
static struct seen seen;

struct outcome {
    atomic_int count;
    struct rec_result result;
};

static void on_done(void *ctx, const struct rec_result *result)
{
    struct outcome *o = ctx;
    o->result = *result;
    atomic_fetch_add(&o->count, 1);
}

static struct rec_conf conf_for(const char *path)
{
    return (struct rec_conf){
        .path = path, .width = SYNTH_WIDTH, .height = SYNTH_HEIGHT, .fps = SYNTH_FPS,
        .channels = 2, .audio_config = packets.audio_config,
        .audio_config_size = packets.audio_config_size, .fragment_ms = 500,
        .start_us = START_US, .may_block = true};
}

static void assert_near(const char *what, int64_t got, int64_t wanted, int64_t tolerance)
{
    if (llabs(got - wanted) > tolerance)
        fail_msg("%s: %lld, not %lld", what, (long long)got, (long long)wanted);
}

/* Where the sound of a file comes from: which of the packets that were pushed, and when they play. */
struct sound {
    size_t index[SYNTH_MAX];
    int64_t pts_us[SYNTH_MAX];
    size_t count;
};

static size_t find_pushed(const AVPacket *p, size_t from)
{
    for (size_t i = from; i < packets.audio_count; i++) {
        const struct mcu_packet *a = packets.audio[i];
        if (a->size == (size_t)p->size && memcmp(a->data, p->data, a->size) == 0)
            return i;
    }
    fail_msg("a packet that nobody pushed, or one for the second time");
    return 0;
}

static void read_sound(const char *path, struct sound *out)
{
    *out = (struct sound){0};
    AVFormatContext *in = NULL;
    assert_true(avformat_open_input(&in, path, NULL, NULL) >= 0);
    AVPacket *p = av_packet_alloc();
    while (av_read_frame(in, p) >= 0) {
        const AVStream *st = in->streams[p->stream_index];
        if (st->codecpar->codec_type == AVMEDIA_TYPE_AUDIO) {
            const size_t from = out->count ? out->index[out->count - 1] + 1 : 0;
            out->index[out->count] = find_pushed(p, from);
            out->pts_us[out->count++] =
                av_rescale_q(p->pts, st->time_base, (AVRational){1, 1000000});
        }
        av_packet_unref(p);
    }
    av_packet_free(&p);
    avformat_close_input(&in);
}

/* Room time to file time, for a file of two stretches. */
struct stretch {
    int64_t begin_us, end_us, base_us;
};

/* Every packet of sound is in the file that is whole in one stretch, and within half a packet of where
 * the pictures of its moment are. */
static void assert_sound(const char *path, const struct stretch *stretches, size_t n)
{
    struct sound s;
    read_sound(path, &s);
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        size_t of_this = 0;
        for (; k < s.count; k++, of_this++) {
            const int64_t room_us = packets.audio[s.index[k]]->pts_us - START_US;
            if (room_us >= stretches[i].end_us)
                break;
            assert_near("sound with its pictures", s.pts_us[k],
                        stretches[i].base_us + room_us - stretches[i].begin_us, HALF_AAC_US + 50);
            if (k > 0)
                assert_near("without a gap", s.pts_us[k] - s.pts_us[k - 1], 2 * HALF_AAC_US, 50);
        }
        const int64_t length_us = stretches[i].end_us - stretches[i].begin_us;
        assert_near("packets of the stretch", (int64_t)of_this * 2 * HALF_AAC_US, length_us,
                    (i ? 2 : 4) * 2 * HALF_AAC_US);
    }
    assert_int_equal(k, s.count);
}

static void assert_pictures(const char *path, int frames, int64_t end_us)
{
    assert_int_equal(seen_file(path, &seen), 0);
    assert_int_equal(seen.errors, 0);
    assert_int_equal(seen.video_frames, frames);
    for (int i = 0; i < frames; i++)
        assert_near("picture", seen.video_pts_us[i], i * INT64_C(1000000) / SYNTH_FPS, 40);
    assert_near("last picture", seen.video_end_us, end_us, 2000);
    assert_near("last sound", seen.audio_end_us, end_us, 40000);
}

/* Records 6 s with a key frame each second: paused at pause_us, resumed at resume_us, ended at 5 s. */
static struct rec_result record_paused(const struct rec_conf *conf, int64_t pause_us,
                                       int64_t resume_us)
{
    struct outcome o = {0};
    struct rec *r = NULL;
    assert_int_equal(rec_start(&r, conf), 0);
    size_t v = 0, a = 0;
    synth_push(&packets, r, &v, &a, START_US + pause_us);
    assert_int_equal(rec_resume(r, START_US), -EALREADY);
    assert_int_equal(rec_pause(r, START_US + pause_us), 0);
    assert_int_equal(rec_pause(r, START_US + pause_us), -EALREADY);
    synth_push(&packets, r, &v, &a, START_US + resume_us);
    assert_int_equal(rec_resume(r, START_US + resume_us), 0);
    synth_push(&packets, r, &v, &a, INT64_MAX);
    rec_stop(r, START_US + 5000000, on_done, &o);
    rec_destroy(r);
    assert_int_equal(atomic_load(&o.count), 1);
    assert_int_equal(o.result.error, 0);
    assert_int_equal(o.result.dropped, 0);
    return o.result;
}

static void a_pause_is_cut_out_of_both(void **state)
{
    (void)state;
    char path[128];
    synth_path(path, sizeof(path), "pause.mp4");
    synth_audio(&packets, START_US - 500000, 6.6);
    synth_video(&packets, START_US, 180, 0);
    const struct rec_conf conf = conf_for(path);
    const struct rec_result result = record_paused(&conf, 1500000, 2250000);
    assert_near("duration", result.duration_ms, 3500, 40);
    assert_pictures(path, 105, 3500000);
    const struct stretch two[] = {{0, 1500000, 0}, {3000000, 5000000, 1500000}};
    assert_sound(path, two, 2);
    synth_free(&packets);
}

static void with_b_frames_it_is_cut_at_key_frames(void **state)
{
    (void)state;
    char path[128];
    synth_path(path, sizeof(path), "pause-b.mp4");
    synth_audio(&packets, START_US - 500000, 6.6);
    synth_video(&packets, START_US, 180, 2);
    struct rec_conf conf = conf_for(path);
    conf.is_reordered = true;
    const struct rec_result result = record_paused(&conf, 1500000, 2250000);
    assert_near("duration", result.duration_ms, 4000, 40);
    assert_pictures(path, 120, 4000000);
    const struct stretch two[] = {{0, 2000000, 0}, {3000000, 5000000, 2000000}};
    assert_sound(path, two, 2);
    synth_free(&packets);
}

static void a_stop_in_a_pause_ends_where_it_began(void **state)
{
    (void)state;
    char path[128];
    synth_path(path, sizeof(path), "stop.mp4");
    synth_audio(&packets, START_US - 500000, 3.6);
    synth_video(&packets, START_US, 90, 0);
    const struct rec_conf conf = conf_for(path);
    struct outcome o = {0};
    struct rec *r = NULL;
    assert_int_equal(rec_start(&r, &conf), 0);
    size_t v = 0, a = 0;
    synth_push(&packets, r, &v, &a, START_US + 1500000);
    assert_int_equal(rec_pause(r, START_US + 1500000), 0);
    synth_push(&packets, r, &v, &a, INT64_MAX);
    rec_stop(r, START_US + 2900000, on_done, &o);
    assert_int_equal(rec_resume(r, START_US + 2950000), -EALREADY);
    rec_destroy(r);
    assert_int_equal(o.result.error, 0);
    assert_pictures(path, 45, 1500000);
    synth_free(&packets);
}

/* Without a video the sound alone is cut, to half a packet. */
static void sound_alone_is_paused(void **state)
{
    (void)state;
    char path[128];
    synth_path(path, sizeof(path), "sound.mp4");
    synth_audio(&packets, START_US - 500000, 6.6);
    struct rec_conf conf = conf_for(path);
    conf.width = conf.height = 0;
    record_paused(&conf, 1500000, 2250000);
    const struct stretch two[] = {{0, 1500000, 0}, {2250000, 5000000, 1500000}};
    assert_sound(path, two, 2);
    synth_free(&packets);
}

/* The second file begins with the key frame at which the first ends. */
static void two_files_of_a_split_hold_everything_once(void **state)
{
    (void)state;
    for (int b_frames = 0; b_frames <= 2; b_frames += 2) {
        char one[128], two[128];
        synth_path(one, sizeof(one), b_frames ? "b-1.mp4" : "1.mp4");
        synth_path(two, sizeof(two), b_frames ? "b-2.mp4" : "2.mp4");
        synth_audio(&packets, START_US - 500000, 5.6);
        synth_video(&packets, START_US, 150, b_frames);
        struct rec_conf conf = conf_for(one);
        conf.is_reordered = b_frames > 0;
        conf.may_block = false; /* what comes after its stop is still waited for */
        struct outcome o[2] = {0};
        struct rec *r[2] = {0};
        assert_int_equal(rec_start(&r[0], &conf), 0);
        size_t v = 0, a = 0;
        synth_push(&packets, r[0], &v, &a, START_US + 1500000);
        conf.path = two;
        conf.may_block = true;
        conf.starts_at_key = true;
        conf.start_us = START_US + 1500000;
        assert_int_equal(rec_start(&r[1], &conf), 0);
        size_t v2 = v, a2 = a;
        synth_push(&packets, r[1], &v2, &a2, INT64_MAX);
        rec_stop(r[1], START_US + 4000000, on_done, &o[1]);
        rec_stop(r[0], START_US + 2000000, on_done, &o[0]);
        synth_push_past(&packets, r[0], &v, &a, INT64_MAX, START_US + 2000000);
        rec_destroy(r[0]);
        rec_destroy(r[1]);
        assert_int_equal(o[0].result.error, 0);
        assert_int_equal(o[1].result.error, 0);
        assert_pictures(one, 60, 2000000);
        assert_pictures(two, 60, 2000000);
        const struct stretch first = {0, 2000000, 0};
        const struct stretch second = {2000000, 4000000, 0};
        assert_sound(one, &first, 1);
        assert_sound(two, &second, 1);
        synth_free(&packets);
    }
}

static int set_up(void **state)
{
    (void)state;
    synth_make_dir();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    synth_remove_dir();
    return 0;
}

int main(void)
{
    av_log_set_level(AV_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pause_is_cut_out_of_both),
        cmocka_unit_test(with_b_frames_it_is_cut_at_key_frames),
        cmocka_unit_test(a_stop_in_a_pause_ends_where_it_began),
        cmocka_unit_test(sound_alone_is_paused),
        cmocka_unit_test(two_files_of_a_split_hold_everything_once),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
