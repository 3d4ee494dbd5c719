// Layouts over WebSocket and REST: who may choose, what is refused and how, and that a choice is kept when the
// room or the front dies. Rooms are fakes (tests/tools/fake_room.c). Usage: node --test tests/faults/layouts.mjs
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Front, SECRET, token, until } from './lib/front.mjs';
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
    for (const { name, title, builtIn, picture } of layouts) {
      assert.ok(title.en && title.zh && builtIn, name);
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

  const admin = token({ sub: 'root', mixdown: { admin: true } });
  const mine = { name: 'mine', title: { en: 'Mine', zh: '我的' }, screenshare: 'duo',
    variants: [{ people: '1-', cells: [{ x: 0, y: 0, w: 1, h: 1, source: 'auto' }] }] };

  test('layouts are uploaded by admins, checked, and listed', async () => {
    for (const t of [undefined, guest.token, host.token])
      assert.ok([401, 403].includes((await rest('PUT', '/api/v1/layouts/mine', t, mine))[0]));
    const put = (name, body) => rest('PUT', `/api/v1/layouts/${name}`, admin, body);
    assert.deepEqual(await put('mine', mine), [201, { name: 'mine', title: mine.title, builtIn: false, picture: '/api/v1/layouts/mine.png' }]);
    assert.equal((await put('mine', mine))[0], 200);
    assert.deepEqual((await rest('GET', '/api/v1/layouts/mine'))[1], mine);
    const { layouts } = (await rest('GET', '/api/v1/layouts'))[1];
    const names = layouts.map(({ name }) => name);
    assert.ok(names.includes('mine') && names.includes('grid'));
    assert.equal(names.at(-1), 'mine');
    for (const [name, body, status, code, why] of [
      ['grid', { ...mine, name: 'grid' }, 409, 'layout_builtin'], ['other', mine, 400, 'bad_layout', /^other: \$\.name: /],
      ['Mine', { ...mine, name: 'Mine' }, 400, 'bad_layout'], ['..%2Fmine', mine, 404, 'not_found'], ['mine.png', mine, 400, 'bad_layout'],
      ['mine', { ...mine, colour: 1 }, 400, 'bad_layout', /^mine: \$\.colour: /], ['mine', { ...mine, variants: [] }, 400, 'bad_layout', /\$\.variants/],
      ['mine', 'x'.repeat(300000), 413, 'too_large'], ['mine', 5, 400, 'bad_layout']]) {
      const [got, { error }] = await put(name, body);
      assert.deepEqual([got, error.code], [status, code], name);
      if (why) assert.match(error.message, why);
    }
    assert.deepEqual((await rest('GET', '/api/v1/layouts/mine'))[1], mine);
    assert.equal((await rest('DELETE', '/api/v1/layouts/grid', admin))[0], 409);
    assert.equal((await rest('DELETE', '/api/v1/layouts/none', admin))[0], 404);
    assert.equal((await rest('DELETE', '/api/v1/layouts/mine', host.token))[0], 403);
  });

  test('each has a picture, drawn as it is asked for', async () => {
    const picture = async (where) => {
      const reply = await front.get(`/api/v1/layouts/${where}`);
      const bytes = Buffer.from(await reply.arrayBuffer());
      return reply.status === 200 ? [reply.headers.get('content-type'), bytes.readUInt32BE(16), bytes.readUInt32BE(20), bytes] : [reply.status];
    };
    assert.deepEqual((await picture('speaker.png?people=5&size=320x180')).slice(0, 3), ['image/png', 320, 180]);
    const first = await picture('mine.png');
    assert.deepEqual(first.slice(0, 3), ['image/png', 640, 360]);
    const many = await Promise.all([1, 2, 3, 4, 5].map((people) => picture(`grid.png?people=${people}&size=160x90`)));
    for (const [type] of many) assert.equal(type, 'image/png');
    assert.notDeepEqual(many[0][3], many[4][3]);
    for (const query of ['people=0', 'people=101', 'people=x', 'size=1x1', 'size=641x360', 'size=9999x9999', 'size=x', 'size=640x360x1'])
      assert.deepEqual(await picture(`mine.png?${query}`), [400], query);
    assert.deepEqual(await picture('none.png'), [404]);
    const changed = { ...mine, background: '#ff0000', variants: [{ people: '1-', cells: [{ x: 0, y: 0, w: '1/2', h: 1, source: 'auto' }] }] };
    assert.equal((await rest('PUT', '/api/v1/layouts/mine', admin, changed))[0], 200);
    assert.notDeepEqual((await picture('mine.png'))[3], first[3]); /* not that of the file before */
  });

  test('pictures for layouts are for admins to change, and strangers send nothing large', async () => {
    const put = (t, body) => front.get('/api/v1/pictures/logo', { method: 'PUT', body, headers: t ? { authorization: `Bearer ${t}` } : {} });
    for (const [t, status] of [[undefined, 401], [guest.token, 403], [host.token, 403]])
      assert.equal((await put(t, 'x')).status, status);
    assert.equal((await rest('DELETE', '/api/v1/pictures/logo', host.token))[0], 403);
    assert.equal(await front.announce('/api/v1/pictures/logo', 'PUT', 100000), 401);
    assert.equal(await front.announce('/api/v1/pictures/logo', 'PUT', 5000000, { authorization: `Bearer ${admin}` }), 413);
    assert.equal((await put(admin, 'x'.repeat(100000))).status, 400);
    assert.deepEqual((await rest('GET', '/api/v1/pictures'))[1], { pictures: [] });
  });

  test('a room that uses an uploaded layout keeps it from being deleted', async () => {
    assert.equal((await host.ask('layout', { layout: 'mine' })).ok, true);
    assert.equal((await rest('DELETE', '/api/v1/layouts/mine', admin))[1].error.code, 'layout_in_use');
    assert.equal((await host.ask('layout', { layout: 'duo' })).ok, true);
    assert.equal((await rest('DELETE', '/api/v1/layouts/mine', admin))[0], 204);
    assert.equal((await host.ask('layout', { layout: 'mine' })).error.code, 'no_such_layout');
  });

  test('a client chooses what it watches; hosts add views', async () => {
    const view = { view: 'stage', layout: 'single', width: 640, height: 360, fps: 30 };
    assert.equal((await rest('POST', '/api/v1/rooms/r/views', guest.token, view))[0], 403);
    assert.deepEqual(await rest('POST', '/api/v1/rooms/r/views', host.token, view), [201, view]);
    assert.deepEqual((await guest.event('views')).views, [view]);
    assert.deepEqual((await rest('GET', '/api/v1/rooms/r/views', guest.token))[1], { views: [view] });
    const answer = await guest.ask('quality', { view: 'stage', quality: '360p' });
    assert.deepEqual(answer.data, { watching: { view: 'stage', quality: '360p', width: 1280, height: 720 } });
    assert.equal((await guest.ask('quality', { view: 'own', layout: 'duo', withoutSelf: false })).data.watching.view, 'own');
    for (const [data, code] of [[{}, 'bad_request'], [{ quality: '4k' }, 'bad_request'], [{ view: 'none' }, 'no_such_view'],
      [{ layout: 'none' }, 'no_such_layout'], [{ view: 5 }, 'bad_request'], [{ view: 'stage', withoutSelf: true }, 'bad_request']])
      assert.equal((await guest.ask('quality', data)).error.code, code, JSON.stringify(data));
    const whep = (query) => front.get(`/whep/r?${query}`, { method: 'POST', body: 'v=0',
      headers: { authorization: `Bearer ${guest.token}`, 'content-type': 'application/sdp' } });
    assert.equal((await whep('view=stage')).status, 400); /* of the offer */
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
    await until(async () => (await rest('GET', '/api/v1/rooms/r/views', host.token))[1]?.views.length === 1, 'the view');
  });
});
