/* The layouts that there are; see layouts.h. */
#include "signaling/layouts.h"

#include <stdio.h>
#include <string.h>

#include "mcu/base/embed.h"

enum { NAME_SIZE = 65 };

static bool is_called(const struct mcu_embedded *file, const char *name)
{
    const size_t length = strlen(name);
    return strncmp(file->name, name, length) == 0 && strcmp(file->name + length, ".json") == 0;
}

static const struct mcu_embedded *find(const char *name)
{
    for (const struct mcu_embedded *f = mcu_layout_files; f->name; f++) {
        if (is_called(f, name))
            return f;
    }
    return NULL;
}

json_t *sig_layout_file(const char *name)
{
    const struct mcu_embedded *f = find(name);
    return f ? json_loadb((const char *)f->data, (size_t)(f->end - f->data), 0, NULL) : NULL;
}

json_t *sig_layouts_json(void)
{
    json_t *list = json_array();
    for (const struct mcu_embedded *f = mcu_layout_files; f->name; f++) {
        char name[NAME_SIZE] = "";
        snprintf(name, sizeof(name), "%.*s", (int)(strlen(f->name) - strlen(".json")), f->name);
        char picture[NAME_SIZE + 32];
        snprintf(picture, sizeof(picture), "/layouts/%s.png", name);
        json_t *file = sig_layout_file(name);
        json_array_append_new(list, json_pack("{s:s, s:O?, s:s}", "name", name, "title",
                                              json_object_get(file, "title"), "picture", picture));
        json_decref(file);
    }
    return list;
}

bool sig_layout_exists(const char *name)
{
    return find(name) != NULL;
}
