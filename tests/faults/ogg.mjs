// A room's sound as Opus in OGG, through REST: heard again as tones, without what was paused; and whole after front and rooms are killed.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Front, SECRET, sleep, token, until } from './lib/front.mjs';
import * as sources from './lib/sources.mjs';

const PROGRAM = path.resolve(process.env.BUILD ?? 'build', 'mixdown');
const LONG = 60000;
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mixdown-ogg-'));
const settings = { dev: false, env: { MIXDOWN_AUTH_SECRET: SECRET, MIXDOWN_LIVE_INPUTS_DIR: dir, MIXDOWN_VIDEO_WIDTH: '320', MIXDOWN_VIDEO_HEIGHT: '180' } };
const bearer = { authorization: `Bearer ${token({ sub: 'root', mixdown: { admin: true } })}` };

let front;

async function rest(method, p, body) {
  const reply = await front.get(`/api/v1/${p}`, { method, headers: bearer, body: body && JSON.stringify(body) });
  const text = await reply.text();
  assert.ok(reply.ok, `${method} ${p}: ${reply.status} ${text}`);
  return text ? JSON.parse(text) : null;
}

const ready = (id) => until(async () => { const r = await rest('GET', `recordings/${id}`); return r.status === 'ready' && r; }, `${id} to be ready`, LONG);

// The recording's file: its seconds by ffprobe, and how much of its sound is the tone of 1000 Hz.
async function hear(id) {
  const reply = await front.get(`/api/v1/recordings/${id}/file`, { headers: bearer });
  assert.equal(reply.headers.get('content-type'), 'audio/ogg');
  const file = path.join(dir, `${id}.ogg`);
  fs.writeFileSync(file, Buffer.from(await reply.arrayBuffer()));
  const probe = JSON.parse(execFileSync('ffprobe', ['-v', 'error', '-show_streams', '-show_format', '-of', 'json', file]));
  assert.deepEqual(probe.streams.map((s) => s.codec_name), ['opus']);
  assert.equal(probe.streams[0].tags.title, 'Morning');
  const raw = execFileSync('ffmpeg', ['-v', 'error', '-i', file, '-ac', '1', '-ar', '48000', '-f', 'f32le', '-'], { maxBuffer: 1 << 28 });
  const pcm = new Float32Array(raw.buffer, raw.byteOffset, raw.length >> 2);
  const w = 2 * Math.cos((2 * Math.PI * 1000) / 48000);
  let tone = 0, all = 0;
  for (let from = 0; from + 2400 <= pcm.length; from += 2400) { // Goertzel, 50 ms at a time
    let a = 0, b = 0;
    for (let i = from; i < from + 2400; i++) { [a, b] = [pcm[i] + w * a - b, a]; all += pcm[i] * pcm[i]; }
    tone += (2 * (a * a + b * b - w * a * b)) / 2400;
  }
  return { seconds: Number(probe.format.duration), share: all ? tone / all : 0 };
}

const record = () => rest('POST', 'rooms/r/recordings', { format: 'ogg', title: 'Morning' });
const isLong = (s, wanted) => assert.ok(s > wanted - 1 && s < wanted + 1, `${s} s, not ${wanted}`);

describe('Opus in OGG', { timeout: 300000 }, () => {
  before(async () => {
    sources.file(path.join(dir, 'red.mp4'), 'red', 1000);
    front = await Front.start(PROGRAM, settings);
    const input = await rest('POST', 'rooms/r/inputs', { file: 'red.mp4', loop: true });
    await until(async () => (await rest('GET', `rooms/r/inputs/${input.id}`)).state === 'playing', 'the source to play', LONG);
  });
  after(async () => { await front.remove(); fs.rmSync(dir, { recursive: true, force: true }); });

  test('what is heard is in the file, and what is paused is not', async () => {
    const { id } = await record();
    const from = Date.now();
    await sleep(1500);
    await rest('PATCH', `rooms/r/recordings/${id}`, { paused: true });
    const paused = Date.now();
    await sleep(2500);
    await rest('PATCH', `rooms/r/recordings/${id}`, { paused: false });
    const resumed = Date.now();
    await sleep(1500);
    await rest('DELETE', `rooms/r/recordings/${id}`);
    const seconds = (paused - from + Date.now() - resumed) / 1000;
    const row = await ready(id);
    const heard = await hear(id);
    isLong(heard.seconds, seconds);
    assert.ok(Math.abs(row.durationMs / 1000 - heard.seconds) < 0.1, `${row.durationMs} ms, ${heard.seconds} s`);
    assert.ok(heard.share > 0.85, `1000 Hz is ${heard.share} of it`);
    assert.deepEqual(row.files.map((f) => f.kind), ['recording', 'speakers', 'captions']);
  });

  test('after all is killed the next start finishes it', async () => {
    const { id } = await record();
    const from = Date.now();
    await until(async () => (await rest('GET', 'recordings')).total === 2, 'its row', LONG);
    await sleep(2500);
    const rooms = front.rooms();
    await front.stop('SIGKILL');
    for (const pid of rooms) process.kill(pid, 'SIGKILL');
    const seconds = (Date.now() - from) / 1000;
    front = await Front.start(PROGRAM, { ...settings, data: front.data, port: front.port });
    const row = await ready(id);
    const heard = await hear(id);
    assert.ok(heard.seconds > seconds - 2 && heard.seconds < seconds + 0.5, `${heard.seconds} of ${seconds} s`);
    assert.ok(Math.abs(row.durationMs / 1000 - heard.seconds) < 0.1, `${row.durationMs} ms, ${heard.seconds} s`);
    assert.ok(heard.share > 0.85, `1000 Hz is ${heard.share} of it`);
  });
});
