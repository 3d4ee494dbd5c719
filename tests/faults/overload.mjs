// A machine that is too slow, end to end: a real room gives way in its pictures while its sound goes on, and takes it
// back; and where the machine is full, one more is refused.
// Usage: node --test tests/faults/overload.mjs
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import dgram from 'node:dgram';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Front, sleep, until } from './lib/front.mjs';
import { Client } from './lib/ws.mjs';

const BUILD = path.resolve(process.env.BUILD ?? 'build');
const PROGRAM = path.join(BUILD, 'mixdown');
const FPS = 10; // that of the faces: what stands still is not sent again
const AUDIO = 111;
const VIDEO = 96;
const OPUS_TICKS = 960; // of a packet of 20 ms
const PATIENCE_MS = 120000; // ten calm seconds a step, and more where others disturb them

async function post(front, where, body) {
  const reply = await front.get(`/api/v1/${where}`, { method: 'POST', body: JSON.stringify(body) });
  return [reply.status, await reply.json(), reply.headers.get('retry-after')];
}

// A plain RTP participant that takes both, and what it was sent.
class Listener {
  static async open(front) {
    const l = new Listener();
    l.audio = []; // RTP times of packets
    l.frames = []; // RTP times of pictures
    l.socket = dgram.createSocket('udp4');
    l.socket.on('message', (packet) => l.take(packet));
    await new Promise((resolve) => { l.socket.bind(0, '127.0.0.1', resolve); });
    const [status, body] = await post(front, 'rooms/r/rtp', {
      name: 'listener', remote: { host: '127.0.0.1', port: l.socket.address().port },
      audio: { pt: AUDIO, codec: 'opus', direction: 'recvonly' }, video: { pt: VIDEO, codec: 'vp8', direction: 'recvonly' },
    });
    assert.equal(status, 201, JSON.stringify(body));
    return l;
  }

  take(packet) {
    const pt = packet[1] & 127;
    const time = packet.readUInt32BE(4);
    if (pt === AUDIO) this.audio.push(time);
    if (pt === VIDEO && this.frames.at(-1) !== time) this.frames.push(time);
  }

  // Pictures a second by their own times, of the newest dozen; NaN: there are not as many since forget().
  rate() {
    const n = 12;
    return n * 90000 / ((this.frames.at(-1) - this.frames.at(-1 - n)) >>> 0);
  }

  forget() { this.frames.length = 0; }
  close() { this.socket.close(); }
}

// A process that has the CPU for a quarter of the time, as on a machine that is four times too slow.
function squeeze(pid) {
  let isOver = false;
  const letGo = () => { try { process.kill(pid, 'SIGCONT'); } catch { /* it is gone */ } };
  process.once('exit', letGo);
  const done = (async () => {
    while (!isOver) {
      process.kill(pid, 'SIGSTOP');
      await sleep(150);
      letGo();
      await sleep(50);
    }
  })();
  return async () => {
    isOver = true;
    await done.finally(letGo);
    process.off('exit', letGo);
  };
}

describe('a room whose machine is too slow', () => {
  let front, watcher, listener, faces;

  before(async () => {
    front = await Front.start(PROGRAM, { env: { MIXDOWN_ROOM_OVERLOAD: 'true', MIXDOWN_ROOM_SPARE: '0',
      MIXDOWN_VIDEO_WIDTH: '320', MIXDOWN_VIDEO_HEIGHT: '180', MIXDOWN_VIDEO_FPS: String(FPS) } });
    watcher = await Client.open(front.port);
    assert.equal((await watcher.ask('join', { roomId: 'r', name: 'watcher' })).ok, true);
    const ports = [];
    for (const name of ['ann', 'bob']) {
      const [status, { port }] = await post(front, 'rooms/r/rtp', { name, video: { pt: 96, codec: 'vp8', direction: 'sendonly' } });
      assert.equal(status, 201);
      ports.push(port);
    }
    faces = spawn(path.join(BUILD, 'tests/tools/rtp_faces'), ['240', `${ports[0]}:#c82828`, `${ports[1]}:#2828c8`], { stdio: 'ignore' });
    listener = await Listener.open(front);
    await until(() => listener.audio.length > 50 && listener.rate() > 0.8 * FPS, 'sound and pictures', PATIENCE_MS);
  });
  after(async () => {
    watcher?.close();
    listener?.close();
    faces?.kill();
    await front?.remove();
  });

  const overload = (fits, what) => watcher.until(
    () => watcher.messages.find(({ action, data }) => action === 'overload' && fits(data)), what, PATIENCE_MS).then(({ data }) => data);

  test('gives way in its pictures, not in its sound, and takes it back', async () => {
    const pids = front.rooms();
    assert.equal(pids.length, 1);
    const first = listener.audio.length;
    watcher.messages.length = 0;
    const stop = squeeze(pids[0]);
    try {
      const { step, level, reason } = await overload((data) => data.level > 0, 'a step down');
      assert.ok(step !== 'none' && level <= 6 && ['audio', 'video', 'encoder'].includes(reason), `${step} ${level} ${reason}`);
      await until(() => listener.audio.length > first + 50, 'a second of sound', PATIENCE_MS);
    } finally {
      await stop();
    }
    // What was late came all the same: of a time in which the room had a quarter of the CPU, three quarters would be missing.
    const sound = listener.audio.slice(first);
    const due = ((sound.at(-1) - sound[0]) >>> 0) / OPUS_TICKS + 1;
    assert.ok(sound.length > 0.75 * due, `${sound.length} packets of ${due}`);
    await until(async () => await front.metric('mixdown_overload_step') > 0, 'the metric', PATIENCE_MS);
    assert.ok(await front.metric('mixdown_overload_steps_total') >= 1);
    listener.forget();
    await until(() => listener.rate() < 0.8 * FPS, 'fewer pictures', PATIENCE_MS);

    await overload((data) => data.level === 0, 'the last step up');
    await until(async () => await front.metric('mixdown_overload_step') === 0, 'the metric', PATIENCE_MS);
    listener.forget();
    await until(() => listener.rate() > 0.8 * FPS, 'all pictures', PATIENCE_MS);

  });
});

describe('a machine that is full', () => {
  let front;

  // Room for one room and a few seats, by what they cost before anything was measured (mcu/admission.c).
  before(async () => {
    const percent = Math.ceil(30 / os.cpus().length);
    front = await Front.start(PROGRAM, { env: { MIXDOWN_ROOM_MAX_LOAD: String(percent), MIXDOWN_ROOM_SPARE: '0', MIXDOWN_ROOM_MAX_MEMBERS: '1280' } });
  });
  after(() => front?.remove());

  // How many were let in before one was refused, which is to be because of the load.
  async function letIn(where, body) {
    for (let n = 0; ; n++) {
      const [status, { error }, retryAfter] = await post(front, where, body(n));
      if (status === 201) continue;
      assert.deepEqual([status, error?.code], [503, 'overloaded'], where);
      assert.ok(Number(retryAfter) > 0, `Retry-After: ${retryAfter}`);
      return n;
    }
  }

  test('refuses one more seat, view and room, and says when to come again', async () => {
    const seat = (n) => ({ name: `p${n}`, audio: { pt: AUDIO, codec: 'opus', direction: 'sendonly' } });
    const seats = await letIn('rooms/r/rtp', seat);
    assert.ok(seats > 0);
    await letIn('rooms/r/views', (n) => ({ view: `v${n}` }));
    await letIn('rooms', (n) => ({ roomId: `r${n}` }));
    assert.ok(await front.metric('mixdown_refused_overload_total') >= 3);
    assert.equal((await front.json('/api/v1/rooms/r/members')).members.length, seats); // who is in stays in
  });
});
