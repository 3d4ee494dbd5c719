// REST as clients need it: ETags, pages, answers that are given once, other origins, history. Rooms are fakes.
// Usage: node --test tests/faults/rest.mjs, with BUILD (build).
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Front, SECRET, token, until } from './lib/front.mjs';
import { Client } from './lib/ws.mjs';

const PROGRAM = path.resolve(process.env.BUILD ?? 'build', 'tests/tools/fake_room');
const ORIGIN = 'https://app.example';
const bearer = (mixdown, sub = 'root') => ({ authorization: `Bearer ${token({ sub, mixdown })}` });
const ADMIN = bearer({ role: 'host', admin: true, room: 'any' });
let front;

const call = (method, p, { body, headers = {}, as = ADMIN } = {}) =>
  front.get(p, { method, headers: { ...as, ...headers }, body: body === undefined ? undefined : JSON.stringify(body) });

async function answer(method, p, options, status) {
  const reply = await call(method, p, options);
  const text = await reply.text();
  assert.equal(reply.status, status, `${method} ${p}: ${text}`);
  return { headers: reply.headers, body: text ? JSON.parse(text) : null };
}

before(async () => {
  front = await Front.start(PROGRAM, { dev: false, env: { MIXDOWN_AUTH_SECRET: SECRET, MIXDOWN_HTTP_CORS_ORIGINS: ORIGIN } });
  assert.equal(front.exit, undefined, front.log);
});
after(() => front.remove());

test('a room is opened with its rules, and changed only as it was seen', async () => {
  const made = await answer('POST', '/api/v1/rooms', { body: { roomId: 'etag', title: 'Daily', lobby: true, password: 'sesame' } }, 201);
  assert.equal(made.headers.get('location'), '/api/v1/rooms/etag');
  const { title, lobby, hasPassword, banned } = made.body;
  assert.deepEqual({ title, lobby, hasPassword, banned }, { title: 'Daily', lobby: true, hasPassword: true, banned: [] });
  assert.ok(!JSON.stringify(made.body).includes('sesame'));

  const R = '/api/v1/rooms/etag';
  const first = (await answer('GET', R, {}, 200)).headers.get('etag');
  assert.match(first, /^"[0-9a-f]{32}"$/);
  assert.equal(made.headers.get('etag'), first);
  const second = (await answer('PATCH', R, { body: { locked: true }, headers: { 'if-match': first } }, 200)).headers.get('etag');
  assert.notEqual(second, first);
  const stale = await answer('PATCH', R, { body: { locked: false }, headers: { 'if-match': first } }, 412);
  assert.equal(stale.body.error.code, 'etag_mismatch');
  assert.equal(stale.headers.get('etag'), second);
  assert.equal((await answer('GET', R, {}, 200)).body.locked, true);
  await answer('PATCH', R, { body: { layout: 'speaker' }, headers: { 'if-match': `"x", ${second}` } }, 200);
  await answer('PATCH', R, { body: { title: null }, headers: { 'if-match': '*' } }, 200);

  // Who comes and goes makes no other one.
  const before = (await answer('GET', R, {}, 200)).headers.get('etag');
  const c = await Client.open(front.port, { path: `/ws?token=${token({ sub: 'ann', name: 'Ann', mixdown: { room: 'etag', role: 'host' } })}` });
  assert.equal((await c.ask('join', { roomId: 'etag' })).ok, true);
  const now = await answer('GET', R, {}, 200);
  assert.equal(now.body.memberCount, 1);
  assert.equal(now.headers.get('etag'), before);
  c.close();

  await answer('DELETE', R, { headers: { 'if-match': first } }, 412);
  await answer('DELETE', R, { headers: { 'if-match': before } }, 204);
});

test('what is no room is refused whole', async () => {
  for (const body of [{ roomId: 'a b' }, { roomType: 'p2p' }, { title: '' }, { may: { record: 'king' } }, { maxMembers: 0 }])
    assert.ok([400, 501].includes((await call('POST', '/api/v1/rooms', { body })).status), JSON.stringify(body));
  const { body } = await answer('PATCH', '/api/v1/rooms/none', { body: { locked: true } }, 404);
  assert.equal(body.error.code, 'no_such_room');
});

test('a POST with a key is carried out once', async () => {
  const ask = (key, body, options = {}) => call('POST', '/api/v1/rooms', { body, headers: { 'idempotency-key': key }, ...options });
  const first = await ask('k1', { title: 'Once' });
  assert.equal(first.status, 201);
  const { roomId } = await first.json();
  const again = await ask('k1', { title: 'Once' });
  assert.equal(again.status, 201);
  assert.equal(again.headers.get('idempotency-replayed'), 'true');
  assert.equal(again.headers.get('location'), first.headers.get('location'));
  assert.equal(again.headers.get('etag'), first.headers.get('etag'));
  assert.equal((await again.json()).roomId, roomId);
  assert.notEqual((await (await ask('k2', { title: 'Once' })).json()).roomId, roomId);

  const other = await ask('k1', { title: 'Other' });
  assert.equal(other.status, 422);
  assert.equal((await other.json()).error.code, 'idempotency_mismatch');
  // Another's key is another key; what failed is tried again.
  assert.equal((await ask('k1', { title: 'Once' }, { as: bearer({ role: 'host', admin: true, room: 'any' }, 'other') })).headers.get('idempotency-replayed'), null);
  assert.equal((await ask('k3', { roomId })).status, 409);
  assert.equal((await call('DELETE', `/api/v1/rooms/${roomId}`)).status, 204);
  assert.equal((await ask('k3', { roomId })).status, 201);
  assert.equal((await ask('k 4', {})).status, 400);
  assert.equal((await ask('k'.repeat(129), {})).status, 400);
  assert.equal((await ask('k4', {}, { as: {} })).status, 401);
});

test('two at once with a key are one', async () => {
  const body = { roomId: 'twins' };
  const replies = await Promise.all([1, 2, 3, 4].map(() => call('POST', '/api/v1/rooms', { body, headers: { 'idempotency-key': 'twins' } })));
  assert.ok(replies.every(({ status, headers }) => status === 201 || (status === 409 && headers.get('content-type').includes('json'))));
  const codes = await Promise.all(replies.filter((r) => r.status === 409).map(async (r) => (await r.json()).error.code));
  assert.ok(codes.every((code) => code === 'in_progress'), String(codes));
});

test('the ring of kept answers lets the oldest go', async () => {
  await answer('POST', '/api/v1/rooms', { body: { roomId: 'ring' } }, 201);
  const ask = (key) => call('POST', '/api/v1/rooms/ring/sounds', { body: { name: 'hold' }, headers: { 'idempotency-key': key } });
  const first = await (await ask('s0')).json();
  for (let i = 1; i <= 256; i++) assert.ok((await ask(`s${i}`)).status < 500);
  assert.equal((await ask('s256')).headers.get('idempotency-replayed'), 'true');
  const later = await ask('s0');
  assert.equal(later.headers.get('idempotency-replayed'), null);
  assert.notEqual((await later.json()).id, first.id);
});

test('lists come by the page, with links', async () => {
  for (let i = 0; i < 5; i++) await call('POST', '/api/v1/rooms', { body: { roomId: `page-${i}` } });
  const all = await answer('GET', '/api/v1/rooms', {}, 200);
  const seen = [];
  let next = '/api/v1/rooms?limit=2';
  while (next) {
    const { headers, body } = await answer('GET', next, {}, 200);
    assert.equal(body.total, all.body.total);
    assert.ok(body.rooms.length <= 2);
    seen.push(...body.rooms.map((r) => r.roomId));
    next = headers.get('link')?.match(/<([^>]+)>; rel="next"/)?.[1];
  }
  assert.deepEqual(seen, all.body.rooms.map((r) => r.roomId));
  const { headers } = await answer('GET', '/api/v1/rooms?limit=2&offset=2', {}, 200);
  assert.match(headers.get('link'), /offset=0&limit=2>; rel="first".*rel="prev".*rel="next".*rel="last"/);
  for (const query of ['limit=0', 'limit=501', 'offset=-1', 'offset=x'])
    await answer('GET', `/api/v1/rooms?${query}`, {}, 400);
  const odd = await answer('GET', '/api/v1/rooms?limit=1&x=%22%3E%3BX&token=secret', {}, 200);
  assert.match(odd.headers.get('link'), /&x=%22%3E%3BX>; rel="next"/);
  assert.ok(!odd.headers.get('link').includes('secret'));
  assert.equal((await answer('GET', '/api/v1/rooms/page-0/members?limit=1', {}, 200)).body.total, 0);
});

test('history tells what was, to who may know it', async () => {
  const host = bearer({ role: 'host', room: 'was' }, 'ann');
  const c = await Client.open(front.port, { path: `/ws?token=${token({ sub: 'ann', name: 'Ann', mixdown: { room: 'was', role: 'host' } })}` });
  assert.equal((await c.ask('join', { roomId: 'was' })).ok, true);
  assert.equal((await c.ask('end', {})).ok, true);
  c.close();
  const read = async (list, as = host) => (await answer('GET', `/api/v1/history/${list}?room=was`, { as }, 200)).body;
  await until(async () => (await read('rooms')).rooms[0]?.status === 'ended', 'the row of the room');
  const [room] = (await read('rooms')).rooms;
  assert.equal(room.roomId, 'was');
  assert.ok(room.endedAt >= room.createdAt);
  const [member] = (await read('members')).members;
  assert.deepEqual([member.userId, member.name, member.role], ['ann', 'Ann', 'host']);
  assert.ok(member.leftAt >= member.joinedAt);
  assert.deepEqual((await read('calls')).calls, []);
  for (const list of ['rooms', 'members', 'calls']) {
    await answer('GET', `/api/v1/history/${list}?room=was`, { as: bearer({ role: 'publisher', room: 'was' }, 'bob') }, 403);
    await answer('GET', `/api/v1/history/${list}`, { as: host }, 403);
    await answer('GET', `/api/v1/history/${list}`, {}, 200);
  }
});

test('pages of other origins may call, if they are listed', async () => {
  for (const [method, p] of [['PATCH', '/api/v1/rooms/x'], ['POST', '/api/v1/rooms'], ['DELETE', '/api/v1/rooms/x/members/y']]) {
    const reply = await front.get(p, { method: 'OPTIONS', headers: { origin: ORIGIN, 'access-control-request-method': method } });
    assert.equal(reply.status, 204);
    assert.equal(reply.headers.get('access-control-allow-origin'), ORIGIN);
    assert.ok(reply.headers.get('access-control-allow-methods').includes(method));
    for (const name of ['Authorization', 'Content-Type', 'If-Match', 'Idempotency-Key'])
      assert.ok(reply.headers.get('access-control-allow-headers').includes(name), name);
  }
  const read = await call('GET', '/api/v1/rooms', { headers: { origin: ORIGIN } });
  for (const name of ['ETag', 'Link', 'Location', 'Retry-After', 'Idempotency-Replayed'])
    assert.ok(read.headers.get('access-control-expose-headers').includes(name), name);
  const failed = await call('GET', '/api/v1/rooms/none', { headers: { origin: ORIGIN } });
  assert.equal(failed.headers.get('access-control-allow-origin'), ORIGIN);
  const stranger = await call('GET', '/api/v1/rooms', { headers: { origin: 'https://evil.example' } });
  assert.equal(stranger.headers.get('access-control-allow-origin'), null);
});
