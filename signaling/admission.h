/* signaling/admission.h - whether the machine carries one more (mcu/admission.h), asked before a
 * room is opened, a seat is given or a view is made. Front thread. */
#ifndef SIGNALING_ADMISSION_H
#define SIGNALING_ADMISSION_H

#include "signaling/rooms.h"

/* NULL: it fits, and is counted from now on. Else `overloaded`. room NULL: a room that is to be
 * opened; nothing is counted then. */
const struct sig_error *sig_admit(struct sig_rooms *r, struct sig_room *room,
                                  enum mcu_load_kind kind);

/* What a participant of that kind and role costs as. */
enum mcu_load_kind sig_load_kind(enum sig_kind kind, const char *role);

/* The room's newest figures are in room->stats. */
void sig_load_measure(struct sig_room *room);

/* Of this machine, at least 1. */
uint32_t sig_cores(void);

/* Cores that all rooms use, or are about to. */
double sig_load_cores(const struct sig_rooms *r);

#endif
