/* sdk/mixdown.js - be in a Mixdown room from JavaScript: a browser, Electron, React Native.
 *
 *     const room = new Mixdown();
 *     room.on('stream', (stream) => { video.srcObject = stream; });
 *     room.on('members', (members) => { ... });
 *     await room.join({ room: 'daily', name: 'Ada', stream: await getUserMedia(...) });
 *
 * No dependencies. Where WebRTC is not global (React Native) pass it: new Mixdown({ WebSocket,
 * RTCPeerConnection, MediaStream }).
 *
 * Two things live apart, because each breaks and heals without the other: the seat (here; WebSocket
 * and members; broken, it is resumed while sound and picture go on) and the media connection
 * (media.js). */

import { Chat } from './chat.js';
import { Host } from './host.js';
import { Live } from './live.js';
import { Media } from './media.js';
import { MixdownError, Socket, socketUrl } from './socket.js';

export { MixdownError };

const RETRY_FIRST_MS = 250;
const RETRY_MOST_MS = 8000;
/* For a socket to open again. A network that is away swallows what asks for it, and a connection under way asks ever
 * more seldom: so we begin anew, often, and give each as long as the first one took, four times. */
const OPEN_LEAST_MS = 1500;
const OPEN_MOST_MS = 10000;
const OPEN_QUICK_TRIES = 30;
const NOT_RECORDED = { active: false, id: '', startedAt: 0, paused: false };
const WATCH = { quality: 'auto', view: 'main' };
const VOLUME_MOST = 200;
/* Refusals of a join that pass by themselves, so that coming back is tried again. */
const PASSING = new Set(['internal', 'room_failed', 'room_restarted', 'too_busy', 'rate_limited', 'too_many_rooms']);

const whatToMute = ({ audio, video }) => ({ ...(audio && { audio: true }), ...(video && { video: true }) });
const quiet = () => {};

export class Mixdown {
    #env;
    #listeners = new Map();
    #options = null;
    #run = 0;             /* rises with each join and leave: older work sees it and stops */
    #state = 'idle';
    #media;
    #host;
    #live = new Live((action, data) => this.#request(action, data), (event, value) => this.#emit(event, value));
    #chat = new Chat((action, data) => this.#request(action, data, 'message'));

    #socket = null;
    #resume = '';
    #members = new Map(); /* userId -> member, in order of joining */
    #recording = { ...NOT_RECORDED };
    #layout = { layout: '', order: [], spotlight: null, hideWithoutVideo: false, sharing: null };
    #tiles = { view: '', width: 0, height: 0, tiles: [] };
    #watching = { ...WATCH }; /* what we see, as we asked for it */
    #sent = null;             /* what of it the server sends now */
    #wake = quiet;        /* ends the wait before the next try to reconnect */
    #onNetwork = () => this.#wake();
    #openMs = 0;          /* what the socket took to open, the first time */

    /* What the server was last told of us. */
    #told = { audio: false, video: false, deaf: false, original: false };
    #mutesAsked = 0;      /* not answered yet */
    #volumes = new Map(); /* userId -> percent, for our ears alone */
    #isDeaf = false;
    #path = '';           /* the state of our media path, as the server told it last */

    /* environment: what is not global here, of WebSocket, RTCPeerConnection, MediaStream. */
    constructor(environment = {}) {
        this.#env = {
            WebSocket: environment.WebSocket ?? globalThis.WebSocket,
            RTCPeerConnection: environment.RTCPeerConnection ?? globalThis.RTCPeerConnection,
            RTCRtpReceiver: environment.RTCRtpReceiver ?? globalThis.RTCRtpReceiver,
            MediaStream: environment.MediaStream ?? globalThis.MediaStream,
        };
        this.#media = new Media(this.#env, {
            state: () => this.#state,
            socket: () => this.#socket,
            emit: (event, value) => this.#emit(event, value),
            renew: () => this.#renew(),
        });
        this.#host = new Host({
            request: (action, data) => this.#request(action, data),
            emit: (event, value) => this.#emit(event, value),
            role: () => this.#members.get(this.userId)?.role ?? '',
        });
    }

    get state() { return this.#state; }         /* idle joining waiting joined reconnecting left */
    get media() { return this.#media.state; }   /* new connecting connected failed */
    get chat() { return this.#chat; }           /* text: chat.js */
    get live() { return this.#live; }           /* pushes: live.js */
    get host() { return this.#host; }           /* rules, roles, the lobby: host.js */
    get room() { return this.#options?.room ?? ''; }
    get userId() { return this.#options?.userId ?? ''; }
    get members() { return [...this.#members.values()]; }
    get recording() { return { ...this.#recording }; }

    /* The name of the room's layout; layoutState has the rest of it. */
    get layout() { return this.#layout.layout; }
    get layoutState() { return { ...this.#layout }; }
    get tiles() { return this.#tiles; }         /* who is where in the picture that we watch */
    get watching() { return { ...this.#watching, sent: this.#sent }; }
    get screen() { return this.#media.screen; } /* the track that we share */
    get stream() { return this.#media.stream; } /* the mix: one sound, one picture */
    get connection() { return this.#media.connection; }
    get deaf() { return this.#isDeaf; }
    get originalSound() { return this.#media.isOriginal; }
    get volumes() { return Object.fromEntries(this.#volumes); }

    /* Calls fn at each event; returns a function that stops it. Events: state, members, joined, left,
     * speaking, muted, role, rules, waiting, message, delivered, live, recording, layout, tiles, watching, uplink, network,
     * screen, stream, error
     * (mixdown.d.ts says what each carries). */
    on(event, fn) {
        if (!this.#listeners.has(event))
            this.#listeners.set(event, new Set());
        this.#listeners.get(event).add(fn);
        return () => this.off(event, fn);
    }

    off(event, fn) {
        this.#listeners.get(event)?.delete(fn);
    }

    /* Takes a seat in options.room and starts sending and receiving. Resolves when the server has
     * answered the first offer; rejects with a MixdownError, and nothing is left behind. */
    async join(options) {
        if (this.#state !== 'idle' && this.#state !== 'left')
            throw new MixdownError('bad_state', 'already in a room: leave() first');
        const run = ++this.#run;
        this.#options = { ...options };
        this.#media.prepare(this.#options);
        this.#volumes = new Map(Object.entries(options.volumes ?? {}));
        this.#isDeaf = Boolean(options.deaf);
        this.#watching = { ...WATCH, ...options.watch };
        this.#sent = null;
        this.#setState('joining');
        globalThis.addEventListener?.('online', this.#onNetwork);
        try {
            await this.#connect(run, false);
            this.#check(run);
            await this.#media.open();
            this.#check(run);
            if (!this.#media.isSettled)
                throw new MixdownError('connection_lost', 'the connection broke while joining');
            this.#setState('joined');
        } catch (err) {
            if (run === this.#run)
                this.#end('left');
            throw err;
        }
    }

    /* Gives the seat back. Safe at any time, also from a page that is going away. */
    leave() {
        if (this.#state === 'idle' || this.#state === 'left')
            return;
        this.#socket?.send('leave');
        this.#end('left');
    }

    /* Silence, and sound again; the device stays open. */
    setMicrophone(on) {
        return this.#mute('audio', !on);
    }

    /* Stops sending the picture, and starts again. The track is the caller's: stop it to put out
     * the camera's light, and give a new one to replaceTrack(). */
    setCamera(on) {
        return this.#mute('video', !on);
    }

    /* Sends another device's track, or with null none. A kind that was never sent is negotiated. */
    replaceTrack(kind, track) {
        return this.#media.replaceTrack(kind, track);
    }

    /* Starts (true) or stops (false) recording the room for everyone; resolves with {id, startedAt}. what:
     * {paused}: what happens from now on is left out, or goes into the same file again; {view} or {layout}, the picture to record where it is not the room's; {signs}: REC on it or not. */
    async record(active, what = {}) {
        return this.#request('record', { ...what, active: Boolean(active) });
    }

    /* The layouts there are: [{name, title: {en, zh}, picture}], picture as an address. */
    async layouts() {
        const { layouts } = await this.#fetch('/api/v1/layouts');
        return layouts.map((one) => ({ ...one, picture: this.#address(one.picture) }));
    }

    /* What was recorded of the room, newest first: [{id, startedAt, durationMs, bytes, status, url}], url as an
     * address to play or save from. */
    async recordings() {
        const { recordings } = await this.#fetch(`/api/v1/rooms/${encodeURIComponent(this.room)}/recordings`);
        const token = this.#options.token ? `?token=${encodeURIComponent(this.#options.token)}` : '';
        return recordings.map((one) => ({ ...one, url: this.#address(one.url) + token }));
    }

    #address(path) {
        const base = new URL(this.#options.url ?? '/ws', globalThis.location?.href);
        base.protocol = base.protocol === 'wss:' ? 'https:' : base.protocol === 'ws:' ? 'http:' : base.protocol;
        return String(new URL(path, base));
    }

    async #fetch(path) {
        const { token } = this.#options;
        const reply = await fetch(this.#address(path), token ? { headers: { Authorization: `Bearer ${token}` } } : {});
        const answer = await reply.json().catch(() => ({}));
        if (!reply.ok)
            throw new MixdownError(answer.error?.code ?? 'refused', answer.error?.message ?? `${path}: ${reply.status}`);
        return answer;
    }

    /* Another layout for everyone who watches the room, and its recording; hosts only. A name, or
     * any of {layout, order: [userId], spotlight: userId or null, hideWithoutVideo}: what is not
     * named stays as it is. */
    async setLayout(change) {
        await this.#request('layout', typeof change === 'string' ? { layout: change } : change);
    }

    /* Someone's fixed seat in layouts (1 is the first), or with null none; hosts only. */
    async pin(user, seat = 1) {
        await this.#request('pin', { userId: user, seat });
        this.#memberChanged(user, { pin: seat });
    }

    /* Rings users in; who watches and accepts gets the role (hosts may give it in a broadcast). Resolves with
     * [{userId, state: ringing, offline or busy}]. */
    async invite(users, { role } = {}) {
        return (await this.#request('invite', { targetUsers: [].concat(users), ...(role && { role }) })).users;
    }

    /* A raised hand is a sign on our tile. */
    async raiseHand(raised) {
        await this.#request('hand', { raised: Boolean(raised) });
        this.#memberChanged(this.userId, { hand: Boolean(raised) });
    }

    /* What we see, any of {quality, view, layout, withoutSelf}: `quality` is auto, the most that is
     * sent (1080p 720p 360p 180p slides) or audio; `view` main, a name, or own: a picture made for
     * us, in the `layout` that we like, without ourselves if we want. Kept over reconnections. */
    async watch(change) {
        const was = this.#watching;
        this.#watching = { ...was, ...change };
        this.#emit('watching', this.watching);
        try {
            await this.#request('quality', this.#watchData());
        } catch (err) {
            if (err.isRefusal) {
                this.#watching = was;
                this.#emit('watching', this.watching);
            }
            throw err;
        }
    }

    /* Layout and the rest are of the own view; they are remembered for it while we see another. */
    #watchData() {
        const { quality, view } = this.#watching;
        return view === 'own' ? this.#watching : { quality, view };
    }

    /* Shares a track of getDisplayMedia() beside the camera, or with null ends that. A track that
     * ends by itself (the browser's own button) is taken as null. */
    shareScreen(track) {
        return this.#media.shareScreen(track);
    }

    /* Silences someone else; hosts only. Only that person can unmute himself. what: {audio, video},
     * which of them; the default is the microphone. Rejects with `forbidden` where we are no host. */
    async mute(user, what = { audio: true }) {
        await this.#request('mute', { userId: user, ...whatToMute(what) });
    }

    /* Silences everyone but hosts and ourselves; hosts only. */
    async muteAll(what = { audio: true }) {
        await this.#request('mute', { all: true, ...whatToMute(what) });
    }

    /* How loud someone is, 0 to 200 percent: forMe for our ears alone (kept while we are in the room,
     * also over a reconnection), otherwise for the whole room and its recording, which hosts may. */
    async setVolume(user, percent, { forMe = true } = {}) {
        const volume = Math.round(Math.min(VOLUME_MOST, Math.max(0, Number(percent) || 0)));
        if (!forMe) {
            await this.#request('volume', { userId: user, volume, forMe: false });
            this.#memberChanged(user, { volume });
            return;
        }
        this.#volumes.set(user, volume);
        this.#emit('members', this.members);
        await this.#request('volume', { userId: user, volume, forMe: true });
    }

    /* Someone's percentage for our ears alone. */
    volumeOf(user) {
        return this.#volumes.get(user) ?? 100;
    }

    /* true: the server sends us silence. Kept like volumes. */
    async setDeaf(on) {
        this.#isDeaf = Boolean(on);
        this.#emit('members', this.members);
        await this.#tellFlag('deaf', this.#isDeaf);
    }

    /* true: our sound goes into the mix as it is, for music: no levelling, no noise suppression, more
     * bits. The track is the caller's: capture it without the browser's processing as well. */
    async setOriginalSound(on) {
        await this.#media.setOriginal(Boolean(on));
        this.#media.want('plain');
        await this.#tellFlag('original', this.#media.isOriginal);
    }

    /* --- the seat ---------------------------------------------------------------------------- */

    async #connect(run, resuming, limitMs) {
        const url = socketUrl(this.#options.url, this.#options.token);
        const began = Date.now();
        const socket = await Socket.open(this.#env.WebSocket, url, {
            onEvent: (action, data, type) => this.#socket === socket && this.#event(action, data, type),
            onClose: () => this.#socket === socket && this.#lost(),
        }, limitMs);
        if (!resuming)
            this.#openMs = Date.now() - began;
        if (run !== this.#run) {
            socket.close();
            this.#check(run);
        }
        this.#socket = socket;
        this.#path = '';
        const isResumed = resuming && await this.#tryResume(socket);
        if (isResumed)
            await this.#mutedMeanwhile();
        else
            this.#seat(await this.#takeSeat(run, socket));
        this.#check(run);
        this.#tellWishes(isResumed);
        this.#showMuted();
        return isResumed;
    }

    /* Where the room has a lobby a host decides: until then the state is `waiting`. */
    async #takeSeat(run, socket) {
        const answer = await socket.request('join', this.#joinData());
        this.#check(run);
        if (!answer.waiting)
            return answer;
        this.#options.userId = answer.userId;
        const before = this.#state;
        this.#setState('waiting');
        const seat = await this.#host.admission();
        this.#check(run);
        this.#setState(before);
        return seat;
    }

    /* What the server has to know of us, and forgot with the seat or missed while it was empty. */
    #tellWishes(isResumed) {
        if (!isResumed)
            this.#told = { audio: false, video: false, deaf: false, original: false };
        const { muted, isOriginal } = this.#media;
        if (muted.audio || muted.video || isResumed)
            this.#tellMuted(['audio', 'video']);
        if (this.#told.deaf !== this.#isDeaf)
            this.#tellFlag('deaf', this.#isDeaf).catch(quiet);
        if (this.#told.original !== isOriginal)
            this.#tellFlag('original', isOriginal).catch(quiet);
        for (const user of this.#members.keys())
            this.#tellVolume(user);
        const isUsual = Object.keys(this.#watching).every((key) => this.#watching[key] === WATCH[key]);
        if (!isResumed && !isUsual)
            this.#request('quality', this.#watchData()).catch((err) => err.isRefusal && this.#emit('error', err));
    }

    /* deaf or original: of ourselves. */
    async #tellFlag(name, isOn) {
        await this.#request(name, { [name]: isOn });
        this.#told[name] = isOn;
        this.#memberChanged(this.userId, { [name]: isOn });
    }

    #tellVolume(user) {
        const volume = this.#volumes.get(user);
        if (volume !== undefined && user !== this.userId)
            this.#socket?.send('volume', { userId: user, volume, forMe: true });
    }

    /* Muted on the server although we last said otherwise: a host did it while we were away. */
    async #mutedMeanwhile() {
        const me = this.#members.get(this.userId);
        const audio = Boolean(me?.mutedAudio) && !this.#told.audio;
        const video = Boolean(me?.mutedVideo) && !this.#told.video;
        if (audio || video)
            await this.#mutedByOther({ ...(audio && { audio }), ...(video && { video }) });
    }

    async #tryResume(socket) {
        if (!this.#resume)
            return false;
        try {
            this.#seat(await socket.request('resume', { resume: this.#resume }));
            return true;
        } catch (err) {
            if (!err.isRefusal)
                throw err;
            this.#resume = '';
            return false;
        }
    }

    #joinData() {
        const { room, name, userId, role, password } = this.#options;
        return { roomId: room, name, ...(userId && { userId }), ...(role && { role }), ...(password && { password }) };
    }

    #seat(data) {
        this.#options.userId = data.userId ?? this.#options.userId;
        this.#resume = data.resume ?? this.#resume;
        if (data.iceServers)
            this.#media.iceServers = data.iceServers;
        this.#members = new Map((data.members ?? []).map((m) => [m.userId, m]));
        if (!this.#members.has(this.userId))
            this.#members.set(this.userId, { userId: this.userId, name: this.#options.name });
        this.#emit('members', this.members);
        this.#setRecording(data.recording ?? { active: false });
        this.#layoutChanged(data);
        this.#host.seated(data);
    }

    #lost() {
        this.#socket = null;
        this.#host.dropped();
        this.#media.seatLost();
        if (this.#state === 'joined')
            this.#reconnect(this.#run);
    }

    /* Tries until it has a seat, is told that there is none for us, or leave() is called. */
    async #reconnect(run) {
        this.#setState('reconnecting');
        let wait = RETRY_FIRST_MS;
        for (let tries = 1; run === this.#run; tries++) {
            await this.#pause(wait * (0.75 + Math.random() / 2));
            if (run !== this.#run)
                return;
            try {
                const isResumed = await this.#connect(run, true, this.#openLimit(tries));
                if (!isResumed)
                    this.#media.want('fresh');
                this.#setState('joined');
                this.#media.seatBack();
                return;
            } catch (err) {
                this.#dropSocket();
                /* Who answers nothing needs no rest from us. */
                wait = err.isSilent ? RETRY_FIRST_MS : Math.min(wait * 2, RETRY_MOST_MS);
                if (run !== this.#run || !err.isRefusal || PASSING.has(err.code))
                    continue;
                this.#emit('error', err);
                this.#end('left', err.code);
            }
        }
    }

    /* Gives our seat up, so that there is none to resume and the next one begins with a fresh connection. */
    #renew() {
        this.#resume = '';
        this.#socket?.send('leave');
        this.#dropSocket();
        this.#reconnect(this.#run);
    }

    #openLimit(tries) {
        const usual = Math.max(OPEN_LEAST_MS, 4 * this.#openMs);
        return Math.min(OPEN_MOST_MS, tries > OPEN_QUICK_TRIES ? OPEN_MOST_MS : usual);
    }

    #pause(ms) {
        return new Promise((resolve) => {
            this.#wake = resolve;
            setTimeout(resolve, ms);
        });
    }

    #dropSocket() {
        const socket = this.#socket;
        this.#socket = null; /* first: its onClose must not start a second reconnect */
        socket?.close();
    }

    #request(action, data, type = 'rtc') {
        if (!this.#socket)
            return Promise.reject(new MixdownError('connection_lost', 'not connected'));
        return this.#socket.request(action, data, undefined, type);
    }

    /* --- events ------------------------------------------------------------------------------ */

    #event(action, data, type) {
        if (type === 'message' && (action === 'send' || action === 'delivered'))
            this.#emit(action === 'send' ? 'message' : 'delivered', data);
        if (type !== 'rtc')
            return;
        const handlers = {
            joined: () => this.#memberJoined(data.member),
            left: () => this.#memberLeft(data),
            mute: () => this.#membersMuted(data),
            volume: () => this.#memberChanged(data.userId, { volume: data.volume }),
            deaf: () => this.#memberChanged(data.userId, { deaf: data.deaf }),
            original: () => this.#memberChanged(data.userId, { original: Boolean(data.original) }),
            media: () => this.#memberChanged(data.userId, {
                audio: data.audio, video: data.video, screen: data.screen,
            }),
            role: () => this.#roleChanged(data),
            renegotiate: () => this.#media.want('plain'),
            hand: () => this.#memberChanged(data.userId, { hand: Boolean(data.raised) }),
            pin: () => this.#memberChanged(data.userId, { pin: data.seat ?? null }),
            tiles: () => this.#tilesChanged(data),
            watching: () => this.#sentChanged(data),
            uplink: () => this.#media.uplinkChanged(data),
            candidate: () => this.#media.addCandidate(data),
            speaking: () => this.#emit('speaking', data.speakers ?? []),
            recording: () => this.#recordingChanged(data),
            live: () => this.#live.changed(data),
            layout: () => this.#layoutChanged(data),
            network: () => this.#networkChanged(data),
            moved: () => this.#media.moved(),
            ended: () => this.#over(data.reason || 'ended'),
            error: () => this.#emit('error', new MixdownError(data.code, data.message)),
        };
        if (handlers[action])
            handlers[action]();
        else
            this.#host.event(action, data);
    }

    /* by: who decided; "" where the last host has left. */
    #roleChanged({ userId, role, by = '' }) {
        this.#memberChanged(userId, { role });
        this.#emit('role', { userId, role, by });
    }

    #over(reason) {
        if (this.#host.isKnocking)
            this.#host.refused(reason);
        else
            this.#end('left', reason);
    }

    /* Ours, with figures, or another member's bars. */
    #networkChanged(data) {
        const isOurs = !data.userId || data.userId === this.userId;
        const isNew = isOurs && data.state && data.state !== this.#path;
        if (isNew)
            this.#path = data.state;
        if (isNew && (data.state === 'failed' || data.state === 'suspect'))
            this.#media.want('restart'); /* whatever the browser thinks: the server hears nothing of us */
        if (data.bars !== undefined)
            this.#memberChanged(data.userId ?? this.userId, { bars: data.bars });
        this.#emit('network', { ...data, userId: data.userId ?? this.userId });
    }

    #layoutChanged({ layout, order, spotlight, hideWithoutVideo, sharing, by }) {
        const told = { layout, order, spotlight, hideWithoutVideo, sharing };
        const change = Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined));
        const next = { ...this.#layout, ...change };
        const isNew = JSON.stringify(next) !== JSON.stringify(this.#layout);
        this.#layout = next;
        if (isNew)
            this.#emit('layout', { ...next, by });
    }

    #tilesChanged({ view = '', width = 0, height = 0, tiles = [] }) {
        this.#tiles = { view, width, height, tiles };
        this.#emit('tiles', this.#tiles);
    }

    #sentChanged({ view, quality, width, height }) {
        this.#sent = { view, quality, width, height };
        this.#emit('watching', this.watching);
    }

    #memberJoined(member) {
        if (!member?.userId)
            return;
        const isNew = !this.#members.has(member.userId);
        this.#members.set(member.userId, member);
        if (isNew) {
            this.#tellVolume(member.userId);
            this.#emit('joined', member);
        }
        this.#emit('members', this.members);
    }

    #memberLeft({ userId, reason }) {
        if (userId === this.userId) {
            this.#end('left', reason);
            return;
        }
        const member = this.#members.get(userId);
        if (!member)
            return;
        this.#members.delete(userId);
        this.#emit('left', { ...member, reason });
        this.#emit('members', this.members);
    }

    #memberChanged(userId, change) {
        if (this.#changeMember(userId, change))
            this.#emit('members', this.members);
    }

    #changeMember(userId, change) {
        const member = this.#members.get(userId);
        if (!member)
            return false;
        const told = Object.entries(change).filter(([, value]) => value !== undefined);
        this.#members.set(userId, { ...member, ...Object.fromEntries(told) });
        return true;
    }

    /* One person, or with userIds all whom a host muted at once. */
    #membersMuted({ userId, userIds, audio, video, by }) {
        const change = { mutedAudio: audio, mutedVideo: video };
        for (const user of userIds ?? [userId]) {
            if (user === this.userId && by !== user)
                this.#mutedByOther({ audio, video, by }).catch(quiet);
            else
                this.#changeMember(user, change);
        }
        this.#emit('members', this.members);
    }

    /* A host muted us: our own track falls silent too. A word of ours to the contrary that is under way
     * is taken back. Nobody unmutes us from afar. */
    async #mutedByOther({ audio, video, by = '' }) {
        const kinds = [audio === true && 'audio', video === true && 'video'].filter(Boolean);
        if (!kinds.length)
            return;
        const wasMuted = kinds.every((kind) => this.#media.muted[kind]);
        const isContradicted = this.#mutesAsked > 0;
        for (const kind of kinds) {
            this.#told[kind] = true;
            await this.#media.mute(kind, true);
        }
        this.#showMuted();
        if (isContradicted)
            this.#tellMuted(kinds);
        if (!wasMuted)
            this.#emit('muted', { audio: audio === true, video: video === true, by });
    }

    async #mute(kind, isMuted) {
        await this.#media.mute(kind, isMuted);
        this.#tellMuted([kind]);
    }

    #showMuted() {
        const { muted } = this.#media;
        this.#memberChanged(this.userId, { mutedAudio: muted.audio, mutedVideo: muted.video });
    }

    /* Answered, the server's word that a host muted us comes after or before ours for certain. */
    #tellMuted(kinds) {
        this.#showMuted();
        if (!this.#socket?.isOpen)
            return; /* told when the seat is back */
        const now = Object.fromEntries(kinds.map((kind) => [kind, this.#media.muted[kind]]));
        this.#told = { ...this.#told, ...now };
        this.#mutesAsked++;
        this.#socket.request('mute', now)
            .catch((err) => err.isRefusal && this.#emit('error', err))
            .finally(() => { this.#mutesAsked--; });
    }

    #recordingChanged(data) {
        if (data.state === 'ready' || data.state === 'failed') {
            const { startedAt } = this.#recording;
            if (this.#recording.id === data.id)
                this.#recording = { ...NOT_RECORDED };
            this.#emit('recording', { startedAt, ...data, active: this.#recording.active });
            return;
        }
        this.#setRecording(data);
    }

    #setRecording(data) {
        const { active, id, startedAt, paused } = this.#recording;
        this.#recording = {
            active: Boolean(data.active), id: data.id ?? '', startedAt: data.startedAt ?? 0, paused: Boolean(data.paused),
        };
        const next = this.#recording;
        const isOther = next.active !== active || next.id !== id || next.startedAt !== startedAt || next.paused !== paused;
        if (isOther || data.state)
            this.#emit('recording', { ...data, ...next });
    }

    /* --- state ------------------------------------------------------------------------------- */

    #check(run) {
        if (run !== this.#run)
            throw new MixdownError('left', 'left the room meanwhile');
    }

    #end(state, reason = '') {
        this.#run++;
        this.#dropSocket();
        this.#media.end();
        this.#host.ended();
        globalThis.removeEventListener?.('online', this.#onNetwork);
        this.#wake();
        this.#resume = '';
        this.#members = new Map();
        this.#recording = { ...NOT_RECORDED };
        this.#layout = { layout: '', order: [], spotlight: null, hideWithoutVideo: false, sharing: null };
        this.#live.clear();
        this.#tilesChanged({});
        this.#setState(state, reason);
    }

    #setState(state, reason = '') {
        this.#state = state;
        this.#emit('state', { state, media: this.media, reason });
    }

    #emit(event, value) {
        for (const fn of this.#listeners.get(event) ?? [])
            fn(value);
    }
}
