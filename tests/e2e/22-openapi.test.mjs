/* The OpenAPI document: valid by a published validator, true of what the server answers, and with a page
 * that asks. */
import { Validator } from '@seriousme/openapi-schema-validator';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

import { Person, PEOPLE } from './lib/browser.mjs';
import { Server } from './lib/server.mjs';
import { check, test, until } from './lib/test.mjs';

const documentOf = async (server) => (await fetch(`${server.url}/api/v1/openapi.json`)).json();

/* Says what is wrong with a reply, by the document: its status, and its body's shape. */
function judge(api) {
    const ajv = new Ajv2020({ strict: false, allErrors: true });
    addFormats(ajv);
    ajv.addSchema(api, 'api');
    const pointer = (text) => text.replaceAll('~', '~0').replaceAll('/', '~1');
    return (path, method, status, body) => {
        const answer = api.paths[path]?.[method]?.responses[status];
        if (!answer)
            return `${method} ${path}: no answer ${status} in the document`;
        if (!answer.content?.['application/json'])
            return '';
        const where = `api#/paths/${pointer(path)}/${method}/responses/${status}/content/application~1json/schema`;
        const validate = ajv.compile({ $ref: where });
        return validate(body) ? '' : `${method} ${path} ${status}: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(body)}`;
    };
}

test('openapi: the document is valid, and each route says what it takes and answers', async (scope) => {
    const server = await Server.start(scope);
    const api = await documentOf(server);
    const result = await new Validator().validate(structuredClone(api));
    check(result.valid, `not valid: ${JSON.stringify(result.errors)}`);
    check(api.openapi === '3.1.0', api.openapi);
    const ids = new Set();
    let count = 0;
    for (const [path, methods] of Object.entries(api.paths)) {
        for (const [method, operation] of Object.entries(methods)) {
            count++;
            ids.add(operation.operationId);
            const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
            const told = operation.parameters.filter((p) => p.in === 'path').map((p) => p.name);
            check(String(inPath) === String(told), `${method} ${path}: ${told}`);
            check(operation.summary && operation.tags.length === 1, `${method} ${path}: no words`);
            check(Object.keys(operation.responses).some((status) => Number(status) < 300), `${method} ${path}: never succeeds`);
            check(operation.parameters.every((p) => p.description), `${method} ${path}: a parameter without words`);
        }
    }
    check(ids.size === count && count > 50, `${count} routes, ${ids.size} ids`);
});

test('openapi: what the server answers is of the shapes that it says', async (scope) => {
    const server = await Server.start(scope);
    const api = await documentOf(server);
    const wrong = judge(api);
    const says = [];
    const ask = async (method, path, params = {}, body) => {
        let where = path;
        for (const [name, value] of Object.entries(params))
            where = where.replace(`{${name}}`, value);
        const reply = await fetch(server.url + where, { method, body: body && JSON.stringify(body) });
        const type = reply.headers.get('content-type') ?? '';
        const json = type.includes('json') ? await reply.json() : null;
        says.push(wrong(path, method.toLowerCase(), reply.status, json));
        return json;
    };
    const R = '/api/v1/rooms/{room}';
    const room = { room: 'shapes' };
    await ask('POST', '/api/v1/rooms', {}, { roomId: 'shapes', title: 'Shapes' });
    await ask('POST', '/api/v1/rooms', {}, { roomId: 'shapes' });
    await ask('POST', '/api/v1/rooms', {}, { roomId: 'no good' });
    await ask('GET', '/api/v1/rooms');
    await ask('GET', R, room);
    await ask('GET', R, { room: 'nobody' });
    await ask('PATCH', R, room, { layout: 'speaker', may: { record: 'publisher' } });
    await ask('PATCH', R, room, { layout: 'no-such' });
    await ask('PATCH', R, room, { locked: 'yes' });
    const rtp = await ask('POST', `${R}/rtp`, room, { name: 'Gate', userId: 'gate', audio: { pt: 111, codec: 'opus' } });
    await ask('GET', `${R}/rtp`, room);
    const input = await ask('POST', `${R}/inputs`, room, { url: 'rtmp://127.0.0.1:9/live/key', paused: true });
    await ask('GET', `${R}/inputs`, room);
    await ask('GET', `${R}/inputs/{id}`, { ...room, id: input.id });
    await ask('PATCH', `${R}/inputs/{id}`, { ...room, id: input.id }, { volume: 50 });
    await ask('DELETE', `${R}/inputs/{id}`, { ...room, id: input.id });
    await ask('GET', `${R}/members`, room);
    await ask('GET', `${R}/members/{user}`, { ...room, user: 'gate' });
    await ask('GET', `${R}/members/{user}`, { ...room, user: 'nobody' });
    await ask('PATCH', `${R}/members/{user}`, { ...room, user: 'gate' }, { volume: 50, pan: -0.5, pin: 1, muted: { audio: true } });
    await ask('PATCH', `${R}/members/{user}`, { ...room, user: 'gate' }, { volume: 500 });
    await ask('GET', `${R}/lobby`, room);
    await ask('PATCH', `${R}/lobby/{user}`, { ...room, user: 'nobody' }, { admit: true });
    await ask('POST', `${R}/views`, room, { view: 'wall', layout: 'grid', width: 320, height: 180, fps: 5 });
    await ask('POST', `${R}/views`, room, { view: 'wall' });
    await ask('GET', `${R}/views`, room);
    await ask('GET', `${R}/views/{view}`, { ...room, view: 'wall' });
    await ask('DELETE', `${R}/views/{view}`, { ...room, view: 'wall' });
    const sound = await ask('POST', `${R}/sounds`, room, { name: 'hold', loop: true });
    await ask('GET', `${R}/sounds`, room);
    await ask('DELETE', `${R}/sounds/{id}`, { ...room, id: sound.id });
    const recording = await ask('POST', `${R}/recordings`, room, {});
    await ask('POST', `${R}/recordings`, room, {});
    await ask('GET', `${R}/recordings`, room);
    await ask('DELETE', `${R}/recordings/{id}`, { ...room, id: recording.id });
    await until('the recording to be ready', async () =>
        (await ask('GET', '/api/v1/recordings/{id}', { id: recording.id })).status === 'ready', 60000);
    await ask('GET', '/api/v1/recordings');
    await ask('DELETE', '/api/v1/recordings/{id}', { id: recording.id });
    await ask('GET', '/api/v1/layouts');
    await ask('GET', '/api/v1/layouts/{name}', { name: 'grid' });
    await ask('DELETE', '/api/v1/layouts/{name}', { name: 'grid' });
    await ask('GET', '/api/v1/pictures');
    await ask('GET', '/api/v1/server');
    await ask('DELETE', `${R}/rtp/{id}`, { ...room, id: rtp.id });
    await ask('DELETE', R, room);
    await until('the history to have it', async () =>
        (await ask('GET', '/api/v1/history/rooms')).rooms.some((one) => one.status === 'ended'), 60000);
    await ask('GET', '/api/v1/history/members');
    await ask('GET', '/api/v1/history/calls');
    check(!says.some(Boolean), [...new Set(says.filter(Boolean))].join('\n'));
    scope.note?.(`${says.length} answers`);
});

test('openapi: the page lists the routes, filters and asks them', async (scope) => {
    const server = await Server.start(scope);
    const person = await Person.open(scope, PEOPLE[0], { viewport: { width: 1200, height: 900 } });
    const { page } = person;
    await page.goto(`${server.url}/api/v1/`);
    await page.waitForSelector('#post_rooms');
    const listed = await page.locator('details').count();
    const api = await documentOf(server);
    const routes = Object.values(api.paths).reduce((sum, methods) => sum + Object.keys(methods).length, 0);
    check(listed === routes, `${listed} of ${routes} routes`);
    await page.locator('#filter').fill('post rooms room');
    await page.locator('#post_rooms summary').click();
    check(await page.locator('details:visible').count() < 20, 'the filter leaves too much');
    await page.locator('#post_rooms textarea').fill('{"roomId": "paged"}');
    await page.locator('#post_rooms button[type=submit]').click();
    await page.locator('#post_rooms .status.good').waitFor();
    check((await page.locator('#post_rooms .result').innerText()).includes('/api/v1/rooms/paged'), 'no Location');
    await page.locator('#filter').fill('');
    await page.locator('#get_rooms_room summary').click();
    await page.locator('#get_rooms_room button[type=submit]').click();
    check(await page.locator('#get_rooms_room .status').count() === 0, 'it asks without what is needed');
    await page.locator('#get_rooms_room input[name=room]').fill('nobody');
    await page.locator('#get_rooms_room button[type=submit]').click();
    await page.locator('#get_rooms_room .status.bad').waitFor();
    check((await page.locator('#get_rooms_room .result').innerText()).includes('no_such_room'), 'no error');
    if (process.env.E2E_SHOTS)
        await page.screenshot({ path: `${process.env.E2E_SHOTS}/api.png` });
    check(!person.errors.length, `errors: ${person.errors}`);
});
