/* lib/sdk.mjs - a browser page with nothing but the SDK, as an application has it: `window.room`, and
 * what it told in `window.told`. The page is the server's own origin; only its files are the test's. */
import { readFileSync } from 'node:fs';

import { Person } from './browser.mjs';
import { until } from './test.mjs';

const SDK = new URL('../../../web/sdk/', import.meta.url);
const EVENTS = ['state', 'muted', 'role', 'rules', 'waiting', 'left', 'error'];

export class Guest {
    #page;

    static async open(scope, server, conf) {
        const person = await Person.open(scope, conf);
        const { page } = person;
        await page.route(`${server.url}/sdk/**`, (route) => {
            const name = new URL(route.request().url()).pathname.split('/').pop();
            return route.fulfill({ contentType: 'text/javascript', body: readFileSync(new URL(name, SDK), 'utf8') });
        });
        await page.goto(`${server.url}/healthz`); /* the server's own: Chromium asks where a page came from */
        await page.evaluate(async (events) => {
            const { Mixdown } = await import('/sdk/mixdown.js');
            window.room = new Mixdown();
            window.told = [];
            for (const event of events)
                window.room.on(event, (value) => window.told.push({ event, value: JSON.parse(JSON.stringify(value)) }));
        }, EVENTS);
        const guest = new Guest();
        guest.#page = page;
        guest.errors = person.errors;
        return guest;
    }

    /* Runs fn(room, argument) in the page. */
    run(fn, argument) {
        return this.#page.evaluate(`(async () => (${fn})(window.room, ${JSON.stringify(argument ?? null)}))()`);
    }

    /* join() with camera and microphone; resolves at once, for it may have to wait: see done(). */
    async join(options) {
        await this.#page.evaluate((wanted) => {
            window.joined = (async () => {
                const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
                await window.room.join({ ...wanted, stream });
                return 'joined';
            })().catch((err) => err.code ?? String(err));
        }, options);
    }

    /* 'joined', or the code that it was refused with. */
    done() {
        return this.#page.evaluate(() => window.joined);
    }

    told(event) {
        return this.#page.evaluate((wanted) => window.told.filter((it) => it.event === wanted).map(({ value }) => value), event);
    }

    state() { return this.run((room) => room.state); }

    until(what, fn, argument) {
        return until(what, () => this.run(fn, argument), 60000);
    }
}
