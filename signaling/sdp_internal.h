/* signaling/sdp_internal.h - pieces that the SDP parser's files share. Only signaling/sdp*.c and
 * its tests include this. Nothing copies text: a span points into the caller's. */
#ifndef SIGNALING_SDP_INTERNAL_H
#define SIGNALING_SDP_INTERNAL_H

#include "signaling/sdp.h"

struct sdp_span {
    const char *at;
    size_t size;
};

struct sdp_line {
    char type;             /* 'v', 'm', 'a'... */
    struct sdp_span value; /* behind "x=", without the line end */
    struct sdp_span name;  /* of an attribute, up to the colon; value is then what follows it */
    uint32_t number;       /* from 1 */
};

struct sdp_lines {
    struct sdp_line *line;
    size_t count;
};

/* One m-line with what belongs to it, or the lines before the first one. */
struct sdp_section {
    const struct sdp_line *line; /* the m-line first */
    size_t count;
    bool is_in_group;
    bool is_bundle_only;
    bool has_rtcp_mux;
    uint32_t port;
};

/* Splits the text; out->line is the caller's to free. 0, or an error as sig_sdp_parse gives it. */
int sdp_split(struct sdp_lines *out, const char *text, size_t size, char *error);

/* Writes "line N: reason" and returns -EBADMSG. N 0: no line is to blame. */
int sdp_fail(char *error, const struct sdp_line *line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Cuts the next word off *rest; words are separated by spaces. Size 0 at the end. */
struct sdp_span sdp_word(struct sdp_span *rest);

/* Cuts off what comes before the first c, and c; all when there is no c. */
struct sdp_span sdp_cut(struct sdp_span *rest, char c);

bool sdp_is(struct sdp_span s, const char *text);
bool sdp_is_nocase(struct sdp_span s, const char *text);

/* The whole span as a decimal number of at most max. */
bool sdp_number(struct sdp_span s, uint32_t max, uint32_t *out);

/* A copy as a string; false when it does not fit, or is not printable ASCII without spaces. */
bool sdp_copy(char *out, size_t size, struct sdp_span s);

int sdp_hex(char c); /* 0..15, or -1 */

/* An m-line's codecs, header extensions, feedback, SSRCs and msid; sdp_media.c. */
int sdp_read_codecs(struct mcu_desc_media *m, const struct sdp_section *s, char *error);
void sdp_read_extensions(struct mcu_desc_media *m, const struct sdp_section *s);
void sdp_read_sources(struct mcu_desc_media *m, const struct sdp_section *s);

/* Layers of simulcast (RFC 8851, RFC 8853): what an offer sends, what an answer receives. */
void sdp_read_simulcast(struct mcu_desc_media *m, const struct sdp_section *s,
                        enum sig_sdp_type type);

/* "ice-ufrag" and "ice-pwd" into their fields. */
int sdp_read_ice(char *ufrag, char *pwd, const struct sdp_line *line, char *error);

/* An a=candidate line; those that are not for component 1, double or too many are skipped. */
int sdp_read_candidate(char (*list)[256], size_t *count, const struct sdp_line *line, char *error);

/* The header extensions that we know, by their field. */
struct sdp_extension {
    const char *uri;
    size_t offset; /* in struct mcu_desc_extensions */
};
extern const struct sdp_extension sdp_extensions[];
extern const size_t sdp_extension_count;

#endif
