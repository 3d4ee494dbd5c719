/* One DTLS association; see dtls.h. [net]
 *
 * OpenSSL talks to a BIO of our own: a write is one datagram that goes out at once, a read gives
 * the one datagram that is being received. (Its memory BIO is a byte stream and would glue flights
 * together.) Timers start at 100 ms instead of a second: signalling has just told that both sides
 * are there, so what is not answered was lost. */
#include "transport/dtls_internal.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "mcu/base/clock.h"

enum {
    FIRST_TIMEOUT_US = 100 * 1000,
    MAX_TIMEOUT_US = 1600 * 1000,
    IP_UDP_BYTES = 48, /* IPv6 */
};

struct rtc_dtls {
    SSL *ssl;
    enum rtc_dtls_state state;
    bool is_client;
    bool is_mismatch; /* the fingerprint was another one */
    const char *reason;
    uint8_t fingerprint[RTC_FINGERPRINT_BYTES];
    const uint8_t *in; /* the datagram being received; NULL: taken */
    size_t in_size;
    void (*send)(void *ctx, const uint8_t *data, size_t size);
    void *send_ctx;
};

static int bio_write(BIO *bio, const char *data, int size)
{
    struct rtc_dtls *d = BIO_get_data(bio);
    if (size > 0)
        d->send(d->send_ctx, (const uint8_t *)data, (size_t)size);
    return size;
}

static int bio_read(BIO *bio, char *data, int capacity)
{
    struct rtc_dtls *d = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (!d->in || capacity <= 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    const size_t n = d->in_size < (size_t)capacity ? d->in_size : (size_t)capacity;
    memcpy(data, d->in, n);
    d->in = NULL;
    return (int)n;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_DGRAM_QUERY_MTU:
    case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
        return RTC_DTLS_MTU_BYTES;
    case BIO_CTRL_DGRAM_GET_MTU_OVERHEAD:
        return IP_UDP_BYTES;
    default:
        return 0;
    }
}

static int bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

/* Made once a process: OpenSSL has few type numbers and never gets one back. */
static pthread_once_t method_once = PTHREAD_ONCE_INIT;
static BIO_METHOD *method;

static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagram");
    if (!method)
        return;
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_ctrl(method, bio_ctrl);
    BIO_meth_set_create(method, bio_create);
}

int rtc_dtls_verify(X509_STORE_CTX *store, void *arg)
{
    (void)arg;
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct rtc_dtls *d = SSL_get_app_data(ssl);
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    X509 *x509 = X509_STORE_CTX_get0_cert(store);
    if (x509 && X509_digest(x509, EVP_sha256(), digest, &size) == 1 &&
        size == sizeof(d->fingerprint) && CRYPTO_memcmp(digest, d->fingerprint, size) == 0)
        return 1;
    d->is_mismatch = true;
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
    return 0;
}

static unsigned int next_timeout(SSL *ssl, unsigned int last_us)
{
    (void)ssl;
    if (last_us == 0)
        return FIRST_TIMEOUT_US;
    return last_us * 2 < MAX_TIMEOUT_US ? last_us * 2 : MAX_TIMEOUT_US;
}

int rtc_dtls_create(struct rtc_dtls **out, const struct rtc_certificate *c, bool is_client,
                    const uint8_t *fingerprint,
                    void (*send)(void *ctx, const uint8_t *data, size_t size), void *ctx)
{
    struct rtc_dtls *d = calloc(1, sizeof(*d));
    if (!d)
        return -ENOMEM;
    d->is_client = is_client;
    d->reason = "";
    d->send = send;
    d->send_ctx = ctx;
    memcpy(d->fingerprint, fingerprint, sizeof(d->fingerprint));
    pthread_once(&method_once, make_method);
    d->ssl = SSL_new(c->tls);
    BIO *bio = method ? BIO_new(method) : NULL;
    if (!d->ssl || !bio) {
        BIO_free(bio);
        rtc_dtls_destroy(d);
        return -ENOMEM;
    }
    BIO_set_data(bio, d);
    SSL_set_bio(d->ssl, bio, bio);
    SSL_set_app_data(d->ssl, d);
    DTLS_set_link_mtu(d->ssl, RTC_DTLS_MTU_BYTES + IP_UDP_BYTES);
    DTLS_set_timer_cb(d->ssl, next_timeout);
    if (is_client)
        SSL_set_connect_state(d->ssl);
    else
        SSL_set_accept_state(d->ssl);
    *out = d;
    return 0;
}

void rtc_dtls_destroy(struct rtc_dtls *d)
{
    if (!d)
        return;
    SSL_free(d->ssl);
    free(d);
}

static enum rtc_dtls_state fail(struct rtc_dtls *d, const char *reason)
{
    d->state = RTC_DTLS_FAILED;
    d->reason = d->is_mismatch ? "dtls: another certificate than its description said" : reason;
    return d->state;
}

/* Turns what OpenSSL answered into the next state. */
static enum rtc_dtls_state judge(struct rtc_dtls *d, int result)
{
    if (result > 0)
        return d->state;
    const int error = SSL_get_error(d->ssl, result);
    if (error == SSL_ERROR_ZERO_RETURN) {
        d->state = RTC_DTLS_CLOSED;
        d->reason = "dtls: closed by the far side";
    } else if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
        fail(d, "dtls: handshake refused");
    }
    return d->state;
}

static enum rtc_dtls_state handshake(struct rtc_dtls *d)
{
    ERR_clear_error();
    const int result = SSL_do_handshake(d->ssl);
    if (result != 1)
        return judge(d, result);
    if (!SSL_get_selected_srtp_profile(d->ssl))
        return fail(d, "dtls: no common SRTP profile");
    d->state = RTC_DTLS_CONNECTED;
    return d->state;
}

/* No application data is ours (no data channels), but reading is what handles alerts and resends
 * the last flight when the far side asks again. */
static enum rtc_dtls_state drain(struct rtc_dtls *d)
{
    uint8_t scratch[2048];
    ERR_clear_error();
    int n;
    do {
        n = SSL_read(d->ssl, scratch, sizeof(scratch));
    } while (n > 0);
    return judge(d, n);
}

enum rtc_dtls_state rtc_dtls_start(struct rtc_dtls *d)
{
    return d->is_client && d->state == RTC_DTLS_HANDSHAKE ? handshake(d) : d->state;
}

enum rtc_dtls_state rtc_dtls_receive(struct rtc_dtls *d, const uint8_t *data, size_t size)
{
    if (size == 0)
        return d->state; /* OpenSSL would take it for the end of a stream */
    d->in = data;
    d->in_size = size;
    if (d->state == RTC_DTLS_HANDSHAKE)
        handshake(d);
    if (d->state == RTC_DTLS_CONNECTED)
        drain(d);
    d->in = NULL;
    return d->state;
}

enum rtc_dtls_state rtc_dtls_tick(struct rtc_dtls *d)
{
    if (d->state != RTC_DTLS_HANDSHAKE && d->state != RTC_DTLS_CONNECTED)
        return d->state;
    ERR_clear_error();
    if (DTLSv1_handle_timeout(d->ssl) < 0 && d->state == RTC_DTLS_HANDSHAKE)
        return fail(d, "dtls: no answer");
    return d->state;
}

int64_t rtc_dtls_timeout_us(struct rtc_dtls *d)
{
    struct timeval left;
    if (d->state != RTC_DTLS_HANDSHAKE || DTLSv1_get_timeout(d->ssl, &left) != 1)
        return -1;
    return (int64_t)left.tv_sec * MCU_US_PER_S + left.tv_usec;
}

void rtc_dtls_close(struct rtc_dtls *d)
{
    if (d->state != RTC_DTLS_CONNECTED)
        return;
    ERR_clear_error();
    SSL_shutdown(d->ssl);
    d->state = RTC_DTLS_CLOSED;
}

const char *rtc_dtls_reason(const struct rtc_dtls *d)
{
    return d->reason;
}

static enum rtc_srtp_profile chosen_profile(SSL *ssl)
{
    const SRTP_PROTECTION_PROFILE *p = SSL_get_selected_srtp_profile(ssl);
    return p && p->id == SRTP_AEAD_AES_128_GCM ? RTC_SRTP_AEAD_AES_128_GCM
                                               : RTC_SRTP_AES128_CM_SHA1_80;
}

void rtc_dtls_split(const uint8_t *material, size_t key, size_t salt, uint8_t *client,
                    uint8_t *server)
{
    memcpy(client, material, key);
    memcpy(server, material + key, key);
    memcpy(client + key, material + 2 * key, salt);
    memcpy(server + key, material + 2 * key + salt, salt);
}

int rtc_dtls_keys(struct rtc_dtls *d, struct rtc_dtls_keys *keys)
{
    static const char label[] = "EXTRACTOR-dtls_srtp";
    if (d->state != RTC_DTLS_CONNECTED)
        return -EAGAIN;
    struct rtc_dtls_keys k = {.profile = chosen_profile(d->ssl)};
    const size_t key = rtc_srtp_key_bytes(k.profile);
    const size_t salt = rtc_srtp_salt_bytes(k.profile);
    k.size = key + salt;

    uint8_t material[2 * RTC_SRTP_KEY_MAX];
    if (k.size == 0 || SSL_export_keying_material(d->ssl, material, 2 * k.size, label,
                                                  sizeof(label) - 1, NULL, 0, 0) != 1)
        return -EIO;
    rtc_dtls_split(material, key, salt, d->is_client ? k.send : k.receive,
                   d->is_client ? k.receive : k.send);
    explicit_bzero(material, sizeof(material));
    *keys = k;
    return 0;
}
