/* `mixdown layout list | check FILE`. */
#include <stdio.h>
#include <string.h>

#include "mcu/base/embed.h"
#include "mcu/commands.h"
#include "mcu/layout_file.h"

static const char usage[] = "usage: mixdown layout list\n"
                            "       mixdown layout check FILE.json\n"
                            "Lists the built-in layouts, or checks a layout file and says what is "
                            "wrong and where.\n";

static int list(void)
{
    for (const struct mcu_embedded *f = mcu_layout_files; f->name; f++)
        printf("%.*s\n", (int)(strlen(f->name) - strlen(".json")), f->name);
    return 0;
}

static int check(const char *path)
{
    struct layout *layout = NULL;
    const int status = mcu_layout_load(&layout, path);
    if (!status)
        printf("%s: layout '%s' is fine\n", path, layout_name(layout));
    layout_destroy(layout);
    return status;
}

int mcu_cmd_layout(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "list") == 0)
        return list();
    if (argc == 3 && strcmp(argv[1], "check") == 0)
        return check(argv[2]);
    const bool is_help = argc == 2 && strcmp(argv[1], "--help") == 0;
    fputs(usage, is_help ? stdout : stderr);
    return is_help ? 0 : 2;
}
