/* lib/mixer.js - the helpers behind the sliders: a pace for what they tell, and what is remembered of
 * them until the tab is closed. */
import { load, save } from './memory.js';

const EVERY_MS = 120;
const REMEMBERED_MOST = 200;

/* Runs the newest action of each key, at most one in EVERY_MS; the last is never lost. */
export class Paced {
    #onError;
    #keys = new Map(); /* key -> {next, timer} */

    constructor(onError) {
        this.#onError = onError;
    }

    run(key, action) {
        const busy = this.#keys.get(key);
        if (busy) {
            busy.next = action;
            return;
        }
        this.#start(key, action);
    }

    #start(key, action) {
        const state = { next: null, timer: setTimeout(() => this.#again(key, state), EVERY_MS) };
        this.#keys.set(key, state);
        Promise.resolve().then(action).catch(this.#onError);
    }

    #again(key, { next }) {
        this.#keys.delete(key);
        if (next)
            this.#start(key, next);
    }

    clear() {
        for (const { timer } of this.#keys.values())
            clearTimeout(timer);
        this.#keys.clear();
    }
}

const keyOf = (room) => `volumes.${room}`;

/* userId -> percent, as saved in this tab for the room. */
export function loadVolumes(room) {
    try {
        const entries = Object.entries(JSON.parse(load(keyOf(room), 'sessionStorage') || '{}'));
        return Object.fromEntries(entries.filter(([, value]) => Number.isFinite(value)));
    } catch {
        return {};
    }
}

export function saveVolumes(room, volumes) {
    const told = Object.entries(volumes).filter(([, percent]) => percent !== 100).slice(-REMEMBERED_MOST);
    save(keyOf(room), told.length ? JSON.stringify(Object.fromEntries(told)) : '', 'sessionStorage');
}
