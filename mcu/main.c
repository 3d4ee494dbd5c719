/* mixdown: one program, several commands. */
#include <stdio.h>
#include <string.h>

#include <libavutil/log.h>

#include "mcu/commands.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *sentence; /* NULL: not for people */
} commands[] = {
    {"serve", mcu_cmd_serve, "run the server"},
    {"mix", mcu_cmd_mix, "mix media files into one MP4"},
    {"layout", mcu_cmd_layout, "list layouts, check a layout file"},
    {"token", mcu_cmd_token, "make a token for a user"},
    {"config", mcu_cmd_config, "show, check or document the settings"},
    {"doctor", mcu_cmd_doctor, "say what this machine is missing"},
    {"recover", mcu_cmd_recover, "finish a recording that was cut off"},
    {"room", mcu_cmd_room, NULL},
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void print_help(FILE *out)
{
    fputs("Mixdown: many streams in, one mix out.\n\nusage: mixdown COMMAND [OPTIONS]\n\n", out);
    for (int i = 0; i < COMMANDS; i++) {
        if (commands[i].sentence)
            fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].sentence);
    }
    fputs("\n`mixdown COMMAND --help` says more. To try it: mixdown serve --dev\n", out);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return 2;
    }
    /* What libav has to say about strangers' media is counted where it matters, not printed. */
    av_log_set_level(AV_LOG_QUIET);
    const char *word = argv[1];
    if (strcmp(word, "--version") == 0) {
        puts("mixdown " MIXDOWN_VERSION);
        return 0;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        print_help(stdout);
        return 0;
    }
    for (int i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].name, word) == 0)
            return commands[i].run(argc - 1, argv + 1);
    }
    fprintf(stderr, "mixdown: no command '%s'; `mixdown --help` lists them\n", word);
    return 2;
}
