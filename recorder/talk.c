/* Marks are read line by line into people, turns and floors; then they are put in order. */
#include "recorder/talk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "mcu/base/json.h"
#include "recorder/meta.h"

enum { FILE_BYTES_MAX = 64 * 1024 * 1024 };

#define JOIN_US          (700 * MCU_US_PER_MS) /* a pause for breath */
#define WORD_US          (300 * MCU_US_PER_MS)
#define FLOOR_LEAST_US   (3 * MCU_US_PER_S)
#define CHAPTER_LEAST_US (15 * MCU_US_PER_S)

/* An array that grows. */
struct list {
    struct rec_turn *at;
    size_t count;
    size_t capacity;
};

struct reading {
    struct rec_talk *talk;
    struct list turns;
    struct list floors;
    size_t *open; /* by person: index of his turn that has not ended, plus 1; 0: he is silent */
};

static int append(struct list *l, uint32_t who, int64_t at_us)
{
    if (l->count == REC_TALK_MARKS_MAX)
        return 0; /* enough */
    if (l->count == l->capacity) {
        const size_t capacity = l->capacity ? l->capacity * 2 : 64;
        struct rec_turn *grown = realloc(l->at, capacity * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        l->at = grown;
        l->capacity = capacity;
    }
    l->at[l->count++] = (struct rec_turn){.who = who, .start_us = at_us, .end_us = REC_TALK_TIME_MAX_US};
    return 0;
}

/* --- lines --------------------------------------------------------------------------------------- */

static int read_person(struct reading *r, const json_t *line, uint32_t who)
{
    struct rec_talk *t = r->talk;
    struct rec_person one = {.user = ""};
    if (mcu_json_string(line, "user", MCU_JSON_REQUIRED, 1, one.user, sizeof(one.user)) ||
        mcu_json_string(line, "name", MCU_JSON_REQUIRED, 0, one.name, sizeof(one.name)))
        return 0;
    if (!one.name[0])
        memcpy(one.name, one.user, sizeof(one.user));
    t->people[who] = one;
    if (who >= t->people_count)
        t->people_count = who + 1;
    return 0;
}

static int read_turn(struct reading *r, uint32_t who, bool on, int64_t at_us)
{
    size_t *open = &r->open[who];
    if (on) {
        const int err = *open ? 0 : append(&r->turns, who, at_us);
        if (!err && !*open)
            *open = r->turns.count;
        return err;
    }
    if (*open && at_us >= r->turns.at[*open - 1].start_us)
        r->turns.at[*open - 1].end_us = at_us;
    *open = 0;
    return 0;
}

static int read_floor(struct reading *r, uint32_t who, int64_t at_us)
{
    struct list *l = &r->floors;
    if (l->count && (l->at[l->count - 1].who == who || l->at[l->count - 1].start_us > at_us))
        return 0;
    if (l->count)
        l->at[l->count - 1].end_us = at_us;
    return append(l, who, at_us);
}

static void read_head(struct rec_talk *t, const json_t *line)
{
    mcu_json_string(line, "title", MCU_JSON_OPTIONAL, 0, t->title, sizeof(t->title));
    mcu_json_string(line, "room", MCU_JSON_OPTIONAL, 0, t->room, sizeof(t->room));
    mcu_json_int(line, "started_at", MCU_JSON_OPTIONAL, 0, INT64_C(1) << 52, &t->started_at_ms);
}

static int read_line(struct reading *r, const json_t *line)
{
    int64_t who = 0;
    int64_t at_us = 0;
    bool on = false;
    if (json_object_get(line, "room")) {
        read_head(r->talk, line);
        return 0;
    }
    if (mcu_json_int(line, "who", MCU_JSON_REQUIRED, 0, REC_TALK_PEOPLE_MAX - 1, &who))
        return 0;
    if (json_object_get(line, "user"))
        return read_person(r, line, (uint32_t)who);
    if ((size_t)who >= r->talk->people_count ||
        mcu_json_int(line, "at", MCU_JSON_REQUIRED, 0, REC_TALK_TIME_MAX_US, &at_us))
        return 0;
    if (json_is_true(json_object_get(line, "floor")))
        return read_floor(r, (uint32_t)who, at_us);
    if (mcu_json_bool(line, "on", MCU_JSON_REQUIRED, &on))
        return 0;
    return read_turn(r, (uint32_t)who, on, at_us);
}

static int read_lines(struct reading *r, const char *text, size_t size)
{
    while (size) {
        const char *end = memchr(text, '\n', size);
        if (!end)
            return 0; /* the last one was cut off */
        json_t *line = NULL;
        int err = 0;
        if (mcu_json_parse(&line, text, (size_t)(end - text)) == 0)
            err = read_line(r, line);
        json_decref(line);
        if (err)
            return err;
        size -= (size_t)(end - text) + 1;
        text = end + 1;
    }
    return 0;
}

/* --- order --------------------------------------------------------------------------------------- */

static int by_person(const void *a, const void *b)
{
    const struct rec_turn *one = a;
    const struct rec_turn *two = b;
    if (one->who != two->who)
        return one->who < two->who ? -1 : 1;
    return one->start_us < two->start_us ? -1 : one->start_us > two->start_us;
}

static int by_start(const void *a, const void *b)
{
    const struct rec_turn *one = a;
    const struct rec_turn *two = b;
    if (one->start_us != two->start_us)
        return one->start_us < two->start_us ? -1 : 1;
    return one->who < two->who ? -1 : one->who > two->who;
}

static size_t cut(struct rec_turn *at, size_t count, int64_t duration_us)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (at[i].end_us > duration_us)
            at[i].end_us = duration_us;
        if (at[i].end_us > at[i].start_us)
            at[kept++] = at[i];
    }
    return kept;
}

static size_t join(struct rec_turn *at, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        struct rec_turn *last = kept ? &at[kept - 1] : NULL;
        if (last && last->who == at[i].who && at[i].start_us - last->end_us < JOIN_US) {
            if (at[i].end_us > last->end_us)
                last->end_us = at[i].end_us;
        } else {
            at[kept++] = at[i];
        }
    }
    return kept;
}

static size_t drop_short(struct rec_turn *at, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (at[i].end_us - at[i].start_us >= WORD_US)
            at[kept++] = at[i];
    }
    return kept;
}

static void sort(struct rec_turn *at, size_t count, int (*compare)(const void *, const void *))
{
    if (count)
        qsort(at, count, sizeof(*at), compare);
}

static void put_in_order(struct list *turns)
{
    sort(turns->at, turns->count, by_person);
    turns->count = join(turns->at, turns->count);
    turns->count = drop_short(turns->at, turns->count);
    sort(turns->at, turns->count, by_start);
}

/* --- the whole ----------------------------------------------------------------------------------- */

int rec_talk_parse(struct rec_talk **out, const char *text, size_t size)
{
    struct rec_talk *t = calloc(1, sizeof(*t));
    struct reading r = {.talk = t, .open = calloc(REC_TALK_PEOPLE_MAX, sizeof(*r.open))};
    int err = t && r.open ? 0 : -ENOMEM;
    if (!err) {
        t->people = calloc(REC_TALK_PEOPLE_MAX, sizeof(*t->people));
        err = t->people ? read_lines(&r, text, size) : -ENOMEM;
    }
    free(r.open);
    if (err) {
        free(r.turns.at);
        free(r.floors.at);
        rec_talk_free(t);
        return err;
    }
    put_in_order(&r.turns);
    t->turns = r.turns.at;
    t->turns_count = r.turns.count;
    t->floors = r.floors.at;
    t->floors_count = r.floors.count;
    *out = t;
    return 0;
}

void rec_talk_cut(struct rec_talk *t, int64_t duration_us)
{
    t->turns_count = cut(t->turns, t->turns_count, duration_us);
    t->floors_count = cut(t->floors, t->floors_count, duration_us);
}

void rec_talk_free(struct rec_talk *t)
{
    if (!t)
        return;
    free(t->floors);
    free(t->turns);
    free(t->people);
    free(t);
}

static int read_file(const char *path, char **text, size_t *size)
{
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    int err = fstat(fd, &st) < 0 ? -errno : 0;
    if (!err && (!S_ISREG(st.st_mode) || st.st_size > FILE_BYTES_MAX))
        err = -EINVAL;
    char *bytes = err ? NULL : malloc((size_t)st.st_size + 1);
    const ssize_t n = bytes ? read(fd, bytes, (size_t)st.st_size) : -1;
    if (!err && n < 0)
        err = bytes ? -errno : -ENOMEM;
    close(fd);
    if (err) {
        free(bytes);
        return err;
    }
    *text = bytes;
    *size = (size_t)n;
    return 0;
}

int rec_talk_load(struct rec_talk **out, const char *path)
{
    char *text = NULL;
    size_t size = 0;
    char *marks = rec_meta_path(path, ".marks");
    int err = marks ? read_file(marks, &text, &size) : -ENOMEM;
    if (!err)
        err = rec_talk_parse(out, text, size);
    free(text);
    free(marks);
    return err;
}

/* --- chapters ------------------------------------------------------------------------------------ */

/* Who had the floor longest from floor `first` up to before `end`. us_of: zero for all people, before
 * and after. */
static uint32_t longest(const struct rec_talk *t, int64_t *us_of, size_t first, size_t end)
{
    uint32_t best = t->floors[first].who;
    for (size_t i = first; i < end; i++)
        us_of[t->floors[i].who] += t->floors[i].end_us - t->floors[i].start_us;
    for (size_t i = first; i < end; i++) {
        if (us_of[t->floors[i].who] > us_of[best])
            best = t->floors[i].who;
    }
    for (size_t i = first; i < end; i++)
        us_of[t->floors[i].who] = 0;
    return best;
}

/* The chapter of floors `first` up to before `end`: a new one, or more of the last when it is the
 * same person's. */
static size_t add_chapter(const struct rec_talk *t, int64_t *us_of, struct rec_turn *out,
                          size_t count, size_t first, size_t end)
{
    const uint32_t who = longest(t, us_of, first, end);
    if (count && out[count - 1].who == who)
        return count;
    out[count] = (struct rec_turn){.who = who, .start_us = t->floors[first].start_us};
    return count + 1;
}

static size_t find_chapters(const struct rec_talk *t, int64_t least_us, int64_t *us_of,
                            struct rec_turn *out)
{
    size_t count = 0;
    size_t first = 0;
    for (size_t i = 1; i < t->floors_count; i++) {
        const struct rec_turn *f = &t->floors[i];
        const int64_t begin_us = first ? t->floors[first].start_us : 0;
        if (f->start_us - begin_us < least_us || f->end_us - f->start_us < FLOOR_LEAST_US)
            continue;
        count = add_chapter(t, us_of, out, count, first, i);
        first = i;
    }
    return count < REC_CHAPTERS_MAX ? add_chapter(t, us_of, out, count, first, t->floors_count)
                                    : count;
}

size_t rec_talk_chapters(const struct rec_talk *t, int64_t duration_us,
                         struct rec_turn out[REC_CHAPTERS_MAX])
{
    const int64_t share_us = duration_us / REC_CHAPTERS_MAX + 1;
    const int64_t least_us = share_us > CHAPTER_LEAST_US ? share_us : CHAPTER_LEAST_US;
    int64_t *us_of = t->floors_count ? calloc(t->people_count, sizeof(*us_of)) : NULL;
    if (!us_of)
        return 0;
    const size_t count = find_chapters(t, least_us, us_of, out);
    free(us_of);
    out[0].start_us = 0;
    for (size_t i = 0; i < count; i++)
        out[i].end_us = i + 1 < count ? out[i + 1].start_us : duration_us;
    return count;
}
