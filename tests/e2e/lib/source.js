/* lib/source.js - runs in the page before its own scripts: camera and microphone of known content.
 *
 * The picture is one colour with a binary counter of 16 blocks (most significant first) in the middle,
 * where no crop of a tile cuts it off, and a bar that moves. The sound is one tone. With flash the
 * picture turns white and the tone sounds for the first 100 ms of each second, both from one clock. With isLeft
 * the tone is on the left alone. */
export function installSource(conf) {
    const WIDTH = 320;
    const HEIGHT = 180;
    const state = { counter: 0, started: 0, loudness: 0.2, gain: null, wanted: null };
    window.__source = state;

    function draw(c, isWhite) {
        c.fillStyle = isWhite ? '#ffffff' : conf.colour;
        c.fillRect(0, 0, WIDTH, HEIGHT);
        const left = WIDTH * 0.3;
        const block = (WIDTH * 0.4) / 16;
        for (let i = 0; i < 16; i++) {
            c.fillStyle = (state.counter >> (15 - i)) & 1 ? '#ffffff' : '#000000';
            c.fillRect(left + i * block, HEIGHT * 0.18, block, HEIGHT * 0.17);
        }
        c.fillStyle = '#000000';
        c.fillRect(left + ((state.counter * 3) % (WIDTH * 0.38)), HEIGHT * 0.4, WIDTH * 0.02, HEIGHT * 0.06);
    }

    function video(audio) {
        const canvas = document.createElement('canvas');
        canvas.width = WIDTH;
        canvas.height = HEIGHT;
        const c = canvas.getContext('2d', { alpha: false });
        const track = canvas.captureStream(0).getVideoTracks()[0];
        const frame = () => {
            state.counter = (state.counter + 1) & 0xffff;
            draw(c, conf.flash && audio.currentTime % 1 < 0.1);
            track.requestFrame();
        };
        frame();
        const timer = setInterval(() => {
            if (track.readyState === 'ended')
                clearInterval(timer);
            else
                frame();
        }, 1000 / (conf.fps ?? 20));
        return track;
    }

    function tone(audio) {
        const oscillator = audio.createOscillator();
        const gain = audio.createGain();
        const out = audio.createMediaStreamDestination();
        oscillator.frequency.value = conf.freq;
        gain.gain.value = conf.flash ? 0 : state.loudness;
        state.gain = gain.gain;
        if (conf.isLeft)
            oscillator.connect(gain).connect(audio.createChannelMerger(2), 0, 0).connect(out);
        else
            oscillator.connect(gain).connect(out);
        oscillator.start();
        if (conf.flash)
            beep(audio, gain.gain);
        return out.stream.getAudioTracks()[0];
    }

    /* A minute ahead is planned at once, so that no timer's lateness is heard. */
    function beep(audio, gain) {
        let planned = Math.ceil(audio.currentTime);
        const plan = () => {
            for (; planned < audio.currentTime + 60; planned++) {
                gain.setValueAtTime(0.4, planned);
                gain.setValueAtTime(0, planned + 0.1);
            }
        };
        plan();
        setInterval(plan, 20000);
    }

    window.__allow = () => {
        conf.refuse = '';
    };

    /* The tone's amplitude, 0 to 1. */
    window.__loudness = (value) => {
        state.loudness = value;
        if (state.gain)
            state.gain.value = value;
    };

    let audio;
    async function getUserMedia(constraints) {
        state.asked = (state.asked ?? 0) + 1;
        state.wanted = { ...state.wanted, ...constraints };
        if (conf.refuse)
            throw new DOMException('by the test', conf.refuse);
        if (conf.refuseVideo && constraints.video)
            throw new DOMException('by the test', conf.refuseVideo);
        audio ??= new AudioContext({ sampleRate: 48000 });
        await audio.resume();
        const tracks = [];
        if (constraints.audio)
            tracks.push(tone(audio));
        if (constraints.video)
            tracks.push(video(audio));
        return new MediaStream(tracks);
    }

    /* A screen of 1920x1080 and of conf.screen, a colour; it moves a little, and its left third has lines of 3
     * pixels, as fine as the strokes of small text. window.__endScreen() is the browser's own
     * button that ends sharing. */
    async function getDisplayMedia() {
        const canvas = document.createElement('canvas');
        canvas.width = 1920;
        canvas.height = 1080;
        const c = canvas.getContext('2d', { alpha: false });
        const track = canvas.captureStream(0).getVideoTracks()[0];
        let turn = 0;
        const timer = setInterval(() => {
            if (track.readyState === 'ended') {
                clearInterval(timer);
                return;
            }
            c.fillStyle = conf.screen ?? '#c8c8f0';
            c.fillRect(0, 0, 1920, 1080);
            c.fillStyle = '#000000';
            for (let x = 0; x < 640; x += 6)
                c.fillRect(x, 300, 3, 480);
            c.fillRect(40 + (turn++ % 100) * 10, 20, 30, 30);
            track.requestFrame();
        }, 100);
        window.__endScreen = () => {
            track.stop();
            track.dispatchEvent(new Event('ended'));
        };
        return new MediaStream([track]);
    }

    const devices = [
        { kind: 'audioinput', deviceId: 'tone', label: `Tone of ${conf.freq} Hz`, groupId: '' },
        { kind: 'videoinput', deviceId: 'colour', label: `Colour ${conf.colour}`, groupId: '' },
    ];
    if (navigator.mediaDevices) {
        navigator.mediaDevices.getUserMedia = getUserMedia;
        navigator.mediaDevices.getDisplayMedia = getDisplayMedia;
        navigator.mediaDevices.enumerateDevices = async () => devices;
    }
}
