/* recorder/talk.h - who spoke when, read back from a recording's marks. Pure.
 *
 * The text may end in the middle of a line and its lines may be broken: what is whole counts. Turns of
 * one person with a short pause between them are one; what is shorter than a word is none. Chapters
 * follow who has the floor, and are few: see rec_talk_chapters(). Times are of the file. */
#ifndef RECORDER_TALK_H
#define RECORDER_TALK_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum {
    REC_TALK_PEOPLE_MAX = 4096,
    REC_TALK_MARKS_MAX = 200000, /* turns, and as many changes of the floor */
    REC_TALK_USER_BYTES = 129,
    REC_TALK_NAME_BYTES = 321,
    REC_CHAPTERS_MAX = 60,
};

/* No recording is that long. */
#define REC_TALK_TIME_MAX_US (INT64_C(1) << 50)

struct rec_person {
    char user[REC_TALK_USER_BYTES];
    char name[REC_TALK_NAME_BYTES];
};

struct rec_turn {
    uint32_t who; /* index of people */
    int64_t start_us;
    int64_t end_us;
};

struct rec_talk {
    char title[REC_TALK_NAME_BYTES];
    char room[REC_TALK_NAME_BYTES];
    int64_t started_at_ms;
    struct rec_person *people;
    size_t people_count;
    struct rec_turn *turns; /* by their starts */
    size_t turns_count;
    struct rec_turn *floors; /* one ends where the next begins */
    size_t floors_count;
};

/* [any] The caller frees *out with rec_talk_free(). Who is not said to fall silent speaks on for ever.
 * Returns 0 or -ENOMEM. */
int rec_talk_parse(struct rec_talk **out, const char *text, size_t size);

/* [any] The same of STEM.marks beside a recording. Returns 0, -ENOENT (there is none), -EINVAL (no such
 * file of ours), -ENOMEM or the errno of reading it. */
int rec_talk_load(struct rec_talk **out, const char *path);

/* [any] Cuts off what lasts past the end of the file; before any of the three below. */
void rec_talk_cut(struct rec_talk *t, int64_t duration_us);

/* [any] NULL is fine. */
void rec_talk_free(struct rec_talk *t);

/* [any] At most REC_CHAPTERS_MAX, from 0 to duration_us without gaps; none when nobody had the floor.
 * A chapter lasts for 15 s or more, longer in a long file, and begins where somebody takes the floor
 * for 3 s or more; it is that of who has it longest. Returns how many. */
size_t rec_talk_chapters(const struct rec_talk *t, int64_t duration_us,
                         struct rec_turn out[REC_CHAPTERS_MAX]);

/* [any] As WebVTT: a cue for each turn, with the name. Allocated; NULL: no memory. */
char *rec_talk_vtt(const struct rec_talk *t, size_t *size);

/* [any] {room, title, started_at, duration_ms, speakers, turns, chapters}; new. NULL: no memory. */
json_t *rec_talk_json(const struct rec_talk *t, int64_t duration_us);

#endif
