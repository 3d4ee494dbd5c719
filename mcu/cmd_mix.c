/* `mixdown mix`: words to an offline room, its problems to standard error, its figures to a file. */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "mcu/commands.h"
#include "mcu/layout_file.h"
#include "mcu/offline.h"
#include "mcu/progress.h"

static const char usage[] =
    "usage: mixdown mix INPUT[@+SECONDS]... -o OUT.mp4 [OPTIONS]\n"
    "\n"
    "Mixes files (WebM, MKV, MP4) into one picture and one sound, as a room would.\n"
    "An INPUT joins at its @+SECONDS, else at the start.\n"
    "\n"
    "  -o, --output FILE          the MP4 to make (H264 and AAC); must not exist\n"
    "      --layout NAME|FILE     built-in layout or layout file (grid)\n"
    "      --size WxH             of the picture (1280x720)\n"
    "      --fps N                pictures a second, 1 to 60 (30)\n"
    "      --video-bitrate RATE   such as 1500k or 2M (1500k)\n"
    "      --audio-bitrate RATE   (128k)\n"
    "      --preset NAME          of x264: ultrafast ... veryslow (veryfast)\n"
    "      --threads N            encoder threads, 0 to 16; 0: as x264 likes (0)\n"
    "      --label TEXT           a name on the tile of the first INPUT; once more for the next\n"
    "      --config FILE          settings; what is under audio counts here, as in a room\n"
    "      --realtime             no faster than real time\n"
    "      --stats FILE.json      figures about the run\n"
    "\n"
    "Exit status: 0 all is in the mix; 1 something is missing from it (an input that is absent, cut\n"
    "off, broken or without video is named, and the mix goes on without it) or no file could be\n"
    "made; 2 the words are wrong. A picture that changes size is named too, and is no failure.\n";

enum { LABEL_BYTES_MAX = 256 };

struct mix_run {
    struct mcu_offline_conf conf;
    struct mcu_offline_result result;
    struct mcu_progress progress;
    char out[PATH_MAX];
    const char *layout;
    const char *stats;
    const char *settings; /* a YAML file */
    const char *labels[MCU_OFFLINE_INPUTS_MAX];
    size_t label_count;
    struct mcu_config config;
};

static int bad_words(const char *what, const char *word, const char *hint)
{
    fprintf(stderr, "mixdown mix: %s '%s': %s\n", what, word, hint);
    return 2;
}

/* Cuts "@+SECONDS" off the end of a word. */
static int take_start(char *word, int64_t *start_us)
{
    *start_us = 0;
    char *at = strrchr(word, '@');
    if (!at || at[1] != '+')
        return 0;
    char *end = NULL;
    const double seconds = strtod(at + 2, &end);
    if (end == at + 2 || *end || !isfinite(seconds) || seconds < 0 || seconds > 86400)
        return -EINVAL;
    *start_us = (int64_t)(seconds * (double)MCU_US_PER_S);
    *at = '\0';
    return 0;
}

static int parse_size(const char *word, uint32_t *width, uint32_t *height)
{
    char tail = 0;
    if (!isdigit((unsigned char)word[0]) ||
        sscanf(word, "%5" SCNu32 "x%5" SCNu32 "%c", width, height, &tail) != 2)
        return -EINVAL;
    const bool fits = *width >= 64 && *width <= 4096 && *height >= 64 && *height <= 4096;
    return fits && *width % 2 == 0 && *height % 2 == 0 ? 0 : -EINVAL;
}

static int parse_rate(const char *word, double min, double max, uint32_t *bps)
{
    char *end = NULL;
    double value = strtod(word, &end);
    if (end == word || !isdigit((unsigned char)word[0]))
        return -EINVAL;
    if (*end == 'k' || *end == 'K') {
        value *= 1e3;
        end++;
    } else if (*end == 'M') {
        value *= 1e6;
        end++;
    }
    if (*end || !(value >= min && value <= max))
        return -EINVAL;
    *bps = (uint32_t)value;
    return 0;
}

static int parse_number(const char *word, unsigned long min, unsigned long max, uint32_t *out)
{
    char *end = NULL;
    const unsigned long value = strtoul(word, &end, 10);
    if (!isdigit((unsigned char)word[0]) || *end || value < min || value > max)
        return -EINVAL;
    *out = (uint32_t)value;
    return 0;
}

static int parse_preset(const char *word)
{
    static const char *const names[] = {"ultrafast", "superfast", "veryfast", "faster", "fast",
                                        "medium",    "slow",      "slower",   "veryslow"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], word) == 0)
            return 0;
    }
    return -EINVAL;
}

enum option_id { OPT_LAYOUT = 256, OPT_SIZE, OPT_FPS, OPT_VIDEO, OPT_AUDIO, OPT_PRESET, OPT_THREADS,
                 OPT_REALTIME, OPT_STATS, OPT_CONFIG, OPT_LABEL, OPT_HELP };

static const struct option options[] = {
    {"output", required_argument, NULL, 'o'},
    {"layout", required_argument, NULL, OPT_LAYOUT},
    {"size", required_argument, NULL, OPT_SIZE},
    {"fps", required_argument, NULL, OPT_FPS},
    {"video-bitrate", required_argument, NULL, OPT_VIDEO},
    {"audio-bitrate", required_argument, NULL, OPT_AUDIO},
    {"preset", required_argument, NULL, OPT_PRESET},
    {"threads", required_argument, NULL, OPT_THREADS},
    {"realtime", no_argument, NULL, OPT_REALTIME},
    {"stats", required_argument, NULL, OPT_STATS},
    {"config", required_argument, NULL, OPT_CONFIG},
    {"label", required_argument, NULL, OPT_LABEL},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

/* Returns 0, or the exit status with the reason printed; -1: help was printed. */
static int take_option(struct mix_run *run, int option, const char *value)
{
    struct mcu_offline_conf *c = &run->conf;
    switch (option) {
    case 'o':
        c->out = value;
        return 0;
    case OPT_LAYOUT:
        run->layout = value;
        return 0;
    case OPT_SIZE:
        return parse_size(value, &c->width, &c->height)
                   ? bad_words("--size", value, "wants WxH, both even, 64 to 4096")
                   : 0;
    case OPT_FPS:
        return parse_number(value, 1, 60, &c->fps) ? bad_words("--fps", value, "wants 1 to 60") : 0;
    case OPT_VIDEO:
        return parse_rate(value, 1e4, 1e8, &c->video_bitrate_bps)
                   ? bad_words("--video-bitrate", value, "wants 10k to 100M")
                   : 0;
    case OPT_AUDIO:
        return parse_rate(value, 16e3, 512e3, &c->audio_bitrate_bps)
                   ? bad_words("--audio-bitrate", value, "wants 16k to 512k")
                   : 0;
    case OPT_PRESET:
        c->preset = value;
        return parse_preset(value) ? bad_words("--preset", value, "wants one of x264's, such as "
                                                                  "veryfast")
                                   : 0;
    case OPT_THREADS:
        return parse_number(value, 0, 16, &c->encoder_threads)
                   ? bad_words("--threads", value, "wants 0 to 16")
                   : 0;
    case OPT_REALTIME:
        c->is_realtime = true;
        return 0;
    case OPT_STATS:
        run->stats = value;
        return 0;
    case OPT_CONFIG:
        run->settings = value;
        return 0;
    case OPT_LABEL:
        if (run->label_count == MCU_OFFLINE_INPUTS_MAX || strlen(value) > LABEL_BYTES_MAX)
            return bad_words("--label", value, "wants at most 256 bytes, and one for each INPUT");
        run->labels[run->label_count++] = value;
        return 0;
    case OPT_HELP:
        fputs(usage, stdout);
        return -1;
    default:
        fputs("mixdown mix: `mixdown mix --help` lists the options\n", stderr);
        return 2;
    }
}

static int take_input(struct mix_run *run, char *word)
{
    struct mcu_offline_conf *c = &run->conf;
    if (c->input_count == MCU_OFFLINE_INPUTS_MAX)
        return bad_words("input", word, "at most 100 inputs can be mixed");
    struct mcu_offline_input *in = &c->inputs[c->input_count];
    if (take_start(word, &in->start_us) < 0)
        return bad_words("input", word, "after @+ wants seconds, such as @+2.5, at most 86400");
    in->path = word;
    c->input_count++;
    return 0;
}

/* The recorder wants a path that stays right whatever the working directory becomes. */
static int make_absolute(struct mix_run *run)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof(folder), "%s", run->conf.out);
    char *slash = strrchr(folder, '/');
    const char *name = slash ? run->conf.out + (slash + 1 - folder) : run->conf.out;
    if (slash)
        slash[slash == folder] = '\0'; /* "/" keeps its slash */
    char real[PATH_MAX];
    if (!*name)
        return bad_words("output", run->conf.out, "is a folder; wants a file name");
    if (!realpath(slash ? folder : ".", real))
        return bad_words("output", run->conf.out, "its folder does not exist");
    const int length = snprintf(run->out, sizeof(run->out), "%s/%s", real, name);
    if (length >= (int)sizeof(run->out))
        return bad_words("output", run->conf.out, "is too long a path");
    run->conf.out = run->out;
    return 0;
}

static int parse_words(struct mix_run *run, int argc, char **argv)
{
    optind = 0;
    for (int option; (option = getopt_long(argc, argv, "o:", options, NULL)) != -1;) {
        const int status = take_option(run, option, optarg);
        if (status)
            return status;
    }
    for (int i = optind; i < argc; i++) {
        const int status = take_input(run, argv[i]);
        if (status)
            return status;
    }
    if (!run->conf.input_count || !run->conf.out) {
        fputs("mixdown mix: wants at least one INPUT and -o OUT.mp4; see `mixdown mix --help`\n",
              stderr);
        return 2;
    }
    if (run->label_count > run->conf.input_count)
        return bad_words("--label", run->labels[run->conf.input_count],
                         "there are more labels than inputs");
    for (size_t i = 0; i < run->label_count; i++)
        run->conf.inputs[i].label = run->labels[i];
    if (access(run->conf.out, F_OK) == 0)
        return bad_words("output", run->conf.out, "exists already; remove it or take another name");
    return make_absolute(run);
}

/* Environment variables count as in a room; so a test can say MIXDOWN_AUDIO_SPEAKERS=20. */
static int load_settings(struct mix_run *run)
{
    char error[MCU_CONFIG_ERROR_MAX];
    mcu_config_init(&run->config);
    if (mcu_config_load(&run->config, run->settings, error) == 0)
        return 0;
    fprintf(stderr, "mixdown mix: %s\n", error);
    return 2;
}

static void on_progress(void *ctx, int64_t done_us, int64_t total_us)
{
    struct mix_run *run = ctx;
    mcu_progress_draw(&run->progress, done_us, total_us);
}

static void on_problem(void *ctx, const char *path, const char *what)
{
    struct mix_run *run = ctx;
    mcu_progress_clear(&run->progress);
    fprintf(stderr, "mixdown mix: %s %s\n", path, what);
}

static json_t *input_figures(const struct mix_run *run, size_t i)
{
    const struct mcu_offline_input_result *r = &run->result.inputs[i];
    return json_pack("{s:s,s:b,s:b,s:{s:I,s:I,s:I,s:I},s:{s:I,s:I,s:I,s:I,s:i,s:i}}", "path",
                     run->conf.inputs[i].path, "mixed", r->was_mixed, "complete", r->is_complete,
                     "audio", "packets", (json_int_t)r->audio.packets, "frames",
                     (json_int_t)r->audio.frames, "concealed", (json_int_t)r->audio.concealed,
                     "late", (json_int_t)r->audio.late, "video", "packets",
                     (json_int_t)r->video.packets, "decoded", (json_int_t)r->video.decoded, "shown",
                     (json_int_t)r->video.shown, "undecodable", (json_int_t)r->video.undecodable,
                     "width", (int)r->video.width, "height", (int)r->video.height);
}

static int write_stats(const struct mix_run *run, int64_t elapsed_us)
{
    const struct mcu_offline_result *r = &run->result;
    json_t *inputs = json_array();
    for (size_t i = 0; i < run->conf.input_count; i++)
        json_array_append_new(inputs, input_figures(run, i));
    json_t *figures = json_pack(
        "{s:s,s:I,s:I,s:f,s:f,s:I,s:{s:I,s:I,s:I,s:I},s:{s:I,s:I},s:o}", "output", run->conf.out,
        "duration_ms", (json_int_t)r->file.duration_ms, "bytes", (json_int_t)r->file.bytes,
        "elapsed_s", (double)elapsed_us / 1e6, "cpu_s", (double)mcu_cpu_us() / 1e6, "problems",
        (json_int_t)r->problems, "video", "ticks", (json_int_t)r->comp.ticks, "composed",
        (json_int_t)r->comp.composed, "tiles_drawn", (json_int_t)r->comp.tiles_drawn, "encoded",
        (json_int_t)r->comp.encoded, "audio", "ticks", (json_int_t)r->mix.ticks, "frames",
        (json_int_t)r->file.audio_frames, "inputs", inputs);
    const int err = json_dump_file(figures, run->stats, JSON_INDENT(2));
    json_decref(figures);
    if (err)
        fprintf(stderr, "mixdown mix: cannot write %s: %s\n", run->stats, strerror(errno));
    return err;
}

static int mix(struct mix_run *run)
{
    mcu_progress_init(&run->progress);
    const int64_t before_us = mcu_now_us();
    const int err = mcu_offline_run(&run->conf, &run->result);
    mcu_progress_clear(&run->progress);
    if (err) {
        fprintf(stderr, "mixdown mix: %s: %s\n", run->conf.out,
                err == -ENODATA ? "no input could be used, so nothing was made" : strerror(-err));
        return 1;
    }
    const int64_t elapsed_us = mcu_now_us() - before_us;
    if (run->stats && write_stats(run, elapsed_us) < 0)
        return 1;
    if (run->progress.is_shown)
        fprintf(stderr, "%s: %.1f s of media in %.1f s, %.1f MB\n", run->conf.out,
                (double)run->result.file.duration_ms / 1e3, (double)elapsed_us / 1e6,
                (double)run->result.file.bytes / 1e6);
    return run->result.problems ? 1 : 0;
}

int mcu_cmd_mix(int argc, char **argv)
{
    struct mix_run *run = calloc(1, sizeof(*run));
    if (!run)
        return 1;
    run->layout = "grid";
    run->conf.width = 1280;
    run->conf.height = 720;
    run->conf.fps = 30;
    run->conf.video_bitrate_bps = 1500000;
    run->conf.audio_bitrate_bps = 128000;
    run->conf.preset = "veryfast";
    run->conf.ctx = run;
    run->conf.on_progress = on_progress;
    run->conf.on_problem = on_problem;
    mcu_log_set_level(MCU_LOG_ERROR);

    struct layout *layout = NULL;
    run->conf.config = &run->config;
    int status = parse_words(run, argc, argv);
    if (!status)
        status = load_settings(run);
    if (!status)
        status = mcu_layout_load(&layout, run->layout);
    if (!status) {
        run->conf.layout = layout;
        status = mix(run);
    }
    layout_destroy(layout);
    free(run);
    return status < 0 ? 0 : status;
}
