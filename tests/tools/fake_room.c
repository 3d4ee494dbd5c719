/* The real front with fake rooms: `fake_room serve ...` is `mixdown serve`, whose rooms are then
 * run by this program too. For tests/faults/front.mjs. */
#include <string.h>

#include "mcu/commands.h"
#include "tests/tools/fake_room.h"

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "serve") == 0)
        return mcu_cmd_serve(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "room") == 0)
        return fake_room_run();
    if (argc > 1 && strcmp(argv[1], "layout") == 0)
        return mcu_cmd_layout(argc - 1, argv + 1);
    if (argc > 2 && strcmp(argv[1], "recover") == 0) { /* a file is there or it is not */
        const bool ok = access(argv[2], R_OK) == 0;
        printf("{\"ok\": %s, \"duration_ms\": 777, \"bytes\": 43}\n", ok ? "true" : "false");
        return ok ? 0 : 1;
    }
    fprintf(stderr, "usage: fake_room serve|room|recover\n");
    return 2;
}
