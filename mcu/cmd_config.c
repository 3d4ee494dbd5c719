/* `mixdown config show | check FILE | doc`. */
#include "mcu/commands.h"

#include <stdio.h>
#include <string.h>

#include "mcu/config.h"

static const char usage[] =
    "Usage: mixdown config show [--config FILE]   the settings in force, as YAML\n"
    "       mixdown config check FILE             whether FILE can be used\n"
    "       mixdown config doc                    every setting, as Markdown\n";

static int load(struct mcu_config *c, const char *path)
{
    char error[MCU_CONFIG_ERROR_MAX];
    mcu_config_init(c);
    if (!mcu_config_load(c, path, error))
        return 0;
    fprintf(stderr, "mixdown config: %s\n", error);
    return 2;
}

static int show(int argc, char **argv)
{
    const char *path = NULL;
    if (argc == 3 && strcmp(argv[1], "--config") == 0)
        path = argv[2];
    else if (argc != 1) {
        fprintf(stderr,
                "mixdown config show: takes only --config FILE; try mixdown config --help\n");
        return 2;
    }
    struct mcu_config c;
    const int status = load(&c, path);
    if (!status)
        mcu_config_print_yaml(&c, stdout);
    return status;
}

static int check(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "mixdown config check: give one file; try mixdown config --help\n");
        return 2;
    }
    struct mcu_config c;
    const int status = load(&c, argv[1]);
    if (!status)
        printf("%s: fine\n", argv[1]);
    return status;
}

static int doc(int argc)
{
    if (argc != 1) {
        fprintf(stderr, "mixdown config doc: takes nothing more\n");
        return 2;
    }
    mcu_config_print_markdown(stdout);
    return 0;
}

int mcu_cmd_config(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(usage, stdout);
            return 0;
        }
    }
    int status = 2;
    if (strcmp(verb, "show") == 0)
        status = show(argc - 1, argv + 1);
    else if (strcmp(verb, "check") == 0)
        status = check(argc - 1, argv + 1);
    else if (strcmp(verb, "doc") == 0)
        status = doc(argc - 1);
    else
        fprintf(stderr,
                "mixdown config: give show, check FILE or doc; try mixdown config --help\n");
    if (status == 0 && (fflush(stdout) || ferror(stdout))) {
        fprintf(stderr, "mixdown config: the output cannot be written\n");
        return 1;
    }
    return status;
}
