/* lib/devices.svelte.js - camera and microphone of this device: asked for, chosen, told apart when
 * something is wrong with one of them.
 *
 * Each kind is in one state: off (not asked for, or switched off), starting, on, and the problems
 * refused, absent, busy, insecure, failed. A problem with one kind never stops the other. */
import { load, save } from './memory.js';

const WANTED = {
    audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    video: { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 30 } },
};

/* For music: as it comes from the instrument, in stereo where there are two microphones. */
const ORIGINAL = {
    echoCancellation: false,
    noiseSuppression: false,
    autoGainControl: false,
    channelCount: { ideal: 2 },
};

const PROBLEMS = {
    NotAllowedError: 'refused',
    SecurityError: 'refused',
    PermissionDeniedError: 'refused',
    NotFoundError: 'absent',
    OverconstrainedError: 'absent',
    DevicesNotFoundError: 'absent',
    NotReadableError: 'busy',
    AbortError: 'busy',
    TrackStartError: 'busy',
};

const KIND_OF_LIST = { audioinput: 'audio', videoinput: 'video', audiooutput: 'speaker' };

export class Devices {
    audio = $state({ state: 'off', isOn: true, id: load('audio') });
    video = $state({ state: 'off', isOn: true, id: load('video') });
    speaker = $state({ id: load('speaker') });
    audioTrack = $state.raw(null);
    videoTrack = $state.raw(null);
    lists = $state.raw({ audio: [], video: [], speaker: [] });

    #isOriginal = false;

    /* Called with the kind when a device is unplugged. */
    onGone = () => {};

    constructor() {
        navigator.mediaDevices?.addEventListener?.('devicechange', () => this.#list());
    }

    /* Opens what is switched on and not open yet: both in one question to the user. */
    async start(wanted = ['audio', 'video']) {
        const kinds = wanted.filter((kind) => this[kind].isOn && !this.#track(kind));
        if (!kinds.length)
            return;
        if (!navigator.mediaDevices?.getUserMedia) {
            for (const kind of kinds)
                this[kind].state = 'insecure';
            return;
        }
        for (const kind of kinds)
            this[kind].state = 'starting';
        const err = await this.#open(kinds);
        if (err && kinds.length === 1)
            this[kinds[0]].state = PROBLEMS[err.name] ?? 'failed';
        else if (err)
            await this.#openEach(kinds);
        await this.#list();
    }

    /* Together they failed, which does not say whose fault it is. */
    async #openEach(kinds) {
        for (const kind of kinds) {
            const err = await this.#open([kind]);
            if (err)
                this[kind].state = PROBLEMS[err.name] ?? 'failed';
        }
    }

    async #open(kinds) {
        const constraints = {};
        for (const kind of kinds) {
            const { id } = this[kind];
            const wanted = kind === 'audio' && this.#isOriginal ? ORIGINAL : WANTED[kind];
            constraints[kind] = { ...wanted, ...(id && { deviceId: { ideal: id } }) };
        }
        let stream;
        try {
            stream = await navigator.mediaDevices.getUserMedia(constraints);
        } catch (err) {
            return err;
        }
        for (const track of stream.getTracks())
            this.#take(track);
        return null;
    }

    #take(track) {
        const kind = track.kind;
        if (!this[kind].isOn) { /* switched off while the browser asked */
            track.stop();
            this[kind].state = 'off';
            return;
        }
        this.#track(kind)?.stop();
        this[`${kind}Track`] = track;
        this[kind].state = 'on';
        track.onended = () => this.#gone(kind, track);
    }

    #gone(kind, track) {
        if (this.#track(kind) !== track)
            return;
        this[`${kind}Track`] = null;
        this[kind].state = 'absent';
        this.onGone(kind);
    }

    #track(kind) {
        return this[`${kind}Track`];
    }

    /* Switches a kind on or off. Off puts out the camera's light; the microphone stays open, so that
     * speaking again is immediate. Resolves when the device is there, or is known not to be. */
    async set(kind, isOn) {
        this[kind].isOn = isOn;
        if (isOn)
            await this.start([kind]);
        else if (kind === 'video')
            this.#stop('video');
    }

    async choose(kind, id) {
        this[kind].id = id;
        save(kind, id);
        if (kind === 'speaker')
            return;
        this.#stop(kind);
        await this.start([kind]);
    }

    /* The microphone without the browser's processing, or with it again; opened anew if it is open. */
    async setOriginal(isOriginal) {
        if (this.#isOriginal === isOriginal)
            return;
        this.#isOriginal = isOriginal;
        if (!this.audioTrack)
            return;
        this.#stop('audio');
        await this.start(['audio']);
    }

    #stop(kind) {
        const track = this.#track(kind);
        this[`${kind}Track`] = null;
        this[kind].state = 'off';
        track?.stop();
    }

    stop() {
        this.#stop('audio');
        this.#stop('video');
    }

    stream() {
        return new MediaStream([this.audioTrack, this.videoTrack].filter(Boolean));
    }

    async #list() {
        const lists = { audio: [], video: [], speaker: [] };
        try {
            for (const device of await navigator.mediaDevices.enumerateDevices()) {
                if (device.deviceId)
                    lists[KIND_OF_LIST[device.kind]]?.push({ id: device.deviceId, label: device.label });
            }
        } catch {
            /* no list: the default devices serve */
        }
        this.lists = lists;
    }
}

const isProblem = (state) => ['refused', 'absent', 'busy', 'insecure', 'failed'].includes(state);

/* The one problem to tell of, as keys of the words: {title, text}, or null. */
export function problemOf(devices) {
    const audio = isProblem(devices.audio.state) ? devices.audio.state : '';
    const video = isProblem(devices.video.state) ? devices.video.state : '';
    const what = audio || video;
    if (!what)
        return null;
    const name = what[0].toUpperCase() + what.slice(1);
    const isBoth = audio === video || what === 'insecure';
    const whose = isBoth ? 'both' : audio ? 'audio' : 'video';
    return { title: `problem${name}_${whose}`, text: `problem${name}_text` };
}
