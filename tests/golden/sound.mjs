// `mixdown mix` by ear: tones and real recordings in, levels, clicks, clipping and loudness out.
// Each test says which mode and which K (voices mixed at once) it is about.
// Usage: node tests/golden/sound.mjs build/mixdown
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import assert from 'node:assert/strict';
import { ffmpeg, run, toneLevel } from './media.mjs';

const program = process.argv[2];
const dir = mkdtempSync(join(tmpdir(), 'mixdown-sound-'));
const at = (name) => join(dir, name);
const RATE = 48000;
const picture = ['-f', 'lavfi', '-i', 'color=c=gray:s=64x48:r=5'];
const video = ['-c:v', 'libvpx', '-b:v', '20k', '-deadline', 'realtime', '-cpu-used', '16'];
const opus = ['-c:a', 'libopus', '-b:a', '128k', '-application', 'audio'];

const original = { MIXDOWN_AUDIO_ORIGINAL: 'true' };
const speech = ['001', '002', '003'].map((n) => `/usr/share/pocketsphinx/test/data/cards/${n}.wav`);
const announcement = '/usr/share/asterisk/sounds/en_US_f_Allison/demo-thanks.wav';

// A file with a small still picture and this sound, so that it is an input like any other.
function make(name, seconds, sound, filter = 'anull') {
  ffmpeg(...picture, ...sound, '-af', filter, '-t', String(seconds), '-pix_fmt', 'yuv420p', '-ac', '1', ...video, ...opus, at(name));
  return at(name);
}
const tone = (name, hz, amplitude, seconds) =>
  make(name, seconds, ['-f', 'lavfi', '-i', `aevalsrc=${amplitude}*sin(2*PI*${hz}*t):s=${RATE}`]);

function mix(inputs, out, speakers, mode = {}) {
  const env = { ...process.env, MIXDOWN_AUDIO_CHANNELS: '1', MIXDOWN_AUDIO_SPEAKERS: String(speakers), ...mode };
  const result = run(program, ['mix', ...inputs, '-o', at(out), '--preset', 'ultrafast', '--size', '160x90', '--fps', '5',
    '--audio-bitrate', '256k'], { env });
  assert.equal(result.status, 0, String(result.stderr));
  return at(out);
}

// The left channel, which in a mix of mono voices is the right one too: ffmpeg's own way to mono adds 3 dB.
function soundOf(file, from, duration) {
  const data = ffmpeg('-ss', String(from), '-t', String(duration), '-i', file, '-af', 'pan=mono|c0=c0', '-ar', String(RATE), '-f', 'f32le', '-');
  return new Float32Array(data.buffer, data.byteOffset, data.length >> 2);
}

const dB = (ratio) => 20 * Math.log10(ratio + 1e-9);
const rms = (x) => Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / x.length);
const peak = (x) => x.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
function largestStep(x) {
  let most = 0;
  for (let i = 1; i < x.length; i++) most = Math.max(most, Math.abs(x[i] - x[i - 1]));
  return most;
}
const near = (actual, wanted, tolerance, what) =>
  assert.ok(Math.abs(actual - wanted) <= tolerance, `${what}: ${actual.toFixed(2)}, wanted ${wanted.toFixed(2)} +-${tolerance}`);

// Loudness of a file from a time on, LUFS (EBU R 128 by ffmpeg).
function loudness(file, from) {
  const said = String(run('ffmpeg', ['-nostdin', '-hide_banner', '-ss', String(from), '-i', file, '-af', 'ebur128', '-f', 'null', '-']).stderr);
  return Number(said.slice(said.lastIndexOf('Summary')).match(/I:\s+(-?[\d.]+) LUFS/)[1]);
}

const tests = {
  'original sound, K = 5: four tones keep their levels within 1 dB'() {
    const tones = [[400, 0.25], [710, 0.12], [1130, 0.06], [1900, 0.2]];
    const files = tones.map(([hz, amplitude]) => tone(`level-${hz}.webm`, hz, amplitude, 4));
    const sound = soundOf(mix(files, 'levels.mp4', 5, original), 1, 2);
    tones.forEach(([hz, amplitude]) => near(toneLevel(sound, hz), dB(amplitude), 1, `${hz} Hz`));
    assert.ok(toneLevel(sound, 1500) < -70, `nothing else: ${toneLevel(sound, 1500)}`);
  },

  'original sound, K = 20: twenty loud inputs do not clip, and all are there'() {
    const pitches = Array.from({ length: 20 }, (_, i) => 300 + 170 * i);
    const sound = soundOf(mix(pitches.map((hz) => tone(`loud-${hz}.webm`, hz, 0.5, 4)), 'loud.mp4', 20, original), 1, 2);
    assert.ok(peak(sound) <= 1, `peak ${peak(sound)}`);
    assert.ok(dB(peak(sound)) > -6, `and it is loud: ${dB(peak(sound))}`);
    const levels = pitches.map((hz) => toneLevel(sound, hz));
    const mean = levels.reduce((a, b) => a + b) / levels.length;
    levels.forEach((level, i) => near(level, mean, 1, `${pitches[i]} Hz beside the others`));
    // A clipped sum has its harmonics and differences between the pitches; a limited one hardly.
    for (let hz = 385; hz < 3500; hz += 170) assert.ok(toneLevel(sound, hz) < mean - 25, `${hz} Hz: ${toneLevel(sound, hz)} under ${mean}`);
  },

  'original sound, K = 3: of eight who sound the three loudest are heard'() {
    const tones = [[300, 0.02], [470, 0.2], [640, 0.02], [810, 0.25], [980, 0.02], [1150, 0.02], [1320, 0.16], [1490, 0.02]];
    const file = mix(tones.map(([hz, amplitude]) => tone(`k-${hz}.webm`, hz, amplitude, 8)), 'loudest.mp4', 3, original);
    const sound = soundOf(file, 5, 2);
    for (const [hz, amplitude] of tones) {
      if (amplitude > 0.1) near(toneLevel(sound, hz), dB(amplitude), 1, `${hz} Hz`);
      else assert.ok(toneLevel(sound, hz) < dB(amplitude) - 30, `${hz} Hz is not heard: ${toneLevel(sound, hz)}`);
    }
  },

  'original sound, K = 5: coming and going makes no click'() {
    const stays = tone('stays.webm', 300, 0.3, 5);
    const visits = tone('visits.webm', 500, 0.3, 2);
    const sound = soundOf(mix([stays, `${visits}@+1.31`], 'visit.mp4', 5, original), 0.5, 4);
    const most = (2 * Math.PI * (300 + 500) * 0.3) / RATE; // the steepest that both together are
    assert.ok(largestStep(sound) < most * 1.15, `step ${largestStep(sound)}, the inputs have ${most}`);
    const part = (from, seconds) => sound.subarray(from * RATE, (from + seconds) * RATE);
    assert.ok(toneLevel(part(0, 0.75), 500) < -55 && toneLevel(part(3, 1), 500) < -55, 'it is not heard before and after');
    near(toneLevel(part(1.2, 1.5), 500), dB(0.3), 1, 'and heard between');
  },

  'original sound, K = 5: three people talk at once, and each is there as he was'() {
    const files = speech.map((wav, i) => make(`talk-${i}.webm`, 3.5, ['-i', wav], 'volume=-6dB,apad'));
    const mixed = soundOf(mix(files, 'talk.mp4', 5, original), 0.2, 3);
    const voices = files.map((file) => soundOf(file, 0.2, 3));
    gainsOf(mixed, voices).forEach((gain, i) => near(dB(Math.abs(gain)), 0, 1, `speaker ${i}`));
  },

  'levelling, K = 5: who is 20 dB quieter sounds as loud; in original sound he stays quiet'() {
    const talk = ['-stream_loop', '6', '-i', announcement];
    const loud = make('loud.webm', 20, talk, 'volume=0dB');
    const quiet = make('quiet.webm', 20, talk, 'volume=-20dB');
    const settled = 10; // seconds: the gain rises by 3 dB in one; it ends at 12, of 14 that the quiet one lacks
    const apart = (mode, name) =>
      loudness(mix([loud], `${name}-loud.mp4`, 5, mode), settled) - loudness(mix([quiet], `${name}-quiet.mp4`, 5, mode), settled);
    near(apart(original, 'as-it-was'), 20, 1, 'original sound');
    const left = apart({}, 'levelled');
    console.log(`      20 dB apart, levelled ${left.toFixed(1)} dB`);
    assert.ok(Math.abs(left) < 6, `levelled: ${left} dB apart`);
  },

  'noise suppression, no levelling, K = 5: a steady noise sinks, the voice stays'() {
    const noisy = at('noisy.webm');
    ffmpeg(...picture, '-stream_loop', '6', '-i', announcement, '-f', 'lavfi', '-i', 'anoisesrc=c=pink:a=0.02:seed=7:r=48000',
      '-filter_complex', "[1:a]aresample=48000,volume='between(t,0,10)':eval=frame[v];[v][2:a]amix=inputs=2:normalize=0[a]",
      '-map', '0:v', '-map', '[a]', '-t', '14', '-pix_fmt', 'yuv420p', '-ac', '1', ...video, ...opus, noisy);
    const off = { MIXDOWN_AUDIO_LEVELLING: 'false' };
    const raw = mix([noisy], 'noisy.mp4', 5, off);
    const clean = mix([noisy], 'clean.mp4', 5, { ...off, MIXDOWN_AUDIO_NOISE_SUPPRESSION: 'true' });
    const fall = (from, seconds) => dB(rms(soundOf(clean, from, seconds))) - dB(rms(soundOf(raw, from, seconds)));
    assert.ok(fall(11.5, 2) < -8, `noise alone: ${fall(11.5, 2)} dB`);
    assert.ok(Math.abs(fall(3, 6)) < 3, `voice: ${fall(3, 6)} dB`);
  },
};

// By which gains the voices make up the mix: least squares, each voice at the lag that fits it best.
function gainsOf(mixed, voices) {
  const lags = voices.map((v) => bestLag(mixed, v));
  const from = 2000, to = mixed.length - 2000;
  const dot = (a, la, b, lb) => { let s = 0; for (let i = from; i < to; i++) s += a[i - la] * b[i - lb]; return s; };
  const rows = voices.map((v, i) => [...voices.map((w, j) => dot(v, lags[i], w, lags[j])), dot(v, lags[i], mixed, 0)]);
  for (let i = 0; i < rows.length; i++) { // Gauss and Jordan
    rows[i] = rows[i].map((x) => x / rows[i][i]);
    for (let k = 0; k < rows.length; k++) if (k !== i) { const f = rows[k][i]; rows[k] = rows[k].map((x, j) => x - f * rows[i][j]); }
  }
  return rows.map((row) => row[row.length - 1]);
}

function bestLag(mixed, voice) {
  let best = 0, most = -Infinity;
  for (let lag = -700; lag <= 700; lag++) {
    let s = 0;
    for (let i = 2000; i < mixed.length - 2000; i++) s += mixed[i] * voice[i - lag];
    if (s > most) [best, most] = [lag, s];
  }
  return best;
}

for (const file of [...speech, announcement]) {
  if (!existsSync(file)) { console.log(`golden sound: ${file} is missing: run make deps-test`); process.exit(1); }
}
let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    test();
    console.log(`ok    ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAIL  ${name}\n${error.stack}`);
  }
}
if (failed === 0 || !process.env.KEEP) rmSync(dir, { recursive: true, force: true });
console.log(`golden sound: ${Object.keys(tests).length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
