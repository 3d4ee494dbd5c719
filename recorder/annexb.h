/* recorder/annexb.h - the parameter sets inside an H264 access unit (ISO 14496-10, Annex B). */
#ifndef RECORDER_ANNEXB_H
#define RECORDER_ANNEXB_H

#include <stddef.h>
#include <stdint.h>

/* [any] Copies the sequence and picture parameter sets of an access unit to out, each after a start
 * code of four bytes. Returns 0, -ENODATA when one of the two kinds is missing, or -EMSGSIZE when
 * they need more than capacity bytes. *size is written only on success. */
int rec_annexb_parameters(const uint8_t *data, size_t data_size, uint8_t *out, size_t capacity,
                          size_t *size);

#endif
