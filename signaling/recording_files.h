/* signaling/recording_files.h - what lies beside a recording on the disk, under its stem.
 *
 *   STEM.mp4 (.m4a, .ogg)  the recording            STEM.json          who spoke when
 *   STEM.vtt               the same as captions     STEM.jpg           a picture of it
 *   STEM.snapshot-N.jpg    pictures at an interval  STEM.track-X.ogg   one participant's sound
 *
 * The folder is the truth: no row knows of these. What is not finished (.marks, .tmp) is not listed.
 *
 * Threads: [any]; it reads a folder. */
#ifndef SIGNALING_RECORDING_FILES_H
#define SIGNALING_RECORDING_FILES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct sig_recording_file {
    char name[256];    /* in the folder of the recording */
    const char *kind;  /* "recording" "captions" "speakers" "thumbnail" "snapshot" "track" */
    const char *type;  /* for Content-Type */
    int64_t bytes;
};

/* What `name` is to the recording `file`; false: nothing of it. Pure; bytes is not touched. */
bool sig_recording_file_is(const char *file, const char *name, struct sig_recording_file *out);

/* All of it, the recording first, then by name. *out is the caller's to free. Returns how many, or a
 * negative errno. */
int sig_recording_files(const char *file, struct sig_recording_file **out);

/* [{name, kind, bytes, url}] for the recording with that id; new. */
json_t *sig_recording_files_json(const char *id, const char *file);

/* Deletes all of it. Returns 0, or the errno of deleting the recording itself. */
int sig_recording_remove_files(const char *file);

#endif
