/* docs/examples/trunk-server.mjs as it stands there: an app's server whose users call each other over the
 * WebSockets that they have. */
import { spawn } from 'node:child_process';
import { copyFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';

import { Server } from './lib/server.mjs';
import { check, test, until } from './lib/test.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

async function startApp(scope, mixdown) {
    const folder = scope.folder('app');
    copyFileSync(here('../../docs/examples/trunk-server.mjs'), join(folder, 'trunk-server.mjs'));
    symlinkSync(here('node_modules'), join(folder, 'node_modules'));
    const child = spawn(process.execPath, ['trunk-server.mjs'], {
        cwd: folder, env: { ...process.env, MIXDOWN: `${mixdown.url.replace('http', 'ws')}/trunk`, PORT: '0' } });
    const app = { log: '' };
    for (const stream of [child.stdout, child.stderr])
        stream.on('data', (text) => { app.log += text; });
    scope.defer(() => child.kill());
    scope.onFailure(() => console.log(`      app> ${app.log}`));
    await until('the app to be up', () => /app on port \d+/.test(app.log) && app.log.includes('trunk is up'));
    app.url = `ws://127.0.0.1:${app.log.match(/app on port (\d+)/)[1]}`;
    return app;
}

class Phone {
    heard = [];
    #id = 0;

    static async open(scope, app, user, device = 'app') {
        const phone = new Phone();
        phone.ws = new WebSocket(`${app.url}/?user=${user}&device=${device}`);
        scope.defer(() => phone.ws.terminate());
        phone.ws.on('message', (text) => phone.heard.push(JSON.parse(text)));
        phone.ws.on('error', () => {});
        await until(`${user} to be connected`, () => phone.ws.readyState === WebSocket.OPEN);
        return phone;
    }

    say(message) { this.ws.send(JSON.stringify(message)); }

    /* The first that fits, taken away. */
    take(what, fits) {
        return until(what, () => {
            const i = this.heard.findIndex(fits);
            return i >= 0 && this.heard.splice(i, 1)[0];
        }, { limitMs: 60000 });
    }

    async ask(action, data = {}, type = 'rtc') {
        const id = `${action}${++this.#id}`;
        this.say({ type, action, id, data });
        const answer = await this.take(`the answer to ${action}`, (m) => m.id === id);
        check(answer.ok, JSON.stringify(answer));
        return answer.data;
    }

    event(action) {
        return this.take(`the event ${action}`, (m) => m.action === action && m.id === undefined).then((m) => m.data);
    }
}

test('trunk: an app\'s server carries the calls of its users', async (scope) => {
    const mixdown = await Server.start(scope);
    const app = await startApp(scope, mixdown);
    const ann = await Phone.open(scope, app, 'ann');
    const bob = await Phone.open(scope, app, 'bob', 'phone');
    const desk = await Phone.open(scope, app, 'bob', 'desk');
    await until('bob to be online', async () => (await ann.ask('query', { userIds: ['bob'] }, 'state')).users[0].devices === 2);
    bob.say({ chat: 'the app\'s own words' });
    check((await ann.take('the chat', (m) => m.chat)).from === 'bob', 'not from bob');

    const { callId } = await ann.ask('call', { targetUser: 'bob' });
    check((await bob.event('call')).callId === callId && (await desk.event('call')).callId === callId, 'another call');
    await bob.ask('accept', { callId });
    check((await desk.event('cancel')).reason === 'answered_elsewhere', 'the other device rings on');
    await ann.event('accept');
    await ann.ask('offer', { sdp: 'v=0' });
    check((await bob.event('offer')).sdp === 'v=0', 'another offer');

    /* A phone that loses its connection is back in its call; hanging up still reaches the other. */
    bob.ws.terminate();
    const again = await Phone.open(scope, app, 'bob', 'phone');
    await until('bob to be back in his call', async () =>
        (await again.ask('online', { device: 'phone' }, 'state')).call?.callId === callId);
    await again.ask('hangup', { callId });
    check((await ann.event('hangup')).ended, 'not over');

    /* Mixdown dies and is back: the app signs its users in again, who notice nothing. */
    await mixdown.kill();
    await mixdown.start();
    await until('the trunk to be up again', () => app.log.match(/trunk is up/g).length >= 2);
    await until('bob to be online again', async () => (await ann.ask('query', { userIds: ['bob'] }, 'state')).users[0].devices === 2);
    await ann.ask('call', { targetUser: 'bob' });
    await desk.event('call');
});
