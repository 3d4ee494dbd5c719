/* The page where things are not as they should be, and the ways into a room. */
import { GRID, PEOPLE, Person } from './lib/browser.mjs';
import { Server } from './lib/server.mjs';
import { check, test, until } from './lib/test.mjs';

test('someone whose camera and microphone are refused is told so, and joins to watch', async (scope) => {
    const server = await Server.start(scope);
    const ada = await Person.open(scope, PEOPLE[0]);
    await ada.join(server, 'refused');
    const shy = await Person.open(scope, { ...PEOPLE[1], refuse: 'NotAllowedError' });
    await shy.page.goto(`${server.url}/r/refused`);
    await shy.page.getByRole('alert').getByText('Camera and microphone are blocked').waitFor();
    await shy.page.getByLabel('Your name').fill('Shy');
    await shy.page.getByRole('button', { name: 'Join without camera and microphone' }).click();
    await shy.inRoom();
    await shy.seesTiles([PEOPLE[0]], GRID[1]);
    await shy.seesMotion(GRID[1]);
    await until('Shy to hear Ada', async () => (await shy.levels([PEOPLE[0].freq], 1))[0] > -50);

    /* Asked again from inside, and refused again: said so, and the room goes on. */
    await shy.page.getByTestId('camera').click();
    await shy.page.getByTestId('toast').getByText(/blocked/).first().waitFor();
    await ada.page.getByTestId('people').click();
    await ada.page.getByTestId('member').filter({ hasText: 'Shy' }).waitFor();
    await shy.seesMotion(GRID[1]);
    check(!shy.errors.length, `the page threw ${shy.errors}`);
});

test('a missing camera, a busy one and a missing name are told apart', async (scope) => {
    const server = await Server.start(scope);
    for (const [error, title] of [['NotFoundError', 'No camera was found'], ['NotReadableError', 'The camera is in use']]) {
        const person = await Person.open(scope, { ...PEOPLE[0], refuseVideo: error });
        await person.page.goto(`${server.url}/r/alone`);
        await person.page.getByRole('alert').getByText(title).waitFor();
        await person.page.getByRole('button', { name: 'Join', exact: true }).click();
        await person.page.getByText('Enter a name first.').waitFor();
        await until('the microphone to be heard', async () =>
            Number(await person.page.getByRole('meter').getAttribute('aria-valuenow')) > 3);
        await person.page.context().close();
    }
});

test('a camera that works only later is sent without joining again', async (scope) => {
    const server = await Server.start(scope);
    const [ada, grace] = PEOPLE;
    const first = await Person.open(scope, ada);
    await first.join(server, 'later');
    const second = await Person.open(scope, { ...grace, refuse: 'NotAllowedError' });
    await second.join(server, 'later');
    await second.page.evaluate(() => window.__allow());
    await second.page.getByTestId('camera').click();
    await second.page.getByTestId('microphone').click();
    await first.seesTiles([ada, grace], GRID[2]);
    await first.seesMotion(GRID[2]);
    await first.hearsOthers([ada, grace]);
});

test('the lobby leads to a room of a good name, in English and in Chinese', async (scope) => {
    const server = await Server.start(scope);
    const person = await Person.open(scope, PEOPLE[0], { locale: 'zh-CN' });
    const { page } = person;
    await page.goto(server.url);
    await page.getByRole('heading', { name: '所有人，同一画面。' }).waitFor();
    check((await page.evaluate(() => document.documentElement.lang)) === 'zh', 'the page does not say that it is Chinese');
    await page.getByRole('button', { name: 'English' }).click();
    await page.getByRole('heading', { name: 'Everyone in one picture.' }).waitFor();

    const field = page.getByLabel('Room name');
    check(/^[a-z]+-[a-z]+-\d+$/.test(await field.inputValue()), `the suggestion is ${await field.inputValue()}`);
    await field.fill('no spaces please');
    await page.getByRole('button', { name: 'Open the room' }).click();
    await page.getByText('Use 1 to 64 letters').waitFor();
    await field.fill('team.daily');
    check((await page.getByLabel('Link to this room').inputValue()) === `${server.url}/r/team.daily`, 'the link is another');
    await page.getByRole('button', { name: 'Open the room' }).click();
    await page.getByRole('heading', { name: 'Ready to join?' }).waitFor();
    check(new URL(page.url()).pathname === '/r/team.daily', `the address is ${page.url()}`);
    await page.goBack();
    await page.getByRole('heading', { name: 'Everyone in one picture.' }).waitFor();
    check(!person.errors.length, `the page threw ${person.errors}`);
    check(!person.lines.some((line) => line.startsWith('error')), `the console says ${person.lines}`);
});

test('a full room and an ended one are explained', async (scope) => {
    const server = await Server.start(scope, { MIXDOWN_ROOM_MAX_MEMBERS: '1' });
    const [ada, grace] = PEOPLE;
    const first = await Person.open(scope, ada);
    await first.join(server, 'small');
    const second = await Person.open(scope, grace);
    await second.page.goto(`${server.url}/r/small`);
    await second.page.getByLabel('Your name').fill('Grace');
    await second.page.getByRole('button', { name: /^Join/ }).click();
    await second.page.getByRole('alert').getByText('The room is full.').waitFor();

    const response = await fetch(`${server.url}/api/v1/rooms/small`, { method: 'DELETE' });
    check(response.ok, `DELETE of the room: ${response.status}`);
    await first.page.getByRole('heading', { name: 'The meeting has ended' }).waitFor();
    await first.page.getByRole('button', { name: 'Join again' }).click();
    await first.inRoom();
});
