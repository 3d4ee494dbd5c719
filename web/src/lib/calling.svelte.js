/* lib/calling.svelte.js - being reachable, and the call that rings or runs, as the page shows them. */
import { Calls } from '../../sdk/calls.js';
import { explain, t } from './i18n.svelte.js';
import { load, save } from './memory.js';
import { toast } from './toasts.svelte.js';

const CONTACTS_MOST = 8;
const ENDED_SHOWN_MS = 2500;

export class Calling {
    state = $state('offline'); /* offline connecting online reconnecting */
    me = $state(load('callMe'));
    call = $state.raw(null);
    callState = $state('');    /* of the call: calling ringing active ended */
    users = $state.raw({});
    reason = $state('');
    stream = $state.raw(null);
    since = $state(0);         /* since when it is active, on this device's clock */
    contacts = $state.raw(load('contacts').split('\n').filter(Boolean));
    presence = $state.raw({}); /* userId -> online, suspended, offline */
    isRinging = $derived(this.callState === 'ringing');
    isOpen = $derived(Boolean(this.call) && !this.isRinging); /* there is something to show */

    #devices;
    #token;
    #calls = null;

    constructor(devices, token) {
        this.#devices = devices;
        this.#token = token;
    }

    /* Signs in as `me`, with the token's name where there is one. */
    async online(me) {
        const userId = me.trim();
        if (!userId || this.state !== 'offline')
            return;
        this.me = userId;
        save('callMe', userId);
        const calls = this.#calls = new Calls({ token: this.#token, ...(!this.#token && { userId }), name: userId });
        calls.on('state', (state) => { this.state = state; });
        calls.on('ring', (call) => this.#take(call));
        calls.on('missed', (missed) => {
            for (const { userId: user } of missed)
                toast({ text: t('callMissed', { name: user }), keepMs: 15000 });
        });
        calls.on('presence', ({ userId: user, state }) => { this.presence = { ...this.presence, [user]: state }; });
        calls.on('error', (err) => toast({ text: explain(err), kind: 'wrong' }));
        if (await this.#try(() => calls.online()))
            await this.#watch(this.contacts);
    }

    offline() {
        this.#calls?.offline();
        this.#calls = null;
        this.presence = {};
        this.state = 'offline';
    }

    /* Calls one, or several who are parted by commas; isDirect: of two, not through the server. */
    async dial(whom, { media = 'video', isDirect = true } = {}) {
        const users = whom.split(/[,，;]/).map((user) => user.trim()).filter(Boolean);
        if (!users.length)
            return;
        await this.#openDevices(media);
        this.#remember(users);
        const roomType = users.length > 1 ? 'mcu' : isDirect ? 'p2p' : '1v1';
        await this.#try(async () => {
            const call = await this.#calls.call(users.length > 1 ? users : users[0],
                { media, roomType, stream: this.#devices.stream() });
            this.#take(call);
        });
        if (!this.call)
            this.#devices.stop();
    }

    async accept() {
        await this.#openDevices(this.call.media);
        await this.#try(() => this.call.accept({ stream: this.#devices.stream() }));
    }

    reject() {
        return this.#try(() => this.call.reject());
    }

    hangup() {
        return this.#try(() => this.call.hangup());
    }

    /* A track that stays open and falls silent, in both kinds of calls. */
    setSending(kind, isOn) {
        const track = this.#devices[`${kind}Track`];
        if (track)
            track.enabled = isOn;
        const { room } = this.call ?? {};
        if (room)
            (kind === 'audio' ? room.setMicrophone(isOn) : room.setCamera(isOn)).catch(() => {});
    }

    #take(call) {
        this.call = call;
        this.users = call.users;
        this.stream = call.stream;
        this.reason = '';
        this.#stateChanged(call, call.state);
        call.on('state', (state) => this.#stateChanged(call, state));
        call.on('users', (users) => { this.users = users; });
        call.on('stream', (stream) => { this.stream = stream; });
        call.on('ended', (reason) => { this.reason = reason; });
        call.on('error', (err) => toast({ text: explain(err), kind: 'wrong' }));
    }

    #stateChanged(call, state) {
        if (call !== this.call)
            return;
        const wasRinging = this.isRinging;
        this.callState = state;
        if (state === 'active')
            this.since = Date.now();
        if (state !== 'ended')
            return;
        this.reason = call.reason;
        this.#devices.stop();
        setTimeout(() => {
            if (this.call === call) {
                this.call = null;
                this.callState = '';
                this.stream = null;
            }
        }, wasRinging ? 0 : ENDED_SHOWN_MS);
    }

    async #openDevices(media) {
        await this.#devices.start(media === 'audio' ? ['audio'] : ['audio', 'video']);
    }

    #remember(users) {
        this.contacts = [...new Set([...users, ...this.contacts])].slice(0, CONTACTS_MOST);
        save('contacts', this.contacts.join('\n'));
        this.#watch(users);
    }

    async #watch(users) {
        const found = users.length ? await this.#calls.watch(users).catch(() => []) : [];
        this.presence = { ...this.presence, ...Object.fromEntries(found.map(({ userId, state }) => [userId, state])) };
    }

    async #try(act) {
        try {
            await act();
            return true;
        } catch (err) {
            toast({ text: explain(err), kind: 'wrong' });
            return false;
        }
    }
}
