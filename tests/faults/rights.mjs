// Every action by every role in every state against a real front, by the table in rights.table. Rooms are fakes (tests/tools/fake_room.c).
// Usage: node --test tests/faults/rights.mjs, with BUILD (build).
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Front, SECRET, token, until } from './lib/front.mjs';
import { Client } from './lib/ws.mjs';

const PROGRAM = path.resolve(process.env.BUILD ?? 'build', 'tests/tools/fake_room');
const SDP = [
  'v=0', 'o=- 1 2 IN IP4 127.0.0.1', 's=-', 't=0 0', 'a=group:BUNDLE 0', 'a=ice-ufrag:abcd',
  'a=ice-pwd:abcdefghijklmnopqrstuv', `a=fingerprint:sha-256 ${Array(32).fill('AB').join(':')}`, 'a=setup:actpass',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111', 'c=IN IP4 0.0.0.0', 'a=mid:0', 'a=sendrecv', 'a=rtcp-mux', 'a=rtpmap:111 opus/48000/2', '',
].join('\r\n');
const CLAIMS = {
  host: { role: 'host' }, pub: { role: 'publisher' }, sub: { role: 'subscriber' }, rec: { role: 'subscriber', record: true },
  admin: { role: 'subscriber', admin: true }, out: { role: 'publisher' },
};
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

// {state, what, rows: [{words, expected: {actor: answer}}]} of each section.
function readTable(text) {
  const sections = [];
  let actors;
  for (const line of text.split('\n').filter((l) => l.trim() && !l.startsWith('#'))) {
    const cells = line.split(' | ').map((c) => c.trim());
    const head = line.match(/^state (\w+): (.*)/);
    if (head) sections.push({ state: head[1], what: head[2], rows: [] });
    else if (cells[0] === '' || cells[0].startsWith('|')) actors = line.split('|').slice(1).map((c) => c.trim());
    else {
      const answers = cells.slice(1);
      assert.equal(answers.length, actors.length, `cells of: ${line}`);
      sections.at(-1).rows.push({ words: cells[0], expected: Object.fromEntries(actors.map((a, i) => [a, answers[i]])) });
    }
  }
  return sections;
}

const sections = readTable(fs.readFileSync(new URL('rights.table', import.meta.url), 'utf8'));
let front;
let serial = 0;

const bearer = (sub, room, claims) => token({ sub, name: sub, mixdown: { room, ...claims } });

// People are in one call at a time wherever they are: each scene has its own.
const PEOPLE = /\b(ada|oth|act|zoe)\b/g;
const named = (scene, text) => text.replaceAll('ROOM', scene.room).replace(PEOPLE, (name) => `${name}-${scene.room}`);

async function connect(scene, name, claims) {
  const sub = named(scene, name);
  const text = bearer(sub, scene.room, claims);
  const client = await Client.open(front.port, { path: `/ws?token=${text}` });
  scene.clients.push(client);
  client.token = text;
  return client;
}

async function seat(scene, sub, claims) {
  const client = await connect(scene, sub, claims);
  const answer = await client.ask('join', { roomId: scene.room, name: sub, role: claims.role });
  assert.equal(answer.ok, true, `${sub}: ${JSON.stringify(answer.error)}`);
  client.resume = answer.data.resume;
  return client;
}

async function must(client, action, data) {
  const answer = await client.ask(action, data);
  assert.equal(answer.ok, true, `${action}: ${JSON.stringify(answer.error)}`);
  return answer.data;
}

// Each brings the scene to its state; act is there when it returns.
const STATES = {
  plain: async (s) => { s.act = s.actor === 'out' ? await s.outside() : await s.inside(); },
  locked: async (s) => { await must(s.ada, 'lock', { locked: true }); s.act = await s.outside(); },
  password: async (s) => { await must(s.ada, 'room', { password: 'right' }); s.act = await s.outside(); },
  lobby: async (s) => { await must(s.ada, 'room', { lobby: true }); s.act = await s.outside(); },
  async knocked(s) {
    await must(s.ada, 'room', { lobby: true });
    s.act = await s.outside();
    assert.equal((await must(s.act, 'join', { roomId: s.room, name: 'act' })).waiting, true);
  },
  async banned(s) { s.act = await s.inside(); await must(s.ada, 'kick', { userId: named(s, 'act') }); await s.act.event('ended'); },
  demoted: (s) => s.made('publisher'),
  promoted: (s) => s.made('host'),
  watching: (s) => s.made('subscriber'),
  async open(s) {
    await must(s.ada, 'room', { may: { record: 'subscriber', live: 'subscriber', layout: 'subscriber' } });
    s.act = s.actor === 'out' ? await s.outside() : await s.inside();
  },
  async strict(s) {
    await must(s.ada, 'room', { may: { chat: 'host', invite: 'host' } });
    s.act = s.actor === 'out' ? await s.outside() : await s.inside();
  },
  async heir(s) {
    await s.oth.ask('leave', {});
    s.act = await s.inside();
    s.oth = await seat(s, 'oth', CLAIMS.pub);
    await must(s.ada, 'leave', {});
    await s.oth.event('role');
  },
  async over(s) { s.act = await s.inside(); await must(s.ada, 'end', {}); await s.act.event('ended'); },
};

async function makeScene(actor) {
  const s = { room: `r${++serial}`, actor, clients: [] };
  s.outside = () => connect(s, 'act', CLAIMS[actor]);
  s.inside = () => seat(s, 'act', CLAIMS[actor]);
  s.made = async (role) => {
    s.act = await s.inside();
    if (CLAIMS[actor].role !== role) await must(s.ada, 'role', { userId: named(s, 'act'), role });
  };
  s.ada = await seat(s, 'ada', CLAIMS.host);
  s.oth = await seat(s, 'oth', CLAIMS.pub);
  return s;
}

async function endScene(s) {
  for (const client of s.clients) client.close();
  await front.get(`/api/v1/rooms/${s.room}`, { method: 'DELETE', headers: { authorization: `Bearer ${bearer('root', s.room, { admin: true })}` } });
}

async function ask(s, words) {
  const [head, target] = words.split(' ');
  const rest = named(s, words.slice(head.length + 1));
  if (!METHODS.includes(head)) {
    const [action, type = 'rtc'] = head.split('/').reverse();
    const answer = await s.act.ask(action, JSON.parse(rest.replace('"SDP"', JSON.stringify(SDP))), { type });
    return answer.ok ? (answer.data.waiting === true ? 'waiting' : 'ok') : answer.error.code;
  }
  const where = named(s, target).replace(/^\.\/?/, `/api/v1/rooms/${s.room}/`).replace(/\/$/, '');
  const body = named(s, words.slice(head.length + target.length + 2));
  const isSdp = body === 'SDP';
  const reply = await front.get(where, { method: head, body: body ? (isSdp ? SDP : body) : undefined,
    headers: { authorization: `Bearer ${s.act.token}`, ...(body && { 'content-type': isSdp ? 'application/sdp' : 'application/json' }) } });
  const text = await reply.text();
  if (reply.ok) return 'ok';
  const { code } = JSON.parse(text).error;
  assert.ok(reply.status >= 400 && reply.status < 500, `${words}: ${reply.status} ${code}`);
  return code;
}

// What is refused, and what only looks, changes nothing: the scene serves the next answer, too. That it does is tested by it.
const leavesAll = (words, answer) => (answer !== 'ok' && answer !== 'waiting') || /^(GET|ping) /.test(words);

// The rows of a section for one actor. Collects what differs, so that one run tells all.
async function runActor(state, actor, rows, wrong) {
  let s = null;
  for (const { words, expected } of rows) {
    if (!s) {
      s = await makeScene(actor);
      await STATES[state](s);
    }
    const got = await ask(s, words);
    if (got !== expected[actor]) wrong.push(`${state}: ${actor}: ${words}: ${got}, not ${expected[actor]}`);
    if (leavesAll(words, got)) continue;
    await endScene(s);
    s = null;
  }
  if (s) await endScene(s);
}

async function runSection({ state, rows }) {
  const actors = Object.keys(rows[0].expected);
  const wrong = [];
  await Promise.all(actors.map((actor) => runActor(state, actor, rows, wrong)));
  return wrong;
}

before(async () => {
  front = await Front.start(PROGRAM, { dev: false, env: { MIXDOWN_AUTH_SECRET: SECRET, MIXDOWN_ROOM_MAX_ROOMS: '200' } });
  assert.equal(front.exit, undefined, front.log);
});
after(() => front.remove());

test('the table is large, and names no state that is not played', () => {
  const count = sections.flatMap(({ rows }) => rows).reduce((sum, { expected }) => sum + Object.keys(expected).length, 0);
  assert.ok(count >= 200, `${count} rows`);
  for (const { state } of sections) assert.ok(STATES[state] || state === 'lost', state);
  console.log(`# ${count} answers`);
});

for (const section of sections.filter(({ state }) => state !== 'lost')) {
  test(`${section.state}: ${section.what}`, async () => {
    assert.deepEqual(await runSection(section), []);
  });
}

// Last, for it ends the front: everybody's scene is made, then the front dies, and all come back to the next one.
test('lost: rights and rules outlive the front', async () => {
  const { rows } = sections.find(({ state }) => state === 'lost');
  const scenes = [];
  for (const { words, expected } of rows) {
    for (const [actor, answer] of Object.entries(expected)) {
      const s = await makeScene(actor);
      s.act = await s.inside();
      await must(s.ada, 'lock', { locked: true });
      scenes.push({ s, words, answer });
    }
  }
  const { data, port } = front;
  await front.stop('SIGKILL');
  front = await Front.start(PROGRAM, { dev: false, data, port, env: { MIXDOWN_AUTH_SECRET: SECRET, MIXDOWN_ROOM_MAX_ROOMS: '200' } });
  await until(async () => (await front.get('/readyz')).ok, 'the new front to be ready');
  const wrong = [];
  for (const { s, words, answer } of scenes) {
    const { resume } = s.act;
    s.act = await s.outside();
    const back = await must(s.act, 'resume', { resume });
    assert.equal(back.room.locked, true);
    const got = await ask(s, words);
    if (got !== answer) wrong.push(`lost: ${s.actor}: ${words}: ${got}, not ${answer}`);
    await endScene(s);
  }
  assert.deepEqual(wrong, []);
});
