/* lib/session.svelte.js - the room as the page shows it: the SDK's events as reactive state, and the
 * notices that go with them. */
import { Mixdown } from '../../sdk/mixdown.js';
import { Levels } from './levels.svelte.js';
import { problemOf } from './devices.svelte.js';
import { explain, t } from './i18n.svelte.js';
import { loadVolumes, Paced, saveVolumes } from './mixer.js';
import { clockText } from './rooms.js';
import { clearToasts, dismiss, toast } from './toasts.svelte.js';

/* As sharp as it is; the server shows at most 1080p. */
const SCREEN = {
    video: { width: { max: 1920 }, height: { max: 1080 }, frameRate: { ideal: 15, max: 30 } },
    audio: false,
};

export class Session {
    state = $state('idle');
    media = $state('new');
    reason = $state('');
    error = $state.raw(null);
    members = $state.raw([]);
    levels = new Levels();
    volumes = $state.raw({}); /* userId -> percent, for me alone; who is at 100 may be missing */
    isDeaf = $state(false);
    isOriginal = $state(false);
    me = $derived(this.members.find((member) => member.userId === this.userId));
    isHost = $derived(this.me?.role === 'host');
    recording = $state.raw({ active: false, id: '', startedAt: 0 });
    recordingSince = $state(0); /* on this device's clock */
    pausedSince = $state(0);    /* likewise; 0: it runs */
    pausedMs = $state(0);       /* before that */
    isStalled = $state(false);  /* the disk does not take it */
    recordingChanges = $state(0);
    pushes = $state.raw([]);
    isLive = $derived(this.pushes.some(({ state }) => state === 'live'));
    isRecordPending = $state(false);
    rules = $state.raw({});    /* of the room */
    waiting = $state.raw([]);  /* to be let in; hosts know */
    chat = $state.raw([]);     /* what was written, newest last */
    unread = $state(0);
    layout = $state('');
    layoutState = $state.raw({ order: [], spotlight: null, hideWithoutVideo: false, sharing: null });
    tiles = $state.raw({ view: '', width: 0, height: 0, tiles: [] });
    watching = $state.raw({ quality: 'auto', view: 'main' });
    network = $state.raw({}); /* of our own path: the newest figures */
    screen = $state.raw(null); /* the track that we share */
    stream = $state.raw(null);

    #room = new Mixdown();
    #devices;
    #finishingToast = 0;
    #isReading = false;
    #paced = new Paced((err) => toast({ text: explain(err), kind: 'wrong' }));

    constructor(devices) {
        this.#devices = devices;
        devices.onGone = (kind) => this.#deviceGone(kind);
        const room = this.#room;
        room.on('state', (change) => this.#stateChanged(change));
        room.on('members', (members) => {
            this.members = members;
            this.volumes = room.volumes;
            this.isDeaf = room.deaf;
        });
        room.on('joined', ({ name }) => toast({ text: t('toastJoined', { name }) }));
        room.on('left', ({ name, reason }) =>
            toast({ text: t(reason === 'lost' ? 'toastLost' : 'toastLeft', { name }) }));
        room.on('speaking', (speakers) => this.levels.take(speakers));
        room.on('muted', (muted) => this.#mutedByHost(muted));
        room.on('rules', (rules) => { this.rules = rules; });
        room.on('waiting', (waiting) => this.#waitingChanged(waiting));
        room.on('message', (message) => this.#heard(message));
        room.on('live', (pushes) => { this.pushes = pushes; });
        room.on('recording', (recording) => this.#recordingChanged(recording));
        room.on('layout', (state) => this.#layoutChanged(state));
        room.on('tiles', (tiles) => { this.tiles = tiles; });
        room.on('watching', (watching) => { this.watching = watching; });
        room.on('network', (network) => {
            if (network.userId === this.userId)
                this.network = { ...this.network, ...network };
        });
        room.on('screen', (track) => { this.screen = track; });
        room.on('stream', (stream) => { this.stream = stream; });
        room.on('error', (err) => toast({ text: explain(err), kind: 'wrong' }));
    }

    get userId() {
        return this.#room.userId;
    }

    /* True when in; on false, error says why not. */
    async join({ room, name, token, codec, role, password }) {
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
                role,
                password,
                volumes: loadVolumes(room),
                deaf: this.isDeaf,
                originalSound: this.isOriginal,
                stream: this.#devices.stream(),
                microphone: audio.isOn,
                camera: video.isOn,
            });
            this.#readHistory(room);
            return true;
        } catch (err) {
            this.error = err.code === 'left' ? null : err;
            return false;
        }
    }

    /* [{name, title, picture}]; empty where they cannot be had. */
    async layouts() {
        try {
            return await this.#room.layouts();
        } catch {
            return [];
        }
    }

    /* A layout's name, or what else there is to say of the room's picture. */
    setLayout(change) {
        return this.#try(() => this.#room.setLayout(change));
    }

    togglePin({ userId, pin }) {
        return this.#try(() => this.#room.pin(userId, pin ? null : 1));
    }

    toggleSpotlight({ userId }) {
        return this.setLayout({ spotlight: this.layoutState.spotlight === userId ? null : userId });
    }

    toggleHand() {
        return this.#try(() => this.#room.raiseHand(!this.me?.hand));
    }

    /* {quality, view, layout, withoutSelf}: what we see. */
    watch(change) {
        return this.#try(() => this.#room.watch(change));
    }

    canShare = Boolean(globalThis.navigator?.mediaDevices?.getDisplayMedia);

    async toggleScreen() {
        if (this.screen) {
            const track = this.screen;
            await this.#try(() => this.#room.shareScreen(null));
            track.stop();
            return;
        }
        let stream;
        try {
            stream = await navigator.mediaDevices.getDisplayMedia(SCREEN);
        } catch (err) {
            if (err.name !== 'NotAllowedError') /* he thought better of it */
                toast({ text: t('toastScreenFailed'), kind: 'wrong' });
            return;
        }
        await this.#try(() => this.#room.shareScreen(stream.getVideoTracks()[0]));
    }

    #layoutChanged({ by, ...state }) {
        const was = this.layoutState.sharing;
        this.layout = state.layout;
        this.layoutState = state;
        if (state.sharing && state.sharing !== was && state.sharing !== this.userId && this.state === 'joined')
            toast({ text: t('toastShares', { name: this.nameOf(state.sharing) }) });
    }

    nameOf(userId, otherwise = userId) {
        return this.members.find((member) => member.userId === userId)?.name ?? otherwise;
    }

    /* What our role may; a token's claims may allow more, which the server tells by not refusing. */
    mayRecord = $derived(this.#may('record'));
    mayLive = $derived(this.#may('live'));

    #may(what) {
        const least = this.rules.may?.[what] ?? 'host';
        const rank = { subscriber: 0, publisher: 1, host: 2 };
        return (rank[this.me?.role] ?? 0) >= rank[least];
    }

    /* --- hosts --------------------------------------------------------------------------------- */

    setRules(change) {
        return this.#try(() => this.#room.host.setRules(change));
    }

    setRole({ userId }, role) {
        return this.#try(() => this.#room.host.setRole(userId, role));
    }

    async kick({ userId, name }) {
        if (await this.#try(() => this.#room.host.kick(userId)))
            toast({ text: t('toastYouRemoved', { name }) });
    }

    stopCamera({ userId }) {
        return this.#try(() => this.#room.mute(userId, { video: true }));
    }

    admit(userId) {
        return this.#try(() => this.#room.host.admit(userId));
    }

    refuse(userId) {
        return this.#try(() => this.#room.host.refuse(userId));
    }

    endForAll() {
        return this.#try(() => this.#room.host.end());
    }

    #waitingChanged(waiting) {
        const isNew = (one) => !this.waiting.some(({ userId }) => userId === one.userId);
        for (const one of waiting.filter(isNew))
            toast({ text: t('toastWaiting', one), keepMs: 8000 });
        this.waiting = waiting;
    }

    /* --- chat ---------------------------------------------------------------------------------- */

    async say(content) {
        return this.#try(async () => {
            const { messageId, sentAt } = await this.#room.chat.send(content);
            this.#keep([{ messageId, userId: this.userId, content, sentAt }]);
        });
    }

    /* The chat is open from now on, until what this returns is called. */
    readChat() {
        this.#isReading = true;
        this.unread = 0;
        return () => { this.#isReading = false; };
    }

    #heard(message) {
        if (message.targetUser)
            return; /* to us alone: the page has no place for it */
        this.#keep([message]);
        if (this.#isReading || message.userId === this.userId)
            return;
        this.unread++;
        toast({ text: t('toastMessage', { name: this.nameOf(message.userId, message.name), text: message.content.slice(0, 80) }) });
    }

    /* What was said before we came; without a store there is none. */
    async #readHistory(room) {
        this.chat = [];
        this.unread = 0;
        const { messages = [] } = await this.#room.chat.history({ room }).catch(() => ({}));
        this.#keep(messages);
    }

    #keep(messages) {
        const all = new Map([...this.chat, ...messages].map((message) => [message.messageId, message]));
        this.chat = [...all.values()].sort((a, b) => a.sentAt - b.sentAt);
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

    /* Our own sound with or without processing: the device is captured anew, since browsers process it
     * before we see it. */
    async setOriginal(isOriginal) {
        this.isOriginal = isOriginal;
        await this.#devices.setOriginal(isOriginal);
        await this.#send('audio');
        await this.#try(() => this.#room.setOriginalSound(isOriginal));
    }

    async toggleDeaf() {
        await this.#try(() => this.#room.setDeaf(!this.isDeaf));
    }

    /* For me alone; told to the server a few times a second while the slider moves. */
    setVolume(user, percent) {
        this.#paced.run(`me ${user}`, () => this.#room.setVolume(user, percent));
        saveVolumes(this.#room.room, { ...this.volumes, [user]: percent });
    }

    setRoomVolume(user, percent) {
        this.#paced.run(`room ${user}`, () => this.#room.setVolume(user, percent, { forMe: false }));
    }

    async mute({ userId, name }) {
        if (await this.#try(() => this.#room.mute(userId)))
            toast({ text: t('toastYouMuted', { name }) });
    }

    async muteAll() {
        if (await this.#try(() => this.#room.muteAll()))
            toast({ text: t('toastYouMutedAll') });
    }

    /* Whether it worked; the reason why not is shown. */
    async #try(act) {
        try {
            await act();
            return true;
        } catch (err) {
            toast({ text: explain(err), kind: 'wrong' });
            return false;
        }
    }

    async #mutedByHost({ audio, video, by }) {
        const name = this.members.find((member) => member.userId === by)?.name;
        const what = audio ? 'Mic' : 'Camera';
        toast({ text: t(name ? `toast${what}Muted` : `toast${what}MutedByHost`, { name }), keepMs: 8000 });
        for (const kind of [audio && 'audio', video && 'video'].filter(Boolean))
            await this.#devices.set(kind, false);
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

    pauseRecording(paused) {
        return this.#try(() => this.#room.record(true, { paused }));
    }

    /* [{id, startedAt, durationMs, bytes, status, url}]; empty where we may not. */
    async recordings() {
        return this.#room.recordings().catch(() => []);
    }

    /* --- live ---------------------------------------------------------------------------------- */

    listLive() {
        return this.#room.live.list().catch(() => []);
    }

    startLive(url) {
        return this.#try(() => this.#room.live.start(url));
    }

    stopLive({ id, state }) {
        if (state === 'failed') {
            this.#room.live.forget(id);
            return Promise.resolve(true);
        }
        return this.#try(() => this.#room.live.stop(id));
    }

    #stateChanged({ state, media, reason }) {
        this.state = state;
        this.media = media;
        if (state === 'left') {
            this.screen?.stop();
            this.screen = null;
            this.network = {};
            this.rules = {};
            this.waiting = [];
            this.pushes = [];
            this.reason = reason;
            this.levels.clear();
            this.#paced.clear();
            this.stream = null;
        }
    }

    #recordingChanged(recording) {
        this.recordingChanges++;
        this.#timePauses(recording);
        if (recording.state === 'stalled' && !this.isStalled)
            toast({ text: t('toastStalled'), kind: 'wrong', keepMs: 15000 });
        this.isStalled = recording.active && recording.state === 'stalled';
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

    /* How long it has recorded; pauses that we did not see count as recorded. */
    recordedMs(now) {
        const end = this.pausedSince || now;
        return end - this.recordingSince - this.pausedMs;
    }

    #timePauses({ active, paused }) {
        if (active && paused)
            this.pausedSince ||= Date.now();
        else if (this.pausedSince) {
            this.pausedMs += Date.now() - this.pausedSince;
            this.pausedSince = 0;
        }
    }

    /* One that starts before our eyes began now, whatever the two clocks say of each other. */
    #recordingStarted({ by, startedAt }) {
        const isLive = this.state === 'joined';
        this.pausedMs = 0;
        this.pausedSince = 0;
        this.recordingSince = isLive ? Date.now() : Math.min(startedAt || Date.now(), Date.now());
        if (!isLive)
            return;
        const name = this.members.find((member) => member.userId === by)?.name;
        toast({ text: name ? t('toastRecording', { name }) : t('toastRecordingSomeone') });
    }
}
