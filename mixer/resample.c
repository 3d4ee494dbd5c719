/* Resampling at ratios very near to 1. libsamplerate (105 us a tick of 20 ms, SRC_SINC_FASTEST) and
 * SpeexDSP (60 us, quality 3) are made for any ratio; a filter that needs no cut-off to follow the
 * ratio takes 14. [tick], and the table is made once on [ctl]. */
#include "mixer/resample.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "mixer/lazy.h"

enum {
    TAPS = MIX_RESAMPLE_PAST + 1 + MIX_RESAMPLE_AHEAD,
    PHASES = 256,
    LANES = 4,
    PLANE = MIX_RESAMPLE_FRAMES_MAX + 2 * TAPS,
};

typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));

static const double cutoff = 0.95; /* of half the rate */
static const double kaiser_beta = 8.0;

/* Row p holds the taps for a frame p / PHASES after an input frame. */
static lanes table[PHASES + 1][TAPS / LANES];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static double bessel_i0(double x)
{
    double sum = 1;
    double term = 1;
    for (int k = 1; k < 40; k++) {
        term *= x / (2 * k) * (x / (2 * k));
        sum += term;
    }
    return sum;
}

static double windowed_sinc(double t)
{
    const double half = TAPS / 2.0;
    if (fabs(t) >= half)
        return 0;
    const double window = bessel_i0(kaiser_beta * sqrt(1 - t * t / (half * half)));
    const double x = M_PI * t * cutoff;
    return window * (fabs(x) < 1e-9 ? 1 : sin(x) / x);
}

/* Each row sums to 1, so that nothing is modulated by the phase. */
static void make_table(void)
{
    for (int p = 0; p <= PHASES; p++) {
        double row[TAPS];
        double sum = 0;
        for (int j = 0; j < TAPS; j++) {
            row[j] = windowed_sinc(j - MIX_RESAMPLE_PAST - (double)p / PHASES);
            sum += row[j];
        }
        for (int j = 0; j < TAPS; j++)
            table[p][j / LANES][j % LANES] = (float)(row[j] / sum);
    }
}

static size_t plane_bytes(const struct mix_resample *r)
{
    return PLANE * r->channels * sizeof(float);
}

static size_t interleaved_bytes(const struct mix_resample *r)
{
    return MIX_RESAMPLE_FRAMES_MAX * r->channels * sizeof(float);
}

int mix_resample_init(struct mix_resample *r, size_t channels)
{
    pthread_once(&table_once, make_table);
    *r = (struct mix_resample){.channels = channels};
    r->planes = mix_lazy_alloc(plane_bytes(r));
    r->interleaved = mix_lazy_alloc(interleaved_bytes(r));
    return r->planes && r->interleaved ? 0 : -ENOMEM;
}

void mix_resample_finish(struct mix_resample *r)
{
    mix_lazy_free(r->planes, plane_bytes(r));
    mix_lazy_free(r->interleaved, interleaved_bytes(r));
    *r = (struct mix_resample){0};
}

/* Appends to the planes. */
static void append(struct mix_resample *r, const float *interleaved, size_t frames)
{
    for (size_t c = 0; c < r->channels; c++) {
        float *to = r->planes + c * PLANE + r->length;
        for (size_t i = 0; i < frames; i++)
            to[i] = interleaved[i * r->channels + c];
    }
    r->length += frames;
}

void mix_resample_begin(struct mix_resample *r, const float *past)
{
    r->length = 0;
    r->at = MIX_RESAMPLE_PAST;
    if (past) {
        append(r, past, MIX_RESAMPLE_PAST);
        return;
    }
    for (size_t c = 0; c < r->channels; c++)
        memset(r->planes + c * PLANE, 0, MIX_RESAMPLE_PAST * sizeof(float));
    r->length = MIX_RESAMPLE_PAST;
}

float *mix_resample_space(struct mix_resample *r)
{
    return r->interleaved;
}

static float dot(const lanes *taps, const float *x)
{
    lanes sum = {0};
    for (int j = 0; j < TAPS / LANES; j++) {
        lanes value;
        memcpy(&value, x + j * LANES, sizeof(value));
        sum += taps[j] * value;
    }
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* One frame; `first` is the first input frame under the filter. */
static void filter(const struct mix_resample *r, size_t first, float fraction, float *out)
{
    const float place = fraction * PHASES;
    const int row = (int)place;
    const float part = place - (float)row;
    lanes taps[TAPS / LANES];
    for (int j = 0; j < TAPS / LANES; j++)
        taps[j] = table[row][j] + part * (table[row + 1][j] - table[row][j]);
    for (size_t c = 0; c < r->channels; c++)
        out[c] = dot(taps, r->planes + c * PLANE + first);
}

/* Lets go of what no later frame needs. */
static void forget(struct mix_resample *r)
{
    const size_t first = (size_t)r->at - MIX_RESAMPLE_PAST;
    for (size_t c = 0; c < r->channels; c++)
        memmove(r->planes + c * PLANE, r->planes + c * PLANE + first,
                (r->length - first) * sizeof(float));
    r->length -= first;
    r->at -= (double)first;
}

size_t mix_resample_run(struct mix_resample *r, size_t frames, double ratio, float *out)
{
    const double step = 1.0 / ratio;
    append(r, r->interleaved, frames);
    size_t made = 0;
    while ((size_t)r->at + MIX_RESAMPLE_AHEAD < r->length) {
        const size_t whole = (size_t)r->at;
        const float fraction = (float)(r->at - (double)whole);
        if (fraction < 1.0f) /* rounding may have made it 1 */
            filter(r, whole - MIX_RESAMPLE_PAST, fraction, out + made * r->channels);
        else
            filter(r, whole - MIX_RESAMPLE_PAST + 1, 0.0f, out + made * r->channels);
        made++;
        r->at += step;
    }
    forget(r);
    return made;
}
