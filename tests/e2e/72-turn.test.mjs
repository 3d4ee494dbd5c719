/* Networks that let no UDP out, or only to a TURN server: a real coturn on loopback, of the test's own, and the
 * time-limited credentials that `join` gives. */
import { spawn } from 'node:child_process';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';

import { GRID, PEOPLE, Person } from './lib/browser.mjs';
import { Server } from './lib/server.mjs';
import { check, test, until } from './lib/test.mjs';

const SECRET = 'north-and-south';

const freePort = () => new Promise((resolve, reject) => {
    const probe = createServer().on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
        const { port } = probe.address();
        probe.close(() => resolve(port));
    });
});

const answers = (port) => new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => { socket.destroy(); resolve(true); });
    socket.on('error', () => resolve(false));
});

/* coturn with users that are made of a secret. Ends with the scope. */
async function startTurn(scope) {
    const port = await freePort();
    const folder = scope.folder('turn');
    const child = spawn('turnserver', ['-n', '--no-cli', '--listening-ip=127.0.0.1', '--relay-ip=127.0.0.1',
        `--listening-port=${port}`, '--use-auth-secret', `--static-auth-secret=${SECRET}`, '--realm=mixdown.test', '--no-tls',
        '--no-dtls', '--allow-loopback-peers', '--log-file=stdout', `--pidfile=${join(folder, 'pid')}`,
        `--userdb=${join(folder, 'db')}`], { stdio: 'ignore' });
    let error = null;
    child.on('error', (err) => { error = err; });
    scope.defer(() => child.kill('SIGKILL'));
    await until('coturn (Debian package coturn) to be up', () => {
        check(!error && child.exitCode === null, `turnserver: ${error?.message ?? `ended with ${child.exitCode}`}`);
        return answers(port);
    });
    return `127.0.0.1:${port}`;
}

/* In the page, before anything: its connections, made with more settings than it has. */
function watchConnections(more) {
    const Plain = window.RTCPeerConnection;
    window.__pcs = [];
    window.RTCPeerConnection = class extends Plain {
        constructor(conf) {
            super({ ...conf, ...more });
            window.__servers = conf?.iceServers;
            window.__pcs.push(this);
        }
    };
}

/* In the page: the kind of path that is in use. */
async function pathInUse() {
    for (const pc of window.__pcs) {
        const stats = [...(await pc.getStats()).values()];
        const used = stats.find(({ type }) => type === 'transport')?.selectedCandidatePairId;
        const pair = stats.find(({ id }) => id === used);
        const local = stats.find(({ id }) => id === pair?.localCandidateId);
        const remote = stats.find(({ id }) => id === pair?.remoteCandidateId);
        if (local)
            return { type: local.candidateType, protocol: local.relayProtocol, tcp: local.protocol, remote: remote?.candidateType };
    }
    return null;
}

for (const [name, suffix, protocol] of [['UDP', '', 'udp'], ['TCP', '?transport=tcp', 'tcp']]) {
    test(`TURN over ${name}: a browser that may only relay is seen and sees, with credentials that run out`, async (scope) => {
        const turn = await startTurn(scope);
        const server = await Server.start(scope, { MIXDOWN_RTC_TURN_URLS: `turn:${turn}${suffix}`, MIXDOWN_RTC_TURN_SECRET: SECRET,
            MIXDOWN_RTC_TURN_TTL_S: '600' });
        const person = await Person.open(scope, PEOPLE[0]);
        await person.page.addInitScript(watchConnections, { iceTransportPolicy: 'relay' });
        await person.join(server, 'behind');
        await person.seesTiles([PEOPLE[0]], GRID[1]);
        const path = await until('the path to be told', () => person.page.evaluate(pathInUse));
        check(path.type === 'relay' && path.protocol === protocol, `the path is ${JSON.stringify(path)}`);
        const [given] = (await person.page.evaluate(() => window.__servers)).filter(({ credential }) => credential);
        const left = Number(given.username.split(':')[0]) - Date.now() / 1000;
        check(left > 0 && left <= 600, `the credentials hold for ${left} s`);
    });
}

test('TURN of the server: nothing but a relay leads to the room', async (scope) => {
    const turn = await startTurn(scope);
    const server = await Server.start(scope, { MIXDOWN_RTC_TURN_SERVER: turn, MIXDOWN_RTC_TURN_SECRET: SECRET, MIXDOWN_RTC_TURN_ONLY: 'true' });
    const person = await Person.open(scope, PEOPLE[1]);
    await person.page.addInitScript(watchConnections, {});
    await person.join(server, 'far');
    const path = await until('the path to be told', () => person.page.evaluate(pathInUse));
    check(path.remote === 'relay', `the path is ${JSON.stringify(path)}`);
});

/* In the page: publishes by WHIP, knowing nothing of the room but its TCP. */
async function publishByTcp(path) {
    const pc = new RTCPeerConnection();
    window.__pcs = [pc];
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    for (const track of stream.getTracks())
        pc.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
    await pc.setLocalDescription();
    const sdp = pc.localDescription.sdp.replace(/a=candidate:.*\r\n/g, '');
    const response = await fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: sdp });
    const answer = (await response.text()).replace(/a=candidate:\S+ 1 udp .*\r\n/gi, '');
    await pc.setRemoteDescription({ type: 'answer', sdp: answer });
    return answer.match(/a=candidate:.*tcptype passive/g)?.length ?? 0;
}

/* In the page: reports of the room that say its picture arrives. */
async function reportsOfPictures() {
    const stats = [...(await window.__pcs[0].getStats()).values()];
    return stats.filter(({ type, kind, roundTripTime }) => type === 'remote-inbound-rtp' && kind === 'video' && roundTripTime >= 0).length;
}

test('ICE-TCP: a browser without UDP publishes over TCP', async (scope) => {
    const server = await Server.start(scope, { MIXDOWN_RTC_TCP: 'true' });
    const person = await Person.open(scope, PEOPLE[2]);
    await person.page.goto(`${server.url}/healthz`);
    check(await person.page.evaluate(publishByTcp, '/whip/wired?name=Linus') > 0, 'the answer has no TCP candidate');
    const path = await until('the path to be told', () => person.page.evaluate(pathInUse));
    check(path.tcp === 'tcp', `the path is ${JSON.stringify(path)}`);
    await until('the room to decode the picture', async () => {
        const [member] = (await server.json('/api/v1/rooms/wired/members')).members;
        return member?.video && (await person.page.evaluate(reportsOfPictures)) > 0;
    });
});
