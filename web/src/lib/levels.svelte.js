/* lib/levels.svelte.js - who speaks, how loudly: one signal per person, so that ten events a second in a
 * room of a thousand touch only the rows of those who speak. */
import { SvelteMap } from 'svelte/reactivity';

const KEPT_MS = 900; /* a breath between two words does not take a name off the header */

/* The room's level runs with decibels from 0 at -60 to 1 at 0 dB; speech moves between -45 and -5, and is
 * to use the whole of a bar. */
const shown = (level) => Math.min(1, Math.max(0.05, (level - 0.25) / 0.67));

export class Levels {
    #levels = new SvelteMap(); /* userId -> 0..1 of a bar */
    #heardAt = new Map();      /* userId -> when last */
    #timer = null;
    recent = $state.raw([]);   /* userIds heard just now; who came first stands first */

    /* 0..1 of a bar; 0: silent. */
    of(userId) {
        return this.#levels.get(userId) ?? 0;
    }

    /* The speakers of one event: whoever is not among them is silent. */
    take(speakers) {
        const now = performance.now();
        const heard = new Set(speakers.map((speaker) => speaker.userId));
        for (const { userId, level } of speakers) {
            this.#levels.set(userId, shown(level));
            this.#heardAt.set(userId, now);
        }
        for (const [userId, level] of this.#levels) {
            if (level > 0 && !heard.has(userId))
                this.#levels.set(userId, 0);
        }
        this.#settle(now);
    }

    clear() {
        clearTimeout(this.#timer);
        this.#levels.clear();
        this.#heardAt.clear();
        this.recent = [];
    }

    #settle(now) {
        clearTimeout(this.#timer);
        const isKept = (userId) => now - (this.#heardAt.get(userId) ?? -KEPT_MS) < KEPT_MS;
        const stay = this.recent.filter(isKept);
        const come = [...this.#heardAt.keys()].filter((userId) => isKept(userId) && !stay.includes(userId));
        if (come.length || stay.length !== this.recent.length)
            this.recent = [...stay, ...come];
        for (const userId of this.#heardAt.keys()) {
            if (!isKept(userId))
                this.#heardAt.delete(userId);
        }
        if (this.recent.length)
            this.#timer = setTimeout(() => this.#settle(performance.now()), KEPT_MS);
    }
}
