// bench/signaling: what connections cost, and how long messages take.
//
// The front with 0, 500 and 2,000 idle WebSockets of signed-in users, each pinged every 30 s by the server; beside them
// 20 pairs exchange text at 500 messages a second (each is stored, delivered, and answered). Told are the front's memory for
// one connection, its CPU, and the time from sending to arriving and to the answer. The floor in the same run: a bare echo
// server in this language, on the same loopback, with the same load.
//
// Usage: node bench/signaling/signaling.mjs [BUILD]    IDLE="0 500 2000" SECONDS_EACH=10
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { Front, sleep, until } from '../../tests/faults/lib/front.mjs';
import { Client, frame } from '../../tests/faults/lib/ws.mjs';

const build = process.argv[2] ?? 'build';
const counts = (process.env.IDLE ?? '0 500 2000').split(' ').map(Number);
const seconds = Number(process.env.SECONDS_EACH ?? 10);
const PAIRS = 20;
const RATE = 500;

const rssKb = (pid) => Number(fs.readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)[1]);
const cpuS = (pid) => { const f = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' '); return (Number(f[11]) + Number(f[12])) / 100; };
const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
const ms = (n) => n.toFixed(1).padStart(7);

// A user who is there and says nothing: the kernel's socket, and pongs.
async function idleUser(port, i) {
  const c = await Client.open(port);
  await c.ask('online', { userId: `idle${i}`, device: 'd' }, { type: 'state' });
  return c;
}

// Pairs that write to each other; resolves with the times of arrival and of answers, in ms.
async function load(pairs) {
  const [arrivals, answers] = [[], []];
  const began = new Map();
  for (const [a, b] of pairs) {
    b.take = function take(data) { // as they come, so that none waits for a poll
      Client.prototype.take.call(this, data);
      for (const m of this.messages.splice(0)) {
        if (m.data?.content) arrivals.push(performance.now() - began.get(m.data.content));
      }
    };
    a.take = function take(data) {
      Client.prototype.take.call(this, data);
      for (const m of this.messages.splice(0)) if (m.id) answers.push(performance.now() - began.get(String(m.id)));
    };
  }
  const start = performance.now();
  for (let n = 0; n < RATE * seconds; n++) {
    const due = start + (n * 1000) / RATE;
    if (due > performance.now()) await sleep(due - performance.now());
    const [a, b] = pairs[n % pairs.length];
    began.set(String(n), performance.now());
    a.send({ type: 'message', action: 'send', id: String(n), data: { targetUser: b.name, content: String(n) } });
  }
  await until(() => arrivals.length >= RATE * seconds && answers.length >= RATE * seconds, 'all to arrive', 60000);
  const took = (performance.now() - start) / 1000;
  return { arrivals: arrivals.sort((x, y) => x - y), answers: answers.sort((x, y) => x - y), rate: (RATE * seconds) / took };
}

async function pairsOf(front, round) {
  const pairs = [];
  for (let i = 0; i < PAIRS; i++) {
    const pair = [];
    for (const side of ['a', 'b']) {
      const c = await Client.open(front.port);
      c.name = `${side}${round}-${i}`;
      await c.ask('online', { userId: c.name }, { type: 'state' });
      pair.push(c);
    }
    pairs.push(pair);
  }
  return pairs;
}

async function measure(front, idle, round) {
  const pairs = await pairsOf(front, round);
  const pid = front.child.pid;
  const cpu = cpuS(pid);
  const began = performance.now();
  const { arrivals, answers, rate } = await load(pairs);
  const cores = (cpuS(pid) - cpu) / ((performance.now() - began) / 1000);
  pairs.flat().forEach((c) => c.close());
  console.log(`${String(idle).padStart(6)} ${rate.toFixed(0).padStart(7)} ${ms(at(arrivals, 0.5))} ${ms(at(arrivals, 0.99))} ${ms(at(answers, 0.5))} ${ms(at(answers, 0.99))} ${cores.toFixed(3).padStart(7)}`);
}

// The same bytes through a server of a few lines.
async function floor() {
  const server = net.createServer((s) => { s.setNoDelay(true); s.on('data', (d) => s.write(d)); s.on('error', () => {}); });
  await new Promise((r) => server.listen(0, '127.0.0.1', r));
  const sockets = [];
  const times = [];
  const text = frame(1, JSON.stringify({ type: 'message', action: 'send', id: '12345', data: { targetUser: 'b0-10', content: '12345' } }), { masked: false });
  for (let i = 0; i < PAIRS; i++) {
    const s = net.connect(server.address().port, '127.0.0.1');
    s.sent = [];
    s.on('data', (d) => { for (let n = 0; n < d.length / text.length; n++) times.push(performance.now() - s.sent.shift()); });
    sockets.push(s);
  }
  const start = performance.now();
  for (let n = 0; n < RATE * seconds; n++) {
    const due = start + (n * 1000) / RATE;
    if (due > performance.now()) await sleep(due - performance.now());
    const s = sockets[n % PAIRS];
    s.sent.push(performance.now());
    s.write(text);
  }
  await until(() => times.length >= RATE * seconds, 'the echo');
  times.sort((x, y) => x - y);
  sockets.forEach((s) => s.destroy());
  server.close();
  console.log(` floor ${String(RATE).padStart(7)} ${ms(at(times, 0.5))} ${ms(at(times, 0.99))}   (bare TCP echo by Node, both ends in one process)`);
}

const front = await Front.start(path.resolve(build, 'tests/tools/fake_room'), { env: { MIXDOWN_HTTP_MAX_CONNECTIONS: '4000' } });
const clients = [];
try {
  console.log('  idle  msg/s  arrive (ms)     answer (ms)     front');
  console.log(' users          p50     p99     p50     p99   cores');
  await floor();
  await sleep(1000);
  const empty = rssKb(front.child.pid);
  for (const [round, count] of counts.entries()) {
    while (clients.length < count) clients.push(...await Promise.all(Array.from({ length: Math.min(100, count - clients.length) }, (_, i) => idleUser(front.port, clients.length + i))));
    const kb = (rssKb(front.child.pid) - empty) / Math.max(1, count);
    await measure(front, count, round);
    if (count) console.log(`        ${kb.toFixed(1)} kB of memory for an idle connection`);
  }
} finally {
  clients.forEach((c) => c.close());
  await front.remove();
}
