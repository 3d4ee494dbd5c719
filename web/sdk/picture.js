/* sdk/picture.js - how our camera and screen are sent: no larger than the server has use for. */

const HIDDEN = { width: 320, height: 180, fps: 1, bitrate: 30000 };
const SCREEN_FPS = 15;
/* Text stays sharp at fewer bits; what a browser lacks is left out. */
const SCREEN_CODECS = ['video/vp9', 'video/vp8', 'video/h264'];

const rank = (codec) => {
    const at = SCREEN_CODECS.indexOf(codec.mimeType.toLowerCase());
    return at < 0 ? SCREEN_CODECS.length : at;
};

/* want: {width, height, fps, bitrate} of the uplink event; undefined: as the sender is set. A picture
 * that nobody sees (bitrate 0) goes on as a small one a second, so that it is there at once when
 * somebody does, and the server does not take it for a camera that is off. */
export async function sendAs(sender, want, mostBps) {
    const parameters = want && sender?.getParameters?.();
    const encoding = parameters?.encodings?.length === 1 && parameters.encodings[0];
    if (!encoding)
        return; /* simulcast: the server chooses among what there is */
    const { width, height, fps, bitrate } = want.bitrate > 0 ? want : HIDDEN;
    const has = sender.track?.getSettings?.() ?? {};
    const spare = Math.min((has.width ?? width) / width, (has.height ?? height) / height);
    encoding.scaleResolutionDownBy = Math.max(1, spare || 1);
    encoding.maxFramerate = fps;
    encoding.maxBitrate = Math.min(bitrate, mostBps);
    await sender.setParameters(parameters);
}

/* A second video of ours, only sent. */
export function sendScreen(pc, track, mostBps, receivers) {
    if ('contentHint' in track && !track.contentHint)
        track.contentHint = 'detail';
    const transceiver = pc.addTransceiver(track, {
        direction: 'sendonly',
        sendEncodings: [{ maxBitrate: mostBps, maxFramerate: SCREEN_FPS }],
    });
    const codecs = receivers?.getCapabilities?.('video')?.codecs;
    if (codecs)
        transceiver.setCodecPreferences?.([...codecs].sort((a, b) => rank(a) - rank(b)));
    return transceiver;
}
