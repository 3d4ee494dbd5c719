/* A finished recording in Chromium: it plays from its file, and is sought by byte range. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';

import { PEOPLE, Person } from './lib/browser.mjs';
import { frameAt } from './lib/media.mjs';
import { Server } from './lib/server.mjs';
import { check, sleep, test, until } from './lib/test.mjs';

const BYTES_PER_MS = 200;
const STEP = 16 * 255 / 219; /* of grey, each second of the film */

/* Grey that is a step brighter each second, under noise, so that the file takes a while on a slow line. */
function film(file) {
    execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi',
        '-i', "color=black:s=160x90:r=15:d=14,geq=lum='16+16*floor(T)':cb=128:cr=128,scale=640:360:flags=neighbor,noise=alls=24:allf=t",
        '-pix_fmt', 'yuv420p', '-c:v', 'libx264', '-preset', 'ultrafast', '-b:v', '6M', '-g', '15', file]);
}

async function post(server, where, body) {
    return server.json(`/api/v1/rooms/film/${where}`, { method: 'POST', body: JSON.stringify(body) });
}

/* The mean brightness, 0 to 255, of what ffmpeg finds at that time. */
function truth(file, seconds) {
    const { rgb } = frameAt(file, seconds);
    return rgb.reduce((sum, v) => sum + v, 0) / rgb.length;
}

/* And of what the page shows. */
const look = (page) => page.evaluate(() => {
    const video = document.querySelector('video');
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [64, 36];
    const pen = canvas.getContext('2d');
    pen.drawImage(video, 0, 0, 64, 36);
    const { data } = pen.getImageData(0, 0, 64, 36);
    let sum = 0;
    for (let i = 0; i < data.length; i += 4)
        sum += data[i] + data[i + 1] + data[i + 2];
    return { time: video.currentTime, duration: video.duration, grey: sum / (64 * 36 * 3), error: video.error?.message ?? '' };
});

/* The server behind a slow line, so that the end of a file is not there when it is sought. */
async function slowLine(scope, server, asked) {
    const sockets = new Set();
    const line = createServer((near) => {
        const far = connect(server.port, '127.0.0.1');
        for (const socket of [near, far]) {
            sockets.add(socket);
            socket.on('error', () => { near.destroy(); far.destroy(); });
            socket.on('close', () => { near.destroy(); far.destroy(); sockets.delete(socket); });
        }
        near.pipe(far);
        near.on('data', (data) => {
            const from = /^range: bytes=(\d+)-/im.exec(String(data));
            if (from)
                asked.push(Number(from[1]));
        });
        far.on('data', (data) => {
            near.write(data);
            far.pause();
            setTimeout(() => far.resume(), data.length / BYTES_PER_MS);
        });
    });
    await new Promise((done) => line.listen(0, '127.0.0.1', done));
    scope.defer(() => { line.close(); for (const socket of sockets) socket.destroy(); });
    return `http://127.0.0.1:${line.address().port}`;
}

/* A page with nothing on it but the file. */
async function open(scope, server, url) {
    const { page } = await Person.open(scope, PEOPLE[0], { withSource: false });
    const asked = []; /* where the ranges begin that Chromium wants */
    const origin = await slowLine(scope, server, asked);
    const answers = [];
    page.on('response', (r) => { if (r.url().includes(url)) answers.push({ status: r.status(), range: r.headers()['content-range'] ?? '' }); });
    await page.route(`${origin}/player`, (route) => route.fulfill({ contentType: 'text/html', body: `<video muted preload="metadata" src="${url}"></video>` }));
    await page.goto(`${origin}/player`);
    return { page, answers, asked };
}

const seek = (page, seconds) => page.evaluate((at) => new Promise((done) => {
    const video = document.querySelector('video');
    video.addEventListener('seeked', () => requestAnimationFrame(done), { once: true });
    video.currentTime = at;
}), seconds);

test('playback: Chromium plays a finished recording and seeks in it by byte range', async (scope) => {
    const clips = scope.folder('clips');
    film(join(clips, 'steps.mp4'));
    const server = await Server.start(scope, {
        MIXDOWN_LIVE_INPUTS_DIR: clips, MIXDOWN_VIDEO_LABELS: 'false', MIXDOWN_VIDEO_WIDTH: '640', MIXDOWN_VIDEO_HEIGHT: '360',
        MIXDOWN_VIDEO_FPS: '15', MIXDOWN_VIDEO_BITRATE_KBPS: '4000', MIXDOWN_VIDEO_TRANSITION_MS: '0',
    });
    const input = await post(server, 'inputs', { file: 'steps.mp4' });
    await until('the film to play', async () => (await server.json(`/api/v1/rooms/film/inputs/${input.id}`)).state === 'playing');
    await post(server, 'live', { hls: true }); /* for its key frames, one each 2 s: else all is one of 10 s */
    const { id } = await post(server, 'recordings', {});
    await sleep(10000);
    await fetch(`${server.url}/api/v1/rooms/film/recordings/${id}`, { method: 'DELETE' });
    const row = await server.readyRecording('film', id);
    const file = join(scope.folder('recording'), 'film.mp4');
    writeFileSync(file, await server.download(row.url));

    const { page, answers, asked } = await open(scope, server, row.url);
    await until('its length to be known', async () => (await look(page)).duration > 0);
    const { duration } = await look(page);
    check(Math.abs(duration - row.durationMs / 1000) < 0.2, `Chromium says ${duration} s, the archive ${row.durationMs} ms`);
    const [early, late] = [1.5, duration * 2 / 3];
    await seek(page, late);
    const there = await look(page);
    check(Math.abs(there.time - late) < 0.05, `it is at ${there.time}, not ${late} s`);
    const far = Math.max(...asked);
    check(far > row.bytes / 3, `ranges from ${asked} of ${row.bytes} bytes were asked for`);
    check(answers.length && answers.every(({ status }) => status === 206), `answers: ${JSON.stringify(answers)}`);
    await seek(page, early);
    const back = await look(page);
    for (const [seen, at] of [[there, late], [back, early]])
        check(Math.abs(seen.grey - truth(file, at)) < STEP / 2, `at ${at} s it is of ${seen.grey}, the file of ${truth(file, at)}`);
    const passed = (there.grey - back.grey) / STEP;
    check(Math.abs(passed - (late - early)) < 1.2, `${passed} s of the film are between ${early} and ${late} s`);
    await page.evaluate(() => document.querySelector('video').play());
    await until('it to play on', async () => (await look(page)).time > early + 0.5);
    check((await look(page)).error === '', 'an error');
    scope.note(`${(row.bytes / 1e6).toFixed(1)} MB; at ${late.toFixed(1)} s of ${duration.toFixed(1)}: ranges from ${asked.join(', ')}`);
});
