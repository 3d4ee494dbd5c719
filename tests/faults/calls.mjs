// Calls, presence and text over /ws, by the words of docs/protocol.md. Rooms are fakes (tests/tools/fake_room.c).
// Usage: node --test tests/faults/calls.mjs, with BUILD (build).
import assert from 'node:assert/strict';
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

// A device of a user.
async function user(front, userId, more = {}, options) {
  const c = await open(front, options);
  const answer = await c.ask('online', { userId, ...more }, { type: 'state' });
  assert.equal(answer.ok, true, JSON.stringify(answer));
  assert.equal(answer.type, 'state');
  c.me = answer.data;
  return c;
}

const heardNothing = (c, action) => assert.equal(c.messages.filter((m) => m.id === undefined && m.action === action).length, 0);
const code = async (answer) => (await answer).error?.code;

after(() => clients.forEach((c) => c.close()));

describe('calls in --dev', () => {
  let front;
  before(async () => { front = await Front.start(PROGRAM, { env: { MIXDOWN_ROOM_RING_S: '5', MIXDOWN_RTC_GRACE_S: '2' } }); });
  after(() => front.remove());

  test('p2p: rings everywhere, is answered once, relays untouched, echoes nothing', async () => {
    const ann = await user(front, 'ann');
    const phone = await user(front, 'bob', { device: 'phone', name: 'Bob' });
    const desk = await user(front, 'bob', { device: 'desk' });
    const eve = await user(front, 'eve');
    const started = (await ann.ask('call', { targetUser: 'bob', media: 'audio' })).data;
    assert.deepEqual([started.roomType, started.media, started.state, started.users], ['p2p', 'audio', 'calling', [{ userId: 'bob', state: 'ringing' }]]);
    assert.match(started.callId, /^\w{22}$/);
    const ring = await phone.event('call');
    assert.deepEqual([ring.callId, ring.userId, ring.media], [started.callId, 'ann', 'audio']);
    await desk.event('call');
    assert.equal((await phone.ask('ringing', { callId: ring.callId })).ok, true);
    await ann.event('ringing');
    assert.equal(await code(ann.ask('offer', { callId: ring.callId, sdp: 'x' })), 'call_not_answered');
    assert.equal((await phone.ask('accept', { callId: ring.callId })).data.callId, ring.callId);
    await ann.event('accept');
    assert.equal((await desk.event('cancel')).reason, 'answered_elsewhere');
    const data = { callId: ring.callId, sdp: 'v=0\r\nanything', extra: { deep: [1, null, '\u4f60'] } };
    assert.equal((await ann.ask('offer', data)).ok, true);
    assert.deepEqual(await phone.event('offer'), { ...data, userId: 'ann' });
    phone.send({ type: 'rtc', action: 'answer', data: { sdp: 'v=0' } }); // the only call he is in
    assert.deepEqual(await ann.event('answer'), { sdp: 'v=0', callId: ring.callId, userId: 'bob' });
    phone.send({ type: 'rtc', action: 'candidate', data: { candidate: 'c', sdpMid: '0', sdpMLineIndex: 0 } });
    await ann.event('candidate');
    assert.equal(await code(eve.ask('candidate', { callId: ring.callId, candidate: 'c' })), 'no_such_call');
    heardNothing(ann, 'offer');
    heardNothing(phone, 'answer');
    for (const action of ['offer', 'answer', 'candidate']) { heardNothing(desk, action); heardNothing(eve, action); }
    assert.equal(await code(eve.ask('call', { targetUser: 'bob' })), undefined);
    assert.equal((await phone.ask('hangup', {})).ok, true);
    assert.deepEqual(await ann.event('hangup'), { callId: ring.callId, userId: 'bob', reason: 'hangup', ended: true });
    for (const c of [ann, phone, desk, eve]) c.close();
  });

  test('the names of other clients: start_call, receive_call, reject_call, answer without SDP', async () => {
    const ann = await user(front, 'ann2');
    const bob = await user(front, 'bob2');
    for (const yes of ['receive_call', 'answer']) {
      assert.equal((await ann.ask('start_call', { targetUser: 'bob2' })).ok, true);
      await bob.event('call');
      assert.equal((await bob.ask(yes, {})).ok, true);
      await ann.event('accept');
      assert.equal((await ann.ask('hangup', {})).ok, true);
      await bob.event('hangup');
    }
    await ann.ask('start_call', { targetUser: 'bob2' });
    await bob.event('call');
    assert.equal((await bob.ask('reject_call', { reason: 'later' })).ok, true);
    assert.equal((await ann.event('reject')).reason, 'later');
  });

  test('nobody answers, and who was away is told', async () => {
    const ann = await user(front, 'ann3');
    const bob = await user(front, 'bob3');
    const { callId } = (await ann.ask('call', { targetUsers: ['bob3', 'away3'] })).data;
    await bob.event('call');
    assert.equal((await bob.event('cancel')).reason, 'no_answer');
    const reasons = [await ann.event('reject'), await ann.event('reject')].map((e) => `${e.userId} ${e.reason} ${e.ended}`);
    assert.deepEqual(reasons, ['bob3 no_answer false', 'away3 offline true']);
    const away = await user(front, 'away3');
    const missed = (await away.event('missed')).calls;
    assert.deepEqual([missed.length, missed[0].callId, missed[0].userId, missed[0].outcome], [1, callId, 'ann3', 'offline']);
  });

  test('a group call through a room: who has answered may join, the end closes it', async () => {
    const [ann, bob, eve] = await Promise.all(['ann4', 'bob4', 'eve4'].map((u) => user(front, u)));
    const { callId, roomId, roomType } = (await ann.ask('call', { targetUsers: ['bob4', 'eve4'] })).data;
    assert.deepEqual([roomId, roomType], [callId, 'mcu']);
    assert.equal((await ann.ask('join', { roomId, name: 'Ann' })).data.role, 'host');
    assert.equal((await bob.event('call')).roomId, roomId);
    const accepted = (await bob.ask('accept', { callId })).data;
    assert.deepEqual([accepted.roomId, accepted.role], [roomId, 'publisher']);
    assert.equal((await bob.ask('join', { roomId, name: 'Bob' })).data.userId, 'bob4');
    assert.equal((await ann.event('joined')).member.userId, 'bob4');
    await eve.event('call');
    await eve.ask('reject', { callId });
    await ann.event('reject');
    await bob.ask('leave', {}); // giving the seat up is hanging up
    assert.deepEqual(await ann.event('hangup'), { userId: 'bob4', reason: 'hangup', ended: true, callId });
    assert.equal((await ann.event('ended')).reason, 'left');
    await until(async () => (await front.get(`/api/v1/rooms/${roomId}`)).status === 404, 'the room to be closed');
  });

  test('1v1 has two seats, a broadcast is watched', async () => {
    const [ann, bob] = await Promise.all(['ann5', 'bob5'].map((u) => user(front, u)));
    const { roomId } = (await ann.ask('call', { targetUser: 'bob5', roomType: '1v1' })).data;
    await bob.event('call');
    await bob.ask('accept', {});
    await ann.ask('join', { roomId, name: 'A' });
    await bob.ask('join', { roomId, name: 'B' });
    assert.equal((await front.json(`/api/v1/rooms/${roomId}`)).roomType, '1v1');
    const third = await open(front);
    assert.equal(await code(third.ask('join', { roomId, name: 'C' })), 'room_full');
    await ann.ask('hangup', {});
    await bob.event('hangup');

    const show = (await ann.ask('call', { targetUser: 'bob5', roomType: 'broadcast' })).data.roomId;
    await ann.ask('join', { roomId: show, name: 'A' });
    assert.equal((await third.ask('join', { roomId: show, name: 'C' })).data.role, 'subscriber');
    assert.equal((await bob.event('call')).role, 'subscriber');
    assert.equal((await bob.ask('accept', {})).data.role, 'subscriber');
    assert.equal((await bob.ask('join', { roomId: show, name: 'B' })).data.role, 'subscriber');

    // A viewer is asked up onto the stage by the host, and by nobody else.
    third.send({ type: 'state', action: 'online', data: { userId: 'cat5' } });
    assert.equal(await code(third.ask('invite', { targetUser: 'bob5', role: 'publisher' })), 'forbidden');
    await ann.ask('hangup', {}); // of the call: the room is its own and ends
    const open2 = await front.get('/api/v1/rooms', { method: 'POST', body: JSON.stringify({ roomId: 'stage', roomType: 'broadcast' }) });
    assert.equal(open2.status, 201, await open2.text());
    const [host, viewer] = await Promise.all(['host5', 'viewer5'].map((u) => user(front, u)));
    await host.ask('join', { roomId: 'stage', name: 'H', role: 'host' });
    assert.equal((await viewer.ask('join', { roomId: 'stage', name: 'V' })).data.role, 'subscriber');
    assert.equal((await host.ask('invite', { targetUser: 'viewer5', role: 'publisher' })).data.users[0].state, 'ringing');
    assert.deepEqual(await viewer.event('call').then((e) => [e.roomId, e.role]), ['stage', 'publisher']);
    await viewer.ask('accept', {});
    assert.equal((await host.event('accept')).userId, 'viewer5');
    const role = await host.event('role');
    assert.deepEqual([role.userId, role.role], ['viewer5', 'publisher']);
  });

  test('a broken connection: the call waits for it, then ends', async () => {
    const ann = await user(front, 'ann6', { device: 'd' });
    const bob = await user(front, 'bob6', { device: 'd' });
    const { callId } = (await ann.ask('call', { targetUser: 'bob6' })).data;
    await bob.event('call');
    await bob.ask('accept', {});
    bob.close();
    await until(async () => (await code(ann.ask('offer', { callId, sdp: 's' }))) === 'peer_away', 'the break to be seen');
    const again = await user(front, 'bob6', { device: 'd' });
    assert.equal(again.me.resumed, true);
    assert.equal(again.me.call.callId, callId);
    assert.equal((await ann.ask('offer', { callId, sdp: 's' })).ok, true);
    await again.event('offer');
    heardNothing(ann, 'hangup');
    again.close();
    assert.deepEqual(await ann.event('hangup'), { userId: 'bob6', reason: 'lost', ended: true, callId });
  });

  test('what a call may not be', async () => {
    const nobody = await open(front);
    assert.equal(await code(nobody.ask('call', { targetUser: 'x' })), 'not_online');
    assert.equal(await code(nobody.ask('send', { targetUser: 'x', content: 'y' }, { type: 'message' })), 'not_online');
    const ann = await user(front, 'ann7');
    for (const data of [{}, { targetUser: '' }, { targetUser: 'ann7' }, { targetUser: 'x'.repeat(129) }, { targetUser: 7 }, { targetUsers: [] }, { targetUsers: ['x', 7] },
      { targetUser: 'x', targetUsers: ['y'] }, { targetUser: 'x', roomType: 'sfu' }, { targetUser: 'x', media: 'smell' }, { targetUser: 'x', roomId: 'a/b' },
      { targetUsers: Array(101).fill('x') }, { targetUser: 'x', role: 'king' }, { targetUsers: ['x', 'y'], roomType: 'p2p' }])
      assert.equal(await code(ann.ask('call', data)), 'bad_request', JSON.stringify(data));
    assert.equal(await code(ann.ask('call', { targetUser: 'x', role: 'host', roomType: 'mcu' })), 'forbidden');
    for (const action of ['accept', 'reject', 'cancel', 'hangup', 'ringing', 'invite'])
      assert.match(await code(ann.ask(action, { callId: 'A'.repeat(22), targetUser: 'x' })), /no_such_call/, action);
    assert.equal(await code(ann.ask('accept', { callId: 'x'.repeat(23) })), 'bad_request');
    assert.equal(await code(ann.ask('online', { userId: 'somebody-else' }, { type: 'state' })), 'forbidden');
    assert.equal(await code(ann.ask('nonsense', {}, { type: 'state' })), 'unknown_action');
    assert.equal(await code(ann.ask('call', { targetUser: 'x' }, { type: 'other' })), 'bad_message');
  });

  test('text: to a user and a room, history, presence', async () => {
    const ann = await user(front, 'ann8', { device: 'phone' });
    const desk = await user(front, 'ann8', { device: 'desk' });
    const say = (c, data) => c.ask('send', data, { type: 'message' });
    const watch = await ann.ask('subscribe', { userIds: ['bob8', 'ann8'] }, { type: 'state' });
    assert.deepEqual(watch.data.users.map((u) => `${u.userId} ${u.state}`), ['bob8 offline', 'ann8 online']);
    const sent = (await say(ann, { targetUser: 'bob8', content: 'later' })).data;
    assert.equal(sent.delivered, false);
    assert.equal((await desk.event('send')).content, 'later');
    await sleep(100);
    const bob = await user(front, 'bob8');
    assert.deepEqual([(await bob.event('send')).messageId, (await ann.event('online')).userId], [sent.messageId, 'bob8']);
    assert.equal((await ann.event('delivered')).messageId, sent.messageId);
    assert.equal((await say(bob, { targetUser: 'ann8', content: 'now' })).data.delivered, true);
    await desk.event('send');
    await ann.event('send');
    const history = (data) => bob.ask('history', data, { type: 'message' });
    await until(async () => (await history({ targetUser: 'ann8' })).data.messages.length === 2, 'both to be stored');
    assert.deepEqual((await history({ targetUser: 'ann8', limit: 1 })).data.messages.map((m) => m.content), ['now']);
    assert.deepEqual((await history({ targetUser: 'eve8' })).data.messages, []);

    assert.equal(await code(say(ann, { content: 'x' })), 'not_joined');
    assert.equal(await code(history({ roomId: 'talk' })), 'forbidden');
    for (const data of [{}, { content: '' }, { targetUser: 'x', content: '' }, { targetUser: 'x', content: 'y'.repeat(16385) }, { targetUser: 'x', content: { a: 1 } }, { targetUser: 'x', roomId: 'r', content: 'y' }])
      assert.equal(await code(say(ann, data)), 'bad_request', JSON.stringify(data).slice(0, 80));
    await ann.ask('join', { roomId: 'talk', name: 'Ann' });
    await bob.ask('join', { roomId: 'talk', name: 'Bob' });
    assert.equal((await say(bob, { roomId: 'talk', content: 'to all' })).ok, true);
    const heard = await ann.event('send', (d) => d.roomId);
    assert.deepEqual([heard.content, heard.userId, heard.name], ['to all', 'bob8', 'Bob']);
    heardNothing(bob, 'send');
    await until(async () => (await history({ roomId: 'talk' })).data.messages.length === 1, 'it to be stored');
    assert.equal((await bob.ask('offline', {}, { type: 'state' })).ok, true);
    assert.equal((await ann.event('offline')).userId, 'bob8');
  });
});

describe('calls with tokens', () => {
  let front;
  const of = (sub, mixdown = { calls: true }) => ({ path: `/ws?token=${token({ sub, name: sub.toUpperCase(), mixdown })}` });
  before(async () => { front = await Front.start(PROGRAM, { dev: false, env: { MIXDOWN_AUTH_SECRET: SECRET } }); });
  after(() => front.remove());

  test('a token for calls needs no room, and a call lets into its room', async () => {
    const ann = await user(front, undefined, {}, of('ann'));
    assert.equal(ann.me.userId, 'ann');
    const bob = await user(front, 'bob', {}, of('bob'));
    const eve = await user(front, 'eve', {}, of('eve'));
    assert.equal(await code((await open(front, of('ann'))).ask('online', { userId: 'bob' }, { type: 'state' })), 'forbidden');
    assert.equal(await code(ann.ask('join', { roomId: 'r1' })), 'forbidden');
    const { roomId } = (await ann.ask('call', { targetUsers: ['bob', 'eve'], roomType: 'mcu' })).data;
    assert.equal((await bob.event('call')).name, 'ANN');
    assert.equal(await code(bob.ask('join', { roomId })), 'forbidden'); // before he has answered
    await bob.ask('accept', {});
    assert.equal(await code(bob.ask('join', { roomId, role: 'host' })), 'forbidden');
    assert.equal((await bob.ask('join', { roomId })).data.role, 'publisher');
    assert.equal(await code(eve.ask('join', { roomId })), 'forbidden');
    assert.equal((await ann.ask('join', { roomId })).data.role, 'host');
    assert.equal(await code(ann.ask('call', { targetUser: 'bob', roomId: 'r1' })), 'forbidden');
    assert.equal(await code(ann.ask('history', { roomId: 'r1' }, { type: 'message' })), 'forbidden');
    const status = (await front.get('/api/v1/rooms/r1', { headers: { authorization: `Bearer ${token({ sub: 'ann', mixdown: { calls: true } })}` } })).status;
    assert.equal(status, 403);
  });

  const seat = (sub, room, role) => of(sub, { room, role, calls: true });

  test('nobody gets onto the stage by a call who may only watch', async () => {
    const low = await user(front, undefined, {}, seat('low', 'r9', 'subscriber'));
    const pal = await user(front, undefined, {}, of('pal'));
    assert.equal(await code(low.ask('call', { roomId: 'r9', targetUser: 'pal' })), 'forbidden');
    const boss = await user(front, undefined, {}, seat('boss', 'r9', 'host'));
    await boss.ask('join', { roomId: 'r9' });
    assert.equal((await boss.ask('room', { may: { invite: 'subscriber' } })).ok, true);
    assert.equal(await code(low.ask('call', { roomId: 'r9', targetUser: 'pal', role: 'publisher' })), 'forbidden');
    assert.equal((await low.ask('call', { roomId: 'r9', targetUser: 'pal' })).ok, true);
    assert.equal((await pal.event('call')).role, 'subscriber');
    assert.equal(await code(low.ask('join', { roomId: 'r9', role: 'publisher' })), 'forbidden');
    assert.equal((await low.ask('join', { roomId: 'r9' })).data.role, 'subscriber');
    await low.ask('hangup', {});
  });

  test('who asks into a call gives what he has in it, whatever he is elsewhere', async () => {
    const star = await user(front, undefined, {}, of('star'));
    const fan = await user(front, undefined, {}, seat('fan', 'r10', 'host'));
    const pal = await user(front, undefined, {}, of('pal10'));
    await fan.ask('join', { roomId: 'r10' });
    const { callId } = (await star.ask('call', { targetUser: 'fan', roomType: 'broadcast' })).data;
    assert.equal((await fan.ask('accept', {})).data.role, 'subscriber');
    for (const role of ['publisher', 'host', undefined])
      assert.equal(await code(fan.ask('invite', { callId, targetUser: 'pal10', ...(role && { role }) })), 'forbidden', role);
    heardNothing(pal, 'call');
    assert.equal((await star.ask('invite', { callId, targetUser: 'pal10', role: 'publisher' })).ok, true);
    await star.ask('hangup', {});
  });

  test('only hosts ask a viewer up, and nobody down', async () => {
    const host = await user(front, undefined, {}, seat('host11', 'r11', 'host'));
    const ann = await user(front, undefined, {}, seat('ann11', 'r11', 'publisher'));
    const bob = await user(front, undefined, {}, seat('bob11', 'r11', 'subscriber'));
    for (const one of [host, ann, bob])
      assert.equal((await one.ask('join', { roomId: 'r11' })).ok, true);
    const roles = async () => (await ann.ask('leave', {}), (await ann.ask('join', { roomId: 'r11' })).data.members.map((m) => `${m.userId} ${m.role}`).sort());
    for (const [targetUser, role, target] of [['bob11', 'publisher', bob], ['host11', 'subscriber', host]]) {
      assert.equal((await ann.ask('invite', { targetUser, role })).ok, true);
      await target.event('call');
      assert.equal((await target.ask('accept', {})).ok, true);
      await sleep(1500); // those who sit are none of the call soon
    }
    assert.deepEqual(await roles(), ['ann11 publisher', 'bob11 subscriber', 'host11 host']);
    assert.equal((await host.ask('invite', { targetUser: 'bob11', role: 'publisher' })).ok, true);
    await bob.event('call');
    await bob.ask('accept', {});
    assert.equal((await host.event('role')).role, 'publisher');
  });
});

// A client of a messaging server that has calls already.
class Av {
  constructor(c, me) { this.c = c; this.me = me; }
  send(to, av) { this.c.send({ type: 2, send_id: this.me, receive_id: to, session_id: `s-${this.me}`, av_data: JSON.stringify(av) }); }
  // The next of that type, with av_data read.
  async next(type) {
    const find = () => this.c.messages.findIndex((m) => m.av_data && JSON.parse(m.av_data).type === type);
    await this.c.until(() => find() >= 0, `av_data of type ${type}`);
    const [m] = this.c.messages.splice(find(), 1);
    return { ...m, av: JSON.parse(m.av_data) };
  }
}

describe('the dialect', () => {
  let front;
  before(async () => { front = await Front.start(PROGRAM); });
  after(() => front.remove());

  test('two old clients: call, pick up, SDP and candidates untouched, hang up', async () => {
    const ann = new Av(await open(front), 'ann');
    const bob = new Av((await user(front, 'bob', { dialect: true })), 'bob');
    ann.send('bob', { messageId: 'PROXY', type: 'start_call' });
    const ring = await bob.next('start_call');
    assert.deepEqual([ring.type, ring.send_id, ring.receive_id, ring.av.messageId], [2, 'ann', 'bob', 'PROXY']);
    bob.send('ann', { messageId: 'PROXY', type: 'receive_call' });
    assert.equal((await ann.next('receive_call')).send_id, 'bob');
    const messageData = { sdp: { type: 'offer', sdp: 'v=0\r\n...' } };
    ann.send('bob', { messageId: 'PROXY', type: 'sdp', messageData });
    const offer = await bob.next('offer'); // he has not said `sdp` yet
    assert.deepEqual(offer.av.messageData, messageData);
    assert.equal(offer.session_id, 's-ann');
    bob.send('ann', { messageId: 'PROXY', type: 'sdp', messageData: { sdp: { type: 'answer', sdp: 'v=1' } } });
    assert.deepEqual((await ann.next('sdp')).av.messageData.sdp, { type: 'answer', sdp: 'v=1' });
    ann.send('bob', { messageId: 'PROXY', type: 'candidate', messageData: { candidate: { candidate: 'c', sdpMid: '0' } } });
    assert.deepEqual((await bob.next('candidate')).av.messageData.candidate, { candidate: 'c', sdpMid: '0' });
    bob.send('ann', { messageId: 'PEER_LEAVE' });
    assert.equal((await ann.next('hangup')).av.messageId, 'PEER_LEAVE');
    assert.deepEqual([...ann.c.messages, ...bob.c.messages].filter((m) => m.id === undefined), [], 'nothing is echoed or answered');
  });

  test('an old and a new client, both ways; errors in the words of who asks', async () => {
    const old = new Av(await open(front), 'old');
    const fresh = await user(front, 'fresh');
    old.send('fresh', { messageId: 'PROXY', type: 'start_call', media: 'audio' });
    assert.deepEqual(await fresh.event('call').then((e) => [e.userId, e.media]), ['old', 'audio']);
    await fresh.ask('accept', {});
    await old.next('receive_call');
    await fresh.ask('offer', { sdp: 'v=0' });
    const offer = await old.next('offer');
    assert.deepEqual([offer.av.sdp, offer.av.messageData.sdp], ['v=0', { type: 'offer', sdp: 'v=0' }]);
    old.send('fresh', { messageId: 'PROXY', type: 'sdp', messageData: { sdp: { type: 'answer', sdp: 'v=9' } } });
    assert.equal((await fresh.event('answer')).sdp, 'v=9');
    await fresh.ask('hangup', {});
    await old.next('hangup');
    old.send('fresh', { messageId: 'PROXY', type: 'receive_call' });
    assert.equal((await old.next('error')).av.code, 'no_such_call');
    old.c.send({ type: 2, send_id: 'mallory', receive_id: 'fresh', av_data: '{"type":"start_call"}' });
    assert.equal((await old.next('error')).av.code, 'forbidden');
    const busy = new Av(await open(front), 'busy');
    fresh.send({ type: 'rtc', action: 'call', data: { targetUser: 'nobody' } });
    busy.send('fresh', { messageId: 'PROXY', type: 'start_call' });
    assert.deepEqual(await busy.next('reject_call').then((m) => [m.send_id, m.av.reason, m.av.ended]), ['fresh', 'busy', true]);
  });
});

describe('the trunk', () => {
  let front;
  before(async () => {
    front = await Front.start(PROGRAM, { dev: false, env: { MIXDOWN_AUTH_SECRET: SECRET, MIXDOWN_RTC_GRACE_S: '2' } });
  });
  after(() => front.remove());
  const admin = () => token({ sub: 'server', mixdown: { admin: true } });
  const trunk = () => open(front, { path: '/trunk', headers: { authorization: `Bearer ${admin()}` } });
  // One user's device over a trunk, with the words of a Client.
  class Over {
    constructor(t, who, device = 'app', more = {}) { Object.assign(this, { t, who, device, more }); }
    send(message) { this.t.send({ user: this.who, device: this.device, ...this.more, ...message }); }
    mine(m) { return m.user === this.who && m.device === this.device; }
    async ask(action, data, more = {}) {
      const id = `${this.who}${this.t.nextId++}`;
      this.send({ type: 'rtc', action, id, data, ...more });
      return this.t.until(() => this.t.messages.find((m) => this.mine(m) && m.id === id), `the answer to ${action}`);
    }
    async event(action) {
      const find = () => this.t.messages.findIndex((m) => this.mine(m) && m.id === undefined && m.action === action);
      await this.t.until(() => find() >= 0, `${this.who}'s event ${action}`);
      return this.t.messages.splice(find(), 1)[0].data;
    }
  }

  test('only for whom the key is', async () => {
    assert.equal((await open(front, { path: '/trunk' })).status, 401);
    const guest = token({ sub: 'ann', mixdown: { room: 'r1', role: 'host' } });
    assert.equal((await open(front, { path: '/trunk', headers: { authorization: `Bearer ${guest}` } })).status, 403);
    assert.equal((await trunk()).status, 101);
  });

  test('users over one connection call each other, and one with a connection of his own', async () => {
    const t = await trunk();
    const [ann, phone, desk] = [new Over(t, 'ann'), new Over(t, 'bob', 'phone', { name: 'Bob' }), new Over(t, 'bob', 'desk')];
    const eve = await user(front, 'eve', {}, { path: `/ws?token=${token({ sub: 'eve', mixdown: { calls: true } })}` });
    for (const c of [ann, phone, desk]) assert.equal((await c.ask('online', {}, { type: 'state' })).ok, true);
    await ann.ask('call', { targetUser: 'bob' });
    assert.equal((await phone.event('call')).userId, 'ann');
    await desk.event('call');
    await phone.ask('accept', {});
    assert.equal((await desk.event('cancel')).reason, 'answered_elsewhere');
    await ann.ask('offer', { sdp: 'v=0' });
    assert.equal((await phone.event('offer')).sdp, 'v=0');
    await phone.ask('hangup', {});
    await ann.event('hangup');
    await eve.ask('call', { targetUsers: ['ann', 'bob'], roomType: 'mcu' });
    const { roomId } = await ann.event('call');
    await ann.ask('accept', {});
    await eve.event('accept');
    assert.equal((await ann.ask('join', { roomId, name: 'Ann' })).data.userId, 'ann');
    assert.equal((await eve.ask('join', { roomId, name: 'Eve' })).ok, true);
    assert.equal((await ann.event('joined')).member.userId, 'eve'); // a room's events come, too
    assert.equal((await phone.ask('send', { targetUser: 'eve', content: 'hi' }, { type: 'message' })).ok, true);
    assert.equal((await eve.event('send')).userId, 'bob');
    await eve.ask('hangup', {});
    t.close();
  });

  test('a user may no more than his server says', async () => {
    const t = await trunk();
    const ann = new Over(t, 'ann');
    const host = new Over(t, 'boss', 'app', { role: 'host' });
    assert.equal(await code(ann.ask('join', { roomId: 'r', name: 'A', role: 'host' })), 'forbidden');
    assert.equal((await host.ask('join', { roomId: 'r', name: 'H', role: 'host' })).data.role, 'host');
    assert.equal((await ann.ask('join', { roomId: 'r', name: 'A', userId: 'somebody' })).data.userId, 'ann');
    assert.equal(await code(ann.ask('lock', { locked: true })), 'forbidden');
    assert.equal(await code(ann.ask('online', { userId: 'boss' }, { type: 'state' })), 'forbidden');
    t.close();
  });

  test('who is gone may come back; a trunk that breaks leaves its users their seats', async () => {
    const t = await trunk();
    const ann = new Over(t, 'ann7');
    const bob = new Over(t, 'bob7');
    const seat = (await ann.ask('join', { roomId: 'keep', name: 'A' })).data;
    await bob.ask('join', { roomId: 'keep', name: 'B' });
    ann.send({ type: 'state', action: 'gone' });
    assert.equal((await ann.ask('resume', { resume: seat.resume })).data.members.length, 2);
    t.close();
    const again = new Over(await trunk(), 'ann7');
    assert.equal((await again.ask('resume', { resume: seat.resume })).data.members.length, 2);
    assert.equal((await again.event('left')).userId, 'bob7'); // who does not come back in time
  });

  test('bad envelopes are refused, floods by one user stay his own', async () => {
    const t = await trunk();
    for (const bad of ['nonsense', { user: 7, type: 'rtc', action: 'ping' }, { user: 'x'.repeat(129), type: 'rtc', action: 'ping' }, { user: 'ann', device: 'a/b', type: 'rtc', action: 'ping' },
      { user: 'ann', role: 'king', type: 'rtc', action: 'ping' }, { user: 'ann', type: 'nonsense', action: 'ping' }]) {
      t.send(bad);
      assert.equal((await t.event('error')).code, 'bad_message', JSON.stringify(bad));
    }
    assert.equal((await t.ask('ping', {})).ok, true);
    const loud = new Over(t, 'loud');
    for (let i = 0; i < 500; i++) loud.send({ type: 'rtc', action: 'ping' });
    assert.equal((await loud.event('error')).code, 'rate_limited');
    assert.equal((await new Over(t, 'quiet').ask('ping', {})).ok, true);
  });

  test('thousands of users over one connection', async () => {
    const t = await trunk();
    const n = 3000;
    for (let i = 0; i < n; i++) t.send({ user: `u${i}`, device: 'app', type: 'state', action: 'online', id: i, data: {} });
    await t.until(() => t.messages.length >= n, 'all answers', 60000);
    assert.equal(t.messages.filter((m) => m.ok && m.user === `u${m.id}`).length, n);
    const query = await new Over(t, 'u5').ask('query', { userIds: ['u2999', 'u3000'] }, { type: 'state' });
    assert.deepEqual(query.data.users.map((u) => u.state), ['online', 'offline']);
    t.close();
    const eve = await user(front, 'eve', {}, { path: `/ws?token=${token({ sub: 'eve', mixdown: { calls: true } })}` });
    await until(async () => (await eve.ask('query', { userIds: ['u2999'] }, { type: 'state' })).data.users[0].state === 'offline', 'them to be gone');
  });
});

describe('clients that go too far', () => {
  let front;
  before(async () => { front = await Front.start(PROGRAM); });
  after(() => front.remove());

  test('refused first, then closed with a reason', async () => {
    for (const message of ['nonsense', '['.repeat(40), '{"type":"other","action":"x"}']) {
      const c = await open(front);
      for (let i = 0; i < 10; i++) c.send(message);
      assert.equal((await c.event('error')).code, 'bad_message');
      assert.equal((await c.ask('ping', {})).ok, true); // a few are forgiven
      for (let i = 0; i < 60; i++) c.send(message);
      assert.equal(await c.closed(), 1008);
    }
    const flood = await open(front);
    flood.raw(Buffer.concat(Array(10000).fill(frame(1, '{"type":"rtc","action":"ping"}'))));
    assert.equal((await flood.event('error')).code, 'rate_limited');
    assert.equal(await flood.closed(), 1008);
    const giant = await open(front);
    giant.send('x'.repeat(256 * 1024 + 1));
    assert.equal(await giant.closed(), 1009);
    const bytes = await open(front);
    bytes.raw(frame(1, Buffer.from([0x22, 0xc3, 0x28, 0x22])));
    assert.equal(await bytes.closed(), 1007);
  });
});
