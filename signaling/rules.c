/* The rules of a room; see rules.h. This file: reading, putting in force, as JSON; rules_gate.c:
 * who may come in. */
#include "signaling/rules.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mcu/base/json.h"
#include "mcu/base/log.h"
#include "signaling/lobby.h"
#include "signaling/rooms_internal.h"
#include "signaling/rules_internal.h"

static const char *const fields[] = {"title",      "locked", "lobby", "password",
                                     "maxMembers", "may",    "banned"};

enum { FIELDS = sizeof(fields) / sizeof(*fields), MEMBERS_MOST = 1280 };

/* The rights that a room may give to other roles. */
static const struct {
    const char *name;
    enum sig_right right;
} rights[] = {
    {"record", SIG_MAY_RECORD}, {"live", SIG_MAY_LIVE},     {"layout", SIG_MAY_LAYOUT},
    {"chat", SIG_MAY_CHAT},     {"invite", SIG_MAY_INVITE},
};

enum { NAMED_RIGHTS = sizeof(rights) / sizeof(*rights) };

static const char *role_name(int rank)
{
    static const char *const names[] = {"subscriber", "publisher", "host"};
    return names[rank];
}

static uint8_t least(const char *role)
{
    return (uint8_t)(sig_role_rank(role) + 1);
}

void sig_rules_init(struct sig_rules *r, const struct mcu_config *config)
{
    *r = (struct sig_rules){
        .has_lobby = config->room.lobby,
        .roles = json_object(),
        .banned = json_object(),
        .admitted = json_object(),
        .tries = json_object(),
    };
    r->least[SIG_MAY_RECORD] = least(config->room.may_record);
    r->least[SIG_MAY_LIVE] = least(config->room.may_live);
    r->least[SIG_MAY_LAYOUT] = least(config->room.may_layout);
}

void sig_rules_finish(struct sig_rules *r)
{
    json_decref(r->roles);
    json_decref(r->banned);
    json_decref(r->admitted);
    json_decref(r->tries);
    r->roles = r->banned = r->admitted = r->tries = NULL;
}

/* --- checking --------------------------------------------------------------------------------- */

json_t *sig_rules_split(json_t *body)
{
    json_t *patch = json_object();
    for (size_t i = 0; i < FIELDS; i++) {
        json_t *value = json_object_get(body, fields[i]);
        if (!value)
            continue;
        json_object_set(patch, fields[i], value);
        json_object_del(body, fields[i]);
    }
    return patch;
}

static bool is_known(const char *field)
{
    for (size_t i = 0; i < FIELDS; i++) {
        if (strcmp(fields[i], field) == 0)
            return true;
    }
    return false;
}

static int check_may(const json_t *may, char *why)
{
    const char *name;
    json_t *role;
    json_object_foreach((json_t *)may, name, role)
    {
        bool is_right = false;
        for (size_t i = 0; i < NAMED_RIGHTS; i++)
            is_right |= strcmp(rights[i].name, name) == 0;
        const char *value = json_string_value(role);
        if (!is_right || !(json_is_null(role) || (value && sig_role_is_valid(value)))) {
            snprintf(why, MCU_WHY_MAX,
                     "may: record, live, layout, chat, invite, each a role or null");
            return -EINVAL;
        }
    }
    return 0;
}

static int check_banned(const json_t *banned, char *why)
{
    size_t i;
    json_t *user;
    bool is_fit = json_is_array(banned) && json_array_size(banned) <= SIG_RULES_USERS_MAX;
    json_array_foreach((json_t *)banned, i, user)
    {
        const size_t size = json_string_length(user);
        is_fit = is_fit && json_is_string(user) && size > 0 && size <= 128;
    }
    if (!is_fit)
        snprintf(why, MCU_WHY_MAX, "banned: must be a list of at most %d users",
                 SIG_RULES_USERS_MAX);
    return is_fit ? 0 : -EINVAL;
}

static int check_text(const json_t *patch, const char *field, size_t most, char *why)
{
    char text[SIG_TITLE_CHARS_MAX * 4 + 1];
    const json_t *value = json_object_get(patch, field);
    if (!value || json_is_null(value) ||
        mcu_json_text(patch, field, MCU_JSON_REQUIRED, 1, most, text, sizeof(text)) == 0)
        return 0;
    snprintf(why, MCU_WHY_MAX, "%s: must be 1 to %zu characters, or null", field, most);
    return -EINVAL;
}

static int check_bool(const json_t *patch, const char *field, char *why)
{
    const json_t *value = json_object_get(patch, field);
    if (!value || json_is_boolean(value))
        return 0;
    snprintf(why, MCU_WHY_MAX, "%s: must be true or false", field);
    return -EINVAL;
}

static int check_rest(const json_t *patch, char *why)
{
    int64_t most = 0;
    const json_t *may = json_object_get(patch, "may");
    const json_t *banned = json_object_get(patch, "banned");
    if (mcu_json_int(patch, "maxMembers", MCU_JSON_OPTIONAL, 1, MEMBERS_MOST, &most)) {
        snprintf(why, MCU_WHY_MAX, "maxMembers: must be 1 to %d, or null", MEMBERS_MOST);
        return -EINVAL;
    }
    if (may && !json_is_object(may)) {
        snprintf(why, MCU_WHY_MAX, "may: must be an object");
        return -EINVAL;
    }
    if (may && check_may(may, why))
        return -EINVAL;
    return banned ? check_banned(banned, why) : 0;
}

int sig_rules_check(const json_t *patch, char *why)
{
    const char *field;
    json_t *value;
    json_object_foreach((json_t *)patch, field, value)
    {
        if (is_known(field))
            continue;
        snprintf(why, MCU_WHY_MAX, "there is no such field");
        return -EINVAL;
    }
    if (check_text(patch, "title", SIG_TITLE_CHARS_MAX, why) ||
        check_text(patch, "password", SIG_PASSWORD_CHARS_MAX, why) ||
        check_bool(patch, "locked", why) || check_bool(patch, "lobby", why))
        return -EINVAL;
    return check_rest(patch, why);
}

/* --- kept by the process ---------------------------------------------------------------------- */

static json_t *may_json(const struct sig_rules *r)
{
    json_t *may = json_object();
    for (size_t i = 0; i < NAMED_RIGHTS; i++) {
        const int own = r->least[rights[i].right];
        const int rank = own ? own - 1 : sig_right_rank(rights[i].right);
        json_object_set_new(may, rights[i].name, json_string(role_name(rank)));
    }
    return may;
}

static void keep(struct sig_room *room)
{
    struct sig_rules *r = &room->rules;
    r->is_kept = true;
    char salt[2 * sizeof(r->salt) + 1];
    char hash[2 * sizeof(r->hash) + 1];
    rules_hex(salt, r->salt, sizeof(r->salt));
    rules_hex(hash, r->hash, sizeof(r->hash));
    json_t *session = json_pack("{s:i, s:s, s:b, s:b, s:i, s:o, s:O, s:O, s:O}", "v", 1, "title",
                                r->title, "locked", r->is_locked, "lobby", r->has_lobby,
                                "maxMembers", (int)r->max_members, "may", may_json(r), "roles",
                                r->roles, "banned", r->banned, "admitted", r->admitted);
    if (session && r->has_password)
        json_object_set_new(session, "password",
                            json_pack("{s:s, s:s}", "salt", salt, "hash", hash));
    sig_room_command(room, json_pack("{s:s, s:o}", "cmd", "room_session", "session", session), NULL,
                     NULL);
}

void sig_rules_restore(struct sig_room *room)
{
    if (room->rules.is_kept)
        keep(room);
}

/* --- in force --------------------------------------------------------------------------------- */

static void apply_may(struct sig_rules *r, const json_t *may, const struct mcu_config *config)
{
    struct sig_rules plain;
    sig_rules_init(&plain, config);
    for (size_t i = 0; i < NAMED_RIGHTS; i++) {
        const json_t *role = json_object_get(may, rights[i].name);
        const enum sig_right right = rights[i].right;
        if (json_is_null(role))
            r->least[right] = plain.least[right];
        else if (role)
            r->least[right] = least(json_string_value(role));
    }
    sig_rules_finish(&plain);
}

static void apply_own(struct sig_rules *r, const json_t *patch, const struct mcu_config *config)
{
    const json_t *title = json_object_get(patch, "title");
    const json_t *locked = json_object_get(patch, "locked");
    const json_t *lobby = json_object_get(patch, "lobby");
    const json_t *password = json_object_get(patch, "password");
    const json_t *most = json_object_get(patch, "maxMembers");
    if (title)
        snprintf(r->title, sizeof(r->title), "%s",
                 json_is_null(title) ? "" : json_string_value(title));
    if (locked)
        r->is_locked = json_is_true(locked);
    if (lobby)
        r->has_lobby = json_is_true(lobby);
    if (password)
        rules_set_password(r, json_string_value(password));
    if (most)
        r->max_members = (uint32_t)json_integer_value(most);
    apply_may(r, json_object_get(patch, "may"), config);
}

static void apply_banned(struct sig_room *room, const json_t *banned)
{
    size_t i;
    json_t *user;
    json_object_clear(room->rules.banned);
    json_array_foreach((json_t *)banned, i, user)
    {
        json_object_set_new(room->rules.banned, json_string_value(user), json_true());
        struct sig_member *m = sig_room_find_user(room, json_string_value(user));
        if (m)
            sig_member_leave(m, "kicked");
        sig_lobby_decide(room, json_string_value(user), false);
    }
}

void sig_rules_apply(struct sig_room *room, const json_t *patch, const char *by)
{
    const json_t *banned = json_object_get(patch, "banned");
    apply_own(&room->rules, patch, room->rooms->conf.config);
    if (banned)
        apply_banned(room, banned);
    keep(room);
    json_t *data = sig_rules_json(room);
    json_object_set_new(data, "by", json_string(by));
    sig_room_tell(room, NULL, "room", data);
    log_info("room=%s its rules are changed by user=%s", room->id, by);
    if (!room->rules.has_lobby)
        sig_lobby_decide(room, NULL, true);
}

/* --- as JSON ---------------------------------------------------------------------------------- */

json_t *sig_rules_json(const struct sig_room *room)
{
    const struct sig_rules *r = &room->rules;
    const uint32_t most = room->rooms->conf.config->room.max_members;
    return json_pack("{s:s, s:b, s:b, s:b, s:i, s:o}", "title", r->title, "locked", r->is_locked,
                     "lobby", r->has_lobby, "hasPassword", r->has_password, "maxMembers",
                     (int)(r->max_members && r->max_members < most ? r->max_members : most), "may",
                     may_json(r));
}

static json_t *keys_of(const json_t *object)
{
    json_t *list = json_array();
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) json_array_append_new(list, json_string(key));
    return list;
}

json_t *sig_rules_whole_json(const struct sig_room *room)
{
    json_t *json = sig_rules_json(room);
    json_object_set_new(json, "banned", keys_of(room->rules.banned));
    return json;
}

/* --- people ----------------------------------------------------------------------------------- */

const char *sig_rules_role(const struct sig_rules *r, const char *user)
{
    return user[0] ? json_string_value(json_object_get(r->roles, user)) : NULL;
}

bool sig_rules_are_against(const struct sig_rules *r, const char *user)
{
    return user[0] && json_object_get(r->banned, user);
}

/* A full list keeps what it has. */
static void note(struct sig_room *room, json_t *people, const char *user, json_t *value)
{
    if (json_object_size(people) < SIG_RULES_USERS_MAX || json_object_get(people, user))
        json_object_set(people, user, value);
    else
        log_warn("room=%s a list of people is full: user=%s is not on it", room->id, user);
    json_decref(value);
    keep(room);
}

void sig_rules_give_role(struct sig_room *room, const char *user, const char *role)
{
    note(room, room->rules.roles, user, json_string(role));
}

void sig_rules_ban(struct sig_room *room, const char *user)
{
    json_object_del(room->rules.admitted, user);
    note(room, room->rules.banned, user, json_true());
}

void sig_rules_admit(struct sig_room *room, const char *user)
{
    note(room, room->rules.admitted, user, json_true());
}

/* --- from an earlier front -------------------------------------------------------------------- */

static void adopt_people(json_t **people, const json_t *session, const char *field)
{
    json_t *said = NULL;
    if (mcu_json_object(session, field, MCU_JSON_OPTIONAL, &said) || !said)
        return;
    json_decref(*people);
    *people = json_deep_copy(said);
}

static void adopt_password(struct sig_rules *r, const json_t *session)
{
    const json_t *said = json_object_get(session, "password");
    const char *salt = json_string_value(json_object_get(said, "salt"));
    const char *hash = json_string_value(json_object_get(said, "hash"));
    r->has_password = said != NULL; /* one that cannot be read lets nobody in */
    if (!salt || !hash || rules_unhex(r->salt, sizeof(r->salt), salt) ||
        rules_unhex(r->hash, sizeof(r->hash), hash))
        memset(r->hash, 0, sizeof(r->hash));
}

void sig_rules_adopt(struct sig_room *room, const json_t *session)
{
    struct sig_rules *r = &room->rules;
    char why[MCU_WHY_MAX];
    if (!json_is_object(session))
        return;
    json_t *patch = json_object();
    static const char *const plain[] = {"title", "locked", "lobby", "maxMembers", "may"};
    for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++) {
        json_t *value = json_object_get(session, plain[i]);
        const bool is_unset = (json_is_string(value) && !json_string_length(value)) ||
                              (json_is_integer(value) && !json_integer_value(value));
        if (value && !is_unset)
            json_object_set(patch, plain[i], value);
    }
    if (sig_rules_check(patch, why) == 0)
        apply_own(r, patch, room->rooms->conf.config);
    else
        log_warn("room=%s the rules of an earlier front cannot be read: %s", room->id, why);
    json_decref(patch);
    adopt_people(&r->roles, session, "roles");
    adopt_people(&r->banned, session, "banned");
    adopt_people(&r->admitted, session, "admitted");
    adopt_password(r, session);
    r->is_kept = true;
}
