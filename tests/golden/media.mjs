// Looking at and listening to media files through ffmpeg and ffprobe.
import { spawnSync } from 'node:child_process';

export function run(program, args, options = {}) {
  const result = spawnSync(program, args, { maxBuffer: 1 << 30, timeout: 300000, ...options });
  if (result.error) throw result.error;
  return result;
}

export function ffmpeg(...args) {
  const result = run('ffmpeg', ['-hide_banner', '-nostdin', '-loglevel', 'error', '-y', ...args]);
  if (result.status !== 0) throw new Error(`ffmpeg ${args.join(' ')}: ${result.stderr}`);
  return result.stdout;
}

export function probe(file) {
  const result = run('ffprobe', ['-v', 'error', '-show_format', '-show_streams', '-of', 'json', file]);
  if (result.status !== 0) throw new Error(`ffprobe ${file}: ${result.stderr}`);
  const { streams, format } = JSON.parse(result.stdout);
  const of = (type) => streams.find((s) => s.codec_type === type);
  return { video: of('video'), audio: of('audio'), duration: Number(format.duration) };
}

// Decoding to the end, complaints and all.
export function decodesCleanly(file) {
  const result = run('ffmpeg', ['-v', 'warning', '-xerror', '-i', file, '-f', 'null', '-']);
  return result.status === 0 && result.stderr.length === 0 ? '' : String(result.stderr) || 'failed';
}

// One picture as RGB, at a time.
export function frameAt(file, seconds, width, height) {
  const data = ffmpeg('-ss', String(seconds), '-i', file, '-frames:v', '1', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-');
  if (data.length !== width * height * 3) throw new Error(`${file} at ${seconds}: ${data.length} bytes`);
  return { data, width, height };
}

// Mean colour of a square of pixels around a point given in shares of the picture.
export function colourAt(frame, x, y, half = 8) {
  const sum = [0, 0, 0];
  let n = 0;
  const cx = Math.round(x * frame.width);
  const cy = Math.round(y * frame.height);
  for (let py = cy - half; py < cy + half; py++) {
    for (let px = cx - half; px < cx + half; px++) {
      for (let c = 0; c < 3; c++) sum[c] += frame.data[(py * frame.width + px) * 3 + c];
      n++;
    }
  }
  return sum.map((s) => s / n);
}

export function isColour(actual, wanted, tolerance = 16) {
  return actual.every((v, i) => Math.abs(v - wanted[i]) <= tolerance);
}

// The sound as mono float samples at 48 kHz.
export function soundOf(file, from, duration) {
  const data = ffmpeg('-ss', String(from), '-t', String(duration), '-i', file, '-ac', '1', '-ar', '48000', '-f', 'f32le', '-');
  return new Float32Array(data.buffer, data.byteOffset, data.length >> 2);
}

// Level of one pitch in dB of full scale (Goertzel with a Hann window).
export function toneLevel(samples, hz, rate = 48000) {
  const w = (2 * Math.PI * hz) / rate;
  const n = samples.length;
  let re = 0;
  let im = 0;
  for (let i = 0; i < n; i++) {
    const v = samples[i] * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / n));
    re += v * Math.cos(w * i);
    im += v * Math.sin(w * i);
  }
  return 20 * Math.log10((4 * Math.hypot(re, im)) / n + 1e-9);
}
