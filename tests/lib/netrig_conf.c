/* Settings and command lines; see the header. Strict: a word that is not understood changes
 * nothing. */
#include "tests/lib/netrig_conf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t MOST_NS = 60000000000; /* no delay is longer */

void netrig_conf_init(struct netrig_conf *c)
{
    *c = (struct netrig_conf){
        .queue_ns = 300000000, .hold_ns = 20000000, .corrupt_bits = 1, .dist = NETRIG_CONSTANT};
}

uint64_t netrig_conf_queue_bytes(const struct netrig_conf *c)
{
    if (c->rate_bps == 0 || c->queue_bytes > 0)
        return c->rate_bps == 0 ? 0 : c->queue_bytes;
    return (uint64_t)((double)c->rate_bps / 8 * (double)c->queue_ns / 1e9);
}

/* --- values: a number and its unit, nothing after it ------------------------------------------ */

struct unit {
    const char *name;
    double factor;
};

static bool read_number(const char *text, const struct unit *units, double most, double *out)
{
    char *end;
    const double number = strtod(text, &end);
    if (*text < '0' || *text > '9' || end != text + strspn(text, "0123456789."))
        return false; /* no sign, exponent, hexadecimal or inf */
    for (; units->name; units++) {
        if (strcmp(end, units->name) != 0)
            continue;
        const double value = number * units->factor;
        if (!isfinite(value) || value < 0 || value > most)
            return false;
        *out = value;
        return true;
    }
    return false;
}

static bool read_time(const char *text, int64_t *out)
{
    static const struct unit units[] = {{"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {NULL, 0}};
    double value;
    if (!read_number(text, units, (double)MOST_NS, &value))
        return false;
    *out = (int64_t)value;
    return true;
}

static bool read_share(const char *text, double *out)
{
    static const struct unit units[] = {{"%", 0.01}, {NULL, 0}};
    return read_number(text, units, 1, out);
}

static bool read_count(const char *text, double most, double *out)
{
    static const struct unit units[] = {{"", 1}, {NULL, 0}};
    return read_number(text, units, most, out);
}

/* "A:B" to two words; false when there is no colon or a is too long. */
static bool split(const char *text, char first[static 32], const char **second)
{
    const char *colon = strchr(text, ':');
    if (!colon || colon - text >= 32)
        return false;
    memcpy(first, text, (size_t)(colon - text));
    first[colon - text] = '\0';
    *second = colon + 1;
    return true;
}

/* --- keys ------------------------------------------------------------------------------------- */

static bool set_rate(struct netrig_conf *c, const char *v)
{
    static const struct unit units[] = {{"k", 1e3}, {"M", 1e6}, {NULL, 0}};
    double rate = 0;
    if (strcmp(v, "off") != 0 && (!read_number(v, units, 1e10, &rate) || rate < 1000))
        return false;
    c->rate_bps = (uint64_t)rate;
    return true;
}

static bool set_queue(struct netrig_conf *c, const char *v)
{
    static const struct unit units[] = {{"b", 1}, {NULL, 0}};
    double bytes = 0;
    if (!read_time(v, &c->queue_ns) && (!read_number(v, units, 64e6, &bytes) || bytes < 1))
        return false;
    c->queue_bytes = (uint64_t)bytes;
    return true;
}

static bool set_delay(struct netrig_conf *c, const char *v)
{
    return read_time(v, &c->delay_ns);
}

static bool set_jitter(struct netrig_conf *c, const char *v)
{
    return read_time(v, &c->jitter_ns);
}

static bool set_dist(struct netrig_conf *c, const char *v)
{
    static const char *const names[] = {"constant", "normal", "uniform", "pareto"};
    for (size_t i = 0; i < 4; i++) {
        if (strcmp(v, names[i]) == 0) {
            c->dist = (enum netrig_dist)i;
            return true;
        }
    }
    return false;
}

static bool read_choice(const char *v, const char *off, const char *on, bool *out)
{
    if (strcmp(v, on) != 0 && strcmp(v, off) != 0)
        return false;
    *out = strcmp(v, on) == 0;
    return true;
}

static bool set_order(struct netrig_conf *c, const char *v)
{
    return read_choice(v, "keep", "free", &c->may_overtake);
}

static bool set_peaks(struct netrig_conf *c, const char *v)
{
    char share[32];
    const char *time;
    return split(v, share, &time) && read_share(share, &c->peaks) && read_time(time, &c->peak_ns);
}

static bool set_reorder(struct netrig_conf *c, const char *v)
{
    return read_share(v, &c->reorder);
}

static bool set_hold(struct netrig_conf *c, const char *v)
{
    return read_time(v, &c->hold_ns);
}

static bool set_loss(struct netrig_conf *c, const char *v)
{
    return read_share(v, &c->loss);
}

static bool set_burst(struct netrig_conf *c, const char *v)
{
    return read_count(v, 10000, &c->burst);
}

static bool set_ge(struct netrig_conf *c, const char *v)
{
    char first[32];
    const char *second;
    double p, r;
    if (!split(v, first, &second) || !read_share(first, &p) || !read_share(second, &r) || r < 1e-4)
        return false;
    c->loss = p / (p + r);
    c->burst = 1 / r;
    return true;
}

static bool set_dup(struct netrig_conf *c, const char *v)
{
    return read_share(v, &c->dup);
}

static bool set_corrupt(struct netrig_conf *c, const char *v)
{
    return read_share(v, &c->corrupt);
}

static bool set_bits(struct netrig_conf *c, const char *v)
{
    double bits;
    if (!read_count(v, 1024, &bits) || bits < 1)
        return false;
    c->corrupt_bits = (uint32_t)bits;
    return true;
}

static bool set_checksum(struct netrig_conf *c, const char *v)
{
    return read_choice(v, "right", "wrong", &c->is_checksum_wrong);
}

static bool set_blackout(struct netrig_conf *c, const char *v)
{
    return read_choice(v, "off", "on", &c->is_black);
}

static const struct {
    const char *name;
    bool (*set)(struct netrig_conf *c, const char *v);
} keys[] = {
    {"rate", set_rate},         {"queue", set_queue},       {"delay", set_delay},
    {"jitter", set_jitter},     {"dist", set_dist},         {"order", set_order},
    {"peaks", set_peaks},       {"reorder", set_reorder},   {"hold", set_hold},
    {"loss", set_loss},         {"burst", set_burst},       {"ge", set_ge},
    {"dup", set_dup},           {"corrupt", set_corrupt},   {"bits", set_bits},
    {"checksum", set_checksum}, {"blackout", set_blackout},
};

static bool set_word(struct netrig_conf *c, const char *word)
{
    if (strcmp(word, "reset") == 0) {
        netrig_conf_init(c);
        return true;
    }
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const size_t n = strlen(keys[i].name);
        if (strncmp(word, keys[i].name, n) == 0 && word[n] == '=')
            return keys[i].set(c, word + n + 1);
    }
    return false;
}

/* In bursts the mean length bounds how much can be lost: the good state lasts a packet at least. */
static bool is_possible(const struct netrig_conf *c)
{
    return c->burst < 1 || c->loss <= c->burst / (c->burst + 1);
}

/* Copies the next word of *text into `word`; false at the end. A word that is too long comes cut,
 * which no key takes. */
static bool next_word(const char **text, char word[static 64])
{
    *text += strspn(*text, " \t");
    const size_t n = strcspn(*text, " \t");
    const size_t kept = n < 63 ? n : 63;
    memcpy(word, *text, kept);
    word[kept] = '\0';
    *text += n;
    return n > 0;
}

int netrig_conf_parse(struct netrig_conf *c, const char *words, const char **why)
{
    struct netrig_conf made = *c;
    char word[64];
    for (const char *at = words; next_word(&at, word);) {
        if (!set_word(&made, word)) {
            *why = "a key or its value is not understood";
            return -EINVAL;
        }
    }
    if (!is_possible(&made)) {
        *why = "so much loss needs longer bursts";
        return -EINVAL;
    }
    *c = made;
    return 0;
}

static bool set_nat_word(struct netrig_nat_conf *c, const char *word)
{
    double shift;
    if (strcmp(word, "off") == 0) {
        *c = (struct netrig_nat_conf){0};
        return true;
    }
    c->is_on = true;
    if (strncmp(word, "addr=", 5) == 0)
        return c->has_addr = inet_pton(AF_INET, word + 5, c->addr) == 1;
    if (strncmp(word, "addr6=", 6) == 0)
        return c->has_addr6 = inet_pton(AF_INET6, word + 6, c->addr6) == 1;
    if (strncmp(word, "port=+", 6) != 0 || !read_count(word + 6, 64511, &shift))
        return false;
    c->port_shift = (uint16_t)shift;
    return true;
}

int netrig_nat_parse(struct netrig_nat_conf *c, const char *words, const char **why)
{
    struct netrig_nat_conf made = {0};
    char word[64];
    int count = 0;
    for (const char *at = words; next_word(&at, word); count++) {
        if (!set_nat_word(&made, word))
            count = -1000;
    }
    if (count <= 0) {
        *why = "nat takes addr=, addr6=, port=+N or off";
        return -EINVAL;
    }
    *c = made;
    return 0;
}

/* --- lines ------------------------------------------------------------------------------------ */

static bool read_when(struct netrig_command *c, const char *word)
{
    double seconds;
    c->is_relative = *word == '+';
    if (!read_count(word + c->is_relative, 86400, &seconds))
        return false;
    c->at_ns = (int64_t)(seconds * 1e9);
    return true;
}

static int check_words(struct netrig_command *c, const char **why)
{
    struct netrig_conf conf;
    struct netrig_nat_conf nat;
    double seed;
    netrig_conf_init(&conf);
    if (c->verb == NETRIG_SET)
        return netrig_conf_parse(&conf, c->words, why);
    if (c->verb == NETRIG_NAT)
        return netrig_nat_parse(&nat, c->words, why);
    if (c->verb == NETRIG_SEED) {
        *why = "seed takes a number";
        if (!read_count(c->words, 4e15, &seed))
            return -EINVAL;
        c->seed = (uint64_t)seed;
    }
    return 0;
}

static bool read_verb(struct netrig_command *c, const char *word)
{
    static const struct {
        const char *name;
        enum netrig_verb verb;
        unsigned directions;
    } verbs[] = {
        {"up", NETRIG_SET, 1u << NETRIG_UP},
        {"down", NETRIG_SET, 1u << NETRIG_DOWN},
        {"both", NETRIG_SET, 1u << NETRIG_UP | 1u << NETRIG_DOWN},
        {"nat", NETRIG_NAT, 0},
        {"seed", NETRIG_SEED, 0},
        {"mark", NETRIG_MARK, 0},
        {"quit", NETRIG_QUIT, 0},
    };
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(word, verbs[i].name) == 0) {
            c->verb = verbs[i].verb;
            c->directions = verbs[i].directions;
            return true;
        }
    }
    return false;
}

int netrig_command_parse(struct netrig_command *c, const char *line, const char **why)
{
    struct netrig_command made = {0};
    char word[64];
    *why = "the line is too long";
    if (strlen(line) >= sizeof(made.words))
        return -EINVAL;
    if (!next_word(&line, word) || *word == '#')
        return -ENODATA;
    *why = "at takes seconds, or + and seconds";
    if (strcmp(word, "at") == 0 &&
        (!next_word(&line, word) || !read_when(&made, word) || !next_word(&line, word)))
        return -EINVAL;
    *why = "no such word; there are up, down, both, nat, seed, mark, quit";
    if (!read_verb(&made, word))
        return -EINVAL;
    line += strspn(line, " \t");
    snprintf(made.words, sizeof(made.words), "%s", line);
    const int err = check_words(&made, why);
    if (!err)
        *c = made;
    return err;
}
