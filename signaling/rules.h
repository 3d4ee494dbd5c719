/* signaling/rules.h - what a room's hosts decided about it: title, lock, lobby, password, how many
 * may come, who may record, go live, lay out, write and invite; and about people: who has another
 * role than his token says, who is kept out, who was let in.
 *
 * The rules live as long as the room: its process keeps them for the next front (`room_session`),
 * and a new process gets them again. Of a password only a salted hash is kept. Front thread. */
#ifndef SIGNALING_RULES_H
#define SIGNALING_RULES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "mcu/config.h"
#include "mcu/control_audio.h" /* MCU_WHY_MAX */
#include "signaling/rights.h"

struct sig_room;

enum {
    SIG_TITLE_CHARS_MAX = 128,
    SIG_PASSWORD_CHARS_MAX = 128,
    SIG_PASSWORD_TRIES = 10,   /* wrong ones of one user in a minute */
    SIG_RULES_USERS_MAX = 250, /* that roles, banned and admitted name each */
};

struct sig_rules {
    char title[SIG_TITLE_CHARS_MAX * 4 + 1];
    bool is_locked;
    bool has_lobby;
    bool has_password;
    uint8_t salt[16];
    uint8_t hash[32];
    uint32_t max_members;      /* 0: as the setting room.max_members */
    uint8_t least[SIG_RIGHTS]; /* the lowest rank that may, and one; 0: as the table says */
    json_t *roles;             /* {user: role} */
    json_t *banned;            /* {user: true} */
    json_t *admitted;          /* {user: true} */
    json_t *tries;             /* {user: wrong passwords since tries_since_us} */
    int64_t tries_since_us;
    bool is_kept; /* the room's process has some */
};

/* As the settings say. finish takes what init left half done. */
void sig_rules_init(struct sig_rules *r, const struct mcu_config *config);
void sig_rules_finish(struct sig_rules *r);

/* Moves the rules' fields out of a PATCH's body, into a new object: the rest is the picture's. */
json_t *sig_rules_split(json_t *body);

/* Is patch one of rules, {title, locked, lobby, password, maxMembers, may, banned}, each optional?
 * Returns 0, or -EINVAL with the reason in why (MCU_WHY_MAX bytes). Pure. */
int sig_rules_check(const json_t *patch, char *why);

/* Puts a checked patch in force, gives it to the room's process and tells everybody in the room
 * (event `room`). Who is banned by it is sent away; who waits comes in when the lobby ends. */
void sig_rules_apply(struct sig_room *room, const json_t *patch, const char *by);

/* {title, locked, lobby, hasPassword, maxMembers, may: {record, live, layout, chat, invite}}; new.
 * Whole: `banned`, too, for those who may moderate. */
json_t *sig_rules_json(const struct sig_room *room);
json_t *sig_rules_whole_json(const struct sig_room *room);

/* The role that hosts gave this user; NULL: none. */
const char *sig_rules_role(const struct sig_rules *r, const char *user);

/* Whether this user is kept out. */
bool sig_rules_are_against(const struct sig_rules *r, const char *user);

/* Each is kept by the room's process, too. */
void sig_rules_give_role(struct sig_room *room, const char *user, const char *role);
void sig_rules_ban(struct sig_room *room, const char *user);
void sig_rules_admit(struct sig_room *room, const char *user);

/* The room's process is new: it gets those that its predecessor had. */
void sig_rules_restore(struct sig_room *room);

/* What an earlier front left there (`session` of `adopt`); what is wrong in it is left out. */
void sig_rules_adopt(struct sig_room *room, const json_t *session);

/* May this one come in? NULL: yes. Else banned, room_locked, password_needed, bad_password,
 * rate_limited, or lobby: a host has to let him in. is_host: hosts need no permission.
 * has_seat: he is in already and only takes his place anew. */
const struct sig_error *sig_rules_gate(struct sig_room *room, const char *user,
                                       const char *password, bool is_host, bool has_seat);

#endif
