/* What hosts do, through the SDK in two browsers with media: letting in, making a watcher and a speaker,
 * handing over, sending away. */
import { PEOPLE } from './lib/browser.mjs';
import { Guest } from './lib/sdk.mjs';
import { Server } from './lib/server.mjs';
import { check, test, until } from './lib/test.mjs';

const memberOf = (server, user) => async () => {
    const reply = await fetch(`${server.url}/api/v1/rooms/hosts/members/${user}`);
    return reply.ok ? reply.json() : null;
};

test('sdk: a host lets in, makes watchers and speakers, hands over and sends away', async (scope) => {
    const server = await Server.start(scope, { MIXDOWN_ROOM_LOBBY: 'true' });
    const [ada, ben] = [await Guest.open(scope, server, PEOPLE[0]), await Guest.open(scope, server, PEOPLE[1])];
    const seat = memberOf(server, 'ben');

    /* Ben comes first and waits; Ada is a host and finds him waiting. */
    await ben.join({ room: 'hosts', name: 'Ben', userId: 'ben' });
    await until('Ben to wait', async () => await ben.state() === 'waiting', 60000);
    await ada.join({ room: 'hosts', name: 'Ada', userId: 'ada', role: 'host' });
    check(await ada.done() === 'joined', 'a host has to wait');
    await ada.until('her list of who waits', (room) => room.host.waiting.some((w) => w.userId === 'ben'));
    check(await seat() === null, 'who waits has a seat');
    await ada.run((room) => room.host.admit('ben'));
    check(await ben.done() === 'joined', `Ben was not let in: ${await ben.done()}`);
    await ada.until('nobody to wait', (room) => room.host.waiting.length === 0);
    await until('Ben\'s picture and sound', async () => { const m = await seat(); return m?.video && m.audio; }, 60000);
    check(await ben.run((room) => room.host.lock().catch((err) => err.code)) === 'forbidden', 'Ben may lock the room');

    /* A watcher sends nothing, by his browser's own account too, and hears and sees on. */
    const directions = (room) => room.connection.getTransceivers().map((t) => t.currentDirection).join(' ');
    await ada.run((room) => room.host.setRole('ben', 'subscriber'));
    await until('Ben to be gone from the stage', async () => { const m = await seat(); return !m.video && !m.audio; }, 60000);
    await until('his browser to send nothing', async () => await ben.run(directions) === 'recvonly recvonly', 60000);
    check(await ben.run((room) => room.host.can('publish')) === false, 'he thinks he may');
    const received = (room) => room.connection.getStats().then((all) =>
        [...all.values()].filter((s) => s.type === 'inbound-rtp').reduce((sum, s) => sum + s.packetsReceived, 0));
    const before = await ben.run(received);
    await until('the mix to go on', async () => await ben.run(received) > before + 20, 60000);
    await ada.run((room) => room.host.setRole('ben', 'publisher'));
    await until('Ben to be back on it', async () => { const m = await seat(); return m.video && m.audio; }, 60000);

    /* Rules are known to both; the last host cannot be made less, and leaves a heir. */
    await ada.run((room) => room.host.setRules({ title: 'Daily', lobby: false, may: { record: 'publisher' } }));
    await ben.until('the rules', (room) => room.host.rules.title === 'Daily' && room.host.can('record'));
    check(await ada.run((room) => room.host.setRole('ada', 'publisher').catch((err) => err.code)) === 'last_host',
        'nobody is a host');
    await ada.run((room) => room.leave());
    await ben.until('Ben to be the host', (room) => room.host.isHost);
    check((await ben.told('role')).at(-1).by === '', 'somebody made him one');

    /* Sent away is kept out, whatever role he asks for. */
    await ada.join({ room: 'hosts', name: 'Ada', userId: 'ada' });
    check(await ada.done() === 'joined', 'Ada may not come back');
    await ben.run((room) => room.host.kick('ada'));
    await until('Ada to be out', async () => await ada.state() === 'left', 60000);
    check((await ada.told('state')).at(-1).reason === 'kicked', 'she does not know why');
    await ada.join({ room: 'hosts', name: 'Ada', userId: 'ada', role: 'host' });
    check(await ada.done() === 'banned', `she came back: ${await ada.done()}`);
    await ben.run((room) => room.host.end());
    await until('the room to be over for Ben', async () => await ben.state() === 'left', 60000);
    for (const one of [ada, ben])
        check(!one.errors.length, `errors: ${one.errors}`);
});

test('sdk: a password is asked for, and who is refused in the lobby is told so', async (scope) => {
    const server = await Server.start(scope);
    const [ada, ben] = [await Guest.open(scope, server, PEOPLE[0]), await Guest.open(scope, server, PEOPLE[1])];
    await ada.join({ room: 'hosts', name: 'Ada', userId: 'ada', role: 'host' });
    check(await ada.done() === 'joined', 'Ada is not in');
    await ada.run((room) => room.host.setRules({ password: 'sesame' }));
    for (const [password, wanted] of [[undefined, 'password_needed'], ['wrong', 'bad_password'], ['sesame', 'joined']]) {
        await ben.join({ room: 'hosts', name: 'Ben', userId: 'ben', password });
        check(await ben.done() === wanted, `with ${password}: ${await ben.done()}`);
    }
    await ben.run((room) => room.leave());
    await ada.run((room) => room.host.setRules({ password: null, lobby: true }));
    await ben.join({ room: 'hosts', name: 'Ben', userId: 'ben' });
    await ada.until('Ben to wait', (room) => room.host.waiting.length === 1);
    await ada.run((room) => room.host.refuse('ben'));
    check(await ben.done() === 'refused', `Ben: ${await ben.done()}`);
    check(await ben.state() === 'left', 'he still waits');
});
