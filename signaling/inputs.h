/* signaling/inputs.h - outside sources as the front knows them: seats of SIG_KIND_INPUT.
 *
 * m->input is what was asked for, with the URL as it is: it goes to the room's process and nowhere
 * else. m->input_status is what the process said last. Front thread. */
#ifndef SIGNALING_INPUTS_H
#define SIGNALING_INPUTS_H

#include "signaling/rooms.h"

/* As REST answers it: no user, key or query of a URL in it. New. */
json_t *sig_input_json(const struct sig_member *m);

/* The event `input` of the room's process, and the same object in its answer to `input_set`: kept,
 * and told to everybody where state, error or loop have changed. */
void sig_input_event(struct sig_room *room, const json_t *event);
void sig_input_set_status(struct sig_member *m, const json_t *said);

/* A seat of an earlier front: what it was asked to be, and what it is. Returns 0 or -EINVAL. */
int sig_input_adopt(struct sig_member *m, const json_t *input);

/* What a new process of the room is asked for: a file goes on where it stood. New. */
json_t *sig_input_again(const struct sig_member *m);

/* Its source is gone, and opened again soon. false for others than sources, too. */
bool sig_input_is_waiting(const struct sig_member *m);

/* Keeps what was changed, and tells of a new name. change is one that the room took. */
void sig_input_note(struct sig_member *m, const json_t *change);

#endif
