/* A source in one view; see spot.h. */
#include "compositor/spot.h"

#include <string.h>

#include "compositor/source.h"

void comp_spot_init(struct comp_spot *spot, struct comp_source *source)
{
    memset(spot, 0, sizeof(*spot));
    spot->source = source;
    comp_decor_init(&spot->decor, &source->person);
}

void comp_spot_finish(struct comp_spot *spot, struct comp_decorator *decorator)
{
    if (!spot->source)
        return;
    comp_decor_finish(&spot->decor, decorator);
    comp_scaler_finish(&spot->scaler);
    memset(spot, 0, sizeof(*spot));
}
