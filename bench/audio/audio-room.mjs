// bench/audio-room: what one room costs with 10 to 1000 plain RTP participants, three of whom speak.
//
// Everyone sends 50 Opus packets a second with RFC 6464 levels and is sent the mix. The same load, in
// turns, for a bare loop (bench/audio_floor.c: AES-GCM both ways), for `mixdown serve` (participants by
// REST, AES-GCM both ways) and for Janus's AudioBridge (plain RTP: it knows no SRTP for them). CPU is the
// mixing process's own; the load and the front are processes of their own and are not counted.
//
// Usage: node bench/audio/audio-room.mjs [BUILD]   QUICK=1: one minute   ONLY=floor,mixdown,audiobridge
//        COUNTS="10 200" SECONDS_EACH=5
import { existsSync } from 'node:fs';
import { SETTINGS, startFloor, startJanus, startMixdown } from './contenders.mjs';
import { Load } from './load.mjs';
import { cpuSeconds, residentMiB, sleep, stopAll } from './process.mjs';

const build = process.argv[2] ?? 'build';
const isQuick = process.env.QUICK === '1';
const seconds = Number(process.env.SECONDS_EACH ?? (isQuick ? 2 : 5));
const warmUpS = isQuick ? 1.5 : 3;
const SPEAKING = 3;
const PACKETS_PER_S = 50;
const counts = (process.env.COUNTS ?? (isQuick ? '10 200 1000' : '10 100 200 500 1000')).split(' ').map(Number);
const janusCounts = isQuick ? [10, 200] : [10, 100, 200, 250];
const hasJanus = existsSync('/usr/bin/janus');

const contenders = {
  floor: { start: startFloor, isSrtp: true, counts },
  mixdown: { start: startMixdown, isSrtp: true, counts },
  'mixdown, silent ones send nothing': { start: startMixdown, isSrtp: true, isHushed: true, counts: counts.filter((n) => n >= 200) },
  audiobridge: { start: startJanus, isSrtp: false, counts: hasJanus ? janusCounts.filter((n) => isQuick || n === 250 || counts.includes(n)) : [] },
};

async function direct(load, room, isHushed) {
  for (const [i, { host, port }] of room.aims.entries()) {
    if (i < SPEAKING) await load.tell('speak', i);
    if (!isHushed || i < SPEAKING) await load.tell('aim', i, host, port);
  }
  await load.tell('start');
}

// Who is silent hears all three, and the first who speaks does not hear himself.
function soundsRight({ speaker, silent }) {
  const hears = (pitches) => pitches.map((db) => db > -50);
  return silent.length === SPEAKING && hears(silent).every(Boolean) && !hears(speaker)[0] && hears(speaker)[1] && hears(speaker)[2];
}

async function measure({ start, isSrtp, isHushed }, count) {
  const load = await Load.start(build, count, isSrtp);
  let room;
  try {
    room = await start(build, load);
    await direct(load, room, isHushed);
    await sleep(warmUpS * 1000);
    const lateBefore = await room.lateTicks();
    await load.tell('reset');
    const [cpuBefore, loadBefore, began] = [cpuSeconds(room.pid), await load.tell('report'), performance.now()];
    await sleep(seconds * 1000);
    const took = (performance.now() - began) / 1000;
    const report = await load.tell('report');
    const cpu = (cpuSeconds(room.pid) - cpuBefore) / took;
    const row = {
      cpu, rss: residentMiB(room.pid), gapMs: report.largestGapUs / 1000, lost: 1 - report.received / (count * PACKETS_PER_S * took),
      silent: report.silent, bad: report.bad, sendErrors: report.sendErrors, joinMs: room.joinMs,
      loadCpu: (report.cpuUs - loadBefore.cpuUs) / 1e6 / took, loadLateMs: report.lateUs / 1000,
      heard: await load.tell('listen'),
    };
    const lateAfter = await room.lateTicks();
    await room.stop();
    if (process.env.VERBOSE) console.log(room.said?.() ?? '');
    row.late = room.late ?? (lateAfter === null ? null : lateAfter - lateBefore);
    room = null;
    return row;
  } finally {
    await room?.stop();
    await load.stop();
  }
}

const text = (value, digits = 2) => (value === null || value === undefined || Number.isNaN(value) ? '-' : value.toFixed(digits));
const percent = (share) => (share < 0.0005 ? '0' : (share * 100).toFixed(1));

function detail(name, count, r) {
  const notes = [];
  if (!soundsRight(r.heard)) notes.push(`sounds wrong: ${JSON.stringify(r.heard)}`);
  if (r.silent) notes.push(`${r.silent} heard nothing`);
  if (r.bad) notes.push(`${r.bad} bad packets`);
  if (r.sendErrors) notes.push(`${r.sendErrors} not sent`);
  if (r.joinMs) notes.push(`joined in ${(r.joinMs / 1000).toFixed(1)} s`);
  console.log([name.padEnd(34), String(count).padStart(5), text(r.cpu, 3).padStart(7), text(r.rss, 0).padStart(6),
    text(r.late, 0).padStart(5), text(r.gapMs, 1).padStart(8), percent(Math.max(0, r.lost)).padStart(7),
    text(r.loadCpu, 2).padStart(6), text(r.loadLateMs, 1).padStart(7), '  ' + notes.join('; ')].join(' '));
}

function ratio(a, b) { return a && b ? `${text(a.cpu, 3)} (${text(a.cpu / b.cpu, 2)})` : a ? text(a.cpu, 3) : '-'; }

function table(rows) {
  console.log('\nparticipants |  floor | mixdown (of floor) | audiobridge (of floor) | mixdown/audiobridge | RSS MiB | late ticks | largest gap ms');
  for (const count of [...new Set([...counts, ...janusCounts])].sort((a, b) => a - b)) {
    const [f, m, j] = ['floor', 'mixdown', 'audiobridge'].map((name) => rows[name]?.[count]);
    if (!f && !m && !j) continue;
    console.log([String(count).padStart(12), text(f?.cpu, 3).padStart(6), ratio(m, f).padStart(18), ratio(j, f).padStart(22),
      (m && j ? `1/${(j.cpu / m.cpu).toFixed(1)}` : '-').padStart(19), text(m?.rss, 0).padStart(7), text(m?.late, 0).padStart(10), text(m?.gapMs, 1).padStart(14)].join(' | '));
  }
}

async function main() {
  console.log(`${SPEAKING} of N speak, K = ${SETTINGS.speakers}, mono Opus ${SETTINGS.kbps} kbit/s, complexity ${SETTINGS.complexity}; ${seconds} s each; CPU in cores`);
  if (!hasJanus) console.log('janus is not installed: AudioBridge is left out (apt-get install janus)');
  console.log(`${'who'.padEnd(34)} ${'N'.padStart(5)} ${'CPU'.padStart(7)} ${'MiB'.padStart(6)} ${'late'.padStart(5)} ${'gap ms'.padStart(8)} ${'lost %'.padStart(7)} ${'load'.padStart(6)} ${'late ms'.padStart(7)}`);
  const rows = {};
  const only = process.env.ONLY?.split(',');
  let failed = false;
  for (const count of [...new Set([...counts, ...janusCounts])].sort((a, b) => a - b)) {
    for (const [name, contender] of Object.entries(contenders)) {
      if (!contender.counts.includes(count) || (only && !only.includes(name))) continue;
      try {
        const row = await measure(contender, count);
        (rows[name] ??= {})[count] = row;
        detail(name, count, row);
      } catch (error) {
        failed = true;
        console.log(`${name} with ${count}: ${error.message}`);
      }
    }
  }
  table(rows);
  return failed ? 1 : 0;
}

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => stopAll().then(() => process.exit(1)));
process.exit(await main().finally(stopAll));
