/* signaling/ids.h - random names that nobody can guess: sessions, peers, resume tokens, recordings.
 *
 * Threads: [any]. */
#ifndef SIGNALING_IDS_H
#define SIGNALING_IDS_H

#include <stddef.h>

enum {
    SIG_ID_CHARS = 22,     /* 131 bits in base 62 */
    SIG_ID_SIZE = SIG_ID_CHARS + 1,
};

/* Fills out (size bytes, at least 2) with size - 1 random characters of 0-9 A-Z a-z and a NUL.
 * Reads the kernel's generator, which cannot fail once the machine is up; aborts if it does, for a
 * guessable id is worse. */
void sig_id_make(char *out, size_t size);

#endif
