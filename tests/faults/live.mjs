// Live pushes against real servers on loopback: nginx's RTMP module and an SRT listener of FFmpeg. What arrives is decoded
// and compared with the recording; the server is killed, stopped, and its packets are dropped.
// Usage: node --test tests/faults/live.mjs, with BUILD (build). STOP_S (6) is how long it is stopped: 60 in `make proof-live`.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { after, before, describe, test } from 'node:test';
import { Front, freePort, sleep, until } from './lib/front.mjs';
import { Rtmp } from './lib/rtmp.mjs';
import { flashes, median, toneLevel } from '../e2e/lib/media.mjs';

const BUILD = path.resolve(process.env.BUILD ?? 'build');
const STOP_S = Number(process.env.STOP_S ?? 6);
const KEY = 'k3y-that-nobody-may-see';
const BEEP_HZ = [600, 1000]; // what a beep of the source consists of
const COLOURS = ['#c02020', '#2040c0'];
const table = []; // [what happened, what was seen]
let front, rtmp, faces, folder;

async function rest(method, where, body) {
  const reply = await front.get(`/api/v1/${where}`, { method, body: body === undefined ? undefined : JSON.stringify(body) });
  const text = await reply.text();
  return [reply.status, text ? JSON.parse(text) : null];
}

async function push(url, more = {}) {
  const [status, body] = await rest('POST', 'rooms/r/live', { url, ...more });
  assert.equal(status, 201, JSON.stringify(body));
  return body.id;
}

const state = async (id) => (await rest('GET', `rooms/r/live/${id}`))[1];
const reaches = (id, name, ms = 60000) => until(async () => { const p = await state(id); return p.state === name && p; }, `the push to be ${name}`, ms);

async function end(id) {
  assert.equal((await rest('DELETE', `rooms/r/live/${id}`))[0], 202);
  await until(async () => (await rest('GET', `rooms/r/live/${id}`))[0] === 404, 'the push to end', 60000);
}

// How long something takes to be seen, in seconds.
async function seconds(wait) {
  const begun = Date.now();
  await wait;
  return (Date.now() - begun) / 1000;
}

function probe(file) {
  const words = ['-v', 'error', '-print_format', 'json', '-show_streams', '-show_packets', file];
  return JSON.parse(spawnSync('ffprobe', words, { maxBuffer: 1 << 28 }).stdout);
}

// The colours in the middle of the left and the right half of the last picture, and whether all of it decodes.
function decode(file) {
  const words = ['-v', 'error', '-i', file, '-map', '0:v', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', '64x36', 'pipe:1'];
  const out = spawnSync('ffmpeg', words, { maxBuffer: 1 << 30 });
  const size = 64 * 36 * 3;
  const frames = out.stdout.length / size;
  const last = out.stdout.subarray((frames - 1) * size);
  const at = (x, y) => [...last.subarray((y * 64 + x) * 3, (y * 64 + x) * 3 + 3)];
  return { frames, errors: out.stderr.toString(), tiles: [at(16, 14), at(48, 14)] };
}

// A film for a room: every two seconds it is white for 0.2 s, and beeps as long.
function film(name) {
  const on = 'lt(mod(t\\,2)\\,0.2)';
  const tones = BEEP_HZ.map((hz) => `0.3*sin(2*PI*${hz}*t)`).join('+');
  const words = ['-v', 'error', '-f', 'lavfi', '-i', `color=0x202020:s=320x180:r=15:d=60,drawbox=color=white:t=fill:enable='${on}'`,
    '-f', 'lavfi', '-i', `aevalsrc=(${tones})*${on}:s=48000:d=60`, '-pix_fmt', 'yuv420p', '-c:v', 'libx264', '-preset', 'ultrafast', '-g', '30',
    '-c:a', 'pcm_s16le', path.join(folder, name)];
  assert.equal(spawnSync('ffmpeg', words, { stdio: 'inherit' }).status, 0);
}

// Its sound from the file's beginning on, with silence where there is none: times in it are those of the pictures.
function sound(file) {
  const words = ['-v', 'error', '-i', file, '-vn', '-af', 'aresample=async=1:first_pts=0', '-ac', '1', '-ar', '48000', '-f', 'f32le', 'pipe:1'];
  const bytes = spawnSync('ffmpeg', words, { maxBuffer: 1 << 28 }).stdout;
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
}

// Times in seconds at which it is loud after silence: steps of 1 ms.
function beeps(pcm) {
  const found = [];
  let quiet = 0;
  for (let i = 0; i + 48 <= pcm.length; i += 48) {
    const isLoud = pcm.subarray(i, i + 48).some((v) => Math.abs(v) > 0.03);
    if (isLoud && quiet > 200) found.push(i / 48000);
    quiet = isLoud ? 0 : quiet + 1;
  }
  return found;
}

// How much later than the flash a beep comes, in ms, and how loud its tones (and one that nobody sent) are, in dB.
function lips(file) {
  const pcm = sound(file);
  const seen = flashes(file, { x: 0, y: 0, width: 640, height: 360 });
  const heard = beeps(pcm).filter((at) => (at + 0.2) * 48000 < pcm.length);
  const pairs = heard.map((at) => [at, seen.find((f) => Math.abs(f - at) < 0.9)]).filter(([, f]) => f !== undefined);
  assert.ok(pairs.length >= 2, `${file}: flashes at ${seen}, beeps at ${heard}`);
  const levels = [...BEEP_HZ, 1700].map((hz) => median(pairs.map(([at]) => toneLevel(pcm.subarray((at + 0.04) * 48000, (at + 0.16) * 48000), hz))));
  return { late: median(pairs.map(([at, f]) => (at - f) * 1000)), levels, pairs: pairs.length };
}

// Nothing to that port of this machine from now on; false where the kernel does not let us.
const TABLE = `mixdown_live_${process.pid}`;
function drops(port) {
  const rules = `table inet ${TABLE} { chain out { type filter hook output priority 0; tcp dport ${port} drop; }; }`;
  return spawnSync('nft', ['-f', '-'], { input: rules }).status === 0;
}
const undrop = () => spawnSync('nft', ['delete', 'table', 'inet', TABLE]);

const differs = (a, b) => Math.max(...a.map((v, i) => Math.abs(v - b[i])));

// A certificate for localhost that signs itself.
function certify(name) {
  const words = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost',
    '-keyout', path.join(folder, `${name}.key`), '-out', path.join(folder, `${name}.crt`)];
  assert.equal(spawnSync('openssl', words).status, 0);
}

// TLS in front of the RTMP server.
async function secure(name) {
  const server = tls.createServer({ key: fs.readFileSync(path.join(folder, `${name}.key`)), cert: fs.readFileSync(path.join(folder, `${name}.crt`)) }, (socket) => {
    const inner = net.connect(rtmp.port, '127.0.0.1');
    for (const s of [socket, inner]) s.on('error', () => { socket.destroy(); inner.destroy(); });
    socket.pipe(inner).pipe(socket);
  });
  server.on('tlsClientError', () => {});
  await new Promise((r) => server.listen(0, '127.0.0.1', r));
  return server;
}

// Key frames every 2 s, sound and picture, times that rise together.
function check(file, least_s) {
  const { streams, packets } = probe(file);
  const kinds = Object.fromEntries(streams.map((s) => [s.codec_type, s]));
  assert.deepEqual([kinds.video?.codec_name, kinds.audio?.codec_name], ['h264', 'aac'], file);
  const of = (type) => packets.filter((p) => p.codec_type === type);
  const times = of('video').map((p) => Number(p.pts_time));
  const keys = of('video').filter((p) => p.flags.startsWith('K')).map((p) => Number(p.pts_time));
  const span = times.at(-1) - times[0];
  assert.ok(span >= least_s, `${file}: ${span} s`);
  keys.slice(1).forEach((t, i) => assert.ok(t - keys[i] < 2.6, `a key frame after ${t - keys[i]} s`));
  const sound = of('audio').map((p) => Number(p.pts_time));
  assert.ok(Math.abs(sound.at(-1) - times.at(-1)) < 1, `sound ends at ${sound.at(-1)}, the picture at ${times.at(-1)}`);
  const bytes = of('video').reduce((n, p) => n + Number(p.size), 0);
  return { span, kbps: bytes * 8 / 1000 / span, keys: keys.length };
}

before(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mixdown-live-'));
  certify('good');
  certify('bad');
  front = await Front.start(path.join(BUILD, 'mixdown'), { env: {
    MIXDOWN_VIDEO_WIDTH: '640', MIXDOWN_VIDEO_HEIGHT: '360', MIXDOWN_VIDEO_FPS: '15', MIXDOWN_VIDEO_BITRATE_KBPS: '800',
    MIXDOWN_LIVE_INPUTS_DIR: folder, MIXDOWN_LIVE_ALLOW: '127.0.0.0/8', MIXDOWN_LIVE_CA_FILE: path.join(folder, 'good.crt'), MIXDOWN_LOG_LEVEL: 'debug', MIXDOWN_ROOM_EMPTY_S: '3600', MIXDOWN_VIDEO_LABELS: 'false',
    MIXDOWN_VIDEO_TRANSITION_MS: '0', MIXDOWN_ROOM_SPARE: '0',
  } });
  assert.equal(front.exit, undefined, front.log);
  rtmp = await Rtmp.create();
  const ports = [];
  for (const [i] of COLOURS.entries()) {
    const [status, seat] = await rest('POST', 'rooms/r/rtp', {
      name: `face${i}`, userId: `face${i}`, video: { pt: 96, codec: 'vp8', direction: 'sendonly' },
    });
    assert.equal(status, 201, JSON.stringify(seat));
    ports.push(`${seat.port}:${COLOURS[i]}`);
  }
  faces = spawn(path.join(BUILD, 'tests/tools/rtp_faces'), ['600', ...ports], { stdio: 'ignore' });
});

after(async () => {
  faces?.kill();
  await rtmp?.remove();
  await front?.remove();
  fs.rmSync(folder, { recursive: true, force: true });
  for (const [what, seen] of table) console.log(`live: ${what}: ${seen}`);
});

describe('pushes', () => {
  test('RTMP and SRT carry what the recording has', async () => {
    const port = await freePort();
    const ts = path.join(folder, 'srt.ts');
    const listener = spawn('ffmpeg', ['-v', 'error', '-y', '-i', `srt://127.0.0.1:${port}?mode=listener`, '-c', 'copy', ts], { stdio: 'ignore' });
    const gone = new Promise((r) => listener.once('exit', r));
    const ids = [await push(`${rtmp.url}/${KEY}`), await push(`srt://127.0.0.1:${port}?streamid=${KEY}`)];
    const [, recording] = await rest('POST', 'rooms/r/recordings', {});
    for (const id of ids) await reaches(id, 'live');
    await sleep(5500);
    const [, list] = await rest('GET', 'rooms/r/live');
    assert.equal(list.live.length, 2);
    assert.ok(list.live.every((p) => p.bytes > 100000 && p.retries <= 3), JSON.stringify(list));
    for (const id of ids) await end(id);
    await rest('DELETE', `rooms/r/recordings/${recording.id}`);
    await until(async () => (await rest('GET', `recordings/${recording.id}`))[1].status === 'ready', 'the recording', 60000);
    listener.kill('SIGINT');
    await gone;

    const mp4 = path.join(folder, 'recording.mp4');
    fs.writeFileSync(mp4, Buffer.from(await (await front.get(`/api/v1/recordings/${recording.id}/file`)).arrayBuffer()));
    const truth = decode(mp4);
    assert.ok(differs(truth.tiles[0], truth.tiles[1]) > 100, `two colours: ${truth.tiles}`);
    for (const file of [rtmp.files()[0], ts]) {
      const seen = check(file, 4);
      const picture = decode(file);
      assert.equal(picture.errors.includes('error while decoding'), false, picture.errors);
      picture.tiles.forEach((c, i) => assert.ok(differs(c, truth.tiles[i]) < 12, `${file}: ${c}, in the recording ${truth.tiles[i]}`));
      assert.ok(seen.kbps > 600 && seen.kbps < 1000, `${file}: ${seen.kbps} kbit/s of 800`);
      table.push([path.extname(file), `${seen.span.toFixed(1)} s, ${seen.kbps.toFixed(0)} kbit/s, ${seen.keys} key frames`]);
    }
  });

  test('lips and tones of RTMP and SRT are those of the recording', async () => {
    film('lips.mkv');
    const post = async (where, body) => { const [status, reply] = await rest('POST', where, body); assert.equal(status, 201, JSON.stringify(reply)); return reply; };
    const input = await post('rooms/lips/inputs', { file: 'lips.mkv' });
    const port = await freePort();
    const ts = path.join(folder, 'lips.ts');
    const listener = spawn('ffmpeg', ['-v', 'error', '-y', '-i', `srt://127.0.0.1:${port}?mode=listener`, '-c', 'copy', ts], { stdio: 'ignore' });
    const gone = new Promise((r) => listener.once('exit', r));
    const had = rtmp.files();
    const pushes = [await post('rooms/lips/live', { url: `${rtmp.url}/lips` }), await post('rooms/lips/live', { url: `srt://127.0.0.1:${port}` })];
    const recording = await post('rooms/lips/recordings', {});
    for (const { id } of pushes) await until(async () => (await rest('GET', `rooms/lips/live/${id}`))[1].state === 'live', 'a push of the film', 60000);
    await sleep(7500);
    for (const { id } of pushes) await rest('DELETE', `rooms/lips/live/${id}`);
    for (const { id } of pushes) await until(async () => (await rest('GET', `rooms/lips/live/${id}`))[0] === 404, 'a push to end', 60000);
    await rest('DELETE', `rooms/lips/recordings/${recording.id}`);
    await until(async () => (await rest('GET', `recordings/${recording.id}`))[1].status === 'ready', 'the recording', 60000);
    await rest('DELETE', `rooms/lips/inputs/${input.id}`);
    listener.kill('SIGINT');
    await gone;

    const mp4 = path.join(folder, 'lips.mp4');
    fs.writeFileSync(mp4, Buffer.from(await (await front.get(`/api/v1/recordings/${recording.id}/file`)).arrayBuffer()));
    const truth = lips(mp4);
    const note = ({ late, levels, pairs }) => `beeps ${late.toFixed(0)} ms after flashes, tones at ${levels.map((l) => l.toFixed(0)).join(' ')} dB (${pairs})`;
    table.push(['recording', note(truth)]);
    assert.ok(Math.min(...truth.levels.slice(0, 2)) > -40 && truth.levels[2] < truth.levels[0] - 25, note(truth));
    for (const file of [rtmp.files().find((f) => !had.includes(f)), ts]) {
      const seen = lips(file);
      table.push([path.extname(file), note(seen)]);
      assert.ok(Math.abs(seen.late - truth.late) <= 40, `${file}: ${note(seen)}; the recording: ${note(truth)}`);
      seen.levels.slice(0, 2).forEach((level, i) => assert.ok(Math.abs(level - truth.levels[i]) < 3, `${file}: ${note(seen)}; the recording: ${note(truth)}`));
      assert.ok(seen.levels[2] < seen.levels[0] - 25, note(seen));
    }
  });

  test('a server that is killed is missed and found again; the recording never notices', async () => {
    const [, recording] = await rest('POST', 'rooms/r/recordings', {});
    const id = await push(`${rtmp.url}/${KEY}`);
    await reaches(id, 'live');
    await rtmp.kill();
    const missed = await seconds(reaches(id, 'retrying'));
    await sleep(3000);
    await rtmp.start();
    const found = await seconds(reaches(id, 'live'));
    table.push(['server killed', `missed after ${missed.toFixed(1)} s; live ${found.toFixed(1)} s after its return`]);

    rtmp.signal('SIGSTOP');
    const stalled = await seconds(reaches(id, 'retrying'));
    await sleep(Math.max(0, STOP_S - stalled) * 1000);
    rtmp.signal('SIGCONT');
    const back = await seconds(reaches(id, 'live'));
    table.push([`server stopped for ${STOP_S} s`, `missed after ${stalled.toFixed(1)} s; live ${back.toFixed(1)} s after its return`]);

    if (drops(rtmp.port)) {
      try {
        const lost = await seconds(reaches(id, 'retrying'));
        await sleep(Math.max(0, STOP_S - lost) * 1000);
        undrop();
        const returned = await seconds(reaches(id, 'live'));
        table.push([`packets dropped for ${STOP_S} s`, `missed after ${lost.toFixed(1)} s; live ${returned.toFixed(1)} s after they came again`]);
      } finally {
        undrop();
      }
    }

    const before = (await state(id)).bytes;
    await until(async () => (await state(id)).bytes > before, 'it to flow again', 60000);
    await end(id);
    await rest('DELETE', `rooms/r/recordings/${recording.id}`);
    await until(async () => (await rest('GET', `recordings/${recording.id}`))[1].status === 'ready', 'the recording', 60000);
    const mp4 = path.join(folder, 'through.mp4');
    fs.writeFileSync(mp4, Buffer.from(await (await front.get(`/api/v1/recordings/${recording.id}/file`)).arrayBuffer()));
    const times = probe(mp4).packets.filter((p) => p.codec_type === 'video').map((p) => Number(p.pts_time)).sort((a, b) => a - b);
    const gap = Math.max(...times.slice(1).map((t, i) => t - times[i]));
    assert.ok(gap < 2.5, `a gap of ${gap} s in the recording`); // a still picture is written once a second
    const last = rtmp.files().at(-1);
    assert.equal(decode(last).errors.includes('error while decoding'), false);
  });

  test('when a room dies its push goes on', async () => {
    const id = await push(`${rtmp.url}/${KEY}`);
    await reaches(id, 'live');
    process.kill(front.rooms()[0], 'SIGKILL');
    await until(async () => (await state(id)).state !== 'live', 'its death to be seen', 60000);
    await reaches(id, 'live');
    await end(id);
  });

  test('RTMPS goes to whom the certificates name, and to nobody else', async () => {
    const [good, bad] = [await secure('good'), await secure('bad')];
    const before = rtmp.files().length;
    const ids = [await push(`rtmps://localhost:${good.address().port}/live/${KEY}-tls`), await push(`rtmps://localhost:${bad.address().port}/live/${KEY}-bad`)];
    await reaches(ids[0], 'live');
    const refused = await until(async () => { const p = await state(ids[1]); return p.lastError && p; }, 'it to be refused', 60000);
    assert.notEqual(refused.state, 'live');
    await until(() => rtmp.files().length > before, 'the file of the good one', 60000); // nginx makes it with the first key frame
    await sleep(2000);
    for (const id of ids) await end(id);
    good.close();
    bad.close();
    assert.equal(rtmp.files().length, before + 1);
    assert.equal(decode(rtmp.files().at(-1)).errors.includes('error while decoding'), false);
  });

  test('refusals', async () => {
    const code = async (body) => { const [status, reply] = await rest('POST', 'rooms/r/live', body); return [status, reply.error?.code]; };
    assert.deepEqual(await code({}), [400, 'bad_request']);
    assert.deepEqual(await code({ url: 'file:///etc/passwd' }), [400, 'bad_url']);
    assert.deepEqual(await code({ url: `${rtmp.url}/x`, view: 'none' }), [404, 'no_such_view']);
    assert.deepEqual((await rest('DELETE', 'rooms/r/live/none'))[0], 404);
    const id = await push('rtmp://10.255.255.1/live/x'); // not in live.allow
    const p = await until(async () => { const s = await state(id); return s.lastError && s; }, 'it to be refused', 60000);
    assert.match(p.lastError, /not allowed/);
    await end(id);
  });

  test('the key is nowhere to be seen', async () => {
    const id = await push(`${rtmp.url}/${KEY}`);
    await reaches(id, 'live');
    const listed = JSON.stringify((await rest('GET', 'rooms/r/live'))[1]);
    assert.ok(listed.includes('***') && !listed.includes(KEY), listed);
    for (const pid of [front.child.pid, ...front.rooms()]) {
      for (const file of ['cmdline', 'environ']) assert.ok(!fs.readFileSync(`/proc/${pid}/${file}`, 'latin1').includes(KEY));
    }
    await end(id);
    assert.ok(!front.log.includes(KEY), 'a key in the log');
    assert.ok(front.log.includes('rtmp://127.0.0.1'), 'pushes are in the log');
  });
});
