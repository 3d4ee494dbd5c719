/* ICE in SDP: credentials, candidates (RFC 8839, section 5) and the fragments that trickle them
 * (RFC 8840). A candidate is checked against its grammar and kept as text: libnice reads it. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "signaling/sdp_internal.h"

enum { CANDIDATE_SIZE = 256, UFRAG_MIN = 4, PWD_MIN = 22 };

/* ice-char is ALPHA, DIGIT, "+" and "/"; some stacks also use what base64url has. */
static bool is_ice(struct sdp_span s)
{
    for (size_t i = 0; i < s.size; i++) {
        if (!isalnum((unsigned char)s.at[i]) && !strchr("+/-_=", s.at[i]))
            return false;
    }
    return s.size > 0;
}

static int read_credential(char *out, size_t least, const struct sdp_line *line, char *error)
{
    const struct sdp_span v = line->value;
    if (v.size < least || v.size > MCU_DESC_TOKEN_MAX)
        return sdp_fail(error, line, "%.*s has %zu characters, not %zu to %d", (int)line->name.size,
                        line->name.at, v.size, least, MCU_DESC_TOKEN_MAX);
    if (!is_ice(v))
        return sdp_fail(error, line, "%.*s has characters that ICE does not allow",
                        (int)line->name.size, line->name.at);
    memcpy(out, v.at, v.size);
    out[v.size] = '\0';
    return 0;
}

int sdp_read_ice(char *ufrag, char *pwd, const struct sdp_line *line, char *error)
{
    if (sdp_is(line->name, "ice-ufrag"))
        return read_credential(ufrag, UFRAG_MIN, line, error);
    if (sdp_is(line->name, "ice-pwd"))
        return read_credential(pwd, PWD_MIN, line, error);
    return 0;
}

/* --- candidates ------------------------------------------------------------------------------ */

/* An IPv4 or IPv6 address or a name; libnice resolves or refuses it. */
static bool is_address(struct sdp_span s)
{
    for (size_t i = 0; i < s.size; i++) {
        if (!isalnum((unsigned char)s.at[i]) && !strchr(".:-_", s.at[i]))
            return false;
    }
    return s.size > 0;
}

/* "typ host raddr 10.0.0.1 rport 9 generation 0": names with values. */
static bool are_pairs(struct sdp_span rest)
{
    while (rest.size > 0) {
        uint32_t port;
        const struct sdp_span name = sdp_word(&rest), value = sdp_word(&rest);
        if (name.size == 0)
            return true; /* a space at the end */
        if (value.size == 0)
            return false;
        if (sdp_is(name, "raddr") && !is_address(value))
            return false;
        if (sdp_is(name, "rport") && !sdp_number(value, 65535, &port))
            return false;
    }
    return true;
}

/* The text behind "candidate:"; *component is that of a good one. */
static bool is_candidate(struct sdp_span text, uint32_t *component)
{
    uint32_t n;
    struct sdp_span rest = text;
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] < ' ' || text.at[i] > '~')
            return false;
    }
    const struct sdp_span foundation = sdp_word(&rest);
    if (foundation.size > 32 || !is_ice(foundation))
        return false;
    if (!sdp_number(sdp_word(&rest), 256, component) || *component == 0)
        return false;
    if (!is_ice(sdp_word(&rest)) || !sdp_number(sdp_word(&rest), UINT32_MAX, &n))
        return false;
    if (!is_address(sdp_word(&rest)) || !sdp_number(sdp_word(&rest), 65535, &n))
        return false;
    return sdp_is(sdp_word(&rest), "typ") && is_ice(sdp_word(&rest)) && are_pairs(rest);
}

bool sig_sdp_candidate_is_valid(const char *text, size_t size)
{
    uint32_t component;
    struct sdp_span rest = {text, size};
    return size > 0 && size < CANDIDATE_SIZE && memchr(text, ':', size) &&
           sdp_is(sdp_cut(&rest, ':'), "candidate") && is_candidate(rest, &component);
}

int sdp_read_candidate(char (*list)[256], size_t *count, const struct sdp_line *line, char *error)
{
    uint32_t component = 0;
    char text[CANDIDATE_SIZE] = "candidate:";
    const size_t prefix = strlen(text);
    if (line->value.size + prefix >= sizeof(text) || !is_candidate(line->value, &component))
        return sdp_fail(error, line, "not a candidate");
    memcpy(text + prefix, line->value.at, line->value.size);
    text[prefix + line->value.size] = '\0';
    if (component != 1 || *count == MCU_DESC_CANDIDATES_MAX)
        return 0;
    for (size_t i = 0; i < *count; i++) {
        if (strcmp(list[i], text) == 0)
            return 0;
    }
    memcpy(list[(*count)++], text, sizeof(text));
    return 0;
}

/* --- fragments ------------------------------------------------------------------------------- */

static int read_fragment_line(struct sig_sdp_fragment *f, const struct sdp_line *line, char *error)
{
    if (line->type != 'a')
        return 0;
    if (sdp_is(line->name, "candidate"))
        return sdp_read_candidate(f->candidates, &f->candidate_count, line, error);
    if (sdp_is(line->name, "end-of-candidates"))
        f->end_of_candidates = true;
    if (sdp_is(line->name, "mid") && !f->mid[0] && !sdp_copy(f->mid, sizeof(f->mid), line->value))
        return sdp_fail(error, line, "mid is not a token of at most 31 characters");
    return sdp_read_ice(f->ice_ufrag, f->ice_pwd, line, error);
}

int sig_sdp_parse_fragment(struct sig_sdp_fragment *out, const char *text, size_t size, char *error)
{
    struct sdp_lines lines;
    struct sig_sdp_fragment f = {0};
    int err = sdp_split(&lines, text, size, error);
    if (err)
        return err;
    for (size_t i = 0; !err && i < lines.count; i++)
        err = read_fragment_line(&f, &lines.line[i], error);
    free(lines.line);
    if (!err)
        *out = f;
    return err;
}
