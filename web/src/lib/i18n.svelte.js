/* lib/i18n.svelte.js - the page's language: t('key', {name}) gives the words, and follows a switch. */
import en from './en.js';
import { load, save } from './memory.js';
import zh from './zh.js';

const words = { en, zh };
export const languages = [
    { code: 'en', label: 'English' },
    { code: 'zh', label: '中文' },
];

function firstLanguage() {
    const kept = load('language');
    if (kept in words)
        return kept;
    const preferred = navigator.languages?.length ? navigator.languages : [navigator.language ?? ''];
    const known = preferred.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag in words);
    return known ?? 'en';
}

const first = firstLanguage();
document.documentElement.lang = first;
let current = $state(first);

export function language() {
    return current;
}

export function setLanguage(code) {
    current = code;
    document.documentElement.lang = code;
    save('language', code);
}

export function t(key, values = {}) {
    const text = words[current][key] ?? en[key] ?? key;
    return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
}

/* A MixdownError in plain words. */
export function explain(err) {
    const key = `error_${err?.code}`;
    return key in en ? t(key, { message: err?.hint || err?.message }) : t('error_other', { message: err?.message ?? String(err) });
}
