/* sdk/playout.js - how long received sound waits before it is played, so that late copies count.
 *
 * The server sends each frame again: as RED copies in the packets after it (20 ms apart) and, where
 * asked by NACK, once more. A browser waits no longer than jitter makes it, and conceals what would have
 * come 60 ms later. So the wait follows the loss: none on a clean path, up to 300 ms on a bad one. It
 * rises at once and falls by a step at a time, because each change of the wait is itself heard a little. */

/* From this share of packets lost on: the wait. 100 ms hold four copies; from 6 % on one retransmission
 * is waited for as well (the round trip is added), for copies alone leave gaps then. Pictures have no
 * copies: they wait for so many round trips, in which what is missing is asked for and may be lost again. */
const STEPS = [
    { loss: 0, ms: 0, isRepeated: false, pictures: 0 },
    { loss: 0.01, ms: 60, isRepeated: false, pictures: 0 },
    { loss: 0.03, ms: 100, isRepeated: false, pictures: 2 },
    { loss: 0.06, ms: 120, isRepeated: true, pictures: 2 },
    { loss: 0.15, ms: 180, isRepeated: true, pictures: 2.5 },
    { loss: 0.3, ms: 240, isRepeated: true, pictures: 3 },
];
export const PLAYOUT_MOST_MS = 300;
export const PICTURE_MOST_MS = 500;
const PICTURE_STEP_MS = 60; /* smaller changes are not worth a jump */
const ASKING_MS = 45; /* beyond a round trip: until a hole is noticed and asked for */
const CALM_ROUNDS = 5;       /* better ones in a row before the wait shrinks by a step */
const CONCEALED_TOO_MUCH = 0.012;
const EXTRA_STEPS_MOST = 2;  /* beyond what the loss asks for: more delay would hardly help */
const EVERY_MS = 2000;

const stepOf = (loss) => STEPS.findLastIndex((step) => loss >= step.loss);

/* The wait at a step, with the round trip where a repeat is waited for. */
function waitMs(step, rttMs) {
    const { ms, isRepeated } = STEPS[step];
    return Math.min(PLAYOUT_MOST_MS, Math.round(ms + (isRepeated ? rttMs : 0)));
}

export function pictureWaitMs(step, rttMs) {
    const { pictures } = STEPS[step];
    return Math.min(PICTURE_MOST_MS, Math.round(pictures * (rttMs + ASKING_MS)));
}

/* Shares of an interval from two readings of the counters {received, lost, concealed, samples}. A new
 * connection starts its counters again: that interval says nothing. */
export function lossBetween(before, now) {
    const received = now.received - before.received;
    const lost = now.lost - before.lost; /* below 0 when a late one came after all */
    const samples = now.samples - before.samples;
    if (received < 0 || samples < 0 || received + lost <= 0)
        return { loss: 0, concealed: 0 };
    return {
        loss: Math.min(1, Math.max(0, lost / (received + lost))),
        concealed: samples > 0 ? Math.max(0, now.concealed - before.concealed) / samples : 0,
    };
}

/* Decides step by step. state: {step, calm}, at first {step: 0, calm: 0}. Returns the next state with
 * targetMs. Sound that is concealed although we wait says that the wait is too short for this path. */
export function nextPlayout({ step, calm }, { loss, concealed, rttMs = 0 }) {
    const isStarved = step > 0 && loss > 0 && concealed > CONCEALED_TOO_MUCH;
    const most = Math.min(stepOf(loss) + EXTRA_STEPS_MOST, STEPS.length - 1);
    const wanted = Math.max(stepOf(loss), isStarved ? Math.min(step + 1, most) : 0);
    if (wanted >= step)
        return { step: wanted, calm: 0, targetMs: waitMs(wanted, rttMs) };
    if (calm + 1 < CALM_ROUNDS)
        return { step, calm: calm + 1, targetMs: waitMs(step, rttMs) };
    return { step: step - 1, calm: 0, targetMs: waitMs(step - 1, rttMs) };
}

/* Asks the receiver for this wait; 0 leaves it to the browser. */
export function setTarget(receiver, targetMs) {
    if ('jitterBufferTarget' in receiver)
        receiver.jitterBufferTarget = targetMs || null;
    else if ('playoutDelayHint' in receiver)
        receiver.playoutDelayHint = targetMs ? targetMs / 1000 : null;
}

/* The counters of the sound that pc receives, and the round trip; null when nothing came yet. */
export function readCounters(stats) {
    let counters = null;
    let rttMs = 0;
    for (const report of stats.values()) {
        if (report.type === 'inbound-rtp' && report.kind === 'audio') {
            counters = {
                received: report.packetsReceived ?? 0,
                lost: report.packetsLost ?? 0,
                concealed: (report.concealedSamples ?? 0) - (report.silentConcealedSamples ?? 0),
                samples: report.totalSamplesReceived ?? 0,
            };
        } else if (report.type === 'candidate-pair' && report.nominated && report.state === 'succeeded') {
            rttMs = (report.currentRoundTripTime ?? 0) * 1000;
        }
    }
    return counters && { ...counters, rttMs };
}

/* Keeps the receivers' waits right until the function that it returns is called. */
export function followLoss(pc, receiver, pictureReceiver) {
    let state = { step: 0, calm: 0, targetMs: 0 };
    let pictureMs = 0;
    let before = null;
    const timer = setInterval(async () => {
        const now = await pc.getStats().then(readCounters).catch(() => null);
        if (now && before) {
            const was = state.targetMs;
            state = nextPlayout(state, { ...lossBetween(before, now), rttMs: now.rttMs });
            if (state.targetMs !== was)
                setTarget(receiver, state.targetMs);
            const ms = pictureWaitMs(state.step, now.rttMs);
            if (Math.abs(ms - pictureMs) >= PICTURE_STEP_MS || (ms === 0) !== (pictureMs === 0))
                setTarget(pictureReceiver, pictureMs = ms);
        }
        before = now;
    }, EVERY_MS);
    return () => clearInterval(timer);
}
