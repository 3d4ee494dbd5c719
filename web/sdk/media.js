/* sdk/media.js - the media connection: an RTCPeerConnection, what is sent on it and the mix that comes.
 *
 * It outlives sockets and knows of the seat only what its constructor is given: a seat that is resumed
 * finds sound and picture going on. The client always offers. Offers are made one at a time by
 * #negotiate(), whatever asks for them, because a second one would undo the first; the strongest wish
 * wins: a fresh connection over an ICE restart over a plain offer. A wish that meets a broken seat is
 * kept until the seat is back. */

import { followLoss } from './playout.js';
import { sendAs, sendScreen } from './picture.js';
import { MixdownError } from './socket.js';
import { answerSound, offerLocally, preferRed, setMusic } from './sound.js';

const RANK = { none: 0, plain: 1, restart: 2, fresh: 3 };
const RETRY_MS = 250;          /* before the next offer, times those that failed */
const DISCONNECTED_MS = 5000;  /* ICE often heals by itself before this */
const RESTART_MS = 12000;      /* what a connection may take before we join anew */
const FRESH_TRIES = 5;
const PROBE_MS = 2000;         /* for the server to answer when the media path is in trouble */
const VIDEO_BPS = 900000;
const SCREEN_BPS = 2500000;

const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const quiet = () => {};

export class Media {
    #env;
    #seat;
    #options = null;
    #stay = 0;            /* rises with each end: older work sees it and stops */
    #state = 'new';       /* new connecting connected failed */

    #pc = null;
    #stream = null;
    #transceivers = {};   /* kind -> RTCRtpTransceiver */
    #tracks = { audio: null, video: null, screen: null };
    #muted = { audio: false, video: false };
    #isOriginal = false;
    #uplink = {};         /* what the server has use for: camera, screen */
    #stopFollowing = quiet;

    #iceServers = [];
    #wish = 'none';
    #negotiating = null;
    #offerSent = false;   /* candidates wait for the offer to go first */
    #ownCandidates = [];
    #theirCandidates = [];
    #timer = null;

    /* seat: {state(), socket(), emit(event, value), renew()}; renew gives the seat up for a new one. */
    constructor(env, seat) {
        this.#env = env;
        this.#seat = seat;
    }

    get state() { return this.#state; }
    get stream() { return this.#stream; }
    get connection() { return this.#pc; }
    get screen() { return this.#tracks.screen; }
    get muted() { return this.#muted; }
    get isOriginal() { return this.#isOriginal; }
    get isSettled() { return this.#wish === 'none'; } /* no offer is overdue */

    set iceServers(servers) { this.#iceServers = servers; }

    /* What the next connection is made of: the options of join(). A screen that is shared stays so. */
    prepare(options) {
        this.#options = options;
        this.#tracks.audio = options.stream?.getAudioTracks()[0] ?? null;
        this.#tracks.video = options.stream?.getVideoTracks()[0] ?? null;
        this.#muted = { audio: options.microphone === false, video: options.camera === false };
        this.#isOriginal = Boolean(options.originalSound);
    }

    /* The first offer, while joining; resolves when it is answered. */
    open() {
        this.#wish = 'fresh';
        return this.#negotiate();
    }

    end() {
        this.#stay++;
        this.#close();
        this.#negotiating = null;
        this.#wish = 'none';
        this.#uplink = {};
        this.#tracks.screen = null;
        this.#stream = null;
        this.#state = 'new'; /* told together with the seat's end */
    }

    /* --- what is sent ------------------------------------------------------------------------ */

    mute(kind, isMuted) {
        this.#muted[kind] = isMuted;
        return this.#apply(kind);
    }

    async replaceTrack(kind, track) {
        this.#tracks[kind] = track;
        const transceiver = this.#transceivers[kind];
        if (!transceiver)
            return;
        await this.#apply(kind);
        if (track && transceiver.direction === 'recvonly') {
            transceiver.direction = 'sendrecv';
            this.want('plain');
        }
    }

    async shareScreen(track) {
        this.#tracks.screen = track;
        track?.addEventListener?.('ended', () => this.#tracks.screen === track && this.shareScreen(null));
        this.#seat.emit('screen', track);
        if (!this.#pc)
            return;
        if (this.#transceivers.screen) {
            this.#transceivers.screen.direction = track ? 'sendonly' : 'inactive';
            await this.#transceivers.screen.sender.replaceTrack(track);
        } else if (track) {
            this.#transceivers.screen = sendScreen(this.#pc, track, SCREEN_BPS, this.#env.RTCRtpReceiver);
        }
        this.want('plain');
    }

    /* Takes effect in full with the next offer: stereo is agreed there. */
    setOriginal(isOriginal) {
        this.#isOriginal = isOriginal;
        return setMusic(this.#transceivers.audio?.sender, isOriginal);
    }

    /* The server says how much of our pictures it has use for. */
    uplinkChanged(data) {
        this.#uplink = { ...this.#uplink, ...data };
        this.#obeyUplink();
        this.#seat.emit('uplink', { ...this.#uplink });
    }

    #obeyUplink() {
        sendAs(this.#transceivers.video?.sender, this.#uplink.camera, this.#options?.videoBitrate ?? VIDEO_BPS)
            .catch(quiet);
        sendAs(this.#transceivers.screen?.sender, this.#uplink.screen, SCREEN_BPS).catch(quiet);
    }

    /* What is sent follows track and mute: a muted microphone sends silence, a camera nothing. */
    async #apply(kind) {
        const track = this.#tracks[kind];
        if (track && kind === 'audio')
            track.enabled = !this.#muted.audio;
        const sent = kind === 'video' && this.#muted.video ? null : track;
        const sender = this.#transceivers[kind]?.sender;
        if (sender && sender.track !== sent)
            await sender.replaceTrack(sent);
    }

    /* --- offers ------------------------------------------------------------------------------ */

    /* Asks for an offer (or, with none, for the one that is overdue) without waiting for it. */
    want(wish) {
        if (RANK[wish] > RANK[this.#wish])
            this.#wish = wish;
        if (this.#seat.state() === 'joined' && this.#seat.socket()?.isOpen)
            this.#negotiate().catch(quiet); /* told as an event already */
    }

    /* The socket is gone, and with it the answer to the offer that was under way. */
    seatLost() {
        this.#negotiating = null;
    }

    seatBack() {
        this.want(this.#pc?.connectionState === 'failed' ? 'restart' : 'none');
    }

    /* The room's process died and has a successor, which has never seen our connection. */
    moved() {
        this.#setState('connecting');
        this.want('fresh');
    }

    #negotiate() {
        if (this.#negotiating)
            return this.#negotiating;
        const mine = this.#offers(this.#stay).finally(() => {
            if (this.#negotiating === mine)
                this.#negotiating = null;
        });
        this.#negotiating = mine;
        return mine;
    }

    async #offers(stay) {
        for (let tries = 1; this.#wish !== 'none' && this.#seat.socket()?.isOpen; tries++) {
            const wish = this.#wish;
            this.#wish = 'none';
            try {
                await this.#offer(stay, wish);
                tries = 0;
            } catch (err) {
                if (stay !== this.#stay)
                    throw err;
                if (RANK[this.#wish] < RANK[wish])
                    this.#wish = wish;
                if (err.code === 'connection_lost' || err.code === 'timeout')
                    throw err; /* the seat's return or our timer takes it up */
                if (this.#seat.state() === 'joining' || tries >= FRESH_TRIES)
                    throw this.#failed(err);
                this.#wish = 'fresh';
                await delay(RETRY_MS * tries);
            }
        }
    }

    #failed(err) {
        this.#wish = 'none';
        this.#setState('failed');
        if (this.#seat.state() !== 'joining')
            this.#seat.emit('error', err);
        return err;
    }

    async #offer(stay, wish) {
        if (wish === 'fresh' || !this.#pc)
            this.#openConnection();
        const pc = this.#pc;
        const socket = this.#seat.socket();
        this.#offerSent = false;
        this.#ownCandidates = [];
        const offer = await pc.createOffer({ iceRestart: wish === 'restart' });
        await offerLocally(pc, offer, { sendsStereo: this.#isOriginal });
        this.#check(stay);
        const answered = socket.request('offer', { sdp: pc.localDescription.sdp });
        this.#offerSent = true;
        for (const candidate of this.#ownCandidates.splice(0))
            socket.send('candidate', candidate);
        this.#armTimer();
        const { sdp } = await answered;
        this.#check(stay);
        await pc.setRemoteDescription({ type: 'answer', sdp: answerSound(sdp, { sendsStereo: this.#isOriginal }) });
        for (const candidate of this.#theirCandidates.splice(0))
            await pc.addIceCandidate(candidate).catch(quiet);
        this.#obeyUplink();
        if (wish === 'fresh')
            this.#seat.emit('stream', this.#stream);
    }

    #check(stay) {
        if (stay !== this.#stay)
            throw new MixdownError('left', 'left the room meanwhile');
    }

    /* --- the connection ---------------------------------------------------------------------- */

    #openConnection() {
        this.#close();
        const pc = new this.#env.RTCPeerConnection({
            iceServers: this.#iceServers,
            bundlePolicy: 'max-bundle',
        });
        this.#pc = pc;
        pc.onicecandidate = ({ candidate }) => pc === this.#pc && this.#sendCandidate(candidate);
        pc.onconnectionstatechange = () => pc === this.#pc && this.#connectionChanged(pc.connectionState);
        for (const kind of ['audio', 'video'])
            this.#transceivers[kind] = this.#addTransceiver(pc, kind);
        if (this.#tracks.screen)
            this.#transceivers.screen = sendScreen(pc, this.#tracks.screen, SCREEN_BPS, this.#env.RTCRtpReceiver);
        this.#preferCodec();
        preferRed(this.#transceivers.audio, this.#env.RTCRtpReceiver);
        setMusic(this.#transceivers.audio.sender, this.#isOriginal);
        this.#stopFollowing = followLoss(pc, this.#transceivers.audio.receiver, this.#transceivers.video.receiver);
        this.#stream = new this.#env.MediaStream(
            ['audio', 'video'].map((kind) => this.#transceivers[kind].receiver.track));
        this.#setState('connecting');
    }

    #addTransceiver(pc, kind) {
        const track = this.#tracks[kind];
        const isSent = track && !(kind === 'video' && this.#muted.video);
        if (track && kind === 'audio')
            track.enabled = !this.#muted.audio;
        const init = { direction: track || this.#muted[kind] ? 'sendrecv' : 'recvonly' };
        if (this.#options.stream)
            init.streams = [this.#options.stream];
        if (kind === 'video')
            init.sendEncodings = [{ maxBitrate: this.#options.videoBitrate ?? VIDEO_BPS }];
        return pc.addTransceiver(isSent ? track : kind, init);
    }

    /* Only options.codec (H264 or VP8) and its repair; otherwise the browser's own order. */
    #preferCodec() {
        const wanted = this.#options.codec;
        const all = wanted && this.#env.RTCRtpReceiver?.getCapabilities?.('video')?.codecs;
        if (!all)
            return;
        const isWanted = (codec) => codec.mimeType.toLowerCase() === `video/${wanted.toLowerCase()}`;
        const codecs = all.filter((codec) => isWanted(codec) || /\/rtx$/i.test(codec.mimeType));
        if (codecs.some(isWanted))
            this.#transceivers.video.setCodecPreferences?.(codecs);
    }

    #close() {
        clearTimeout(this.#timer);
        this.#stopFollowing();
        this.#stopFollowing = quiet;
        this.#theirCandidates = [];
        this.#transceivers = {};
        const pc = this.#pc;
        this.#pc = null;
        if (pc)
            pc.close();
    }

    #sendCandidate(candidate) {
        const data = candidate
            ? {
                candidate: candidate.candidate,
                sdpMid: candidate.sdpMid,
                sdpMLineIndex: candidate.sdpMLineIndex,
            }
            : { candidate: '', sdpMid: '0', sdpMLineIndex: 0 };
        if (this.#offerSent)
            this.#seat.socket()?.send('candidate', data);
        else
            this.#ownCandidates.push(data);
    }

    addCandidate({ candidate, sdpMid, sdpMLineIndex }) {
        if (!candidate)
            return; /* the end of theirs needs no word to the browser */
        const init = { candidate, sdpMid, sdpMLineIndex };
        if (this.#pc?.remoteDescription && this.#pc.signalingState === 'stable')
            this.#pc.addIceCandidate(init).catch(quiet);
        else
            this.#theirCandidates.push(init);
    }

    #connectionChanged(state) {
        if (state === 'connected') {
            clearTimeout(this.#timer);
            this.#setState('connected');
        } else if (state === 'failed') {
            this.#setState('connecting');
            this.#seat.socket()?.probe(PROBE_MS);
            this.want('restart');
        } else if (state === 'disconnected') {
            this.#seat.socket()?.probe(PROBE_MS); /* mostly it is the whole network */
            clearTimeout(this.#timer);
            this.#timer = setTimeout(() => this.want('restart'), DISCONNECTED_MS);
        }
    }

    /* A connection that an offer did not bring up in time, is given up: we take a new seat. Where
     * the server cannot be reached either it is only the network, and the seat stays ours. */
    #armTimer() {
        clearTimeout(this.#timer);
        const stay = this.#stay;
        this.#timer = setTimeout(async () => {
            const isUp = () => this.#seat.state() !== 'joined' || this.#pc?.connectionState === 'connected';
            if (isUp() || !await this.#seat.socket()?.probe(PROBE_MS) || stay !== this.#stay || isUp())
                return;
            this.#negotiating = null;
            this.#seat.renew();
        }, RESTART_MS);
    }

    #setState(state) {
        if (this.#state === state)
            return;
        this.#state = state;
        this.#seat.emit('state', { state: this.#seat.state(), media: state, reason: '' });
    }
}
