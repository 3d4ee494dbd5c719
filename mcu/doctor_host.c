/* Tokens, TLS, disk and fonts; see doctor.h. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pango/pangocairo.h>
#include <stdbool.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "mcu/doctor.h"
#include "signaling/token.h"

#define MB (UINT64_C(1000) * 1000)

enum {
    SOON_DAYS = 14,
    LEAST_FREE_MB = 200,
    FEW_FREE_MB = 5000, /* an hour and a half of one recording */
    HOUR_MB = 1200,     /* 2.5 Mbit/s of picture and sound */
    PATH_BYTES = 4096,
};

void mcu_doctor_auth(struct mcu_doctor *d)
{
    if (strlen(d->config->auth.secret) >= SIG_TOKEN_SECRET_MIN)
        mcu_doctor_say(d, MCU_DOCTOR_OK, "tokens", "auth.secret is set");
    else
        mcu_doctor_say(d, MCU_DOCTOR_NOTE, "tokens",
                       "auth.secret is not set: without it only `mixdown serve --dev` runs");
}

/* --- TLS -------------------------------------------------------------------------------------- */

/* What is wrong with the pair, or NULL and how many days it still holds. */
static const char *read_pair(const char *cert, const char *key, int64_t now_s, int *days)
{
    const char *wrong = NULL;
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx)
        return "OpenSSL has no memory";
    if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
        wrong = "http.tls_cert cannot be read as a chain of certificates in PEM";
    else if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
        wrong = "http.tls_key cannot be read, or is not the key of http.tls_cert";
    ERR_clear_error();
    if (!wrong) {
        int seconds = 0;
        ASN1_TIME *now = ASN1_TIME_set(NULL, (time_t)now_s);
        const ASN1_TIME *end = X509_get0_notAfter(SSL_CTX_get0_certificate(ctx));
        if (!now || !ASN1_TIME_diff(days, &seconds, now, end))
            wrong = "http.tls_cert does not say until when it holds";
        else if (*days < 0 || seconds < 0)
            wrong = "the certificate has run out: get a new one";
        ASN1_TIME_free(now);
    }
    SSL_CTX_free(ctx);
    return wrong;
}

void mcu_doctor_tls(struct mcu_doctor *d, int64_t now_s)
{
    const char *cert = d->config->http.tls_cert, *key = d->config->http.tls_key;
    int days = 0;
    if (!cert[0] && !key[0]) {
        mcu_doctor_say(
            d, MCU_DOCTOR_NOTE, "tls",
            "none: browsers give cameras to https:// and localhost only; set http.tls_cert and "
            "http.tls_key, or put a proxy with TLS before it");
        return;
    }
    const char *wrong = cert[0] && key[0] ? read_pair(cert, key, now_s, &days)
                                          : "http.tls_cert and http.tls_key belong together";
    if (wrong)
        mcu_doctor_say(d, MCU_DOCTOR_FAIL, "tls", "%s", wrong);
    else if (days < SOON_DAYS)
        mcu_doctor_say(d, MCU_DOCTOR_NOTE, "tls",
                       "the certificate holds for %d days more: renew it", days);
    else
        mcu_doctor_say(d, MCU_DOCTOR_OK, "tls", "the certificate holds for %d days more", days);
}

/* --- disk ------------------------------------------------------------------------------------- */

/* The nearest folder above that is there: `serve` makes what is missing. */
static void existing(char *path)
{
    while (access(path, F_OK) && strcmp(path, "/") != 0 && strcmp(path, ".") != 0) {
        char *slash = strrchr(path, '/');
        if (!slash)
            strcpy(path, ".");
        else
            slash[slash == path ? 1 : 0] = '\0';
    }
}

static void look_at_disk(struct mcu_doctor *d, const char *dir)
{
    struct statvfs fs;
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "%s", dir);
    existing(path);
    if (access(path, W_OK | X_OK) || statvfs(path, &fs)) {
        mcu_doctor_say(d, MCU_DOCTOR_FAIL, "disk",
                       "%s cannot be written (%s): set storage.dir, or its owner", dir,
                       strerror(errno));
        return;
    }
    const uint64_t free_mb = (uint64_t)fs.f_bavail * fs.f_frsize / MB;
    const unsigned long long hours = free_mb / HOUR_MB;
    if (free_mb < LEAST_FREE_MB)
        mcu_doctor_say(d, MCU_DOCTOR_FAIL, "disk", "%llu MB are free in %s: make room",
                       (unsigned long long)free_mb, dir);
    else if (free_mb < FEW_FREE_MB)
        mcu_doctor_say(d, MCU_DOCTOR_NOTE, "disk",
                       "%llu MB are free in %s, about %llu hours of recording",
                       (unsigned long long)free_mb, dir, hours);
    else
        mcu_doctor_say(d, MCU_DOCTOR_OK, "disk",
                       "%llu GB are free in %s, about %llu hours of recording",
                       (unsigned long long)free_mb / 1000, dir, hours);
}

void mcu_doctor_disk(struct mcu_doctor *d)
{
    const char *recordings = d->config->recording.dir;
    look_at_disk(d, d->config->storage.dir);
    if (recordings[0])
        look_at_disk(d, recordings);
}

/* --- fonts ------------------------------------------------------------------------------------ */

static const struct {
    const char *script;
    const char *text;
    const char *package;
} scripts[] = {
    {"Latin", "Zoe", "fonts-noto-core"},
    {"Arabic", "\xd8\xb3\xd9\x84\xd8\xa7\xd9\x85", "fonts-noto-core"},
    {"Chinese", "\xe4\xbd\xa0\xe5\xa5\xbd", "fonts-noto-cjk"},
    {"emoji", "\xf0\x9f\x98\x80", "fonts-noto-color-emoji"},
};

static bool can_write(PangoContext *context, const char *text)
{
    PangoLayout *layout = pango_layout_new(context);
    pango_layout_set_text(layout, text, -1);
    const bool can = pango_layout_get_unknown_glyphs_count(layout) == 0;
    g_object_unref(layout);
    return can;
}

void mcu_doctor_fonts(struct mcu_doctor *d)
{
    PangoContext *context = pango_font_map_create_context(pango_cairo_font_map_get_default());
    bool has_all = true;
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        if (can_write(context, scripts[i].text))
            continue;
        has_all = false;
        mcu_doctor_say(d, MCU_DOCTOR_NOTE, "fonts", "names in %s show as boxes: apt-get install %s",
                       scripts[i].script, scripts[i].package);
    }
    if (has_all)
        mcu_doctor_say(d, MCU_DOCTOR_OK, "fonts", "Latin, Arabic, Chinese and emoji");
    g_object_unref(context);
}
