/* A WHIP publisher whose network changes restarts ICE by PATCH (RFC 9725, section 4.3.2) and keeps his session. */
import { createHmac } from 'node:crypto';

import { PEOPLE, Person } from './lib/browser.mjs';
import { Server } from './lib/server.mjs';
import { check, test, until } from './lib/test.mjs';

/* In the page: a session that sends. */
async function publish(path) {
    const pc = new RTCPeerConnection();
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    for (const track of stream.getTracks())
        pc.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
    await pc.setLocalDescription();
    const response = await fetch(path, {
        method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: pc.localDescription.sdp,
    });
    const sdp = await response.text();
    await pc.setRemoteDescription({ type: 'answer', sdp });
    window.__whip = { pc, sdp };
    return { location: response.headers.get('Location'), etag: response.headers.get('ETag'), link: response.headers.get('Link') };
}

/* In the page: a PATCH of its own kind; an answer of 200 is put into force. */
async function restart({ location, ifMatch, isNew }) {
    const { pc, sdp } = window.__whip;
    const offer = await pc.createOffer({ iceRestart: isNew });
    if (isNew)
        await pc.setLocalDescription(offer);
    while (isNew && pc.iceGatheringState !== 'complete')
        await new Promise((resolve) => { setTimeout(resolve, 20); });
    const lines = (isNew ? pc.localDescription : offer).sdp.split('\r\n');
    const first = (name) => lines.find((line) => line.startsWith(`a=${name}:`));
    const body = [lines.find((line) => line.startsWith('m=')), first('mid'), first('ice-ufrag'), first('ice-pwd'),
        ...new Set(lines.filter((line) => line.startsWith('a=candidate:'))), ''].join('\r\n');
    const response = await fetch(location, {
        method: 'PATCH', headers: { 'Content-Type': 'application/trickle-ice-sdpfrag', 'If-Match': ifMatch }, body,
    });
    const fragment = await response.text();
    if (response.status === 200) {
        const kept = sdp.split('\r\n').filter((line) => !/^a=(ice-ufrag|ice-pwd|candidate|end-of-candidates)/.test(line));
        const fresh = fragment.split('\r\n').filter((line) => /^a=(ice-ufrag|ice-pwd|candidate)/.test(line));
        const answer = kept.flatMap((line) => (line.startsWith('a=mid:') ? [line, ...fresh] : [line]));
        await pc.setRemoteDescription({ type: 'answer', sdp: answer.join('\r\n') });
    }
    return { status: response.status, etag: response.headers.get('ETag'), type: response.headers.get('Content-Type'), fragment };
}

/* In the page: the path in use, and what the room reports of it. */
async function path() {
    const stats = [...(await window.__whip.pc.getStats()).values()];
    const used = stats.find(({ type }) => type === 'transport')?.selectedCandidatePairId;
    const pair = stats.find(({ id }) => id === used);
    const reports = stats.filter(({ type }) => type === 'remote-inbound-rtp');
    const local = stats.find(({ id }) => id === pair?.localCandidateId);
    return { ufrag: local?.usernameFragment, state: window.__whip.pc.connectionState, responses: pair?.responsesReceived, reports: reports.length };
}

test('WHIP: an ICE restart by PATCH keeps the session, and its ETag changes', async (scope) => {
    const server = await Server.start(scope);
    const person = await Person.open(scope, PEOPLE[0]);
    await person.page.goto(`${server.url}/healthz`);
    const session = await person.page.evaluate(publish, '/whip/move?name=Ada');
    await until('the session to be up', async () => (await person.page.evaluate(path)).state === 'connected');
    const before = await person.page.evaluate(path);
    const seat = JSON.stringify((await server.json('/api/v1/rooms/move/members')).members.map(({ userId, joinedAt }) => [userId, joinedAt]));

    const stale = await person.page.evaluate(restart, { location: session.location, ifMatch: '"other"', isNew: false });
    check(stale.status === 412, `another ETag: ${stale.status}`);
    const same = await person.page.evaluate(restart, { location: session.location, ifMatch: '*', isNew: false });
    check(same.status === 400, `a restart with the credentials that are in use: ${same.status}`);
    const done = await person.page.evaluate(restart, { location: session.location, ifMatch: '*', isNew: true });
    check(done.status === 200 && done.type === 'application/trickle-ice-sdpfrag', `restart: ${done.status} ${done.fragment}`);
    check(done.etag && done.etag !== session.etag, `the ETag is ${done.etag}, and was ${session.etag}`);
    check(/a=candidate:/.test(done.fragment), `no candidate in ${done.fragment}`);

    await until('the new path to be in use', async () => {
        const now = await person.page.evaluate(path);
        if (now.state === 'connected' && now.ufrag !== before.ufrag && now.responses > 0 && now.reports > 0)
            return true;
        throw new Error(JSON.stringify(now));
    }, { limitMs: 30000 });
    const old = await person.page.evaluate(restart, { location: session.location, ifMatch: session.etag, isNew: false });
    check(old.status === 412, `the old ETag: ${old.status}`);
    const { members } = await server.json('/api/v1/rooms/move/members');
    check(JSON.stringify(members.map(({ userId, joinedAt }) => [userId, joinedAt])) === seat, 'he has another seat');
    await until('the room to get his picture', async () => (await server.json('/api/v1/rooms/move/members')).members[0].video);
});

test('WHIP, WebSocket: TURN servers come with credentials that run out', async (scope) => {
    const url = 'turn:192.0.2.1:3478';
    const server = await Server.start(scope, { MIXDOWN_RTC_TURN_URLS: url, MIXDOWN_RTC_TURN_SECRET: 'north' });
    const person = await Person.open(scope, PEOPLE[0]);
    await person.page.goto(`${server.url}/healthz`);
    const { link } = await person.page.evaluate(publish, '/whip/turn?name=Ada&user=ada');
    const { iceServers } = await person.page.evaluate(() => new Promise((resolve, reject) => {
        const ws = new WebSocket(`${location.origin.replace('http', 'ws')}/ws`);
        ws.onopen = () => ws.send(JSON.stringify({ type: 'rtc', action: 'join', id: 1, data: { roomId: 'turn', name: 'Bob', userId: 'bob' } }));
        ws.onmessage = ({ data }) => { const { id, ok, data: answer } = JSON.parse(data); if (id === 1) (ok ? resolve : reject)(answer); };
    }));
    const [, username, credential] = /^<turn:192\.0\.2\.1:3478>; rel="ice-server"; username="([^"]+)"; credential="([^"]+)"; credential-type="password"$/.exec(link) ?? [];
    const [turn] = iceServers.filter(({ urls }) => urls.includes(url));
    for (const [user, one] of [['ada', { username, credential }], ['bob', turn]]) {
        const [until, name] = one.username?.split(':') ?? [];
        check(name === user, `for ${user}: ${JSON.stringify(one)} of ${link}`);
        const left = Number(until) - Date.now() / 1000;
        check(left > 86000 && left <= 86401, `${user}'s hold for ${left} s`);
        const sum = createHmac('sha1', 'north').update(one.username).digest('base64');
        check(one.credential === sum, `${user}'s credential is ${one.credential}, not ${sum}`);
    }
});
