/* What hosts do with people, through the page: password, lobby, lock, roles, camera off, removing, the end
 * for all; and text between those who are there. */
import { PEOPLE, Person } from './lib/browser.mjs';
import { Server } from './lib/server.mjs';
import { check, test, until } from './lib/test.mjs';

const WINDOW = { viewport: { width: 1280, height: 860 } };

/* Up to the button, without expecting to be in. */
async function knock(person, server, room, query = '') {
    await person.page.goto(`${server.url}/r/${room}${query}`);
    await person.page.locator('#name').fill(person.conf.name);
    await person.page.locator('button[type=submit]').click();
}

const row = (person, name) => person.page.getByTestId('member').filter({ hasText: name });
const says = (person) => person.page.getByTestId('messages').innerText();

test('a lobby, a password and a lock: who comes in, and who does not', async (scope) => {
    const server = await Server.start(scope);
    const ada = await Person.open(scope, PEOPLE[0], WINDOW);
    await ada.join(server, 'door', '?role=host');
    await ada.page.getByTestId('lobby-switch').click();
    const grace = await ada.beside(scope, PEOPLE[1]);
    await knock(grace, server, 'door');
    await grace.page.getByTestId('lobby').waitFor();
    await ada.page.getByRole('button', { name: 'Let Grace in' }).click();
    await grace.page.getByTestId('leave').waitFor();
    await until('both to be listed', async () => (await server.json('/api/v1/rooms/door/members')).members.length === 2);
    const linus = await ada.beside(scope, PEOPLE[2]);
    await knock(linus, server, 'door');
    await linus.page.getByTestId('lobby').waitFor();
    await ada.page.getByRole('button', { name: 'Refuse Linus' }).click();
    await linus.page.getByRole('alert').filter({ hasText: 'did not let you in' }).waitFor();
    await ada.page.getByTestId('lobby-switch').click();
    await server.json('/api/v1/rooms/door', { method: 'PATCH', body: '{"password": "open sesame"}' });
    await linus.page.locator('button[type=submit]').click();
    await linus.page.getByRole('alert').filter({ hasText: 'has a password' }).waitFor();
    await linus.page.getByTestId('password').fill('wrong');
    await linus.page.locator('button[type=submit]').click();
    await linus.page.getByRole('alert').filter({ hasText: 'not the password' }).waitFor();
    await ada.page.getByTestId('lock').click();
    await linus.page.getByTestId('password').fill('open sesame');
    await linus.page.locator('button[type=submit]').click();
    await linus.page.getByRole('alert').filter({ hasText: 'locked' }).waitFor();
    await ada.page.getByTestId('lock').click();
    await until('the door to be open', async () => !(await server.json('/api/v1/rooms/door')).locked);
    await linus.page.locator('button[type=submit]').click();
    await linus.page.getByTestId('leave').waitFor();
    for (const one of [ada, grace, linus])
        check(!one.errors.length, `${one.conf.name}'s page: ${one.errors}`);
});

test('text, roles, and the end for all', async (scope) => {
    const server = await Server.start(scope);
    const ada = await Person.open(scope, PEOPLE[0], WINDOW);
    const grace = await Person.open(scope, PEOPLE[1], WINDOW);
    await ada.join(server, 'hall', '?role=host');
    await grace.join(server, 'hall', '?role=subscriber');
    const graceId = await grace.userId(server, 'hall');
    const sends = async () => (await server.json('/api/v1/rooms/hall/members')).members.find(({ userId }) => userId === graceId).video;

    await ada.page.getByTestId('chat').click();
    await ada.page.getByTestId('chat-text').fill('Hello <b>there</b> https://example.org/x');
    await ada.page.getByTestId('chat-text').press('Enter');
    await grace.page.getByTestId('chat').click();
    await until('Grace to read it', async () => (await says(grace)).includes('Hello <b>there</b> https://example.org/x'));
    check(await grace.page.getByTestId('messages').locator('a').getAttribute('href') === 'https://example.org/x', 'no link');
    check(!(await grace.page.getByTestId('messages').locator('.text b').count()), 'markup was taken');
    await grace.page.getByTestId('chat-text').fill('Good morning');
    await grace.page.getByTestId('chat-send').click();
    await until('Ada to read the answer', async () => (await says(ada)).includes('Good morning'));

    check(!(await sends()), 'a viewer sends a picture');
    await ada.page.getByTestId('people').click();
    await row(ada, 'Grace').getByRole('button').first().click();
    await row(ada, 'Grace').getByTestId('role').selectOption('publisher');
    await until('Grace to send when she may', sends, { limitMs: 60000 });
    await row(ada, 'Grace').getByTestId('camera-off').click();
    await until('Grace\'s camera to be off', async () =>
        (await server.json('/api/v1/rooms/hall/members')).members.find(({ userId }) => userId === graceId).mutedVideo);
    await row(ada, 'Grace').getByTestId('role').selectOption('host');
    await until('Grace to be a host', async () => await grace.page.getByTestId('end-for-all').count() === 0 && // her panel is the chat
        (await server.json('/api/v1/rooms/hall/members')).members.every(({ role }) => role === 'host'));
    await row(ada, 'Grace').getByTestId('role').selectOption('publisher');
    await until('she to be none', async () =>
        (await server.json('/api/v1/rooms/hall/members')).members.find(({ userId }) => userId === graceId).role === 'publisher');
    await row(ada, 'Grace').getByTestId('remove').click();
    await row(ada, 'Grace').getByTestId('remove').click();
    await grace.page.getByText('You were removed from the room').waitFor();
    await grace.page.getByRole('button', { name: 'Join again' }).click();
    await ada.page.getByTestId('end-for-all').click();
    await ada.page.getByTestId('end-for-all').click();
    await ada.page.getByText('The meeting has ended').waitFor();
    for (const one of [ada, grace])
        check(!one.errors.length, `${one.conf.name}'s page: ${one.errors}`);
});
