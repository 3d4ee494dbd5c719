/* sdk/socket.js - one WebSocket to /ws: requests with answers, events, a heartbeat.
 *
 * A Socket lives for one connection and is never reopened; mixdown.js makes the next one. Its end is
 * told exactly once, through onClose, also where the browser would not notice it for minutes: a ping
 * without an answer ends it. */

const REQUEST_MS = 15000;
const PING_EVERY_MS = 20000;
const PING_MS = 10000;

/* What failed, with the server's stable code (docs/protocol.md) or one of ours: connection_lost,
 * timeout, bad_state, media_failed, left. */
export class MixdownError extends Error {
    constructor(code, message, hint = '') {
        super(message || code);
        this.name = 'MixdownError';
        this.code = code;
        this.hint = hint;
    }
}

/* The address of /ws for a page's, a host's or a socket's own address. Plain text work: React
 * Native's URL cannot set parameters. */
export function socketUrl(url, token) {
    let address = (url || globalThis.location?.origin || '').replace(/^http/i, 'ws');
    if (!/^wss?:\/\/[^/]+/i.test(address))
        throw new MixdownError('bad_url', `not an address of a Mixdown server: ${url}`);
    if (!/\/ws(\?|$)/.test(address))
        address = `${address.replace(/[?#].*$/, '').replace(/\/+$/, '')}/ws`;
    if (!token)
        return address;
    return `${address}${address.includes('?') ? '&' : '?'}token=${encodeURIComponent(token)}`;
}

export class Socket {
    #ws;
    #onEvent;
    #onClose;
    #waiting = new Map(); /* id -> {resolve, reject, timer} */
    #nextId = 1;
    #heartbeat = null;
    #closed = false;

    /* Resolves with the open socket; rejects with connection_lost, isSilent when nobody answered in time. */
    static open(WebSocket, url, handlers, limitMs = REQUEST_MS) {
        return new Promise((resolve, reject) => {
            const socket = new Socket(new WebSocket(url), handlers, limitMs, resolve, reject);
            return socket;
        });
    }

    constructor(ws, { onEvent, onClose }, limitMs, opened, refused) {
        let isSilent = false;
        this.#ws = ws;
        this.#onEvent = onEvent;
        this.#onClose = () => refused(Object.assign(
            new MixdownError('connection_lost', 'the server cannot be reached'), { isSilent }));
        const limit = setTimeout(() => {
            isSilent = true;
            this.close();
        }, limitMs);
        ws.onopen = () => {
            clearTimeout(limit);
            this.#onClose = onClose;
            this.#heartbeat = setInterval(() => this.probe(PING_MS), PING_EVERY_MS);
            opened(this);
        };
        ws.onmessage = (event) => this.#receive(event.data);
        ws.onerror = () => {};
        ws.onclose = () => {
            clearTimeout(limit);
            this.close();
        };
    }

    get isOpen() {
        return !this.#closed && this.#ws.readyState === 1;
    }

    /* Sends and waits for the answer's data; rejects with the server's error. */
    request(action, data = {}, limitMs = REQUEST_MS, type = 'rtc') {
        if (!this.isOpen)
            return Promise.reject(new MixdownError('connection_lost', 'the connection is gone'));
        const id = String(this.#nextId++);
        return new Promise((resolve, reject) => {
            const timer = setTimeout(() => {
                this.#waiting.delete(id);
                reject(new MixdownError('timeout', `no answer to ${action}`));
            }, limitMs);
            this.#waiting.set(id, { resolve, reject, timer });
            this.#ws.send(JSON.stringify({ type, action, id, data }));
        });
    }

    /* Sends without asking for an answer. */
    send(action, data = {}) {
        if (this.isOpen)
            this.#ws.send(JSON.stringify({ type: 'rtc', action, data }));
    }

    close() {
        if (this.#closed)
            return;
        this.#closed = true;
        clearInterval(this.#heartbeat);
        for (const { reject, timer } of this.#waiting.values()) {
            clearTimeout(timer);
            reject(new MixdownError('connection_lost', 'the connection is gone'));
        }
        this.#waiting.clear();
        this.#ws.close();
        this.#onClose();
    }

    /* Is the server there? Without an answer in time the socket ends. */
    async probe(limitMs) {
        try {
            await this.request('ping', {}, limitMs);
            return true;
        } catch (err) {
            if (err.code === 'timeout')
                this.close();
            return Boolean(err.isRefusal);
        }
    }

    #receive(text) {
        if (this.#closed)
            return;
        let message;
        try {
            message = JSON.parse(text);
        } catch {
            return; /* not ours: a proxy's */
        }
        if (message?.id === undefined) {
            this.#onEvent(message?.action, message?.data ?? {}, message?.type ?? 'rtc');
            return;
        }
        const waiting = this.#waiting.get(String(message.id));
        if (!waiting)
            return;
        this.#waiting.delete(String(message.id));
        clearTimeout(waiting.timer);
        if (message.ok)
            waiting.resolve(message.data ?? {});
        else
            waiting.reject(refusal(message.error));
    }
}

function refusal(error) {
    const err = new MixdownError(error?.code ?? 'refused', error?.message ?? '', error?.hint ?? '');
    err.isRefusal = true; /* the server said no, as against a connection that broke */
    return err;
}
