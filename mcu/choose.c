/* Which step of a ladder a receiver is sent; see ladder.h. */
#include "mcu/ladder.h"

#include "mcu/base/clock.h"

#define HOLD_US       (3 * MCU_US_PER_S)
#define START_US      (5 * MCU_US_PER_S)    /* after the first estimate probing is under way: */
#define START_HOLD_US (500 * MCU_US_PER_MS) /* it need not be waited for so long */
#define PROBING_US    MCU_US_PER_S          /* so long a first estimate may be a mere beginning */
#define PROOF_US      (10 * MCU_US_PER_S)   /* a step up that lasted so long was right */
#define BAR_US        (3 * MCU_US_PER_S)    /* doubled by the first failure */
#define BAR_MOST_US   (60 * MCU_US_PER_S)

static bool may_send(const struct mcu_ladder *l, uint32_t tiers, uint32_t step)
{
    return step + 1 == l->step_count || tiers & (1u << l->steps[step].tier);
}

/* The best step that may be sent and needs no more than bps. */
static uint32_t best_within(const struct mcu_ladder *l, uint32_t tiers, uint64_t bps)
{
    uint32_t i = 0;
    while (!may_send(l, tiers, i) || l->steps[i].need_bps > bps)
        i++;
    return i;
}

/* The cheapest picture that may be sent. */
static uint32_t least_picture(const struct mcu_ladder *l, uint32_t tiers)
{
    for (uint32_t i = l->step_count - 1; i-- > 0;) {
        if (tiers & (1u << l->steps[i].tier))
            return l->steps[i].need_bps;
    }
    return 0;
}

/* The full sound with any picture, or the low one; back with a quarter to spare. */
static uint64_t audio_part(struct mcu_chooser *c, const struct mcu_ladder *l,
                           const struct mcu_offer *offer)
{
    const uint64_t full = (uint64_t)offer->audio_bps + least_picture(l, offer->tiers);
    if (offer->estimate_bps < full)
        c->is_audio_low = true;
    else if (offer->estimate_bps >= full + full / 4)
        c->is_audio_low = false;
    return c->is_audio_low ? offer->audio_low_bps : offer->audio_bps;
}

static void go_down(struct mcu_chooser *c, uint32_t step, int64_t now_us)
{
    if (c->raised_us && now_us - c->raised_us < PROOF_US) {
        const uint32_t doublings = c->failures < 5 ? ++c->failures : c->failures;
        const int64_t bar_us = BAR_US << doublings;
        c->barred_us = now_us + (bar_us < BAR_MOST_US ? bar_us : BAR_MOST_US);
        c->raised_us = 0;
    }
    c->step = step;
    c->better_us = 0;
}

static void think_of_more(struct mcu_chooser *c, uint32_t step, int64_t now_us)
{
    if (!c->better_us) {
        c->better_us = now_us;
        c->better_step = step;
    }
    if (step > c->better_step)
        c->better_step = step;
    const int64_t hold_us = now_us - c->started_us < START_US ? START_HOLD_US : HOLD_US;
    if (now_us - c->better_us < hold_us || now_us < c->barred_us)
        return;
    c->step = c->better_step;
    c->raised_us = now_us;
    c->better_us = 0;
}

static void follow(struct mcu_chooser *c, const struct mcu_ladder *l, const struct mcu_offer *offer,
                   uint64_t room_bps, int64_t now_us)
{
    const uint32_t fits = best_within(l, offer->tiers, room_bps);
    const uint32_t fits_well = best_within(l, offer->tiers, room_bps * 4 / 5);
    if (c->raised_us && now_us - c->raised_us >= PROOF_US) {
        c->raised_us = 0;
        c->failures = 0;
    }
    if (!c->started_us) {
        c->started_us = now_us;
        c->step = fits;
    } else if (offer->tiers != c->tiers) {
        /* What may be sent is new: that is nobody's failure, and need not be waited for. */
        if (fits > c->step || !may_send(l, offer->tiers, c->step))
            c->step = fits;
        else if (fits_well < c->step)
            c->step = fits_well;
        c->better_us = 0;
    } else if (fits > c->step) {
        go_down(c, fits, now_us);
    } else if (fits_well < c->step) {
        think_of_more(c, fits_well, now_us);
    } else {
        c->better_us = 0;
    }
}

/* The first figures are where probing began, not what the network carries. */
static bool is_guess(struct mcu_chooser *c, const struct mcu_offer *offer, int64_t now_us)
{
    if (!c->asked_us)
        c->asked_us = now_us;
    return !c->started_us && offer->is_probing && now_us - c->asked_us < PROBING_US;
}

/* The best step with what a step up has to spare, and a little. */
static uint64_t useful(const struct mcu_ladder *l, const struct mcu_offer *offer)
{
    const uint32_t best = best_within(l, offer->tiers, UINT64_MAX);
    return offer->audio_bps + (uint64_t)l->steps[best].need_bps * 7 / 5;
}

void mcu_choose(struct mcu_chooser *c, const struct mcu_ladder *l, const struct mcu_offer *offer,
                int64_t now_us, struct mcu_choice *choice)
{
    uint64_t left_bps = 0;
    if (offer->estimate_bps == 0 ? !c->started_us : is_guess(c, offer, now_us)) {
        c->step = best_within(l, offer->tiers, UINT64_MAX);
    } else if (offer->estimate_bps) {
        const uint64_t audio_bps = audio_part(c, l, offer);
        left_bps = offer->estimate_bps > audio_bps ? offer->estimate_bps - audio_bps : 0;
        follow(c, l, offer, left_bps, now_us);
    }
    c->tiers = offer->tiers;
    const struct mcu_step *step = &l->steps[c->step];
    *choice = (struct mcu_choice){
        .tier = step->tier,
        .layers = step->layers,
        .is_audio_low = c->is_audio_low,
        .useful_bps = useful(l, offer),
        .redundancy_bps = left_bps > step->need_bps ? left_bps - step->need_bps : 0,
    };
}
