/* Processes that die: a room's, the front's, both. Others lose nothing, and nothing recorded is lost. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { GRID, PEOPLE, Person } from './lib/browser.mjs';
import { complaints, frameAt, probe, rows, samples, tileColour, toneLevel } from './lib/media.mjs';
import { Server } from './lib/server.mjs';
import { check, sleep, test, until } from './lib/test.mjs';

/* Two cores run the server and all browsers, so that something may be late by itself. That nothing was
 * missing is told by the packets, and by the connection being the same. */
const GAP_MS = 2000;

const isAlive = (pid) => {
    try {
        process.kill(pid, 0);
        return true;
    } catch {
        return false;
    }
};

/* Has another connection than the one that died, and sees everyone on it, moving. */
async function isBack(person, people, deadPort) {
    const tiles = GRID[people.length];
    await until(`${person.conf.name} to have a new connection`, async () => {
        const { state, port, pictures } = await person.transport();
        return state === 'connected' && port && port !== deadPort && pictures > 0;
    }, { everyMs: 50 });
    await person.seesTiles(people, tiles);
    await person.seesMotion(tiles);
}

async function checkNoGap(scope, persons) {
    for (const person of persons) {
        const { longestFrameMs, longestSilenceMs, frames } = await person.watched();
        scope.note(`${person.conf.name}: ${frames} pictures, longest gap ${longestFrameMs} ms, silence ${longestSilenceMs} ms`);
        check(frames > 5, `${person.conf.name} saw only ${frames} pictures`);
        check(longestFrameMs <= GAP_MS && longestSilenceMs <= GAP_MS,
            `${person.conf.name} had a gap: picture ${longestFrameMs} ms, sound ${longestSilenceMs} ms`);
    }
}

test('kill -9 of one room: the other loses nothing, the first is back within 3 s', async (scope) => {
    const server = await Server.start(scope);
    const [adaConf, graceConf, linusConf] = PEOPLE.map((conf) => ({ ...conf, fps: 15 }));
    const barbaraConf = { name: 'Barbara', colour: '#c8a01e', rgb: [200, 160, 30], freq: 950, fps: 15 };
    const ada = await Person.open(scope, adaConf);
    const grace = await Person.open(scope, graceConf);
    const linus = await Person.open(scope, linusConf);
    const barbara = await linus.beside(scope, barbaraConf);
    await ada.join(server, 'first');
    await grace.join(server, 'first');
    await linus.join(server, 'second');
    await barbara.join(server, 'second');
    for (const person of [ada, grace])
        await person.seesTiles([adaConf, graceConf], GRID[2]);
    for (const person of [linus, barbara])
        await person.seesTiles([linusConf, barbaraConf], GRID[2]);

    const pid = await server.roomPid(ada);
    check(pid !== (await server.roomPid(linus)), 'two rooms share a process');
    const dead = await Promise.all([ada, grace].map((person) => person.transport()));
    const before = await Promise.all([linus, barbara].map((person) => person.transport()));
    await linus.watch(GRID[2][1], barbaraConf.freq);
    await barbara.watch(GRID[2][0], linusConf.freq);
    await sleep(500);

    process.kill(pid, 'SIGKILL');
    const died = Date.now();
    await Promise.all([ada, grace].map((person, i) => isBack(person, [adaConf, graceConf], dead[i].port)));
    const backMs = Date.now() - died;
    scope.note(`back after ${backMs} ms`);
    check(backMs <= 3000, `the room was back after ${backMs} ms`);
    await ada.hearsOthers([adaConf, graceConf]);
    await grace.hearsOthers([adaConf, graceConf]);
    check((await server.roomPid(ada)) !== pid, 'the dead process is still told');

    await checkNoGap(scope, [linus, barbara]);
    for (const [i, person] of [linus, barbara].entries()) {
        const { state, port, lost, sounds, pictures, atMs } = await person.transport();
        const seconds = (atMs - before[i].atMs) / 1000;
        const soundRate = (sounds - before[i].sounds) / seconds;
        const pictureRate = (pictures - before[i].pictures) / seconds;
        scope.note(`${person.conf.name}: ${soundRate.toFixed(1)} sounds and ${pictureRate.toFixed(1)} pictures a second`);
        check(state === 'connected' && port === before[i].port, `${person.conf.name} has a new connection (${state})`);
        check(lost === before[i].lost, `${person.conf.name} lost ${lost - before[i].lost} packets`);
        check(soundRate > 48, `${person.conf.name} got ${soundRate.toFixed(1)} sounds a second of 50`);
        check(pictureRate > 5, `${person.conf.name} got ${pictureRate.toFixed(1)} pictures a second`);
    }
    await linus.seesTiles([linusConf, barbaraConf], GRID[2]);
});

async function record(person) {
    await person.page.getByTestId('record').click();
    await person.page.getByRole('timer').waitFor({ timeout: 10000 });
    return Date.now();
}

/* A room's first recording: decodes to its end, lasts as long as it ran, shows and sounds. */
async function checkFile(scope, server, room, conf, atLeastSeconds) {
    const { id } = (await server.recordings(room)).sort((a, b) => a.startedAt - b.startedAt)[0];
    const row = await server.readyRecording(room, id);
    check(row.status === 'ready', `the recording is ${row.status}`);
    const [stored] = rows(server.data, `SELECT * FROM recordings WHERE id = '${id}'`);
    const shape = probe(stored.file);
    scope.note(`file of ${shape.duration.toFixed(2)} s, at least ${atLeastSeconds.toFixed(2)} s were due`);
    check(stored.status === 'ready' && stored.bytes > 0, `the row says ${JSON.stringify(stored)}`);
    check(Math.abs(stored.duration_ms - shape.duration * 1000) <= 100, `the row says ${stored.duration_ms} ms, the file ${shape.duration} s`);
    check(complaints(stored.file) === '', `it does not decode: ${complaints(stored.file)}`);
    check(shape.duration >= atLeastSeconds, `it lasts ${shape.duration} s of ${atLeastSeconds}`);
    const end = shape.duration - 0.4;
    const rgb = tileColour(frameAt(stored.file, end), GRID[1][0]);
    check(rgb.every((v, i) => Math.abs(v - conf.rgb[i]) < 45), `its end shows ${rgb}`);
    const level = toneLevel(samples(stored.file, { from: end - 0.6, seconds: 0.5 }), conf.freq);
    check(level > -50, `its end sounds at ${level} dB`);
}

test('kill -9 of the room during a recording: the file is whole', async (scope) => {
    const server = await Server.start(scope);
    const person = await Person.open(scope, PEOPLE[0]);
    await person.join(server, 'crash');
    await person.seesTiles([PEOPLE[0]], GRID[1]);
    const began = await record(person);
    await sleep(5000);
    process.kill(await server.roomPid(person), 'SIGKILL');
    const lasted = (Date.now() - began) / 1000;
    await checkFile(scope, server, 'crash', PEOPLE[0], lasted - 1.2);

    /* The room that came in its place goes on recording, into a file of its own. */
    await person.page.getByTestId('toast').getByRole('link').waitFor({ timeout: 15000 });
    await person.seesMotion(GRID[1]);
    await sleep(2000);
    await person.page.getByTestId('record').click();
    const second = await until('the second file', async () => {
        const list = await server.recordings('crash');
        return list.length === 2 && list.every(({ status }) => status === 'ready') && list.find(({ startedAt }) => startedAt > began);
    }, { limitMs: 30000 });
    const file = rows(server.data, `SELECT file FROM recordings WHERE id = '${second.id}'`)[0].file;
    check(complaints(file) === '', `the second file does not decode: ${complaints(file)}`);
    check(probe(file).duration > 2, 'the second file is too short');
});

test('kill -9 of the front during a recording: media goes on, the next front adopts all', async (scope) => {
    const server = await Server.start(scope);
    const [ada, grace] = PEOPLE;
    const persons = [await Person.open(scope, ada), await Person.open(scope, grace)];
    for (const person of persons)
        await person.join(server, 'adopt');
    for (const person of persons)
        await person.seesTiles([ada, grace], GRID[2]);
    const pid = await server.roomPid(persons[0]);
    const before = await Promise.all(persons.map((person) => person.transport()));
    const began = await record(persons[0]);
    await persons[0].watch(GRID[2][1], grace.freq);
    await persons[1].watch(GRID[2][0], ada.freq);

    await server.kill();
    for (const person of persons)
        await person.page.getByText('Reconnecting').waitFor({ timeout: 10000 });
    await sleep(2000);
    await server.start();
    for (const person of persons)
        await person.page.getByText('Reconnecting').waitFor({ state: 'detached', timeout: 15000 });
    await checkNoGap(scope, persons);
    check((await server.roomPid(persons[0])) === pid, 'the room was not adopted');
    for (const [i, person] of persons.entries()) {
        const { state, port, lost } = await person.transport();
        check(state === 'connected' && port === before[i].port, `${person.conf.name} has a new connection (${state})`);
        check(lost === before[i].lost, `${person.conf.name} lost ${lost - before[i].lost} packets`);
    }
    const { members } = await server.json('/api/v1/rooms/adopt/members');
    check(members.map(({ name }) => name).join() === 'Ada,Grace', `members: ${JSON.stringify(members)}`);

    await persons[1].page.getByRole('timer').waitFor({ timeout: 5000 });
    await persons[1].page.getByTestId('record').click();
    const lasted = (Date.now() - began) / 1000;
    await persons[1].page.getByTestId('toast').getByRole('link').waitFor({ timeout: 30000 });
    await persons[1].leave();
    const [row] = await server.recordings('adopt');
    const [stored] = rows(server.data, 'SELECT * FROM recordings');
    check(row.status === 'ready' && stored.status === 'ready', `the recording is ${row.status}, ${stored.status}`);
    const shape = probe(stored.file);
    scope.note(`file of ${shape.duration.toFixed(2)} s of ${lasted.toFixed(2)} s`);
    check(complaints(stored.file) === '', `it does not decode: ${complaints(stored.file)}`);
    check(Math.abs(shape.duration - lasted) < 1, `it lasts ${shape.duration} s of ${lasted} s`);
});

test('kill -9 of front and room together: the next start finishes the file', async (scope) => {
    const server = await Server.start(scope);
    const person = await Person.open(scope, PEOPLE[1]);
    await person.join(server, 'both');
    await person.seesTiles([PEOPLE[1]], GRID[1]);
    const pid = await server.roomPid(person);
    const began = await record(person);
    await sleep(4000);
    process.kill(pid, 'SIGKILL');
    await server.kill();
    const lasted = (Date.now() - began) / 1000;
    await until('the room to be gone', () => !isAlive(pid));
    await server.start();
    await checkFile(scope, server, 'both', PEOPLE[1], lasted - 1.2);
    await person.seesTiles([PEOPLE[1]], GRID[1]);
    await person.seesMotion(GRID[1]);
    const left = readdirSync(join(server.data, 'recordings')).map((name) => name.replace(/^.*\./, '')).sort();
    check(left.join(' ') === 'jpg json mp4 vtt', `in the folder are ${left}`);
});
