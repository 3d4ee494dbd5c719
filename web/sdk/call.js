/* sdk/call.js - one call of a user, as calls.js makes them: its state, and its sound and picture.
 *
 * Of a p2p call these go between the two directly: the caller offers when the other has answered, and again
 * with new ICE credentials when the path breaks (the other asks him with `restart`). Calls with a room
 * have a seat in it (mixdown.js): `call.room`, with all that a room can do. */

import { Mixdown } from './mixdown.js';
import { MixdownError } from './socket.js';

const quiet = () => {};
const PEER_AWAY_RETRY_MS = 1000;

export class Call {
    #owner;
    #listeners = new Map();
    #isIncoming;
    #stream;
    #state = 'starting'; /* starting calling ringing active ended */
    #data = {};          /* as the server told it: callId, userId, roomType, media, roomId, role */
    #users = new Map();  /* userId -> ringing, offline, busy, in, rejected, no_answer, left */
    #reason = '';

    #peer = null;        /* of p2p: the RTCPeerConnection */
    #remote = null;      /* its stream */
    #early = [];         /* candidates that came before the description */
    #room = null;
    #events = [];        /* that came before the answer to `call` */

    constructor(owner, { stream, isIncoming }) {
        this.#owner = owner;
        this.#stream = stream;
        this.#isIncoming = isIncoming;
    }

    get id() { return this.#data.callId ?? ''; }
    get state() { return this.#state; }
    get reason() { return this.#reason; }       /* why it ended */
    get isIncoming() { return this.#isIncoming; }
    get from() { return this.#data.userId ?? ''; }
    get name() { return this.#data.name ?? this.from; }
    get media() { return this.#data.media ?? 'video'; }
    get roomType() { return this.#data.roomType ?? 'p2p'; }
    get role() { return this.#data.role ?? ''; }
    get users() { return Object.fromEntries(this.#users); } /* whom we called, and how it stands with them */
    get room() { return this.#room; }           /* a Mixdown; null for p2p */
    get connection() { return this.#peer ?? this.#room?.connection ?? null; }
    get stream() { return this.#remote ?? this.#room?.stream ?? null; }

    /* Events: state, users, stream (what to show), media (connected, disconnected, failed: of p2p), ended (reason). */
    on(event, fn) {
        if (!this.#listeners.has(event))
            this.#listeners.set(event, new Set());
        this.#listeners.get(event).add(fn);
        return () => this.#listeners.get(event).delete(fn);
    }

    /* Answers. stream: what to send; without one we only watch. */
    async accept({ stream } = {}) {
        this.#stream = stream ?? this.#stream;
        this.#data = { ...this.#data, ...await this.#ask('accept') };
        await this.#start();
    }

    async reject(reason = '') {
        await this.#ask('reject', reason && { reason }).catch(quiet);
        this.#end('rejected');
    }

    /* Ends our part, in whatever state it is. */
    async hangup() {
        if (this.#state === 'ended')
            return;
        const asked = this.#ask('hangup');
        this.#end('hangup');
        await asked.catch(quiet);
    }

    /* More people; not into a call of two. */
    async invite(users, { role } = {}) {
        const data = await this.#owner.request('invite', { callId: this.id, targetUsers: [].concat(users),
            ...(role && { role }) });
        this.#takeUsers(data.users);
    }

    /* No longer calls this one, who has not answered. */
    async cancel(user) {
        await this.#ask('cancel', { targetUser: user });
        this.#setUser(user, 'left');
    }

    /* --- for calls.js ------------------------------------------------------------------------ */

    /* The answer to `call`. */
    async begin(data) {
        this.#data = data;
        this.#takeUsers(data.users);
        if (data.state === 'busy')
            this.#end('busy');
        else if (data.state === 'accepted') /* he called us at the same moment: he offers */
            await this.#accepted(true);
        else if (this.roomType !== 'p2p')
            await this.#calling().then(() => this.#start());
        else
            await this.#calling();
    }

    rings(data) {
        this.#data = data;
        this.#setState('ringing');
    }

    /* The connection to the server is back; now: the call as the server has it, or null; rung: the
     * one that it has rung for since, '' for none. */
    reconnected(now, rung) {
        if (this.#state === 'ended' || (this.#state === 'ringing' && rung === this.id))
            return;
        if (this.#state === 'ringing' && now?.callId === this.id)
            this.hangup(); /* answered, but the answer's answer was lost */
        else if (now?.callId !== this.id)
            this.#end('lost');
        else if (this.#peer && this.#peer.connectionState !== 'connected')
            this.#heal();
    }

    event(action, data) {
        if (this.#state === 'starting') {
            this.#events.push([action, data]);
            return;
        }
        if (data.callId && data.callId !== this.id)
            return;
        const handlers = {
            ringing: () => this.#setUser(data.userId, 'ringing'),
            accept: () => this.#setUser(data.userId, 'in') || this.#accepted(false),
            reject: () => this.#left(data, data.reason),
            hangup: () => this.#left(data, 'left'),
            cancel: () => this.#end(data.reason),
            offer: () => this.#takeOffer(data),
            answer: () => this.#takeAnswer(data),
            candidate: () => this.#takeCandidate(data),
            restart: () => this.#offer(true),
        };
        Promise.resolve(handlers[action]?.()).catch((err) => this.#emit('error', err));
    }

    /* --- its state --------------------------------------------------------------------------- */

    async #calling() {
        this.#setState('calling');
        this.#replay();
    }

    #replay() {
        for (const [action, data] of this.#events.splice(0))
            this.event(action, data);
    }

    async #accepted(isGlare) {
        if (this.roomType !== 'p2p') {
            this.#setState('active');
            this.#replay();
            if (isGlare) /* else we have taken our seat already */
                await this.#start();
            return;
        }
        await this.#start();
        if (!isGlare)
            await this.#offer(false);
        this.#replay();
    }

    /* Takes what carries sound and picture. */
    async #start() {
        if (this.#state === 'ended')
            return;
        if (this.roomType === 'p2p') {
            this.#openPeer();
            this.#setState('active');
            return;
        }
        const { url, token, name } = this.#owner.options;
        this.#room = new Mixdown(this.#owner.environment);
        this.#room.on('stream', (stream) => this.#emit('stream', stream));
        if (this.#isIncoming)
            this.#setState('active');
        try {
            await this.#room.join({ url, token, name: name ?? this.#owner.userId, userId: this.#owner.userId,
                room: this.#data.roomId, stream: this.role === 'subscriber' ? undefined : this.#stream });
        } catch (err) {
            await this.hangup();
            throw err;
        }
    }

    #left({ userId, reason, ended }, state) {
        if (userId === this.#owner.userId || ended) {
            this.#setUser(userId, state);
            this.#end(reason);
            return;
        }
        this.#setUser(userId, state);
    }

    #end(reason) {
        if (this.#state === 'ended')
            return;
        this.#reason = reason;
        this.#peer?.close();
        this.#room?.leave();
        this.#owner.forget(this);
        this.#setState('ended');
        this.#emit('ended', reason);
    }

    #takeUsers(users = []) {
        for (const { userId, state } of users)
            this.#setUser(userId, state);
    }

    #setUser(user, state) {
        this.#users.set(user, state);
        this.#emit('users', this.users);
    }

    #ask(action, data = {}) {
        return this.#owner.request(action, { ...data, ...(this.id && { callId: this.id }) });
    }

    #setState(state) {
        if (state === this.#state || this.#state === 'ended')
            return;
        this.#state = state;
        this.#emit('state', state);
    }

    #emit(event, value) {
        for (const fn of [...(this.#listeners.get(event) ?? [])])
            fn(value);
    }

    /* --- sound and picture of two ------------------------------------------------------------ */

    #openPeer() {
        const { RTCPeerConnection, MediaStream } = this.#owner.environment;
        const pc = this.#peer = new RTCPeerConnection({ iceServers: this.#owner.iceServers });
        const tracks = this.#stream?.getTracks() ?? [];
        for (const track of tracks)
            pc.addTrack(track, this.#stream);
        for (const kind of this.media === 'audio' ? ['audio'] : ['audio', 'video']) {
            if (!tracks.some((track) => track.kind === kind) && !this.#isIncoming)
                pc.addTransceiver(kind, { direction: 'recvonly' });
        }
        this.#remote = new MediaStream();
        pc.ontrack = ({ track }) => {
            this.#remote.addTrack(track);
            this.#emit('stream', this.#remote);
        };
        pc.onicecandidate = ({ candidate }) => candidate && this.#relay('candidate', {
            candidate: candidate.candidate, sdpMid: candidate.sdpMid, sdpMLineIndex: candidate.sdpMLineIndex });
        pc.onconnectionstatechange = () => {
            this.#emit('media', pc.connectionState);
            if (pc.connectionState === 'failed')
                this.#heal();
        };
    }

    /* The other may be away for a moment, as we may be: it is tried again while the call lasts. */
    async #relay(action, data) {
        while (this.#state === 'active') {
            try {
                await this.#ask(action, data);
                return;
            } catch (err) {
                if (err.isRefusal && err.code !== 'peer_away')
                    throw err;
                await new Promise((resolve) => setTimeout(resolve, PEER_AWAY_RETRY_MS));
            }
        }
    }

    #heal() {
        const isOfferer = this.#peer.localDescription?.type === 'offer';
        (isOfferer ? this.#offer(true) : this.#relay('restart', {})).catch((err) => this.#emit('error', err));
    }

    async #offer(iceRestart) {
        if (this.#peer.signalingState === 'have-local-offer')
            await this.#peer.setLocalDescription({ type: 'rollback' });
        const offer = await this.#peer.createOffer({ iceRestart });
        await this.#peer.setLocalDescription(offer);
        await this.#relay('offer', { type: 'offer', sdp: offer.sdp });
    }

    async #takeOffer({ sdp }) {
        if (!this.#peer)
            throw new MixdownError('bad_state', 'an offer before the call was answered');
        await this.#peer.setRemoteDescription({ type: 'offer', sdp });
        const answer = await this.#peer.createAnswer();
        await this.#peer.setLocalDescription(answer);
        await this.#addEarly();
        await this.#relay('answer', { type: 'answer', sdp: answer.sdp });
    }

    async #takeAnswer({ sdp }) {
        if (this.#peer?.signalingState !== 'have-local-offer')
            return; /* to an offer that was taken back */
        await this.#peer.setRemoteDescription({ type: 'answer', sdp });
        await this.#addEarly();
    }

    async #takeCandidate({ candidate, sdpMid, sdpMLineIndex }) {
        const one = { candidate, sdpMid, sdpMLineIndex };
        if (!this.#peer?.remoteDescription)
            this.#early.push(one);
        else
            await this.#peer.addIceCandidate(one).catch(quiet); /* of credentials that are over */
    }

    async #addEarly() {
        for (const one of this.#early.splice(0))
            await this.#peer.addIceCandidate(one).catch(quiet);
    }
}
