/* WHIP publishers and a WHEP viewer from a bare page, and peers that know only one video codec. */
import { spawnSync } from 'node:child_process';

import { GRID, PEOPLE, Person } from './lib/browser.mjs';
import { Server } from './lib/server.mjs';
import { check, test, until } from './lib/test.mjs';

/* In the page: one POST of an offer; gives the session's address. codec: the only one offered. */
async function post({ path, codec, isPublisher }) {
    const pc = new RTCPeerConnection();
    const kinds = ['audio', 'video'];
    if (isPublisher) {
        const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
        for (const track of stream.getTracks())
            pc.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
    } else {
        for (const kind of kinds)
            pc.addTransceiver(kind, { direction: 'recvonly' });
        const video = document.createElement('video');
        video.dataset.testid = 'mix';
        video.autoplay = true;
        video.srcObject = new MediaStream(pc.getReceivers().map(({ track }) => track));
        document.querySelector('video')?.remove();
        document.body.append(video);
    }
    if (codec) {
        const { codecs } = RTCRtpReceiver.getCapabilities('video');
        const only = codecs.filter(({ mimeType }) => mimeType === `video/${codec}` || mimeType === 'video/rtx');
        pc.getTransceivers()[1].setCodecPreferences(only);
    }
    await pc.setLocalDescription();
    await new Promise((resolve) => {
        pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && resolve();
        if (pc.iceGatheringState === 'complete')
            resolve();
    });
    const response = await fetch(path, {
        method: 'POST',
        headers: { 'Content-Type': 'application/sdp' },
        body: pc.localDescription.sdp,
    });
    const sdp = await response.text();
    if (response.status !== 201)
        throw new Error(`${path}: ${response.status} ${sdp.slice(0, 300)}`);
    await pc.setRemoteDescription({ type: 'answer', sdp });
    window.__session = pc;
    return { location: response.headers.get('Location'), etag: response.headers.get('ETag'), sdp };
}

async function openBare(scope, server, conf) {
    const person = await Person.open(scope, conf);
    await person.page.goto(`${server.url}/healthz`);
    return person;
}

async function whip(person, room, codec) {
    const session = await person.page.evaluate(post, {
        path: `/whip/${room}?name=${person.conf.name}`,
        codec,
        isPublisher: true,
    });
    await until(`${person.conf.name} to be connected`, async () => (await person.transport()).state === 'connected');
    return session;
}

async function whep(person, room, codec) {
    const session = await person.page.evaluate(post, { path: `/whep/${room}`, codec, isPublisher: false });
    await until('the viewer to see the mix', () => person.page.evaluate(() => document.querySelector('video').videoWidth > 2));
    return session;
}

async function end(person, server, { location }) {
    const status = await person.page.evaluate(async (path) => {
        const response = await fetch(path, { method: 'DELETE' });
        window.__session.close();
        return response.status;
    }, location);
    check(status === 200 || status === 204, `DELETE ${location}: ${status}`);
    const again = await fetch(new URL(location, server.url), { method: 'DELETE' });
    check(again.status === 404, `DELETE of an ended session: ${again.status}`);
}

test('WHIP publishers of H264 and VP8 only, WHEP viewers of VP8 and H264 only', async (scope) => {
    const server = await Server.start(scope);
    const room = 'stage';
    const [ada, grace] = PEOPLE;
    const first = await openBare(scope, server, ada);
    const second = await openBare(scope, server, grace);
    const viewer = await openBare(scope, server, { name: 'Viewer', colour: '#000000', freq: 950 });
    const sessions = [await whip(first, room, 'H264'), await whip(second, room, 'VP8')];
    check(sessions.every(({ etag, location }) => etag && location?.startsWith(`/whip/${room}/`)), `sessions: ${JSON.stringify(sessions.map(({ location, etag }) => [location, etag]))}`);

    for (const codec of ['VP8', 'H264']) {
        const session = await whep(viewer, room, codec);
        await viewer.seesTiles([ada, grace], GRID[2]);
        await viewer.seesMotion(GRID[2]);
        await until('the viewer to hear both', async () =>
            (await viewer.levels([ada.freq, grace.freq], 1)).every((db) => db > -50));
        const { receives } = await viewer.transport();
        check(receives === `video/${codec}`, `the viewer of ${codec} receives ${receives}`);
        await end(viewer, server, session);
    }
    check((await first.transport()).sends === 'video/H264', 'the H264 publisher sends something else');
    check((await second.transport()).sends === 'video/VP8', 'the VP8 publisher sends something else');

    const { members } = await server.json(`/api/v1/rooms/${room}/members`);
    check(members.map(({ name }) => name).join() === 'Ada,Grace', `members: ${JSON.stringify(members)}`);
    const session = await whep(viewer, room);
    await end(first, server, sessions[0]);
    await viewer.seesTiles([grace], GRID[1]);
    await end(second, server, sessions[1]);
    await end(viewer, server, session);
});

test('peers that know only H264 or only VP8 meet one that knows both, through the page', async (scope) => {
    const server = await Server.start(scope);
    const codecs = ['H264', 'VP8', ''];
    const persons = [];
    for (const [i, codec] of codecs.entries()) {
        const person = await Person.open(scope, PEOPLE[i]);
        await person.join(server, 'codecs', codec && `?codec=${codec}`);
        persons.push(person);
    }
    for (const [i, person] of persons.entries()) {
        await person.seesTiles(PEOPLE, GRID[3]);
        await person.seesMotion(GRID[3]);
        await person.hearsOthers(PEOPLE);
        const { sends, receives } = await person.transport();
        if (codecs[i])
            check(sends === `video/${codecs[i]}` && receives === sends, `${codecs[i]} only: sends ${sends}, receives ${receives}`);
        scope.note(`${person.conf.name} sends ${sends}, receives ${receives}`);
    }
});

test('REST says what is wrong: the address, the method, the name, who may', async (scope) => {
    const server = await Server.start(scope);
    const room = '/api/v1/rooms/words';
    await server.json('/api/v1/rooms', { method: 'POST', body: '{"roomId": "words"}' });
    const said = async (method, path, body) => {
        const response = await fetch(server.url + path, { method, body: JSON.stringify(body) });
        return { status: response.status, allow: response.headers.get('allow'), ...(await response.json()).error };
    };
    const wrong = async (wanted, ...request) => {
        const got = await said(...request);
        check(got.code === wanted, `${request[0]} ${request[1]}: ${JSON.stringify(got)}, not ${wanted}`);
        return got;
    };
    const method = await wrong('method_not_allowed', 'PUT', `${room}/members/ada`, { volume: 30 });
    check(method.status === 405 && method.allow.includes('PATCH'), `Allow: ${method.allow}`);
    await wrong('not_found', 'POST', '/api/v1/room/words/sounds', { name: 'join' });
    const sound = await wrong('no_such_sound', 'POST', `${room}/sounds`, { name: 'gong' });
    check(/hold.*join.*leave.*recording-en.*recording-zh/.test(sound.hint), `hint: ${sound.hint}`);
    for (const name of ['hold', 'join', 'leave', 'recording-en', 'recording-zh'])
        await server.json(`${room}/sounds`, { method: 'POST', body: JSON.stringify({ name }) });
    const ada = await server.json(`${room}/rtp`, { method: 'POST', body: '{"name": "Ada", "audio": {"pt": 111, "codec": "opus"}}' });
    const muted = await wrong('forbidden', 'PATCH', `${room}/members/${ada.userId}`, { muted: { audio: false } });
    check(muted.message.includes('nobody is unmuted by others'), muted.message);
});

test('a server whose settings name no layout that there is says so and does not start', async (scope) => {
    const args = ['serve', '--dev', '--listen', '127.0.0.1:1', '--data', scope.folder('data')];
    const env = { ...process.env, MIXDOWN_VIDEO_LAYOUT: 'nowhere' };
    const { status, stderr } = spawnSync(process.env.MIXDOWN, args, { env, encoding: 'utf8', timeout: 60000 });
    check(status === 2, `it ended with ${status}`);
    check(stderr.includes("video.layout: no layout 'nowhere'"), stderr);
});
