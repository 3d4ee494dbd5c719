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

/* "Ada Lovelace" -> "AL", "张伟" -> "伟" */
export function initials(name) {
    const clean = (name ?? '').trim();
    if (/[\u3400-\u9fff]/.test(clean))
        return [...clean].at(-1);
    const words = clean.split(/\s+/).filter(Boolean);
    const letters = words.length > 1 ? [words[0], words.at(-1)].map((w) => [...w][0]) : [...clean].slice(0, 2);
    return letters.join('').toUpperCase() || '?';
}

const HUES = ['#c8553d', '#b9822b', '#6f8f3a', '#2f8f74', '#3a80a8', '#5a6bc0', '#8a5bb5', '#b0527f'];

export function colourOf(id) {
    let sum = 0;
    for (const c of id ?? '')
        sum = (sum * 31 + c.codePointAt(0)) >>> 0;
    return HUES[sum % HUES.length];
}

export async function copyText(text) {
    try {
        await navigator.clipboard.writeText(text);
        return true;
    } catch {
        return false;
    }
}
