/* The SDK's part in what is sent, without a browser: a camera obeys the server's wish, a screen prefers
 * codecs that keep text sharp. */
import { sendAs, sendScreen } from '../../web/sdk/picture.js';
import { check, test } from './lib/test.mjs';

const same = (what, got, wanted) =>
    check(JSON.stringify(got) === JSON.stringify(wanted), `${what}: ${JSON.stringify(got)}, not ${JSON.stringify(wanted)}`);

function senderOf(settings, encodings = [{}]) {
    const sender = { track: { getSettings: () => settings }, set: null };
    sender.getParameters = () => ({ encodings: encodings.map((one) => ({ ...one })) });
    sender.setParameters = async ({ encodings: told }) => { sender.set = told; };
    return sender;
}

test('sdk: a camera is sent no larger than its tile', async () => {
    const rows = [ /* camera, wish, scale, rate */
        [{ width: 640, height: 360 }, { width: 640, height: 360, fps: 30, bitrate: 700000 }, 1, 700000],
        [{ width: 1280, height: 720 }, { width: 320, height: 180, fps: 15, bitrate: 150000 }, 4, 150000],
        [{ width: 640, height: 480 }, { width: 320, height: 180, fps: 30, bitrate: 150000 }, 2, 150000],
        [{ width: 640, height: 360 }, { width: 1280, height: 720, fps: 30, bitrate: 2000000 }, 1, 900000],
        [{}, { width: 320, height: 180, fps: 30, bitrate: 150000 }, 1, 150000],
    ];
    for (const [settings, wish, scale, bitrate] of rows) {
        const sender = senderOf(settings);
        await sendAs(sender, wish, 900000);
        same(`${JSON.stringify(settings)} as ${JSON.stringify(wish)}`, sender.set,
            [{ scaleResolutionDownBy: scale, maxFramerate: wish.fps, maxBitrate: bitrate }]);
    }
});

test('sdk: what nobody sees goes on, as a picture a second', async () => {
    const sender = senderOf({ width: 1280, height: 720 });
    await sendAs(sender, { width: 0, height: 0, fps: 0, bitrate: 0 }, 900000);
    same('hidden', sender.set, [{ scaleResolutionDownBy: 4, maxFramerate: 1, maxBitrate: 30000 }]);
});

test('sdk: without a wish, without a sender and with simulcast nothing is set', async () => {
    const plain = senderOf({ width: 640, height: 360 });
    await sendAs(plain, undefined, 900000);
    await sendAs(undefined, { width: 1, height: 1, fps: 1, bitrate: 1 }, 900000);
    const layered = senderOf({ width: 640, height: 360 }, [{ rid: 'l' }, { rid: 'h' }]);
    await sendAs(layered, { width: 320, height: 180, fps: 30, bitrate: 150000 }, 900000);
    same('set', [plain.set, layered.set], [null, null]);
});

test('sdk: a screen is sent for detail, VP9 first, repair kept', async () => {
    let preferred = null;
    let init = null;
    const pc = {
        addTransceiver: (track, given) => {
            init = given;
            return { setCodecPreferences: (codecs) => { preferred = codecs.map(({ mimeType }) => mimeType); } };
        },
    };
    const codecs = ['video/VP8', 'video/rtx', 'video/H264', 'video/VP9', 'video/AV1'].map((mimeType) => ({ mimeType }));
    const track = { contentHint: '' };
    sendScreen(pc, track, 2500000, { getCapabilities: () => ({ codecs }) });
    same('hint', track.contentHint, 'detail');
    same('direction', init.direction, 'sendonly');
    same('order', preferred, ['video/VP9', 'video/VP8', 'video/H264', 'video/rtx', 'video/AV1']);
    const chosen = { contentHint: 'motion' };
    sendScreen(pc, chosen, 2500000, undefined);
    same('a hint of the caller\'s own', chosen.contentHint, 'motion');
});
