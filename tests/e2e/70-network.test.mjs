/* People on bad networks: Chromium on the far side of the rig, which stands between it and the real server. */
import { PEOPLE, Person } from './lib/browser.mjs';
import { Rig } from './lib/netrig.mjs';
import { SILENT_DB, hears, mediaGoesOn, received, slowness } from './lib/network.mjs';
import { check, sleep, test } from './lib/test.mjs';

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
