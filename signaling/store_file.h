/* signaling/store_file.h - files that clients upload: whole or not there. Front thread. */
#ifndef SIGNALING_STORE_FILE_H
#define SIGNALING_STORE_FILE_H

#include <stddef.h>
#include <sys/stat.h>

/* Puts bytes into `temporary`, on the disk, and then in the place of path, both in one folder. *st
 * (may be NULL): the file as it is then. Returns 0 or a negative errno: what was at path stays. */
int sig_file_replace(const char *path, const char *temporary, const void *bytes, size_t size,
                     struct stat *st);

#endif
