// The SDK's connection for calls (web/sdk/calls.js) where things happen in an odd order. The server is a script.
// Usage: node --test tests/faults/sdk_calls.mjs
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Calls } from '../../web/sdk/calls.js';
import { Mixdown } from '../../web/sdk/mixdown.js';
import { until } from './lib/front.mjs';

const CALL = { callId: 'c1', userId: 'bob', roomType: 'p2p', media: 'audio' };

// All sockets that were opened; each answers `online` and what `answers` names.
function server(answers = {}) {
  const sockets = [];
  class FakeSocket {
    readyState = 0;
    asked = [];
    ids = {};
    constructor() {
      sockets.push(this);
      setImmediate(() => { this.readyState = 1; this.onopen(); });
    }
    say(message) { this.onmessage({ data: JSON.stringify({ type: 'rtc', ...message }) }); }
    ring(data) { this.say({ action: 'call', data }); }
    send(text) {
      const { id, action } = JSON.parse(text);
      this.asked.push(action);
      this.ids[action] = id;
      const made = action === 'online' ? { userId: 'ann', call: null, ...answers.online?.(this) } : answers[action]?.(this);
      if (made !== null && !made?.isLate && id !== undefined)
        setImmediate(() => this.readyState === 1 && this.say({ id, ok: !made?.error, data: made, error: made?.error }));
    }
    close() {
      if (this.readyState === 3)
        return;
      this.readyState = 3;
      setImmediate(() => this.onclose());
    }
  }
  return { sockets, environment: { WebSocket: FakeSocket }, isOpen: () => sockets.filter((s) => s.readyState === 1).length };
}

function open(s, on = {}) {
  const me = new Calls({ url: 'ws://mixdown.test', device: 'd', userId: 'ann' }, s.environment);
  for (const [event, fn] of Object.entries(on))
    me.on(event, fn);
  return me;
}

test('one connection at a time, and none after a refusal', async () => {
  const s = server();
  const me = open(s);
  await me.online();
  await me.online(); // as an app that was asleep does
  assert.deepEqual([me.state, s.sockets.length, s.isOpen()], ['online', 2, 1]);
  me.offline();
  assert.equal(me.state, 'offline');
  await until(() => s.isOpen() === 0, 'the socket to be closed');

  const refusing = server({ online: () => ({ error: { code: 'too_many_devices' } }) });
  const other = open(refusing);
  await assert.rejects(other.online(), { code: 'too_many_devices' });
  assert.equal(other.state, 'offline');
  assert.equal(refusing.isOpen(), 0);
});

test('offline() while online() is under way stays', async () => {
  const s = server({ online: () => ({ isLate: true }) });
  const me = open(s);
  const coming = me.online();
  await until(() => s.sockets[0]?.asked.includes('online'), 'it to sign in');
  me.offline();
  s.sockets[0].say({ id: s.sockets[0].ids.online, ok: true, data: { userId: 'ann' } });
  await assert.rejects(coming, { code: 'left' });
  assert.equal(me.state, 'offline');
});

test('a call that ended while we were away rings no more', async () => {
  const rings = [];
  const s = server();
  const me = open(s, { ring: (call) => rings.push(call) });
  await me.online();
  s.sockets[0].ring(CALL);
  s.sockets[0].close();
  await until(() => s.sockets.length === 2 && me.state === 'online', 'it to come back');
  assert.deepEqual([rings[0].state, rings[0].reason, me.current], ['ended', 'lost', null]);
  s.sockets[1].ring({ ...CALL, callId: 'c2' });
  assert.equal(rings[1].id, 'c2');
  me.offline();
});

test('a call that still rings goes on, and another takes its place', async () => {
  const rings = [];
  const s = server({ online: (socket) => { if (s.sockets.length > 1) socket.ring(CALL); return {}; } });
  const me = open(s, { ring: (call) => rings.push(call) });
  await me.online();
  s.sockets[0].ring(CALL);
  s.sockets[0].close();
  await until(() => s.sockets.length === 2 && me.state === 'online', 'it to come back');
  assert.deepEqual([rings.length, rings[0].state, me.current], [1, 'ringing', rings[0]]);
  s.sockets[1].ring({ ...CALL, callId: 'c3' });
  assert.deepEqual([rings[0].state, rings[1]?.id], ['ended', 'c3']);
  s.sockets[1].say({ type: 'state', action: 'offline', data: { userId: 'ann', state: 'offline', reason: 'replaced' } });
  assert.deepEqual([me.state, rings[1].state, me.current], ['offline', 'ended', null]);
});

test('both call at once: the second takes his seat in the room of the first', async () => {
  const s = server({ call: () => ({ ...CALL, roomType: '1v1', roomId: 'c1', role: 'publisher', state: 'accepted' }), join: () => null });
  const me = open(s);
  await me.online();
  const calling = me.call('bob', { roomType: '1v1' });
  await until(() => s.sockets[1]?.asked.includes('join'), 'it to join the room');
  const ending = me.current.hangup();
  await assert.rejects(calling);
  await ending;
  me.offline();
});

test('a room that was left listens to nothing any more', async () => {
  const listeners = new Set();
  const kept = [globalThis.addEventListener, globalThis.removeEventListener];
  globalThis.addEventListener = (event, fn) => listeners.add(fn);
  globalThis.removeEventListener = (event, fn) => listeners.delete(fn);
  try {
    const s = server({ join: () => ({ error: { code: 'forbidden' } }) });
    const room = new Mixdown(s.environment);
    assert.equal(listeners.size, 0);
    await assert.rejects(room.join({ url: 'ws://mixdown.test', room: 'r', name: 'Ann' }), { code: 'forbidden' });
    assert.equal(listeners.size, 0);
    assert.equal(s.isOpen(), 0);
  } finally {
    [globalThis.addEventListener, globalThis.removeEventListener] = kept;
  }
});
