/* One setting: finding its row, the nearest spelling, and putting a checked value into its field.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mcu/base/json.h"
#include "mcu/config_internal.h"

enum { NAME_MAX_CHARS = 64 };

const struct config_row *config_find(const char *section, const char *key)
{
    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];
        if (strcmp(row->section, section) == 0 && strcmp(row->key, key) == 0)
            return row;
    }
    return NULL;
}

bool config_has_section(const char *section)
{
    for (size_t i = 0; i < config_row_count; i++) {
        if (strcmp(config_rows[i].section, section) == 0)
            return true;
    }
    return false;
}

static size_t min3(size_t a, size_t b, size_t c)
{
    const size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Levenshtein's distance, ignoring case; names longer than we have are far from everything. */
static size_t distance(const char *a, const char *b)
{
    const size_t a_size = strlen(a), b_size = strlen(b);
    if (a_size > NAME_MAX_CHARS || b_size > NAME_MAX_CHARS)
        return SIZE_MAX;
    size_t row[NAME_MAX_CHARS + 1];
    for (size_t j = 0; j <= b_size; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            const int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
            const size_t changed = diagonal + (x != y);
            diagonal = row[j];
            row[j] = min3(row[j] + 1, row[j - 1] + 1, changed);
        }
    }
    return row[b_size];
}

/* How far a row is from what was given. The right section with a wrong key is nearer than the right
 * key in another section, and that (a key put in the wrong place) is nearer than two mistakes. */
static size_t row_distance(const struct config_row *row, const char *section, const char *key)
{
    const size_t far = distance(row->section, section);
    if (!key || far == SIZE_MAX)
        return far;
    const size_t key_far = distance(row->key, key);
    if (key_far == SIZE_MAX)
        return SIZE_MAX;
    if (key_far == 0)
        return 1;
    return key_far + (far < 2 ? far : 2);
}

void config_nearest(const char *section, const char *key, char *out, size_t size)
{
    const struct config_row *best = NULL;
    size_t best_far = strlen(key ? key : section) / 2 + 1;
    for (size_t i = 0; i < config_row_count; i++) {
        const size_t far = row_distance(&config_rows[i], section, key);
        if (far < best_far) {
            best = &config_rows[i];
            best_far = far;
        }
    }
    if (!best)
        snprintf(out, size, "%s", "");
    else if (key)
        snprintf(out, size, "%s.%s", best->section, best->key);
    else
        snprintf(out, size, "%s", best->section);
}

void config_one_line(char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = '?';
    }
}

static int refuse(char *why, const struct config_row *row, const char *text, const char *wanted)
{
    if (row->is_secret)
        snprintf(why, MCU_CONFIG_ERROR_MAX, "must be %s", wanted);
    else
        snprintf(why, MCU_CONFIG_ERROR_MAX, "\"%.60s\" is not allowed here: give %.200s", text,
                 wanted);
    config_one_line(why);
    return -EINVAL;
}

static int set_int(uint32_t *out, const struct config_row *row, const char *text, char *why)
{
    const size_t digits = strspn(text, "0123456789");
    const unsigned long long n = strtoull(text, NULL, 10);
    if (digits == 0 || digits > 10 || text[digits] || n < row->min || n > row->max) {
        char wanted[64];
        snprintf(wanted, sizeof(wanted), "a whole number from %u to %u", row->min, row->max);
        return refuse(why, row, text, wanted);
    }
    *out = (uint32_t)n;
    return 0;
}

static int set_bool(bool *out, const struct config_row *row, const char *text, char *why)
{
    const bool is_true = strcmp(text, "true") == 0;
    if (!is_true && strcmp(text, "false") != 0)
        return refuse(why, row, text, "true or false");
    *out = is_true;
    return 0;
}

static bool is_choice(const char *choices, const char *text)
{
    const size_t size = strlen(text);
    for (const char *p = choices; *p;) {
        const size_t n = strcspn(p, " ");
        if (n == size && memcmp(p, text, n) == 0)
            return true;
        p += n + (p[n] == ' ');
    }
    return false;
}

static int set_text(char *out, const struct config_row *row, const char *text, char *why)
{
    const size_t size = strlen(text);
    if (!*text && row->is_required)
        return refuse(why, row, text, row->choices ? row->choices : row->form);
    if (size >= row->size) {
        char wanted[64];
        snprintf(wanted, sizeof(wanted), "at most %zu bytes", row->size - 1);
        return refuse(why, row, text, wanted);
    }
    if (!mcu_text_is_fit(text, size, 0, size))
        return refuse(why, row, text, "one line of UTF-8");
    if (row->choices && !is_choice(row->choices, text))
        return refuse(why, row, text, row->choices);
    if (*text && row->is_valid && !row->is_valid(text))
        return refuse(why, row, text, row->form);
    memcpy(out, text, size + 1);
    return 0;
}

int config_add(struct mcu_config *c, const struct config_row *row, const char *item, char *why)
{
    struct mcu_config_list *list = config_field(c, row);
    const size_t size = strlen(item);
    if (list->count == MCU_CONFIG_LIST) {
        snprintf(why, MCU_CONFIG_ERROR_MAX, "has too many items: give at most %d", MCU_CONFIG_LIST);
        return -EINVAL;
    }
    if (size == 0 || size >= sizeof(list->item[0]) || !mcu_text_is_fit(item, size, 1, size) ||
        !row->is_valid(item))
        return refuse(why, row, item, row->form);
    memcpy(list->item[list->count++], item, size + 1);
    return 0;
}

/* Items with commas between, spaces around them ignored. */
static int set_list(struct mcu_config *c, const struct config_row *row, const char *text, char *why)
{
    ((struct mcu_config_list *)config_field(c, row))->count = 0;
    while (*text) {
        char item[256];
        text += strspn(text, " ");
        size_t n = strcspn(text, ",");
        const char *next = text + n + (text[n] == ',');
        while (n > 0 && text[n - 1] == ' ')
            n--;
        snprintf(item, sizeof(item), "%.*s", (int)(n < sizeof(item) ? n : sizeof(item)), text);
        const int err = config_add(c, row, item, why);
        if (err)
            return err;
        text = next;
    }
    return 0;
}

int config_set(struct mcu_config *c, const struct config_row *row, const char *text, char *why)
{
    switch (row->type) {
    case CONFIG_INT:
        return set_int(config_field(c, row), row, text, why);
    case CONFIG_BOOL:
        return set_bool(config_field(c, row), row, text, why);
    case CONFIG_TEXT:
        return set_text(config_field(c, row), row, text, why);
    case CONFIG_LIST:
        return set_list(c, row, text, why);
    }
    return -EINVAL;
}

void config_variable(const struct config_row *row, char *out, size_t size)
{
    snprintf(out, size, "MIXDOWN_%s_%s", row->section, row->key);
    for (char *p = out; *p; p++)
        *p = (char)toupper((unsigned char)*p);
}
