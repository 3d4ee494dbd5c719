/* The operator's page at /admin: load, rooms as they look, people and networks, recordings, the log; and
 * that nobody sees it without an admin's token. */
import { execFileSync } from 'node:child_process';

import { PEOPLE, Person } from './lib/browser.mjs';
import { Server } from './lib/server.mjs';
import { check, test, until } from './lib/test.mjs';

const text = (page, id) => page.getByTestId(id).innerText();

test('/admin shows rooms, people, networks and the log, and records and ends them', async (scope) => {
    const server = await Server.start(scope);
    const ada = await Person.open(scope, PEOPLE[0]);
    await ada.join(server, 'ops', '?role=host');
    const grace = await ada.beside(scope, PEOPLE[1]);
    await grace.join(server, 'ops');
    const { page, errors } = await Person.open(scope, { name: 'Ops' }, { withSource: false, viewport: { width: 1280, height: 900 } });
    await page.goto(`${server.url}/admin`);
    await page.getByTestId('room-ops').click();
    await until('the room to be seen', () => page.getByTestId('snapshot').evaluate((image) => {
        const canvas = Object.assign(document.createElement('canvas'), { width: 64, height: 36 });
        const c = canvas.getContext('2d');
        c.drawImage(image, 0, 0, 64, 36);
        const { data } = c.getImageData(0, 0, 64, 36);
        let red = 0;
        for (let i = 0; i < data.length; i += 4)
            red += data[i] > 150 && data[i + 1] < 90 && data[i + 2] < 90 ? 1 : 0;
        return red > 200;
    }));
    await until('both to be listed with their networks', async () => {
        for (const { name } of PEOPLE.slice(0, 2)) {
            const row = await text(page, `member-${name}`);
            check(/\d ms/.test(row) && /bit\/s/.test(row), row);
        }
        return true;
    });
    await page.getByTestId('record').click();
    await until('a recording of the room to run', async () => (await server.recordings('ops'))[0]?.status === 'recording');
    await until('it to be in the log', async () => /recording \S+ started/.test(await text(page, 'log')));
    await until('Stop to be offered', async () => (await text(page, 'record')) === 'Stop');
    await page.getByTestId('record').click();
    await until('the file to be ready', async () => (await server.recordings('ops'))[0]?.status === 'ready');
    await page.getByTestId('end').click();
    await page.getByTestId('end').click();
    await until('no room to be left', async () => (await server.json('/api/v1/rooms')).rooms.every(({ status }) => status !== 'active'));
    await page.getByTestId('tab-recordings').click();
    await page.getByRole('button', { name: 'Play' }).click();
    await until('the recording to play', () => page.locator('video').evaluate((v) => v.currentTime > 0.2 && v.videoWidth > 0));
    check(!errors.length, `errors on the page: ${errors}`);
});

test('/admin asks for a token where one is needed, and shows with it what media elements fetch', async (scope) => {
    const secret = 'x'.repeat(40);
    const server = await Server.start(scope, { MIXDOWN_AUTH_SECRET: secret });
    const token = (...args) => execFileSync(process.env.MIXDOWN, ['token', '--user', 'ops', '--role', 'host', ...args],
        { env: { ...process.env, MIXDOWN_AUTH_SECRET: secret } }).toString().trim();
    const admin = token('--room', 'any', '--admin');
    const { page } = await Person.open(scope, { name: 'Ops' }, { withSource: false });
    await page.goto(`${server.url}/admin`);
    await page.getByTestId('token').fill(token('--room', 'ops'));
    await page.getByTestId('token').press('Enter');
    await until('a token of one room to be refused', async () => page.getByRole('alert').count());
    check(!(await page.getByTestId('load').count()), 'the load is shown');
    await page.getByTestId('token').fill(admin);
    await page.getByTestId('token').press('Enter');
    await page.getByTestId('load').waitFor();
    const room = await fetch(`${server.url}/api/v1/rooms`, { method: 'POST', body: '{"roomId": "ops"}', headers: { Authorization: `Bearer ${admin}` } });
    check(room.status === 201, `${room.status}`);
    await page.getByTestId('room-ops').click();
    await until('the snapshot to be fetched', () => page.getByTestId('snapshot').evaluate((image) => image.naturalWidth > 0));
    check((await fetch(`${server.url}/api/v1/rooms/ops/snapshot.jpg`)).status === 401, 'a snapshot without a token');
    check((await fetch(`${server.url}/api/v1/rooms?token=${admin}`, { method: 'POST', body: '{}' })).status === 401, 'a POST by ?token=');
    check(!server.log(5000).includes(admin), 'the token is in the log');
});
