/* Pictures of layouts; see layout_pictures.h. Kept by name, file, people and size; the oldest goes
 * when there are too many. */
#include "signaling/layout_pictures.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "signaling/images.h"
#include "signaling/layouts.h"

enum { KEPT_MAX = 64, KEPT_BYTES_MAX = 256 * 1024, KEY_SIZE = 128, WORD_SIZE = 1024 };

struct kept {
    char key[KEY_SIZE];
    uint8_t *png;
    size_t size;
};

struct sig_pictures {
    struct sig_host host;
    struct kept kept[KEPT_MAX];
    size_t next; /* to be replaced */
};

struct drawing {
    struct sig_pictures *pictures;
    char key[KEY_SIZE];
    sig_rendered_fn *done;
    void *arg;
};

/* word is what the host draws; "" when there is no such layout. */
static void make_key(char key[KEY_SIZE], char word[WORD_SIZE], const struct sig_layouts *layouts,
                     const struct sig_picture_wish *w)
{
    const uint64_t serial = sig_layout_word(layouts, w->name, word, WORD_SIZE);
    snprintf(key, KEY_SIZE, "%s %llu %llu %u %ux%u", w->name, (unsigned long long)serial,
             (unsigned long long)sig_images_serial(w->images), w->people, w->width, w->height);
}

const uint8_t *sig_picture_find(const struct sig_pictures *p, const struct sig_layouts *layouts,
                                const struct sig_picture_wish *wish, size_t *size)
{
    char key[KEY_SIZE];
    char word[WORD_SIZE];
    make_key(key, word, layouts, wish);
    for (size_t i = 0; i < KEPT_MAX; i++) {
        if (p->kept[i].png && strcmp(p->kept[i].key, key) == 0) {
            *size = p->kept[i].size;
            return p->kept[i].png;
        }
    }
    return NULL;
}

static void keep(struct sig_pictures *p, const char *key, const uint8_t *png, size_t size)
{
    uint8_t *copy = size <= KEPT_BYTES_MAX ? malloc(size) : NULL;
    if (!copy)
        return;
    memcpy(copy, png, size);
    struct kept *k = &p->kept[p->next++ % KEPT_MAX];
    free(k->png);
    *k = (struct kept){.png = copy, .size = size};
    snprintf(k->key, sizeof(k->key), "%s", key);
}

static void on_rendered(void *arg, const uint8_t *png, size_t size)
{
    struct drawing *d = arg;
    if (png)
        keep(d->pictures, d->key, png, size);
    d->done(d->arg, png, size);
    free(d);
}

int sig_picture_draw(struct sig_pictures *p, const struct sig_layouts *layouts,
                     const struct sig_picture_wish *wish, sig_rendered_fn *done, void *arg)
{
    char word[WORD_SIZE];
    struct drawing *d = calloc(1, sizeof(*d));
    if (!d)
        return -ENOMEM;
    *d = (struct drawing){.pictures = p, .done = done, .arg = arg};
    make_key(d->key, word, layouts, wish);
    const int err = word[0] ? p->host.render(p->host.ctx, word, wish->people, wish->width,
                                             wish->height, on_rendered, d)
                            : -ENOENT;
    if (err)
        free(d);
    return err;
}

int sig_pictures_create(struct sig_pictures **out, const struct sig_host *host)
{
    struct sig_pictures *p = calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    p->host = *host;
    *out = p;
    return 0;
}

void sig_pictures_destroy(struct sig_pictures *p)
{
    for (size_t i = 0; p && i < KEPT_MAX; i++)
        free(p->kept[i].png);
    free(p);
}
