/* lib/netrig.mjs - a bad network between the server and browsers (tests/tools/netrig.c): each lives in a network
 * namespace of its own, and nothing but the rig joins them. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { STEADY } from './server.mjs';
import { check, until } from './test.mjs';

const NETRIG = process.env.NETRIG ?? fileURLToPath(new URL('../../../build/tests/tools/netrig', import.meta.url));
const NOT_PERMITTED = 77;
const HTTP_PORT = 8080;

export class Rig {
    #child;
    #answers = [];
    #waiting = [];

    /* Ends with the scope; NETRIG_LOG names a file for what it did. null where namespaces are not permitted, which is noted; as root in CI that fails. */
    static async start(scope) {
        const rig = new Rig();
        const child = spawn(NETRIG, ['run', ...(process.env.NETRIG_LOG ? ['--log', process.env.NETRIG_LOG] : [])], { stdio: ['pipe', 'pipe', 'pipe'] });
        let why = '';
        rig.#child = child;
        child.stdin.on('error', () => {}); /* it has ended: the answer that does not come tells */
        child.stderr.on('data', (chunk) => { why += chunk; });
        createInterface({ input: child.stdout }).on('line', (line) => rig.#take(JSON.parse(line)));
        const ended = new Promise((resolve) => { child.on('close', resolve); });
        const ready = await Promise.race([rig.#next(), ended]);
        if (ready?.event === 'ready') {
            scope.defer(() => { child.stdin.end(); return ended; });
            return Object.assign(rig, { name: ready.name, client: ready.client, server: ready.server });
        }
        const isSkip = ready === NOT_PERMITTED && !(process.env.CI === 'true' && process.getuid() === 0);
        check(isSkip, `no rig: ${why.trim() || ready}`);
        scope.note(`skipped: ${why.trim()}`);
        return null;
    }

    #take(answer) {
        const waiting = this.#waiting.shift();
        if (waiting)
            waiting(answer);
        else
            this.#answers.push(answer);
    }

    #next() {
        return this.#answers.length ? Promise.resolve(this.#answers.shift())
            : new Promise((resolve) => { this.#waiting.push(resolve); });
    }

    /* A line of tests/lib/netrig_conf.h, taken when this resolves. */
    async tell(line) {
        this.#child.stdin.write(`${line}\n`);
        const answer = await this.#next();
        check(answer.event === 'ok', `netrig: '${line}': ${answer.why}`);
    }

    get url() {
        return `http://${this.server.address}:${HTTP_PORT}`;
    }

    /* `mixdown serve --dev` in the server's namespace, with settings by environment. Rooms that it leaves end with the namespace. */
    async serve(scope, env = {}) {
        const words = ['exec', this.name, 'server', '--', process.env.MIXDOWN, 'serve', '--dev',
            '--listen', `${this.server.address}:${HTTP_PORT}`, '--data', scope.folder('data')];
        const child = spawn(NETRIG, words, {
            env: { ...process.env, ...STEADY },
            stdio: ['ignore', 'pipe', 'pipe'],
        });
        let log = '';
        for (const stream of [child.stdout, child.stderr])
            stream.on('data', (chunk) => { log = (log + chunk).slice(-100000); });
        scope.onFailure(() => console.log(log.split('\n').slice(-40).map((line) => `      | ${line}`).join('\n')));
        const ended = new Promise((resolve) => { child.on('exit', resolve); });
        scope.defer(() => { child.kill('SIGTERM'); return ended; });
        await until('the server to say its address', () => {
            check(child.exitCode === null, `serve ended with ${child.exitCode}:\n${log}`);
            return log.includes('http://');
        });
    }

    /* What Person.open takes to put a browser into a namespace: `client`, behind the bad network, or `server`. */
    browser(scope, side) {
        const path = join(scope.folder('chromium'), 'chromium');
        const words = `'${NETRIG}' exec '${this.name}' ${side} -- /usr/bin/chromium`;
        writeFileSync(path, `#!/bin/sh\nexec ${words} "$@"\n`, { mode: 0o755 });
        return { program: path, flags: [`--unsafely-treat-insecure-origin-as-secure=${this.url}`] };
    }
}
