/* People whose network goes away or becomes another one, behind the rig: the call goes on, and their seat is theirs. */
import { PEOPLE, Person } from './lib/browser.mjs';
import { Rig } from './lib/netrig.mjs';
import { hears, mediaGoesOn, received, slowness } from './lib/network.mjs';
import { check, sleep, test } from './lib/test.mjs';

/* Grace beside the server, Ada behind the bad network; null where there is no rig. */
async function meet(scope, room, env = {}) {
    const rig = await Rig.start(scope);
    if (!rig)
        return null;
    const [ada, grace] = PEOPLE;
    await rig.tell('both delay=20ms');
    await rig.serve(scope, env);
    const near = await Person.open(scope, grace, rig.browser(scope, 'server'));
    await near.join(rig, room);
    const far = await Person.open(scope, ada, rig.browser(scope, 'client'));
    await far.join(rig, room);
    await mediaGoesOn(far, await received(far), 60000);
    await hears(far, grace);
    await hears(near, ada);
    return { rig, near, far, limitMs: 2000 * await slowness(far) };
}

/* Who is there, by joining: the same two in the same seats, and nobody twice. */
async function seats(near, room) {
    const { members } = await near.page.evaluate(async (path) => (await fetch(path)).json(), `/api/v1/rooms/${room}/members`);
    return members.map(({ userId, name, joinedAt }) => `${name} ${userId} ${joinedAt}`).sort().join();
}

async function ownSeatIsKept(near, room, before) {
    const now = await seats(near, room);
    check(now === before, `the seats were ${before}, and are ${now}`);
}

async function dark(scope, room, seconds, env = {}) {
    const all = await meet(scope, room, env);
    if (!all)
        return;
    const { rig, near, far, limitMs } = all;
    const before = await seats(near, room);
    await rig.tell(`at +${seconds} both blackout=off`);
    await rig.tell('both blackout=on');
    const light = Date.now() + seconds * 1000;
    await sleep(1000); /* what was under way has come */
    const end = await received(far);
    await sleep(Math.max(0, light - Date.now()));
    await mediaGoesOn(far, end, 60000);
    const tookMs = Date.now() - light;
    await hears(far, PEOPLE[1]);
    await hears(near, PEOPLE[0]);
    scope.note(`back after ${tookMs} ms, of ${limitMs.toFixed(0)} here and now`);
    await ownSeatIsKept(near, room, before);
    check(tookMs <= limitMs, `media came back only ${tookMs} ms after the network, not ${limitMs.toFixed(0)}`);
}

test('mobility: five seconds without a network', (scope) => dark(scope, 'five', 5));

test('mobility: half a minute without a network', (scope) => dark(scope, 'thirty', 30));

const ONE_PORT = { MIXDOWN_RTC_MODE: 'one-port' };

test('mobility, one port: half a minute without a network', (scope) => dark(scope, 'thirty', 30, ONE_PORT));

async function move(scope, env) {
    const all = await meet(scope, 'moved', env);
    if (!all)
        return;
    const { rig, near, far, limitMs } = all;
    await rig.tell('nat addr=10.81.9.9 port=+7');
    const moved = Date.now();
    await sleep(200); /* more than what was under way */
    await mediaGoesOn(far, await received(far), 60000);
    const tookMs = Date.now() - moved;
    scope.note(`back after ${tookMs} ms`);
    /* Chromium looks after a path that worked every 2.5 s: until then nobody can know. */
    check(tookMs <= 2500 + limitMs, `media came back only ${tookMs} ms after the address changed`);
    await hears(far, PEOPLE[1]);
    await hears(near, PEOPLE[0]);
}

test('mobility: another address in mid-call', (scope) => move(scope, {}));
test('mobility, one port: another address in mid-call', (scope) => move(scope, ONE_PORT));
