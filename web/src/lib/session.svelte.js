/* lib/session.svelte.js - the room as the page shows it: the SDK's events as reactive state, and the
 * notices that go with them. */
import { Mixdown } from '../../sdk/mixdown.js';
import { problemOf } from './devices.svelte.js';
import { explain, t } from './i18n.svelte.js';
import { clockText } from './rooms.js';
import { clearToasts, dismiss, toast } from './toasts.svelte.js';

export class Session {
    state = $state('idle');
    media = $state('new');
    reason = $state('');
    error = $state.raw(null);
    members = $state.raw([]);
    levels = $state.raw({}); /* userId -> 0..1 of those who speak */
    recording = $state.raw({ active: false, id: '', startedAt: 0 });
    recordingSince = $state(0); /* on this device's clock */
    isRecordPending = $state(false);
    stream = $state.raw(null);

    #room = new Mixdown();
    #devices;
    #finishingToast = 0;

    constructor(devices) {
        this.#devices = devices;
        devices.onGone = (kind) => this.#deviceGone(kind);
        const room = this.#room;
        room.on('state', (change) => this.#stateChanged(change));
        room.on('members', (members) => { this.members = members; });
        room.on('joined', ({ name }) => toast({ text: t('toastJoined', { name }) }));
        room.on('left', ({ name, reason }) =>
            toast({ text: t(reason === 'lost' ? 'toastLost' : 'toastLeft', { name }) }));
        room.on('speaking', (speakers) => {
            this.levels = Object.fromEntries(speakers.map((s) => [s.userId, s.level]));
        });
        room.on('recording', (recording) => this.#recordingChanged(recording));
        room.on('stream', (stream) => { this.stream = stream; });
        room.on('error', (err) => toast({ text: explain(err), kind: 'wrong' }));
    }

    get userId() {
        return this.#room.userId;
    }

    /* True when in; on false, error says why not. */
    async join({ room, name, token, codec }) {
        this.error = null;
        this.reason = '';
        clearToasts();
        if (!globalThis.RTCPeerConnection) {
            this.error = { code: 'no_webrtc' };
            return false;
        }
        const { audio, video } = this.#devices;
        try {
            await this.#room.join({
                room,
                name,
                token,
                codec,
                stream: this.#devices.stream(),
                microphone: audio.isOn,
                camera: video.isOn,
            });
            return true;
        } catch (err) {
            this.error = err;
            return false;
        }
    }

    leave() {
        this.#room.leave();
    }

    async toggleMicrophone() {
        await this.#toggle('audio', 'setMicrophone');
    }

    async toggleCamera() {
        await this.#toggle('video', 'setCamera');
    }

    /* On where it was off or did not work; the device may turn out to be missing. */
    async #toggle(kind, setter) {
        const device = this.#devices[kind];
        const turnOn = !(device.isOn && device.state === 'on');
        await this.#devices.set(kind, turnOn);
        await this.#send(kind);
        await this.#room[setter](turnOn && device.state === 'on');
        const problem = turnOn && problemOf(this.#devices);
        if (problem)
            toast({ text: t(problem.title), kind: 'wrong' });
    }

    async choose(kind, id) {
        await this.#devices.choose(kind, id);
        if (kind !== 'speaker')
            await this.#send(kind);
    }

    #send(kind) {
        return this.#room.replaceTrack(kind, this.#devices[`${kind}Track`]);
    }

    async #deviceGone(kind) {
        if (this.state !== 'joined' && this.state !== 'reconnecting')
            return;
        toast({ text: t('toastDeviceGone'), kind: 'wrong' });
        await this.#room.replaceTrack(kind, null);
    }

    async toggleRecording() {
        if (this.isRecordPending)
            return;
        this.isRecordPending = true;
        try {
            await this.#room.record(!this.recording.active);
        } catch (err) {
            toast({ text: explain(err), kind: 'wrong' });
        }
        this.isRecordPending = false;
    }

    #stateChanged({ state, media, reason }) {
        this.state = state;
        this.media = media;
        if (state === 'left') {
            this.reason = reason;
            this.levels = {};
            this.stream = null;
        }
    }

    #recordingChanged(recording) {
        if (recording.state === 'failed')
            toast({ text: t('toastRecordingFailed'), kind: 'wrong' });
        if (recording.state)
            dismiss(this.#finishingToast);
        if (recording.state === 'ready') {
            toast({
                text: t('toastReady', { time: clockText(recording.durationMs) }),
                kind: 'good',
                href: recording.url,
                linkText: t('toastReadyOpen'),
                keepMs: 20000,
            });
        }
        const was = this.recording.active;
        this.recording = recording;
        if (recording.active && !was)
            this.#recordingStarted(recording);
        else if (!recording.active && was && !recording.state)
            this.#finishingToast = toast({ text: t('toastRecordingStopped'), keepMs: 20000 });
    }

    /* One that starts before our eyes began now, whatever the two clocks say of each other. */
    #recordingStarted({ by, startedAt }) {
        const isLive = this.state === 'joined';
        this.recordingSince = isLive ? Date.now() : Math.min(startedAt || Date.now(), Date.now());
        if (!isLive)
            return;
        const name = this.members.find((member) => member.userId === by)?.name;
        toast({ text: name ? t('toastRecording', { name }) : t('toastRecordingSomeone') });
    }
}
