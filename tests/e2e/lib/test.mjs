/* lib/test.mjs - tests, their scopes, and waiting for conditions. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const tests = [];

export function test(name, run) {
    tests.push({ name, run });
}

export function allTests() {
    return tests;
}

/* What one test opened, closed in reverse order; and what it wants to say. */
export class Scope {
    notes = [];
    #cleanups = [];
    #explainers = [];

    constructor(name) {
        this.name = name;
    }

    defer(fn) {
        this.#cleanups.push(fn);
    }

    /* fn tells more where the test failed: a log, a picture. */
    onFailure(fn) {
        this.#explainers.push(fn);
    }

    note(text) {
        this.notes.push(text);
    }

    folder(label) {
        const path = mkdtempSync(join(tmpdir(), `mixdown-e2e-${label}-`));
        if (!process.env.E2E_KEEP)
            this.defer(() => rmSync(path, { recursive: true, force: true }));
        return path;
    }

    async explain() {
        for (const fn of this.#explainers)
            await Promise.resolve().then(fn).catch((err) => console.log(`      (${err.message})`));
    }

    async close() {
        for (const fn of this.#cleanups.reverse())
            await Promise.resolve().then(fn).catch((err) => console.log(`      (clean-up: ${err.message})`));
    }
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Failure extends Error {}

export function check(condition, message) {
    if (!condition)
        throw new Failure(message);
}

/* Polls until fn gives something true, and returns that. What it last gave or threw is told when the
 * time is over: `what` names the condition. */
export async function until(what, fn, { limitMs = 20000, everyMs = 100 } = {}) {
    const deadline = Date.now() + limitMs;
    let last;
    for (;;) {
        try {
            const value = await fn();
            if (value)
                return value;
            last = value;
        } catch (err) {
            last = err.message;
        }
        if (Date.now() > deadline)
            throw new Failure(`waited ${limitMs / 1000} s for: ${what}${last ? ` (last: ${describe(last)})` : ''}`);
        await sleep(everyMs);
    }
}

const describe = (value) => (typeof value === 'string' ? value : JSON.stringify(value));
