/* bench/audio_load: the participants of bench/audio-room, driven by lines on its standard input.
 *
 * A process of its own so that what it costs is not counted with anybody else. Answers each line
 * with one of JSON. What two of them hear is kept and, at the end, decoded and listened to: three
 * speakers, each with a pitch of his own, must be heard by who is silent, and the first speaker
 * must not hear himself.
 *
 * Usage: audio_load COUNT SRTP(0|1); lines: aim I HOST PORT, speak I, hush I (sends nothing),
 * start, reset, report, listen. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <opus/opus.h>

#include "bench/audio_room.h"
#include "mcu/base/clock.h"
#include "tests/lib/plain_load.h"

enum { FRAMES = 960, KEPT = 100, OPUS_BYTES_MAX = 1300, PITCHES = 3 };

/* The newest two seconds that somebody heard. */
struct ear {
    pthread_mutex_t lock;
    size_t count; /* all so far */
    size_t sizes[KEPT];
    uint8_t data[KEPT][OPUS_BYTES_MAX];
};

static struct ear of_speaker = {.lock = PTHREAD_MUTEX_INITIALIZER};
static struct ear of_silent = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void hear(void *ctx, const uint8_t *opus, size_t size)
{
    struct ear *e = ctx;
    if (size > OPUS_BYTES_MAX)
        return;
    pthread_mutex_lock(&e->lock);
    e->sizes[e->count % KEPT] = size;
    memcpy(e->data[e->count % KEPT], opus, size);
    e->count++;
    pthread_mutex_unlock(&e->lock);
}

/* --- listening --- */

static size_t decode(struct ear *e, float *pcm)
{
    int err;
    size_t n = 0;
    OpusDecoder *d = opus_decoder_create(48000, 1, &err);
    pthread_mutex_lock(&e->lock);
    for (size_t i = e->count > KEPT ? e->count - KEPT : 0; i < e->count; i++) {
        const opus_int32 size = (opus_int32)e->sizes[i % KEPT];
        if (opus_decode_float(d, e->data[i % KEPT], size, pcm + n, FRAMES, 0) == FRAMES)
            n += FRAMES;
    }
    pthread_mutex_unlock(&e->lock);
    opus_decoder_destroy(d);
    return n;
}

/* Level of one pitch in dB of full scale, with a Hann window. */
static double pitch_db(const float *pcm, size_t n, double hz)
{
    double re = 0, im = 0;
    for (size_t i = 0; i < n; i++) {
        const double v = pcm[i] * (0.5 - 0.5 * cos(2 * M_PI * (double)i / (double)n));
        re += v * cos(2 * M_PI * hz * (double)i / 48000);
        im += v * sin(2 * M_PI * hz * (double)i / 48000);
    }
    return 20 * log10(4 * hypot(re, im) / (double)(n ? n : 1) + 1e-9);
}

static void print_pitches(const char *name, struct ear *e)
{
    static float pcm[KEPT * FRAMES];
    const size_t n = decode(e, pcm);
    printf("\"%s\":[", name);
    for (size_t i = 0; i < PITCHES; i++)
        printf("%s%.1f", i ? "," : "", pitch_db(pcm, n, plain_load_pitch_hz(i)));
    printf("]");
}

/* --- the lines --- */

static void print_participants(struct plain_load *l, size_t count)
{
    char host[PLAIN_LOAD_HOST_BYTES];
    uint8_t keys[2][PLAIN_LOAD_KEY_BYTES];
    uint16_t port;
    printf("{\"participants\":[");
    for (size_t i = 0; i < count; i++) {
        plain_load_address(l, i, host, &port);
        plain_load_keys(l, i, keys[0], keys[1]);
        printf("%s{\"host\":\"%s\",\"port\":%u,\"keys\":[", i ? "," : "", host, port);
        for (int k = 0; k < 2; k++) {
            printf("%s\"", k ? "," : "");
            for (size_t b = 0; b < PLAIN_LOAD_KEY_BYTES; b++)
                printf("%02x", keys[k][b]);
            printf("\"");
        }
        printf("]}");
    }
    printf("]}\n");
}

static void report(struct plain_load *l)
{
    struct plain_load_stats s;
    plain_load_total(l, &s);
    printf("{\"sent\":%llu,\"received\":%llu,\"lost\":%llu,\"bad\":%llu,\"silent\":%llu,"
           "\"sendErrors\":%llu,\"largestGapUs\":%lld,\"lateUs\":%lld,\"cpuUs\":%lld}\n",
           (unsigned long long)s.sent, (unsigned long long)s.received, (unsigned long long)s.lost,
           (unsigned long long)s.bad, (unsigned long long)s.silent,
           (unsigned long long)s.send_errors, (long long)s.largest_gap_us, (long long)s.late_us,
           (long long)mcu_cpu_us());
}

static void listen(void)
{
    printf("{");
    print_pitches("speaker", &of_speaker);
    printf(",");
    print_pitches("silent", &of_silent);
    printf("}\n");
}

static void obey(struct plain_load *l, size_t count, const char *line)
{
    char word[16] = "", host[64] = "";
    size_t i = 0;
    unsigned port = 0;
    int err = 0;
    const int words = sscanf(line, "%15s %zu %63s %u", word, &i, host, &port);
    if (words < 1 || i >= count)
        err = 1;
    else if (strcmp(word, "report") == 0)
        report(l);
    else if (strcmp(word, "listen") == 0)
        listen();
    else if (strcmp(word, "aim") == 0)
        err = plain_load_aim(l, i, host, (uint16_t)port);
    else if (strcmp(word, "hush") == 0)
        err = plain_load_aim(l, i, NULL, 0);
    else if (strcmp(word, "speak") == 0)
        plain_load_speak(l, i, true);
    else if (strcmp(word, "start") == 0)
        err = plain_load_start(l);
    else if (strcmp(word, "reset") == 0)
        plain_load_reset(l);
    else
        err = 1;
    if (err)
        printf("{\"error\":%d}\n", err);
    else if (strcmp(word, "report") != 0 && strcmp(word, "listen") != 0)
        printf("{}\n");
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    const size_t count = strtoul(argv[1], NULL, 10);
    const struct plain_load_conf conf = {
        .count = count, .audio_level_ext = AUDIO_ROOM_LEVEL_EXT, .is_srtp = atoi(argv[2]) != 0};
    struct plain_load *l;
    char line[256];
    if (count <= PITCHES || plain_load_create(&l, &conf) ||
        plain_load_tap(l, 0, hear, &of_speaker) || plain_load_tap(l, count - 1, hear, &of_silent)) {
        fprintf(stderr, "audio_load: cannot make %zu participants\n", count);
        return 1;
    }
    print_participants(l, count);
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin)) {
        obey(l, count, line);
        fflush(stdout);
    }
    plain_load_destroy(l);
    return 0;
}
