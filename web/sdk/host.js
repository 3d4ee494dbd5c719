/* sdk/host.js - the words of hosts: roles, rules, the lobby, the room's end. `room.host` of mixdown.js.
 *
 * Everybody has them, and the server refuses (`forbidden`) what one may not: `can` says it before. */

import { MixdownError } from './socket.js';

const RANK = { subscriber: 0, publisher: 1, host: 2 };
const NO_RULES = { title: '', locked: false, lobby: false, hasPassword: false, maxMembers: 0, may: {} };

export class Host {
    #seat;
    #rules = { ...NO_RULES };
    #waiting = [];
    #knock = null; /* {resolve, reject} while we wait to be let in */

    /* seat: {request(action, data), emit(event, value), role()}. */
    constructor(seat) {
        this.#seat = seat;
    }

    /* {title, locked, lobby, hasPassword, maxMembers, may: {record, live, layout, chat, invite}} */
    get rules() { return { ...this.#rules }; }
    /* Who waits to be let in, [{userId, name, since}]: known to hosts. */
    get waiting() { return [...this.#waiting]; }
    get isHost() { return this.#seat.role() === 'host'; }

    /* Whether our role may: publish record live layout chat invite; moderate and manage are hosts'. A token's
     * claims may allow more, which only the server knows. */
    can(what) {
        const least = what === 'publish' ? 'publisher' : this.#rules.may[what] ?? 'host';
        return (RANK[this.#seat.role()] ?? 0) >= RANK[least];
    }

    /* Makes somebody host, publisher or subscriber; his media follows by itself. */
    async setRole(user, role) {
        await this.#seat.request('role', { userId: user, role });
    }

    /* Sends somebody away; he stays out while the room lives, unless keepOut is false. */
    async kick(user, { keepOut = true } = {}) {
        await this.#seat.request('kick', { userId: user, keepOut });
    }

    async lock(locked = true) {
        await this.#seat.request('lock', { locked: Boolean(locked) });
    }

    /* Any of {title, locked, lobby, password, maxMembers, may, banned}; resolves with all of them, `banned` too. */
    setRules(change) {
        return this.#seat.request('room', change);
    }

    /* One who waits, or with no name all. */
    async admit(user) {
        await this.#seat.request('admit', user ? { userId: user } : { all: true });
    }

    async refuse(user) {
        await this.#seat.request('refuse', user ? { userId: user } : { all: true });
    }

    /* Ends the room for everybody. */
    async end() {
        await this.#seat.request('end', {});
    }

    /* --- for mixdown.js ---------------------------------------------------------------------- */

    /* What the answer to `join` says of the room. */
    seated({ room, lobby }) {
        this.#rulesChanged(room ?? NO_RULES);
        this.#waitingChanged(lobby ?? []);
    }

    /* Until a host decides: resolves with what the answer to `join` would have been. */
    admission() {
        return new Promise((resolve, reject) => { this.#knock = { resolve, reject }; });
    }

    /* The connection broke, or the room is over for us. */
    dropped(code = 'connection_lost') {
        this.#knock?.reject(new MixdownError(code, 'not let in'));
        this.#knock = null;
    }

    ended() {
        this.dropped('left');
        this.#rules = { ...NO_RULES };
        this.#waiting = [];
    }

    get isKnocking() { return this.#knock !== null; }

    event(action, data) {
        if (action === 'room')
            this.#rulesChanged(data);
        else if (action === 'waiting')
            this.#waitingChanged(data.waiting ?? []);
        else if (action === 'admitted' && this.#knock) {
            this.#knock.resolve(data);
            this.#knock = null;
        }
    }

    /* The server's refusal of one who waited is a refusal of his join. */
    refused(reason) {
        this.#knock?.reject(Object.assign(new MixdownError(reason, `not let in: ${reason}`), { isRefusal: true }));
        this.#knock = null;
    }

    #rulesChanged({ title, locked, lobby, hasPassword, maxMembers, may, by }) {
        const next = { title, locked, lobby, hasPassword, maxMembers, may };
        if (JSON.stringify(next) === JSON.stringify(this.#rules))
            return;
        this.#rules = next;
        this.#seat.emit('rules', { ...next, by });
    }

    #waitingChanged(list) {
        if (!list.length && !this.#waiting.length)
            return;
        this.#waiting = list;
        this.#seat.emit('waiting', this.waiting);
    }
}
