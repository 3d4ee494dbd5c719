/* compositor/label.h - what is written on tiles, drawn with Pango and Cairo: name labels, avatars
 * and
 * "+N"; inside this folder only.
 *
 * Text is UTF-8 in any script; fonts come from fontconfig (tools/packages.txt names them). Drawing
 * takes a millisecond or more and allocates: never on [tick]. All [any]; the caller owns *out. All
 * return 0, -EINVAL (a size of 0 or over 4096) or -ENOMEM. */
#ifndef COMPOSITOR_LABEL_H
#define COMPOSITOR_LABEL_H

#include <stdbool.h>
#include <stdint.h>

#include "compositor/comp.h"
#include "compositor/overlay.h"

struct comp_label_conf {
    const char *name;    /* shortened with an ellipsis when it does not fit */
    uint32_t tile_width; /* pixels; the label is at most so wide, and its text a share of ... */
    uint32_t tile_height;
    bool is_muted; /* a crossed-out microphone */
    bool has_hand_up;
    int bars; /* of the network: a sign for 0..2, nothing for better or unknown */
};

/* A pill for the lower left corner of a tile: signs, then the name. */
int comp_label_render(struct comp_overlay **out, const struct comp_label_conf *conf);

/* Initials on a disc whose colour follows from the user, on a dark ground: fills the tile, opaque.
 */
int comp_avatar_render(struct comp_overlay **out, const char *user, const char *name,
                       uint32_t tile_width, uint32_t tile_height);

/* "+12", over a whole tile that it darkens. */
int comp_more_render(struct comp_overlay **out, uint32_t count, uint32_t tile_width,
                     uint32_t tile_height);

/* 0xRRGGBB of what avatars stand on. */
uint32_t comp_avatar_ground(void);

/* A ring that fits around the avatar's disc, wider for a louder voice: level 1..3. */
int comp_ring_render(struct comp_overlay **out, uint32_t level, uint32_t tile_width,
                     uint32_t tile_height);

/* "+12" on a small plate, for a corner of a tile. */
int comp_badge_render(struct comp_overlay **out, uint32_t count, uint32_t tile_width,
                      uint32_t tile_height);

/* What an avatar shows of a name: the first letters of its first two words, or the first character
 * of a word in a script without letters of two cases. Writes at most 32 bytes with the NUL. */
void comp_initials(const char *name, char out[32]);

/* How many characters of the text no installed font can show; -ENOMEM. For `mixdown doctor` and
 * tests. */
int comp_label_unknown_glyphs(const char *text);

#endif
