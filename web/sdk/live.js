/* sdk/live.js - live pushes of the room: `room.live` of mixdown.js. Who may is the server's to say.
 *
 * A push is {id, url, state, since, startedAt, bytes, retries, by, lastError}; url without its key; state is
 * connecting, live, retrying, failed or ended. */
const OVER = new Set(['failed', 'ended']);

export class Live {
    #request;
    #emit;
    #pushes = new Map(); /* id -> push, those that we know of */

    /* request(action, data) asks the server; emit(event, value) tells those who listen. */
    constructor(request, emit) {
        this.#request = request;
        this.#emit = emit;
    }

    get pushes() { return [...this.#pushes.values()]; }

    /* Pushes to rtmp://, rtmps:// or srt://. what: {view} or {layout}, the picture where it is not the room's;
     * {signs}: LIVE on it or not. Resolves with the push. */
    async start(url, what = {}) {
        const push = await this.#request('live', { ...what, active: true, url });
        this.changed(push);
        return push;
    }

    async stop(id) {
        await this.#request('live', { active: false, id });
    }

    /* Asks which there are. */
    async list() {
        const { live } = await this.#request('live', {});
        this.#pushes = new Map(live.map((push) => [push.id, push]));
        this.#emit('live', this.pushes);
        return this.pushes;
    }

    /* --- for mixdown.js ---------------------------------------------------------------------- */

    /* One that failed is kept to be seen; one that has ended is gone. */
    changed({ active, ...push }) {
        if (!push.id)
            return;
        if (push.state === 'ended')
            this.#pushes.delete(push.id);
        else
            this.#pushes.set(push.id, push);
        this.#emit('live', this.pushes);
    }

    forget(id) {
        if (OVER.has(this.#pushes.get(id)?.state) && this.#pushes.delete(id))
            this.#emit('live', this.pushes);
    }

    clear() {
        this.#pushes.clear();
    }
}
