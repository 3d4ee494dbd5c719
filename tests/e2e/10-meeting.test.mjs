/* Three people meet through the page: who is where in the picture, who hears whom, and the MP4. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { GRID, PEOPLE, Person, isColour } from './lib/browser.mjs';
import { beeps, complaints, flashes, frameAt, median, probe, rows, samples, tileColour, toneLevel } from './lib/media.mjs';
import { Server } from './lib/server.mjs';
import { check, sleep, test, until } from './lib/test.mjs';

const db = (value) => value.toFixed(0);

/* Opens the browsers one after the other, so that the order of joining is known. */
export async function meet(scope, server, room, people = PEOPLE, query = '') {
    const persons = [];
    for (const conf of people) {
        const person = await Person.open(scope, conf);
        await person.join(server, room, query);
        persons.push(person);
    }
    return persons;
}

async function everyoneSeesAndHears(scope, persons) {
    const people = persons.map((p) => p.conf);
    const tiles = GRID[people.length];
    for (const person of persons) {
        await person.seesTiles(people, tiles);
        await person.seesMotion(tiles);
        const { own, others } = await person.hearsOthers(people);
        scope.note(`${person.conf.name} own ${db(own)} dB, others ${others.map(db).join(' ')} dB`);
    }
}

async function startRecording(person, others) {
    await person.page.getByTestId('record').click();
    for (const one of [person, ...others])
        await one.page.getByRole('timer').waitFor({ timeout: 10000 });
}

/* Stops it from the page and waits for the notice with the file: its address. */
async function stopRecording(person) {
    await person.page.getByTestId('record').click();
    const link = person.page.getByTestId('toast').getByRole('link');
    await link.waitFor({ timeout: 30000 });
    return link.getAttribute('href');
}

async function fetchRecording(scope, server, room, href) {
    const [row] = await server.recordings(room);
    check(row.url === href, `the page links to ${href}, the archive says ${row.url}`);
    check(row.status === 'ready', `the recording is ${row.status}`);
    const file = join(scope.folder('recording'), 'room.mp4');
    writeFileSync(file, await server.download(href));
    return { row, file };
}

function checkShape(scope, row, file) {
    const shape = probe(file);
    check(shape.video?.codec === 'h264' && shape.audio?.codec === 'aac', `not h264 and aac: ${JSON.stringify(shape)}`);
    check(shape.video.width === 1280 && shape.video.height === 720, `the picture is ${shape.video.width}x${shape.video.height}`);
    check(complaints(file) === '', `it does not decode: ${complaints(file)}`);
    const wall = (row.endedAt - row.startedAt) / 1000;
    const off = shape.duration - wall;
    scope.note(`recording ${shape.duration.toFixed(3)} s of ${wall.toFixed(3)} s`);
    check(Math.abs(off) <= 0.1, `it lasts ${shape.duration} s, the wall clock says ${wall} s`);
    const start = shape.audio.start - shape.video.start;
    const length = shape.audio.duration - shape.video.duration;
    check(Math.abs(start) <= 0.04, `sound starts ${start} s after the picture`);
    check(Math.abs(length) <= 0.04, `sound is ${length} s longer than the picture`);
    return shape;
}

/* Their tones are taken for speech, all the time. */
async function checkSpeakers(server, row, people) {
    const beside = (name) => server.download(row.url.replace(/file$/, name));
    const talk = JSON.parse(await beside('speakers.json'));
    const names = people.map(({ name }) => name);
    check(names.every((name) => talk.speakers.some((one) => one.name === name && one.spoken_ms > 2000)),
        `who spoke: ${JSON.stringify(talk.speakers)}`);
    check(Math.abs(talk.duration_ms - row.durationMs) < 100, `they spoke for ${talk.duration_ms} ms`);
    const captions = (await beside('captions.vtt')).toString();
    check(captions.startsWith('WEBVTT') && names.every((name) => captions.includes(`<v ${name}>${name}`)), captions);
    const jpeg = Buffer.from(await beside('thumbnail.jpg'));
    check(jpeg.readUInt16BE(0) === 0xffd8 && jpeg.length > 2000, `the thumbnail has ${jpeg.length} bytes`);
}

test('three people see and hear each other through the page, and record it', async (scope) => {
    const server = await Server.start(scope);
    const room = 'meeting';
    const [ada, grace, linus] = await meet(scope, server, room);
    await everyoneSeesAndHears(scope, [ada, grace, linus]);

    await startRecording(ada, [grace, linus]);
    const began = Date.now();
    await sleep(4000);
    const withThree = (Date.now() - began) / 1000 - 1.5;

    /* One leaves: two tiles, of the others. */
    const left = Date.now();
    await grace.leave();
    await ada.page.getByTestId('toast').getByText('Grace left').waitFor({ timeout: 10000 });
    for (const one of [ada, linus])
        await one.seesTiles([ada.conf, linus.conf], GRID[2]);
    scope.note(`closed up ${Date.now() - left} ms after the click`);
    check(Date.now() - left < 3000, `the picture closed up after ${Date.now() - left} ms`);
    await sleep(1500);
    const withTwo = (Date.now() - began) / 1000 - 0.5;

    /* One reloads, and is back without being asked anything; he is now the last who joined. */
    await linus.page.reload();
    await linus.inRoom();
    for (const one of [ada, linus])
        await one.seesTiles([ada.conf, linus.conf], GRID[2]);
    await linus.hearsOthers([ada.conf, linus.conf]);
    await ada.hearsOthers([ada.conf, linus.conf]);

    const href = await stopRecording(ada);
    const { row, file } = await fetchRecording(scope, server, room, href);
    checkShape(scope, row, file);
    await checkSpeakers(server, row, PEOPLE);
    const three = frameAt(file, withThree);
    PEOPLE.forEach((person, i) => {
        const rgb = tileColour(three, GRID[3][i]);
        check(isColour(rgb, person.rgb), `at ${withThree} s ${person.name}'s tile is ${rgb}`);
    });
    const two = frameAt(file, withTwo);
    [ada.conf, linus.conf].forEach((person, i) => {
        const rgb = tileColour(two, GRID[2][i]);
        check(isColour(rgb, person.rgb), `at ${withTwo} s ${person.name}'s tile is ${rgb}`);
    });
    const pcm = samples(file, { from: Math.max(0, withThree - 2), seconds: 2 });
    const levels = PEOPLE.map(({ freq }) => toneLevel(pcm, freq));
    check(levels.every((level) => level > -50), `the recording's tones are at ${levels.map(db)} dB`);
    check(toneLevel(pcm, 1000) < Math.min(...levels) - 30, 'it sounds of what nobody sent');

    const [stored] = rows(server.data, `SELECT status, duration_ms, file FROM recordings WHERE id = '${row.id}'`);
    check(stored?.status === 'ready' && stored.duration_ms === row.durationMs, `the row says ${JSON.stringify(stored)}`);
    for (const one of [ada, grace, linus])
        check(!one.errors.length, `${one.conf.name}'s page: ${one.errors}`);
});

/* libwebrtc's sender reports of audio pair the RTP time of a packet's first sample with the time at which the
 * packet is sent, at least its length later: it has no capture time of sound (RTCPSender::SetLastRtpTime). So
 * a browser says of its sound that it was made 20 ms later than it was. */
const CLAIMED_LATE_MS = 20;

test('lips and voice stay together in the recording', async (scope) => {
    const server = await Server.start(scope);
    const conf = { name: 'Flash', colour: '#101010', rgb: [16, 16, 16], freq: 1000, flash: true, fps: 30 };
    const person = await Person.open(scope, conf);
    await person.join(server, 'lips');
    await sleep(5000); /* past the start, when no sender report has come yet */
    await startRecording(person, []);
    await sleep(12000);
    const href = await stopRecording(person);
    const { row, file } = await fetchRecording(scope, server, 'lips', href);
    checkShape(scope, row, file);

    const seen = flashes(file, GRID[1][0]);
    const heard = beeps(file);
    check(seen.length >= 8 && heard.length >= 8, `${seen.length} flashes and ${heard.length} beeps in 12 s`);
    const offsets = heard.map((at) => seen.map((f) => f - at).sort((a, b) => Math.abs(a) - Math.abs(b))[0]);
    const measured = median(offsets) * 1000;
    const offset = measured + CLAIMED_LATE_MS;
    scope.note(`picture ${offset.toFixed(0)} ms after the sound as the browser dates it, ${measured.toFixed(0)} ms as heard (${offsets.map((o) => (o * 1000).toFixed(0)).join(' ')})`);
    check(Math.abs(offset) <= 40, `the picture is ${offset.toFixed(0)} ms after the sound`);
});

test('mute, camera off and speaking are seen by the others', async (scope) => {
    const server = await Server.start(scope);
    const [ada, grace] = await meet(scope, server, 'signs', PEOPLE.slice(0, 2));
    await grace.page.getByTestId('people').click();
    const row = grace.page.getByTestId('member').filter({ hasText: 'Ada' });
    await row.getByText('Speaking').waitFor({ timeout: 15000, state: 'attached' });

    await ada.page.keyboard.press('m');
    await row.getByText('Microphone muted').waitFor({ timeout: 10000, state: 'attached' });
    await until('Ada to be silent', async () => (await grace.levels([ada.conf.freq], 1))[0] < -90);
    await ada.page.keyboard.press('m');
    await grace.hearsOthers([ada.conf, grace.conf]);

    await ada.page.keyboard.press('v');
    await row.getByText('Camera off').waitFor({ timeout: 10000, state: 'attached' });
    await ada.page.keyboard.press('v');
    await row.getByText('Camera off').waitFor({ timeout: 10000, state: 'detached' });
    await grace.seesTiles([ada.conf, grace.conf], GRID[2]);
    await grace.seesMotion(GRID[2]);
});
