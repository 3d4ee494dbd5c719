/* What leaves the room, from the meeting page: a recording with a pause, the list of files, a live push. */
import { spawn } from 'node:child_process';

import { PEOPLE, Person } from './lib/browser.mjs';
import { Server, freePort } from './lib/server.mjs';
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

test('the page goes live, and says so', async (scope) => {
    const port = await freePort();
    const far = spawn('ffmpeg', ['-v', 'error', '-listen', '1', '-i', `rtmp://127.0.0.1:${port}/app/secret-key`, '-t', '60', '-f', 'null', '-'],
        { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    far.stderr.on('data', (chunk) => { said += chunk; });
    scope.defer(() => far.kill('SIGKILL'));
    scope.onFailure(() => console.log(`      ffmpeg: ${said}`));
    const server = await Server.start(scope, { MIXDOWN_LIVE_ALLOW: '127.0.0.0/8' });
    const ada = await Person.open(scope, PEOPLE[0], { viewport: { width: 1280, height: 800 } });
    await ada.join(server, 'air', '?role=host');
    const { page } = ada;
    await page.getByTestId('live').click();
    await page.getByTestId('live-address').fill('http://example.org/app');
    await page.getByTestId('go-live').click();
    await page.getByText('cannot be pushed to').waitFor();
    await page.getByTestId('live-address').fill(`rtmp://127.0.0.1:${port}/app`);
    await page.getByTestId('live-key').fill('secret-key');
    await page.getByTestId('go-live').click();
    await until('the push to be live', async () => await page.getByTestId('push').getAttribute('data-state') === 'live', { limitMs: 60000 });
    await page.getByTestId('live-badge').waitFor();
    check(!(await page.content()).includes('secret-key'), 'the key is on the page');
    check(!server.log(5000).includes('secret-key'), 'the key is in the log');
    await page.getByTestId('push').getByRole('button', { name: 'End' }).click();
    await until('it to be over', async () => !(await page.getByTestId('push').count()) && !(await page.getByTestId('live-badge').count()));
    check(!ada.errors.length, `errors on the page: ${ada.errors}`);
});
