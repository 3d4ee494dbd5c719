/* The rig's log; see the header. */
#include "tests/lib/netrig_log.h"

#include <inttypes.h>
#include <stdlib.h>

static const char *const names[] = {"up", "down"};

/* Every count, in the order and by the names of the log. */
static const struct {
    const char *name;
    size_t offset;
} fields[] = {
    {"in", offsetof(struct netrig_counts, in_packets)},
    {"in_bytes", offsetof(struct netrig_counts, in_bytes)},
    {"out", offsetof(struct netrig_counts, out_packets)},
    {"out_bytes", offsetof(struct netrig_counts, out_bytes)},
    {"lost", offsetof(struct netrig_counts, lost)},
    {"tail_dropped", offsetof(struct netrig_counts, tail_dropped)},
    {"blacked_out", offsetof(struct netrig_counts, blacked_out)},
    {"nat_dropped", offsetof(struct netrig_counts, nat_dropped)},
    {"overflowed", offsetof(struct netrig_counts, overflowed)},
    {"unsent", offsetof(struct netrig_counts, unsent)},
    {"held", offsetof(struct netrig_counts, held)},
    {"doubled", offsetof(struct netrig_counts, doubled)},
    {"corrupted", offsetof(struct netrig_counts, corrupted)},
};

static void write_counts(FILE *f, const struct netrig_counts *now,
                         const struct netrig_counts *before)
{
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        const uint64_t *n = (const uint64_t *)((const char *)now + fields[i].offset);
        const uint64_t *b = (const uint64_t *)((const char *)before + fields[i].offset);
        fprintf(f, ",\"%s\":%" PRIu64, fields[i].name, *n - *b);
    }
}

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void write_queue(FILE *f, struct netrig_link *l)
{
    const size_t n = l->samples < NETRIG_LINK_SAMPLES ? l->samples : NETRIG_LINK_SAMPLES;
    qsort(l->queued_ns, n, sizeof(l->queued_ns[0]), compare);
    double at[4] = {0};
    static const double shares[] = {0.5, 0.95, 0.99, 1};
    for (size_t i = 0; n > 0 && i < 4; i++)
        at[i] = (double)l->queued_ns[(size_t)((double)(n - 1) * shares[i])] / 1e6;
    fprintf(f, ",\"queue_bytes\":%" PRIu64 ",\"queue_ms\":[%.2f,%.2f,%.2f,%.2f]", l->queue_bytes,
            at[0], at[1], at[2], at[3]);
}

void netrig_log_interval(struct netrig_log *log, double t, int direction, struct netrig_link *l,
                         int64_t late_ns)
{
    if (log->file) {
        fprintf(log->file, "{\"t\":%.3f,\"dir\":\"%s\"", t, names[direction]);
        write_counts(log->file, &l->counts, &log->before[direction]);
        write_queue(log->file, l);
        fprintf(log->file, ",\"late_ms\":%.3f}\n", (double)late_ns / 1e6);
        fflush(log->file);
    }
    log->before[direction] = l->counts;
    l->samples = 0;
}

void netrig_log_total(const struct netrig_log *log, double t, int direction,
                      const struct netrig_link *l, uint64_t device_dropped)
{
    static const struct netrig_counts none;
    if (!log->file)
        return;
    fprintf(log->file, "{\"t\":%.3f,\"dir\":\"%s\",\"total\":true", t, names[direction]);
    write_counts(log->file, &l->counts, &none);
    fprintf(log->file, ",\"device_dropped\":%" PRIu64 "}\n", device_dropped);
    fflush(log->file);
}

void netrig_log_escape(char *out, size_t size, const char *text)
{
    size_t n = 0;
    for (; *text && n + 2 < size; text++) {
        if (*text == '"' || *text == '\\')
            out[n++] = '\\';
        out[n++] = (unsigned char)*text < ' ' ? ' ' : *text;
    }
    out[n] = '\0';
}

void netrig_log_command(const struct netrig_log *log, double t, const char *command)
{
    char text[2 * NETRIG_LINE_MAX];
    if (!log->file)
        return;
    netrig_log_escape(text, sizeof(text), command);
    fprintf(log->file, "{\"t\":%.3f,\"command\":\"%s\"}\n", t, text);
    fflush(log->file);
}
