// Layouts over WebSocket and REST: who may choose, what is refused and how, and that a choice is kept when the
// room or the front dies. Rooms are fakes (tests/tools/fake_room.c). Usage: node --test tests/faults/layouts.mjs
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Front, SECRET, token } from './lib/front.mjs';
import { Client } from './lib/ws.mjs';

const PROGRAM = path.resolve(process.env.BUILD ?? 'build', 'tests/tools/fake_room');
const claims = (sub, role) => token({ sub, name: sub, mixdown: { room: 'r', role } });
const clients = [];
// No spare: the process that is killed is the room's, and that which follows is all there is to adopt.
const settings = { dev: false, env: { MIXDOWN_AUTH_SECRET: SECRET }, config: 'room:\n  spare: 0\n' };
const plain = { order: [], spotlight: null, hideWithoutVideo: false, sharing: null };
let front;

async function sit(user, role) {
  const c = await Client.open(front.port, { path: `/ws?token=${claims(user, role)}` });
  clients.push(c);
  const answer = await c.ask('join', { roomId: 'r', name: user });
  assert.equal(answer.ok, true, JSON.stringify(answer));
  c.seat = answer.data;
  c.token = claims(user, role);
  return c;
}

async function rest(method, where, t, body) {
  const reply = await front.get(where, {
    method, headers: t ? { authorization: `Bearer ${t}` } : {}, body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await reply.text();
  return [reply.status, text ? JSON.parse(text) : null];
}

describe('layouts', () => {
  let host, guest;
  before(async () => {
    front = await Front.start(PROGRAM, settings);
    [host, guest] = [await sit('zoe', 'host'), await sit('ann', 'publisher')];
  });
  after(async () => { clients.forEach((c) => c.close()); await front.remove(); });

  test('all are listed with titles and pictures that are there', async () => {
    const [status, { layouts }] = await rest('GET', '/api/v1/layouts');
    assert.equal(status, 200);
    const names = layouts.map(({ name }) => name);
    for (const name of ['grid', 'speaker', 'presentation', 'portrait', 'single', 'lecture'])
      assert.ok(names.includes(name), name);
    for (const { name, title, picture } of layouts) {
      assert.ok(title.en && title.zh, name);
      const reply = await front.get(picture);
      assert.deepEqual([reply.status, reply.headers.get('content-type')], [200, 'image/png'], name);
      assert.ok((await reply.arrayBuffer()).byteLength > 500);
    }
    assert.equal((await rest('GET', '/api/v1/layouts/duo'))[1].name, 'duo');
    assert.deepEqual([(await rest('GET', '/api/v1/layouts/none'))[0], (await rest('GET', '/api/v1/layouts/..%2Fgrid'))[0]], [404, 404]);
  });

  test('a newcomer is told the layout; a host changes it for all', async () => {
    assert.equal(guest.seat.layout, 'grid');
    assert.equal((await host.ask('layout', { layout: 'speaker' })).ok, true);
    for (const c of [host, guest])
      assert.deepEqual(await c.event('layout'), { ...plain, layout: 'speaker', by: 'zoe' });
    assert.equal((await rest('GET', '/api/v1/rooms/r', guest.token))[1].layout, 'speaker');
  });

  test('only hosts may, and only layouts that there are', async () => {
    assert.equal((await guest.ask('layout', { layout: 'duo' })).error.code, 'forbidden');
    assert.equal((await host.ask('layout', { layout: 'nothing' })).error.code, 'no_such_layout');
    for (const data of [{}, { layout: 5 }, { layout: '' }, { layout: 'x'.repeat(65) }])
      assert.equal((await host.ask('layout', data)).error.code, 'bad_request', JSON.stringify(data));
    const stranger = await Client.open(front.port, { path: `/ws?token=${claims('eve', 'host')}` });
    clients.push(stranger);
    assert.equal((await stranger.ask('layout', { layout: 'duo' })).error.code, 'not_joined');
  });

  test('REST: PATCH of the room, by hosts', async () => {
    assert.equal((await rest('PATCH', '/api/v1/rooms/r', guest.token, { layout: 'duo' }))[0], 403);
    assert.equal((await rest('PATCH', '/api/v1/rooms/r', undefined, { layout: 'duo' }))[0], 401);
    assert.equal((await rest('PATCH', '/api/v1/rooms/r', host.token, { layout: 'nothing' }))[0], 404);
    for (const body of [{}, { layout: 1 }, { layout: 'duo', colour: 'red' }])
      assert.equal((await rest('PATCH', '/api/v1/rooms/r', host.token, body))[0], 400, JSON.stringify(body));
    const [status, room] = await rest('PATCH', '/api/v1/rooms/r', host.token, { layout: 'duo' });
    assert.deepEqual([status, room.layout], [200, 'duo']);
    assert.deepEqual(await guest.event('layout'), { ...plain, layout: 'duo', by: 'zoe' });
  });

  test('order, spotlight and who has no video: what is not named stays', async () => {
    const choose = async (data) => {
      assert.equal((await host.ask('layout', data)).ok, true);
      return guest.event('layout');
    };
    const { layout, ...rest1 } = await choose({ order: ['zoe', 'ann'], spotlight: 'ann' });
    assert.deepEqual([layout, rest1.order, rest1.spotlight], ['duo', ['zoe', 'ann'], 'ann']);
    assert.deepEqual(await choose({ hideWithoutVideo: true }),
      { layout: 'duo', order: ['zoe', 'ann'], spotlight: 'ann', hideWithoutVideo: true, sharing: null, by: 'zoe' });
    assert.equal((await choose({ spotlight: null })).spotlight, null);
    const [status, room] = await rest('PATCH', '/api/v1/rooms/r', host.token, { order: [], hideWithoutVideo: false, spotlight: 'zoe' });
    assert.deepEqual([status, room.order, room.hideWithoutVideo, room.spotlight], [200, [], false, 'zoe']);
    assert.equal((await guest.event('layout')).spotlight, 'zoe');
    for (const data of [{ order: ['a', 'a'] }, { order: 'a' }, { spotlight: 5 }, { hideWithoutVideo: 'yes' }, { colour: 1 }]) {
      assert.equal((await host.ask('layout', data)).error.code, 'bad_request', JSON.stringify(data));
      assert.equal((await rest('PATCH', '/api/v1/rooms/r', host.token, data))[0], 400);
    }
  });

  test('pins are for hosts to set, one person a seat', async () => {
    assert.equal((await guest.ask('pin', { userId: 'ann', seat: 1 })).error.code, 'forbidden');
    for (const data of [{}, { userId: 'ann' }, { userId: 'ann', seat: 0 }, { userId: 'ann', seat: 101 }, { userId: 5, seat: 1 }])
      assert.equal((await host.ask('pin', data)).error.code, 'bad_request', JSON.stringify(data));
    assert.equal((await host.ask('pin', { userId: 'nobody', seat: 1 })).error.code, 'no_such_member');
    assert.equal((await host.ask('pin', { userId: 'ann', seat: 1 })).ok, true);
    assert.deepEqual(await guest.event('pin'), { userId: 'ann', seat: 1, by: 'zoe' });
    const patch = (who, user, body) => rest('PATCH', `/api/v1/rooms/r/members/${user}`, who.token, body);
    const [status, zoe] = await patch(host, 'zoe', { pin: 1 });
    assert.deepEqual([status, zoe.pin], [200, 1]);
    assert.deepEqual(await guest.event('pin'), { userId: 'ann', seat: null, by: 'zoe' });
    assert.deepEqual(await guest.event('pin'), { userId: 'zoe', seat: 1, by: 'zoe' });
    assert.equal((await patch(guest, 'ann', { pin: 2 }))[0], 403);
    for (const pin of [0, 101, 'x', 1.5]) assert.equal((await patch(host, 'ann', { pin }))[0], 400);
  });

  test('a hand is raised by oneself, and lowered by hosts, too', async () => {
    assert.equal((await guest.ask('hand', { raised: true })).ok, true);
    assert.deepEqual(await host.event('hand'), { userId: 'ann', raised: true, by: 'ann' });
    assert.equal((await guest.ask('hand', { raised: true, userId: 'zoe' })).error.code, 'forbidden');
    assert.equal((await host.ask('hand', { raised: true, userId: 'ann' })).error.code, 'forbidden');
    assert.equal((await guest.ask('hand', {})).error.code, 'bad_request');
    const patch = (who, user, body) => rest('PATCH', `/api/v1/rooms/r/members/${user}`, who.token, body);
    assert.equal((await patch(host, 'ann', { hand: true }))[0], 403);
    assert.equal((await patch(host, 'ann', { hand: 1 }))[0], 400);
    const [status, ann] = await patch(host, 'ann', { hand: false });
    assert.deepEqual([status, ann.hand], [200, false]);
    assert.deepEqual(await guest.event('hand', ({ by }) => by === 'zoe'), { userId: 'ann', raised: false, by: 'zoe' });
    assert.equal((await host.ask('hand', { raised: true })).ok, true);
  });

  test('it is kept when the room dies, and when the front does', async () => {
    for (const pid of front.rooms()) process.kill(pid, 'SIGKILL');
    await guest.event('moved');
    const chosen = async () => {
      const { layout, order, spotlight, hideWithoutVideo } = (await rest('GET', '/api/v1/rooms/r', host.token))[1] ?? {};
      const { pin, hand } = (await rest('GET', '/api/v1/rooms/r/members/zoe', host.token))[1] ?? {};
      return { layout, order, spotlight, hideWithoutVideo, pin, hand };
    };
    const wanted = { layout: 'duo', order: [], spotlight: 'zoe', hideWithoutVideo: false, pin: 1, hand: true };
    assert.deepEqual(await chosen(), wanted);
    const { data, port } = front; // a new front asks the room: only what it was told again can be adopted
    await front.stop('SIGKILL');
    front = await Front.start(PROGRAM, { ...settings, data, port });
    assert.equal(await front.metric('mixdown_rooms_adopted_total'), 1);
    assert.deepEqual(await chosen(), wanted);
  });
});
