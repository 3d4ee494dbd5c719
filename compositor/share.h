/* compositor/share.h - a source's picture at sizes that several views want; inside this folder
 * only. All [tick] but finish.
 *
 * Who scales a picture as somebody did before (same crop, same size) is seen to share that size.
 * From the next picture on it is scaled once, beside the canvases, and copied to each. When nobody
 * took the copy the next one is drawn directly again, so a size that one view alone shows costs
 * nothing more. */
#ifndef COMPOSITOR_SHARE_H
#define COMPOSITOR_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "compositor/canvas.h"
#include "compositor/scale.h"

enum { COMP_SHARES_MAX = 4 };

struct comp_share {
    struct comp_rect crop;
    uint32_t width, height;       /* 0: free */
    uint64_t picture;             /* the source's, that was drawn last at this size */
    const struct comp_scaler *by; /* who drew it; only compared */
    bool is_wanted;               /* by more than one */
    bool is_ready;                /* `canvas` has it */
    uint32_t taken;               /* so often, since it was made */
    struct comp_canvas canvas;
};

struct comp_shares {
    struct comp_share share[COMP_SHARES_MAX];
    uint64_t taken; /* pictures that were copied instead of scaled */
};

/* [ctl] A zeroed one is fine. */
void comp_shares_finish(struct comp_shares *shares);

/* As comp_scale(), of the source's picture with this number. Allocates only when sizes changed. */
int comp_shares_draw(struct comp_shares *shares, struct comp_scaler *scaler, const AVFrame *frame,
                     uint64_t picture, const struct comp_rect *crop, struct comp_canvas *canvas,
                     const struct comp_rect *inner);

#endif
