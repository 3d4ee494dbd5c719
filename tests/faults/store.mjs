// The store in trouble, through a running front: locked by somebody, the disk full, the file broken. People come and go,
// nothing waits for it, and what was to be written is written in order. Rooms are fakes.
// STORE_LOCK_S is how long the lock is held (3; `make proof-store`: 30). Usage: node --test tests/faults/store.mjs, with BUILD.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { Front, sleep, until } from './lib/front.mjs';
import { Client } from './lib/ws.mjs';

const PROGRAM = path.resolve(process.env.BUILD ?? 'build', 'tests/tools/fake_room');
const LOCK_S = Number(process.env.STORE_LOCK_S ?? 3);
const clients = [];
after(() => clients.forEach((c) => c.close()));

async function join(front, room, user) {
  const c = await Client.open(front.port);
  clients.push(c);
  const answer = await c.ask('join', { roomId: room, name: user, userId: user });
  assert.equal(answer.ok, true, JSON.stringify(answer));
  return c;
}

// One comes, one goes, in turns: each is two writes.
async function visit(front, room, names) {
  for (const name of names) {
    const c = await join(front, room, name);
    assert.equal((await c.ask('leave', {})).ok, true);
    c.close();
  }
}

// sqlite3 sees the file by the path of whoever has it open: `pid` may be in a namespace of its own.
function ask(file, sql, pid = null) {
  const words = ['sqlite3', '-cmd', '.timeout 20000', file, sql];
  for (let left = 100; ; left--) { // beside a writer that comes and goes the shell may fail to open it
    try {
      return (pid ? execFileSync('nsenter', ['-t', String(pid), '-U', '-m', '--preserve-credentials', ...words], { stdio: 'pipe' }) : execFileSync(words[0], words.slice(1), { stdio: 'pipe' })).toString().trim();
    } catch (e) {
      if (!left || !/unable to open/.test(String(e.stderr))) throw e;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    }
  }
}
const names = (from, count) => Array.from({ length: count }, (_, i) => `user-${String(from + i).padStart(3, '0')}`);
const visitors = (file, room, pid) => ask(file, `SELECT user_id FROM room_members WHERE room_id='${room}' AND user_id LIKE 'user-%' AND left_at > 0 ORDER BY id`, pid).split('\n');

test(`locked for ${LOCK_S} s: nobody waits, every write comes later and in order`, async () => {
  const front = await Front.start(PROGRAM);
  const file = path.join(front.data, 'mixdown.db');
  let shell;
  try {
    const host = await join(front, 'locked', 'host');
    await visit(front, 'locked', names(0, 5));
    await until(() => visitors(file, 'locked').length === 5, 'the first rows');
    shell = spawn('sqlite3', [file], { stdio: ['pipe', 'pipe', 'inherit'] });
    let said = '';
    shell.stdout.on('data', (d) => { said += d; });
    shell.stdin.write("BEGIN EXCLUSIVE;\nSELECT 'locked';\n");
    await until(() => said.includes('locked'), 'the lock');
    const began = Date.now();
    let slowest = 0;
    let next = 5;
    while (Date.now() - began < LOCK_S * 1000 || (await front.metric('mixdown_store_retries_total')) === 0) {
      await visit(front, 'locked', names(next, 2));
      next += 2;
      const asked = Date.now();
      assert.equal((await host.ask('ping', {})).ok, true);
      assert.equal((await front.get('/api/v1/recordings')).status, 200);
      slowest = Math.max(slowest, Date.now() - asked);
      await sleep(100);
    }
    assert.ok(await front.metric('mixdown_store_waiting') > 0);
    assert.equal(visitors(file, 'locked').length, 5);
    assert.match(front.log, /store: .*mixdown\.db: .*; writes are kept and tried again/);
    shell.stdin.end('ROLLBACK;\n');
    await until(async () => (await front.metric('mixdown_store_waiting')) === 0, 'nothing to wait', 60000);
    assert.deepEqual(visitors(file, 'locked'), names(0, next));
    assert.match(front.log, /takes writes again/);
    for (const lost of ['refused', 'failed']) assert.equal(await front.metric(`mixdown_store_${lost}_total`), 0, lost);
    assert.ok(host.messages.every((m) => m.action !== 'ended'));
    console.log(`# locked for ${LOCK_S} s: ${next - 5} people came and went, slowest answer ${slowest} ms`);
  } finally { shell?.kill(); await front.remove(); }
});

test('the disk is full: people come and go, and all is written when there is room again', async () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mixdown-full-'));
  const data = path.join(dir, 'data');
  const wrapper = path.join(dir, 'serve');
  fs.mkdirSync(data);
  // A disk of its own, in a namespace of its own: nothing is left of it when the front has gone.
  fs.writeFileSync(wrapper, `#!/bin/sh\nexec unshare -Urm sh -c 'mount -t tmpfs -o size=2m tmpfs ${data} && exec ${PROGRAM} "$@"' sh "$@"\n`, { mode: 0o755 });
  const front = await Front.start(wrapper, { data });
  try {
    assert.equal(front.exit, undefined, front.log);
    const inside = `/proc/${front.child.pid}/root${data}`;
    const file = path.join(data, 'mixdown.db');
    const { pid } = front.child;
    await join(front, 'full', 'host');
    await visit(front, 'full', names(0, 3));
    await until(() => visitors(file, 'full', pid).length === 3, 'the first rows');
    const fill = fs.openSync(path.join(inside, 'fill'), 'w');
    assert.throws(() => { for (;;) fs.writeSync(fill, Buffer.alloc(4096, 1)); }, { code: 'ENOSPC' });
    let next = 3;
    await until(async () => {
      await visit(front, 'full', names(next, 3));
      next += 3;
      return (await front.metric('mixdown_store_retries_total')) > 0;
    }, 'the disk to be full', 60000);
    await visit(front, 'full', names(next, 20));
    next += 20;
    assert.ok(await front.metric('mixdown_store_waiting') > 0);
    assert.match(front.log, /store: .*No space left on device; writes are kept/);
    fs.ftruncateSync(fill, 0);
    await until(async () => (await front.metric('mixdown_store_waiting')) === 0, 'nothing to wait', 60000);
    assert.deepEqual(visitors(file, 'full', pid), names(0, next));
    assert.equal(ask(file, 'PRAGMA integrity_check', pid), 'ok');
    for (const lost of ['refused', 'failed']) assert.equal(await front.metric(`mixdown_store_${lost}_total`), 0, lost);
    fs.closeSync(fill);
  } finally { await front.stop('SIGTERM'); await front.remove(); fs.rmSync(dir, { recursive: true, force: true }); }
});

test('the file breaks while it is in use: set aside, said loudly, and a new one goes on', async () => {
  const front = await Front.start(PROGRAM);
  const file = path.join(front.data, 'mixdown.db');
  try {
    const host = await join(front, 'broken', 'host');
    await visit(front, 'broken', names(0, 300));
    await until(async () => (await front.metric('mixdown_store_waiting')) === 0, 'the rows');
    ask(file, 'PRAGMA wal_checkpoint(TRUNCATE)');
    const fd = fs.openSync(file, 'r+');
    fs.writeSync(fd, Buffer.alloc(65536, 0xa5), 0, 65536, 0);
    fs.closeSync(fd);
    await visit(front, 'broken', names(300, 3));
    const aside = await until(() => fs.readdirSync(front.data).find((f) => /^mixdown\.db\.corrupt-\d+/.test(f) && !f.endsWith('-wal') && !f.endsWith('-shm')), 'the file to be set aside', 60000);
    assert.ok(fs.statSync(path.join(front.data, aside)).size > 65536, 'it is kept for whoever can mend it');
    await until(async () => (await front.metric('mixdown_store_waiting')) === 0, 'the new rows', 60000);
    await until(() => visitors(file, 'broken').includes('user-302'), 'the newest row', 60000);
    assert.match(front.log, /error .*corrupt/);
    assert.equal(await front.metric('mixdown_store_set_aside_total'), 1);
    assert.equal((await host.ask('ping', {})).ok, true);
    assert.equal((await front.get('/api/v1/recordings')).status, 200);
    assert.deepEqual((await front.json('/api/v1/rooms/broken/members')).members.map((m) => m.userId), ['host']);
  } finally { await front.remove(); }
});
