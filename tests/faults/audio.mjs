// What the front takes about sound, over WebSocket and REST: who may what, what is refused and how, and that
// it is kept when the room or the front dies. Rooms are fakes (tests/tools/fake_room.c).
// Usage: node --test tests/faults/audio.mjs, with BUILD (build).
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Front, SECRET, token, until } from './lib/front.mjs';
import { Client } from './lib/ws.mjs';

const PROGRAM = path.resolve(process.env.BUILD ?? 'build', 'tests/tools/fake_room');
const clients = [];
let front;

const claims = (sub, role = 'publisher', more = {}) => token({ sub, name: sub, mixdown: { room: 'r', role, ...more } });
const headers = (t) => ({ authorization: `Bearer ${t}` });

async function sit(user, role = 'publisher') {
  const c = await Client.open(front.port, { path: `/ws?token=${claims(user, role)}` });
  clients.push(c);
  const answer = await c.ask('join', { roomId: 'r', name: user });
  assert.equal(answer.ok, true, JSON.stringify(answer));
  c.seat = answer.data;
  c.token = claims(user, role);
  return c;
}

// A REST request; gives [status, body].
async function rest(method, p, t, body) {
  const reply = await front.get(`/api/v1/rooms/r${p}`, {
    method, headers: headers(t), body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await reply.text();
  return [reply.status, text ? JSON.parse(text) : null, reply];
}

const code = async (...words) => { const [status, body] = await rest(...words); return [status, body?.error?.code]; };
const refused = async (c, action, data) => (await c.ask(action, data)).error?.code;

const settings = { dev: false, env: { MIXDOWN_AUTH_SECRET: SECRET, MIXDOWN_ROOM_MAX_MEMBERS: '1280' } };
const GCM = { suite: 'AEAD_AES_128_GCM', keyIn: `${'A'.repeat(36)}AA==`, keyOut: `${'B'.repeat(36)}BA==` };
const OPUS = { pt: 111, codec: 'opus' };

describe('sound', () => {
  let ann, bob, host;
  const admin = token({ sub: 'root', mixdown: { admin: true } });

  before(async () => {
    front = await Front.start(PROGRAM, settings);
    assert.equal(front.exit, undefined, front.log);
    [ann, bob, host] = [await sit('ann'), await sit('bob'), await sit('zoe', 'host')];
  });
  after(async () => { clients.forEach((c) => c.close()); await front.remove(); });

  test('a member is told with what can be heard of him', () => {
    const { volume, deaf, speaksTo, mutedAudio } = ann.seat.members[0];
    assert.deepEqual({ volume, deaf, speaksTo, mutedAudio }, { volume: 100, deaf: false, speaksTo: ['floor'], mutedAudio: false });
    assert.deepEqual([ann.seat.hears, ann.seat.volumes], [{ floor: 100 }, {}]);
  });

  test('mute: oneself, another as host, nobody by anybody else, and nobody is unmuted by others', async () => {
    assert.equal((await ann.ask('mute', { audio: true })).ok, true);
    assert.deepEqual(await bob.event('mute'), { userId: 'ann', audio: true });
    assert.equal((await ann.ask('mute', { audio: false, userId: 'ann' })).ok, true);
    await bob.event('mute');
    assert.equal(await refused(ann, 'mute', { audio: true, userId: 'bob' }), 'forbidden');
    assert.equal(await refused(ann, 'mute', { audio: true, all: true }), 'forbidden');
    assert.equal((await host.ask('mute', { audio: true, video: true, userId: 'bob' })).ok, true);
    assert.deepEqual(await bob.event('mute'), { userId: 'bob', audio: true, video: true, by: 'zoe' });
    assert.deepEqual(await ann.event('mute', (d) => d.userId === 'bob'), { userId: 'bob', audio: true, video: true, by: 'zoe' });
    assert.equal(await refused(host, 'mute', { audio: false, userId: 'bob' }), 'forbidden');
    assert.equal(await refused(host, 'mute', { audio: false, all: true }), 'forbidden');
    assert.equal(await refused(host, 'mute', { audio: true, userId: 'nobody' }), 'no_such_member');
    assert.equal(await refused(host, 'mute', { audio: true, userId: 'bob', all: true }), 'bad_request');
    assert.equal(await refused(host, 'mute', { userId: 'bob' }), 'bad_request');
    assert.equal(await refused(host, 'mute', { audio: 1, userId: 'bob' }), 'bad_request');
    assert.equal((await bob.ask('mute', { audio: false, video: false })).ok, true);
  });

  test('mute all: everybody but hosts, in one event', async () => {
    [ann, bob, host].forEach((c) => { c.messages.length = 0; });
    assert.equal((await host.ask('mute', { audio: true, all: true })).ok, true);
    for (const c of [ann, bob, host]) {
      const said = await c.event('mute', (d) => d.userIds);
      assert.deepEqual([said.userIds.sort(), said.audio, said.video, said.by], [['ann', 'bob'], true, undefined, 'zoe']);
    }
    const { members } = (await rest('GET', '/members', admin))[1];
    assert.deepEqual(members.map((m) => m.mutedAudio), [true, true, false]);
  });

  test('volume: for everyone as host, for oneself alone by anyone', async () => {
    assert.equal(await refused(ann, 'volume', { userId: 'bob', volume: 50 }), 'forbidden');
    assert.equal((await host.ask('volume', { userId: 'bob', volume: 150, forMe: false })).ok, true);
    assert.deepEqual(await ann.event('volume'), { userId: 'bob', volume: 150 });
    assert.deepEqual(await bob.event('volume'), { userId: 'bob', volume: 150 });
    assert.equal((await ann.ask('volume', { userId: 'bob', volume: 0, forMe: true })).ok, true);
    assert.deepEqual((await rest('GET', '/members/ann', ann.token))[1].volumes, { bob: 0 });
    assert.equal((await rest('GET', '/members/ann', bob.token))[1].volumes, undefined);
    assert.equal(ann.messages.filter((m) => m.action === 'volume' && m.id === undefined).length, 0);
    for (const data of [{ userId: 'bob', volume: 201 }, { userId: 'bob', volume: 1.5 }, { volume: 5 }, { userId: 'bob' }, { userId: 'bob', volume: 5, forMe: 1 }])
      assert.equal(await refused(host, 'volume', data), 'bad_request', JSON.stringify(data));
    assert.equal(await refused(host, 'volume', { userId: 'nobody', volume: 5 }), 'no_such_member');
  });

  test('deaf, original sound and submixes', async () => {
    assert.equal((await ann.ask('deaf', { deaf: true })).ok, true);
    assert.deepEqual(await bob.event('deaf'), { userId: 'ann', deaf: true });
    assert.equal((await ann.ask('original', { original: true })).ok, true);
    assert.deepEqual(await bob.event('original'), { userId: 'ann', original: true });
    assert.equal((await ann.ask('speak', { submixes: ['english'] })).ok, true);
    assert.deepEqual(await bob.event('speak'), { userId: 'ann', submixes: ['english'] });
    assert.equal((await bob.ask('hear', { submixes: { floor: 20, english: 100 } })).ok, true);
    assert.equal(await refused(ann, 'hear', { userId: 'bob', submixes: {} }), 'forbidden');
    assert.equal((await host.ask('hear', { userId: 'bob', submixes: { english: 100 } })).ok, true);
    assert.deepEqual(await bob.event('hear'), { submixes: { english: 100 }, by: 'zoe' });
    assert.equal(await refused(ann, 'deaf', {}), 'bad_request');
    assert.equal(await refused(ann, 'speak', {}), 'bad_request');
    assert.equal(await refused(ann, 'speak', { submixes: ['x', 'x'] }), 'bad_request');
    assert.equal(await refused(ann, 'speak', { submixes: Array.from({ length: 17 }, (_, i) => `s${i}`) }), 'bad_request');
    assert.equal(await refused(ann, 'hear', { submixes: { 'x\ny': 5 } }), 'bad_request');
    assert.equal(await refused(ann, 'hear', { submixes: { x: -1 } }), 'bad_request');
  });

  test('PATCH: hosts and admins everybody, others themselves where it concerns them', async () => {
    const [status, member] = await rest('PATCH', '/members/bob', host.token, {
      muted: { video: true }, volume: 80, deaf: false, levelling: false, noiseSuppression: true, pan: -0.5, volumes: { ann: 30 },
      hears: { floor: 100 }, speaksTo: ['floor', 'english'],
    });
    assert.equal(status, 200);
    assert.deepEqual([member.userId, member.mutedVideo, member.volume, member.levelling, member.noiseSuppression, member.pan, member.volumes, member.speaksTo],
      ['bob', true, 80, false, true, -0.5, { ann: 30 }, ['floor', 'english']]);
    assert.equal((await rest('PATCH', '/members/bob', admin, { volume: 90, pan: null }))[1].volume, 90);
    assert.equal((await rest('PATCH', '/members/bob', bob.token, { muted: { audio: true, video: false }, original: true, hears: {} }))[0], 200);
    assert.equal((await rest('PATCH', '/members/bob', bob.token, {}))[0], 200);
    for (const [who, user, body, wanted] of [
      [bob.token, 'bob', { volume: 100 }, [403, 'forbidden']], [bob.token, 'bob', { pan: 0 }, [403, 'forbidden']],
      [ann.token, 'bob', { deaf: true }, [403, 'forbidden']], [host.token, 'bob', { muted: { audio: false } }, [403, 'forbidden']],
      [admin, 'bob', { muted: { video: false } }, [403, 'forbidden']], [host.token, 'nobody', {}, [404, 'no_such_member']],
      [host.token, 'bob', { loud: 1 }, [400, 'bad_request']], [host.token, 'bob', { volume: 201 }, [400, 'bad_request']],
      [host.token, 'bob', { muted: true }, [400, 'bad_request']], [host.token, 'bob', { muted: { sound: true } }, [400, 'bad_request']],
      [host.token, 'bob', { muted: { audio: 'yes' } }, [400, 'bad_request']], [host.token, 'bob', [], [400, 'bad_request']],
      [host.token, 'bob', 'no json', [400, 'bad_request']], [host.token, 'bob', '{"volume":1,"volume":2}', [400, 'bad_request']],
      [host.token, 'bob', `{"hears":${'{"a":'.repeat(20)}1${'}'.repeat(20)}}`, [400, 'bad_request']],
      [host.token, 'bob', { volumes: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`u${i}`, 5])) }, [400, 'bad_request']],
      [claims('eve', 'host', { room: 'other' }), 'bob', { deaf: true }, [403, 'forbidden']],
    ]) assert.deepEqual(await code('PATCH', `/members/${user}`, who, body), wanted, JSON.stringify(body));
    const [, error] = await rest('PATCH', '/members/bob', host.token, { pan: 'left' });
    assert.match(error.error.message, /pan: must be a number of -1 to 1/);
  });

  test('sounds: started, listed, stopped, and refused with a reason', async () => {
    const [status, { id }, reply] = await rest('POST', '/sounds', host.token, { name: 'hold', loop: true, volume: 50, duck: 30, submixes: ['floor'], to: 'ann' });
    assert.equal(status, 201);
    assert.equal(reply.headers.get('location'), `/api/v1/rooms/r/sounds/${id}`);
    const { sounds } = (await rest('GET', '/sounds', host.token))[1];
    assert.deepEqual([sounds.length, sounds[0].id, sounds[0].loop, sounds[0].volume, sounds[0].duck], [1, id, true, 50, 30]);
    assert.equal((await rest('DELETE', `/sounds/${id}`, host.token))[0], 204);
    assert.deepEqual(await ann.event('sound'), { id, state: 'ended' });
    assert.deepEqual(await code('DELETE', `/sounds/${id}`, host.token), [404, 'no_such_sound']);
    for (const [body, wanted] of [
      [{}, [400, 'bad_request']], [{ name: 'a', file: 'b' }, [400, 'bad_request']], [{ file: '../x.wav' }, [400, 'bad_request']],
      [{ file: '/etc/passwd' }, [400, 'bad_request']], [{ file: 'a/../../b' }, [400, 'bad_request']], [{ file: 'a//b' }, [400, 'bad_request']],
      [{ file: '.hidden' }, [400, 'bad_request']], [{ file: 'a\u0000b' }, [400, 'bad_request']], [{ file: 'x'.repeat(300) }, [400, 'bad_request']],
      [{ name: 'hold', loop: 'yes' }, [400, 'bad_request']], [{ name: 'hold', volume: 300 }, [400, 'bad_request']],
      [{ name: 'hold', duck: 101 }, [400, 'bad_request']], [{ name: 'hold', submixes: [] }, [400, 'bad_request']],
      [{ name: 'hold', colour: 'red' }, [400, 'bad_request']], [{ name: 'hold', to: 'nobody' }, [404, 'no_such_member']],
      [{ name: 'nothing' }, [404, 'no_such_sound']],
    ]) assert.deepEqual(await code('POST', '/sounds', host.token, body), wanted, JSON.stringify(body));
    for (const [method, p] of [['POST', '/sounds'], ['GET', '/sounds'], ['DELETE', '/sounds/x']])
      assert.deepEqual(await code(method, p, ann.token, method === 'POST' ? { name: 'hold' } : undefined), [403, 'forbidden']);
    assert.equal(await refused(ann, 'sound', { name: 'hold' }), 'forbidden');
    const played = (await host.ask('sound', { name: 'chime' })).data.id;
    assert.equal((await host.ask('sound', { stop: played })).ok, true);
    assert.equal(await refused(host, 'sound', { stop: played }), 'no_such_sound');
    assert.equal(await refused(host, 'sound', { name: 'x', duck: -1 }), 'bad_request');
  });

  test('plain RTP: made, listed without keys, ended; a member like others', async () => {
    const asked = { name: 'Gateway', userId: 'gw', remote: { host: '127.0.0.1', port: 4000 }, audio: OPUS, srtp: GCM };
    const [status, made, reply] = await rest('POST', '/rtp', host.token, asked);
    assert.equal(status, 201);
    assert.equal(reply.headers.get('location'), `/api/v1/rooms/r/rtp/${made.id}`);
    assert.deepEqual([made.userId, made.role, made.host, made.port, made.audio], ['gw', 'publisher', '127.0.0.1', 5004, { ssrc: 7, pt: 111 }]);
    assert.equal((await ann.event('joined')).member.userId, 'gw');
    const { rtp } = (await rest('GET', '/rtp', host.token))[1];
    assert.equal(rtp.length, 1);
    for (const seen of [JSON.stringify(rtp), JSON.stringify(made), JSON.stringify(ann.messages), front.log])
      assert.ok(!seen.includes(GCM.keyIn.slice(0, 20)) && !seen.includes(GCM.keyOut.slice(0, 20)), 'a key is seen');
    assert.equal((await rest('PATCH', '/members/gw', host.token, { volume: 20 }))[1].volume, 20);
    const ended = await front.get(`/whep/r/${made.id}`, { method: 'DELETE', headers: { authorization: `Bearer ${host.token}` } });
    assert.equal(ended.status, 404); // its id, which more than its owner know, is no WHEP session's
    assert.equal((await rest('DELETE', `/rtp/${made.id}`, host.token))[0], 204);
    assert.deepEqual(await ann.event('left'), { userId: 'gw', reason: 'left' });
    assert.deepEqual(await code('DELETE', `/rtp/${made.id}`, host.token), [404, 'no_such_session']);
    for (const [body, wanted, why] of [
      [{ ...asked, userId: 'taken1' }, [409, 'address_in_use']], [{ ...asked, userId: 'full1' }, [409, 'room_full']],
      [{ ...asked, remote: { host: 'example.org', port: 1 } }, [400, 'bad_request'], /numeric|IP address/],
      [{ ...asked, audio: { pt: 70, codec: 'opus' } }, [400, 'bad_request'], /audio\.pt/],
      [{ ...asked, audio: undefined }, [400, 'bad_request'], /audio or video/], [{ ...asked, name: undefined }, [400, 'bad_request'], /name/],
      [{ ...asked, role: 'king' }, [400, 'bad_request'], /role/], [{ ...asked, x: 1 }, [400, 'bad_request'], /no such field: x/],
      [{ ...asked, srtp: { ...GCM, keyIn: 'short' } }, [400, 'bad_request'], /keyIn/], ['{', [400, 'bad_request']],
    ]) {
      const [s, b] = await rest('POST', '/rtp', host.token, body);
      assert.deepEqual([s, b.error.code], wanted, JSON.stringify(b));
      if (why) assert.match(b.error.message, why);
    }
    assert.deepEqual(await code('POST', '/rtp', ann.token, asked), [403, 'forbidden']);
    assert.deepEqual(await code('GET', '/rtp', ann.token), [403, 'forbidden']);
    assert.deepEqual(await code('DELETE', '/rtp/x', ann.token), [403, 'forbidden']);
  });

  test('a member is sent away by a host, and can go himself', async () => {
    const eve = await sit('eve');
    assert.deepEqual(await code('DELETE', '/members/eve', ann.token), [403, 'forbidden']);
    assert.equal((await rest('DELETE', '/members/eve', host.token))[0], 204);
    assert.equal((await eve.event('ended')).reason, 'kicked');
    assert.deepEqual(await code('DELETE', '/members/eve', host.token), [404, 'no_such_member']);
    const fay = await sit('fay');
    assert.equal((await rest('DELETE', '/members/fay', fay.token))[0], 204);
    assert.deepEqual(await ann.event('left', (d) => d.userId === 'fay'), { userId: 'fay', reason: 'left' });
  });

  test('all of it is there after the room died, and after the front did', async () => {
    const seen = async () => (await rest('GET', '/members/bob', host.token))[1];
    const was = await seen();
    assert.deepEqual([was.volume, was.mutedAudio, was.levelling, was.speaksTo, was.volumes], [90, true, false, ['floor', 'english'], { ann: 30 }]);
    for (const pid of front.rooms()) process.kill(pid, 'SIGKILL');
    await ann.event('moved');
    assert.deepEqual(await seen(), { ...was, audio: false, video: false });

    // The fake room keeps what it was told when people were added again: what a new front adopts comes from there.
    const { data, port } = front;
    await until(async () => (await seen()).audio === true, 'the room to speak again');
    await front.stop('SIGKILL');
    front = await Front.start(PROGRAM, { ...settings, data, port });
    assert.equal(await front.metric('mixdown_rooms_adopted_total'), 1);
    assert.deepEqual({ ...(await seen()), audio: was.audio }, was);
    const again = await Client.open(front.port, { path: `/ws?token=${ann.token}` });
    clients.push(again);
    const seat = (await again.ask('resume', { resume: ann.seat.resume })).data;
    assert.deepEqual([seat.volumes, seat.hears], [{ bob: 0 }, { floor: 100 }]);
  });

  test('a thousand join by REST', async () => {
    const began = Date.now();
    const statuses = [];
    for (let i = 0; i < 1000; i += 50) {
      statuses.push(...await Promise.all(Array.from({ length: 50 }, async (_, j) =>
        (await rest('POST', '/rtp', host.token, { name: `P${i + j}`, userId: `p${i + j}`, audio: OPUS }))[0])));
    }
    assert.ok(statuses.every((s) => s === 201), String(statuses.find((s) => s !== 201)));
    console.log(`# a thousand joined in ${Date.now() - began} ms`);
    assert.equal((await rest('GET', '/rtp', host.token))[1].rtp.length, 1000);
  });
});
