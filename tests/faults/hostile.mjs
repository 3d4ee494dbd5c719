// What slow and hostile clients do to everybody else: nothing that they notice. In `make test` each kind is few and short, and
// the answers' times are only told; `make proof-hostile` (PROOF=1) has 5,000 of the cheap kinds, more time, and the bounds of the issue:
// others' p99 under 200 ms. The server's memory is bounded in both.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import { Front, SECRET, sleep, token, until } from './lib/front.mjs';
import { Client } from './lib/ws.mjs';

const PROGRAM = path.resolve(process.env.BUILD ?? 'build', 'tests/tools/fake_room');
const PROOF = process.env.PROOF === '1';
const SECONDS = PROOF ? 15 : 1;
const MEMORY_MOST_KB = 300 * 1024;
const KINDS = {
  'half-open': PROOF ? 5000 : 500, silent: PROOF ? 5000 : 500, 'slow-header': PROOF ? 1000 : 100, 'slow-frame': PROOF ? 1000 : 100,
  'giant-frame': PROOF ? 20 : 5, 'deep-json': PROOF ? 20 : 5, flood: PROOF ? 5 : 1, 'never-reads': PROOF ? 100 : 10, 'foreign-origin': PROOF ? 100 : 20,
};

const claim = (sub) => token({ sub, mixdown: { calls: true } });
const rssKb = (pid) => Number(fs.readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)[1]);

async function attack(port, kind, count) {
  const script = path.join(path.dirname(fileURLToPath(import.meta.url)), 'lib/hostile.mjs');
  const child = spawn(process.execPath, [script, String(port), kind, String(count)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (d) => { said += d; });
  await until(() => said.includes('ready') || child.exitCode !== null, `${kind} to begin`, 60000);
  assert.equal(child.exitCode, null, `${kind} ended`);
  return { stop: async () => { child.kill(); await until(() => child.exitCode !== null || child.signalCode !== null, `${kind} to end`); return said; } };
}

// Others at work: a message from one to the other, ten a second; how long each takes to arrive.
async function measure(ann, bob, seconds) {
  const times = [];
  for (const end = Date.now() + seconds * 1000; Date.now() < end || times.length < 10;) {
    const began = performance.now();
    ann.send({ type: 'message', action: 'send', data: { targetUser: 'bob', content: String(times.length) } });
    await bob.event('send', (d) => d.content === String(times.length));
    times.push(performance.now() - began);
    await sleep(100);
  }
  times.sort((a, b) => a - b);
  return { p50: times[times.length >> 1], p99: times[Math.floor(times.length * 0.99)], most: times.at(-1), n: times.length };
}

const told = (m) => `p50 ${m.p50.toFixed(1)} ms, p99 ${m.p99.toFixed(1)} ms, most ${m.most.toFixed(1)} ms of ${m.n}`;

describe('hostile clients', () => {
  let front, ann, bob, quiet;
  before(async () => {
    front = await Front.start(PROGRAM, { dev: false, env: { MIXDOWN_AUTH_SECRET: SECRET, MIXDOWN_HTTP_MAX_CONNECTIONS: '8000' } });
    [ann, bob] = await Promise.all(['ann', 'bob'].map(async (sub) => {
      const c = await Client.open(front.port, { path: `/ws?token=${claim(sub)}` });
      assert.equal((await c.ask('online', {}, { type: 'state' })).ok, true);
      return c;
    }));
    quiet = await measure(ann, bob, SECONDS);
    console.log(`# nobody hostile: ${told(quiet)}; ${rssKb(front.child.pid)} kB`);
  });
  after(async () => { ann?.close(); bob?.close(); await front.remove(); });

  for (const [kind, count] of Object.entries(KINDS)) {
    test(`${count} x ${kind}`, async () => {
      const enemy = await attack(front.port, kind, count);
      let m, kb;
      try {
        m = await measure(ann, bob, SECONDS);
        kb = rssKb(front.child.pid);
      } finally {
        await enemy.stop();
      }
      console.log(`# ${count} x ${kind}: ${told(m)}; ${kb} kB`);
      assert.equal(front.exit, undefined);
      assert.ok(kb < MEMORY_MOST_KB, `${kb} kB`);
      if (PROOF) assert.ok(m.p99 < Math.max(200, 4 * quiet.p99), `p99 is ${m.p99} ms`); // a busy machine is not our doing
      const fresh = await Client.open(front.port, { path: `/ws?token=${claim('eve')}` }); // and others may still come
      assert.equal((await fresh.ask('ping', {})).ok, true);
      fresh.close();
    });
  }

  test('who answers pings is not silent', async () => {
    await until(() => front.metric('mixdown_ws_pongs_total').then((n) => n >= 2), 'both to have been asked, and heard', 60000);
    assert.equal(ann.isClosed || bob.isClosed, false);
  });
});

// With the limit of the settings full of silent strangers, who is in stays served, and who comes later is when they are gone.
test('all connections taken', async () => {
  const front = await Front.start(PROGRAM, { env: { MIXDOWN_HTTP_MAX_CONNECTIONS: '100' } });
  try {
    const ann = await Client.open(front.port);
    const enemy = await attack(front.port, 'silent', 300);
    assert.equal((await ann.ask('ping', {})).ok, true);
    await enemy.stop();
    const late = await until(() => Client.open(front.port).then((c) => c.status === 101 && c, () => null), 'a place', 60000);
    assert.equal((await late.ask('ping', {})).ok, true);
    ann.close();
    late.close();
  } finally {
    await front.remove();
  }
});
