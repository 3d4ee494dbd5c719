/* lib/memory.js - what the page remembers on this device. Storage may be forbidden: then nothing is. */
export function load(key, storage = 'localStorage') {
    try {
        return globalThis[storage].getItem(`mixdown.${key}`) ?? '';
    } catch {
        return '';
    }
}

export function save(key, value, storage = 'localStorage') {
    try {
        if (value)
            globalThis[storage].setItem(`mixdown.${key}`, value);
        else
            globalThis[storage].removeItem(`mixdown.${key}`);
    } catch {
        /* private mode: forgotten when the page closes */
    }
}
