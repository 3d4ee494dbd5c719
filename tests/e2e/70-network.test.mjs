/* People on bad networks: Chromium on the far side of the rig, which stands between it and the real server. */
import { PEOPLE, Person } from './lib/browser.mjs';
import { Rig } from './lib/netrig.mjs';
import { check, sleep, test, until } from './lib/test.mjs';

const SILENT_DB = -70;
const HEARD_DB = -50;

/* Pictures that were shown and packets of sound that came so far. */
async function received(person) {
    const shown = await person.page.evaluate(() =>
        document.querySelector('video[data-testid="mix"]').getVideoPlaybackQuality().totalVideoFrames);
    const { sounds } = await person.transport();
    return { shown, sounds };
}

function mediaGoesOn(person, since, limitMs) {
    return until(`${person.conf.name} to get pictures and sound`, async () => {
        const now = await received(person);
        if (now.shown > since.shown + 3 && now.sounds > since.sounds + 3)
            return now;
        throw new Error(JSON.stringify({ since, now }));
    }, { limitMs, everyMs: 50 });
}

/* How many times slower than usual pictures get through here now: a calm machine takes 200 ms for a few. */
async function slowness(person) {
    let most = 1;
    for (let i = 0; i < 3; i++) {
        const began = Date.now();
        await mediaGoesOn(person, await received(person), 20000);
        most = Math.max(most, (Date.now() - began) / 200);
    }
    return most;
}

function hears(person, other) {
    return until(`${person.conf.name} to hear ${other.name}`, async () => {
        const [db] = await person.levels([other.freq], 1);
        if (db > HEARD_DB)
            return true;
        throw new Error(`${db} dB`);
    });
}

test('three seconds without a downlink: media is back within two of its return', async (scope) => {
    const rig = await Rig.start(scope);
    if (!rig)
        return;
    const [ada, grace] = PEOPLE;
    await rig.tell('both delay=20ms');
    await rig.serve(scope);
    const near = await Person.open(scope, grace, rig.browser(scope, 'server'));
    await near.join(rig, 'dark');
    const far = await Person.open(scope, ada, rig.browser(scope, 'client'));
    await far.join(rig, 'dark');
    await mediaGoesOn(far, await received(far), 60000);
    await hears(far, grace);
    const limitMs = 2000 * await slowness(far);

    await rig.tell('at +3 down blackout=off');
    await rig.tell('down blackout=on');
    const light = Date.now() + 3000;
    await sleep(1000); /* what was under way has come, and concealment has faded */
    const dark = await received(far);
    const [db] = await far.levels([grace.freq], 1);
    const end = await received(far);
    if (Date.now() < light) {
        check(end.shown - dark.shown < 3 && end.sounds === dark.sounds, `through the blackout came ${JSON.stringify({ dark, end })}`);
        check(db < SILENT_DB, `Grace was heard through the blackout: ${db} dB`);
    }
    await sleep(Math.max(0, light - Date.now()));
    await mediaGoesOn(far, end, 30000);
    const tookMs = Date.now() - light;
    await hears(far, grace);
    scope.note(`back after ${tookMs} ms, of ${limitMs.toFixed(0)} here and now`);
    check(tookMs <= limitMs, `media came back only ${tookMs} ms after the network, not ${limitMs.toFixed(0)}`);
});
