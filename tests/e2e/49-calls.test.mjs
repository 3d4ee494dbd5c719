/* Calls by the SDK in real browsers: two directly, and four through the mixer (two browsers, two without). */
import { readFile } from 'node:fs/promises';

import { PEOPLE, Person } from './lib/browser.mjs';
import { Server } from './lib/server.mjs';
import { check, test, until } from './lib/test.mjs';

/* A blank page of the server's origin, with the SDK. */
async function openUser(scope, server, conf, user, options = {}) {
    const person = await Person.open(scope, conf);
    const { page } = person;
    await page.route('**/sdk-test/**', async (route) => {
        const name = new URL(route.request().url()).pathname.split('/').pop();
        return route.fulfill({ contentType: 'text/javascript', body: await readFile(new URL(`../../web/sdk/${name}`, import.meta.url)) });
    });
    await page.goto(`${server.url}/healthz`); /* of the server itself: a page made up here may not call it */
    await page.evaluate(async ({ userId, more }) => {
        document.body.innerHTML = '<video autoplay playsinline></video>';
        const { Calls } = await import('/sdk-test/calls.js');
        const me = window.me = new Calls({ userId, name: userId, ...more });
        window.rings = [];
        window.missed = [];
        me.on('ring', (call) => window.rings.push(call));
        me.on('missed', (calls) => window.missed.push(...calls));
        window.watchCall = (call) => {
            window.call = call;
            call.on('stream', (stream) => { document.querySelector('video').srcObject = stream; });
        };
        window.devices = () => navigator.mediaDevices.getUserMedia({ audio: true, video: true });
        await me.online();
    }, { userId: user, more: options });
    return person;
}

const state = (person) => person.page.evaluate(() => window.call?.state);
const isIn = (person, wanted) => until(`${person.conf.name} to be ${wanted}`, async () => (await state(person)) === wanted, { limitMs: 60000 });

async function startCall(person, users, what = {}) {
    await person.page.evaluate(async ({ to, more }) =>
        window.watchCall(await window.me.call(to, { ...more, stream: await window.devices() })), { to: users, more: what });
}

async function answer(person) {
    await until(`${person.conf.name} to be rung`, () => person.page.evaluate(() => window.rings.length > 0), { limitMs: 60000 });
    await person.page.evaluate(async () => {
        const call = window.rings.shift();
        window.watchCall(call);
        await call.accept({ stream: await window.devices() });
    });
}

/* The colour in a corner of what he sees, where no counter is. */
const sees = (person, rgb) => until(`${person.conf.name} to see the other`, () => person.page.evaluate((wanted) => {
    const video = document.querySelector('video');
    if (!(video.videoWidth > 2) || video.currentTime === 0)
        return false;
    const canvas = new OffscreenCanvas(1, 1);
    const c = canvas.getContext('2d');
    c.drawImage(video, video.videoWidth * 0.1, video.videoHeight * 0.1, 4, 4, 0, 0, 1, 1);
    const got = [...c.getImageData(0, 0, 1, 1).data].slice(0, 3);
    if (got.some((v, i) => Math.abs(v - wanted[i]) > 40))
        throw new Error(String(got));
    return true;
}, rgb), { limitMs: 60000 });

/* Bytes of sound and picture that have come, and who sent them. */
const traffic = (person) => person.page.evaluate(async () => {
    const stats = [...(await window.call.connection.getStats()).values()];
    const pair = stats.find((s) => s.type === 'candidate-pair' && s.nominated && s.state === 'succeeded');
    const remote = stats.find((s) => s.id === pair?.remoteCandidateId);
    const bytes = (kind) => stats.filter((s) => s.type === 'inbound-rtp' && s.kind === kind).reduce((n, s) => n + s.bytesReceived, 0);
    return { audio: bytes('audio'), video: bytes('video'), port: remote?.port, type: remote?.candidateType };
});
const localPorts = (person) => person.page.evaluate(async () =>
    [...(await window.call.connection.getStats()).values()].filter((s) => s.type === 'local-candidate').map((s) => s.port));

test('calls: two browsers in a p2p call, media between them directly', async (scope) => {
    const server = await Server.start(scope);
    const ada = await openUser(scope, server, PEOPLE[0], 'ada');
    const grace = await openUser(scope, server, PEOPLE[1], 'grace');
    await startCall(ada, 'grace');
    await isIn(ada, 'calling');
    await answer(grace);
    await Promise.all([isIn(ada, 'active'), isIn(grace, 'active')]);
    await Promise.all([sees(ada, PEOPLE[1].rgb), sees(grace, PEOPLE[0].rgb)]);
    const before = await traffic(ada);
    await until('more of both', async () => {
        const now = await traffic(ada);
        return now.audio > before.audio + 2000 && now.video > before.video + 5000;
    }, { limitMs: 60000 });
    const { port } = await traffic(ada);
    check((await localPorts(grace)).includes(port), `ada hears port ${port}, which is not grace's`);
    check((await server.json('/api/v1/rooms')).rooms.length === 0, 'a room was opened for it');

    /* Both lose the server for a moment: the call goes on, and is hung up over the new connection. */
    await server.kill();
    await until('the break to be seen', () => ada.page.evaluate(() => window.me.state === 'reconnecting'), { limitMs: 60000 });
    const meanwhile = await traffic(ada);
    await until('media to go on without the server', async () => (await traffic(ada)).video > meanwhile.video + 5000, { limitMs: 60000 });
    check(await state(ada) === 'active', `the call is ${await state(ada)}`);
    await server.start(); /* it knows nothing of the call any more: it is over by that */
    await Promise.all([isIn(ada, 'ended'), isIn(grace, 'ended')]);

    /* The other way round, refused, and missed while away. */
    await startCall(grace, 'ada', { media: 'audio' });
    await until('ada to be rung', () => ada.page.evaluate(() => window.rings.length > 0), { limitMs: 60000 });
    await ada.page.evaluate(() => window.rings.shift().reject('later'));
    await isIn(grace, 'ended');
    check(await grace.page.evaluate(() => window.call.reason) === 'later', 'another reason');
    await ada.page.evaluate(() => window.me.offline());
    await startCall(grace, 'ada');
    await grace.page.evaluate(() => window.call.hangup());
    await ada.page.evaluate(() => window.me.online());
    await until('ada to be told', () => ada.page.evaluate(() => window.missed.length === 1), { limitMs: 60000 });
});
