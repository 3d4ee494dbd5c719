/* sdk/mixdown.d.ts - the types of mixdown.js. */

export interface Environment {
    WebSocket?: unknown;
    RTCPeerConnection?: unknown;
    RTCRtpReceiver?: unknown;
    MediaStream?: unknown;
}

export type Role = 'host' | 'publisher' | 'subscriber';

export interface Rules {
    title: string;
    locked: boolean;
    /** Hosts let people in; until then the state is `waiting`. */
    lobby: boolean;
    hasPassword: boolean;
    maxMembers: number;
    /** The lowest role that may. */
    may: { record?: Role; live?: Role; layout?: Role; chat?: Role; invite?: Role };
}

export interface Waiting {
    userId: string;
    name: string;
    since: number;
}

/** What hosts may; for others the server refuses it with `forbidden`. */
export interface Host {
    readonly rules: Rules;
    /** Known to hosts. */
    readonly waiting: Waiting[];
    readonly isHost: boolean;
    can(what: 'publish' | 'record' | 'live' | 'layout' | 'chat' | 'invite' | 'moderate' | 'manage'): boolean;
    setRole(user: string, role: Role): Promise<void>;
    /** He stays out while the room lives, unless keepOut is false. */
    kick(user: string, options?: { keepOut?: boolean }): Promise<void>;
    lock(locked?: boolean): Promise<void>;
    /** What is not named stays; null takes title, password, maxMembers and parts of `may` back. */
    setRules(change: Partial<{ title: string | null; locked: boolean; lobby: boolean; password: string | null;
        maxMembers: number | null; may: Record<string, Role | null>; banned: string[] }>):
        Promise<Rules & { banned: string[] }>;
    /** Without a user: all who wait. */
    admit(user?: string): Promise<void>;
    refuse(user?: string): Promise<void>;
    /** For everybody. */
    end(): Promise<void>;
}

export interface JoinOptions {
    /** The server: "https://host", or the socket's own "wss://host/ws". Default: the page's. */
    url?: string;
    /** 1 to 64 of A-Z a-z 0-9 - _ . */
    room: string;
    /** 1 to 64 characters. */
    name: string;
    /** JWT; not needed with --dev. */
    token?: string;
    userId?: string;
    role?: Role;
    /** The room's, where it has one: join rejects with `password_needed` or `bad_password` else. */
    password?: string;
    /** What to send; what it lacks is only received. */
    stream?: MediaStream;
    /** false: join with the microphone muted. */
    microphone?: boolean;
    /** false: join with the camera off. */
    camera?: boolean;
    /** Negotiate only this video codec. Default: the browser's order. */
    codec?: 'H264' | 'VP8';
    /** Most bits a second of video to send. Default: 900000. */
    videoBitrate?: number;
    /** How loud others are for our ears alone: userId to percent (0 to 200). They may join later. */
    volumes?: Record<string, number>;
    /** true: join without hearing. */
    deaf?: boolean;
    /** true: our sound goes into the mix unprocessed, for music. */
    originalSound?: boolean;
    /** What to see, as watch() takes it. */
    watch?: Watch;
}

export interface Watch {
    /** auto: what the network carries; otherwise the most that is sent. */
    quality?: 'auto' | '1080p' | '720p' | '360p' | '180p' | 'slides' | 'audio';
    /** "main", a view's name, or "own": a picture made for us alone. */
    view?: string;
    /** Of the own view. */
    layout?: string;
    /** The own view without ourselves. */
    withoutSelf?: boolean;
}

export interface LayoutState {
    layout: string;
    /** Who stands first, by userId. */
    order: string[];
    /** Who has the speaker's place, whoever speaks. */
    spotlight: string | null;
    hideWithoutVideo: boolean;
    /** Whose screen is shown. */
    sharing: string | null;
}

/** Who is where in the picture that we watch, in its pixels. */
export interface Tiles {
    view: string;
    width: number;
    height: number;
    tiles: { userId: string; screen: boolean; x: number; y: number; w: number; h: number }[];
}

export interface Sending {
    width: number;
    height: number;
    fps: number;
    /** Bits a second; 0: nobody sees it. */
    bitrate: number;
}

export interface Member {
    userId: string;
    name: string;
    role?: string;
    /** Whether media of that kind is sent now. */
    audio?: boolean;
    video?: boolean;
    mutedAudio?: boolean;
    mutedVideo?: boolean;
    /** Percent (0 to 200) in everybody's mix, as hosts set it. */
    volume?: number;
    /** Does not hear the room. */
    deaf?: boolean;
    /** Sends original sound. */
    original?: boolean;
    /** Shares a screen. */
    screen?: boolean;
    /** His fixed seat in layouts. */
    pin?: number | null;
    /** His hand is up. */
    hand?: boolean;
    /** How well his network carries, 0 to 5. */
    bars?: number;
    /** Unix milliseconds. */
    joinedAt?: number;
}

export interface Recording {
    active: boolean;
    id: string;
    /** Unix milliseconds of the server's clock. */
    startedAt: number;
    by?: string;
    /** Once the file is whole (or could not be made). */
    state?: 'ready' | 'failed' | 'stalled' | 'recording';
    /** What happens now is left out. */
    paused?: boolean;
    error?: string;
    url?: string;
    durationMs?: number;
}

export interface State {
    state: 'idle' | 'joining' | 'waiting' | 'joined' | 'reconnecting' | 'left';
    media: 'new' | 'connecting' | 'connected' | 'failed';
    /** Why it ended, where the server did it: "kicked", "ended", an error's code. */
    reason: string;
}

/** What the server sends; quality "audio": no picture. */
export interface Sent {
    view: string;
    quality: string;
    width: number;
    height: number;
}

export interface Network {
    userId: string;
    /** Ours: "suspect" when the server has heard nothing of us for some seconds. */
    state?: 'connecting' | 'connected' | 'suspect' | 'failed';
    /** 0 (gone) to 5 (good). */
    bars?: number;
    /** Ours: round trip (-1: not known), jitter, shares lost on the way up and down, share of our sound
     * that had to be made up. */
    rttMs?: number;
    jitterMs?: number;
    lossUp?: number;
    lossDown?: number;
    concealed?: number;
    /** Bits a second that our network is thought to carry down to us; 0: not known. */
    estimate?: number;
    /** How often our camera's picture stood still on its way up; what we are sent, as in `watching`. */
    freezesUp?: number;
    tier?: string | null;
}

export interface Push {
    id: string;
    /** Without its key. */
    url: string;
    state: 'connecting' | 'live' | 'retrying' | 'failed' | 'ended';
    /** Unix milliseconds: since when it is in that state, and when it began. */
    since: number;
    startedAt: number;
    bytes: number;
    retries: number;
    lastError?: string;
}

export class Live {
    readonly pushes: Push[];
    start(url: string, what?: { view?: string; layout?: string; signs?: boolean }): Promise<Push>;
    stop(id: string): Promise<void>;
    list(): Promise<Push[]>;
    /** One that failed is shown until this. */
    forget(id: string): void;
}

export interface StoredRecording {
    id: string;
    startedAt: number;
    durationMs?: number;
    bytes?: number;
    status: string;
    url: string;
}

export interface Message {
    messageId: number | string;
    /** Who said it. */
    userId: string;
    name?: string;
    content: string;
    sentAt: number;
    roomId?: string;
    targetUser?: string;
}

export class Chat {
    /** To everybody in the room, or to one user. */
    send(content: string, options?: { to?: string }): Promise<{ messageId: number | string; sentAt: number; delivered: boolean }>;
    /** Newest last. before, after: a messageId. */
    history(options?: { room?: string; with?: string; before?: number | string; after?: number | string; limit?: number }):
        Promise<{ messages: Message[]; more: boolean }>;
}

export interface Muting {
    audio?: boolean;
    video?: boolean;
}

export interface Events {
    state: State;
    /** Everyone, oneself too, in order of joining. */
    members: Member[];
    joined: Member;
    left: Member & { reason: string };
    /** Loudest first, level 0 to 1; empty when all are silent. */
    speaking: { userId: string; level: number }[];
    /** A host muted us; `by` is his userId, "" where he did it while we were away or by REST. */
    muted: { audio: boolean; video: boolean; by: string };
    /** Somebody's role is another; `by` is "" where the last host has left. */
    role: { userId: string; role: Role; by: string };
    rules: Rules & { by?: string };
    /** To hosts: all who wait to be let in. */
    waiting: Waiting[];
    /** All pushes that we know of. */
    live: Push[];
    message: Message;
    /** It has reached one who was away. */
    delivered: { messageId: number | string; userId: string; deliveredAt: number };
    recording: Recording;
    /** Somebody's network, ours with its state and figures too. */
    network: Network;
    layout: LayoutState & { by?: string };
    tiles: Tiles;
    /** `sent`: what the server sends of it now. */
    watching: Watch & { sent: Sent | null };
    /** What the server has use for; the SDK obeys it. */
    uplink: { camera?: Sending; screen?: Sending };
    /** The screen that we share; null: none. */
    screen: MediaStreamTrack | null;
    /** The mix; a new one after the room was restarted. */
    stream: MediaStream;
    error: MixdownError;
}

export class MixdownError extends Error {
    code: string;
    hint: string;
}

export class Mixdown {
    constructor(environment?: Environment);
    readonly state: State['state'];
    readonly media: State['media'];
    readonly host: Host;
    readonly chat: Chat;
    readonly live: Live;
    readonly room: string;
    readonly userId: string;
    readonly members: Member[];
    readonly recording: Recording;
    readonly layout: string;
    readonly layoutState: LayoutState;
    readonly tiles: Tiles;
    readonly watching: Watch & { sent: Sent | null };
    readonly screen: MediaStreamTrack | null;
    readonly stream: MediaStream | null;
    readonly connection: RTCPeerConnection | null;
    readonly deaf: boolean;
    readonly originalSound: boolean;
    /** Those set with setVolume() for our ears: userId to percent. */
    readonly volumes: Record<string, number>;
    on<E extends keyof Events>(event: E, fn: (value: Events[E]) => void): () => void;
    off<E extends keyof Events>(event: E, fn: (value: Events[E]) => void): void;
    join(options: JoinOptions): Promise<void>;
    leave(): void;
    setMicrophone(on: boolean): Promise<void>;
    setCamera(on: boolean): Promise<void>;
    replaceTrack(kind: 'audio' | 'video', track: MediaStreamTrack | null): Promise<void>;
    /** Beside the camera; null ends it. */
    shareScreen(track: MediaStreamTrack | null): Promise<void>;
    layouts(): Promise<{ name: string; title: Record<string, string>; picture: string }[]>;
    /** Hosts only. What is not named stays. */
    setLayout(change: string | Partial<Omit<LayoutState, 'sharing'>>): Promise<void>;
    /** Hosts only; null: no seat. Default: the first. */
    pin(user: string, seat?: number | null): Promise<void>;
    /** Rings users in (calls.js). */
    invite(users: string | string[], what?: { role?: Role }):
        Promise<{ userId: string; state: 'ringing' | 'offline' | 'busy' }[]>;
    raiseHand(raised: boolean): Promise<void>;
    watch(change: Watch): Promise<void>;
    recordings(): Promise<StoredRecording[]>;
    record(active: boolean, what?: { paused?: boolean; view?: string; layout?: string; signs?: boolean }):
        Promise<{ id: string; startedAt: number }>;
    /** Hosts only; only the muted person can unmute. Default: the microphone. */
    mute(user: string, what?: Muting): Promise<void>;
    /** Hosts only: everyone but hosts and ourselves. */
    muteAll(what?: Muting): Promise<void>;
    /** 0 to 200 percent. forMe (the default): for our ears alone; false: for the room, hosts only. */
    setVolume(user: string, percent: number, options?: { forMe?: boolean }): Promise<void>;
    /** Someone's percentage for our ears alone. */
    volumeOf(user: string): number;
    /** true: hear nothing. */
    setDeaf(on: boolean): Promise<void>;
    /** true: our sound is not processed, for music. */
    setOriginalSound(on: boolean): Promise<void>;
}
