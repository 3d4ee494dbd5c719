/* bench/grid.h - the grid that `mixdown mix` shows n inputs of one size in; all contenders draw it. */
#ifndef BENCH_GRID_H
#define BENCH_GRID_H

enum { GRID_WIDTH = 1280, GRID_HEIGHT = 720, GRID_FPS = 30 };

struct grid {
    int cols;
    int tile_width;  /* all tiles have one size, from the left top corner on */
    int tile_height;
    int crop_width;  /* of the input, from its left top corner: what the tile covers */
    int crop_height;
};

/* n is a square number; inputs are width x height. */
static inline struct grid grid_of(int n, int width, int height)
{
    struct grid g = {.cols = 1, .crop_width = width, .crop_height = height};
    while (g.cols * g.cols < n)
        g.cols++;
    g.tile_width = GRID_WIDTH / g.cols & ~1;
    g.tile_height = GRID_HEIGHT / g.cols & ~1;
    if (width * g.tile_height > height * g.tile_width)
        g.crop_width = height * g.tile_width / g.tile_height & ~1;
    else
        g.crop_height = width * g.tile_height / g.tile_width & ~1;
    return g;
}

#endif
