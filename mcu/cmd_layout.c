/* `mixdown layout list | check FILE | render NAME|FILE`. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/embed.h"
#include "mcu/commands.h"
#include "mcu/layout_file.h"
#include "mcu/layout_picture.h"

static const char usage[] =
    "usage: mixdown layout list\n"
    "       mixdown layout check FILE.json\n"
    "       mixdown layout render NAME|FILE.json [-n PEOPLE] [--size WxH] [--avatars] [--screen]\n"
    "                             [--scale-to WIDTH] [--pictures DIR] -o OUT.png\n"
    "\n"
    "Lists the built-in layouts, checks a layout file and says what is wrong and where, or draws "
    "a\n"
    "layout with so many people (1 to 200; 4) in it, with and without cameras (--avatars: "
    "without), "
    "one\n"
    "of whom may share a slide (--screen), and scales it down for a thumbnail (--scale-to). --size "
    "is 1280x720 unless it says otherwise. Pictures that the layout names are taken from DIR "
    "(--pictures).\n";

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

/* --- render --------------------------------------------------------------------------------------
 */

struct words {
    const char *layout;
    const char *out;
    struct mcu_layout_scene scene;
};

static int bad_word(const char *what, const char *word, const char *hint)
{
    fprintf(stderr, "mixdown layout render: %s '%s': %s\n", what, word, hint);
    return 2;
}

static int take_option(struct words *w, int option, const char *value)
{
    char tail = 0;
    struct mcu_layout_scene *scene = &w->scene;
    switch (option) {
    case 'a':
        scene->has_cameras = false;
        return 0;
    case 'w':
        if (sscanf(value, "%4u%c", &scene->max_width, &tail) == 1 && scene->max_width >= 16)
            return 0;
        return bad_word("width", value, "a number from 16");
    case 'S':
        scene->has_screen = true;
        return 0;
    case 'p':
        scene->pictures_dir = value;
        return 0;
    case 'o':
        w->out = value;
        return 0;
    case 'n':
        if (sscanf(value, "%3u%c", &scene->people, &tail) == 1 && scene->people >= 1 &&
            scene->people <= LAYOUT_PEOPLE_MAX)
            return 0;
        return bad_word("people", value, "a number from 1 to 200");
    case 's':
        if (sscanf(value, "%4ux%4u%c", &scene->width, &scene->height, &tail) == 2 &&
            scene->width >= 64 && scene->width <= 4096 && scene->height >= 64 &&
            scene->height <= 4096 && (scene->width | scene->height) % 2 == 0)
            return 0;
        return bad_word("size", value, "even numbers from 64 to 4096, such as 1280x720");
    default:
        fputs(usage, stderr);
        return 2;
    }
}

static int parse_words(struct words *w, int argc, char **argv)
{
    static const struct option options[] = {
        {"size", required_argument, NULL, 's'},     {"avatars", no_argument, NULL, 'a'},
        {"scale-to", required_argument, NULL, 'w'}, {"screen", no_argument, NULL, 'S'},
        {"output", required_argument, NULL, 'o'},   {"pictures", required_argument, NULL, 'p'},
        {NULL, 0, NULL, 0},
    };
    *w = (struct words){.scene = {.people = 4, .width = 1280, .height = 720, .has_cameras = true}};
    optind = 1;
    for (int option; (option = getopt_long(argc, argv, "n:o:", options, NULL)) != -1;) {
        const int status = take_option(w, option, optarg);
        if (status)
            return status;
    }
    if (argc - optind != 1 || !w->out) {
        fputs(usage, stderr);
        return 2;
    }
    w->layout = argv[optind];
    return 0;
}

static int write_file(const char *path, const uint8_t *data, size_t size)
{
    FILE *out = fopen(path, "wb");
    bool is_written = out && fwrite(data, 1, size, out) == size;
    if (out && fclose(out) != 0)
        is_written = false;
    if (is_written)
        return 0;
    fprintf(stderr, "mixdown layout render: %s: %s\n", path, strerror(errno));
    return 1;
}

static int render(int argc, char **argv)
{
    struct words w;
    int status = parse_words(&w, argc, argv);
    if (status)
        return status;
    struct layout *layout = NULL;
    status = mcu_layout_load(&layout, w.layout);
    if (status)
        return status;
    uint8_t *png = NULL;
    size_t size = 0;
    const int err = mcu_layout_picture(layout, &w.scene, COMP_PNG, &png, &size);
    if (err) {
        fprintf(stderr, "mixdown layout render: %s\n", strerror(-err));
        status = 1;
    } else {
        status = write_file(w.out, png, size);
    }
    free(png);
    layout_destroy(layout);
    return status;
}

int mcu_cmd_layout(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "list") == 0)
        return list();
    if (argc == 3 && strcmp(argv[1], "check") == 0)
        return check(argv[2]);
    if (argc > 2 && strcmp(argv[1], "render") == 0)
        return render(argc - 1, argv + 1);
    const bool is_help = argc == 2 && strcmp(argv[1], "--help") == 0;
    fputs(usage, is_help ? stdout : stderr);
    return is_help ? 0 : 2;
}
