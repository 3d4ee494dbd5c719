/* Logging: the line is built on the caller's stack and written with one write(2), so lines from
 * several threads and processes never mix. */
#include "mcu/base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES = 1000 };

static atomic_int least_level = MCU_LOG_INFO;
static char context_words[160];

/* A ring; line n is at n % MCU_LOG_KEPT. */
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;
static char kept[MCU_LOG_KEPT][LINE_BYTES + 1];
static size_t kept_count; /* ever */

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void mcu_log_set_level(enum mcu_log_level level)
{
    atomic_store(&least_level, (int)level);
}

int mcu_log_set_level_name(const char *name)
{
    for (int i = 0; i < 4; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            mcu_log_set_level((enum mcu_log_level)i);
            return 0;
        }
    }
    return -EINVAL;
}

void mcu_log_set_context(const char *context)
{
    snprintf(context_words, sizeof(context_words), "%s", context);
}

static size_t put_prefix(char *line, size_t size, enum mcu_log_level level)
{
    struct timespec ts;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &ts);
    gmtime_r(&ts.tv_sec, &tm);
    size_t n = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &tm);
    n += (size_t)snprintf(line + n, size - n, ".%03ldZ %-5s %s%s", ts.tv_nsec / 1000000,
                          level_names[level], context_words, context_words[0] ? " " : "");
    return n;
}

static void keep(const char *line, size_t size)
{
    pthread_mutex_lock(&kept_lock);
    char *place = kept[kept_count++ % MCU_LOG_KEPT];
    memcpy(place, line, size);
    place[size] = '\0';
    pthread_mutex_unlock(&kept_lock);
}

/* The first line from which on all that match fit. */
static size_t first_that_fits(const char *words, size_t oldest, size_t size)
{
    size_t n = kept_count, first = kept_count;
    while (n-- > oldest) {
        const char *line = kept[n % MCU_LOG_KEPT];
        if (!strstr(line, words))
            continue;
        if (strlen(line) >= size)
            break;
        size -= strlen(line);
        first = n;
    }
    return first;
}

size_t mcu_log_recent(const char *words, char *out, size_t size)
{
    size_t used = 0;
    pthread_mutex_lock(&kept_lock);
    const size_t oldest = kept_count > MCU_LOG_KEPT ? kept_count - MCU_LOG_KEPT : 0;
    for (size_t n = first_that_fits(words, oldest, size); n < kept_count; n++) {
        const char *line = kept[n % MCU_LOG_KEPT];
        const size_t length = strlen(line);
        if (!strstr(line, words))
            continue;
        memcpy(out + used, line, length);
        used += length;
    }
    pthread_mutex_unlock(&kept_lock);
    out[used] = '\0';
    return used;
}

void mcu_log(enum mcu_log_level level, const char *format, ...)
{
    if ((int)level < atomic_load_explicit(&least_level, memory_order_relaxed))
        return;

    char line[LINE_BYTES];
    const size_t start = put_prefix(line, sizeof(line) - 1, level);
    va_list args;
    va_start(args, format);
    const int wanted = vsnprintf(line + start, sizeof(line) - 1 - start, format, args);
    va_end(args);
    if (wanted < 0)
        return;

    size_t end = start + (size_t)wanted;
    if (end > sizeof(line) - 2)
        end = sizeof(line) - 2;
    for (size_t i = start; i < end; i++) {
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = ' ';
    }
    line[end++] = '\n';
    keep(line, end);
    if (write(STDERR_FILENO, line, end) < 0)
        return; /* nowhere left to complain */
}
