/* The table of rights; see rights.h. docs/protocol.md, "Roles and rights", is written beside it. */
#include "signaling/rights.h"

#include <string.h>

#include "signaling/rooms.h"

enum { SUBSCRIBER, PUBLISHER, HOST };

static const struct {
    int rank;
    bool by_record, by_live; /* claims that give it to any role */
} rights[SIG_RIGHTS] = {
    [SIG_MAY_PUBLISH] = {PUBLISHER, false, false}, [SIG_MAY_CHAT] = {SUBSCRIBER, false, false},
    [SIG_MAY_INVITE] = {PUBLISHER, false, false},  [SIG_MAY_RECORD] = {HOST, true, false},
    [SIG_MAY_LIVE] = {HOST, false, true},          [SIG_MAY_INPUTS] = {HOST, false, false},
    [SIG_MAY_LAYOUT] = {HOST, false, false},       [SIG_MAY_MODERATE] = {HOST, false, false},
    [SIG_MAY_MANAGE] = {HOST, false, false},
};

int sig_role_rank(const char *role)
{
    return strcmp(role, "host") == 0        ? HOST
           : strcmp(role, "publisher") == 0 ? PUBLISHER
                                            : SUBSCRIBER;
}

int sig_right_rank(enum sig_right right)
{
    return rights[right].rank;
}

struct sig_claims sig_claims_of(const struct sig_token *token, bool is_dev)
{
    return (struct sig_claims){token->may_record, token->may_live, token->is_admin && !is_dev};
}

/* The lowest rank that has the right in this room. */
static int rank_in(const struct sig_room *room, enum sig_right right)
{
    return room && room->rules.least[right] ? room->rules.least[right] - 1 : sig_right_rank(right);
}

static bool is_given(const struct sig_room *room, const struct sig_claims *claims, int rank,
                     enum sig_right right)
{
    if (claims->admin && right != SIG_MAY_PUBLISH) /* who came to watch is not on the stage */
        return true;
    if ((rights[right].by_record && claims->record) || (rights[right].by_live && claims->live))
        return true;
    return rank >= rank_in(room, right);
}

const struct sig_error *sig_may(const struct sig_member *who, enum sig_right right)
{
    const bool may = is_given(who->room, &who->claims, sig_role_rank(who->role), right);
    return may ? NULL : sig_error("forbidden");
}

const struct sig_error *sig_token_may(const struct sig_token *token, const struct sig_room *room,
                                      enum sig_right right)
{
    const struct sig_claims claims = sig_claims_of(token, false);
    const struct sig_member *seat =
        room && token->sub[0] ? sig_room_find_user(room, token->sub) : NULL;
    const char *given = room ? sig_rules_role(&room->rules, token->sub) : NULL;
    int rank = sig_role_rank(given ? given : token->role);
    if (seat && sig_role_rank(seat->role) > rank)
        rank = sig_role_rank(seat->role);
    return is_given(room, &claims, rank, right) ? NULL : sig_error("forbidden");
}

const struct sig_error *sig_token_may_see(const struct sig_token *token, struct sig_room *room)
{
    const bool is_host = !sig_token_may(token, room, SIG_MAY_MODERATE);
    const bool has_seat = token->sub[0] && sig_room_find_user(room, token->sub);
    return sig_rules_gate(room, token->sub, NULL, is_host, has_seat);
}
