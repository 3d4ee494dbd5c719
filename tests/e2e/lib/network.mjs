/* lib/network.mjs - what tests of bad networks share: does media go on, and how fast is this machine now? */
import { until } from './test.mjs';

export const SILENT_DB = -70;
const HEARD_DB = -50;

/* Pictures that were shown and packets of sound that came so far. */
export async function received(person) {
    const shown = await person.page.evaluate(() =>
        document.querySelector('video[data-testid="mix"]').getVideoPlaybackQuality().totalVideoFrames);
    const { sounds } = await person.transport();
    return { shown, sounds };
}

export function mediaGoesOn(person, since, limitMs) {
    return until(`${person.conf.name} to get pictures and sound`, async () => {
        const now = await received(person);
        if (now.shown > since.shown + 3 && now.sounds > since.sounds + 3)
            return now;
        throw new Error(JSON.stringify({ since, now }));
    }, { limitMs, everyMs: 50 });
}

/* How many times slower than usual pictures get through here now: a calm machine takes 200 ms for a few. */
export async function slowness(person) {
    let most = 1;
    for (let i = 0; i < 3; i++) {
        const began = Date.now();
        await mediaGoesOn(person, await received(person), 20000);
        most = Math.max(most, (Date.now() - began) / 200);
    }
    return most;
}

export function hears(person, other) {
    return until(`${person.conf.name} to hear ${other.name}`, async () => {
        const [db] = await person.levels([other.freq], 1);
        if (db > HEARD_DB)
            return true;
        throw new Error(`${db} dB`);
    });
}
