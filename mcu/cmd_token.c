/* `mixdown token`: makes a token for one person and one room. The key comes from the settings
 * (auth.secret), never from the command line, where every user of the machine could read it. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/commands.h"
#include "mcu/config.h"
#include "signaling/api_key.h"
#include "signaling/token.h"

static const char usage[] =
    "Usage: mixdown token --room R --user U [options]\n"
    "  --room R          the room it opens: 1 to 64 of A-Z a-z 0-9 - _ .\n"
    "  --user U          the user's id\n"
    "  --name N          the name that others see\n"
    "  --role ROLE       host, publisher (default) or subscriber\n"
    "  --ttl TIME        how long it is valid: 90s, 30m, 1h (default), 7d\n"
    "  --record --live --admin   what the bearer may do besides\n"
    "  --calls           a user's own, for calls and text; needs no --room\n"
    "  --config FILE     settings with auth.secret, or set MIXDOWN_AUTH_SECRET\n"
    "  --api-key NAME [--role admin|observer]   a key for a server instead, that does not expire\n"
    "Prints the token. Use it as `Authorization: Bearer TOKEN` or `/ws?token=TOKEN`.\n";

struct words {
    struct sig_token token;
    const char *config;
    const char *api_key;
    int64_t ttl_s;
    bool is_help;
};

static int wrong(const char *what, const char *advice)
{
    fprintf(stderr, "mixdown token: %s: %s\n", what, advice);
    return 2;
}

static int64_t unit_s(char unit)
{
    switch (unit) {
    case '\0':
    case 's':
        return 1;
    case 'm':
        return 60;
    case 'h':
        return 3600;
    case 'd':
        return 86400;
    default:
        return 0;
    }
}

/* "90s" in seconds; 0: not a time of one second to ten years. */
static int64_t parse_ttl(const char *text)
{
    const size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 9 || (text[digits] && text[digits + 1]))
        return 0;
    const int64_t ttl_s = strtoll(text, NULL, 10) * unit_s(text[digits]);
    return ttl_s <= INT64_C(10) * 366 * 86400 ? ttl_s : 0;
}

static int take(char *out, size_t size, const char *option, const char *value)
{
    char advice[64];
    snprintf(advice, sizeof(advice), "give 1 to %zu bytes", size - 1);
    const size_t length = strlen(value);
    if (length == 0 || length >= size)
        return wrong(option, advice);
    memcpy(out, value, length + 1);
    return 0;
}

static int take_option(struct words *w, int option, const char *value)
{
    struct sig_token *t = &w->token;
    switch (option) {
    case 'r':
        return take(t->room, sizeof(t->room), "--room", value);
    case 'u':
        return take(t->sub, sizeof(t->sub), "--user", value);
    case 'n':
        return take(t->name, sizeof(t->name), "--name", value);
    case 'o':
        return take(t->role, sizeof(t->role), "--role", value);
    case 't':
        w->ttl_s = parse_ttl(value);
        return w->ttl_s ? 0 : wrong("--ttl", "give a time such as 90s, 30m, 1h or 7d");
    case 'c':
        w->config = value;
        return 0;
    case 'k':
        w->api_key = value;
        return 0;
    case 'h':
        w->is_help = true;
        return 0;
    case 'R':
        t->may_record = true;
        return 0;
    case 'L':
        t->may_live = true;
        return 0;
    case 'A':
        t->is_admin = true;
        return 0;
    case 'C':
        t->may_call = true;
        return 0;
    default:
        fprintf(stderr, "Try mixdown token --help\n"); /* getopt has named the word */
        return 2;
    }
}

static int read_words(struct words *w, int argc, char **argv)
{
    static const struct option options[] = {
        {"room", required_argument, NULL, 'r'},
        {"user", required_argument, NULL, 'u'},
        {"name", required_argument, NULL, 'n'},
        {"role", required_argument, NULL, 'o'},
        {"ttl", required_argument, NULL, 't'},
        {"config", required_argument, NULL, 'c'},
        {"api-key", required_argument, NULL, 'k'},
        {"record", no_argument, NULL, 'R'},
        {"live", no_argument, NULL, 'L'},
        {"admin", no_argument, NULL, 'A'},
        {"calls", no_argument, NULL, 'C'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;
    optind = 0; /* glibc: begin anew, whatever main parsed before */
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        const int status = take_option(w, option, optarg);
        if (status)
            return status;
    }
    if (optind < argc)
        return wrong(argv[optind], "an unknown word; try mixdown token --help");
    return 0;
}

/* The key is printed, its hash is for the settings; nobody can show the key again. */
static int print_api_key(const struct words *w)
{
    char key[SIG_API_KEY_SIZE];
    char setting[SIG_API_KEY_SETTING_SIZE];
    if (sig_api_key_make(key, setting, w->api_key, w->token.role[0] ? w->token.role : "admin"))
        return wrong("--api-key or --role",
                     "give a name of 1 to 32 of A-Z a-z 0-9 - _, and admin or observer");
    fprintf(stderr, "Shown once. Add to the settings, or to MIXDOWN_AUTH_API_KEYS:\n"
                    "auth:\n  api_keys: [\"%s\"]\n", setting);
    if (puts(key) >= 0 && fflush(stdout) == 0)
        return 0;
    fprintf(stderr, "mixdown token: the output cannot be written\n");
    return 1;
}

static int check_words(const struct words *w)
{
    const struct sig_token *t = &w->token;
    if (!t->room[0] && !t->is_admin && !t->may_call)
        return wrong("--room is missing", "name the room that the token opens");
    if (t->room[0] && !sig_room_id_is_valid(t->room))
        return wrong("--room", "give 1 to 64 of A-Z a-z 0-9 - _ .");
    if (!t->sub[0])
        return wrong("--user is missing", "give the user's id");
    if (!sig_role_is_valid(t->role))
        return wrong("--role", "give host, publisher or subscriber");
    return 0;
}

static int print_token(struct words *w)
{
    struct mcu_config c;
    char error[MCU_CONFIG_ERROR_MAX];
    mcu_config_init(&c);
    if (mcu_config_load(&c, w->config, error)) {
        fprintf(stderr, "mixdown token: %s\n", error);
        return 2;
    }
    if (!c.auth.secret[0])
        return wrong(
            "auth.secret is not set",
            "set it in the file of --config or in MIXDOWN_AUTH_SECRET (openssl rand -hex 32)");
    char *text = NULL;
    w->token.exp_s = mcu_wall_ms() / 1000 + w->ttl_s;
    if (sig_token_sign(&text, &w->token, c.auth.secret))
        return wrong("--user or --name",
                     "give UTF-8 without control characters, a name of at most 64");
    const bool is_out = puts(text) >= 0 && fflush(stdout) == 0;
    free(text);
    if (is_out)
        return 0;
    fprintf(stderr, "mixdown token: the output cannot be written\n");
    return 1;
}

int mcu_cmd_token(int argc, char **argv)
{
    struct words w = {.ttl_s = 3600};
    int status = read_words(&w, argc, argv);
    if (!status && w.is_help) {
        fputs(usage, stdout);
        return 0;
    }
    if (!status && w.api_key)
        return print_api_key(&w);
    if (!w.token.role[0])
        snprintf(w.token.role, sizeof(w.token.role), "publisher");
    if (!status)
        status = check_words(&w);
    return status ? status : print_token(&w);
}
