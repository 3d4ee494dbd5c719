// Hooks, from both sides: a server that fails, hangs and forgets is told everything in order, and one that is dead
// stalls nobody. Rooms are fakes. Usage: node --test tests/faults/hooks.mjs, with BUILD (build).
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import http from 'node:http';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Front, freePort, sleep, until } from './lib/front.mjs';
import { Client } from './lib/ws.mjs';

const PROGRAM = path.resolve(process.env.BUILD ?? 'build', 'tests/tools/fake_room');
const KEY = 'a key for hooks';
const SDP = [
  'v=0', 'o=- 1 2 IN IP4 127.0.0.1', 's=-', 't=0 0', 'a=group:BUNDLE 0', 'a=ice-ufrag:abcd',
  'a=ice-pwd:abcdefghijklmnopqrstuv', `a=fingerprint:sha-256 ${Array(32).fill('AB').join(':')}`, 'a=setup:actpass',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111', 'c=IN IP4 0.0.0.0', 'a=mid:0', 'a=sendrecv', 'a=rtcp-mux', 'a=rtpmap:111 opus/48000/2', '',
].join('\r\n');

// The application's server. `decide(event, nth)` says what becomes of the nth attempt at it.
class App {
  static async start(decide) {
    const a = new App();
    a.decide = decide;
    a.heard = []; // {headers, body, event, answered}, each attempt
    a.server = http.createServer((req, res) => {
      const parts = [];
      req.on('data', (d) => parts.push(d));
      req.on('end', () => a.take(req, res, Buffer.concat(parts)));
    });
    await new Promise((r) => a.server.listen(0, '127.0.0.1', r));
    a.url = `http://127.0.0.1:${a.server.address().port}/hook`;
    return a;
  }

  take(req, res, body) {
    const event = JSON.parse(body);
    const nth = this.heard.filter((h) => h.event.id === event.id).length;
    const attempt = { headers: req.headers, path: req.url, body, event, isFine: false };
    this.heard.push(attempt);
    const { status = 200, reply = { code: 0 }, wait = 0, cut = false, headers = {} } = this.decide(event, nth) ?? {};
    setTimeout(() => {
      if (cut) { req.socket.destroy(); return; }
      attempt.isFine = status < 300;
      res.writeHead(status, headers);
      res.end(typeof reply === 'string' ? reply : JSON.stringify(reply));
    }, wait).unref(); // who never answers must not keep the test from ending
  }

  // What was taken, each once, in the order of taking.
  taken(room) {
    const seen = new Set();
    return this.heard.filter((h) => h.isFine && h.event.roomId === room && !seen.has(h.event.id) && seen.add(h.event.id)).map((h) => h.event);
  }

  stop() { this.server.closeAllConnections(); this.server.close(); }
}

const env = (url, more = {}) => ({ MIXDOWN_HOOKS_URL: url, MIXDOWN_HOOKS_SECRET: KEY, ...more });
const clients = [];
async function open(front) {
  const c = await Client.open(front.port);
  clients.push(c);
  return c;
}
async function join(front, roomId, name, more = {}) {
  const c = await open(front);
  return { c, answer: await c.ask('join', { roomId, name, userId: name, ...more }) };
}
const whep = (front, room, kind = 'whep') => front.get(`/${kind}/${room}`, { method: 'POST', body: SDP, headers: { 'content-type': 'application/sdp' } });
after(() => clients.forEach((c) => c.close()));

test('a server that fails, cuts and dawdles hears everything of a room in order', async () => {
  let seed = 7;
  const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
  const app = await App.start((event, nth) => {
    if (event.event.startsWith('on_')) return {};
    if (nth > 3) return {}; // it does not fail for ever
    const r = random();
    return r < 0.15 ? { status: 500 } : r < 0.25 ? { cut: true } : r < 0.3 ? { status: 302, headers: { location: '/elsewhere' } } : { wait: r * 40 };
  });
  const front = await Front.start(PROGRAM, { env: env(app.url, { MIXDOWN_HOOKS_ATTEMPTS: '20' }) });
  try {
    const rooms = Array.from({ length: 8 }, (_, i) => `order-${i}`);
    const people = ['Ann', 'Bob', 'Cid', 'Dan'];
    for (const name of people) {
      await Promise.all(rooms.map(async (room) => {
        const { c, answer } = await join(front, room, name);
        assert.equal(answer.ok, true, JSON.stringify(answer));
        if (name !== 'Ann') await c.ask('leave', {});
      }));
    }
    for (const room of rooms) assert.ok((await front.get(`/api/v1/rooms/${room}`, { method: 'DELETE' })).status < 300);
    const wanted = (room) => ['room.started', 'member.joined Ann', ...people.slice(1).flatMap((p) => [`member.joined ${p}`, `member.left ${p}`]), 'member.left Ann', 'room.ended']
      .map((e) => `${room} ${e}`);
    const got = (room) => app.taken(room).filter((e) => !e.event.startsWith('on_')).map((e) => `${room} ${e.event}${e.data.userId ? ` ${e.data.userId}` : ''}`);
    await until(() => rooms.every((r) => got(r).length >= wanted(r).length), 'all events', 120000);
    for (const room of rooms) assert.deepEqual(got(room), wanted(room));
    for (const { headers, body, event, path: p } of app.heard) {
      assert.equal(headers['x-mixdown-signature'], `sha256=${crypto.createHmac('sha256', KEY).update(body).digest('hex')}`);
      assert.equal(headers['content-type'], 'application/json');
      assert.equal(headers['x-mixdown-event'], event.event);
      assert.match(event.id, /^\w{22}$/);
      assert.ok(Math.abs(event.at - Date.now()) < 600000);
      assert.equal(p, '/hook'); // nobody followed /elsewhere
    }
    assert.ok(app.heard.length > app.taken(rooms[0]).length * rooms.length, 'nothing failed: this proves nothing');
    const left = app.taken(rooms[1]).find((e) => e.event === 'member.left' && e.data.userId === 'Bob');
    assert.equal(left.data.reason, 'left');
    assert.equal(left.data.role, 'publisher');
    assert.equal(left.data.kind, 'ws');
    await until(async () => (await front.metric('mixdown_hooks_waiting')) === 0, 'nothing to wait');
    assert.equal(await front.metric('mixdown_hooks_delivered_total'), await front.metric('mixdown_hooks_posted_total'));
    assert.ok(await front.metric('mixdown_hooks_retries_total') > 0);
  } finally { await front.remove(); app.stop(); }
});

test('an event that is never taken is given up, and the next ones come', async () => {
  const app = await App.start((event) => (event.event === 'room.started' ? { status: 503 } : {}));
  const front = await Front.start(PROGRAM, { env: env(app.url, { MIXDOWN_HOOKS_ATTEMPTS: '2' }) });
  try {
    assert.equal((await join(front, 'up', 'Ann')).answer.ok, true);
    await until(() => app.taken('up').some((e) => e.event === 'member.joined'), 'the event behind it', 60000);
    assert.equal(app.heard.filter((h) => h.event.event === 'room.started').length, 2);
    assert.equal(await front.metric('mixdown_hooks_failed_total'), 1);
    assert.match(front.log, /room=up hooks: room\.started is given up after 2 attempts: HTTP 503/);
    assert.ok(!front.log.includes(KEY));
  } finally { await front.remove(); app.stop(); }
});

test('what waits at the end is sent before the front is gone', async () => {
  const app = await App.start(() => ({ wait: 20 }));
  const front = await Front.start(PROGRAM, { env: env(app.url, { MIXDOWN_HOOKS_ASK: 'false' }) });
  try {
    assert.equal((await join(front, 'bye', 'Ann')).answer.ok, true);
    await front.stop();
    assert.deepEqual(app.taken('bye').map((e) => e.event), ['room.started', 'member.joined', 'member.left', 'room.ended']);
  } finally { await front.remove(); app.stop(); }
});

for (const [what, server] of [['nobody listens', null], ['nobody answers', () => ({ wait: 1e6 })]]) {
  test(`${what}: people join, the front answers, and it is a metric`, async () => {
    const app = server && await App.start(server);
    const url = app ? app.url : `http://127.0.0.1:${await freePort()}/`;
    const front = await Front.start(PROGRAM, { env: env(url, { MIXDOWN_HOOKS_ASK_TIMEOUT_MS: '200', MIXDOWN_HOOKS_TIMEOUT_MS: '1000' }) });
    try {
      const joined = await Promise.all(Array.from({ length: 40 }, (_, i) => join(front, `dead-${i % 10}`, `P${i}`)));
      for (const { answer } of joined) assert.equal(answer.ok, true, JSON.stringify(answer));
      assert.equal((await front.get('/healthz')).status, 200);
      await until(async () => (await front.metric('mixdown_hooks_retries_total')) > 0, 'an attempt to fail', 60000);
      assert.ok(await front.metric('mixdown_hooks_waiting') >= 50);
      assert.equal(await front.metric('mixdown_hooks_unanswered_total'), 40);
      await front.stop();
      assert.equal(front.exit.code, 0);
    } finally { await front.remove(); app?.stop(); }
  });
}

describe('questions', () => {
  let app, front;
  let rule = () => ({});
  before(async () => {
    app = await App.start((event, nth) => (event.event.startsWith('on_') ? rule(event, nth) : {}));
    front = await Front.start(PROGRAM, { env: env(app.url, { MIXDOWN_HOOKS_ON_ERROR: 'refuse', MIXDOWN_HOOKS_ASK_TIMEOUT_MS: '1000', MIXDOWN_HOOKS_NONE_READER_S: '1' }) });
  });
  after(async () => { await front.remove(); app.stop(); });

  test('no is said to who asks, with the words of the application', async () => {
    rule = (e) => (e.event === 'on_publish' ? { reply: { code: 7, msg: 'not paid' } } : {});
    const { answer } = await join(front, 'q1', 'Ann');
    assert.deepEqual([answer.ok, answer.error.code, answer.error.message], [false, 'refused', 'not paid']);
    const { answer: watcher } = await join(front, 'q1', 'Wim', { role: 'subscriber' });
    assert.equal(watcher.ok, true);
    const whip = await whep(front, 'q1', 'whip');
    assert.equal(whip.status, 403);
    assert.equal((await whip.json()).error.code, 'refused');
    const rtp = await front.get('/api/v1/rooms/q1/rtp', { method: 'POST', body: JSON.stringify({ name: 'gw', audio: { pt: 111, codec: 'opus', direction: 'sendonly' } }) });
    assert.equal(rtp.status, 403, await rtp.text());
    rule = (e) => (e.event === 'on_play' ? { status: 403, reply: '' } : {});
    assert.equal((await whep(front, 'q1')).status, 403);
    assert.equal((await join(front, 'q1', 'Bob')).answer.ok, true);
    const members = (await front.json('/api/v1/rooms/q1/members')).members.map((m) => m.name).sort();
    assert.deepEqual(members, ['Bob', 'Wim']);
    const asked = app.heard.filter((h) => h.event.event === 'on_publish').map((h) => h.event)[0];
    assert.deepEqual([asked.data.userId, asked.data.stream, asked.data.app, asked.data.schema, asked.data.kind], ['Ann', 'q1', 'live', 'rtc', 'ws']);
    assert.ok(!app.taken('q1').some((e) => e.event === 'member.joined' && e.data.userId === 'Ann'));
  });

  test('without a usable answer the setting counts', async () => {
    for (const [name, what] of [['500', { status: 500 }], ['nonsense', { reply: 'yes' }], ['text', { reply: { code: '0' } }], ['cut', { cut: true }],
      ['silence', { wait: 30000 }], ['a flood', { reply: JSON.stringify({ code: 0, fill: 'x'.repeat(10000) }) }]]) {
      rule = () => what;
      const { answer } = await join(front, 'q2', `P-${name}`);
      assert.deepEqual([answer.ok, answer.error?.code], [false, 'refused'], name);
    }
    rule = () => ({});
    assert.equal((await join(front, 'q2', 'Ann')).answer.ok, true);
  });

  test('who goes while the question is open leaves nothing behind', async () => {
    rule = () => ({ wait: 500 });
    const before = await front.metric('mixdown_hooks_asked_total');
    const c = await open(front);
    c.send({ type: 'rtc', action: 'join', id: '1', data: { roomId: 'q3', name: 'Ann', userId: 'ann' } });
    await until(async () => (await front.metric('mixdown_hooks_asked_total')) > before, 'the question');
    c.close();
    rule = () => ({});
    assert.equal((await join(front, 'q3', 'Bob')).answer.ok, true);
    await sleep(700); // the answer to the first comes
    assert.deepEqual((await front.json('/api/v1/rooms/q3/members')).members.map((m) => m.name), ['Bob']);
  });

  test('who plays what nobody publishes is told of, and a stream that nobody watches may be ended', async () => {
    rule = () => ({});
    assert.equal((await whep(front, 'q4')).status, 201);
    await until(() => app.taken('q4').some((e) => e.event === 'on_stream_not_found' && e.data.stream === 'q4'), 'on_stream_not_found');
    assert.equal((await whep(front, 'q5', 'whip')).status, 201);
    await until(() => app.taken('q5').some((e) => e.event === 'on_stream_none_reader'), 'on_stream_none_reader', 60000);
    await sleep(1500);
    assert.equal(app.heard.filter((h) => h.event.event === 'on_stream_none_reader' && h.event.roomId === 'q5').length, 1);
    assert.equal((await front.get('/api/v1/rooms/q5')).status, 200);
    assert.ok(!app.taken('q5').some((e) => e.event === 'on_stream_not_found'));
    rule = (e) => ({ reply: { code: 0, close: e.event === 'on_stream_none_reader' } });
    assert.equal((await whep(front, 'q6', 'whip')).status, 201);
    await until(async () => (await front.get('/api/v1/rooms/q6')).status === 404, 'the room to end', 60000);
    const ended = await until(() => app.taken('q6').find((e) => e.event === 'room.ended'), 'room.ended');
    assert.equal(ended.data.reason, 'none_reader');
  });
});
