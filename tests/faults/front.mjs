// The front, from outside: what it serves, what it says to nonsense, and that it outlives everything,
// itself included. Rooms are fakes (tests/tools/fake_room.c) that crash, hang and babble when asked to.
// Usage: node --test tests/faults/front.mjs, with BUILD (build).
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Front, SECRET, sleep, token, until } from './lib/front.mjs';
import { Client, frame } from './lib/ws.mjs';

const PROGRAM = path.resolve(process.env.BUILD ?? 'build', 'tests/tools/fake_room');
const clients = [];

async function open(front, options) {
  const c = await Client.open(front.port, options);
  clients.push(c);
  return c;
}

async function join(front, roomId, name, more = {}) {
  const c = await open(front);
  const answer = await c.ask('join', { roomId, name, ...more });
  assert.equal(answer.ok, true, JSON.stringify(answer));
  c.seat = answer.data;
  return c;
}

async function isAlive(front) {
  const reply = await front.get('/healthz');
  assert.equal(reply.status, 200);
  assert.equal(front.exit, undefined);
}

const SDP = [
  'v=0', 'o=- 1 2 IN IP4 127.0.0.1', 's=-', 't=0 0', 'a=group:BUNDLE 0 1', 'a=ice-ufrag:abcd',
  'a=ice-pwd:abcdefghijklmnopqrstuv', `a=fingerprint:sha-256 ${Array(32).fill('AB').join(':')}`, 'a=setup:actpass',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111', 'c=IN IP4 0.0.0.0', 'a=mid:0', 'a=sendrecv', 'a=rtcp-mux', 'a=rtpmap:111 opus/48000/2',
  'm=video 9 UDP/TLS/RTP/SAVPF 96', 'c=IN IP4 0.0.0.0', 'a=mid:1', 'a=sendrecv', 'a=rtcp-mux', 'a=rtpmap:96 VP8/90000', '',
].join('\r\n');
const CANDIDATE = 'candidate:1 1 udp 2130706431 127.0.0.1 40000 typ host';
const sdp = (body = SDP, headers = {}) => ({ method: 'POST', body, headers: { 'content-type': 'application/sdp', ...headers } });

after(() => clients.forEach((c) => c.close()));

describe('in --dev', () => {
  let front;
  before(async () => { front = await Front.start(PROGRAM); assert.equal(front.exit, undefined, front.log); });
  after(() => front.remove());

  test('pages and assets are served with their headers', async () => {
    const page = await front.get('/');
    assert.equal(page.status, 200);
    assert.match(page.headers.get('content-type'), /^text\/html/);
    assert.match(page.headers.get('content-security-policy'), /default-src 'self'/);
    assert.equal(page.headers.get('x-content-type-options'), 'nosniff');
    const html = await page.text();
    assert.equal(await (await front.get('/r/any-room')).text(), html);
    const asset = html.match(/assets\/[\w.-]+\.js/)[0];
    const script = await front.get(`/${asset}`);
    assert.match(script.headers.get('content-type'), /javascript/);
    assert.match(script.headers.get('cache-control'), /immutable/);
    const again = await front.get(`/${asset}`, { headers: { 'if-none-match': script.headers.get('etag') } });
    assert.equal(again.status, 304);
    const head = await front.get('/', { method: 'HEAD' });
    assert.equal(Number(head.headers.get('content-length')), Buffer.byteLength(html));
  });

  test('what is not there is 404, what is not taken 405, as JSON', async () => {
    for (const [method, p, status, code] of [
      ['GET', '/nope', 404, 'not_found'], ['GET', '/assets/nope.js', 404, 'not_found'],
      ['GET', '/..%2f..%2fetc%2fpasswd', 404, 'not_found'], ['POST', '/nope', 404, 'not_found'],
      ['DELETE', '/healthz', 405, 'method_not_allowed'], ['GET', '/whip/a', 405, 'method_not_allowed'],
      ['GET', '/whep/a/b', 405, 'method_not_allowed'], ['GET', '/api/v1/rooms/nobody', 404, 'no_such_room'],
      ['GET', '/api/v1/recordings/none/file', 404, 'no_such_recording'],
      ['GET', '/api/v1/recordings?limit=0', 400, 'bad_request'], ['GET', '/api/v1/recordings?limit=x', 400, 'bad_request'],
    ]) {
      const reply = await front.get(p, { method });
      assert.equal(reply.status, status, `${method} ${p}`);
      assert.equal((await reply.json()).error.code, code, `${method} ${p}`);
      if (status === 405) assert.match(reply.headers.get('allow'), /OPTIONS/);
    }
  });

  test('nonsense over HTTP gets an error or silence, and the front lives on', async () => {
    const nonsense = [
      '\r\n\r\n\r\n', 'GET\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', 'BREW /pot HTCPCP/1.0\r\n\r\n', '\0\0\0\0\0\0\0\0',
      'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n',
      'POST /whip/a HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\nx',
      'POST /whip/a HTTP/1.1\r\nHost: x\r\nContent-Length: 5x\r\n\r\nhello',
      'POST /whip/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
      'POST /whip/a HTTP/1.1\r\nHost: x\r\nContent-Type: application/sdp\r\nContent-Length: 10\r\n\r\nonly5',
      `GET /${'a'.repeat(20000)} HTTP/1.1\r\nHost: x\r\n\r\n`, `GET / HTTP/1.1\r\n${'X: y\r\n'.repeat(20000)}\r\n`,
      `GET /?${'a=b&'.repeat(500)} HTTP/1.1\r\nHost: x\r\n\r\n`, 'GET /%00%ff%zz HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n',
      'GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n',
      'GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: host\r\n\r\n',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', Buffer.from('160301020001000001fc0303', 'hex'),
      crypto.randomBytes(4096), crypto.randomBytes(65536),
    ];
    const answers = await Promise.all(nonsense.map((n) => front.raw(n, 1500)));
    answers.forEach((a, i) => assert.match(a, /^$|^HTTP\/1\.[01] [1-5]\d\d|^\x15\x03/, `to ${String(nonsense[i]).slice(0, 60)}`));
    assert.match(answers[8], /^HTTP\/1\.1 411/);
    await isAlive(front);
  });

  test('requests in one piece are answered one by one', async () => {
    const got = await front.raw('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /nope HTTP/1.1\r\nHost: x\r\n\r\nGET /readyz HTTP/1.1\r\nHost: x\r\n\r\n', 1500);
    assert.deepEqual(got.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 404', 'HTTP/1.1 200']);
  });

  test('a body that is too large is refused', async () => {
    const reply = await front.get('/whip/a', sdp('x'.repeat(100000)));
    assert.equal(reply.status, 413);
    await isAlive(front);
  });

  test('nonsense over WebSocket is answered or ends the connection', async () => {
    const said = async (message) => {
      const c = await open(front);
      c.send(message);
      const e = await c.event('error');
      c.close();
      return e.code;
    };
    assert.equal(await said('not json'), 'bad_message');
    assert.equal(await said('[]'), 'bad_message');
    assert.equal(await said('{"type":"rtc"}'), 'bad_message');
    assert.equal(await said('{"type":7,"action":"join"}'), 'bad_message');
    assert.equal(await said('{"type":"rtc","action":"join","data":[]}'), 'bad_message');
    assert.equal(await said('{"type":"rtc","action":"join","action":"leave"}'), 'bad_message');
    assert.equal(await said(`{"type":"rtc","action":"ping","data":${'{"a":'.repeat(20)}1${'}'.repeat(20)}}`), 'bad_message');
    assert.equal(await said('{"type":"rtc","action":"fly"}'), 'unknown_action');
    assert.equal(await said('{"type":"rtc","action":"offer","data":{"sdp":""}}'), 'not_joined');
    assert.equal(await said('{"type":"rtc","action":"join","data":{"roomId":"../etc","name":"x"}}'), 'bad_request');
    assert.equal(await said('{"type":"rtc","action":"join","data":{"roomId":"a","name":""}}'), 'bad_request');
    assert.equal(await said('{"type":"rtc","action":"join","data":{"roomId":"a","name":"x","role":"king"}}'), 'bad_request');
    assert.equal(await said('{"type":"rtc","action":"resume","data":{"resume":"x"}}'), 'bad_request');

    for (const [name, bytes] of [
      ['binary', frame(2, 'abc')], ['bad UTF-8', frame(1, Buffer.from([0xff, 0xfe, 0xfd]))],
      ['too large', frame(1, 'x'.repeat(300000))], ['not masked', frame(1, '{}', { masked: false })],
      ['reserved bits', frame(1, '{}', { rsv: 7 })], ['unknown opcode', frame(11, '{}')],
      ['a continuation of nothing', frame(0, '{}')], ['a long ping', frame(9, 'x'.repeat(200))],
      ['a length of 2^63', Buffer.from([0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0])],
      ['noise', crypto.randomBytes(5000)],
    ]) {
      const c = await open(front);
      assert.equal(c.status, 101);
      c.raw(bytes);
      c.raw(frame(8, Buffer.from([3, 232]))); // what survives it is closed by us
      await c.closed().catch((e) => { throw new Error(`${name}: ${e.message}`); });
    }
    assert.equal((await open(front, { path: '/elsewhere' })).status, 404);
    await isAlive(front);
  });

  test('a message in many pieces is one message', async () => {
    const c = await open(front);
    const text = '{"type":"rtc","action":"ping","id":"f"}';
    for (let i = 0; i < text.length; i++)
      c.raw(frame(i ? 0 : 1, text[i], { fin: i === text.length - 1 }));
    assert.equal((await c.until(() => c.messages.find((m) => m.id === 'f'), 'the answer')).ok, true);
  });

  test('a flood is cut off by rate, and who never reads is dropped', async () => {
    const c = await open(front);
    const ping = frame(1, '{"type":"rtc","action":"ping"}');
    c.raw(Buffer.concat(Array(400).fill(ping)));
    assert.equal((await c.event('error')).code, 'rate_limited');
    const deaf = await join(front, 'deaf', 'Deaf');
    deaf.socket.pause();
    const dropped = await front.metric('mixdown_ws_dropped_total');
    const others = [];
    // More than 1 MB and what the kernel takes: events with long user ids, and answers with long ids.
    for (let i = 0; i < 10; i++) others.push(await join(front, 'deaf', `N${i}`, { userId: `${i}${'é'.repeat(63)}` }));
    await until(async () => {
      for (const o of others) for (let i = 0; i < 20; i++) o.send({ type: 'rtc', action: 'mute', data: { audio: true, video: true } });
      for (let i = 0; i < 20; i++) deaf.send({ type: 'rtc', action: 'ping', id: 'i'.repeat(128) });
      await sleep(180);
      return (await front.metric('mixdown_ws_dropped_total')) > dropped;
    }, 'the deaf one to be dropped', 120000);
    others.forEach((o) => o.close());
    await isAlive(front);
  });

  test('two in a room hear of each other, offers are answered', async () => {
    const ann = await join(front, 'two', 'Ann');
    assert.equal(ann.seat.recording.active, false);
    assert.deepEqual(ann.seat.members.map((m) => m.name), ['Ann']);
    const bob = await join(front, 'two', 'Bob', { userId: 'bob' });
    assert.deepEqual(bob.seat.members.map((m) => m.name), ['Ann', 'Bob']);
    assert.equal((await ann.event('joined')).member.userId, 'bob');
    const answer = await bob.ask('offer', { sdp: SDP });
    assert.equal(answer.data.type, 'answer');
    assert.match(answer.data.sdp, /a=ice-ufrag:abcd/);
    assert.equal((await bob.ask('offer', { sdp: 'v=0' })).error.code, 'bad_offer');
    assert.equal((await bob.ask('candidate', { candidate: CANDIDATE, sdpMid: '0', sdpMLineIndex: 0 })).ok, true);
    assert.equal((await bob.ask('candidate', { candidate: '' })).ok, true);
    assert.equal((await bob.ask('candidate', { candidate: 'candidate:\r\nx' })).error.code, 'bad_candidate');
    assert.equal((await bob.ask('mute', { audio: true })).ok, true);
    assert.deepEqual(await ann.event('mute'), { userId: 'bob', audio: true });
    assert.equal((await bob.ask('mute', {})).error.code, 'bad_request');
    assert.equal((await bob.ask('join', { roomId: 'x', name: 'x' })).error.code, 'already_joined');
    assert.equal((await bob.ask('leave', {})).ok, true);
    assert.deepEqual(await ann.event('left'), { userId: 'bob', reason: 'left' });
    assert.equal((await bob.ask('leave', {})).error.code, 'not_joined');
    const full = await open(front);
    assert.equal((await full.ask('join', { roomId: 'two', name: 'F', userId: 'full1' })).error.code, 'room_full');
  });

  test('a client that lost its connection comes back to its seat', async () => {
    const ann = await join(front, 'back', 'Ann');
    const bob = await join(front, 'back', 'Bob');
    bob.close();
    const again = await open(front);
    const answer = await again.ask('resume', { resume: bob.seat.resume });
    assert.equal(answer.data.userId, bob.seat.userId);
    assert.equal(answer.data.members.length, 2);
    assert.equal((await again.ask('ping', {})).ok, true);
    assert.equal(ann.messages.filter((m) => m.action === 'left').length, 0);
    const none = await open(front);
    assert.equal((await none.ask('resume', { resume: 'A'.repeat(22) })).error.code, 'resume_failed');
  });

  test('WHIP and WHEP: 201 with an answer, trickle, DELETE', async () => {
    for (const kind of ['whip', 'whep']) {
      const made = await front.get(`/${kind}/studio?name=Cam`, sdp());
      assert.equal(made.status, 201);
      assert.match(made.headers.get('content-type'), /^application\/sdp/);
      assert.match(await made.text(), /^v=0\r\n/);
      const where = made.headers.get('location');
      const etag = made.headers.get('etag');
      assert.match(where, new RegExp(`^/${kind}/studio/\\w{22}$`));
      const patch = (headers, body = `a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=${CANDIDATE}\r\n`) =>
        front.get(where, { method: 'PATCH', body, headers: { 'content-type': 'application/trickle-ice-sdpfrag', ...headers } });
      assert.equal((await patch({ 'if-match': etag })).status, 204);
      assert.equal((await patch({ 'if-match': '"other"' })).status, 412);
      assert.equal((await patch({ 'content-type': 'text/plain' })).status, 415);
      const options = await front.get(`/${kind}/studio`, { method: 'OPTIONS' });
      assert.equal(options.status, 204);
      assert.equal(options.headers.get('accept-post'), 'application/sdp');
      const members = (await front.json('/api/v1/rooms/studio/members')).members;
      assert.equal(members[0].name, 'Cam');
      assert.equal(members[0].role, kind === 'whip' ? 'publisher' : 'subscriber');
      assert.equal((await front.get(where.replace(kind, kind === 'whip' ? 'whep' : 'whip'), { method: 'DELETE' })).status, 404);
      assert.equal((await front.get(where, { method: 'DELETE' })).status, 200);
      assert.equal((await front.get(where, { method: 'DELETE' })).status, 404);
    }
    assert.equal((await front.get('/whip/studio', sdp('v=0\r\n'))).status, 400);
    assert.equal((await front.get('/whip/studio', sdp(SDP, { 'content-type': 'text/plain' }))).status, 415);
    assert.equal((await front.get('/whip/st%20udio', sdp())).status, 400);
    assert.equal((await front.get('/whip/studio?user=full', sdp())).status, 409);
  });

  test('rooms and recordings by REST, the file with ranges', async () => {
    const post = (p, body) => front.get(p, { method: 'POST', body: body && JSON.stringify(body) });
    assert.equal((await post('/api/v1/rooms', { roomId: 'rest' })).status, 201);
    assert.equal((await post('/api/v1/rooms', { roomId: 'rest' })).status, 409);
    assert.equal((await post('/api/v1/rooms', { roomId: 'a/b' })).status, 400);
    assert.ok((await front.json('/api/v1/rooms')).rooms.some((r) => r.roomId === 'rest'));
    const ann = await join(front, 'rest', 'Ann');
    const started = await post('/api/v1/rooms/rest/recordings');
    assert.equal(started.status, 201);
    const { id } = await started.json();
    assert.equal((await ann.event('recording')).active, true);
    assert.equal((await post('/api/v1/rooms/rest/recordings')).status, 409);
    const file = (headers, method = 'GET') => front.get(`/api/v1/recordings/${id}/file`, { headers, method });
    await until(async () => (await file({})).status === 200, 'the row to be there');
    assert.equal((await front.get(`/api/v1/recordings/${id}`, { method: 'DELETE' })).status, 409);
    assert.equal((await front.get(`/api/v1/rooms/rest/recordings/${id}`, { method: 'DELETE' })).status, 202);
    const done = await ann.event('recording', (d) => d.state);
    assert.deepEqual([done.state, done.url, done.durationMs], ['ready', `/api/v1/recordings/${id}/file`, 1234]);
    await until(async () => (await front.json(`/api/v1/recordings/${id}`)).status === 'ready', 'the row to be finished');
    assert.deepEqual((await front.json('/api/v1/rooms/rest/recordings')).recordings.map((r) => [r.id, r.durationMs, r.bytes]), [[id, 1234, 43]]);

    const whole = await file({});
    assert.equal(whole.headers.get('content-type'), 'video/mp4');
    assert.equal(whole.headers.get('accept-ranges'), 'bytes');
    const bytes = await whole.text();
    for (const [range, status, text, said] of [
      ['bytes=0-3', 206, bytes.slice(0, 4), `bytes 0-3/${bytes.length}`],
      ['bytes=-5', 206, bytes.slice(-5), `bytes ${bytes.length - 5}-${bytes.length - 1}/${bytes.length}`],
      ['bytes=4-', 206, bytes.slice(4), `bytes 4-${bytes.length - 1}/${bytes.length}`],
      ['bytes=0-1,4-5', 200, bytes, null],
    ]) {
      const part = await file({ range });
      assert.equal(part.status, status);
      assert.equal(await part.text(), text);
      assert.equal(part.headers.get('content-range'), said);
    }
    const beyond = await file({ range: `bytes=${bytes.length}-` });
    assert.equal(beyond.status, 416);
    assert.equal(beyond.headers.get('content-range'), `bytes */${bytes.length}`);
    const head = await file({}, 'HEAD');
    assert.equal(Number(head.headers.get('content-length')), bytes.length);
    assert.equal((await file({ 'if-none-match': whole.headers.get('etag') })).status, 304);
    assert.equal((await file({ range: 'bytes=0-3', 'if-range': '"old"' })).status, 200);

    assert.equal((await front.get(`/api/v1/recordings/${id}`, { method: 'DELETE' })).status, 204);
    await until(async () => (await front.get(`/api/v1/recordings/${id}`)).status === 404, 'the row to be gone');
    assert.equal((await front.get('/api/v1/rooms/rest', { method: 'DELETE' })).status, 204);
    assert.equal((await ann.event('ended')).reason, 'ended');
    assert.equal((await ann.ask('leave', {})).error.code, 'not_joined');
  });

  test('one room dies: its people are moved, its recording goes on, the other room hears nothing', async () => {
    const ann = await join(front, 'fragile', 'Ann');
    const bob = await join(front, 'sturdy', 'Bob');
    const first = (await ann.ask('record', { active: true })).data.id;
    await ann.event('recording');
    const cam = (await front.get('/whip/fragile', sdp())).headers.get('location');
    const crash = await open(front);
    crash.send({ type: 'rtc', action: 'join', data: { roomId: 'fragile', name: 'C', userId: 'crash1' } });
    assert.equal((await ann.event('moved')).reason, 'room_restarted');
    // The join that kills the room is tried once more, then refused.
    const refused = await crash.event('error');
    assert.deepEqual([refused.of, refused.code], ['join', 'room_restarted']);
    const going = async () => { const r = (await front.json('/api/v1/rooms/fragile')).recording; return r.active && r; };
    const next = await until(going, 'the recording to go on');
    assert.notEqual(next.id, first);
    const old = await ann.event('recording', (d) => d.id === first && d.state);
    assert.deepEqual([old.state, old.durationMs, old.active], ['ready', 777, true]);
    assert.equal((await ann.ask('offer', { sdp: SDP })).ok, true);
    assert.equal((await front.get(cam, { method: 'DELETE' })).status, 404);
    assert.equal((await ann.ask('record', { active: false })).data.id, next.id);
    assert.equal((await bob.ask('ping', {})).ok, true);
    assert.equal(bob.messages.filter((m) => m.action === 'moved').length, 0);
  });

  test('kill -9 of a room is noticed at once', async () => {
    const ann = await join(front, 'killed', 'Ann');
    const deaths = await front.metric('mixdown_room_deaths_total');
    for (const pid of front.rooms()) process.kill(pid, 'SIGKILL'); // others and the spare, too
    const began = Date.now();
    await ann.event('moved');
    console.log(`# a killed room's people knew after ${Date.now() - began} ms`);
    await until(async () => (await front.metric('mixdown_room_deaths_total')) > deaths, 'the death to be counted');
    assert.equal((await ann.ask('offer', { sdp: SDP })).ok, true);
  });

  test('a room that dies again and again is given up', async () => {
    const c = await open(front);
    const answer = await c.ask('join', { roomId: 'crashloop', name: 'Ann' });
    assert.equal(answer.error.code, 'room_restarted');
    await until(async () => (await front.get('/api/v1/rooms/crashloop')).status === 404, 'the room to be given up');
    await isAlive(front);
  });

  test('metrics are Prometheus text', async () => {
    const text = await (await front.get('/metrics')).text();
    for (const line of text.trimEnd().split('\n'))
      assert.match(line, /^# (HELP|TYPE) mixdown_\w+ .+$|^mixdown_\w+(\{class="\dxx"\})? \d+$/);
    assert.ok(await front.metric('mixdown_room_processes_started_total') > 3);
  });

  test('a second front in the same folder, or on the same port, says so and ends', async () => {
    const same = await Front.start(PROGRAM, { data: front.data });
    assert.equal(same.exit?.code ?? await same.stop('SIGKILL'), 1);
    assert.match(same.log, /another one runs in/);
    const port = await Front.start(PROGRAM, { port: front.port });
    assert.equal(port.exit?.code ?? await port.stop('SIGKILL'), 1);
    assert.match(port.log, /cannot listen on .*Address already in use/);
    assert.equal(port.log.trim().split('\n').length, 1, port.log);
    fs.rmSync(port.data, { recursive: true });
    await isAlive(front);
  });

  test('SIGTERM closes the rooms and finishes recordings', async () => {
    const ann = await join(front, 'last', 'Ann');
    const { id } = (await ann.ask('record', { active: true })).data;
    const ending = front.stop();
    assert.equal((await ann.event('ended')).reason, 'shutdown');
    assert.deepEqual(await ending, { code: 0, signal: null });
    await until(() => front.rooms().length === 0, 'the rooms to be gone');
    const next = await Front.start(PROGRAM, { data: front.data });
    assert.equal((await next.json(`/api/v1/recordings/${id}`)).status, 'ready');
    await next.stop();
  });
});

describe('with tokens', () => {
  let front;
  const claim = (more = {}, mixdown = {}) => token({ sub: 'ann', name: 'Ann', ...more, mixdown: { room: 'r1', role: 'publisher', ...mixdown } });
  const bearer = (t) => ({ authorization: `Bearer ${t}` });
  before(async () => {
    front = await Front.start(PROGRAM, { dev: false, env: { MIXDOWN_AUTH_SECRET: SECRET, MIXDOWN_HTTP_CORS_ORIGINS: 'https://ok.example' } });
    assert.equal(front.exit, undefined, front.log);
  });
  after(() => front.remove());

  test('no secret, no start', async () => {
    const f = await Front.start(PROGRAM, { dev: false });
    assert.equal((await f.ended).code, 2);
    assert.match(f.log, /auth\.secret/);
    fs.rmSync(f.data, { recursive: true });
  });

  test('WebSocket: only with a good token, from a good origin', async () => {
    const status = async (path, headers) => (await open(front, { path, headers })).status;
    assert.equal(await status('/ws'), 401);
    assert.equal(await status('/ws?token=nonsense'), 401);
    assert.equal(await status(`/ws?token=${token({ sub: 'a', mixdown: { room: 'r1' } }, { secret: 'x'.repeat(32) })}`), 401);
    assert.equal(await status(`/ws?token=${token({ sub: 'a', exp: 1000, mixdown: { room: 'r1' } })}`), 401);
    assert.equal(await status(`/ws?token=${token({ sub: 'a', mixdown: { room: 'r1' } }, { header: { alg: 'none' } })}`), 401);
    assert.equal(await status(`/ws?token=${claim()}`), 101);
    assert.equal(await status('/ws', bearer(claim())), 101);
    assert.equal(await status(`/ws?token=${claim()}`, { Origin: 'https://evil.example' }), 403);
    assert.equal(await status(`/ws?token=${claim()}`, { Origin: 'https://ok.example' }), 101);
    assert.equal(await status(`/ws?token=${claim()}`, { Origin: `http://127.0.0.1:${front.port}` }), 101);
  });

  test('the token says who, where and what', async () => {
    const c = await open(front, { path: `/ws?token=${claim()}` });
    assert.equal((await c.ask('join', { roomId: 'r2', name: 'X' })).error.code, 'forbidden');
    assert.equal((await c.ask('join', { roomId: 'r1', role: 'host' })).error.code, 'forbidden');
    const seat = (await c.ask('join', { roomId: 'r1', userId: 'somebody-else' })).data;
    assert.deepEqual([seat.userId, seat.name, seat.role], ['ann', 'Ann', 'publisher']);
    assert.equal((await c.ask('record', { active: true })).error.code, 'forbidden');
    const bob = await open(front, { path: `/ws?token=${claim({ sub: 'bob' }, { record: true, role: 'subscriber' })}` });
    assert.equal((await bob.ask('join', { roomId: 'r1', name: 'B' })).data.role, 'subscriber');
    assert.equal((await bob.ask('record', { active: true })).ok, true);
    assert.equal((await bob.ask('record', { active: false })).ok, true);
  });

  test('REST and WHIP: only with the token of the room', async () => {
    const status = async (p, t, options = {}) => (await front.get(p, { ...options, headers: { ...options.headers, ...(t ? bearer(t) : {}) } })).status;
    assert.equal(await status('/api/v1/rooms'), 401);
    assert.equal(await status('/api/v1/rooms', claim()), 403);
    assert.equal(await status('/api/v1/rooms', token({ sub: 'root', mixdown: { admin: true } })), 200);
    assert.equal(await status('/api/v1/rooms/r1', claim()), 200);
    assert.equal(await status('/api/v1/rooms/r2', claim()), 403);
    assert.equal(await status('/api/v1/rooms/r1', claim(), { method: 'DELETE' }), 403);
    assert.equal(await status('/whip/r1', null, sdp()), 401);
    assert.equal(await status('/whip/r2', claim(), sdp()), 403);
    assert.equal(await status('/whip/r1', claim({}, { role: 'subscriber' }), sdp()), 403);
    assert.equal(await status('/whip/r1', claim({ sub: 'cam' }), sdp()), 201);
    assert.equal(await status('/whep/r1', claim({ sub: 'tv' }, { role: 'subscriber' }), sdp()), 201);
    assert.equal(await status('/healthz'), 200);
  });

  test('CORS is for the origins of the settings', async () => {
    const from = (origin) => front.get('/healthz', { headers: { origin } });
    assert.equal((await from('https://ok.example')).headers.get('access-control-allow-origin'), 'https://ok.example');
    assert.equal((await from('https://evil.example')).headers.get('access-control-allow-origin'), null);
  });
});

describe('kill -9 of the front', () => {
  test('rooms go on, the next front adopts them, clients and recordings come back', async () => {
    let front = await Front.start(PROGRAM);
    const { data, port } = front;
    try {
      const ann = await join(front, 'lasting', 'Ann');
      assert.equal((await ann.ask('mute', { video: true })).ok, true);
      const recording = (await ann.ask('record', { active: true })).data.id;
      const cam = (await front.get('/whip/lasting?name=Cam', sdp())).headers.get('location');
      const lone = await join(front, 'doomed', 'Bob');
      const lost = (await lone.ask('record', { active: true })).data.id;
      await until(async () => (await front.json('/api/v1/recordings')).total === 2, 'both rows');
      await until(() => front.rooms().length === 3, 'two rooms and a spare');
      const before = front.rooms().sort();
      await front.stop('SIGKILL');
      assert.deepEqual(front.rooms().sort(), before);

      fs.writeFileSync(path.join(data, 'rooms', '0000000000000000.sock'), '');
      front = await Front.start(PROGRAM, { data, port });
      assert.equal(front.exit, undefined, front.log);
      assert.ok(!fs.existsSync(path.join(data, 'rooms', '0000000000000000.sock')));
      assert.equal(await front.metric('mixdown_rooms_adopted_total'), 2);
      const again = await open(front);
      const seat = (await again.ask('resume', { resume: ann.seat.resume })).data;
      assert.equal(seat.userId, ann.seat.userId);
      assert.deepEqual(seat.recording.id, recording);
      assert.deepEqual(seat.members.map((m) => m.name).sort(), ['Ann', 'Cam']);
      assert.equal((await front.get(cam, { method: 'DELETE' })).status, 200);
      assert.deepEqual((await again.event('left')).reason, 'left');
      assert.equal((await again.ask('record', { active: false })).data.id, recording);
      await again.event('recording', (d) => d.state === 'ready');

      // Now front and rooms die together: the next start finishes the row.
      const all = front.rooms();
      await front.stop('SIGKILL');
      for (const pid of all) process.kill(pid, 'SIGKILL');
      front = await Front.start(PROGRAM, { data, port });
      await until(async () => (await front.json(`/api/v1/recordings/${lost}`)).status === 'ready', 'the lost recording to be recovered');
      assert.equal(await front.metric('mixdown_rooms_adopted_total'), 0);
      assert.equal((await (await open(front)).ask('resume', { resume: ann.seat.resume })).error.code, 'resume_failed');
    } finally {
      await front.remove();
    }
  });
});
