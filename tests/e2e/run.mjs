/* tests/e2e/run.mjs - runs the browser tests one after the other (there are two cores) and prints a
 * closing line. Each test gets a scope whose clean-ups run whatever happens. */
import { existsSync, readdirSync } from 'node:fs';

import { Scope, allTests } from './lib/test.mjs';

const LIMIT_MS = 240000;

async function main() {
    for (const program of [process.env.MIXDOWN, '/usr/bin/chromium']) {
        if (!program || !existsSync(program)) {
            console.log(`FAIL  ${program || 'MIXDOWN'} is missing\ne2e: 0 passed, 1 failed`);
            return 1;
        }
    }
    const here = new URL('.', import.meta.url);
    for (const file of readdirSync(here).filter((name) => name.endsWith('.test.mjs')).sort())
        await import(new URL(file, here));

    const wanted = process.argv.slice(2);
    const tests = allTests().filter(({ name }) => !wanted.length || wanted.some((part) => name.includes(part)));
    let failed = 0;
    for (const test of tests) {
        if (await runOne(test))
            continue;
        /* Browsers share two cores with the server. What passes the second time is called FLAKY, with
         * the failure above it, to be mended; what fails twice fails the suite. */
        if (await runOne(test))
            console.log(`FLAKY ${test.name}: failed once (above), then passed`);
        else
            failed++;
    }
    console.log(`e2e: ${tests.length - failed} passed, ${failed} failed`);
    return failed || !tests.length ? 1 : 0;
}

async function runOne({ name, run }) {
    const scope = new Scope(name);
    const began = Date.now();
    let timer;
    const limit = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`not done after ${LIMIT_MS / 1000} s`)), LIMIT_MS);
    });
    let error = null;
    try {
        await Promise.race([run(scope), limit]);
    } catch (err) {
        error = err;
    }
    clearTimeout(timer);
    const seconds = ((Date.now() - began) / 1000).toFixed(1);
    if (error) {
        console.log(`FAIL  ${name} (${seconds} s)\n      ${String(error.stack ?? error).replace(/\n/g, '\n      ')}`);
        await scope.explain();
    } else {
        console.log(`ok    ${name} (${seconds} s)${scope.notes.length ? `: ${scope.notes.join(', ')}` : ''}`);
    }
    await scope.close();
    return !error;
}

process.exitCode = await main();
