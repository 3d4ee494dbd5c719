/* lib/server.mjs - the real `mixdown serve --dev` on a port and a data folder of its own. */
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';

import { holderOf, markOf, processesOf } from './procs.mjs';
import { check, sleep, until } from './test.mjs';

/* A busy machine must not change what a test looks at: those that are about it say so. */
export const STEADY = { MIXDOWN_ROOM_MAX_LOAD: '0', MIXDOWN_ROOM_OVERLOAD: 'false' };

export function freePort() {
    return new Promise((resolve, reject) => {
        const probe = createServer();
        probe.on('error', reject);
        probe.listen(0, '127.0.0.1', () => {
            const { port } = probe.address();
            probe.close(() => resolve(port));
        });
    });
}

export class Server {
    #child = null;
    #log = [];
    #env;

    constructor(port, data, env) {
        this.port = port;
        this.data = data;
        this.url = `http://127.0.0.1:${port}`;
        this.#env = env;
    }

    /* Ends with the scope: the front, and the rooms of its data folder. */
    static async start(scope, env = {}) {
        const server = new Server(await freePort(), scope.folder('data'), env);
        scope.onFailure(() => console.log(server.log(60)));
        scope.defer(() => server.stop());
        await server.start();
        return server;
    }

    async start() {
        const args = ['serve', ...(this.#env.MIXDOWN_AUTH_SECRET ? [] : ['--dev']), '--listen', `127.0.0.1:${this.port}`, '--data', this.data];
        const child = spawn(process.env.MIXDOWN, args, {
            env: { ...process.env, ...STEADY, ...this.#env, ...markOf(this.port) },
            stdio: ['ignore', 'pipe', 'pipe'],
        });
        this.#child = child;
        for (const stream of [child.stdout, child.stderr])
            stream.on('data', (chunk) => this.#keep(String(chunk)));
        child.on('exit', (code, signal) => this.#keep(`(serve ended: ${signal ?? code})\n`));
        await until('the server to be ready', async () => {
            check(child.exitCode === null, `serve ended with ${child.exitCode}:\n${this.log(20)}`);
            return (await fetch(`${this.url}/readyz`)).ok;
        });
    }

    #keep(text) {
        this.#log.push(text);
        if (this.#log.length > 5000)
            this.#log.shift();
    }

    /* The last lines of what it said, for people. */
    log(lines) {
        const text = this.#log.join('').split('\n').slice(-lines);
        return text.map((line) => `      | ${line}`).join('\n');
    }

    get pid() {
        return this.#child.pid;
    }

    /* kill -9 of the front alone; its rooms live on. */
    async kill() {
        const child = this.#child;
        process.kill(child.pid, 'SIGKILL');
        await until('the front to be gone', () => child.signalCode !== null || child.exitCode !== null);
    }

    /* A clean end: SIGTERM; what is left after it is ended by force. */
    async stop() {
        const child = this.#child;
        child.kill('SIGTERM');
        for (let i = 0; i < 100 && processesOf(this.port).length; i++)
            await sleep(100);
        for (const pid of processesOf(this.port))
            process.kill(pid, 'SIGKILL');
    }

    async json(path, options) {
        const response = await fetch(`${this.url}${path}`, options);
        const text = await response.text();
        check(response.ok, `${options?.method ?? 'GET'} ${path}: ${response.status} ${text.slice(0, 300)}`);
        return text ? JSON.parse(text) : null;
    }

    /* The process that mixes for this person. */
    async roomPid(person) {
        const { port } = await person.transport();
        const pid = port && holderOf(this.port, port);
        check(pid && pid !== this.pid, `no room of ours holds UDP port ${port}`);
        return pid;
    }

    async recordings(room) {
        return (await this.json(`/api/v1/rooms/${room}/recordings`)).recordings;
    }

    /* The recording once its file is whole. */
    async readyRecording(room, id) {
        return until(`recording ${id} to be ready`, async () => {
            const row = (await this.recordings(room)).find((r) => r.id === id);
            return row && !['recording', 'finishing'].includes(row.status) && row;
        }, { limitMs: 30000, everyMs: 250 });
    }

    async download(path) {
        const response = await fetch(`${this.url}${path}`);
        check(response.ok, `GET ${path}: ${response.status}`);
        return Buffer.from(await response.arrayBuffer());
    }
}
