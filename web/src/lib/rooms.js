/* lib/rooms.js - room names, their addresses, small text helpers. */
const FIRST = 'amber,brisk,calm,cedar,clear,coral,early,gentle,golden,lunar,mellow,misty,north,quiet,river,silver,solar,still,summer,velvet'.split(',');
const SECOND = 'bridge,canyon,chorus,cove,echo,field,forest,garden,harbor,lagoon,meadow,mill,orbit,prairie,reef,session,studio,summit,tempo,valley'.split(',');

const pick = (list) => list[Math.floor(Math.random() * list.length)];

export function suggestRoom() {
    return `${pick(FIRST)}-${pick(SECOND)}-${10 + Math.floor(Math.random() * 90)}`;
}

export function isRoomName(name) {
    return /^[A-Za-z0-9._-]{1,64}$/.test(name) && !/^\.+$/.test(name);
}

export function roomPath(room) {
    return `/r/${encodeURIComponent(room)}`;
}

export function roomLink(room) {
    return `${location.origin}${roomPath(room)}`;
}

/* The room that the address names, or "". */
export function roomOfAddress() {
    const match = /^\/r\/([^/]+)\/?$/.exec(location.pathname);
    if (!match)
        return '';
    try {
        const room = decodeURIComponent(match[1]);
        return isRoomName(room) ? room : '';
    } catch {
        return '';
    }
}

/* 75000 -> "1:15", 3675000 -> "1:01:15" */
export function clockText(ms) {
    const s = Math.max(0, Math.floor(ms / 1000));
    const two = (n) => String(n).padStart(2, '0');
    const minutes = Math.floor(s / 60) % 60;
    const hours = Math.floor(s / 3600);
    return hours ? `${hours}:${two(minutes)}:${two(s % 60)}` : `${minutes}:${two(s % 60)}`;
}

/* As the mixed picture has them (comp_initials): "Ada Lovelace" -> "AL", "ada" -> "A", "张伟" -> "张". */
export function initials(name) {
    const starts = (name ?? '').split(/[\s._-]+/u).filter(Boolean).map((word) => [...word][0]);
    const hasCases = (c) => c.toUpperCase() !== c.toLowerCase();
    const few = starts.slice(0, 2);
    const isOne = few.length && !hasCases(few[0]);
    return (isOne ? few[0] : few.join('')).toUpperCase() || '?';
}

/* The hue that the mixed picture's disc has, too (hue_of in compositor/label.c). */
export function colourOf(id) {
    let hash = 2166136261;
    for (const byte of new TextEncoder().encode(id ?? ''))
        hash = Math.imul(hash ^ byte, 16777619);
    hash = Math.imul(hash ^ (hash >>> 15), 2246822519);
    return `hsl(${(hash >>> 16) % 360} 41% 41%)`;
}

export async function copyText(text) {
    try {
        await navigator.clipboard.writeText(text);
        return true;
    } catch {
        return false;
    }
}
