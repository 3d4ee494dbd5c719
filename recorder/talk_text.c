/* Who spoke when, as WebVTT (W3C) and as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <stdbool.h>
#include <stdlib.h>

#include "mcu/base/clock.h"
#include "recorder/talk.h"

/* --- WebVTT -------------------------------------------------------------------------------------- */

static void put_time(FILE *out, int64_t us)
{
    const int64_t ms = us / MCU_US_PER_MS;
    fprintf(out, "%02" PRId64 ":%02d:%02d.%03d", ms / 3600000, (int)(ms / 60000 % 60),
            (int)(ms / 1000 % 60), (int)(ms % 1000));
}

/* Text of a cue and of its annotation: neither marks nor line ends. */
static void put_escaped(FILE *out, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '&')
            fputs("&amp;", out);
        else if (*p == '<')
            fputs("&lt;", out);
        else if (*p == '>')
            fputs("&gt;", out);
        else
            fputc(*p < ' ' || *p == 0x7f ? ' ' : *p, out);
    }
}

static void put_cue(FILE *out, const struct rec_talk *t, const struct rec_turn *turn)
{
    const char *name = t->people[turn->who].name;
    put_time(out, turn->start_us);
    fputs(" --> ", out);
    put_time(out, turn->end_us);
    fputs("\n<v ", out);
    put_escaped(out, name);
    fputs(">", out);
    put_escaped(out, name);
    fputs("\n\n", out);
}

char *rec_talk_vtt(const struct rec_talk *t, size_t *size)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, size);
    if (!out)
        return NULL;
    fputs("WEBVTT\n\n", out);
    for (size_t i = 0; i < t->turns_count; i++)
        put_cue(out, t, &t->turns[i]);
    const bool failed = ferror(out) != 0;
    if (fclose(out) == 0 && !failed)
        return text;
    free(text);
    return NULL;
}

/* --- JSON ---------------------------------------------------------------------------------------- */

static json_t *turn_json(const struct rec_talk *t, const struct rec_turn *turn)
{
    const struct rec_person *p = &t->people[turn->who];
    return json_pack("{s:s, s:s, s:I, s:I}", "user", p->user, "name", p->name, "start_ms",
                     (json_int_t)(turn->start_us / MCU_US_PER_MS), "end_ms",
                     (json_int_t)(turn->end_us / MCU_US_PER_MS));
}

static json_t *turns_json(const struct rec_talk *t, const struct rec_turn *turns, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, turn_json(t, &turns[i]));
    return list;
}

struct sum {
    int64_t us;
    int64_t turns;
};

/* Everybody who spoke, in the order in which they came. */
static json_t *speakers_json(const struct rec_talk *t)
{
    json_t *list = json_array();
    struct sum *sums = calloc(t->people_count + 1, sizeof(*sums));
    for (size_t i = 0; sums && i < t->turns_count; i++) {
        sums[t->turns[i].who].us += t->turns[i].end_us - t->turns[i].start_us;
        sums[t->turns[i].who].turns++;
    }
    for (size_t i = 0; sums && i < t->people_count; i++) {
        if (sums[i].turns)
            json_array_append_new(
                list, json_pack("{s:s, s:s, s:I, s:I}", "user", t->people[i].user, "name",
                                t->people[i].name, "spoken_ms",
                                (json_int_t)(sums[i].us / MCU_US_PER_MS), "turns",
                                (json_int_t)sums[i].turns));
    }
    free(sums);
    return list;
}

json_t *rec_talk_json(const struct rec_talk *t, int64_t duration_us)
{
    struct rec_turn chapters[REC_CHAPTERS_MAX];
    const size_t count = rec_talk_chapters(t, duration_us, chapters);
    return json_pack("{s:s, s:s, s:I, s:I, s:o, s:o, s:o}", "room", t->room, "title", t->title,
                     "started_at", (json_int_t)t->started_at_ms, "duration_ms",
                     (json_int_t)(duration_us / MCU_US_PER_MS), "speakers", speakers_json(t),
                     "turns", turns_json(t, t->turns, t->turns_count), "chapters",
                     turns_json(t, chapters, count));
}
