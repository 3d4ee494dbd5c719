/* lib/toasts.svelte.js - short notices at the edge of the room; the oldest go first. */
const MOST = 4;
const SHOWN_MS = 5000;

let list = $state([]);
let nextId = 1;

export function toasts() {
    return list;
}

/* notice: {text, kind: "info" | "wrong" | "good", href, linkText}; with keepMs it stays longer.
 * Returns its id for dismiss(). */
export function toast(notice) {
    const id = nextId++;
    list = [...list, { kind: 'info', ...notice, id }].slice(-MOST);
    setTimeout(() => dismiss(id), notice.keepMs ?? SHOWN_MS);
    return id;
}

export function dismiss(id) {
    list = list.filter((item) => item.id !== id);
}

export function clearToasts() {
    list = [];
}
