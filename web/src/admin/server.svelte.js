/* admin/server.svelte.js - the server as an operator sees it: asked every two seconds while the page is
 * shown. A token comes by ?token= or is typed in, and is kept for this tab only. */
import { load, save } from '../lib/memory.js';

const EVERY_MS = 2000;

function firstToken() {
    const query = new URLSearchParams(location.search);
    const given = query.get('token');
    if (!given)
        return load('adminToken', 'sessionStorage');
    save('adminToken', given, 'sessionStorage');
    query.delete('token'); /* out of the address, and of the history */
    history.replaceState(null, '', `${location.pathname}${query.size ? `?${query}` : ''}${location.hash}`);
    return given;
}

export class Server {
    state = $state('loading'); /* ready, locked (a token is wanted), lost */
    info = $state(null);       /* GET /api/v1/server */
    rooms = $state([]);
    error = $state('');
    #token = firstToken();
    #timer = 0;

    constructor() {
        this.#poll();
    }

    get hasToken() {
        return Boolean(this.#token);
    }

    setToken(token) {
        this.#token = token.trim();
        save('adminToken', this.#token, 'sessionStorage');
        this.state = 'loading';
        this.refresh();
    }

    /* The answer's JSON; throws what the server says. */
    async ask(path, { method = 'GET', body = undefined } = {}) {
        const response = await fetch(path, {
            method,
            headers: {
                ...(this.#token ? { Authorization: `Bearer ${this.#token}` } : {}),
                ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
            },
            body: body === undefined ? undefined : JSON.stringify(body),
        });
        const isJson = response.headers.get('Content-Type')?.startsWith('application/json');
        const answer = isJson ? await response.json() : null;
        if (response.ok)
            return answer;
        const { message = response.statusText, hint = '', code = '' } = answer?.error ?? {};
        throw Object.assign(new Error([message, hint].filter(Boolean).join(' ')), { status: response.status, code });
    }

    /* An address for elements that cannot send headers. */
    address(path) {
        return this.#token ? `${path}${path.includes('?') ? '&' : '?'}token=${encodeURIComponent(this.#token)}` : path;
    }

    async refresh() {
        try {
            const [info, { rooms }] = await Promise.all([this.ask('/api/v1/server'), this.ask('/api/v1/rooms')]);
            this.info = info;
            this.rooms = rooms.map((room) => ({ ...room, ...info.rooms.find(({ roomId }) => roomId === room.roomId) }));
            this.state = 'ready';
        } catch (err) {
            this.error = err.message;
            this.state = err.status === 401 || err.status === 403 ? 'locked' : 'lost';
        }
    }

    async #poll() {
        if (!document.hidden)
            await this.refresh();
        this.#timer = setTimeout(() => this.#poll(), EVERY_MS);
    }

    stop() {
        clearTimeout(this.#timer);
    }
}
