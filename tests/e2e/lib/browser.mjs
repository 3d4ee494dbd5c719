/* lib/browser.mjs - one Chromium with one page, of its own profile. Background pages are throttled, so
 * each participant is a process of his own. */
import { chromium } from 'playwright-core';

import { installMeasure } from './measure.js';
import { installSource } from './source.js';
import { check, until } from './test.mjs';

const FLAGS = [
    '--no-sandbox',
    '--disable-gpu',
    '--use-fake-ui-for-media-stream',
    '--use-fake-device-for-media-stream',
    '--autoplay-policy=no-user-gesture-required',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run',
    '--disable-background-timer-throttling',
    '--disable-renderer-backgrounding',
    '--disable-backgrounding-occluded-windows',
    '--disable-features=WebRtcHideLocalIpsWithMdns',
    '--allow-loopback-in-peer-connection',
];

/* Three colours far from one another after video coding, three tones that are no harmonics. */
export const PEOPLE = [
    { name: 'Ada', colour: '#c82828', rgb: [200, 40, 40], freq: 400 },
    { name: 'Grace', colour: '#1e9646', rgb: [30, 150, 70], freq: 530 },
    { name: 'Linus', colour: '#2846d2', rgb: [40, 70, 210], freq: 710 },
];

export class Person {
    /* conf: one of PEOPLE, with more for installSource. */
    static async open(scope, conf, { viewport = { width: 960, height: 640 }, locale = 'en-GB', withSource = true,
        program = '/usr/bin/chromium', flags = [] } = {}) {
        const context = await chromium.launchPersistentContext(scope.folder('profile'), {
            executablePath: program,
            headless: true,
            args: [...FLAGS, ...flags],
            viewport,
            locale,
        });
        scope.defer(() => context.close());
        return Person.inContext(scope, context, conf, withSource);
    }

    /* Another person in the browser of this one, in a page of his own. */
    beside(scope, conf) {
        return Person.inContext(scope, this.page.context(), conf, true, true);
    }

    static async inContext(scope, context, conf, withSource, isNewPage = false) {
        const page = (!isNewPage && context.pages()[0]) || (await context.newPage());
        const person = new Person(page, conf);
        if (withSource)
            await page.addInitScript(installSource, conf);
        await page.addInitScript(installMeasure);
        page.on('console', (message) => person.lines.push(`${message.type()}: ${message.text()}`));
        page.on('pageerror', (err) => person.errors.push(String(err)));
        scope.onFailure(() => person.tell(scope));
        return person;
    }

    constructor(page, conf) {
        this.page = page;
        this.conf = conf;
        this.lines = [];
        this.errors = [];
    }

    async tell(scope) {
        const said = [...this.errors, ...this.lines].slice(-15);
        const path = `/tmp/mixdown-e2e-${scope.name.replace(/\W+/g, '-').slice(0, 40)}-${this.conf.name}.png`;
        await this.page.screenshot({ path, timeout: 5000 }).catch(() => {});
        console.log(`      ${this.conf.name}: ${path}${said.map((line) => `\n      ${this.conf.name}> ${line}`).join('')}`);
    }

    /* Through the page, as people do: name, then Join; resolves when media flows. */
    async join(server, room, query = '') {
        await this.page.goto(`${server.url}/r/${room}${query}`);
        await this.page.getByLabel('Your name').fill(this.conf.name);
        await this.page.getByRole('button', { name: /^Join/ }).click();
        await this.inRoom();
    }

    async inRoom() {
        await this.page.getByTestId('leave').waitFor({ timeout: 20000 });
        await until(`${this.conf.name} to see the mix`, () => this.page.evaluate(() => {
            const video = document.querySelector('video[data-testid="mix"]');
            return video?.videoWidth > 2 && video.currentTime > 0;
        }));
    }

    async leave() {
        await this.page.getByTestId('leave').click();
    }

    tiles(list) {
        return this.page.evaluate((rects) => window.__measure.tiles(rects), list);
    }

    /* Waits until each tile has its person's colour. */
    async seesTiles(people, tiles, limitMs = 20000) {
        const where = tiles.slice(0, people.length);
        return until(`${this.conf.name} to see ${people.map((p) => p.name).join(', ')}`, async () => {
            const seen = await this.tiles(where);
            if (seen?.every(({ rgb }, i) => isColour(rgb, people[i].rgb)))
                return seen;
            throw new Error(JSON.stringify(seen));
        }, { limitMs, everyMs: 60 });
    }

    /* The page's overlay: [{userId, x, y, w, h}] in parts of the picture, as drawn upwards. */
    overlay() {
        return this.page.evaluate(() => window.__measure.overlay());
    }

    /* Throws unless each tile ({userId, rgb} of people) has its person's colour where nothing lies over it.
     * With isCut the last tile may say +N instead. */
    async checkColours(tiles, people, { isCut = false } = {}) {
        const points = tiles.map((tile, i) => freePoint(tile, tiles.slice(i + 1)));
        const colours = await this.page.evaluate((at) => window.__measure.colours(at), points);
        for (const [i, { userId }] of tiles.entries()) {
            const { rgb, name } = people.find((one) => one.userId === userId);
            check(isColour(colours[i], rgb) || (isCut && i === tiles.length - 1),
                `${name} is ${colours[i]} at ${JSON.stringify(tiles[i])}`);
        }
    }

    /* Waits until the overlay has exactly these people, each in his colour. */
    async seesPeople(people, what = '') {
        const wanted = people.map(({ userId }) => userId).sort().join(' ');
        return until(`${this.conf.name} to see ${people.map(({ name }) => name).join(', ')} ${what}`, async () => {
            const tiles = await this.overlay();
            const names = tiles.map(({ userId }) => userId).sort().join(' ');
            check(names === wanted, `the overlay has ${names || 'nobody'}`);
            await this.checkColours(tiles, people);
            return tiles;
        }, { limitMs: 30000, everyMs: 80 });
    }

    /* Our own id in the room. */
    async userId(server, room) {
        const { members } = await server.json(`/api/v1/rooms/${room}/members`);
        return members.find(({ name }) => name === this.conf.name).userId;
    }

    /* Waits until every tile's counter has gone on. */
    async seesMotion(tiles) {
        const first = await this.tiles(tiles);
        await until(`${this.conf.name} to see every tile move`, async () => {
            const now = await this.tiles(tiles);
            return now.every(({ counter }, i) => counter !== first[i].counter);
        });
    }

    levels(freqs, spectra) {
        return this.page.evaluate(([list, n]) => window.__measure.levels(list, n), [freqs, spectra]);
    }

    /* The others are heard, one's own tone not: at least 40 dB below each of them. */
    async hearsOthers(people) {
        const others = people.filter((p) => p !== this.conf && p.name !== this.conf.name);
        const freqs = [...others.map((p) => p.freq), this.conf.freq];
        let levels;
        await until(`${this.conf.name} to hear ${others.map((p) => p.name).join(', ')}`, async () => {
            levels = await this.levels(freqs, 1);
            if (levels.slice(0, -1).every((db) => db > -50))
                return true;
            throw new Error(JSON.stringify(levels));
        });
        levels = await this.levels(freqs, 4);
        const own = levels.pop();
        for (const [i, db] of levels.entries())
            check(db - own >= 40, `${this.conf.name} hears himself: ${own.toFixed(1)} dB, ${others[i].name} at ${db.toFixed(1)} dB`);
        return { own, others: levels };
    }

    transport() {
        return this.page.evaluate(() => window.__measure.transport());
    }

    watch(tile, freq) {
        return this.page.evaluate(([t, f]) => window.__measure.watch(t, f), [tile, freq]);
    }

    watched() {
        return this.page.evaluate(() => window.__measure.watched());
    }
}

export function isColour(rgb, wanted) {
    return rgb.every((v, i) => Math.abs(v - wanted[i]) < 24);
}

/* A point of a tile, below the counter and beside the label, that no tile above it covers. */
function freePoint(tile, above) {
    const covers = ({ x, y, w, h }, p) => p.x > x - 0.02 && p.x < x + w + 0.02 && p.y > y - 0.03 && p.y < y + h + 0.03;
    for (const v of [0.62, 0.72, 0.55, 0.82]) {
        for (const u of [0.5, 0.65, 0.35, 0.8, 0.2]) {
            const point = { x: tile.x + tile.w * u, y: tile.y + tile.h * v };
            if (!above.some((other) => covers(other, point)))
                return point;
        }
    }
    throw new Error(`nothing of ${tile.userId} is free`);
}

/* The grid on 1280x720, as layouts/grid.json places it. */
export const GRID = {
    1: [{ x: 0, y: 0, width: 1280, height: 720 }],
    2: [
        { x: 0, y: 0, width: 640, height: 720 },
        { x: 640, y: 0, width: 640, height: 720 },
    ],
    3: [
        { x: 0, y: 0, width: 640, height: 360 },
        { x: 640, y: 0, width: 640, height: 360 },
        { x: 320, y: 360, width: 640, height: 360 },
    ],
};
