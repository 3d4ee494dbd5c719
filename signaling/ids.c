/* Random ids in base 62. Bytes of 248 and above are thrown away, so that every character is equally
 * likely. */
#include "signaling/ids.h"

#include <stdlib.h>
#include <sys/random.h>

enum { FAIR = 248 }; /* the largest multiple of 62 that a byte holds */

void sig_id_make(char *out, size_t size)
{
    static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    size_t filled = 0;
    while (filled + 1 < size) {
        unsigned char bytes[64]; /* below 256 getrandom is never cut short by a signal */
        if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
            abort();
        for (size_t i = 0; i < sizeof(bytes) && filled + 1 < size; i++) {
            if (bytes[i] < FAIR)
                out[filled++] = alphabet[bytes[i] % 62];
        }
    }
    out[filled] = '\0';
}
