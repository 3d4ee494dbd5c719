/* Ring and answer, on the start page: directly between two, through the mixer, declined. */
import { PEOPLE, Person, isColour } from './lib/browser.mjs';
import { Server } from './lib/server.mjs';
import { check, test, until } from './lib/test.mjs';

async function signIn(person, server) {
    await person.page.goto(server.url);
    await person.page.getByTestId('tab-call').click();
    await person.page.getByTestId('call-me').fill(person.conf.name);
    await person.page.getByTestId('call-online').click();
    await person.page.getByTestId('call-whom').waitFor();
}

/* The other's colour low in the middle of the picture, and what carries it. */
const sees = (person, rgb) => until(`${person.conf.name} to see the other`, () => person.page.getByTestId('call-video-remote').evaluate((video) => {
    if (!video.videoWidth)
        return null;
    const canvas = Object.assign(document.createElement('canvas'), { width: 64, height: 36 });
    const c = canvas.getContext('2d');
    c.drawImage(video, 0, 0, 64, 36);
    return [...c.getImageData(32, 26, 1, 1).data].slice(0, 3);
}).then((got) => got && isColour(got, rgb)), { limitMs: 60000 });

test('a call on the page: rung, answered, directly and through the mixer, and declined', async (scope) => {
    const server = await Server.start(scope);
    const [ada, grace] = [await Person.open(scope, PEOPLE[0]), await Person.open(scope, PEOPLE[1])];
    await signIn(ada, server);
    await signIn(grace, server);

    await ada.page.getByTestId('call-whom').fill('Grace');
    await ada.page.getByTestId('call-video').click();
    await grace.page.getByTestId('ring').waitFor();
    await grace.page.getByTestId('ring-accept').click();
    await Promise.all([sees(ada, PEOPLE[1].rgb), sees(grace, PEOPLE[0].rgb)]);
    check(!(await server.json('/api/v1/rooms')).rooms.length, 'a direct call opened a room');
    await ada.page.getByTestId('hangup').click();
    await grace.page.getByTestId('call-whom').waitFor();
    await ada.page.getByTestId('call-whom').waitFor();

    await grace.page.getByTestId('call-whom').fill('Ada');
    await grace.page.getByTestId('call-direct').click();
    await grace.page.getByTestId('call-video').click();
    await ada.page.getByTestId('ring-accept').click();
    await Promise.all([sees(ada, PEOPLE[1].rgb), sees(grace, PEOPLE[0].rgb)]);
    check((await server.json('/api/v1/rooms')).rooms.length === 1, 'a mixed call has no room');
    await ada.page.getByTestId('hangup').click();
    await grace.page.getByTestId('call-whom').waitFor();

    await ada.page.getByRole('button', { name: 'Grace' }).click(); /* who was called before */
    await ada.page.getByTestId('call-audio').click();
    await grace.page.getByTestId('ring-reject').click();
    await ada.page.getByText('The call was declined').waitFor();
    await ada.page.getByTestId('call-whom').waitFor();
    for (const one of [ada, grace])
        check(!one.errors.length, `${one.conf.name}'s page: ${one.errors}`);
});
