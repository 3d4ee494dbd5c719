/* sdk/calls.d.ts - the types of calls.js. */
import { Chat, Environment, Message, Mixdown, MixdownError } from './mixdown.js';

export { MixdownError };

export type RoomType = 'p2p' | '1v1' | 'mcu' | 'broadcast';
export type CallState = 'starting' | 'calling' | 'ringing' | 'active' | 'ended';
export type UserState = 'ringing' | 'offline' | 'busy' | 'in' | 'left' | string;

export interface CallsOptions {
    /** The server: "https://host", or "wss://host/ws". Default: the page's. */
    url?: string;
    /** JWT with `calls: true`, or of a room; not needed with --dev. */
    token?: string;
    /** --dev only: the token says who it is. */
    userId?: string;
    /** 1 to 64 of A-Z a-z 0-9 - _ . ; kept over breaks. Default: one a tab. */
    device?: string;
    name?: string;
}

export interface Presence {
    userId: string;
    state: 'online' | 'suspended' | 'offline';
    devices: number;
    /** Unix milliseconds; when he is not there. */
    lastSeen?: number;
}

export interface Missed {
    callId: string;
    userId: string;
    media: 'audio' | 'video';
    startedAt: number;
    outcome: string;
}

export interface CallEvents {
    state: CallState;
    /** Whom we called, and how it stands with them. */
    users: Record<string, UserState>;
    /** What to show. */
    stream: MediaStream;
    /** Of p2p: RTCPeerConnection's state. */
    media: string;
    /** Why. */
    ended: string;
    error: Error;
}

export class Call {
    readonly id: string;
    readonly state: CallState;
    readonly reason: string;
    readonly isIncoming: boolean;
    /** The caller. */
    readonly from: string;
    readonly name: string;
    readonly media: 'audio' | 'video';
    readonly roomType: RoomType;
    readonly role: string;
    readonly users: Record<string, UserState>;
    /** The seat of a call with a room; null for p2p. */
    readonly room: Mixdown | null;
    readonly connection: RTCPeerConnection | null;
    readonly stream: MediaStream | null;
    on<E extends keyof CallEvents>(event: E, fn: (value: CallEvents[E]) => void): () => void;
    accept(what?: { stream?: MediaStream }): Promise<void>;
    reject(reason?: string): Promise<void>;
    hangup(): Promise<void>;
    invite(users: string | string[], what?: { role?: string }): Promise<void>;
    cancel(user: string): Promise<void>;
}

export interface CallsEvents {
    state: 'offline' | 'connecting' | 'online' | 'reconnecting';
    ring: Call;
    missed: Missed[];
    message: Message;
    delivered: { userId: string; messageId: number; deliveredAt: number };
    presence: Presence;
    error: MixdownError;
}

export class Calls {
    constructor(options?: CallsOptions, environment?: Environment);
    readonly state: CallsEvents['state'];
    readonly userId: string;
    /** The call that rings or runs. */
    readonly current: Call | null;
    readonly chat: Chat;
    on<E extends keyof CallsEvents>(event: E, fn: (value: CallsEvents[E]) => void): () => void;
    online(): Promise<void>;
    offline(): void;
    call(users: string | string[], what?: {
        media?: 'audio' | 'video'; roomType?: RoomType; room?: string; role?: string; stream?: MediaStream;
    }): Promise<Call>;
    presence(users: string[]): Promise<Presence[]>;
    watch(users: string[], active?: boolean): Promise<Presence[]>;
}
