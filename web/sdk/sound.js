/* sdk/sound.js - how sound is sent and asked for, where browsers have no switch for it or hide it.
 *
 * RED (RFC 2198) comes first, so that each packet carries copies of those before it. NACK for Opus and
 * stereo can only be written into the text: browsers that do not know them there leave them out of
 * account, and one that refuses the text is offered its own again (offerLocally). */

const MUSIC_BPS = 128000;

/* The browser's codecs for sound, RED before all; null where it has no RED or tells nothing. */
export function redFirst(codecs) {
    const isRed = (codec) => codec.mimeType.toLowerCase() === 'audio/red';
    if (!codecs?.some(isRed))
        return null;
    return [...codecs.filter(isRed), ...codecs.filter((codec) => !isRed(codec))];
}

export function preferRed(transceiver, RTCRtpReceiver) {
    const codecs = redFirst(RTCRtpReceiver?.getCapabilities?.('audio')?.codecs);
    if (codecs)
        transceiver.setCodecPreferences?.(codecs);
}

/* Music gets its bits, speech what the browser finds right. Never rejects: its own choice serves too. */
export async function setMusic(sender, isMusic) {
    const parameters = sender?.getParameters?.();
    const [encoding] = parameters?.encodings ?? [];
    if (!encoding || (!isMusic && !encoding.maxBitrate))
        return;
    if (isMusic)
        encoding.maxBitrate = MUSIC_BPS;
    else
        delete encoding.maxBitrate;
    await sender.setParameters(parameters).catch(() => {});
}

/* The SDP with, for Opus, `a=rtcp-fb:PT nack` and `stereo=1` in its parameters (sprop-stereo=1 too
 * where stereo is sent). Lines that are there already stay as they are. */
export function offerSound(sdp, { isStereo = true, sendsStereo = false } = {}) {
    const parts = sdp.split(/(?=^m=)/m);
    return parts.map((part) => (part.startsWith('m=audio') ? opusPart(part, isStereo, sendsStereo) : part)).join('');
}

function opusPart(part, isStereo, sendsStereo) {
    const pt = /^a=rtpmap:(\d+) opus\/48000/im.exec(part)?.[1];
    if (!pt)
        return part;
    const wanted = { ...(isStereo && { stereo: 1 }), ...(sendsStereo && { 'sprop-stereo': 1 }) };
    return withNack(withParameters(part, pt, wanted), pt);
}

const end = (part) => (part.includes('\r\n') ? '\r\n' : '\n');

function withNack(part, pt) {
    if (new RegExp(`^a=rtcp-fb:(${pt}|\\*) nack\\s*$`, 'm').test(part))
        return part;
    return part.replace(new RegExp(`^a=rtpmap:${pt} .*$`, 'm'),
        (line) => `${line}${end(part)}a=rtcp-fb:${pt} nack`);
}

function withParameters(part, pt, wanted) {
    const line = new RegExp(`^a=fmtp:${pt} (.*)$`, 'm');
    const said = line.exec(part)?.[1] ?? '';
    const missing = Object.entries(wanted).filter(([name]) => !new RegExp(`(^|;)\\s*${name}=`).test(said));
    if (!missing.length)
        return part;
    const text = missing.map(([name, value]) => `${name}=${value}`).join(';');
    if (said)
        return part.replace(line, (fmtp) => `${fmtp};${text}`);
    return part.replace(new RegExp(`^a=rtpmap:${pt} .*$`, 'm'),
        (rtpmap) => `${rtpmap}${end(part)}a=fmtp:${pt} ${text}`);
}

/* The answer without `stereo=1` where we send mono: browsers take a server's word that it can take
 * stereo as a wish for it, and spend twice the bits on a voice. */
export function answerSound(sdp, { sendsStereo = false } = {}) {
    if (sendsStereo)
        return sdp;
    return sdp.replace(/^(a=fmtp:\d+ )(.*)$/gm, (line, start, parameters) => {
        const list = parameters.split(';').map((it) => it.trim());
        return list.includes('stereo=1') ? start + list.filter((it) => it !== 'stereo=1').join(';') : line;
    });
}

/* Sets the offer with our lines in it, or as the browser made it where that is refused. */
export async function offerLocally(pc, offer, wishes) {
    const sdp = offerSound(offer.sdp, wishes);
    try {
        await pc.setLocalDescription({ type: 'offer', sdp });
    } catch {
        await pc.setLocalDescription(offer);
    }
}
