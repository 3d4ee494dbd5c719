// `mixdown mix` from outside: every container and codec in, tiles and tones and times out.
// Usage: node tests/golden/mix.mjs build/mixdown
import { mkdtempSync, readFileSync, realpathSync, rmSync, truncateSync, statSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import assert from 'node:assert/strict';
import { colourAt, decodesCleanly, ffmpeg, frameAt, isColour, probe, run, soundOf, toneLevel } from './media.mjs';

const program = process.argv[2];
const dir = mkdtempSync(join(tmpdir(), 'mixdown-golden-'));
const at = (name) => join(dir, name);
const red = [200, 30, 30], green = [30, 180, 30], blue = [30, 30, 200], grey = [120, 120, 120];
const hex = (c) => '0x' + c.map((v) => v.toString(16).padStart(2, '0')).join('');

function make(name, { colour, tone, seconds = 4, size = '320x180', fps = 25, video = [], audio = [] }) {
  const inputs = [];
  if (colour) inputs.push('-f', 'lavfi', '-i', `color=c=${hex(colour)}:s=${size}:r=${fps}:d=${seconds}`);
  if (tone) inputs.push('-f', 'lavfi', '-i', `sine=f=${tone}:r=48000:d=${seconds}`);
  ffmpeg(...inputs, ...(tone ? ['-af', 'volume=2'] : []), '-pix_fmt', 'yuv420p', ...video, ...audio, at(name));
  return at(name);
}

function mix(inputs, out, ...options) {
  const result = run(program, ['mix', ...inputs, '-o', at(out), '--preset', 'ultrafast', ...options]);
  return { status: result.status, stderr: String(result.stderr), file: at(out) };
}

// Times at which the picture turns white. Pictures that stay as they were may be missing from a file.
function flashesOf(file) {
  const text = String(ffmpeg('-i', file, '-an', '-vf', 'signalstats,metadata=mode=print:key=lavfi.signalstats.YAVG:file=-',
    '-fps_mode', 'passthrough', '-f', 'null', '-'));
  const seen = [...text.matchAll(/pts_time:([\d.]+)\s+lavfi.signalstats.YAVG=([\d.]+)/g)].map((m) => [Number(m[1]), Number(m[2]) > 128]);
  return seen.filter(([, isWhite], i) => i > 0 && isWhite && !seen[i - 1][1]).map(([at]) => at);
}

// By how many samples `late` comes after `sent`, at most `most`: where the piece at `from` fits best.
function lagOf(late, sent, from, length, most) {
  let best = 0, bestAt = NaN;
  for (let lag = -Math.min(most, from); lag <= most; lag++) {
    let sum = 0;
    for (let i = from; i < from + length; i++) sum += sent[i] * (late[i + lag] ?? 0);
    if (sum > best) [best, bestAt] = [sum, lag];
  }
  return bestAt;
}

const vp8 = ['-c:v', 'libvpx', '-b:v', '300k', '-deadline', 'realtime', '-cpu-used', '8'];
const opus = ['-c:a', 'libopus', '-b:a', '64k'];
const h264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-bf', '2'];
const aac = ['-c:a', 'aac', '-b:a', '96k'];

const tests = {
  'labels are written on the tiles of their inputs, and nowhere else'() {
    const a = make('la.webm', { colour: grey, tone: 400, video: vp8, audio: opus });
    const b = make('lb.webm', { colour: grey, tone: 710, video: vp8, audio: opus });
    const { status, stderr, file } = mix([a, b], 'labels.mp4', '--label', 'Ann 王小明');
    assert.equal(status, 0, stderr);
    const colour = (x, y) => colourAt(frameAt(file, 2, 1280, 720), x / 1280, y / 720);
    assert.ok(isColour(colour(320, 300), grey) && isColour(colour(960, 300), grey));
    assert.ok(!isColour(colour(20, 690), grey), `the pill of the first label: ${colour(20, 690)}`);
    assert.ok(isColour(colour(660, 690), grey), `the second input has none: ${colour(660, 690)}`);
    assert.equal(mix([a], 'never.mp4', '--label', 'x', '--label', 'y').status, 2);
  },
  'two files stand side by side, and both are heard'() {
    const a = make('a.webm', { colour: red, tone: 400, video: vp8, audio: opus });
    const b = make('b.mp4', { colour: blue, tone: 710, video: h264, audio: aac });
    const { status, stderr, file } = mix([a, b], 'two.mp4', '--stats', at('two.json'));
    assert.equal(status, 0, stderr);
    const info = probe(file);
    assert.equal(info.video.codec_name, 'h264');
    assert.equal(`${info.video.width}x${info.video.height}`, '1280x720');
    assert.equal(info.audio.codec_name, 'aac');
    assert.equal(info.audio.sample_rate, '48000');
    assert.ok(Math.abs(info.duration - 4) < 0.1, `duration ${info.duration}`);
    assert.ok(Math.abs(info.video.duration - info.audio.duration) < 0.04, 'sound and picture end together');
    assert.ok(Math.abs(info.video.start_time - info.audio.start_time) < 0.04, 'and start together');
    assert.equal(decodesCleanly(file), '');
    for (const t of [0.2, 2, 3.7]) {
      const frame = frameAt(file, t, 1280, 720);
      assert.ok(isColour(colourAt(frame, 0.25, 0.5), red), `left at ${t}: ${colourAt(frame, 0.25, 0.5)}`);
      assert.ok(isColour(colourAt(frame, 0.75, 0.5), blue), `right at ${t}: ${colourAt(frame, 0.75, 0.5)}`);
    }
    const sound = soundOf(file, 1, 2);
    const [low, high, none] = [400, 710, 1000].map((hz) => toneLevel(sound, hz));
    assert.ok(Math.abs(low - high) < 2, `levels ${low} ${high}`);
    assert.ok(low > -20 && none < low - 50, `levels ${low} ${none}`);
    const stats = JSON.parse(readFileSync(at('two.json')));
    assert.equal(stats.problems, 0);
    assert.ok(stats.inputs.every((i) => i.mixed && i.complete && i.video.shown > 90));
  },

  'an input joins at its time and leaves at its end'() {
    const a = make('long.webm', { colour: green, tone: 400, seconds: 6, video: vp8, audio: opus });
    const b = make('short.webm', { colour: red, tone: 710, seconds: 2, video: vp8, audio: opus });
    const { status, stderr, file } = mix([a, `${b}@+2.5`], 'join.mp4');
    assert.equal(status, 0, stderr);
    assert.ok(Math.abs(probe(file).duration - 6) < 0.1);
    const left = (t) => colourAt(frameAt(file, t, 1280, 720), 0.25, 0.5);
    const right = (t) => colourAt(frameAt(file, t, 1280, 720), 0.75, 0.5);
    assert.ok(isColour(right(1), green), `alone: ${right(1)}`);
    assert.ok(isColour(left(3.5), green) && isColour(right(3.5), red), `together: ${left(3.5)} ${right(3.5)}`);
    assert.ok(isColour(right(5.2), green), `alone again: ${right(5.2)}`);
    assert.ok(toneLevel(soundOf(file, 0.5, 1.8), 710) < -60, 'not heard before');
    assert.ok(toneLevel(soundOf(file, 2.8, 1.4), 710) > -20, 'heard while there');
    assert.ok(toneLevel(soundOf(file, 4.8, 1), 710) < -60, 'not heard after');
  },

  'every codec that is promised can be mixed'() {
    const inputs = [
      make('vp9.webm', { colour: red, tone: 400, seconds: 2, video: ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8'], audio: opus }),
      make('av1.mkv', { colour: green, tone: 530, seconds: 2, video: ['-c:v', 'libsvtav1', '-preset', '12'], audio: ['-c:a', 'libvorbis'] }),
      make('h264.mkv', { colour: blue, tone: 710, seconds: 2, video: h264, audio: aac }),
      make('vp8.mkv', { colour: grey, tone: 900, seconds: 2, video: vp8, audio: opus }),
    ];
    const { status, stderr, file } = mix(inputs, 'codecs.mp4');
    assert.equal(status, 0, stderr);
    const frame = frameAt(file, 1, 1280, 720);
    [[0.25, 0.25, red], [0.75, 0.25, green], [0.25, 0.75, blue], [0.75, 0.75, grey]].forEach(([x, y, c]) =>
      assert.ok(isColour(colourAt(frame, x, y), c), `${x},${y}: ${colourAt(frame, x, y)} wanted ${c}`));
    const sound = soundOf(file, 0.5, 1);
    for (const hz of [400, 530, 710, 900]) assert.ok(toneLevel(sound, hz) > -25, `${hz}: ${toneLevel(sound, hz)}`);
  },

  'sound and picture of one file stay together'() {
    // A white flash and a sound that rises in pitch, so that it fits itself in one place only, at the same moments.
    ffmpeg('-f', 'lavfi', '-i', "color=c=black:s=320x180:r=30:d=6,drawbox=c=white:t=fill:enable='lt(mod(t,1),0.1)'",
      '-f', 'lavfi', '-i', "aevalsrc='0.5*sin(2*PI*(400+6000*mod(t,1))*mod(t,1))*lt(mod(t,1),0.1)':s=48000:d=6",
      '-pix_fmt', 'yuv420p', ...h264, ...aac, at('flash.mp4'));
    const sent = soundOf(at('flash.mp4'), 0, 6);
    for (const isDenoised of [false, true]) {
      process.env.MIXDOWN_AUDIO_NOISE_SUPPRESSION = isDenoised;
      const { status, stderr, file } = mix([at('flash.mp4')], `lips-${isDenoised}.mp4`);
      delete process.env.MIXDOWN_AUDIO_NOISE_SUPPRESSION;
      assert.equal(status, 0, stderr);
      const flashes = flashesOf(file);
      const sound = soundOf(file, 0, 6);
      const lags = [1, 2, 3, 4, 5].map((second) => {
        const picture = Math.min(...flashes.map((at) => Math.abs(at - second)));
        assert.ok(picture < 0.001, `${flashes}: the flash at ${second} s is ${picture} s off`);
        return lagOf(sound, sent, second * 48000 + 480, 4000, 1440) / 48;
      });
      console.log(`    noise suppression ${isDenoised}: sound ${lags.map((ms) => ms.toFixed(2)).join(' ')} ms after the picture`);
      for (const ms of lags) assert.ok(Math.abs(ms) <= 1, `${ms} ms`);
    }
  },

  'what is missing, cut, soundless or blind is named, and the mix goes on'() {
    const good = make('good.webm', { colour: green, tone: 400, video: vp8, audio: opus });
    const cut = make('cut.mkv', { colour: red, tone: 530, video: h264, audio: aac });
    truncateSync(cut, Math.floor(statSync(cut).size / 2));
    const blind = make('blind.webm', { tone: 710, audio: opus });
    const cases = [
      [[good, at('absent.webm')], 1, 'absent.webm'],
      [[good, cut], 1, 'cut.mkv'],
      [[good, blind], 1, 'blind.webm'],
      [[at('absent.webm')], 1, 'nothing was made'],
    ];
    cases.forEach(([inputs, wanted, word], i) => {
      const { status, stderr, file } = mix(inputs, `bad${i}.mp4`);
      assert.equal(status, wanted, stderr);
      assert.match(stderr, new RegExp(word));
      assert.equal(existsSync(file), inputs.includes(good));
      if (!inputs.includes(good)) return;
      assert.ok(Math.abs(probe(file).duration - 4) < 0.1, `${word}: ${probe(file).duration}`);
      const late = frameAt(file, 3.7, 1280, 720);
      assert.ok(isColour(colourAt(late, 0.5, 0.5), green), `${word}: ${colourAt(late, 0.5, 0.5)}`);
      assert.ok(toneLevel(soundOf(file, 1, 2), 400) > -25);
    });
    assert.ok(toneLevel(soundOf(at('bad2.mp4'), 1, 2), 710) > -25, 'the blind one is heard');
  },

  'a picture that changes size in the middle keeps its tile'() {
    make('small.mkv', { colour: red, seconds: 2, size: '320x180', video: vp8 });
    make('big.mkv', { colour: red, seconds: 2, size: '640x480', video: vp8 });
    const joined = at('sizes.mkv');
    // mkvs of one codec glued together, packets as they are: VP8 key frames carry their size.
    const list = at('sizes.txt');
    run('bash', ['-c', `printf "file small.mkv\\nfile big.mkv\\n" > ${list}`]);
    ffmpeg('-f', 'concat', '-safe', '0', '-i', list, '-c', 'copy', joined);
    const other = make('other.webm', { colour: blue, tone: 400, video: vp8, audio: opus });
    const { status, stderr, file } = mix([other, joined], 'sizes.mp4');
    assert.equal(status, 0, stderr);
    assert.match(stderr, /changes size from 320x180 to 640x480/);
    for (const t of [1, 3.5]) {
      const frame = frameAt(file, t, 1280, 720);
      assert.ok(isColour(colourAt(frame, 0.75, 0.5), red), `${t}: ${colourAt(frame, 0.75, 0.5)}`);
      assert.ok(isColour(colourAt(frame, 0.25, 0.5), blue), `${t}: ${colourAt(frame, 0.25, 0.5)}`);
    }
  },

  'the same files make the same mix'() {
    const a = make('same.webm', { colour: red, tone: 400, seconds: 2, video: vp8, audio: opus });
    const streams = ['one', 'two'].map((name) => {
      const { status, stderr, file } = mix([a, `${a}@+0.5`], `same-${name}.mp4`, '--threads', '1');
      assert.equal(status, 0, stderr);
      return String(ffmpeg('-i', file, '-f', 'framemd5', '-'));
    });
    assert.equal(streams[0], streams[1]);
  },

  'the output may be named from the working directory'() {
    const a = make('near.webm', { colour: red, tone: 400, seconds: 1, video: vp8, audio: opus });
    const absolute = realpathSync(program);
    const result = run(absolute, ['mix', a, '-o', 'near.mp4', '--preset', 'ultrafast'], { cwd: dir });
    assert.equal(result.status, 0, String(result.stderr));
    assert.ok(Math.abs(probe(at('near.mp4')).duration - 1) < 0.1);
  },

  'wrong words are refused with a hint'() {
    const cases = [
      [[], /wants at least one INPUT/],
      [['x.webm'], /-o OUT.mp4/],
      [['x.webm', '-o', at('no.mp4'), '--size', '1281x720'], /even/],
      [['x.webm', '-o', at('no.mp4'), '--size', '-2x720'], /even/],
      [['x.webm', '-o', at('no.mp4'), '--fps', '0'], /1 to 60/],
      [['x.webm', '-o', at('no.mp4'), '--video-bitrate', 'lots'], /10k/],
      [['x.webm', '-o', at('no.mp4'), '--preset', 'warp'], /veryfast/],
      [['x.webm', '-o', at('no.mp4'), '--layout', 'nowhere'], /layout list/],
      [['x.webm@+soon', '-o', at('no.mp4')], /seconds/],
      [['x.webm', '-o', program], /exists already/],
      [['x.webm', '-o', at('nowhere/no.mp4')], /folder does not exist/],
      [['x.webm', '-o', at('no.mp4') + '/'], /wants a file name|does not exist/],
      [['x.webm', '-o', at('no.mp4'), '--wat'], /--help/],
    ];
    for (const [words, wanted] of cases) {
      const result = run(program, ['mix', ...words]);
      assert.equal(result.status, 2, words.join(' '));
      assert.match(String(result.stderr), wanted);
    }
    assert.equal(run(program, ['mix', '--help']).status, 0);
  },
};

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
console.log(`golden: ${Object.keys(tests).length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
