/* Layouts for the command line. */
#include "mcu/layout_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_path(const char *word)
{
    const size_t length = strlen(word);
    return strchr(word, '/') || (length > 5 && strcmp(word + length - 5, ".json") == 0);
}

static int load_file(struct layout **out, const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = file ? malloc(MCU_LAYOUT_FILE_BYTES_MAX + 1) : NULL;
    if (!text) {
        fprintf(stderr, "mixdown: layout %s: %s\n", path, strerror(errno));
        if (file)
            fclose(file);
        return 1;
    }
    const size_t size = fread(text, 1, MCU_LAYOUT_FILE_BYTES_MAX + 1, file);
    fclose(file);
    char error[LAYOUT_ERROR_MAX] = "out of memory";
    int status = 0;
    if (size > MCU_LAYOUT_FILE_BYTES_MAX) {
        fprintf(stderr, "mixdown: layout %s: longer than 256 KiB\n", path);
        status = 2;
    } else if (layout_parse(out, text, size, path, error) < 0) {
        fprintf(stderr, "mixdown: layout %s\n", error);
        status = 2;
    }
    free(text);
    return status;
}

int mcu_layout_load(struct layout **out, const char *word)
{
    if (is_path(word))
        return load_file(out, word);
    if (layout_builtin(out, word) == 0)
        return 0;
    fprintf(stderr, "mixdown: no layout '%s'; `mixdown layout list` names them\n", word);
    return 2;
}
