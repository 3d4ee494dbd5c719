/* lib/media.mjs - opens recordings: ffprobe for the shape, ffmpeg to pixels and samples. */
import { execFileSync } from 'node:child_process';

const MOST_BYTES = 1 << 30;

const run = (program, args) => execFileSync(program, args, { maxBuffer: MOST_BYTES, stdio: ['ignore', 'pipe', 'pipe'] });

/* {format, video, audio}; times in seconds. */
export function probe(file) {
    const json = JSON.parse(run('ffprobe', ['-v', 'error', '-show_format', '-show_streams', '-of', 'json', file]));
    const stream = (type) => {
        const s = json.streams.find((it) => it.codec_type === type);
        return s && { codec: s.codec_name, start: Number(s.start_time), duration: Number(s.duration), width: s.width, height: s.height };
    };
    return { duration: Number(json.format.duration), video: stream('video'), audio: stream('audio') };
}

/* What ffmpeg complains of when it decodes everything: "" for a whole file. */
export function complaints(file) {
    try {
        return String(run('ffmpeg', ['-v', 'error', '-xerror', '-i', file, '-f', 'null', '-'])).trim();
    } catch (err) {
        return String(err.stderr || err.message).trim();
    }
}

/* One decoded frame at a time: {width, height, rgb}. */
export function frameAt(file, seconds) {
    const width = 640;
    const height = 360;
    const rgb = run('ffmpeg', ['-v', 'error', '-ss', String(seconds), '-i', file, '-frames:v', '1',
        '-vf', `scale=${width}:${height}`, '-pix_fmt', 'rgb24', '-f', 'rawvideo', '-']);
    return { width, height, rgb };
}

/* The mean colour of a tile below its counter, as lib/measure.js takes it; tile on 1280x720. */
export function tileColour(frame, tile) {
    const scale = frame.width / 1280;
    const high = Math.max((tile.width * 9) / 16, tile.height);
    const cx = (tile.x + tile.width / 2) * scale;
    const cy = (tile.y + tile.height / 2 + 0.2 * high) * scale;
    const sum = [0, 0, 0];
    let n = 0;
    for (let y = Math.round(cy - 8); y < cy + 8; y++) {
        for (let x = Math.round(cx - 20); x < cx + 20; x++) {
            const at = (y * frame.width + x) * 3;
            for (let i = 0; i < 3; i++)
                sum[i] += frame.rgb[at + i];
            n++;
        }
    }
    return sum.map((v) => Math.round(v / n));
}

const RATE = 48000;

/* Mono samples, -1 to 1, of a part of the sound. */
export function samples(file, { from = 0, seconds } = {}) {
    const args = ['-v', 'error', '-i', file, '-ss', String(from), ...(seconds ? ['-t', String(seconds)] : []),
        '-vn', '-ac', '1', '-ar', String(RATE), '-f', 'f32le', '-'];
    const bytes = run('ffmpeg', args);
    return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
}

/* The level of one tone in dB of full scale, by Goertzel under a Hann window. */
export function toneLevel(pcm, freq) {
    const n = pcm.length;
    const w = (2 * Math.PI * freq) / RATE;
    const k = 2 * Math.cos(w);
    let a = 0;
    let b = 0;
    for (let i = 0; i < n; i++) {
        const hann = 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / n);
        [a, b] = [pcm[i] * hann + k * a - b, a];
    }
    const power = a * a + b * b - k * a * b;
    return 10 * Math.log10(power / ((n / 4) ** 2) + 1e-20);
}

/* Brightness of each frame with its time in seconds: [{at, y}]. */
export function brightness(file, tile) {
    const crop = `crop=${Math.round(tile.width * 0.2)}:${Math.round(tile.height * 0.12)}:` +
        `${Math.round(tile.x + tile.width * 0.4)}:${Math.round(tile.y + tile.height * 0.64)}`;
    const text = String(run('ffmpeg', ['-v', 'error', '-i', file, '-an', '-vf',
        `${crop},signalstats,metadata=mode=print:key=lavfi.signalstats.YAVG:file=-`, '-fps_mode', 'passthrough', '-f', 'null', '-']));
    const frames = [];
    let at = 0;
    for (const line of text.split('\n')) {
        const time = /pts_time:([\d.]+)/.exec(line);
        const y = /YAVG=([\d.]+)/.exec(line);
        if (time)
            at = Number(time[1]);
        if (y)
            frames.push({ at, y: Number(y[1]) });
    }
    return frames;
}

/* Times in seconds at which the picture turns bright. */
export function flashes(file, tile) {
    const frames = brightness(file, tile);
    return frames.filter(({ y }, i) => i > 0 && y > 180 && frames[i - 1].y <= 180).map(({ at }) => at);
}

/* Times in seconds at which the sound begins after silence: the first millisecond above a tenth. */
export function beeps(file) {
    const pcm = samples(file);
    const step = RATE / 1000;
    const starts = [];
    let quiet = 0;
    for (let i = 0; i + step <= pcm.length; i += step) {
        let peak = 0;
        for (let k = i; k < i + step; k++)
            peak = Math.max(peak, Math.abs(pcm[k]));
        if (peak < 0.02) {
            quiet++;
        } else {
            if (quiet > 200)
                starts.push(i / RATE);
            quiet = 0;
        }
    }
    return starts;
}

export function median(values) {
    const sorted = [...values].sort((a, b) => a - b);
    return sorted[sorted.length >> 1];
}

/* Rows of the store. */
export function rows(data, query) {
    const text = String(run('sqlite3', ['-readonly', '-json', `${data}/mixdown.db`, query])).trim();
    return text ? JSON.parse(text) : [];
}
