/* Calls by the SDK in real browsers: two directly, and four through the mixer (two browsers, two without). */
import { createSocket } from 'node:dgram';
import { readFile } from 'node:fs/promises';

import { PEOPLE, Person } from './lib/browser.mjs';
import { Server } from './lib/server.mjs';
import { check, test, until } from './lib/test.mjs';

/* A blank page of the server's origin, with the SDK. */
async function openUser(scope, server, conf, user, { beside } = {}) {
    const person = beside ? await beside.beside(scope, conf) : await Person.open(scope, conf);
    const { page } = person;
    await page.route('**/sdk-test/**', async (route) => {
        const name = new URL(route.request().url()).pathname.split('/').pop();
        return route.fulfill({ contentType: 'text/javascript', body: await readFile(new URL(`../../web/sdk/${name}`, import.meta.url)) });
    });
    await page.goto(`${server.url}/healthz`); /* of the server itself: a page made up here may not call it */
    await page.evaluate(async (userId) => {
        document.body.innerHTML = '<video autoplay playsinline></video>';
        const { Calls } = await import('/sdk-test/calls.js');
        const me = window.me = new Calls({ userId, name: userId, device: 'browser' });
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
    }, user);
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

const FOURTH = { name: 'Edsger', colour: '#c8b428', rgb: [200, 180, 40], freq: 900 };

test('calls: a group of four through the mixer, each rung by one call', async (scope) => {
    const server = await Server.start(scope);
    const ada = await openUser(scope, server, PEOPLE[0], 'ada');
    const grace = await openUser(scope, server, PEOPLE[1], 'grace');
    const linus = await openUser(scope, server, PEOPLE[2], 'linus', { beside: grace });
    const edsger = await openUser(scope, server, FOURTH, 'edsger', { beside: ada });
    await startCall(ada, ['grace', 'linus', 'edsger']);
    await Promise.all([grace, linus, edsger].map(answer));
    await Promise.all([ada, grace, linus, edsger].map((one) => isIn(one, 'active')));
    const { rooms } = await server.json('/api/v1/rooms');
    check(rooms.length === 1 && rooms[0].memberCount === 4, JSON.stringify(rooms));
    check(rooms[0].roomId === await ada.page.evaluate(() => window.call.id), 'another room');
    for (const one of [ada, linus]) {
        await until(`${one.conf.name} to hear and see the mix`, async () => {
            const { audio, video } = await traffic(one);
            return audio > 4000 && video > 20000;
        }, { limitMs: 60000 });
    }
    const tiles = await until('four tiles', () => ada.page.evaluate(() => {
        const { tiles } = window.call.room.tiles;
        return tiles.length === 4 && tiles.map((t) => t.userId).sort();
    }), { limitMs: 60000 });
    check(String(tiles) === 'ada,edsger,grace,linus', String(tiles));

    await ada.page.evaluate(() => window.call.hangup()); /* the others go on */
    await until('ada to be gone', async () => (await server.json('/api/v1/rooms')).rooms[0].memberCount === 3, { limitMs: 60000 });
    await edsger.page.evaluate(() => window.call.hangup());
    await grace.page.evaluate(() => window.call.hangup());
    await isIn(linus, 'ended'); /* nobody is left to talk to */
    await until('the room to be closed', async () => (await server.json('/api/v1/rooms')).rooms.length === 0, { limitMs: 60000 });
});

/* Somebody who watches without a browser: a plain RTP participant, whose packets are counted. */
async function plainViewer(scope, server, room, i) {
    const socket = createSocket('udp4');
    scope.defer(() => socket.close());
    const viewer = { packets: 0 };
    socket.on('message', () => viewer.packets++);
    await new Promise((resolve) => socket.bind(0, '127.0.0.1', resolve));
    const body = { name: `Viewer ${i}`, userId: `viewer${i}`, role: 'subscriber', remote: { host: '127.0.0.1', port: socket.address().port },
        audio: { pt: 111, codec: 'opus', direction: 'recvonly' }, video: { pt: 96, codec: 'vp8', direction: 'recvonly' } };
    await server.json(`/api/v1/rooms/${room}/rtp`, { method: 'POST', body: JSON.stringify(body) });
    return viewer;
}

test('calls: a broadcast with 20 viewers, one of whom is asked up', async (scope) => {
    const server = await Server.start(scope);
    const post = (path, body) => server.json(path, { method: 'POST', body: JSON.stringify(body) });
    await post('/api/v1/rooms', { roomId: 'show', roomType: 'broadcast' });
    const ada = await openUser(scope, server, PEOPLE[0], 'ada');
    const grace = await openUser(scope, server, PEOPLE[1], 'grace');
    const join = (person, role, withMedia) => person.page.evaluate(async ({ role, withMedia }) => {
        const { Mixdown } = await import('/sdk-test/mixdown.js');
        const room = window.room = new Mixdown();
        room.on('stream', (stream) => { document.querySelector('video').srcObject = stream; });
        await room.join({ room: 'show', name: window.me.userId, userId: window.me.userId, role,
            stream: withMedia ? await window.devices() : undefined });
        document.querySelector('video').srcObject = room.stream;
    }, { role, withMedia });
    await join(ada, 'host', true);
    await join(grace, undefined, false);
    const viewers = [];
    for (let i = 0; i < 19; i++)
        viewers.push(await plainViewer(scope, server, 'show', i));
    const members = async () => (await server.json('/api/v1/rooms/show/members')).members;
    const roles = (await members()).map((m) => m.role);
    check(roles.filter((role) => role === 'subscriber').length === 20, String(roles));
    await until('all 20 to get sound and picture', () => viewers.every((v) => v.packets > 200), { limitMs: 60000 });
    await sees(grace, PEOPLE[0].rgb); /* the whole picture is the host's */

    /* Nobody asks himself up, the host may. */
    const refusal = await grace.page.evaluate(() => window.me.request('invite', { targetUser: 'ada', role: 'publisher' })
        .then(() => 'let in', (err) => err.code));
    check(refusal === 'no_such_call', refusal);
    await ada.page.evaluate(() => window.room.invite('grace', { role: 'publisher' }));
    await until('grace to be asked', () => grace.page.evaluate(() => window.rings.length > 0), { limitMs: 60000 });
    await answer(grace);
    await until('grace to be on the stage', async () =>
        (await members()).find((m) => m.userId === 'grace' && m.role === 'publisher' && m.video), { limitMs: 60000 });
    await until('two tiles', () => ada.page.evaluate(() => window.room.tiles.tiles.length === 2), { limitMs: 60000 });
    check((await members()).length === 21, 'somebody was lost by it');
});
