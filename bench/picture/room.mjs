// bench/room: the CPU of one live room with 4, 16 and 49 publishers, one viewer, recorded.
//
// Everyone sends VP8 of the size that his tile needs at 30 a second, and Opus; three of them speak. The
// room decodes, mixes, composites 1280x720 at 30, encodes H264 once for the viewer and the recording.
// CPU is the room process's own. For scale: bare library loops for 16 sources of 640x360 into one such view
// take 0.45 core on the machine that the aims are from.
//
// Usage: node bench/picture/room.mjs [BUILD]    COUNTS="4 16 49" SECONDS_EACH=10
import { execFileSync } from 'node:child_process';
import dgram from 'node:dgram';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { childrenOf, cpuSeconds, freePort, Program, sleep, stopAll, until } from '../audio/process.mjs';

const build = process.argv[2] ?? 'build';
const seconds = Number(process.env.SECONDS_EACH ?? 10);
const counts = (process.env.COUNTS ?? '4 16 49').split(' ').map(Number);
const WARM_UP_S = 6;
const FILES = 6; // different pictures; more would only take longer to make
const AIMS = { 16: 0.45, 49: 0.8 };
const SPEAKING = 3;

// What a tile needs: the grid's tile, rounded up to what browsers send.
const sizeOf = (count) => (count <= 4 ? [640, 360] : count <= 16 ? [320, 180] : [192, 108]);
const kbpsOf = (count) => (count <= 4 ? 500 : count <= 16 ? 150 : 80);

const PICTURES = [
  (s, i) => `testsrc2=s=${s}:r=30,hue=h=${i * 23}`,
  (s, i) => `mandelbrot=s=${s}:r=30:start_scale=0.${i + 10}:end_scale=0.0${i + 10}:end_pts=3000`,
  (s, i) => `gradients=s=${s}:r=30:seed=${i}:n=6:speed=0.0${(i % 5) + 1}`,
];

// Calm pictures as of people before a camera; the voice of the first three, near silence for the others.
function inputOf(count, i) {
  const [width, height] = sizeOf(count);
  const isLoud = i < SPEAKING;
  const folder = `${build}/bench/media`;
  const file = `${folder}/room-${width}-${i % FILES}-${isLoud ? 'loud' : 'quiet'}.webm`;
  if (existsSync(file)) return file;
  mkdirSync(folder, { recursive: true });
  const picture = PICTURES[i % 3](`${width}x${height}`, i % FILES);
  execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', '-f', 'lavfi', '-i',
    `${picture},noise=alls=1:allf=t:all_seed=${i},format=yuv420p`, '-f', 'lavfi', '-i',
    `sine=f=${180 + 37 * i}:r=48000,tremolo=f=${(i % 5) + 2}:d=0.8,volume=${isLoud ? 1 : 0.0005}`,
    '-t', '10', '-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-b:v', `${kbpsOf(count)}k`, '-g', '300',
    '-c:a', 'libopus', '-b:a', '32k', '-ac', '1', `${file}.part.webm`]);
  renameSync(`${file}.part.webm`, file);
  return file;
}

async function startServer() {
  const port = await freePort();
  const program = new Program(`${build}/mixdown`,
    ['serve', '--dev', '--listen', `127.0.0.1:${port}`, '--data', `${build}/bench/room-data-${process.pid}`],
    { env: { MIXDOWN_ROOM_SPARE: '0', MIXDOWN_ROOM_MAX_MEMBERS: '100', MIXDOWN_LOG_LEVEL: 'warn',
      MIXDOWN_ROOM_MAX_LOAD: '0', MIXDOWN_ROOM_OVERLOAD: 'false' }, // nothing gives way: it is measured
      folder: `${build}/bench/room-data-${process.pid}` });
  const url = `http://127.0.0.1:${port}`;
  await until(() => fetch(`${url}/readyz`).then((r) => r.ok, () => false), 'the server');
  const call = async (method, path, body) => {
    const reply = await fetch(`${url}/api/v1${path}`, { method, body: body && JSON.stringify(body) });
    if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${await reply.text()}`);
    return reply.status === 204 ? null : reply.json();
  };
  return { program, call };
}

async function addViewer(call) {
  const socket = dgram.createSocket('udp4');
  await new Promise((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const got = { packets: 0, frames: 0 };
  socket.on('message', (m) => {
    if ((m[1] & 127) !== 96) return;
    got.packets++;
    if (m[1] & 128) got.frames++;
  });
  await call('POST', '/rooms/bench/rtp', { name: 'Viewer', remote: { host: '127.0.0.1', port: socket.address().port },
    audio: { pt: 111, codec: 'opus', direction: 'recvonly' }, video: { pt: 96, codec: 'h264', direction: 'recvonly' } });
  return { socket, got };
}

async function measure(count) {
  const { program, call } = await startServer();
  let load;
  let viewer;
  try {
    const aims = [];
    for (let i = 0; i < count; i++) {
      const { port } = await call('POST', '/rooms/bench/rtp', { name: `P${i}`,
        audio: { pt: 111, codec: 'opus', direction: 'sendonly' }, video: { pt: 96, codec: 'vp8', direction: 'sendonly' } });
      aims.push(`${inputOf(count, i)}:${port}`);
    }
    viewer = await addViewer(call);
    await call('POST', '/rooms/bench/recordings', {});
    load = new Program(`${build}/bench/picture_load`, [String(WARM_UP_S + seconds + 5), ...aims], { folder: '/nonexistent' });
    await until(async () => (await call('GET', '/rooms/bench/members')).members.filter((m) => m.video).length >= count,
      'everyone to be seen');
    await sleep(WARM_UP_S * 1000);
    const [room] = childrenOf(program.pid);
    const before = [cpuSeconds(room), performance.now(), viewer.got.frames];
    await sleep(seconds * 1000);
    const took = (performance.now() - before[1]) / 1000;
    return { cpu: (cpuSeconds(room) - before[0]) / took, fps: (viewer.got.frames - before[2]) / took };
  } finally {
    viewer?.socket.close();
    await load?.stop();
    await program.stop();
  }
}

console.log('publishers  each sends  core    viewer gets   aim');
try {
  for (const count of counts) {
    const { cpu, fps } = await measure(count);
    const each = `${sizeOf(count).join('x')}`;
    console.log(`${String(count).padStart(10)}  ${each.padEnd(10)}  ${cpu.toFixed(3)}   ${fps.toFixed(1)} a second   ${AIMS[count] ?? ''}`);
  }
} finally {
  await stopAll();
}
