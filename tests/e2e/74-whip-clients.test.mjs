/* Published WHIP and WHEP clients, used as they are (npm: whip-whep, by an author of RFC 9725): they publish, play
 * and stop. Its restart is not used: it joins our candidates by commas, which no browser reads (70-network-whip does). */
import { readFileSync } from 'node:fs';

import { PEOPLE, Person } from './lib/browser.mjs';
import { Server } from './lib/server.mjs';
import { check, test, until } from './lib/test.mjs';

const LIBRARY = new URL('./node_modules/whip-whep/', import.meta.url);

/* Gives the page the library's files as they were published. */
async function open(scope, server, conf) {
    const person = await Person.open(scope, conf);
    await person.page.route('**/whip-whep/*.js', (route) => route.fulfill({
        contentType: 'text/javascript', body: readFileSync(new URL(new URL(route.request().url()).pathname.split('/').pop(), LIBRARY)),
    }));
    await person.page.goto(`${server.url}/healthz`);
    await person.page.evaluate(`window.__playAll = ${playAll}`);
    return person;
}

/* In the page: sound that nobody plays is not decoded. */
function playAll(pc) {
    pc.addEventListener('track', ({ track }) => {
        const audio = new Audio();
        audio.srcObject = new MediaStream([track]);
        audio.play();
        (window.__audio ??= []).push(audio);
    });
}

/* In the page. */
async function publish(path) {
    const { WHIPClient } = await import('/whip-whep/whip.js');
    const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    for (const track of stream.getTracks())
        pc.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
    const client = new WHIPClient();
    window.__client = client;
    window.__pc = pc;
    await client.publish(pc, new URL(path, location.href));
    return { etag: client.etag, resource: String(client.resourceURL) };
}

/* In the page. */
async function play(path) {
    const { WHEPClient } = await import('/whip-whep/whep.js');
    const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    window.__playAll(pc);
    pc.addTransceiver('audio', { direction: 'recvonly' });
    pc.addTransceiver('video', { direction: 'recvonly' });
    const client = new WHEPClient();
    window.__client = client;
    window.__pc = pc;
    await client.view(pc, new URL(path, location.href));
    return { resource: String(client.resourceURL) };
}

/* In the page: what comes and goes. */
async function flow() {
    const stats = [...(await window.__pc.getStats()).values()];
    const sum = (type, field) => stats.filter((s) => s.type === type).reduce((n, s) => n + (s[field] ?? 0), 0);
    return { state: window.__pc.connectionState, decoded: sum('inbound-rtp', 'framesDecoded'), heard: sum('inbound-rtp', 'totalAudioEnergy'), sent: sum('outbound-rtp', 'framesEncoded') };
}

test('WHIP, WHEP: published clients publish, play and stop', async (scope) => {
    const server = await Server.start(scope);
    const publisher = await open(scope, server, PEOPLE[0]);
    const viewer = await open(scope, server, PEOPLE[1]);
    const session = await publisher.page.evaluate(publish, '/whip/lib?name=Ada');
    check(/^"\w+"$/.test(session.etag), `its ETag is ${session.etag}`);
    await viewer.page.evaluate(play, '/whep/lib?name=Bob');
    await until('the viewer to see and hear', async () => {
        const now = await viewer.page.evaluate(flow);
        if (now.decoded > 30 && now.heard > 0)
            return true;
        throw new Error(JSON.stringify(now));
    }, { limitMs: 60000 });

    await publisher.page.evaluate(() => window.__client.stop());
    await until('the publisher to be gone', async () => (await server.json('/api/v1/rooms/lib/members')).members.length === 1);
    await viewer.page.evaluate(() => window.__client.stop());
    await until('the viewer to be gone', async () => !(await server.json('/api/v1/rooms/lib/members')).members?.length);
});

/* In the page: WHEP by the server's offer, of which no published client of ours knows. */
async function playTheirs(path) {
    const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    window.__playAll(pc);
    window.__pc = pc;
    const asked = await fetch(path, { method: 'POST' });
    await pc.setRemoteDescription({ type: 'offer', sdp: await asked.text() });
    await pc.setLocalDescription();
    while (pc.iceGatheringState !== 'complete')
        await new Promise((resolve) => pc.addEventListener('icegatheringstatechange', resolve, { once: true }));
    const at = asked.headers.get('Location');
    const answered = await fetch(at, { method: 'PATCH', headers: { 'Content-Type': 'application/sdp' }, body: pc.localDescription.sdp });
    return { statuses: [asked.status, answered.status], at };
}

test('WHEP: the server offers, and Chromium plays', async (scope) => {
    const server = await Server.start(scope);
    const publisher = await open(scope, server, PEOPLE[0]);
    const viewer = await open(scope, server, PEOPLE[1]);
    await publisher.page.evaluate(publish, '/whip/theirs?name=Ada');
    const { statuses, at } = await viewer.page.evaluate(playTheirs, '/whep/theirs?name=Bob');
    check(statuses.join() === '406,204', `its statuses are ${statuses}`);
    await until('the viewer to see and hear', async () => {
        const now = await viewer.page.evaluate(flow);
        if (now.decoded > 10 && now.heard > 0)
            return true;
        throw new Error(JSON.stringify(now));
    }, { limitMs: 60000 });
    const status = await viewer.page.evaluate(async (path) => (await fetch(path, { method: 'DELETE' })).status, at);
    check(status === 200, `DELETE: ${status}`);
});

/* In the page: ZLMediaKit's echo, as its player asks for it. */
async function echo(path) {
    const pc = new RTCPeerConnection();
    window.__playAll(pc);
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    for (const track of stream.getTracks())
        pc.addTransceiver(track, { direction: 'sendrecv', streams: [stream] });
    await pc.setLocalDescription();
    const answer = await (await fetch(path, { method: 'POST', headers: { 'Content-Type': 'text/plain;charset=utf-8' }, body: pc.localDescription.sdp })).json();
    window.__pc = pc;
    await pc.setRemoteDescription({ type: answer.type, sdp: answer.sdp });
    return answer;
}

test('ZLMediaKit: an echo comes back, to see and to hear', async (scope) => {
    const server = await Server.start(scope);
    const person = await open(scope, server, PEOPLE[0]);
    const { code, id, token } = await person.page.evaluate(echo, '/index/api/webrtc?app=live&stream=any&type=echo');
    check(code === 0, `its code is ${code}`);
    await until('himself to be seen and heard', async () => {
        const now = await person.page.evaluate(flow);
        if (now.decoded > 30 && now.heard > 0.001)
            return true;
        throw new Error(JSON.stringify(now));
    }, { limitMs: 60000 });
    const status = await person.page.evaluate(async (path) => (await fetch(path, { method: 'DELETE' })).status, `/index/api/delete_webrtc?id=${id}&token=${token}`);
    check(status === 200, `DELETE: ${status}`);
});
