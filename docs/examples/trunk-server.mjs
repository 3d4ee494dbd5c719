/* A messaging app's server that gives its users calls through Mixdown, over the WebSockets that they have
 * already. npm install ws; then
 *
 *     MIXDOWN=ws://localhost:8080/trunk KEY=$(mixdown token --user server --admin) PORT=9000 node trunk-server.mjs
 *
 * Its users connect to ws://localhost:9000/?user=ann&device=phone (a real app checks who that is). What they send
 * with a type of Mixdown's goes up the trunk; everything else is the app's own, here {"chat": text}. */
import { createServer } from 'node:http';
import { WebSocket, WebSocketServer } from 'ws';

const { MIXDOWN = 'ws://localhost:8080/trunk', KEY = '', PORT = '9000' } = process.env;
const RETRY_MS = 1000;

/* --- up: one connection for all ------------------------------------------------------------------------------ */

let trunk = null;
const phones = new Map(); /* "user\ndevice" -> WebSocket */
const keyOf = (user, device) => `${user}\n${device}`;

function connect() {
    const ws = new WebSocket(MIXDOWN, { headers: KEY ? { authorization: `Bearer ${KEY}` } : {} });
    ws.on('open', () => {
        trunk = ws;
        for (const [key, phone] of phones) /* seats and calls of before go on */
            signIn(...key.split('\n'), phone.name);
        console.log('trunk is up');
    });
    ws.on('message', (text) => {
        const { user, device, ...envelope } = JSON.parse(text);
        const phone = phones.get(keyOf(user, device));
        if (envelope.id !== SIGN_IN) /* the answer to our own request */
            phone?.send(JSON.stringify(envelope));
    });
    ws.on('close', () => {
        trunk = null;
        setTimeout(connect, RETRY_MS);
    });
    ws.on('error', (err) => console.log(`trunk: ${err.message}`));
}

const SIGN_IN = 'trunk-server signs in';
const up = (envelope) => trunk?.readyState === WebSocket.OPEN && trunk.send(JSON.stringify(envelope));

function signIn(user, device, name) {
    up({ user, device, name, type: 'state', action: 'online', id: SIGN_IN, data: { device } });
}

/* --- down: the app's users ----------------------------------------------------------------------------------- */

const isOurs = (message) => message.type === 'rtc' || message.type === 'state' || message.type === 'message'
    || message.type === 2;

function take(user, device, message) {
    if (isOurs(message)) {
        const { id, type, action, data, send_id, receive_id, session_id, av_data } = message;
        up({ user, device, id, type, action, data, send_id, receive_id, session_id, av_data });
        return;
    }
    for (const phone of phones.values()) /* the app's own words: here, to everybody */
        phone.send(JSON.stringify({ from: user, chat: String(message.chat ?? '') }));
}

const server = createServer((_, reply) => reply.end('a messaging app\n'));
new WebSocketServer({ server, maxPayload: 256 * 1024 }).on('connection', (phone, request) => {
    const query = new URL(request.url, 'http://app').searchParams;
    const user = query.get('user');
    const device = query.get('device') ?? 'app';
    if (!/^[\w-]{1,64}$/.test(user ?? '') || !/^[\w-]{1,64}$/.test(device)) {
        phone.close(1008, 'who are you?');
        return;
    }
    phone.name = query.get('name') ?? user;
    const key = keyOf(user, device);
    phones.get(key)?.close(1000, 'signed in again');
    phones.set(key, phone);
    signIn(user, device, phone.name);
    phone.on('message', (text) => {
        try {
            take(user, device, JSON.parse(text));
        } catch {
            phone.close(1008, 'not JSON');
        }
    });
    phone.on('close', () => {
        if (phones.get(key) !== phone)
            return;
        phones.delete(key);
        up({ user, device, type: 'state', action: 'gone' });
    });
    phone.on('error', () => {});
});
server.listen(Number(PORT), () => console.log(`app on port ${server.address().port}`));
connect();
