/* Submixes by name, as people know them, and by bus, as the mixer does. [ctl].
 *
 * There are only so many buses. A name holds its bus while any member or sound uses it; when a new
 * name finds none free, those that nobody uses any more give theirs up. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/room_internal.h"

_Static_assert((int)MCU_SUBMIXES_MAX == (int)MIX_BUSES_MAX, "a bus for each submix");

static bool is_in_list(const json_t *list, const char *name)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (strcmp(json_string_value(json_array_get(list, i)), name) == 0)
            return true;
    }
    return false;
}

static bool uses(const json_t *sound, const char *name)
{
    return json_object_get(json_object_get(sound, "hears"), name) ||
           is_in_list(json_object_get(sound, "speaksTo"), name);
}

static bool is_used(const struct mcu_room *r, const char *name, const struct room_peer *changing,
                    const json_t *next)
{
    if (next && uses(next, name))
        return true;
    for (size_t i = 0; i < r->peer_count; i++) {
        if (r->peers[i] != changing && uses(r->peers[i]->sound, name))
            return true;
    }
    for (size_t i = 0; i < MIX_SOUNDS_MAX; i++) {
        if (r->sounds[i].id[0] && is_in_list(json_object_get(r->sounds[i].about, "submixes"), name))
            return true;
    }
    return false;
}

static int find_free(const struct mcu_room *r)
{
    for (int bus = 1; bus < MCU_SUBMIXES_MAX; bus++) {
        if (!r->submixes[bus])
            return bus;
    }
    return -ENOSPC;
}

static void drop_unused(struct mcu_room *r, const struct room_peer *changing, const json_t *next)
{
    for (int bus = 1; bus < MCU_SUBMIXES_MAX; bus++) {
        if (is_used(r, r->submixes[bus], changing, next))
            continue;
        free(r->submixes[bus]);
        r->submixes[bus] = NULL;
    }
}

int room_submix_bus(struct mcu_room *r, const char *name, const struct room_peer *changing,
                    const json_t *next)
{
    if (strcmp(name, MCU_FLOOR) == 0)
        return 0;
    for (int bus = 1; bus < MCU_SUBMIXES_MAX; bus++) {
        if (r->submixes[bus] && strcmp(r->submixes[bus], name) == 0)
            return bus;
    }
    int bus = find_free(r);
    if (bus < 0) {
        drop_unused(r, changing, next);
        bus = find_free(r);
    }
    if (bus > 0 && !(r->submixes[bus] = strdup(name)))
        return -ENOMEM;
    return bus;
}

void room_submix_finish(struct mcu_room *r)
{
    for (int bus = 0; bus < MCU_SUBMIXES_MAX; bus++)
        free(r->submixes[bus]);
}
