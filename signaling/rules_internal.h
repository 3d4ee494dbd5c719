/* signaling/rules_internal.h - what rules*.c share. */
#ifndef SIGNALING_RULES_INTERNAL_H
#define SIGNALING_RULES_INTERNAL_H

#include <stddef.h>

#include "signaling/rules.h"

/* NULL: none from now on. */
void rules_set_password(struct sig_rules *r, const char *password);

/* Bytes as hexadecimal (out: 2 * size + 1) and back: 0 or -EINVAL. */
void rules_hex(char *out, const uint8_t *bytes, size_t size);
int rules_unhex(uint8_t *out, size_t size, const char *text);

#endif
