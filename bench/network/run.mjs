/* bench/network/run.mjs [PART-OF-A-NAME]... - Chromium behind the rig (tests/tools/netrig.c), in a room with another one on a good
 * network: what it sees and hears on the networks of cases.mjs, as a table. `make bench-network` builds what it needs. Figures are of
 * this machine now; each case takes half a minute at most. Ends with 0 whether they pass or not: it measures. */
import { PEOPLE, Person } from '../../tests/e2e/lib/browser.mjs';
import { Rig } from '../../tests/e2e/lib/netrig.mjs';
import { hears, mediaGoesOn, received } from '../../tests/e2e/lib/network.mjs';
import { Scope, sleep, until } from '../../tests/e2e/lib/test.mjs';
import CASES from './cases.mjs';

const SETTLE_MS = 6000;
const SECONDS = 12;

/* In the page: how long pictures stood still and the tone was silent, at most, from now on. */
function startLook(freq) {
    const { watch } = window.__measure;
    watch({ x: 0, y: 0, width: 640, height: 720 }, freq);
    const video = document.querySelector('video[data-testid="mix"]');
    const look = { stillMs: 0, heights: [], timer: 0 };
    const began = performance.now();
    let shown = -1;
    let shownAt = began;
    look.timer = setInterval(() => {
        const now = performance.now();
        const { totalVideoFrames } = video.getVideoPlaybackQuality();
        if (totalVideoFrames !== shown)
            [shown, shownAt] = [totalVideoFrames, now];
        look.stillMs = Math.max(look.stillMs, Math.round(now - shownAt));
        look.heights.push([Math.round(now - began), video.videoHeight]);
    }, 40);
    window.__look = look;
}

function endLook() {
    clearInterval(window.__look.timer);
    return { ...window.__look, silenceMs: window.__measure.watched().longestSilenceMs };
}

const quality = (person) => person.page.evaluate(() => window.__measure.quality());
const fpsOf = (before, after) => (after.frames - before.frames) * 1000 / (after.atMs - before.atMs);

/* Share of the far one's sound that the server made up, as its network events say. */
function uplinkOf(events, since) {
    const figures = events.slice(since).map(({ concealed }) => concealed);
    return figures.length ? figures.reduce((sum, it) => sum + it, 0) / figures.length : null;
}

async function look(all, { seconds = SECONDS, usualFps }) {
    const { near, far, events } = all;
    await far.page.evaluate(startLook, near.conf.freq);
    const since = events.length;
    const [farBefore, nearBefore] = [await quality(far), await quality(near)];
    await sleep(seconds * 1000);
    const [farAfter, nearAfter] = [await quality(far), await quality(near)];
    const { stillMs, heights, silenceMs } = await far.page.evaluate(endLook);
    const ms = farAfter.atMs - farBefore.atMs;
    return {
        concealed: (farAfter.concealed - farBefore.concealed) / (farAfter.samples - farBefore.samples),
        frozen: (farAfter.frozenMs - farBefore.frozenMs) / ms,
        kbps: (farAfter.bytes - farBefore.bytes) * 8 / ms,
        height: farAfter.height,
        fps: fpsOf(farBefore, farAfter), nearFps: fpsOf(nearBefore, nearAfter), usualFps,
        uplink: uplinkOf(events, since), stillMs, silenceMs,
        heightAtMs: (height) => heights.find(([, h]) => h === height)?.[0] ?? null,
    };
}

async function goDark(all, seconds) {
    const { rig, far } = all;
    await rig.tell(`at +${seconds} both blackout=off`);
    await rig.tell('both blackout=on');
    const light = Date.now() + seconds * 1000;
    await sleep(1000);
    const end = await received(far);
    await sleep(Math.max(0, light - Date.now()));
    await mediaGoesOn(far, end, 30000);
    const backMs = Date.now() - light;
    const { height } = await quality(far);
    return { backMs, height, kbps: 0 };
}

async function runCase(all, one) {
    await all.rig.tell('both reset');
    if (one.settleMs !== 0) { /* the case before has passed */
        await all.rig.tell('both delay=25ms');
        await mediaGoesOn(all.far, await received(all.far), 30000);
    }
    for (const line of one.lines)
        await all.rig.tell(line);
    await sleep(one.settleMs ?? SETTLE_MS);
    const seen = one.darkSeconds ? await goDark(all, one.darkSeconds) : await look(all, { ...one, usualFps: all.usualFps });
    const [text, isGood] = one.judge(seen);
    return `${isGood ? 'pass' : 'MISS'} | ${one.name} | ${one.wants} | ${text} | ${seen.height}p, ${seen.kbps.toFixed(0)} kbit/s`;
}

/* One's own `network` events. */
function listen(page, events) {
    page.on('websocket', (ws) => ws.on('framereceived', ({ payload }) => {
        const { action, data } = JSON.parse(String(payload));
        if (action === 'network' && data?.concealed !== undefined)
            events.push(data);
    }));
}

async function meet(scope) {
    const rig = await Rig.start(scope);
    if (!rig)
        throw new Error('no rig: namespaces are not permitted here');
    const [ada, grace] = PEOPLE;
    const events = [];
    await rig.tell('both delay=25ms');
    await rig.serve(scope);
    const near = await Person.open(scope, grace, rig.browser(scope, 'server'));
    await near.join(rig, 'bench');
    const far = await Person.open(scope, ada, rig.browser(scope, 'client'));
    listen(far.page, events);
    await far.join(rig, 'bench');
    await hears(far, grace);
    await until('the best picture', async () => (await quality(far)).height === 720, { limitMs: 40000 }).catch(() => {});
    const before = await quality(near);
    await sleep(4000);
    return { rig, near, far, events, usualFps: fpsOf(before, await quality(near)) };
}

const wanted = process.argv.slice(2);
const scope = new Scope('bench-network');
let missed = 0;
try {
    const all = await meet(scope);
    console.log('     | network | wanted | seen | picture, rate');
    for (const one of CASES.filter(({ name }) => !wanted.length || wanted.some((part) => name.includes(part)))) {
        const line = await runCase(all, one).catch((err) => `MISS | ${one.name} | ${one.wants} | ${err.message.split('\n')[0]} |`);
        missed += line.startsWith('MISS');
        console.log(line);
    }
    console.log(`network: ${missed} missed`);
} finally {
    await scope.close();
}
process.exit(0);
