/* What leaves the room, from the meeting page: a recording with a pause, the list of files, a live push. */
import { PEOPLE, Person } from './lib/browser.mjs';
import { Server } from './lib/server.mjs';
import { check, test, until } from './lib/test.mjs';

test('the page records, pauses, goes on and stops, and lists the file', async (scope) => {
    const server = await Server.start(scope);
    const ada = await Person.open(scope, PEOPLE[0], { viewport: { width: 1280, height: 800 } });
    await ada.join(server, 'take', '?role=host');
    const { page } = ada;
    const timer = () => page.getByRole('timer').innerText();
    await page.getByTestId('record').click();
    await until('the clock to run', async () => /0:0[2-9]/.test(await timer()));
    await page.getByTestId('pause').click();
    await until('a pause to be shown', async () => (await timer()).includes('Paused'));
    const { id } = (await server.recordings('take'))[0];
    const one = await server.json(`/api/v1/recordings/${id}`);
    check(one.paused === true, `the row says ${JSON.stringify(one)}`);
    const stood = await timer();
    await page.waitForTimeout(2500);
    check(await timer() === stood, `the clock ran while paused: ${stood}, ${await timer()}`);
    await page.getByTestId('pause').click();
    await until('it to go on', async () => !(await timer()).includes('Paused'));
    await page.waitForTimeout(1500);
    await page.getByTestId('record').click();
    await page.getByTestId('live').click();
    await page.getByRole('link', { name: 'Save' }).waitFor();
    const [row] = await server.recordings('take');
    const wall = Date.now() - row.startedAt;
    check(row.status === 'ready' && row.durationMs > 2500 && row.durationMs < wall - 2000, `${row.durationMs} ms of ${wall} were recorded`);
    check(!ada.errors.length, `errors on the page: ${ada.errors}`);
});
