/* One of two on a narrow downlink, behind the rig: what he is sent follows what his network carries. */
import { PEOPLE, Person } from './lib/browser.mjs';
import { Rig } from './lib/netrig.mjs';
import { hears, mediaGoesOn, received } from './lib/network.mjs';
import { check, sleep, test } from './lib/test.mjs';

const SETTLE_MS = 5000;
const LOOK_MS = 15000;

/* What each was shown and sent in the same time, a second. */
async function rates(people) {
    const began = Date.now();
    const before = await Promise.all(people.map(received));
    await sleep(LOOK_MS);
    const after = await Promise.all(people.map(received));
    const seconds = (Date.now() - began) / 1000;
    return people.map((_, i) => ({
        shown: (after[i].shown - before[i].shown) / seconds,
        sounds: (after[i].sounds - before[i].sounds) / seconds,
    }));
}

test('300 kbit/s for one viewer: his sound is whole, his picture lives, the other does not notice', async (scope) => {
    const rig = await Rig.start(scope);
    if (!rig)
        return;
    const [ada, grace] = PEOPLE;
    await rig.tell('both delay=20ms');
    await rig.serve(scope);
    const near = await Person.open(scope, grace, rig.browser(scope, 'server'));
    await near.join(rig, 'narrow');
    const far = await Person.open(scope, ada, rig.browser(scope, 'client'));
    await far.join(rig, 'narrow');
    await mediaGoesOn(far, await received(far), 60000);
    await hears(far, grace);
    const [wide, other] = await rates([far, near]);

    await rig.tell('down rate=300k queue=400ms');
    await sleep(SETTLE_MS);
    const [narrow, same] = await rates([far, near]);
    await hears(far, grace);
    scope.note(`pictures a second ${wide.shown.toFixed(1)} to ${narrow.shown.toFixed(1)}, the other's ` +
        `${other.shown.toFixed(1)} to ${same.shown.toFixed(1)}; packets of sound ${wide.sounds.toFixed(1)} to ${narrow.sounds.toFixed(1)}`);
    check(narrow.sounds > wide.sounds * 0.75, `sound fell from ${wide.sounds} to ${narrow.sounds} packets a second`);
    check(narrow.shown > 0.3, `only ${narrow.shown} pictures a second came`);
    check(same.shown > other.shown * 0.5, `the other's pictures fell from ${other.shown} to ${same.shown} a second`);

    await rig.tell('down rate=off');
    await mediaGoesOn(far, await received(far), 30000);
});
