/* mcu/supervisor.h - keeps room processes running: one for each room and a warm spare.
 *
 * A room's death is EOF on its control connection (or a line that is no message, or silence); the
 * next process takes its place at once, and the model adds the members again. A room that dies more
 * than five times in a minute is given up. Rooms outlive the front: mcu_supervisor_adopt() finds
 * those of an earlier one by their sockets in DATA/rooms.
 *
 * Everything is on one thread [front] and behind one descriptor: poll mcu_supervisor_fd() for
 * reading and call mcu_supervisor_service(). Nothing blocks but adopt, which says so. */
#ifndef MCU_SUPERVISOR_H
#define MCU_SUPERVISOR_H

#include "mcu/config.h"
#include "signaling/host.h"

struct mcu_supervisor;

/* DATA/rooms is made when it is not there. Returns 0, -ENAMETOOLONG (the data directory's absolute
 * path is too long for a socket's name) or a negative errno. config must outlive it. */
int mcu_supervisor_create(struct mcu_supervisor **out, const struct mcu_config *config,
                          const char *data_dir, int64_t silence_us);

/* Lets go of every room without ending it (spares end), and frees. NULL is fine. */
void mcu_supervisor_destroy(struct mcu_supervisor *s);

/* The verbs for the model, and where to tell it what happens. */
void mcu_supervisor_host(struct mcu_supervisor *s, struct sig_host *out);
void mcu_supervisor_listen(struct mcu_supervisor *s, const struct sig_host_events *events);

/* Finds living rooms of an earlier front and tells events.adopted of each; removes the sockets of
 * dead ones. Blocks until all have answered, at most timeout_ms. Then starts the spare. Returns how
 * many were adopted, or a negative errno. */
int mcu_supervisor_adopt(struct mcu_supervisor *s, int timeout_ms);

int mcu_supervisor_fd(const struct mcu_supervisor *s);
void mcu_supervisor_service(struct mcu_supervisor *s);

#endif
