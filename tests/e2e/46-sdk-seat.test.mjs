/* The SDK's seat, against a server played by the test: what it says of mutes, volumes and deafness, in
 * which order, and again after a broken connection. */
import { Mixdown } from '../../web/sdk/mixdown.js';
import { check, test, until } from './lib/test.mjs';

const same = (what, got, wanted) =>
    check(JSON.stringify(got) === JSON.stringify(wanted), `${what}: ${JSON.stringify(got)}, not ${JSON.stringify(wanted)}`);

/* The server's side: each connection, what was said on all of them, and answers, held back on wish. */
class Server {
    connections = [];
    said = [];            /* {action, data} without join, offer, candidate */
    held = null;          /* actions whose answers wait, with them: {mute: []} */
    members = [{ userId: 'me', name: 'Me' }, { userId: 'ada', name: 'Ada', role: 'host' }, { userId: 'bob', name: 'Bob' }];
    isResumable = true;

    WebSocket = ((server) => class {
        readyState = 0;
        constructor() {
            server.connections.push(this);
            setTimeout(() => { this.readyState = 1; this.onopen(); });
        }

        send(text) { server.take(this, JSON.parse(text)); }
        close() {
            this.readyState = 3;
            setTimeout(() => this.onclose?.());
        }
    })(this);

    take(ws, { action, id, data }) {
        const seat = { userId: 'me', resume: 'r', members: this.members };
        const answers = { join: seat, resume: seat, offer: { sdp: '' } };
        if (!(action in answers) && action !== 'candidate' && action !== 'ping')
            this.said.push({ action, data });
        const isRefused = action === 'resume' && !this.isResumable;
        const answer = () => ws.onmessage({ data: JSON.stringify(isRefused
            ? { id, ok: false, error: { code: 'resume_failed' } }
            : { id, ok: true, data: answers[action] ?? {} }) });
        if (this.held?.[action])
            this.held[action].push(answer);
        else if (id !== undefined)
            setTimeout(answer);
    }

    tell(action, data) {
        this.connections.at(-1).onmessage({ data: JSON.stringify({ type: 'rtc', action, data }) });
    }

    /* What was said since it was asked last, of one action. */
    heard(action) {
        const found = this.said.filter((it) => it.action === action).map(({ data }) => data);
        this.said = this.said.filter((it) => it.action !== action);
        return found;
    }
}

/* As much of WebRTC as the SDK touches. */
class Connection {
    connectionState = 'connected';
    signalingState = 'stable';
    addTransceiver(track) {
        const sender = { track: track?.kind ? track : null, async replaceTrack(next) { this.track = next; } };
        return { sender, receiver: { track: {} }, direction: 'sendrecv' };
    }

    async createOffer() { return { type: 'offer', sdp: 'v=0' }; }
    async setLocalDescription(offer) { this.localDescription = offer; }
    async setRemoteDescription(answer) { this.remoteDescription = answer; }
    async getStats() { return new Map(); }
    close() {}
}

async function join(scope, server, options = {}) {
    const track = { kind: 'audio', enabled: true };
    const stream = { getAudioTracks: () => [track], getVideoTracks: () => [] };
    const room = new Mixdown({ WebSocket: server.WebSocket, RTCPeerConnection: Connection, MediaStream: class {} });
    scope.defer(() => room.leave());
    await room.join({ url: 'http://server', room: 'r', name: 'Me', stream, ...options });
    return { room, track };
}

const back = (room) => until('the seat to be back', () => room.state === 'joined');
const mutedFlag = (room, user) => Boolean(room.members.find((m) => m.userId === user)?.mutedAudio);

test('sdk: a mute by a host silences the track, and is told once with its author', async (scope) => {
    const server = new Server();
    const { room, track } = await join(scope, server);
    const told = [];
    room.on('muted', (muted) => told.push(muted));
    server.tell('mute', { userId: 'me', audio: true, by: 'ada' });
    await until('the word of it', () => told.length);
    same('told', told, [{ audio: true, video: false, by: 'ada' }]);
    check(!track.enabled, 'the track still sounds');
    check(mutedFlag(room, 'me'), 'the list does not show it');
    same('said to the server', server.heard('mute'), []);
    server.tell('mute', { userId: 'me', audio: false, by: 'ada' });
    await new Promise((resolve) => setTimeout(resolve, 20));
    check(!track.enabled && mutedFlag(room, 'me'), 'a host unmuted us');
    await room.setMicrophone(true);
    check(track.enabled && !mutedFlag(room, 'me'), 'we cannot unmute ourselves');
    same('then said', server.heard('mute'), [{ audio: false }]);
});

test('sdk: a mute by a host takes back an unmute that is under way', async (scope) => {
    const server = new Server();
    const { room, track } = await join(scope, server, { microphone: false });
    server.heard('mute');
    server.held = { mute: [] };
    await room.setMicrophone(true);
    server.tell('mute', { userId: 'me', audio: true, by: 'ada' });
    await until('the track to fall silent', () => !track.enabled);
    await until('it to be taken back', () => server.said.length >= 2);
    same('said', server.heard('mute'), [{ audio: false }, { audio: true }]);
    for (const answer of server.held.mute)
        answer();
});

test('sdk: a mute of all reaches everyone in the list with one event', async (scope) => {
    const server = new Server();
    const { room, track } = await join(scope, server);
    let events = 0;
    room.on('members', () => events++);
    server.tell('mute', { userIds: ['bob', 'ada'], audio: true, by: 'ada' });
    same('events', events, 1);
    check(mutedFlag(room, 'bob') && mutedFlag(room, 'ada') && !mutedFlag(room, 'me') && track.enabled, 'the wrong ones');
    server.tell('mute', { userIds: ['bob', 'me'], audio: true, by: 'ada' });
    await until('us to be muted', () => !track.enabled);
});

test('sdk: who was muted while away stays muted when he is back', async (scope) => {
    const server = new Server();
    const { room, track } = await join(scope, server);
    const told = [];
    room.on('muted', (muted) => told.push(muted.by));
    server.members[0].mutedAudio = true;
    server.connections[0].close();
    await until('the break to be seen', () => room.state === 'reconnecting');
    await back(room);
    check(!track.enabled && told.length === 1, 'unmuted by reconnecting');
    same('said last', server.heard('mute').at(-1), { audio: true, video: false });

    /* Unmuting while away is one's own, and holds. */
    server.connections[1].close();
    await until('the break to be seen', () => room.state === 'reconnecting');
    await room.setMicrophone(true);
    await back(room);
    check(track.enabled, 'muted by reconnecting');
    same('said last', server.heard('mute').at(-1), { audio: false, video: false });
});

test('sdk: volumes and deafness are said again to a new seat, and of who comes later', async (scope) => {
    const server = new Server();
    const { room } = await join(scope, server, { volumes: { bob: 40, eve: 0, me: 10 } });
    same('at first', server.heard('volume'), [{ userId: 'bob', volume: 40, forMe: true }]);
    server.tell('joined', { member: { userId: 'eve', name: 'Eve' } });
    same('a latecomer', server.heard('volume'), [{ userId: 'eve', volume: 0, forMe: true }]);
    await room.setVolume('ada', 250);
    same('at most', server.heard('volume'), [{ userId: 'ada', volume: 200, forMe: true }]);
    same('mine', [room.volumeOf('ada'), room.volumeOf('zoe')], [200, 100]);
    await room.setVolume('ada', 50, { forMe: false });
    same('the room\'s', server.heard('volume'), [{ userId: 'ada', volume: 50, forMe: false }]);
    same('mine still', room.volumeOf('ada'), 200);
    await room.setDeaf(true);
    server.heard('deaf');

    server.isResumable = false;
    server.connections[0].close();
    await until('the break to be seen', () => room.state === 'reconnecting');
    await back(room);
    await until('deafness to be said again', () => server.said.some(({ action }) => action === 'deaf'));
    same('deaf', server.heard('deaf'), [{ deaf: true }]);
    same('volumes', server.heard('volume').map(({ userId, volume }) => `${userId} ${volume}`), ['ada 200', 'bob 40']);
});

test('sdk: hosts\' words have their form', async (scope) => {
    const server = new Server();
    const { room } = await join(scope, server);
    await room.mute('bob');
    await room.mute('bob', { audio: true, video: true });
    await room.muteAll();
    same('said', server.heard('mute'),
        [{ userId: 'bob', audio: true }, { userId: 'bob', audio: true, video: true }, { all: true, audio: true }]);
    await room.setOriginalSound(true);
    same('original', server.heard('original'), [{ original: true }]);
    check(room.originalSound, 'not kept');
});
