/* Sound files: what is taken, what is refused, and the sounds that are built in. */
#include "pcm.h"
#include "wav.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libavutil/log.h>

#include "mixer/clip.h"

static float out[PCM_RATE_HZ * 40];

/* A second of a tone, left at a half, right at a quarter. */
static struct wav tone(uint32_t channels, uint32_t rate_hz)
{
    int16_t *pcm = calloc(rate_hz, channels * sizeof(*pcm));
    assert_non_null(pcm);
    for (uint32_t i = 0; i < rate_hz; i++) {
        const double s = sin(2 * M_PI * 440 * i / rate_hz);
        for (uint32_t c = 0; c < channels; c++)
            pcm[i * channels + c] = (int16_t)lrint((c ? 8192 : 16384) * s);
    }
    const struct wav w = wav_make(pcm, rate_hz, channels, rate_hz);
    free(pcm);
    return w;
}

static void a_wav_at_48_khz_comes_back_bit_by_bit(void **state)
{
    (void)state;
    for (uint32_t channels = 1; channels <= 2; channels++) {
        const struct wav w = tone(channels, 48000);
        struct mix_clip *clip;
        assert_int_equal(mix_clip_load(&clip, NULL, w.data, w.size, channels), 0);
        assert_int_equal(mix_clip_frames(clip), 48000);
        assert_int_equal(mix_clip_channels(clip), channels);
        assert_int_equal(mix_clip_read(clip, 0, out, 48000), 48000);
        for (size_t i = 0; i < 48000 * channels; i++) {
            const int16_t was = (int16_t)(w.data[44 + 2 * i] | w.data[45 + 2 * i] << 8);
            assert_true(out[i] == (float)was / 32768);
        }
        mix_clip_unref(clip);
        free(w.data);
    }
}

static void channels_and_rates_are_converted(void **state)
{
    (void)state;
    static const uint32_t rates[] = {8000, 16000, 22050, 44100, 96000};
    for (size_t r = 0; r < sizeof(rates) / sizeof(rates[0]); r++) {
        for (uint32_t from = 1; from <= 2; from++) {
            for (uint32_t to = 1; to <= 2; to++) {
                const struct wav w = tone(from, rates[r]);
                struct mix_clip *clip;
                assert_int_equal(mix_clip_load(&clip, NULL, w.data, w.size, to), 0);
                const size_t n = mix_clip_frames(clip);
                assert_true(n > 47900 && n < 48100);
                mix_clip_read(clip, 0, out, n);
                double level[2] = {0, 0};
                for (size_t i = 0; i < n * to; i++)
                    level[i % to] += (double)out[i] * out[i];
                /* Down to mono is the mean of both, up to stereo the same on both sides. */
                const double left = from == 2 && to == 1 ? 0.375 : 0.5;
                const double right = from == 2 ? 0.25 : 0.5;
                assert_true(fabs(sqrt(2 * level[0] / (double)n) - left) < 0.01);
                assert_true(to == 1 || fabs(sqrt(2 * level[1] / (double)n) - right) < 0.01);
                mix_clip_unref(clip);
                free(w.data);
            }
        }
    }
}

static void reading_past_the_end_is_silence(void **state)
{
    (void)state;
    const struct wav w = tone(2, 48000);
    struct mix_clip *clip;
    assert_int_equal(mix_clip_load(&clip, NULL, w.data, w.size, 2), 0);
    free(w.data);
    for (size_t i = 0; i < 200; i++)
        out[i] = 7;
    assert_int_equal(mix_clip_read(clip, 47950, out, 100), 50);
    assert_true(pcm_peak(out, 100) > 0.1 && pcm_peak(out + 100, 100) == 0);
    assert_int_equal(mix_clip_read(clip, 48000, out, 100), 0);
    assert_int_equal(mix_clip_read(clip, SIZE_MAX, out, 100), 0);
    assert_true(pcm_peak(out, 200) == 0);
    struct mix_clip *same = mix_clip_ref(clip);
    mix_clip_unref(clip);
    assert_int_equal(mix_clip_read(same, 0, out, 100), 100);
    mix_clip_unref(same);
    mix_clip_unref(NULL);
}

/* Two seconds of a tone by the ffmpeg program, in each kind that the header promises. */
static void every_promised_kind_of_file_is_taken(void **state)
{
    (void)state;
    static const char *const kinds[] = {
        "-c:a pcm_s24le wav", "-c:a libvorbis ogg", "-c:a libopus opus", "-c:a libmp3lame mp3",
        "-c:a aac m4a",       "-c:a flac flac",     "-c:a libopus webm", "-c:a pcm_mulaw wav",
    };
    char folder[] = "/tmp/mixdown-clip-XXXXXX";
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        char path[64], command[256], options[32];
        const char *ending = strrchr(kinds[i], ' ') + 1;
        snprintf(options, sizeof(options), "%.*s", (int)(ending - kinds[i]), kinds[i]);
        snprintf(path, sizeof(path), "%s/%zu.%s", folder, i, ending);
        snprintf(command, sizeof(command),
                 "ffmpeg -v error -nostdin -f lavfi -i sine=440:duration=2 -ar 48000 %s %s",
                 options, path);
        assert_int_equal(system(command), 0);
        struct mix_clip *clip;
        assert_int_equal(mix_clip_load(&clip, path, NULL, 0, 1), 0);
        assert_true(mix_clip_frames(clip) > 95000 && mix_clip_frames(clip) < 99000);
        mix_clip_read(clip, 24000, out, 48000);
        assert_true(fabs(pcm_db(pcm_rms(out, 48000) / (0.125 / M_SQRT2))) < 1);
        mix_clip_unref(clip);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(folder), 0);
}

static int load_text(const char *text)
{
    struct mix_clip *clip = NULL;
    const int err = mix_clip_load(&clip, NULL, text, strlen(text), 1);
    assert_true(err < 0 && !clip);
    return err;
}

static void what_is_no_sound_is_refused(void **state)
{
    (void)state;
    struct mix_clip *clip = NULL;
    assert_int_equal(load_text(""), -EBADMSG);
    assert_int_equal(load_text("Not a sound at all, only words.\n"), -EBADMSG);
    assert_int_equal(load_text("RIFF\xff\xff\xff\xffWAVE"), -EBADMSG);
    assert_int_equal(mix_clip_load(&clip, NULL, "x", 1, 0), -EINVAL);
    assert_int_equal(mix_clip_load(&clip, NULL, "x", 1, 3), -EINVAL);
    assert_int_equal(mix_clip_load(&clip, NULL, NULL, 1, 1), -EINVAL);
    assert_null(clip);
}

/* Playlists name other files; each of these would play a good one. */
static void playlists_are_refused(void **state)
{
    (void)state;
    char folder[] = "/tmp/mixdown-clip-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char path[64], text[512];
    snprintf(path, sizeof(path), "%s/good.wav", folder);
    const struct wav w = tone(1, 48000);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(w.data, 1, w.size, f), w.size);
    assert_int_equal(fclose(f), 0);
    free(w.data);
    struct mix_clip *clip;
    assert_int_equal(mix_clip_load(&clip, path, NULL, 0, 1), 0);
    mix_clip_unref(clip);

    snprintf(text, sizeof(text), "ffconcat version 1.0\nfile %s\n", path);
    assert_int_equal(load_text(text), -EBADMSG);
    snprintf(text, sizeof(text),
             "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://%s\n"
             "#EXT-X-ENDLIST\n",
             path);
    assert_int_equal(load_text(text), -EBADMSG);
    snprintf(text, sizeof(text),
             "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
             "m=audio 5004 RTP/AVP 0\n");
    assert_int_equal(load_text(text), -EBADMSG);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void only_regular_files_are_opened(void **state)
{
    (void)state;
    char folder[] = "/tmp/mixdown-clip-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char path[64];
    struct mix_clip *clip = NULL;
    snprintf(path, sizeof(path), "%s/fifo", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(mix_clip_load(&clip, path, NULL, 0, 1), -EBADMSG); /* and does not wait */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mix_clip_load(&clip, path, NULL, 0, 1), -ENOENT);
    assert_int_equal(mix_clip_load(&clip, folder, NULL, 0, 1), -EBADMSG);
    assert_int_equal(mix_clip_load(&clip, "/dev/zero", NULL, 0, 1), -EBADMSG);
    assert_int_equal(mix_clip_load(&clip, "http://127.0.0.1:9/a.wav", NULL, 0, 1), -ENOENT);
    assert_null(clip);
    assert_int_equal(rmdir(folder), 0);
}

static int load_silence(size_t frames, uint32_t rate_hz)
{
    int16_t *pcm = calloc(frames, sizeof(*pcm));
    assert_non_null(pcm);
    const struct wav w = wav_make(pcm, frames, 1, rate_hz);
    struct mix_clip *clip = NULL;
    const int err = mix_clip_load(&clip, NULL, w.data, w.size, 1);
    mix_clip_unref(clip);
    free(w.data);
    free(pcm);
    return err;
}

static void length_and_rate_are_bounded(void **state)
{
    (void)state;
    assert_int_equal(load_silence(MIX_CLIP_SECONDS_MAX * 8000 - 8000, 8000), 0);
    assert_int_equal(load_silence(MIX_CLIP_SECONDS_MAX * 8000 + 8000, 8000), -EFBIG);
    assert_int_equal(load_silence(1000, 1), -EFBIG);
    assert_int_equal(load_silence(100, 1), -EBADMSG);
    assert_int_equal(load_silence(1000, 3999), -EBADMSG);
    assert_int_equal(load_silence(1000, 2000000000), -EBADMSG);
}

/* A FLAC file that claims to be a second long is bounded by what is really in it. */
static void a_length_that_lies_is_not_believed(void **state)
{
    (void)state;
    static uint8_t data[1 << 20];
    FILE *f = popen("ffmpeg -v error -nostdin -f lavfi -i anullsrc=r=8000:cl=mono -t 610 "
                    "-c:a flac -f flac -",
                    "r");
    assert_non_null(f);
    const size_t size = fread(data, 1, sizeof(data), f);
    assert_int_equal(pclose(f), 0);
    assert_true(size > 1000 && size < sizeof(data));
    data[21] &= 0xf0; /* 36 bits of STREAMINFO: the number of samples */
    const uint8_t one_second[] = {0, 0, 8000 >> 8, 8000 & 0xff};
    memcpy(data + 22, one_second, 4);
    struct mix_clip *clip = NULL;
    assert_int_equal(mix_clip_load(&clip, NULL, data, size, 1), -EFBIG);
    assert_null(clip);
}

static void built_in_sounds_are_short_and_not_clipped(void **state)
{
    (void)state;
    size_t count = 0;
    char name[64];
    bool has_join = false, has_leave = false, has_hold = false, has_english = false,
         has_chinese = false;
    for (; mix_clip_builtin_name(count, name, sizeof(name)) > 0; count++) {
        has_join |= strcmp(name, "join") == 0;
        has_leave |= strcmp(name, "leave") == 0;
        has_hold |= strcmp(name, "hold") == 0;
        has_english |= strcmp(name, "recording-en") == 0;
        has_chinese |= strcmp(name, "recording-zh") == 0;
        for (uint32_t channels = 1; channels <= 2; channels++) {
            struct mix_clip *clip;
            assert_int_equal(mix_clip_builtin(&clip, name, channels), 0);
            const size_t n = mix_clip_frames(clip);
            assert_in_range(n, PCM_RATE_HZ / 5, PCM_RATE_HZ * 20);
            mix_clip_read(clip, 0, out, n);
            const double peak = pcm_peak(out, n * channels);
            assert_true(peak < 0.9 && peak > 0.1);
            assert_true(pcm_db(pcm_rms(out, n * channels)) > -36);
            mix_clip_unref(clip);
        }
    }
    assert_true(count >= 5 && has_join && has_leave && has_hold && has_english && has_chinese);
    assert_int_equal(mix_clip_builtin_name(count, name, sizeof(name)), 0);
    assert_string_equal(name, "");
    assert_int_equal(mix_clip_builtin_name(0, name, 2), 0);
    struct mix_clip *clip;
    assert_int_equal(mix_clip_builtin(&clip, "nothing", 1), -ENOENT);
    assert_int_equal(mix_clip_builtin(&clip, "", 1), -ENOENT);
    assert_int_equal(mix_clip_builtin(&clip, "../sounds/join", 1), -ENOENT);
}

/* The end of the hold music runs into its beginning without a step. */
static void hold_music_closes_up(void **state)
{
    (void)state;
    struct mix_clip *clip;
    assert_int_equal(mix_clip_builtin(&clip, "hold", 1), 0);
    const size_t n = mix_clip_frames(clip);
    assert_int_equal(n, 16 * PCM_RATE_HZ);
    mix_clip_read(clip, 0, out, n);
    assert_true(fabs((double)out[0] - out[n - 1]) <= pcm_step(out, n, 1));
    mix_clip_unref(clip);
}

int main(void)
{
    av_log_set_level(AV_LOG_QUIET);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wav_at_48_khz_comes_back_bit_by_bit),
        cmocka_unit_test(channels_and_rates_are_converted),
        cmocka_unit_test(reading_past_the_end_is_silence),
        cmocka_unit_test(every_promised_kind_of_file_is_taken),
        cmocka_unit_test(what_is_no_sound_is_refused),
        cmocka_unit_test(playlists_are_refused),
        cmocka_unit_test(only_regular_files_are_opened),
        cmocka_unit_test(length_and_rate_are_bounded),
        cmocka_unit_test(a_length_that_lies_is_not_believed),
        cmocka_unit_test(built_in_sounds_are_short_and_not_clipped),
        cmocka_unit_test(hold_music_closes_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
