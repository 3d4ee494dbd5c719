/* sdk/calls.js - be reachable: calls, text and presence for one user, in a browser, Electron, React Native.
 *
 *     const me = new Calls({ url, token, device: 'phone', name: 'Ann' });
 *     me.on('ring', (call) => call.accept({ stream }));        // or call.reject()
 *     await me.online();
 *     const call = await me.call('bob', { stream });
 *     call.on('stream', (stream) => { video.srcObject = stream; });
 *
 * Keeps one WebSocket to the server, and comes back after a break by the same device name, so that a
 * call goes on. Where WebRTC is not global (React Native) pass it: new Calls(options, { WebSocket,
 * RTCPeerConnection, MediaStream }). */

import { Call } from './call.js';
import { Chat } from './chat.js';
import { MixdownError, Socket, socketUrl } from './socket.js';

export { MixdownError };

const RETRY_FIRST_MS = 250;
const RETRY_MOST_MS = 8000;

/* A name for this device that another start of the page finds again. */
function deviceName() {
    const fresh = `web-${Math.random().toString(36).slice(2, 10)}`;
    try {
        const kept = globalThis.sessionStorage?.getItem('mixdown-device') ?? fresh;
        globalThis.sessionStorage?.setItem('mixdown-device', kept);
        return kept;
    } catch {
        return fresh;
    }
}

export class Calls {
    #options;
    #env;
    #socket = null;
    #listeners = new Map();
    #call = null;       /* a user is in one call at a time */
    #state = 'offline'; /* offline connecting online reconnecting */
    #run = 0;           /* rises with each online() and offline() */
    #rung = '';         /* the call that this connection was rung for */
    #iceServers = [];
    #chat = new Chat((action, data) => this.request(action, data, 'message'));

    /* options: url (default: the page's), token, userId (--dev only), device, name. */
    constructor(options = {}, environment = {}) {
        this.#options = { device: deviceName(), ...options };
        this.#env = {
            WebSocket: environment.WebSocket ?? globalThis.WebSocket,
            RTCPeerConnection: environment.RTCPeerConnection ?? globalThis.RTCPeerConnection,
            MediaStream: environment.MediaStream ?? globalThis.MediaStream,
        };
    }

    get state() { return this.#state; }
    get userId() { return this.#options.userId ?? ''; }
    get current() { return this.#call; }  /* the Call that rings or runs, or null */
    get chat() { return this.#chat; }
    get options() { return this.#options; }
    get environment() { return this.#env; }
    get iceServers() { return this.#iceServers; }

    /* Events: state, ring (Call), missed ([{callId, userId, media, startedAt, outcome}]), message, delivered,
     * presence ({userId, state}), error. Returns a function that stops it. */
    on(event, fn) {
        if (!this.#listeners.has(event))
            this.#listeners.set(event, new Set());
        this.#listeners.get(event).add(fn);
        return () => this.#listeners.get(event).delete(fn);
    }

    /* Connects and signs in; rejects where the first try fails. Anew, where there is a connection: an app that was
     * asleep cannot know what became of it. */
    async online() {
        const run = ++this.#run;
        this.#drop();
        this.#setState('connecting');
        try {
            await this.#connect(run);
        } catch (err) {
            if (run === this.#run) {
                this.#drop();
                this.#setState('offline');
            }
            throw err;
        }
    }

    /* Signs out: rings and messages go to other devices, or wait. */
    offline() {
        this.#run++;
        this.#call?.hangup().catch(() => {});
        this.#socket?.request('offline', {}, 2000, 'state').catch(() => {}).then(this.#closer());
        this.#socket = null;
        this.#setState('offline');
    }

    /* Calls one user or several. what: {media: 'video' or 'audio', roomType: 'p2p' (default for one), '1v1', 'mcu'
     * (default for many) or 'broadcast', room, role, stream}. Resolves with the Call, which rings. */
    async call(users, { media = 'video', roomType, room, role, stream } = {}) {
        if (this.#call)
            throw new MixdownError('in_call', 'hang up first');
        const call = this.#call = new Call(this, { stream, isIncoming: false });
        const whom = Array.isArray(users) ? { targetUsers: users } : { targetUser: users };
        try {
            const data = await this.request('call', { ...whom, media, ...(roomType && { roomType }),
                ...(room && { roomId: room }), ...(role && { role }) });
            await call.begin(data);
            return call;
        } catch (err) {
            this.forget(call);
            throw err;
        }
    }

    /* Who is there: [{userId, state: online, suspended or offline, lastSeen}]. */
    async presence(users) {
        return (await this.request('query', { userIds: users }, 'state')).users;
    }

    /* The same, and `presence` events from now on (active false: no more). */
    async watch(users, active = true) {
        return (await this.request('subscribe', { userIds: users, active }, 'state')).users;
    }

    request(action, data, type = 'rtc') {
        if (!this.#socket)
            return Promise.reject(new MixdownError('connection_lost', 'not online'));
        return this.#socket.request(action, data, undefined, type);
    }

    /* For Call: it is over. */
    forget(call) {
        if (this.#call === call)
            this.#call = null;
    }

    /* --- the connection ---------------------------------------------------------------------- */

    #closer() {
        const socket = this.#socket;
        return () => socket?.close();
    }

    #drop() {
        const close = this.#closer();
        this.#socket = null; /* first: its end is no loss */
        close();
    }

    async #connect(run) {
        const url = socketUrl(this.#options.url, this.#options.token);
        const socket = await Socket.open(this.#env.WebSocket, url, {
            onEvent: (action, data, type) => this.#socket === socket && this.#event(type, action, data),
            onClose: () => this.#socket === socket && this.#lost(),
        });
        if (run !== this.#run) {
            socket.close();
            throw new MixdownError('left', 'offline() was called meanwhile');
        }
        this.#socket = socket; /* what waits for us comes before the answer */
        this.#rung = '';
        const { userId, device, name } = this.#options;
        const me = await socket.request('online', { ...(userId && { userId }), device, ...(name && { name }) },
            undefined, 'state');
        if (run !== this.#run)
            throw new MixdownError('left', 'offline() was called meanwhile');
        this.#options.userId = me.userId;
        this.#iceServers = me.iceServers ?? [];
        this.#setState('online');
        this.#call?.reconnected(me.call, this.#rung);
    }

    async #lost() {
        const run = this.#run;
        this.#socket = null;
        if (this.#state !== 'online')
            return;
        this.#setState('reconnecting');
        for (let wait = RETRY_FIRST_MS; run === this.#run && this.#state === 'reconnecting';
            wait = Math.min(wait * 2, RETRY_MOST_MS)) {
            await new Promise((resolve) => setTimeout(resolve, wait * (0.75 + Math.random() / 2)));
            if (run !== this.#run)
                return;
            await this.#connect(run).catch((err) => this.#failed(run, err));
        }
    }

    #failed(run, err) {
        if (run !== this.#run)
            return;
        this.#drop();
        if (err.isRefusal) {
            this.#setState('offline');
            this.#call?.reconnected(null, '');
            this.#emit('error', err);
        }
    }

    /* --- what the server says ---------------------------------------------------------------- */

    #event(type, action, data) {
        if (type === 'message') {
            this.#emit(action === 'delivered' ? 'delivered' : 'message', data);
        } else if (type === 'state') {
            if (data.reason === 'replaced')
                this.#replaced();
            else
                this.#emit('presence', data);
        } else if (action === 'call') {
            this.#ring(data);
        } else if (action === 'missed') {
            this.#emit('missed', data.calls);
        } else if (action === 'error') {
            this.#emit('error', new MixdownError(data.code, data.message, data.hint));
        } else {
            this.#call?.event(action, data);
        }
    }

    #ring(data) {
        this.#rung = data.callId;
        if (this.#call?.state === 'ringing')
            this.#call.reconnected(null, data.callId); /* another one's end was not heard */
        if (this.#call)
            return; /* told again after a break, or both called at once */
        this.#call = new Call(this, { isIncoming: true });
        this.#call.rings(data);
        this.request('ringing', { callId: data.callId }).catch(() => {});
        this.#emit('ring', this.#call);
    }

    /* Another page has taken this device's name. */
    #replaced() {
        this.#run++;
        this.#drop();
        this.#setState('offline');
        if (this.#call?.state === 'ringing') /* it rings there */
            this.#call.reconnected(null, '');
    }

    #setState(state) {
        if (state === this.#state)
            return;
        this.#state = state;
        this.#emit('state', state);
    }

    #emit(event, value) {
        for (const fn of [...(this.#listeners.get(event) ?? [])])
            fn(value);
    }
}
