// Outside sources in a real room: files, RTMP, SRT, HLS and RTSP by the ffmpeg program, seen in the room's snapshot and heard
// in its recording; sources, rooms and fronts that die; and what is refused.
// Usage: node --test tests/faults/inputs.mjs, with BUILD (build).
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Front, SECRET, token, until } from './lib/front.mjs';
import * as sources from './lib/sources.mjs';

const PROGRAM = path.resolve(process.env.BUILD ?? 'build', 'mixdown');
const LONG = 60000;
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mixdown-inputs-'));
const clips = path.join(dir, 'clips');
const settings = (more = {}) => ({
  dev: false,
  env: { MIXDOWN_AUTH_SECRET: SECRET, MIXDOWN_LIVE_INPUTS_DIR: clips, MIXDOWN_VIDEO_WIDTH: '640', MIXDOWN_VIDEO_HEIGHT: '360',
    MIXDOWN_VIDEO_FPS: '15', MIXDOWN_VIDEO_LABELS: 'false', ...more },
});
const LOOPBACK = { MIXDOWN_LIVE_INPUTS_ALLOW: '127.0.0.0/8' };

let front;
const zoe = (role = 'host') => token({ sub: 'zoe', name: 'zoe', mixdown: { room: 'r', role } });

// A REST request; gives [status, body].
async function rest(method, p, body, t = zoe()) {
  const reply = await front.get(`/api/v1/rooms/r${p}`, {
    method, headers: { authorization: `Bearer ${t}` }, body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await reply.text();
  try { return [reply.status, text ? JSON.parse(text) : null, reply]; } catch { return [reply.status, text, reply]; }
}

async function add(body) {
  const [status, input, reply] = await rest('POST', '/inputs', body);
  assert.equal(status, 201, JSON.stringify(input));
  assert.equal(reply.headers.get('location'), `/api/v1/rooms/r/inputs/${input.id}`);
  return input;
}

const get = async (id) => (await rest('GET', `/inputs/${id}`))[1];
const reach = (id, state) => until(async () => { const i = await get(id); return i.state === state && i; }, `${id} to be ${state}`, LONG);

// The mean colour of a part of the picture that all see, which is cut in columns x rows: [r, g, b].
async function colourAt(x, y, columns, rows) {
  const reply = await front.get('/api/v1/rooms/r/snapshot.jpg', { headers: { authorization: `Bearer ${zoe()}` } });
  if (reply.status !== 200) return [0, 0, 0];
  const file = path.join(dir, 'snapshot.jpg');
  fs.writeFileSync(file, Buffer.from(await reply.arrayBuffer()));
  const w = 1 / columns, h = 1 / rows;
  const crop = `crop=iw*${w * 0.3}:ih*${h * 0.3}:iw*${(x + 0.35) * w}:ih*${(y + 0.35) * h},scale=1:1:flags=area`;
  return [...execFileSync('ffmpeg', ['-v', 'error', '-i', file, '-vf', crop, '-pix_fmt', 'rgb24', '-f', 'rawvideo', '-'])];
}

const COLOURS = { red: [254, 0, 0], lime: [0, 255, 0], blue: [0, 0, 254], yellow: [255, 255, 0] };
const isLike = (rgb, name) => rgb.every((v, i) => Math.abs(v - COLOURS[name][i]) < 60);
const shows = (name, x = 0, y = 0, columns = 1, rows = 1) =>
  until(async () => isLike(await colourAt(x, y, columns, rows), name), `${name} at ${x},${y}`, LONG);

// How much of the sound is that tone, 0 to 1 (Goertzel, in pieces of 50 ms: a voice that is stretched is still that tone).
function share(pcm, hz, rate) {
  const w = 2 * Math.cos((2 * Math.PI * hz) / rate);
  const piece = rate / 20;
  let [tone, all] = [0, 0];
  for (let from = 0; from + piece <= pcm.length; from += piece) {
    let [a, b] = [0, 0];
    for (let i = from; i < from + piece; i++) { [a, b] = [pcm[i] + w * a - b, a]; all += pcm[i] * pcm[i]; }
    tone += (2 * (a * a + b * b - w * a * b)) / piece;
  }
  return all ? tone / all : 0;
}

async function record(seconds) {
  const [status, started] = await rest('POST', '/recordings', {});
  assert.equal(status, 201, JSON.stringify(started));
  await new Promise((r) => setTimeout(r, seconds * 1000));
  await rest('DELETE', `/recordings/${started.id}`);
  await until(async () => {
    const [, body] = await rest('GET', '/recordings');
    return body.recordings.some((r) => r.id === started.id && !['recording', 'finishing'].includes(r.status));
  }, 'the recording to be ready', LONG);
  const reply = await front.get(`/api/v1/recordings/${started.id}/file`, { headers: { authorization: `Bearer ${token({ sub: 'a', mixdown: { admin: true } })}` } });
  const file = path.join(dir, `${started.id}.mp4`);
  fs.writeFileSync(file, Buffer.from(await reply.arrayBuffer()));
  return file;
}

function sound(file, from, seconds) {
  const raw = execFileSync('ffmpeg', ['-v', 'error', '-i', file, '-ss', String(from), '-t', String(seconds), '-ac', '1', '-ar', '48000', '-f', 'f32le', '-'],
    { maxBuffer: 1 << 28 });
  return new Float32Array(raw.buffer, raw.byteOffset, raw.length >> 2);
}

before(() => {
  fs.mkdirSync(path.join(clips, 'sub'), { recursive: true });
  sources.file(path.join(clips, 'red.mp4'), 'red', 1000);
  sources.file(path.join(clips, 'sub', 'short.mkv'), 'blue', 500, 1);
  fs.writeFileSync(path.join(dir, 'secret.mp4'), fs.readFileSync(path.join(clips, 'red.mp4')));
  fs.symlinkSync(path.join(dir, 'secret.mp4'), path.join(clips, 'link.mp4'));
  fs.writeFileSync(path.join(clips, 'text.mp4'), 'ffconcat version 1.0\nfile /etc/passwd\n');
});
after(() => fs.rmSync(dir, { recursive: true, force: true }));

describe('files', { timeout: 300000 }, () => {
  before(async () => { front = await Front.start(PROGRAM, settings()); assert.equal(front.exit, undefined, front.log); });
  after(() => front.remove());

  test('a file is a participant: seen, heard, listed, set and removed', async () => {
    const input = await add({ file: 'red.mp4', name: 'Film', loop: true, volume: 80 });
    assert.deepEqual([input.file, input.name, input.loop, input.volume], ['red.mp4', 'Film', true, 80]);
    const playing = await reach(input.id, 'playing');
    assert.ok(Math.abs(playing.duration - 4) < 0.2, `${playing.duration}`);
    await shows('red');
    const pcm = sound(await record(3), 0.5, 2);
    assert.ok(pcm.length > 90000, `${pcm.length} samples`);
    assert.ok(share(pcm, 1000, 48000) > 0.9, `1000 Hz is ${share(pcm, 1000, 48000)} of it`);
    const [, members] = await rest('GET', '/members');
    const member = members.members.find((m) => m.userId === input.userId);
    assert.deepEqual([member.name, member.audio, member.video, member.volume], ['Film', true, true, 80]);

    assert.equal((await rest('PATCH', `/inputs/${input.id}`, { paused: true, volume: 50 }))[1].state, 'paused');
    const still = (await get(input.id)).position;
    await new Promise((r) => setTimeout(r, 1500));
    assert.equal((await get(input.id)).position, still);
    const [status, set] = await rest('PATCH', `/inputs/${input.id}`, { paused: false, loop: false, position: 3, name: 'Film two' });
    assert.deepEqual([status, set.loop, set.volume, set.name], [200, false, 50, 'Film two']);
    const ended = await reach(input.id, 'ended');
    assert.ok(ended.position > 3.5, `${ended.position}`);
    assert.equal((await rest('PATCH', `/inputs/${input.id}`, { position: 0 }))[1].state, 'playing');
    assert.equal((await rest('DELETE', `/inputs/${input.id}`))[0], 204);
    assert.deepEqual((await rest('GET', '/inputs'))[1].inputs, []);
    assert.equal((await rest('GET', `/inputs/${input.id}`))[1].error.code, 'no_such_input');
  });

  test('what is wrong is refused, and told', async () => {
    const rows = [
      [{}, 400], [{ url: 'rtmp://h/a/b', file: 'red.mp4' }, 400], [{ file: '../secret.mp4' }, 400], [{ file: '/etc/passwd' }, 400],
      [{ file: 'sub/../red.mp4' }, 400], [{ file: 'missing.mp4' }, 404], [{ file: 'link.mp4' }, 404], [{ file: 'sub' }, 404],
      ['{"file":"red.mp4\\u0000.txt"}', 400], [{ url: 'file:///etc/passwd' }, 400], [{ url: 'concat:a|b' }, 400],
      [{ url: 'ftp://h/x' }, 400], [{ url: 'http://2130706433/x.m3u8' }, 400], [{ url: 'srt://h:1?mode=listener' }, 400],
      [{ url: 'rtmp://h/a/b', loop: true }, 400], [{ url: 'rtmp://h/a/b', position: 1 }, 400], [{ file: 'red.mp4', position: -1 }, 400],
      [{ file: 'red.mp4', paused: 1 }, 400], [{ file: 'red.mp4', colour: 'red' }, 400], [{ file: 'red.mp4', volume: 1e9 }, 400],
      [{ file: 'red.mp4', name: '' }, 400], [{ file: 7 }, 400], ['[]', 400], ['{', 400],
    ];
    for (const [body, status] of rows) {
      const got = await rest('POST', '/inputs', body);
      assert.equal(got[0], status, `${JSON.stringify(body)}: ${got[0]} ${JSON.stringify(got[1])}`);
    }
    assert.equal((await rest('POST', '/inputs', { file: 'red.mp4' }, zoe('publisher')))[0], 403);
    assert.equal((await rest('GET', '/inputs', undefined, zoe('subscriber')))[0], 403);
    const text = await add({ file: 'text.mp4' });
    assert.equal((await reach(text.id, 'failed')).error, 'not_media');
    for (const [body, status] of [[{ paused: 'x' }, 400], [{ position: 'x' }, 400], [{ name: '' }, 400], [{ name: 'Text' }, 200], [{ volume: -1 }, 400]])
      assert.equal((await rest('PATCH', `/inputs/${text.id}`, body))[0], status, JSON.stringify(body));
    await rest('DELETE', `/inputs/${text.id}`);
  });

  test('without permission nothing of this machine is reached', async () => {
    let visits = 0;
    const canary = net.createServer((s) => { visits++; s.destroy(); });
    await new Promise((r) => canary.listen(0, '127.0.0.1', r));
    const { port } = canary.address();
    const urls = [`rtmp://127.0.0.1:${port}/live/secretkey`, `rtsp://127.0.0.1:${port}/a`, `http://localhost:${port}/a.m3u8`,
      `http://[::ffff:127.0.0.1]:${port}/a.m3u8`, `https://169.254.169.254/latest/a.m3u8`, `srt://127.0.0.1:${port}`];
    for (const input of await Promise.all(urls.map((url) => add({ url })))) {
      assert.equal((await reach(input.id, 'waiting')).error, 'refused', input.url);
      assert.equal((await rest('DELETE', `/inputs/${input.id}`))[0], 204);
    }
    assert.equal(visits, 0);
    canary.close();
  });

  test('a room that dies and a front that dies have their sources back', async () => {
    const input = await add({ file: 'sub/short.mkv', loop: true, userId: 'clip' });
    await reach(input.id, 'playing');
    assert.equal((await rest('PATCH', `/inputs/${input.id}`, { name: 'New' }))[1].name, 'New');
    assert.equal((await rest('PATCH', `/inputs/${input.id}`, { name: '' }))[0], 400);
    await shows('blue');
    for (const pid of front.rooms()) process.kill(pid, 'SIGKILL');
    await shows('blue');
    const { port, data } = front;
    await front.stop('SIGKILL');
    front = await Front.start(PROGRAM, { ...settings(), port, data });
    const back = await until(async () => { const i = await get(input.id); return i?.state === 'playing' && i; }, 'the source to be adopted', LONG);
    assert.deepEqual([back.file, back.userId, back.loop, back.name], ['sub/short.mkv', 'clip', true, 'New']);
    await shows('blue');
    await rest('DELETE', `/inputs/${input.id}`);
  });
});

describe('streams', { timeout: 300000 }, () => {
  const running = [];
  before(async () => { front = await Front.start(PROGRAM, settings(LOOPBACK)); assert.equal(front.exit, undefined, front.log); });
  after(async () => { await Promise.all(running.map((s) => s.kill())); await front.remove(); });

  test('RTMP, SRT, HLS and RTSP are seen and heard; a source that dies is connected again; no key is told', async () => {
    const [rtmp, srt, hls, rtsp] = await Promise.all([sources.rtmp('red', 400), sources.srt('lime', 700), sources.hls(dir, 'blue', 1000),
      sources.rtsp(dir, 'yellow', 1300)]);
    running.push(rtmp, srt, hls, rtsp);
    const inputs = [];
    for (const s of running) inputs.push(await add({ url: s.url }));
    for (const i of inputs) await reach(i.id, 'playing');
    const places = [['red', 0, 0], ['lime', 1, 0], ['blue', 0, 1], ['yellow', 1, 1]];
    for (const [colour, x, y] of places) await shows(colour, x, y, 2, 2);
    const pcm = sound(await record(3), 0.5, 2);
    for (const hz of [400, 700, 1000, 1300])
      assert.ok(share(pcm, hz, 48000) > 0.05, `${hz} Hz is ${share(pcm, hz, 48000)} of it`);

    await Promise.all([rtmp.kill(), srt.kill()]);
    for (const i of inputs.slice(0, 2)) assert.ok(['ended', 'stalled', 'lost', 'unreachable'].includes((await reach(i.id, 'waiting')).error));
    rtmp.start();
    srt.start();
    for (const i of inputs.slice(0, 2)) assert.ok((await reach(i.id, 'playing')).retries >= 1);
    for (const [colour, x, y] of places) await shows(colour, x, y, 2, 2);

    const told = JSON.stringify([await rest('GET', '/inputs'), await rest('GET', '/members'), await rest('GET', '')].map((r) => r[1]));
    assert.ok(told.includes('127.0.0.1') && !told.includes('secretkey'), told);
    assert.ok(front.log.includes('rtmp://127.0.0.1') && !front.log.includes('secretkey'), 'a key in the log');
    for (const i of inputs) assert.equal((await rest('DELETE', `/inputs/${i.id}`))[0], 204);
  });
});
