/* lib/measure.js - runs in the page: looks at received pictures and listens to received sound.
 *
 * window.__measure works on a <video> that plays the mix (the page's own has data-testid="mix"). */
export function installMeasure() {
    const TILE_ASPECT = 16 / 9;
    const canvas = document.createElement('canvas');
    let context = null;
    const listeners = new Map(); /* stream -> analyser */

    const mix = () => document.querySelector('video[data-testid="mix"]');

    function grab() {
        const video = mix();
        if (!video?.videoWidth)
            return null;
        canvas.width = video.videoWidth;
        canvas.height = video.videoHeight;
        context ??= canvas.getContext('2d', { willReadFrequently: true });
        context.drawImage(video, 0, 0);
        return context;
    }

    function mean(c, x, y, width, height) {
        const { data } = c.getImageData(Math.round(x), Math.round(y), Math.max(1, Math.round(width)), Math.max(1, Math.round(height)));
        const sum = [0, 0, 0];
        for (let i = 0; i < data.length; i += 4) {
            sum[0] += data[i];
            sum[1] += data[i + 1];
            sum[2] += data[i + 2];
        }
        return sum.map((v) => Math.round(v / (data.length / 4)));
    }

    /* Where a point of the source (0..1) is on the canvas, for a tile that is filled and cropped. */
    function place(tile, u, v) {
        const scale = Math.max(tile.width / TILE_ASPECT, tile.height);
        const width = scale * TILE_ASPECT;
        return {
            x: tile.x + tile.width / 2 + (u - 0.5) * width,
            y: tile.y + tile.height / 2 + (v - 0.5) * scale,
            width,
            height: scale,
        };
    }

    function counterOf(c, tile) {
        let counter = 0;
        for (let i = 0; i < 16; i++) {
            const at = place(tile, 0.3 + (0.4 * (i + 0.5)) / 16, 0.265);
            const [r, g, b] = mean(c, at.x - at.width * 0.004, at.y - at.height * 0.03, at.width * 0.008, at.height * 0.06);
            counter = counter * 2 + (r + g + b > 384 ? 1 : 0);
        }
        return counter;
    }

    /* The tiles' colours and counters in the frame that is shown now; null without a picture. Tiles
     * are in pixels of a canvas of 1280x720. */
    function tiles(list) {
        const c = grab();
        if (!c)
            return null;
        const scale = canvas.width / 1280;
        return list.map((t) => {
            const tile = { x: t.x * scale, y: t.y * scale, width: t.width * scale, height: t.height * scale };
            const at = place(tile, 0.5, 0.7);
            return {
                rgb: mean(c, at.x - tile.width * 0.1, at.y - tile.height * 0.06, tile.width * 0.2, tile.height * 0.12),
                counter: counterOf(c, tile),
            };
        });
    }

    /* The colours around points (0..1) of the picture that is shown now; null without one. */
    function colours(points) {
        const c = grab();
        const side = canvas.width * 0.02;
        return c && points.map(({ x, y }) =>
            mean(c, x * canvas.width - side / 2, y * canvas.height - side / 2, side, side));
    }

    /* How far the bright and the dark of a part (0..1) of the picture are apart, in levels of luma: the means of
     * the quarters at both ends. */
    function contrast({ x, y, w, h }) {
        const c = grab();
        if (!c)
            return 0;
        const { data } = c.getImageData(Math.round(x * canvas.width), Math.round(y * canvas.height),
            Math.round(w * canvas.width), Math.round(h * canvas.height));
        const luma = [];
        for (let i = 0; i < data.length; i += 4)
            luma.push(0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2]);
        luma.sort((a, b) => a - b);
        const quarter = Math.floor(luma.length / 4);
        const mean = (list) => list.reduce((sum, v) => sum + v, 0) / list.length;
        return Math.round(mean(luma.slice(-quarter)) - mean(luma.slice(0, quarter)));
    }

    /* What the page lays over the mix: who is where, in parts of the picture, as drawn upwards. */
    function overlay() {
        const percent = (text) => parseFloat(text) / 100;
        return [...document.querySelectorAll('[data-testid="tile"]')].map(({ style, dataset }) => ({
            userId: dataset.user,
            x: percent(style.left), y: percent(style.top), w: percent(style.width), h: percent(style.height),
        }));
    }

    function analyserOf(stream) {
        if (!listeners.has(stream)) {
            const audio = new AudioContext({ sampleRate: 48000 });
            const analyser = audio.createAnalyser();
            analyser.fftSize = 32768;
            analyser.smoothingTimeConstant = 0;
            analyser.minDecibels = -160;
            audio.createMediaStreamSource(stream).connect(analyser);
            listeners.set(stream, { audio, analyser });
        }
        return listeners.get(stream);
    }

    /* The level in dB at each tone, the mean power of several spectra. */
    async function levels(freqs, spectra = 4) {
        const { audio, analyser } = analyserOf(mix().srcObject);
        await audio.resume();
        const bins = new Float32Array(analyser.frequencyBinCount);
        const sums = freqs.map(() => 0);
        for (let n = 0; n < spectra; n++) {
            await new Promise((resolve) => setTimeout(resolve, 720)); /* a whole window of new sound */
            analyser.getFloatFrequencyData(bins);
            freqs.forEach((freq, i) => {
                const at = Math.round((freq * analyser.fftSize) / audio.sampleRate);
                const peak = Math.max(...bins.subarray(at - 3, at + 4));
                sums[i] += 10 ** (Math.max(peak, -200) / 10);
            });
        }
        return sums.map((sum) => 10 * Math.log10(sum / spectra));
    }

    /* The tone's level in dB on the left and on the right. */
    async function sides(freq) {
        const audio = new AudioContext({ sampleRate: 48000 });
        await audio.resume();
        const splitter = audio.createChannelSplitter(2);
        audio.createMediaStreamSource(mix().srcObject).connect(splitter);
        const ears = [0, 1].map((side) => {
            const ear = audio.createAnalyser();
            ear.fftSize = 16384;
            ear.smoothingTimeConstant = 0;
            ear.minDecibels = -160;
            splitter.connect(ear, side);
            return ear;
        });
        await new Promise((resolve) => setTimeout(resolve, 800));
        const at = Math.round((freq * 16384) / audio.sampleRate);
        const found = ears.map((ear) => {
            const bins = new Float32Array(ear.frequencyBinCount);
            ear.getFloatFrequencyData(bins);
            return Math.max(-200, ...bins.subarray(at - 3, at + 4));
        });
        await audio.close();
        return found;
    }

    /* How long until the tone is gone and stays away, from now: {ms, stallMs}, where stallMs is the
     * longest time that this page itself slept. */
    function untilSilent(freq, limitMs) {
        const audio = new AudioContext({ sampleRate: 48000 });
        const ear = audio.createAnalyser();
        ear.fftSize = 8192;
        ear.smoothingTimeConstant = 0;
        audio.createMediaStreamSource(mix().srcObject).connect(ear);
        const bins = new Float32Array(ear.frequencyBinCount);
        const at = Math.round((freq * ear.fftSize) / audio.sampleRate);
        const began = performance.now();
        let heardAt = began;
        let lookedAt = began;
        let stallMs = 0;
        return new Promise((resolve) => {
            const timer = setInterval(() => {
                const now = performance.now();
                stallMs = Math.max(stallMs, now - lookedAt);
                lookedAt = now;
                ear.getFloatFrequencyData(bins);
                if (audio.state !== 'running' || Math.max(...bins.subarray(at - 2, at + 3)) > -65)
                    heardAt = now;
                if (now - heardAt < 600 && now - began < limitMs)
                    return;
                clearInterval(timer);
                audio.close();
                resolve({ ms: Math.round(heardAt - began), stallMs: Math.round(stallMs) });
            }, 40);
        });
    }

    /* Watches for gaps: longest time between frames with a new counter in the tile, and longest
     * silence of the tone. */
    const watches = { longestFrameMs: 0, longestSilenceMs: 0, frames: 0, timer: null };

    function watch(tile, freq) {
        const { audio, analyser } = analyserOf(mix().srcObject);
        const ear = audio.createAnalyser();
        ear.fftSize = 2048;
        ear.smoothingTimeConstant = 0;
        audio.createMediaStreamSource(mix().srcObject).connect(ear);
        const bins = new Float32Array(ear.frequencyBinCount);
        let counter = -1;
        let seenAt = performance.now();
        let heardAt = performance.now();
        clearInterval(watches.timer);
        Object.assign(watches, { longestFrameMs: 0, longestSilenceMs: 0, frames: 0, analyser });
        watches.timer = setInterval(() => {
            const now = performance.now();
            const next = tiles([tile])?.[0].counter;
            if (next !== undefined && next !== counter) {
                counter = next;
                seenAt = now;
                watches.frames++;
            }
            ear.getFloatFrequencyData(bins);
            if (bins[Math.round((freq * ear.fftSize) / audio.sampleRate)] > -70)
                heardAt = now;
            watches.longestFrameMs = Math.max(watches.longestFrameMs, now - seenAt);
            watches.longestSilenceMs = Math.max(watches.longestSilenceMs, now - heardAt);
        }, 40);
    }

    function watched() {
        const { longestFrameMs, longestSilenceMs, frames } = watches;
        return { longestFrameMs: Math.round(longestFrameMs), longestSilenceMs: Math.round(longestSilenceMs), frames };
    }

    /* Every connection that the page makes is kept, to be asked for its statistics. */
    const connections = [];
    const Original = window.RTCPeerConnection;
    window.RTCPeerConnection = class extends Original {
        constructor(...args) {
            super(...args);
            connections.push(this);
        }
    };

    /* The newest open connection: codecs in use, the server's UDP port, what came and what got lost so
     * far. */
    async function transport() {
        const pc = connections.filter((it) => it.connectionState !== 'closed').at(-1);
        const found = { state: pc.connectionState, sends: '', receives: '', port: 0, lost: 0, sounds: 0, pictures: 0, soundsSent: 0, soundBytesSent: 0, atMs: 0 };
        const stats = await pc.getStats();
        for (const report of stats.values()) {
            const codec = stats.get(report.codecId)?.mimeType ?? '';
            if (report.type === 'inbound-rtp') {
                found.lost += report.packetsLost ?? 0;
                found.sounds += report.kind === 'audio' ? report.packetsReceived : 0;
                found.pictures += report.framesReceived ?? 0;
                found.atMs = report.timestamp;
            }
            if (report.type === 'outbound-rtp' && report.kind === 'audio')
                Object.assign(found, { soundsSent: report.packetsSent, soundBytesSent: report.bytesSent });
            if (report.type === 'outbound-rtp' && report.kind === 'video')
                found.sends = codec;
            else if (report.type === 'inbound-rtp' && report.kind === 'video')
                found.receives = codec;
            else if (report.type === 'candidate-pair' && report.nominated && report.state === 'succeeded')
                found.port = stats.get(report.remoteCandidateId)?.port ?? 0;
        }
        return found;
    }

    /* What came so far and how well, in one line: sound that was made up, pictures that stood still. */
    async function quality() {
        const pc = connections.filter((it) => it.connectionState !== 'closed').at(-1);
        const found = { state: pc.connectionState, samples: 0, concealed: 0, frames: 0, height: 0, frozenMs: 0, bytes: 0, atMs: performance.now() };
        for (const report of (await pc.getStats()).values()) {
            if (report.type !== 'inbound-rtp')
                continue;
            found.bytes += report.bytesReceived + report.headerBytesReceived;
            if (report.kind === 'audio')
                Object.assign(found, { samples: report.totalSamplesReceived, concealed: report.concealedSamples });
            else
                Object.assign(found, { frames: report.framesDecoded, height: report.frameHeight ?? 0, frozenMs: 1000 * (report.totalFreezesDuration ?? 0) });
        }
        return found;
    }

    function descriptions() {
        const pc = connections.filter((it) => it.connectionState !== 'closed').at(-1);
        return { offer: pc.localDescription.sdp, answer: pc.remoteDescription.sdp };
    }

    window.__measure = { colours, contrast, overlay, transport, quality, tiles, levels, watch, watched, untilSilent, descriptions, sides };
}
