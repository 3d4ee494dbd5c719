/* signaling/layouts.h - which layouts there are: those compiled in, and those in a folder, which
 * people upload or edit. Front thread.
 *
 * A file in the folder is NAME.json. It is read when it is uploaded and when sig_layouts_scan()
 * finds it changed; one that is broken is named in the log, and what was read before stays. The
 * names of built-in layouts are theirs for good. */
#ifndef SIGNALING_LAYOUTS_H
#define SIGNALING_LAYOUTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "signaling/errors.h"

enum {
    SIG_LAYOUTS_MAX = 200, /* in the folder */
    SIG_LAYOUT_BYTES_MAX = 256 * 1024,
    SIG_LAYOUT_WHY_MAX = 320,
};

struct sig_layouts;

/* dir: absolute, made when somebody uploads. Returns 0 or -ENOMEM. */
int sig_layouts_create(struct sig_layouts **out, const char *dir);
void sig_layouts_destroy(struct sig_layouts *l); /* NULL is fine */

/* Whom to tell that a layout of the folder is another than before. Must not call back. */
void sig_layouts_listen(struct sig_layouts *l, void (*changed)(void *ctx, const char *name),
                        void *ctx);

/* Looks for files that came, went or changed. */
void sig_layouts_scan(struct sig_layouts *l);

/* --- reading; l may be NULL: only the built-in ones ------------------------------------------- */

/* [{name, title: {en, zh}, builtIn, picture}], the built-in ones first; new. picture is a path on
 * this server. */
json_t *sig_layouts_json(const struct sig_layouts *l);

/* The same of one; NULL: there is none of that name. */
json_t *sig_layout_json(const struct sig_layouts *l, const char *name);

/* One file as it is, new; NULL: there is none of that name. */
json_t *sig_layout_file(const struct sig_layouts *l, const char *name);

bool sig_layout_exists(const struct sig_layouts *l, const char *name);

/* The same for those of the folder, which rooms have to be given. */
json_t *sig_layout_stored(const struct sig_layouts *l, const char *name);

/* The i-th of those by name, borrowed until the next change; NULL: there are no more. */
const json_t *sig_layouts_stored_at(const struct sig_layouts *l, size_t i, const char **name);

/* What `mixdown layout render` calls it, "" when there is none: a name, or a path. Returns a number
 * that changes with the file. */
uint64_t sig_layout_word(const struct sig_layouts *l, const char *name, char *word, size_t size);

/* --- changing --------------------------------------------------------------------------------- */

/* Checks, stores and uses it from now on. Returns NULL, or bad_layout (why says what and where),
 * layout_builtin, too_many_layouts, internal. */
const struct sig_error *sig_layout_put(struct sig_layouts *l, const char *name, const char *text,
                                       size_t size, char why[SIG_LAYOUT_WHY_MAX]);

/* Returns NULL, or no_such_layout, layout_builtin, internal. */
const struct sig_error *sig_layout_delete(struct sig_layouts *l, const char *name);

#endif
