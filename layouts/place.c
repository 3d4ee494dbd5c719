/* The rectangle of everyone that was chosen (choose.c). Pure: the same input gives the same tiles.
 */
#include "layouts/layout.h"

#include <string.h>

#include "layouts/choose.h"
#include "layouts/model.h"

struct box {
    uint32_t x, y, width, height;
};

/* size_px * (a + b), to the nearest even pixel. */
static uint32_t snap(struct ratio a, struct ratio b, uint32_t size_px)
{
    const int64_t num = a.num * b.den + b.num * a.den;
    const int64_t den = a.den * b.den;
    return 2 * (uint32_t)((num * size_px + den) / (2 * den));
}

static struct box box_of(struct ratio x, struct ratio y, struct ratio w, struct ratio h,
                         uint32_t width, uint32_t height)
{
    static const struct ratio zero = {0, 1};
    const uint32_t left = snap(x, zero, width), top = snap(y, zero, height);
    uint32_t right = snap(x, w, width), bottom = snap(y, h, height);
    right = right < width ? right : width & ~1u;
    bottom = bottom < height ? bottom : height & ~1u;
    return (struct box){
        .x = left,
        .y = top,
        .width = right > left ? right - left : 0,
        .height = bottom > top ? bottom - top : 0,
    };
}

/* What one of n cells beside each other gets, even; 0 when there is no room. */
static uint32_t share(uint32_t size_px, uint32_t n, uint32_t gap_px)
{
    const uint64_t gaps = (uint64_t)(n - 1) * gap_px;
    return size_px > gaps ? (uint32_t)((size_px - gaps) / n) & ~1u : 0;
}

/* The size, up to a factor, at which a whole 16:9 picture is seen in a cell. */
static uint64_t seen_area(uint32_t width, uint32_t height)
{
    const uint64_t by_width = (uint64_t)81 * width * width;
    const uint64_t by_height = (uint64_t)256 * height * height;
    return by_width < by_height ? by_width : by_height;
}

static uint32_t rows_for(const struct grid *grid, uint32_t cols, uint32_t n)
{
    const uint32_t rows = (n + cols - 1) / cols;
    return rows > grid->rows.min ? rows : grid->rows.min;
}

/* The number of columns that shows n pictures largest; of equals (within 1 %, which is what
 * rounding to even pixels may move), more columns on a wide box and fewer on a tall one. */
static uint32_t best_cols(const struct grid *grid, const struct box *box, uint32_t n,
                          uint32_t gap_px)
{
    const bool is_wide = box->width >= box->height;
    uint32_t best = grid->cols.max;
    uint64_t best_area = 0;
    for (uint32_t cols = grid->cols.min; cols <= grid->cols.max; cols++) {
        const uint32_t rows = rows_for(grid, cols, n);
        if (rows > grid->rows.max)
            continue;
        const uint64_t area =
            seen_area(share(box->width, cols, gap_px), share(box->height, rows, gap_px));
        const bool is_equal = area * 101 >= best_area * 100 && best_area * 101 >= area * 100;
        if (is_equal ? is_wide && area > 0 : area > best_area) {
            best = cols;
            best_area = area;
        }
    }
    return best;
}

static uint32_t aligned(uint32_t free_px, enum layout_align align)
{
    if (align == LAYOUT_START)
        return 0;
    return align == LAYOUT_END ? free_px : (free_px / 2) & ~1u;
}

/* The box of cell i of n. */
static struct box grid_box(const struct grid *grid, const struct box *box, uint32_t i, uint32_t n)
{
    uint32_t gap = grid->gap_px;
    uint32_t cols = best_cols(grid, box, n, gap);
    uint32_t rows = rows_for(grid, cols, n);
    if (share(box->width, cols, gap) == 0 || share(box->height, rows, gap) == 0) {
        gap = 0; /* a box too small for gaps */
        cols = best_cols(grid, box, n, gap);
        rows = rows_for(grid, cols, n);
    }
    const uint32_t width = share(box->width, cols, gap), height = share(box->height, rows, gap);
    const uint32_t row = i / cols, in_row = n - row * cols < cols ? n - row * cols : cols;
    const uint32_t used_width = in_row * width + (in_row - 1) * gap;
    const uint32_t used_height = rows * height + (rows - 1) * gap;
    return (struct box){
        .x = box->x + aligned(box->width - used_width, grid->align) + (i % cols) * (width + gap),
        .y = box->y + aligned(box->height - used_height, LAYOUT_CENTER) + row * (height + gap),
        .width = width,
        .height = height,
    };
}

/* Rising z; of equals the order of the file stays. */
static void sort_by_z(struct layout_tile *tiles, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        const struct layout_tile tile = tiles[i];
        size_t j = i;
        for (; j > 0 && tiles[j - 1].z > tile.z; j--)
            tiles[j] = tiles[j - 1];
        tiles[j] = tile;
    }
}

/* Corners never meet in the middle; a border leaves something to see. */
static struct layout_style style_of(const struct style *style, const struct box *b)
{
    struct layout_style s = style->fixed;
    const uint32_t side = b->width < b->height ? b->width : b->height;
    s.radius_px = (uint32_t)(style->radius.num * side / style->radius.den) & ~1u;
    if (s.border_px * 4 > side)
        s.border_px = (side / 4) & ~1u;
    return s;
}

static size_t put_cell(const struct cell *cell, size_t index, const struct picks *picks,
                       const struct box *box, struct layout_tile *tiles)
{
    uint32_t n = 0;
    for (size_t i = 0; i < picks->count; i++)
        n += picks->cell[i] == index;

    size_t put = 0;
    uint32_t at = 0;
    for (size_t i = 0; i < picks->count; i++) {
        if (picks->cell[i] != index)
            continue;
        const struct box b = cell->has_grid ? grid_box(&cell->grid, box, at++, n) : *box;
        if (b.width == 0 || b.height == 0)
            continue; /* the canvas is too small for it */
        tiles[put++] = (struct layout_tile){
            .person = picks->person[i],
            .x = b.x,
            .y = b.y,
            .width = b.width,
            .height = b.height,
            .fit = cell->fit,
            .z = cell->z,
            .style = style_of(&cell->style, &b),
        };
    }
    return put;
}

static const struct variant *variant_for(const struct layout *l, size_t count, bool is_portrait)
{
    const struct variants *v = is_portrait && l->portrait.count ? &l->portrait : &l->landscape;
    for (size_t i = 0; i < v->count; i++) {
        if (count >= v->list[i].people.min && count <= v->list[i].people.max)
            return &v->list[i];
    }
    return NULL;
}

static bool is_omitted(const struct layout *l, const struct layout_person *person)
{
    for (size_t i = 0; i < l->omit_count; i++) {
        const struct omit *omit = &l->omits[i];
        if (omit->kind == OMIT_NO_VIDEO && !person->has_video)
            return true;
        if (omit->kind == OMIT_ROLE && person->role && strcmp(omit->role, person->role) == 0)
            return true;
    }
    return false;
}

/* Marks who is left out as taken; returns how many are to be placed. */
static size_t omit(const struct layout *l, const struct layout_person *people, size_t count,
                   struct picks *picks)
{
    size_t left = 0;
    for (size_t i = 0; i < count; i++) {
        picks->taken[i] = is_omitted(l, &people[i]);
        left += !picks->taken[i];
    }
    return left;
}

/* The last tile of the last grid tells how many did not fit, or, without any grid, the last tile.
 * end is where a cell's tiles end. */
static void tell_more(const struct variant *v, const size_t *end, struct layout_tile *tiles,
                      uint32_t more)
{
    size_t last = end[v->cell_count - 1];
    bool is_grid = false;
    for (size_t i = v->cell_count; i-- > 0 && !is_grid;) {
        const size_t begin = i > 0 ? end[i - 1] : 0;
        is_grid = v->cells[i].has_grid && end[i] > begin;
        if (is_grid)
            last = end[i];
    }
    if (last == 0)
        return; /* nobody is seen at all */
    tiles[last - 1].more = more;
    tiles[last - 1].is_more_large = is_grid;
}

size_t layout_place(const struct layout *l, const struct layout_person *people, size_t count,
                    uint32_t width, uint32_t height, struct layout_tile *tiles, size_t max)
{
    if (count > LAYOUT_PEOPLE_MAX)
        count = LAYOUT_PEOPLE_MAX;
    if (max > LAYOUT_TILES_MAX)
        max = LAYOUT_TILES_MAX;
    struct picks picks = {0};
    const size_t wanted = omit(l, people, count, &picks);
    const struct variant *v = wanted ? variant_for(l, wanted, height > width) : NULL;
    if (!v)
        return 0;

    layout_choose(&picks, v, people, count, max);
    size_t put = 0;
    size_t end[LAYOUT_TILES_MAX];
    for (size_t i = 0; i < v->cell_count; i++) {
        const struct cell *cell = &v->cells[i];
        const struct box box = box_of(cell->x, cell->y, cell->w, cell->h, width, height);
        put += put_cell(cell, i, &picks, &box, tiles + put);
        end[i] = put;
    }
    if (put < wanted)
        tell_more(v, end, tiles, (uint32_t)(wanted - put));
    sort_by_z(tiles, put);
    return put;
}

size_t layout_overlays(const struct layout *l, uint32_t width, uint32_t height,
                       struct layout_overlay *overlays, size_t max)
{
    size_t count = 0;
    for (size_t i = 0; i < l->overlay_count && count < max; i++) {
        const struct overlay *o = &l->overlays[i];
        const struct box box = box_of(o->x, o->y, o->w, o->h, width, height);
        if (box.width == 0 || box.height == 0)
            continue;
        overlays[count] = o->fixed;
        overlays[count].x = box.x;
        overlays[count].y = box.y;
        overlays[count].width = box.width;
        overlays[count].height = box.height;
        overlays[count].text = o->text[0] ? o->text : NULL;
        count++;
    }
    return count;
}
