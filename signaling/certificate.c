/* See certificate.h. A new pair is tried in a context of its own first: half of it in the one that
 * serves would end every handshake. */
#include "signaling/certificate.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/stat.h>

#include "mcu/base/log.h"

static struct sig_file_stamp stamp_of(const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return (struct sig_file_stamp){0};
    return (struct sig_file_stamp){
        .device = st.st_dev, .inode = st.st_ino, .size = st.st_size, .changed = st.st_ctim};
}

static bool is_same(const struct sig_file_stamp *a, const struct sig_file_stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static bool load(SSL_CTX *ctx, const struct sig_certificate *c)
{
    return ctx && SSL_CTX_use_certificate_chain_file(ctx, c->cert) == 1 &&
           SSL_CTX_use_PrivateKey_file(ctx, c->key, SSL_FILETYPE_PEM) == 1 &&
           SSL_CTX_check_private_key(ctx) == 1;
}

void sig_certificate_init(struct sig_certificate *c, void *context, const char *cert,
                          const char *key)
{
    *c = (struct sig_certificate){.context = context, .cert = cert, .key = key};
    if (!context)
        return;
    c->cert_stamp = stamp_of(cert);
    c->key_stamp = stamp_of(key);
}

static bool take(const struct sig_certificate *c)
{
    char why[256] = "";
    SSL_CTX *trial = SSL_CTX_new(TLS_server_method());
    const bool is_good = load(trial, c) && load(c->context, c);
    if (!is_good)
        ERR_error_string_n(ERR_peek_error(), why, sizeof(why));
    SSL_CTX_free(trial);
    ERR_clear_error();
    if (is_good)
        log_info("http: a new certificate is in use: %s", c->cert);
    else
        log_error("http: the certificate %s and the key %s cannot be used together, the old ones "
                  "go on: %s",
                  c->cert, c->key, why);
    return is_good;
}

bool sig_certificate_look(struct sig_certificate *c, bool is_asked)
{
    if (!c->context)
        return false;
    const struct sig_file_stamp cert = stamp_of(c->cert);
    const struct sig_file_stamp key = stamp_of(c->key);
    if (!is_asked && is_same(&cert, &c->cert_stamp) && is_same(&key, &c->key_stamp))
        return false;
    c->cert_stamp = cert;
    c->key_stamp = key;
    return take(c);
}
