/* Hosts choose the layout on the page, by its picture, and everybody sees it. */
import { GRID, PEOPLE, Person } from './lib/browser.mjs';
import { Server } from './lib/server.mjs';
import { check, test, until } from './lib/test.mjs';

/* Two people, first and second, where each layout has them. */
const PLACES = {
    grid: GRID[2],
    sidebyside: [{ x: 0, y: 180, width: 640, height: 360 }, { x: 640, y: 180, width: 640, height: 360 }],
    pip: [{ x: 0, y: 0, width: 1280, height: 720 }, { x: 920, y: 518, width: 320, height: 180 }],
};

test('a host chooses the layout, and everybody sees it', async (scope) => {
    const server = await Server.start(scope);
    const [ada, grace] = [
        await Person.open(scope, PEOPLE[0], { viewport: { width: 1280, height: 800 } }),
        await Person.open(scope, PEOPLE[1], { viewport: { width: 1280, height: 800 } }),
    ];
    await ada.join(server, 'layouts', '?role=host');
    await grace.join(server, 'layouts');
    for (const one of [ada, grace])
        await one.seesTiles(PEOPLE.slice(0, 2), PLACES.grid, 60000);
    await grace.page.getByTestId('view').click();
    await grace.page.getByTestId('quality').waitFor();
    check(await grace.page.getByTestId('view-room').count() === 0, 'who is no host cannot choose for everyone');

    await ada.page.getByTestId('view').click();
    const pictures = ada.page.locator('[data-testid^="layout-"] img');
    await until('every picture to be there', async () => {
        const widths = await pictures.evaluateAll((all) => all.map((one) => one.naturalWidth));
        return widths.length >= 15 && widths.slice(0, 6).every((width) => width > 50); /* the rest loads when seen */
    });
    for (const name of ['sidebyside', 'pip', 'grid']) {
        const choice = ada.page.getByTestId(`layout-${name}`);
        await choice.click();
        await until(`${name} to be marked`, async () => await choice.getAttribute('aria-checked') === 'true');
        for (const one of [ada, grace])
            await one.seesTiles(PEOPLE.slice(0, 2), PLACES[name], 60000);
    }
    for (const one of [ada, grace])
        check(!one.errors.length, `${one.conf.name}'s page: ${one.errors}`);
});
