/* The SDK's own arithmetic and texts, without a browser: how long sound waits for late copies, and what
 * an offer says of sound. */
import { PICTURE_MOST_MS, PLAYOUT_MOST_MS, followLoss, lossBetween, nextPlayout, pictureWaitMs, readCounters, setTarget } from '../../web/sdk/playout.js';
import { answerSound, offerLocally, offerSound, redFirst } from '../../web/sdk/sound.js';
import { check, sleep, test, until } from './lib/test.mjs';

const same = (what, got, wanted) =>
    check(JSON.stringify(got) === JSON.stringify(wanted), `${what}: ${JSON.stringify(got)}, not ${JSON.stringify(wanted)}`);

const START = { step: 0, calm: 0 };

test('sdk: the wait follows loss, up at once and down by steps', async () => {
    const rows = [ /* loss, concealed, round trip -> wait */
        [0, 0, 80, 0],
        [0.009, 0.009, 80, 0],
        [0.02, 0, 80, 60],
        [0.05, 0, 80, 100],
        [0.1, 0, 80, 200],
        [0.3, 0, 20, 260],
        [0.5, 0.1, 500, PLAYOUT_MOST_MS],
    ];
    for (const [loss, concealed, rttMs, wanted] of rows)
        same(`at ${loss}`, nextPlayout(START, { loss, concealed, rttMs }).targetMs, wanted);

    let state = nextPlayout(START, { loss: 0.1, concealed: 0 });
    const waits = [];
    for (let round = 0; round < 20; round++) {
        state = nextPlayout(state, { loss: 0, concealed: 0 });
        waits.push(state.targetMs);
    }
    check(waits[0] === 120 && waits[3] === 120, `it shrank at once: ${waits}`);
    check(waits.at(-1) === 0, `it stays at ${waits.at(-1)} ms on a path that is clean again`);
    check(waits.every((ms, i) => i === 0 || ms <= waits[i - 1]), `it jumps: ${waits}`);
    same('its steps', [...new Set(waits)], [120, 100, 60, 0]);
});

test('sdk: sound concealed in spite of the wait asks for more, and no more than there is', async () => {
    let state = nextPlayout(START, { loss: 0.05, concealed: 0.05 });
    same('at first', state.targetMs, 100);
    const waits = [];
    for (let round = 0; round < 8; round++) {
        state = nextPlayout(state, { loss: 0.05, concealed: 0.05 });
        waits.push(state.targetMs);
    }
    same('then', waits, [120, 180, 180, 180, 180, 180, 180, 180]);
    /* Concealed without loss is the sender's silence or a late thread: no wait helps. */
    same('without loss', nextPlayout(START, { loss: 0, concealed: 0.5 }).targetMs, 0);
});

test('sdk: pictures wait for round trips, from the loss on at which they need some', async () => {
    const at = (loss, rttMs) => pictureWaitMs(nextPlayout(START, { loss, concealed: 0, rttMs }).step, rttMs);
    same('no loss', at(0, 100), 0);
    same('little', at(0.02, 100), 0);
    same('a tenth', at(0.1, 100), 290);
    same('much', at(0.3, 100), 435);
    same('far away', at(0.3, 400), PICTURE_MOST_MS);
});

test('sdk: both receivers are told, and small changes are not', async () => {
    const audio = { jitterBufferTarget: null };
    const told = [];
    const video = { set jitterBufferTarget(ms) { told.push(ms); }, get jitterBufferTarget() { return null; } };
    let [received, lost, rtt] = [0, 0, 0.1];
    const pc = { getStats: async () => {
        received += 90;
        lost += 10;
        rtt += 0.005;
        return new Map([['a', { type: 'inbound-rtp', kind: 'audio', packetsReceived: received, packetsLost: lost }],
            ['p', { type: 'candidate-pair', nominated: true, state: 'succeeded', currentRoundTripTime: rtt }]]);
    } };
    const stop = followLoss(pc, audio, video);
    await until('the wait', () => told.length > 0, { limitMs: 60000 });
    await sleep(4500);
    stop();
    check(audio.jitterBufferTarget >= 220, `sound waits ${audio.jitterBufferTarget} ms`);
    check(told.length === 1 && told[0] >= 290, `pictures wait ${told}`);
});

test('sdk: loss is read from counters, also from odd ones', async () => {
    const at = (received, lost, concealed, samples) => ({ received, lost, concealed, samples });
    same('a tenth', lossBetween(at(0, 0, 0, 0), at(90, 10, 480, 96000)), { loss: 0.1, concealed: 0.005 });
    same('nothing came', lossBetween(at(90, 10, 0, 0), at(90, 10, 0, 0)), { loss: 0, concealed: 0 });
    same('a late one came', lossBetween(at(90, 10, 0, 0), at(140, 8, 0, 96000)), { loss: 0, concealed: 0 });
    same('a new connection', lossBetween(at(900, 10, 0, 96000), at(5, 0, 0, 4800)), { loss: 0, concealed: 0 });
    const stats = new Map([
        ['v', { type: 'inbound-rtp', kind: 'video', packetsReceived: 7, packetsLost: 7 }],
        ['a', { type: 'inbound-rtp', kind: 'audio', packetsReceived: 50, packetsLost: 2, concealedSamples: 900,
            silentConcealedSamples: 400, totalSamplesReceived: 48000 }],
        ['p', { type: 'candidate-pair', nominated: true, state: 'succeeded', currentRoundTripTime: 0.04 }],
    ]);
    same('statistics', readCounters(stats), { received: 50, lost: 2, concealed: 500, samples: 48000, rttMs: 40 });
    same('none yet', readCounters(new Map()), null);
});

test('sdk: the wait is asked for in the unit that the browser has', async () => {
    const modern = { jitterBufferTarget: null, playoutDelayHint: null };
    setTarget(modern, 120);
    same('modern', modern, { jitterBufferTarget: 120, playoutDelayHint: null });
    setTarget(modern, 0);
    same('given back', modern, { jitterBufferTarget: null, playoutDelayHint: null });
    const old = { playoutDelayHint: null };
    setTarget(old, 120);
    same('old', old, { playoutDelayHint: 0.12 });
    const none = {};
    setTarget(none, 120);
    same('neither', none, {});
});

const OFFER = [
    'v=0', 's=-', 'm=audio 9 UDP/TLS/RTP/SAVPF 63 111 9', 'a=mid:0', 'a=rtpmap:63 red/48000/2', 'a=fmtp:63 111/111',
    'a=rtpmap:111 opus/48000/2', 'a=rtcp-fb:111 transport-cc', 'a=fmtp:111 minptime=10;useinbandfec=1', 'a=rtpmap:9 G722/8000',
    'm=video 9 UDP/TLS/RTP/SAVPF 96', 'a=rtpmap:96 VP8/90000', 'a=rtcp-fb:96 nack', '',
].join('\r\n');

test('sdk: an offer asks for NACK and stereo of Opus, once, and of nothing else', async () => {
    const sdp = offerSound(OFFER);
    const lines = sdp.split('\r\n');
    check(!/[^\r]\n/.test(sdp), 'a line ends without CR');
    check(lines.includes('a=rtcp-fb:111 nack'), 'no NACK for Opus');
    check(lines.includes('a=fmtp:111 minptime=10;useinbandfec=1;stereo=1'), 'no stereo');
    same('lines', lines.length, OFFER.split('\r\n').length + 1);
    check(lines.indexOf('a=rtcp-fb:111 nack') > lines.indexOf('a=rtpmap:111 opus/48000/2'), 'NACK before its codec');
    same('a second time', offerSound(sdp), sdp);
    const music = offerSound(OFFER, { sendsStereo: true });
    check(music.includes('useinbandfec=1;stereo=1;sprop-stereo=1\r\n'), 'music is not said to be stereo');
    check(offerSound(OFFER, { isStereo: false }).includes('useinbandfec=1\r\n'), 'stereo though the page wants none');
    const bare = OFFER.replace('a=fmtp:111 minptime=10;useinbandfec=1\r\n', '');
    check(offerSound(bare).includes('\r\na=fmtp:111 stereo=1\r\n'), 'no parameters of its own');
    const none = OFFER.replaceAll('opus', 'speex');
    same('without Opus', offerSound(none), none);
});

test('sdk: mono is sent where the answer would take stereo, except for music', async () => {
    const answer = 'm=audio\r\na=fmtp:63 111/111\r\na=fmtp:111 minptime=10;sprop-stereo=1;stereo=1;useinbandfec=1\r\na=mid:0\r\n';
    same('speech', answerSound(answer),
        'm=audio\r\na=fmtp:63 111/111\r\na=fmtp:111 minptime=10;sprop-stereo=1;useinbandfec=1\r\na=mid:0\r\n');
    same('music', answerSound(answer, { sendsStereo: true }), answer);
});

test('sdk: RED goes first where the browser has it', async () => {
    const list = ['audio/opus', 'audio/red', 'audio/G722'].map((mimeType) => ({ mimeType }));
    same('order', redFirst(list).map((c) => c.mimeType), ['audio/red', 'audio/opus', 'audio/G722']);
    same('no RED', redFirst(list.slice(0, 1)), null);
    same('no list', redFirst(undefined), null);
});

test('sdk: a browser that refuses our lines is offered its own', async () => {
    const set = [];
    const pc = {
        async setLocalDescription(offer) {
            set.push(offer.sdp);
            if (offer.sdp !== OFFER)
                throw new Error('InvalidModificationError');
        },
    };
    await offerLocally(pc, { type: 'offer', sdp: OFFER });
    same('offers', set, [offerSound(OFFER), OFFER]);
});
