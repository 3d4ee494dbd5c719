/* Storage answers in small XML documents of which one or two texts matter. Hostile bytes: nothing is
 * believed but what stands between a start tag without attributes and its end tag. */
#include <errno.h>
#include <string.h>

#include "signaling/s3.h"

enum { TAG_MAX = 64 };

static const char *find(const char *in, size_t size, const char *what, size_t what_size)
{
    return size >= what_size ? memmem(in, size, what, what_size) : NULL;
}

/* One character or entity; how many bytes of text it took, 0: none that we know. */
static size_t decode(const char *text, size_t size, char *out)
{
    static const struct {
        const char *name;
        char is;
    } entities[] = {
        {"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''},
        {"&#34;", '"'}, {"&#39;", '\''},
    };
    if (*text != '&') {
        *out = *text;
        return (unsigned char)*text >= ' ' && *text != '<' ? 1 : 0;
    }
    for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++) {
        const size_t n = strlen(entities[i].name);
        if (size >= n && memcmp(text, entities[i].name, n) == 0) {
            *out = entities[i].is;
            return n;
        }
    }
    return 0;
}

int s3_xml_text(const char *xml, size_t size, const char *tag, char *out, size_t out_size)
{
    char start[TAG_MAX + 3] = "<", end[TAG_MAX + 4] = "</";
    if (strlen(tag) >= TAG_MAX || !out_size)
        return -EMSGSIZE;
    strcat(strcat(start, tag), ">");
    strcat(strcat(end, tag), ">");
    const char *from = find(xml, size, start, strlen(start));
    if (!from)
        return -ENOENT;
    from += strlen(start);
    const char *to = find(from, size - (size_t)(from - xml), end, strlen(end));
    if (!to)
        return -EBADMSG;
    size_t n = 0;
    while (from < to) {
        if (n + 1 >= out_size)
            return -EMSGSIZE;
        const size_t took = decode(from, (size_t)(to - from), &out[n++]);
        if (!took)
            return -EBADMSG;
        from += took;
    }
    out[n] = '\0';
    return 0;
}
