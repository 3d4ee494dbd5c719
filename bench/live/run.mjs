// What a push and HLS add to a room's CPU: four faces at 1280x720, recorded, so that the shared encoder runs anyway. In turn,
// three times: without, a push of the shared picture, one of a view of its own, HLS.
// Usage: node bench/live/run.mjs, with BUILD (build); two minutes. It needs nginx with its RTMP module.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Front, sleep, until } from '../../tests/faults/lib/front.mjs';
import { Rtmp } from '../../tests/faults/lib/rtmp.mjs';

const BUILD = path.resolve(process.env.BUILD ?? 'build');
const front = await Front.start(path.join(BUILD, 'mixdown'), { env: {
  MIXDOWN_LIVE_ALLOW: '127.0.0.0/8', MIXDOWN_ROOM_SPARE: '0', MIXDOWN_ROOM_EMPTY_S: '3600' } });
const rtmp = await Rtmp.create();
const rest = async (m, w, b) => (await front.get(`/api/v1/${w}`, { method: m, body: b && JSON.stringify(b) })).json();
const ports = [];
for (let i = 0; i < 4; i++) ports.push((await rest('POST', 'rooms/r/rtp', { name: `f${i}`, userId: `f${i}`, video: { pt: 96, codec: 'vp8', direction: 'sendonly' } })).port);
const faces = spawn(path.join(BUILD, 'tests/tools/rtp_faces'), ['300', ...ports.map((p, i) => `${p}:#${['c02020', '2040c0', '20a040', 'a0a020'][i]}`)], { stdio: 'ignore' });
// Milliseconds of the room's process (proc(5): utime and stime).
const cpu = () => {
  const fields = fs.readFileSync(`/proc/${front.rooms()[0]}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
};

// Percent of a core over some seconds.
const measure = async (s = 8) => {
  const begun = cpu();
  await sleep(s * 1000);
  return (cpu() - begun) / s / 10;
};
await rest('POST', 'rooms/r/recordings', {});
await sleep(3000);
const rows = { base: [], push: [], own: [], hls: [] };
for (let k = 0; k < 3; k++) {
  rows.base.push(await measure());
  for (const [name, body] of [['push', { url: `${rtmp.url}/a${k}` }], ['own', { url: `${rtmp.url}/b${k}`, layout: 'grid' }], ['hls', { hls: true }]]) {
    const p = await rest('POST', 'rooms/r/live', body);
    await until(async () => (await rest('GET', `rooms/r/live/${p.id}`)).state === 'live', 'live', 30000);
    await sleep(1000);
    rows[name].push(await measure());
    await rest('DELETE', `rooms/r/live/${p.id}`);
    await sleep(1500);
  }
}
for (const [name, seen] of Object.entries(rows))
  console.log(`${name}: ${seen.map((x) => x.toFixed(1)).join(' ')} % of a core, median ${seen.sort((a, b) => a - b)[1].toFixed(1)}`);
faces.kill();
await rtmp.remove();
await front.remove();
