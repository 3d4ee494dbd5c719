// Clients that mean harm, in a process of their own, so that what they cost here is not measured there.
// Usage: node hostile.mjs PORT KIND COUNT. Says `ready` when all are at it, runs until it is ended.
import crypto from 'node:crypto';
import net from 'node:net';
import { sleep } from './front.mjs';
import { frame } from './ws.mjs';

const [port, kind, count] = [Number(process.argv[2]), process.argv[3], Number(process.argv[4])];
let refused = 0;

const upgrade = (origin) => ['GET /ws HTTP/1.1', `Host: 127.0.0.1:${port}`, 'Upgrade: websocket', 'Connection: Upgrade',
  `Sec-WebSocket-Key: ${crypto.randomBytes(16).toString('base64')}`, 'Sec-WebSocket-Version: 13',
  ...(origin ? [`Origin: ${origin}`] : []), '', ''].join('\r\n');

// A connection; onOpen(socket) once, upgraded where it is to be.
function connect(isUpgraded, onOpen, origin) {
  const s = net.connect(port, '127.0.0.1');
  s.on('error', () => {});
  s.once('connect', () => {
    if (!isUpgraded) { onOpen?.(s); return; }
    s.write(upgrade(origin));
    s.once('data', (d) => (d.toString('latin1').startsWith('HTTP/1.1 101') ? onOpen?.(s) : refused++));
  });
  s.resume();
  return s;
}

// Whoever is thrown out comes again: few at once, many as if each had a clock of his own.
const pause = () => (count > 50 ? Math.random() * 5000 : 10);

function again(isUpgraded, attack, origin) {
  const s = connect(isUpgraded, attack, origin);
  s.on('close', () => setTimeout(() => again(isUpgraded, attack, origin), pause()));
}

async function drip(s, bytes) {
  for (const byte of bytes) {
    if (s.destroyed) return;
    s.write(Buffer.from([byte]));
    await sleep(1000);
  }
}

const giant = Buffer.concat([Buffer.from([0x81, 0xff]), Buffer.from([0, 0, 1, 0, 0, 0, 0, 0]), Buffer.alloc(4)]); // a terabyte is coming
const deep = frame(1, '['.repeat(200000));
const flood = Buffer.concat(Array(10000).fill(frame(1, '{"type":"rtc","action":"ping","id":"x"}')));

const attacks = {
  'half-open': () => again(false, (s) => s.write('GET /ws HT')),
  'silent': () => again(false, null),
  'slow-header': () => again(false, (s) => drip(s, Buffer.from(upgrade()))),
  'slow-frame': () => again(true, (s) => drip(s, frame(1, `{"x":"${'y'.repeat(500)}"}`))),
  'giant-frame': () => again(true, (s) => { s.write(giant); const more = setInterval(() => s.write(Buffer.alloc(65536)), 20); s.on('close', () => clearInterval(more)); }),
  'deep-json': () => again(true, (s) => { const more = setInterval(() => s.write(deep), 50); s.on('close', () => clearInterval(more)); }),
  'flood': () => again(true, (s) => { s.write(flood); const more = setInterval(() => s.write(flood), 1000); s.on('close', () => clearInterval(more)); }),
  'never-reads': () => { const s = connect(true, (t) => { t.pause(); const more = setInterval(() => t.write(frame(1, `{"type":"rtc","action":"ping","id":"${'i'.repeat(120)}"}`)), 11); t.on('close', () => clearInterval(more)); }); s.on('close', () => setTimeout(attacks['never-reads'], 10)); },
  'foreign-origin': () => again(true, null, 'https://evil.example'),
};

for (let i = 0; i < count; i++) {
  attacks[kind]();
  if (i % 100 === 99) await sleep(20);
}
await sleep(500);
console.log('ready');
process.on('SIGTERM', () => { console.log(`refused ${refused}`); process.exit(0); });
