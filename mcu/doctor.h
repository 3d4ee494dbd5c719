/* mcu/doctor.h - what this machine is missing to serve: findings, a line each. [ctl], one thread.
 *
 * Nothing is changed: sockets are opened and closed again, no file is written. */
#ifndef MCU_DOCTOR_H
#define MCU_DOCTOR_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "mcu/config.h"

enum mcu_verdict {
    MCU_DOCTOR_OK,
    MCU_DOCTOR_NOTE, /* it will run, but somebody may miss something */
    MCU_DOCTOR_FAIL, /* it will not */
};

struct mcu_doctor {
    const struct mcu_config *config;
    FILE *out;
    size_t counts[3]; /* by enum mcu_verdict */
};

/* One line: the verdict, what it is about, and what is so or what to do. */
void mcu_doctor_say(struct mcu_doctor *d, enum mcu_verdict verdict, const char *about,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* doctor_net.c */
void mcu_doctor_http(struct mcu_doctor *d);
void mcu_doctor_ports(struct mcu_doctor *d);
void mcu_doctor_addresses(struct mcu_doctor *d);

/* doctor_turn.c: STUN and TURN servers, by asking them */
void mcu_doctor_stun(struct mcu_doctor *d);
void mcu_doctor_turn(struct mcu_doctor *d);

/* doctor_host.c */
void mcu_doctor_auth(struct mcu_doctor *d);
void mcu_doctor_tls(struct mcu_doctor *d, int64_t now_s);
void mcu_doctor_disk(struct mcu_doctor *d);
void mcu_doctor_fonts(struct mcu_doctor *d);

#endif
