/* Participants' sound in files of their own: Opus packets at their times, whatever the network did. */
#include "tests/unit/recorder/synth.h"

#include <opus/opus.h>

#include "recorder/meta.h"
#include "recorder/ogg.h"
#include "recorder/tracks.h"

enum { PACKETS = 50, TICK_US = 20000, RATE = 48000 };

/* A second of a tone in packets of 20 ms, as browsers make them. */
static struct {
    uint8_t data[400];
    size_t size;
} tone[PACKETS];

static void make_tone(void)
{
    int err = 0;
    OpusEncoder *enc = opus_encoder_create(RATE, 1, OPUS_APPLICATION_AUDIO, &err);
    for (int n = 0; n < PACKETS; n++) {
        float pcm[960];
        for (int i = 0; i < 960; i++)
            pcm[i] = 0.4f * (float)__builtin_sin(6.2831853 * 500 * (n * 960 + i) / RATE);
        tone[n].size = (size_t)opus_encode_float(enc, pcm, 960, tone[n].data, 400);
    }
    opus_encoder_destroy(enc);
}

/* Loudness in steps of 20 ms, by a decoder that knows of time only how many samples came. */
struct heard {
    int steps;
    float rms[1000];
    char title[64];
};

static void take(struct heard *h, const AVFrame *f, float *sum, int *n)
{
    for (int i = 0; i < f->nb_samples; i++) {
        const float x = ((const float *)f->data[0])[i];
        *sum += x * x;
        if (++*n < 960)
            continue;
        assert_true(h->steps < 1000);
        h->rms[h->steps++] = __builtin_sqrtf(*sum / 960);
        *sum = 0;
        *n = 0;
    }
}

static struct heard listen(const char *path)
{
    static struct heard h;
    float sum = 0;
    int n = 0;
    AVFormatContext *in = NULL;
    h = (struct heard){0};
    if (avformat_open_input(&in, path, NULL, NULL) < 0)
        fail_msg("%s does not open", path);
    const AVCodecParameters *p = in->streams[0]->codecpar;
    assert_int_equal(p->codec_id, AV_CODEC_ID_OPUS);
    const AVDictionaryEntry *e = av_dict_get(in->streams[0]->metadata, "title", NULL, 0);
    snprintf(h.title, sizeof(h.title), "%s", e ? e->value : "");
    AVCodecContext *c = avcodec_alloc_context3(avcodec_find_decoder_by_name("opus"));
    avcodec_parameters_to_context(c, p);
    assert_true(avcodec_open2(c, NULL, NULL) >= 0);
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();
    while (av_read_frame(in, packet) >= 0) {
        assert_true(avcodec_send_packet(c, packet) >= 0);
        while (avcodec_receive_frame(c, frame) >= 0)
            take(&h, frame, &sum, &n);
        av_packet_unref(packet);
    }
    av_frame_free(&frame);
    av_packet_free(&packet);
    avcodec_free_context(&c);
    avformat_close_input(&in);
    return h;
}

/* Silence outside of [from, to) in steps, and the tone inside, but for one step at each edge. An Opus
 * decoder that comes from silence takes 160 ms to the full level, as packets tell loudness by that of
 * those before. */
static void assert_sounds(const struct heard *h, int from, int to)
{
    assert_true(h->steps >= to - 1);
    for (int i = 0; i < h->steps; i++) {
        if (i < from - 1 || i > to)
            assert_true(h->rms[i] < 0.02f);
        else if (i > from + (from ? 8 : 0) && i < to - 1)
            assert_true(h->rms[i] > 0.2f && h->rms[i] < 0.35f);
        else if (i > from && i < to - 1)
            assert_true(h->rms[i] > 0.02f);
    }
}

static void path_of(char *out, size_t size, unsigned n, const char *user)
{
    char stem[128];
    synth_path(stem, sizeof(stem), "t.mp4");
    char *path = rec_tracks_path(stem, n, user);
    snprintf(out, size, "%s", path);
    free(path);
}

static struct rec_tracks *begin(void)
{
    char stem[128];
    struct rec_tracks *t = NULL;
    synth_path(stem, sizeof(stem), "t.mp4");
    assert_int_equal(rec_tracks_open(&t, stem, 1000000), 0);
    return t;
}

static void push(struct rec_tracks *t, uint32_t source, int n, int64_t at_us)
{
    const struct rec_tracks_packet p = {.source = source, .sequence = 100 + (uint64_t)n,
                                        .pts_us = 1000000 + at_us, .data = tone[n].data,
                                        .size = tone[n].size};
    rec_tracks_push(t, &p);
}

static void remove_files(void)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -f '%s'/t.*", synth_dir);
    assert_int_equal(system(command), 0);
}

static void who_comes_later_has_silence_before(void **state)
{
    (void)state;
    char ann[192], bob[192];
    struct rec_tracks *t = begin();
    rec_tracks_add(t, 7, "ann", "Ann B");
    rec_tracks_add(t, 8, "b o/b", "Bob");
    rec_tracks_add(t, 9, "cat", "Cat"); /* says nothing: no file */
    for (int n = 0; n < PACKETS; n++)
        push(t, 7, n, n * TICK_US);
    for (int n = 0; n < PACKETS; n++)
        push(t, 8, n, 3000000 + n * TICK_US);
    push(t, 77, 0, 0); /* nobody knows him */
    rec_tracks_close(t, INT64_MAX);
    path_of(ann, sizeof(ann), 1, "ann");
    path_of(bob, sizeof(bob), 2, "b o/b");
    assert_non_null(strstr(bob, "t.track-02-b_o_b.ogg"));
    struct heard h = listen(ann);
    assert_string_equal(h.title, "Ann B");
    assert_sounds(&h, 0, 50);
    assert_in_range(h.steps, 49, 50);
    h = listen(bob);
    assert_sounds(&h, 150, 200);
    path_of(ann, sizeof(ann), 3, "cat");
    assert_int_equal(synth_file_size(ann), -1);
    remove_files();
}

static void what_the_network_did_is_put_right(void **state)
{
    (void)state;
    char path[192];
    struct rec_tracks *t = begin();
    rec_tracks_add(t, 7, "ann", "Ann");
    for (int n = 0; n < PACKETS; n += 5) { /* each five in another order, one of them twice */
        static const int order[] = {2, 0, 1, 1, 4, 3};
        for (int i = 0; i < 6; i++)
            push(t, 7, n + order[i], (n + order[i]) * TICK_US);
    }
    rec_tracks_close(t, INT64_MAX);
    path_of(path, sizeof(path), 1, "ann");
    const struct heard h = listen(path);
    assert_sounds(&h, 0, 50);
    assert_in_range(h.steps, 49, 50);
    remove_files();
}

static void lost_time_is_silence_and_pauses_are_cut_out(void **state)
{
    (void)state;
    char path[192];
    struct rec_tracks *t = begin();
    rec_tracks_add(t, 7, "ann", "Ann");
    for (int n = 0; n < 25; n++)
        push(t, 7, n, n * TICK_US);
    rec_tracks_pause(t, 1000000 + 500000);
    for (int n = 25; n < 30; n++)
        push(t, 7, n, 600000 + n * TICK_US); /* not in the file */
    rec_tracks_resume(t, 1000000 + 5500000);
    for (int n = 30; n < PACKETS; n++) /* a second after the end of the pause, in a 400 ms turn */
        push(t, 7, n, 6500000 + (n - 30) * TICK_US);
    rec_tracks_close(t, INT64_MAX);
    path_of(path, sizeof(path), 1, "ann");
    const struct heard h = listen(path);
    assert_in_range(h.steps, 94, 96);
    for (int i = 2; i < 23; i++)
        assert_true(h.rms[i] > 0.2f);
    for (int i = 28; i < 74; i++)
        assert_true(h.rms[i] < 0.02f);
    for (int i = 84; i < 93; i++)
        assert_true(h.rms[i] > 0.2f);
    remove_files();
}

static void a_clock_that_drifts_does_not_move_the_file(void **state)
{
    (void)state;
    char path[128];
    struct rec_ogg *o = NULL;
    synth_path(path, sizeof(path), "t.drift.ogg");
    const struct rec_ogg_conf conf = {.path = path, .title = "x", .artist = "x", .channels = 1};
    assert_int_equal(rec_ogg_open(&o, &conf), 0);
    /* 60 s of packets whose sender is a percent fast, and then a percent slow */
    int64_t at_us = 0;
    for (int n = 0; n < 3000; n++) {
        const int err = rec_ogg_write(o, at_us, tone[n % PACKETS].data, tone[n % PACKETS].size);
        assert_true(err == 0 || err == -ERANGE);
        assert_true(llabs(rec_ogg_duration_us(o) - at_us) < 100000);
        at_us += n < 1500 ? 19800 : 20200;
    }
    assert_int_equal(rec_ogg_close(o), 0);
    remove_files();
}

static void what_is_no_opus_is_refused(void **state)
{
    (void)state;
    char path[128];
    struct rec_ogg *o = NULL;
    synth_path(path, sizeof(path), "t.bad.ogg");
    const struct rec_ogg_conf conf = {.path = path, .channels = 2};
    assert_int_equal(rec_ogg_open(&o, &conf), 0);
    assert_int_equal(rec_ogg_write(o, 0, tone[0].data, 0), -EINVAL);
    assert_int_equal(rec_ogg_write(o, 0, (const uint8_t *)"\xff", 1), -EINVAL); /* no count */
    assert_int_equal(rec_ogg_write(o, -5000000, tone[0].data, tone[0].size), -ERANGE);
    struct rec_ogg *again = NULL;
    assert_int_equal(rec_ogg_open(&again, &conf), -EEXIST);
    assert_int_equal(rec_ogg_close(o), 0);
    remove_files();
}

static void a_killed_one_plays_to_its_last_page(void **state)
{
    (void)state;
    char path[128], left[128], command[300];
    struct rec_ogg *o = NULL;
    synth_path(path, sizeof(path), "t.run.ogg");
    synth_path(left, sizeof(left), "t.left.ogg");
    const struct rec_ogg_conf conf = {.path = path, .channels = 1};
    assert_int_equal(rec_ogg_open(&o, &conf), 0);
    for (int n = 0; n < 200; n++)
        assert_int_equal(rec_ogg_write(o, n * TICK_US, tone[n % 50].data, tone[n % 50].size), 0);
    snprintf(command, sizeof(command), "cp '%s' '%s'", path, left); /* as it is on the disk now */
    assert_int_equal(system(command), 0);
    assert_int_equal(rec_ogg_close(o), 0);
    const struct heard h = listen(left);
    assert_true(h.steps >= 200 - 50); /* a second at most is lost */
    remove_files();
}

static int set_up(void **state)
{
    (void)state;
    synth_make_dir();
    make_tone();
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
        cmocka_unit_test(who_comes_later_has_silence_before),
        cmocka_unit_test(what_the_network_did_is_put_right),
        cmocka_unit_test(lost_time_is_silence_and_pauses_are_cut_out),
        cmocka_unit_test(a_clock_that_drifts_does_not_move_the_file),
        cmocka_unit_test(what_is_no_opus_is_refused),
        cmocka_unit_test(a_killed_one_plays_to_its_last_page),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
