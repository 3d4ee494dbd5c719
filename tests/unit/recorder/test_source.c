/* Media files as sources: made by the ffmpeg program, read packet by packet. */
#include "tests/unit/recorder/synth.h"

#include <fcntl.h>
#include <math.h>

#include "recorder/source.h"

/* A path in the test's folder; two at a time may be in use. */
static const char *in_dir(const char *name)
{
    static char paths[2][128];
    static int next;
    next = !next;
    synth_path(paths[next], sizeof(paths[next]), name);
    return paths[next];
}

static void make(const char *name, const char *arguments)
{
    if (synth_file_size(in_dir(name)) > 0)
        return;
    char command[700];
    snprintf(command, sizeof(command),
             "ffmpeg -nostdin -v error -y -f lavfi -i testsrc2=s=160x120:r=30:d=2 "
             "-f lavfi -i 'sine=f=440:r=48000:d=2' %s '%s'", arguments, in_dir(name));
    assert_int_equal(system(command), 0);
}

struct read {
    int video;
    int audio;
    int keys;
    int reordered; /* packets with pts other than dts */
    int64_t video_first_us;
    int64_t video_last_us;
    int64_t audio_first_us;
    int64_t audio_last_us;
    int end;       /* what the last read answered */
};

static struct read read_all(struct rec_source *s)
{
    struct read r = {0};
    int64_t dts_us[2] = {INT64_MIN, INT64_MIN};
    struct mcu_packet *p = NULL;
    while ((r.end = rec_source_read(s, &p)) == 0) {
        const bool is_audio = mcu_codec_kind(p->codec) == MCU_AUDIO;
        assert_true(p->size > 0 && p->size == p->capacity);
        assert_true(p->dts_us >= dts_us[is_audio]);
        dts_us[is_audio] = p->dts_us;
        if (is_audio) {
            assert_true(p->is_key);
            r.audio_first_us = r.audio++ ? r.audio_first_us : p->pts_us;
            r.audio_last_us = p->pts_us;
        } else {
            r.keys += p->is_key;
            assert_true(r.video > 0 || p->is_key);
            r.reordered += p->pts_us != p->dts_us;
            r.video_first_us = r.video++ ? r.video_first_us : p->pts_us;
            r.video_last_us = p->pts_us > r.video_last_us ? p->pts_us : r.video_last_us;
        }
        mcu_packet_unref(p);
    }
    struct mcu_packet *none = NULL;
    assert_int_equal(rec_source_read(s, &none), r.end); /* and it stays so */
    assert_null(none);
    return r;
}

static const struct row {
    const char *name;
    const char *arguments;
    enum mcu_codec video;
    enum mcu_codec audio;
    uint32_t channels;
    int64_t priming_us; /* how far before zero the first sound may begin */
    bool has_b_frames;
    int first_extradata; /* the first byte of the video's, -1: any */
} rows[] = {
    {"vp8.webm", "-c:v libvpx -deadline realtime -c:a libopus -ac 2", MCU_CODEC_VP8, MCU_CODEC_OPUS, 2, 8000, false, -1},
    {"vp9.webm", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libvorbis -ac 1", MCU_CODEC_VP9, MCU_CODEC_VORBIS, 1, 0, false, -1},
    {"av1.mkv", "-c:v libaom-av1 -usage realtime -cpu-used 8 -c:a aac -ac 2", MCU_CODEC_AV1, MCU_CODEC_AAC, 2, 22000, false, -1},
    {"h264.mp4", "-c:v libx264 -bf 2 -preset veryfast -g 30 -c:a aac -ac 2", MCU_CODEC_H264, MCU_CODEC_AAC, 2, 22000, true, 1},
    {"h264.mkv", "-c:v libx264 -bf 2 -preset veryfast -g 30 -c:a libopus -ac 1", MCU_CODEC_H264, MCU_CODEC_OPUS, 1, 8000, true, 1},
    {"opus.mp4", "-c:v libx264 -bf 0 -preset veryfast -g 30 -c:a libopus -ac 2", MCU_CODEC_H264, MCU_CODEC_OPUS, 2, 8000, false, 1},
    {"frag.mp4", "-c:v libx264 -bf 2 -preset veryfast -g 30 -c:a aac -movflags frag_keyframe+empty_moov+default_base_moof",
     MCU_CODEC_H264, MCU_CODEC_AAC, 1, 22000, true, 1},
    {"late.mkv", "-c:v libx264 -bf 0 -preset veryfast -g 30 -c:a libopus -output_ts_offset 10", MCU_CODEC_H264, MCU_CODEC_OPUS, 1, 8000, false, 1},
    {"a: b%41.webm", "-c:v libvpx -deadline realtime -c:a libopus", MCU_CODEC_VP8, MCU_CODEC_OPUS, 1, 8000, false, -1},
};

#define EXPECT(row, what) \
    do { \
        if (!(what)) \
            fail_msg("%s: not so: %s", (row)->name, #what); \
    } while (0)

static void check_extradata(const struct row *row, const struct rec_source_info *info)
{
    const struct rec_source_stream *a = &info->audio;
    if (a->codec == MCU_CODEC_OPUS)
        EXPECT(row, a->extradata_size >= 19 && memcmp(a->extradata, "OpusHead", 8) == 0);
    else if (a->codec == MCU_CODEC_AAC)
        EXPECT(row, a->extradata_size >= 2 && a->extradata[0] >> 3 == 2);
    else
        EXPECT(row, a->extradata_size > 100);
    if (row->first_extradata >= 0)
        EXPECT(row, info->video.extradata_size > 8 && info->video.extradata[0] == row->first_extradata);
}

static void every_kind_is_read_from_start_to_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        make(row->name, row->arguments);
        struct rec_source *s = NULL;
        assert_int_equal(rec_source_open(&s, in_dir(row->name)), 0);
        const struct rec_source_info *info = rec_source_info(s);
        EXPECT(row, info->video.codec == row->video);
        EXPECT(row, info->audio.codec == row->audio);
        EXPECT(row, info->video.width == 160 && info->video.height == 120);
        EXPECT(row, info->audio.channels == row->channels && info->audio.rate_hz == 48000);
        EXPECT(row, llabs(info->duration_us - 2000000) < 100000);
        check_extradata(row, info);
        const struct read r = read_all(s);
        EXPECT(row, r.end == 1);
        EXPECT(row, r.video == 60);
        EXPECT(row, r.keys >= 1 && r.keys < 30);
        EXPECT(row, (r.reordered > 10) == row->has_b_frames);
        EXPECT(row, llabs(r.video_first_us) <= 22000 + (row->has_b_frames ? 67000 : 0));
        EXPECT(row, llabs(r.video_last_us - r.video_first_us - 1966667) <= 2000);
        EXPECT(row, r.audio_first_us >= -row->priming_us && r.audio_first_us <= 1000);
        EXPECT(row, llabs(r.audio_last_us - r.video_last_us) <= 60000);
        rec_source_close(s);
    }
}

/* The sound of an Opus file begins where it should: pts is that of the first decoded sample, before
 * the pre-skip is cut. */
static void opus_preskip_is_before_zero(void **state)
{
    (void)state;
    make("vp8.webm", rows[0].arguments);
    struct rec_source *s = NULL;
    assert_int_equal(rec_source_open(&s, in_dir("vp8.webm")), 0);
    const uint8_t *head = rec_source_info(s)->audio.extradata;
    const int preskip = head[10] | head[11] << 8;
    const struct read r = read_all(s);
    assert_true(llabs(r.audio_first_us + preskip * INT64_C(1000000) / 48000) <= 1000);
    rec_source_close(s);
}

static void truncate_to(const char *from, const char *to, int percent)
{
    char command[400];
    snprintf(command, sizeof(command), "head -c %lld '%s' > '%s'",
             (long long)synth_file_size(from) * percent / 100, from, to);
    assert_int_equal(system(command), 0);
}

static void a_cut_file_is_read_up_to_the_break(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *arguments;
        int full;
    } files[] = {
        {"vp8.webm", "-c:v libvpx -deadline realtime -c:a libopus -ac 2", 60},
        {"fast.mp4", "-c:v libx264 -bf 2 -preset veryfast -g 30 -c:a aac -movflags +faststart", 60},
        {"frag.mp4", "-c:v libx264 -bf 2 -preset veryfast -g 30 -c:a aac -movflags frag_keyframe+empty_moov+default_base_moof", 60},
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        make(files[i].name, files[i].arguments);
        for (int percent = 70; percent < 100; percent += 9) {
            truncate_to(in_dir(files[i].name), in_dir("cut"), percent);
            struct rec_source *s = NULL;
            assert_int_equal(rec_source_open(&s, in_dir("cut")), 0);
            const struct read r = read_all(s);
            if (r.end != -EBADMSG || r.video < 5 || r.video > files[i].full)
                fail_msg("%s at %d%%: %d, %d frames", files[i].name, percent, r.end, r.video);
            rec_source_close(s);
        }
    }
}

static void what_is_no_source_is_refused(void **state)
{
    (void)state;
    struct rec_source *s = NULL;
    assert_int_equal(rec_source_open(&s, in_dir("missing.webm")), -ENOENT);
    assert_int_equal(rec_source_open(&s, "/tmp"), -EISDIR);
    assert_int_equal(rec_source_open(&s, "http://localhost/a.webm"), -ENOENT);
    assert_int_equal(rec_source_open(&s, "concat:/etc/passwd"), -ENOENT);
    static const struct {
        const char *name;
        const char *data;
    } files[] = {
        {"empty.webm", ""},
        {"text.webm", "this is no film, but long enough to look at\n"},
        {"list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n/etc/passwd\n#EXT-X-ENDLIST\n"},
        {"concat.txt", "ffconcat version 1.0\nfile '/etc/passwd'\n"},
        {"head.webm", "\x1a\x45\xdf\xa3\x84head"},
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        FILE *f = fopen(in_dir(files[i].name), "w");
        fputs(files[i].data, f);
        fclose(f);
        const int err = rec_source_open(&s, in_dir(files[i].name));
        if (err != -EINVAL)
            fail_msg("%s: %d", files[i].name, err);
    }
    make("only.mkv", "-map 0 -c:v mpeg4");
    assert_int_equal(rec_source_open(&s, in_dir("only.mkv")), -EINVAL);
    make("sound.wav", "-map 1");
    assert_int_equal(rec_source_open(&s, in_dir("sound.wav")), -EINVAL);
    assert_null(s);
    rec_source_close(NULL);
}

static void one_kind_alone_is_enough(void **state)
{
    (void)state;
    make("sound.mkv", "-map 1 -c:a libopus");
    struct rec_source *s = NULL;
    assert_int_equal(rec_source_open(&s, in_dir("sound.mkv")), 0);
    assert_int_equal(rec_source_info(s)->video.codec, MCU_CODEC_NONE);
    const struct read r = read_all(s);
    assert_int_equal(r.end, 1);
    assert_int_equal(r.video, 0);
    assert_true(r.audio >= 100);
    rec_source_close(s);
}

static void spoiled_files_are_survived(void **state)
{
    (void)state;
    uint32_t random = 7;
    const char *names[] = {"vp8.webm", "h264.mp4"};
    make(names[0], rows[0].arguments);
    make(names[1], rows[3].arguments);
    for (int n = 0; n < 60; n++) {
        truncate_to(in_dir(names[n % 2]), in_dir("spoiled"), 100);
        const char *path = in_dir("spoiled");
        FILE *f = fopen(path, "r+b");
        const uint32_t range = n % 4 < 2 ? 2000 : (uint32_t)synth_file_size(path);
        for (int k = 0; k < 20; k++) {
            random = random * 1664525 + 1013904223;
            fseek(f, (long)((random >> 8) % range), SEEK_SET);
            fputc((int)(random >> 24), f);
        }
        fclose(f);
        struct rec_source *s = NULL;
        if (rec_source_open(&s, path) != 0)
            continue;
        struct mcu_packet *p = NULL;
        int packets = 0;
        int err = 0;
        while (packets < 100000 && (err = rec_source_read(s, &p)) == 0) {
            mcu_packet_unref(p);
            packets++;
        }
        if (err != 1 && err != -EBADMSG)
            fail_msg("%d: %d after %d packets", n, err, packets);
        rec_source_close(s);
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
    av_log_set_level(AV_LOG_QUIET);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_read_from_start_to_end),
        cmocka_unit_test(opus_preskip_is_before_zero),
        cmocka_unit_test(a_cut_file_is_read_up_to_the_break),
        cmocka_unit_test(what_is_no_source_is_refused),
        cmocka_unit_test(one_kind_alone_is_enough),
        cmocka_unit_test(spoiled_files_are_survived),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
