/* What hosts and viewers do with the picture, through the page: every layout with one to nine people,
 * pins, spotlight, order, a shared screen, a view of one's own. Who is where is read from the rectangles
 * that the server tells, and looked at in the picture by colour. */
import { PEOPLE, Person } from './lib/browser.mjs';
import { FACES, addFaces, removeFaces } from './lib/faces.mjs';
import { Server } from './lib/server.mjs';
import { check, test, until } from './lib/test.mjs';

const WINDOW = { viewport: { width: 1280, height: 800 } };
/* These show fewer than all: how many of n. */
const SHOWN = { single: () => 1, pip: (n) => Math.min(n, 2), sidebyside: (n) => Math.min(n, 2), lecture: (n) => n };

const area = ({ w, h }) => w * h;
const largest = (tiles) => tiles.reduce((best, tile) => (area(tile) > area(best) * 1.05 ? tile : best));

async function openView(person) {
    if (!(await person.page.getByTestId('view-room').count()))
        await person.page.getByTestId('view').click();
    await person.page.getByTestId('view-room').click();
}

test('every layout with 1, 2, 5 and 9 people, each where the server says', async (scope) => {
    const server = await Server.start(scope);
    const ada = await Person.open(scope, PEOPLE[0], WINDOW);
    await ada.join(server, 'all', '?role=host');
    const me = { ...PEOPLE[0], userId: await ada.userId(server, 'all') };
    const { layouts } = await server.json('/api/v1/layouts');
    check(layouts.length >= 15, `only ${layouts.length} layouts`);
    await openView(ada);
    let faces = [];
    for (const count of [1, 2, 5, 9]) {
        faces = [...faces, ...await addFaces(scope, server, 'all', FACES.slice(faces.length, count - 1))];
        const people = [me, ...faces];
        for (const { name } of layouts) {
            await ada.page.getByTestId(`layout-${name}`).click();
            await until(`${name} to be marked`, async () =>
                await ada.page.getByTestId(`layout-${name}`).getAttribute('aria-checked') === 'true');
            const least = SHOWN[name]?.(count) ?? Math.min(count, 2);
            await until(`${name} to show ${least} of ${count}`, async () => {
                const tiles = await ada.overlay();
                const isKnown = tiles.every((tile) => people.some(({ userId }) => userId === tile.userId));
                if (!isKnown || tiles.length < least)
                    return false;
                if (name !== 'audio') /* faces alone */
                    await ada.checkColours(tiles, people, { isCut: tiles.length < count });
                return true;
            }, { limitMs: 45000 });
        }
    }
    check(!ada.errors.length, `errors on the page: ${ada.errors}`);
});

test('a host pins by a click on a tile, puts someone into the spotlight, and hides those without video', async (scope) => {
    const server = await Server.start(scope);
    const ada = await Person.open(scope, PEOPLE[0], WINDOW);
    await ada.join(server, 'pins', '?role=host');
    const me = { ...PEOPLE[0], userId: await ada.userId(server, 'pins') };
    const [yann, cora] = await addFaces(scope, server, 'pins', FACES.slice(0, 2));
    await openView(ada);
    await ada.page.getByTestId('layout-speaker').click();
    await ada.seesPeople([me, yann, cora], 'in speaker');
    const tile = (who) => ada.page.locator(`[data-testid="tile"][data-user="${who.userId}"]`);
    const leads = (who) => until(`${who.name} to be large`, async () => {
        const tiles = await ada.seesPeople([me, yann, cora]);
        return largest(tiles).userId === who.userId;
    });

    await tile(cora).click();
    await leads(cora);
    await tile(yann).click(); /* the newest pin has the place */
    await leads(yann);
    await tile(yann).click();
    await tile(cora).getAttribute('aria-pressed').then(async (pressed) => {
        if (pressed === 'true')
            await tile(cora).click();
    });
    await leads(me); /* who speaks: only Ada has a voice */

    await ada.page.getByTestId('people').click();
    const row = ada.page.getByTestId('member').filter({ hasText: 'Cora' });
    await row.getByRole('button').first().click();
    await row.getByTestId('spotlight').click();
    await leads(cora);
    await row.getByTestId('spotlight').click();
    await leads(me);

    await openView(ada);
    await ada.page.getByTestId('layout-grid').click();
    await ada.page.getByTestId('camera').click();
    await until('Ada to have an avatar', async () => {
        const tiles = await ada.overlay();
        return tiles.length === 3;
    });
    await ada.page.getByTestId('hide-without-video').click();
    await ada.seesPeople([yann, cora], 'alone');
    await ada.page.getByTestId('camera').click();
    await ada.seesPeople([me, yann, cora], 'with Ada again');
    check(!ada.errors.length, `errors on the page: ${ada.errors}`);
});

test('a shared screen takes the large place, and gives it back', async (scope) => {
    const server = await Server.start(scope);
    const screen = { name: 'the screen', rgb: [200, 200, 240] };
    const ada = await Person.open(scope, { ...PEOPLE[0], screen: '#c8c8f0' }, WINDOW);
    const grace = await Person.open(scope, PEOPLE[1], WINDOW);
    await ada.join(server, 'screens', '?role=host');
    await grace.join(server, 'screens');
    const both = [
        { ...PEOPLE[0], userId: await ada.userId(server, 'screens') },
        { ...PEOPLE[1], userId: await grace.userId(server, 'screens') },
    ];
    for (const one of [ada, grace])
        await one.seesPeople(both);
    for (const isEndedByBrowser of [false, true]) {
        await ada.page.getByTestId('screen').click();
        await until('Grace to see the screen large', async () => {
            const tiles = await grace.overlay();
            const large = largest(tiles);
            const point = { x: large.x + large.w / 2, y: large.y + large.h * 0.6 };
            const [rgb] = await grace.page.evaluate((at) => window.__measure.colours(at), [point]);
            return tiles.length === 3 && large.userId === both[0].userId && area(large) > 0.4 &&
                rgb.every((v, i) => Math.abs(v - screen.rgb[i]) < 20);
        }, { limitMs: 45000 });
        if (isEndedByBrowser)
            await ada.page.evaluate(() => window.__endScreen());
        else
            await ada.page.getByTestId('screen').click();
        for (const one of [ada, grace])
            await one.seesPeople(both, 'after the screen');
    }
    for (const one of [ada, grace])
        check(!one.errors.length, `${one.conf.name}'s page: ${one.errors}`);
});

test('a screen of 1920x1080 is readable in a mix of that size', async (scope) => {
    const server = await Server.start(scope, {
        MIXDOWN_VIDEO_WIDTH: '1920', MIXDOWN_VIDEO_HEIGHT: '1080', MIXDOWN_VIDEO_FPS: '10', MIXDOWN_VIDEO_BITRATE_KBPS: '3000',
    });
    const ada = await Person.open(scope, { ...PEOPLE[0], screen: '#f0f0f0' }, WINDOW);
    const grace = await Person.open(scope, PEOPLE[1], WINDOW);
    await ada.join(server, 'fine', '?role=host');
    await grace.join(server, 'fine');
    await ada.page.getByTestId('screen').click();
    const me = await ada.userId(server, 'fine');
    let best = 0;
    await until('Grace to tell lines of three pixels apart', async () => {
        const tiles = await grace.overlay();
        const screen = largest(tiles);
        check(tiles.length === 3 && screen.userId === me && area(screen) > 0.4, `the overlay is ${JSON.stringify(tiles)}`);
        const lines = { x: screen.x + screen.w * 0.05, y: screen.y + screen.h * 0.4, w: screen.w * 0.2, h: screen.h * 0.2 };
        const { height, contrast } = await grace.page.evaluate((at) => ({
            height: document.querySelector('video[data-testid="mix"]').videoHeight,
            contrast: window.__measure.contrast(at),
        }), lines);
        best = Math.max(best, height === 1080 ? contrast : 0);
        check(best > 110, `of 240 levels of contrast ${contrast} are left, at ${height} lines`);
        return true;
    }, { limitMs: 60000 });
    scope.note(`${best} of 240 levels of contrast`);
});

test('a view of one\'s own, without oneself, while the others see the room\'s', async (scope) => {
    const server = await Server.start(scope);
    const [ada, grace] = [await Person.open(scope, PEOPLE[0], WINDOW), await Person.open(scope, PEOPLE[1], WINDOW)];
    await ada.join(server, 'own', '?role=host');
    await grace.join(server, 'own');
    const [a, g] = [
        { ...PEOPLE[0], userId: await ada.userId(server, 'own') },
        { ...PEOPLE[1], userId: await grace.userId(server, 'own') },
    ];
    const [yann] = await addFaces(scope, server, 'own', FACES.slice(0, 1));
    for (const one of [ada, grace])
        await one.seesPeople([a, g, yann]);
    await grace.page.getByTestId('view').click();
    await grace.page.getByTestId('own-view').click();
    await grace.seesPeople([a, yann], 'without herself');
    await ada.seesPeople([a, g, yann], 'as before');
    await grace.page.getByTestId('own-layout-sidebyside').click();
    await until('two beside each other', async () => {
        const tiles = await grace.seesPeople([a, yann]);
        return Math.abs(area(tiles[0]) - area(tiles[1])) < 0.01;
    });
    await grace.page.getByTestId('without-self').click();
    await until('herself again', async () => {
        const tiles = await grace.overlay();
        return tiles.some(({ userId }) => userId === g.userId);
    });
    await grace.page.getByTestId('own-view').click();
    await grace.seesPeople([a, g, yann], 'in the room\'s picture');

    await grace.page.getByTestId('quality').selectOption('180p');
    await until('Grace to get 180 lines', () => grace.page.evaluate(() =>
        document.querySelector('video[data-testid="mix"]').videoHeight === 180), { limitMs: 45000 });
    await grace.seesPeople([a, g, yann], 'small');
    check(await ada.page.evaluate(() => document.querySelector('video[data-testid="mix"]').videoHeight) > 180,
        'Ada\'s picture shrank with it');
    await grace.page.getByTestId('quality').selectOption('audio');
    await grace.page.getByTestId('sound-alone').waitFor({ timeout: 30000 }); /* no picture that stands still */
    await grace.page.getByTestId('network-rtt').filter({ hasText: /^\d+ ms$/ }).waitFor({ timeout: 30000 });
    await grace.page.getByTestId('network-lossDown').filter({ hasText: /^[\d.]+ %$/ }).waitFor({ timeout: 30000 });
    await grace.page.getByTestId('quality').selectOption('auto');
    /* How many it is to be is her network's matter, and that of a machine that others use. */
    await until('Grace to get more lines again', () => grace.page.evaluate(() =>
        document.querySelector('video[data-testid="mix"]').videoHeight > 180), { limitMs: 60000 });
    await grace.page.getByTestId('sound-alone').waitFor({ state: 'detached', timeout: 30000 });
    await grace.page.getByTestId('network-estimate').filter({ hasText: /bit\/s$/ }).waitFor({ timeout: 30000 });
    await grace.page.getByTestId('quality').selectOption('1080p'); /* as before on this canvas: still told */
    await grace.page.getByTestId('sent').filter({ hasText: /\d+ × \d+/ }).waitFor({ timeout: 30000 });
    await removeFaces(server, 'own', [yann]);
    for (const one of [ada, grace]) {
        await one.seesPeople([a, g]);
        check(!one.errors.length, `${one.conf.name}'s page: ${one.errors}`);
    }
});
