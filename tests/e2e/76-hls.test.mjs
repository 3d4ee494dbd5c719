/* HLS of a room in Chromium by hls.js: live, then what is left when it has ended. */
import { PEOPLE, Person } from './lib/browser.mjs';
import { FACES, addFaces } from './lib/faces.mjs';
import { Server } from './lib/server.mjs';
import { check, test, until } from './lib/test.mjs';

const HLS = new URL('node_modules/hls.js/dist/hls.min.js', import.meta.url).pathname;
const ENV = {
    MIXDOWN_VIDEO_WIDTH: '640', MIXDOWN_VIDEO_HEIGHT: '360', MIXDOWN_VIDEO_FPS: '15', MIXDOWN_VIDEO_BITRATE_KBPS: '600',
    MIXDOWN_LIVE_HLS_ARCHIVE: 'true', MIXDOWN_ROOM_EMPTY_S: '3600',
};

async function ask(server, method, where, body) {
    const reply = await fetch(`${server.url}/api/v1/${where}`, { method, body: body && JSON.stringify(body) });
    return { status: reply.status, body: await reply.json() };
}

/* A page of this origin with nothing on it but a player. */
async function open(scope, server) {
    const { page } = await Person.open(scope, PEOPLE[0], { withSource: false });
    await page.route(`${server.url}/player`, (route) => route.fulfill({ contentType: 'text/html', body: '<video muted></video>' }));
    await page.goto(`${server.url}/player`);
    await page.addScriptTag({ path: HLS });
    return page;
}

const play = (page, from) => page.evaluate((startPosition) => {
    window.hls?.destroy();
    window.faults = [];
    window.hls = new window.Hls({ startPosition });
    window.hls.on(window.Hls.Events.ERROR, (_, { fatal, details }) => { if (fatal) window.faults.push(details); });
    window.hls.loadSource('/hls/cinema/index.m3u8');
    window.hls.attachMedia(document.querySelector('video'));
    document.querySelector('video').play();
}, from);

/* Time, size, and the colours in the middle of the left and the right half. */
const look = (page) => page.evaluate(() => {
    const video = document.querySelector('video');
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [64, 36];
    const pen = canvas.getContext('2d');
    pen.drawImage(video, 0, 0, 64, 36);
    const at = (x) => [...pen.getImageData(x, 14, 1, 1).data].slice(0, 3);
    return { time: video.currentTime, width: video.videoWidth, duration: video.duration, colours: [at(16), at(48)], faults: window.faults };
});

const isLike = (a, b) => a.every((v, i) => Math.abs(v - b[i]) < 40);

test('hls: a room is watched in Chromium by hls.js, live and from its beginning', async (scope) => {
    const server = await Server.start(scope, ENV);
    const faces = await addFaces(scope, server, 'cinema', FACES.slice(0, 2));
    const { status, body: push } = await ask(server, 'POST', 'rooms/cinema/live', { hls: true });
    check(status === 201 && push.url === '/hls/cinema/index.m3u8', JSON.stringify(push));
    check((await ask(server, 'POST', 'rooms/cinema/live', { hls: true })).status === 409, 'there is one already');
    await until('a playlist', async () => (await fetch(server.url + push.url)).ok);
    const page = await open(scope, server);
    await play(page, -1);
    const first = await until('it to play', async () => { const seen = await look(page); return seen.time > 1 && seen; }, { limitMs: 60000 });
    check(first.width === 640, `${first.width} wide`);
    await until('both faces', async () => {
        const { colours, faults } = await look(page);
        check(!faults.length, `hls.js: ${faults}`);
        return faces.every(({ rgb }) => colours.some((c) => isLike(c, rgb)));
    }, { limitMs: 60000 });
    await until('it to go on', async () => (await look(page)).time > first.time + 4, { limitMs: 60000 });

    check((await ask(server, 'DELETE', `rooms/cinema/live/${push.id}`)).status === 202, 'it ends');
    await until('its playlist to end', async () => (await (await fetch(server.url + push.url)).text()).includes('#EXT-X-ENDLIST'));
    check((await (await fetch(server.url + push.url)).text()).includes('PLAYLIST-TYPE:VOD'), 'video on demand');
    await play(page, 0);
    const again = await until('it to play from the beginning', async () => {
        const seen = await look(page);
        return seen.time > 1 && seen.time < 5 && Number.isFinite(seen.duration) && seen;
    }, { limitMs: 60000 });
    check(again.duration > 6, `${again.duration} s in all`);
    for (const path of ['/hls/cinema/..%2f..%2fmixdown.db', '/hls/none/index.m3u8', '/hls/cinema/x.html', '/hls/..%2fcinema/index.m3u8'])
        check((await fetch(server.url + path)).status >= 400, path);
});
