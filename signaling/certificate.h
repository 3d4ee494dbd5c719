/* signaling/certificate.h - the server's TLS certificate, taken anew while it serves.
 *
 * When the files of http.tls_cert and http.tls_key change (looked at once a second), or on SIGHUP,
 * they are read, checked against each other, and new connections get them; old ones keep theirs. What
 * cannot be used is said once and left aside: the old certificate goes on. Front thread. */
#ifndef SIGNALING_CERTIFICATE_H
#define SIGNALING_CERTIFICATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct sig_file_stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

struct sig_certificate {
    void *context; /* SSL_CTX of the port, libwebsockets'; NULL: no TLS */
    const char *cert, *key;
    struct sig_file_stamp cert_stamp, key_stamp; /* as they were last looked at */
};

/* The files as they are now are those in use. */
void sig_certificate_init(struct sig_certificate *c, void *context, const char *cert,
                          const char *key);

/* Reads the files if they changed since the last look, or when told to. Returns whether new ones are in
 * use. */
bool sig_certificate_look(struct sig_certificate *c, bool is_asked);

#endif
