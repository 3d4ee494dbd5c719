/* What publishers send, over the real WebSocket: a camera and a screen on two m-lines, VP9 and AV1, layers
 * of simulcast. Pages here are bare: they negotiate by themselves. */
import { Person } from './lib/browser.mjs';
import { Server } from './lib/server.mjs';
import { check, sleep, test, until } from './lib/test.mjs';

/* In the page: a connection of its own. publish() and share() make offers; stats() tells of what is sent. */
function install({ user, room }) {
    const state = { events: [], members: new Map(), pc: new RTCPeerConnection(), next: 0, asked: new Map() };
    window.__net = state;

    function painted(colour, width, height) {
        const canvas = Object.assign(document.createElement('canvas'), { width, height });
        const c = canvas.getContext('2d', { alpha: false });
        let n = 0;
        setInterval(() => {
            c.fillStyle = colour;
            c.fillRect(0, 0, width, height);
            c.fillStyle = n++ & 1 ? '#000000' : '#ffffff';
            c.fillRect(width / 2, height / 2, 8, 8);
            if (state.noise) /* costs bits */
                for (let i = 0; i < 400; i++) {
                    c.fillStyle = `hsl(${Math.random() * 360} 80% 50%)`;
                    c.fillRect(Math.random() * width, Math.random() * height, width / 30, height / 30);
                }
        }, 50);
        return canvas.captureStream(20).getVideoTracks()[0];
    }

    const ask = (action, data) => new Promise((resolve, reject) => {
        const id = ++state.next;
        state.asked.set(id, { resolve, reject });
        state.ws.send(JSON.stringify({ type: 'rtc', action, id, data }));
    });

    async function negotiate() {
        await state.pc.setLocalDescription();
        const { sdp } = await ask('offer', { sdp: state.pc.localDescription.sdp });
        state.answer = sdp;
        await state.pc.setRemoteDescription({ type: 'answer', sdp });
    }

    state.ask = ask;
    state.open = () => new Promise((resolve, reject) => {
        state.ws = new WebSocket(`${location.origin.replace('http', 'ws')}/ws`);
        state.ws.onerror = () => reject(new Error('no WebSocket'));
        state.ws.onmessage = ({ data }) => {
            const { id, ok, action, data: body, error } = JSON.parse(data);
            const one = state.asked.get(id);
            if (one)
                return ok ? one.resolve(body) : one.reject(new Error(JSON.stringify(error)));
            state.events.push({ action, ...body });
            if (action === 'candidate' && body.candidate)
                state.pc.addIceCandidate(body).catch(() => {});
        };
        state.ws.onopen = () => ask('join', { roomId: room, name: user, userId: user, role: 'host' }).then(resolve, reject);
        state.pc.onicecandidate = ({ candidate }) => candidate?.candidate && ask('candidate', candidate.toJSON());
    });

    state.publish = async ({ colour, width = 640, height = 360, codec = null, encodings = null }) => {
        const sender = state.pc.addTransceiver(painted(colour, width, height), {
            direction: 'sendrecv', ...(encodings && { sendEncodings: encodings }),
        });
        if (codec) {
            const { codecs } = RTCRtpSender.getCapabilities('video');
            sender.setCodecPreferences(codecs.filter(({ mimeType }) => mimeType === `video/${codec}` || mimeType === 'video/rtx'));
        }
        await negotiate();
        const video = document.createElement('video');
        Object.assign(video, { autoplay: true, muted: true, srcObject: new MediaStream([sender.receiver.track]) });
        video.dataset.testid = 'mix';
        document.body.append(video);
    };

    state.share = async (colour) => {
        state.screen ??= state.pc.addTransceiver(painted(colour, 1280, 720), { direction: 'sendonly' });
        state.screen.direction = 'sendonly';
        await negotiate();
    };

    state.unshare = async () => {
        state.screen.direction = 'inactive';
        await negotiate();
    };

    state.sent = async () => {
        const all = [...(await state.pc.getStats()).values()];
        return all.filter(({ type, kind }) => type === 'outbound-rtp' && kind === 'video')
            .map(({ rid, bytesSent, frameHeight, framesEncoded, codecId, mid, active }) => ({
                rid, bytesSent, frameHeight, framesEncoded, mid, active,
                codec: all.find(({ id }) => id === codecId)?.mimeType,
            }));
    };

    state.got = async () => {
        const all = [...(await state.pc.getStats()).values()];
        const one = all.find(({ type, kind }) => type === 'inbound-rtp' && kind === 'video');
        return { codec: all.find(({ id }) => id === one?.codecId)?.mimeType, frames: one?.framesDecoded ?? 0 };
    };
}

async function open(scope, server, user, room, program = undefined) {
    const conf = { name: user, colour: '#000000', freq: 440 };
    const person = await Person.open(scope, conf, { withSource: false, ...(program && { program }) });
    await person.page.goto(`${server.url}/healthz`);
    await person.page.evaluate(install, { user, room });
    await person.page.evaluate(() => window.__net.open());
    return person;
}

const publish = (person, how) => person.page.evaluate((h) => window.__net.publish(h), how);
const sent = (person) => person.page.evaluate(() => window.__net.sent());
const got = (person) => person.page.evaluate(() => window.__net.got());

const members = async (server, room) => (await server.json(`/api/v1/rooms/${room}/members`)).members;

/* Where the colour is in the mix that this one sees: the share of its pixels, 0 to 1. */
const share = (person, rgb) => person.page.evaluate((wanted) => {
    const video = document.querySelector('video');
    if (!video?.videoWidth)
        return 0;
    const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 180 });
    const c = canvas.getContext('2d', { willReadFrequently: true });
    c.drawImage(video, 0, 0, 320, 180);
    const { data } = c.getImageData(0, 0, 320, 180);
    let count = 0;
    for (let i = 0; i < data.length; i += 4)
        count += wanted.every((value, k) => Math.abs(data[i + k] - value) < 24) ? 1 : 0;
    return count / (data.length / 4);
}, rgb);

const RED = { colour: '#c82828', rgb: [200, 40, 40] };
const GREEN = { colour: '#1e9646', rgb: [30, 150, 70] };

test('a camera and a screen on two m-lines, shared and ended by new offers', async (scope) => {
    const server = await Server.start(scope);
    const ada = await open(scope, server, 'ada', 'pictures');
    await publish(ada, RED);
    await until('the camera in the mix', async () => await share(ada, RED.rgb) > 0.2);
    check((await members(server, 'pictures'))[0].screen === false, 'nothing is shared yet');

    for (const turn of ['once', 'again']) {
        await ada.page.evaluate((colour) => window.__net.share(colour), GREEN.colour);
        await until(`${turn}: the member to share`, async () => (await members(server, 'pictures'))[0].screen === true, { limitMs: 60000 });
        await until(`${turn}: both in the mix`, async () => await share(ada, GREEN.rgb) > 0.1 && await share(ada, RED.rgb) > 0.01, { limitMs: 60000 });
        await ada.page.evaluate(() => window.__net.unshare());
        await until(`${turn}: the member to share no more`, async () => (await members(server, 'pictures'))[0].screen === false, { limitMs: 60000 });
        await until(`${turn}: the camera alone`, async () => await share(ada, GREEN.rgb) < 0.01 && await share(ada, RED.rgb) > 0.2, { limitMs: 60000 });
    }
    const events = await ada.page.evaluate(() => window.__net.events.filter(({ action }) => action === 'media').map(({ screen }) => screen));
    check(events.includes(true) && events.at(-1) === false, `media events: ${events}`);
});

test('publishers of VP9 and AV1 only are in the mix', async (scope) => {
    const server = await Server.start(scope);
    for (const codec of ['VP9', 'AV1']) {
        const ada = await open(scope, server, 'ada', codec);
        await publish(ada, { ...RED, codec });
        await until(`${codec} to be sent`, async () => (await sent(ada))[0]?.framesEncoded > 10 && (await sent(ada))[0].codec === `video/${codec}`, { limitMs: 60000 });
        const viewer = await open(scope, server, 'viewer', codec);
        await publish(viewer, GREEN); /* of whatever it likes: AV1 is not sent by us */
        await until(`${codec} to be in the mix`, async () => await share(viewer, RED.rgb) > 0.1 && await share(viewer, GREEN.rgb) > 0.1, { limitMs: 60000 });
        if (codec === 'VP9') {
            await until('VP9 to come back', async () => (await got(ada)).frames > 20 && await share(ada, GREEN.rgb) > 0.1, { limitMs: 60000 });
            check((await got(ada)).codec === 'video/VP9', `it is sent ${(await got(ada)).codec}`);
        }
        await viewer.page.close();
        await ada.page.close();
    }
});

test('layers of simulcast: each is sent, one is shown, the answer names them', async (scope) => {
    const server = await Server.start(scope);
    const ada = await open(scope, server, 'ada', 'layers');
    await publish(ada, {
        ...RED, width: 1280, height: 720, codec: 'VP8',
        encodings: [
            { rid: 'q', scaleResolutionDownBy: 4 },
            { rid: 'h', scaleResolutionDownBy: 2 },
            { rid: 'f' },
        ],
    });
    const answer = await ada.page.evaluate(() => window.__net.answer);
    check(answer.includes('a=simulcast:recv q;h;f'), answer);
    await until('three layers to be sent', async () => (await sent(ada)).filter(({ framesEncoded }) => framesEncoded > 5).length === 3, { limitMs: 90000 });
    await until('the camera in the mix', async () => await share(ada, RED.rgb) > 0.2, { limitMs: 60000 });
});

/* Bits a second of all pictures that are sent, over ms. */
async function rate(person, ms) {
    const sum = async () => (await sent(person)).reduce((all, { bytesSent }) => all + bytesSent, 0);
    const before = await sum();
    const began = Date.now();
    await sleep(ms);
    return ((await sum()) - before) * 8000 / (Date.now() - began);
}

test('a publisher sends no more than its tile needs', async (scope) => {
    const server = await Server.start(scope);
    const [ada, ben] = [await open(scope, server, 'ada', 'limits'), await open(scope, server, 'ben', 'limits')];
    await ada.page.evaluate(() => {
        window.__net.noise = true;
    });
    await publish(ada, { ...RED, width: 1280, height: 720, codec: 'VP8' });
    await publish(ben, GREEN);
    await ada.page.evaluate(() => window.__net.ask('layout', { layout: 'pip', spotlight: 'ada' }));
    const much = await until('much to be sent', async () => {
        const bps = await rate(ada, 1000);
        return bps > 600000 && bps;
    }, { limitMs: 90000 });

    await ada.page.evaluate(() => window.__net.ask('layout', { spotlight: 'ben' }));
    const began = Date.now();
    const little = await until('little to be sent', async () => {
        const bps = await rate(ada, 1000);
        check(bps < 300000, `${Math.round(bps)} bit/s are sent`);
        return bps;
    }, { limitMs: 60000 });
    scope.note(`${Math.round(much / 1000)} to ${Math.round(little / 1000)} kbit/s within ${((Date.now() - began) / 1000).toFixed(1)} s`);
});
