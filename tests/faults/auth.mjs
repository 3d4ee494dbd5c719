// Who is let in: a matrix of tokens that are not, API keys, the limit of bad ones, certificates taken anew. Rooms are
// fakes. Usage: node --test tests/faults/auth.mjs, with BUILD (build); openssl(1) makes the certificates.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { after, before, describe, test } from 'node:test';
import { Front, SECRET, token, until } from './lib/front.mjs';
import { Client } from './lib/ws.mjs';

const BUILD = process.env.BUILD ?? 'build';
const PROGRAM = path.resolve(BUILD, 'tests/tools/fake_room');
const env = (more = {}) => ({ MIXDOWN_AUTH_SECRET: SECRET, ...more });
const clients = [];
after(() => clients.forEach((c) => c.close()));

const b64 = (v) => Buffer.from(typeof v === 'string' || Buffer.isBuffer(v) ? v : JSON.stringify(v)).toString('base64url');
const hmac = (text, key = SECRET, hash = 'sha256') => crypto.createHmac(hash, key).update(text).digest('base64url');
const now = () => Math.floor(Date.now() / 1000);
const HEADER = { alg: 'HS256', typ: 'JWT' };
// Any header and claims, signed well: what is wrong is in them.
function make(claims, header = HEADER, { key = SECRET, hash } = {}) {
  const text = `${b64(header)}.${b64(claims)}`;
  return `${text}.${hmac(text, key, hash)}`;
}
const claims = (more = {}, mixdown = {}) => ({ sub: 'ann', exp: now() + 600, ...more, mixdown: mixdown && { room: 'm1', role: 'host', ...mixdown } });
const without = (key) => { const c = claims(); delete c[key]; return c; };
const good = () => make(claims());
const rsa = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
function asymmetric(alg, key, more = {}) {
  const text = `${b64({ alg, typ: 'JWT' })}.${b64(claims())}`;
  return `${text}.${crypto.sign('sha256', Buffer.from(text), { key, ...more }).toString('base64url')}`;
}
const publicPem = rsa.publicKey.export({ type: 'spki', format: 'pem' });

// [what, token, status of GET /api/v1/rooms/m1]
function matrix() {
  const [h, p, s] = good().split('.');
  const flip = (text, at) => text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
  const payload = (json) => { const text = `${h}.${b64(json)}`; return `${text}.${hmac(text)}`; };
  return [
    // algorithms
    ['alg none, unsigned', `${b64({ alg: 'none' })}.${p}.`], ['alg none, signed', make(claims(), { alg: 'none' })],
    ['alg None', make(claims(), { alg: 'None' })], ['alg NONE', `${b64({ alg: 'NONE', typ: 'JWT' })}.${p}.`],
    ['alg empty', make(claims(), { alg: '' })], ['no alg', make(claims(), { typ: 'JWT' })], ['alg null', make(claims(), { alg: null })],
    ['alg a number', make(claims(), { alg: 256 })], ['alg a list', make(claims(), { alg: ['HS256'] })],
    ['alg hs256 in lower case', make(claims(), { alg: 'hs256' })], ['HS384', make(claims(), { alg: 'HS384' }, { hash: 'sha384' })],
    ['HS512', make(claims(), { alg: 'HS512' }, { hash: 'sha512' })], ['HS384 in name, SHA-256 in truth', make(claims(), { alg: 'HS384' })],
    ['HS256 in name, SHA-512 in truth', make(claims(), HEADER, { hash: 'sha512' })], ['RS256', asymmetric('RS256', rsa.privateKey)],
    ['PS256', asymmetric('PS256', rsa.privateKey, { padding: crypto.constants.RSA_PKCS1_PSS_PADDING })],
    ['ES256', asymmetric('ES256', ec.privateKey, { dsaEncoding: 'ieee-p1363' })], ['HS256 with an RSA public key as secret', make(claims(), HEADER, { key: publicPem })],
    ['a header with crit', make(claims(), { ...HEADER, crit: ['exp'] })], ['two algs', `${b64('{"alg":"HS256","alg":"none"}')}.${p}.${hmac(`${b64('{"alg":"HS256","alg":"none"}')}.${p}`)}`],
    ['a header with jwk', `${b64({ alg: 'RS256', jwk: rsa.publicKey.export({ format: 'jwk' }) })}.${p}.${s}`],
    // keys
    ['another key', make(claims(), HEADER, { key: 'x'.repeat(32) })], ['an empty key', make(claims(), HEADER, { key: '' })],
    ['a part of the key', make(claims(), HEADER, { key: SECRET.slice(0, 31) })], ['the key and more', make(claims(), HEADER, { key: `${SECRET}0` })],
    ['the key in upper case', make(claims(), HEADER, { key: SECRET.toUpperCase() })], ['the key twice', make(claims(), HEADER, { key: SECRET + SECRET })],
    // signatures
    ['no signature', `${h}.${p}.`], ['no last part', `${h}.${p}`], ['the first byte changed', `${h}.${p}.${flip(s, 0)}`],
    ['a middle byte changed', `${h}.${p}.${flip(s, 20)}`], ['a short signature', `${h}.${p}.${s.slice(0, 40)}`],
    ['a long signature', `${h}.${p}.${s}AAAA`], ['in hex', `${h}.${p}.${Buffer.from(s, 'base64url').toString('hex')}`],
    ['with padding', `${h}.${p}.${s}=`], ['of another token', `${h}.${p}.${make(claims({ sub: 'bob' })).split('.')[2]}`],
    // the payload tampered with
    ['another user', `${h}.${b64(claims({ sub: 'root' }))}.${s}`], ['made an admin', `${h}.${b64(claims({}, { admin: true }))}.${s}`],
    ['another header', `${b64({ ...HEADER, kid: '1' })}.${p}.${s}`], ['parts swapped', `${p}.${h}.${s}`], ['a byte changed', `${h}.${flip(p, 12)}.${s}`],
    // time
    ['expired', make(claims({ exp: now() - 31 }))], ['expired long ago', make(claims({ exp: 1 }))], ['exp 0', make(claims({ exp: 0 }))],
    ['exp negative', make(claims({ exp: -1 }))], ['exp a text', make(claims({ exp: String(now() + 600) }))], ['exp null', make(claims({ exp: null }))],
    ['no exp', make(without('exp'))], ['exp true', make(claims({ exp: true }))], ['not yet', make(claims({ nbf: now() + 300 }))],
    ['not yet for a year', make(claims({ nbf: now() + 31536000 }))], ['nbf a text', make(claims({ nbf: 'now' }))],
    // claims
    ['no sub', make(without('sub'))], ['sub empty', make(claims({ sub: '' }))], ['sub a number', make(claims({ sub: 7 }))],
    ['sub too long', make(claims({ sub: 'x'.repeat(129) }))], ['sub with a line end', make(claims({ sub: 'a\nb' }))],
    ['no mixdown', make(without('mixdown'))], ['mixdown null', make(claims({}, null))], ['mixdown a text', make({ ...claims(), mixdown: 'm1' })],
    ['no room', make(claims({}, { room: undefined }))], ['room empty', make(claims({}, { room: '' }))], ['room a path', make(claims({}, { room: '../m1' }))],
    ['room a list', make(claims({}, { room: ['m1'] }))], ['a role that is none', make(claims({}, { role: 'king' }))], ['role a number', make(claims({}, { role: 1 }))],
    ['admin a text', make(claims({}, { admin: 'true' }))], ['record a number', make(claims({}, { record: 1 }))],
    ['another room', make(claims({}, { room: 'm2' })), 403], ['a room whose name only begins so', make(claims({}, { room: 'm12' })), 403],
    ['a room in upper case', make(claims({}, { room: 'M1' })), 403], ['a user\'s own token for calls', make(claims({}, { room: undefined, calls: true })), 403],
    // forms
    ['a word', 'nonsense'], ['dots', '..'], ['four parts', `${good()}.x`], ['a text as claims', payload('"hello"')], ['claims that are no JSON', payload('{"sub":')],
    ['two subs', payload(`{"sub":"ann","sub":"root","exp":${now() + 600},"mixdown":{"room":"m1"}}`)],
    ['bad UTF-8', (() => { const text = `${h}.${b64(Buffer.concat([Buffer.from('{"sub":"'), Buffer.from([0xff, 0xfe]), Buffer.from(`","exp":${now() + 600},"mixdown":{"room":"m1"}}`)]))}`; return `${text}.${hmac(text)}`; })()],
    ['base64 instead of base64url', good().replace(/\./g, '.').replace(/^[^.]*/, (x) => `${x}==`)], ['far too long', `${h}.${'A'.repeat(5000)}.${s}`],
    ['an API key that is none', `mk_${'A'.repeat(43)}`], ['an API key cut short', 'mk_AAAA'],
  ].map(([what, text, status = 401]) => [what, text, status]);
}

describe('a matrix of tokens', () => {
  let front;
  before(async () => { front = await Front.start(PROGRAM, { dev: false, env: env({ MIXDOWN_AUTH_BAD_TOKENS: '0', MIXDOWN_LOG_LEVEL: 'debug' }) }); });
  after(() => front.remove());
  const rest = async (text) => (await front.get('/api/v1/rooms/m1', { headers: { authorization: `Bearer ${text}` } })).status;
  const whip = async (text) => (await front.get('/whip/m1', { method: 'POST', body: 'v=0\r\n', headers: { authorization: `Bearer ${text}`, 'content-type': 'application/sdp' } })).status;
  async function ws(text) {
    const c = await Client.open(front.port, { path: `/ws?token=${text}` });
    clients.push(c);
    return c;
  }

  test('every one is refused by REST, by WHIP and by WebSocket, and logged without the token', async () => {
    assert.equal(await rest(good()), 404, 'a good one is let in, to a room that is not there');
    const rows = matrix();
    assert.ok(rows.length >= 60, `${rows.length} rows`);
    const bad = await front.metric('mixdown_auth_bad_tokens_total');
    let refused = 0;
    for (const [what, text, status] of rows) {
      assert.equal(await rest(text), status, `REST: ${what}`);
      assert.equal(await whip(text), status, `WHIP: ${what}`);
      const c = await ws(encodeURIComponent(text));
      if (status === 403 && c.status === 101) // the upgrade knows no room yet: the join does
        assert.equal((await c.ask('join', { roomId: 'm1', name: 'X' })).error.code, 'forbidden', `WebSocket: ${what}`);
      else
        assert.equal(c.status, status, `WebSocket: ${what}`);
      c.close();
      if (status === 401 && text.length < 4096) refused += 3; // longer ones are not even read
    }
    assert.equal(await front.metric('mixdown_auth_bad_tokens_total') - bad, refused);
    await until(() => (front.log.match(/auth: a token of 127\.0\.0\.1 was refused: \S/g) ?? []).length === refused, 'a line for each');
    for (const [what, text] of rows) {
      for (const part of text.split('.').filter((t) => t.length > 12))
        assert.ok(!front.log.includes(part), `the log has a part of: ${what}`);
    }
    assert.ok(!front.log.includes(SECRET));
    assert.equal(await front.metric('mixdown_members'), 0);
  });

  test('a good token is none any more when a host has sent its user away', async () => {
    const host = await ws(make(claims({ sub: 'host' })));
    assert.equal((await host.ask('join', { roomId: 'm1', name: 'Host' })).ok, true);
    const text = make(claims({ sub: 'eve' }, { role: 'publisher' }));
    const eve = await ws(text);
    assert.equal((await eve.ask('join', { roomId: 'm1', name: 'Eve' })).ok, true);
    assert.equal(await rest(text), 200);
    const kicked = await front.get('/api/v1/rooms/m1/members/eve', { method: 'DELETE', headers: { authorization: `Bearer ${make(claims({ sub: 'host' }))}` } });
    assert.equal(kicked.status, 204);
    assert.equal(await rest(text), 403);
    assert.equal(await whip(text), 403);
    const again = await ws(text);
    assert.equal((await again.ask('join', { roomId: 'm1', name: 'Eve' })).error.code, 'banned');
    assert.ok(!front.log.includes(text.split('.')[2]));
  });

  test('ids of sessions have 128 bits of chance', async () => {
    const seats = [];
    for (let i = 0; i < 3; i++) {
      const c = await ws(make(claims({ sub: `u${i}` })));
      seats.push((await c.ask('join', { roomId: 'm1', name: 'U' })).data);
    }
    for (const { resume } of seats) assert.match(resume, /^[0-9A-Za-z]{22}$/); // 22 * log2(62) = 131 bits
    assert.equal(new Set(seats.map((s) => s.resume)).size, 3);
  });
});

test('ten bad tokens a minute, then 429; good ones and strangers without any are not punished', async () => {
  const front = await Front.start(PROGRAM, { dev: false, env: env() });
  try {
    const status = async (text) => front.get('/api/v1/rooms/m1', text ? { headers: { authorization: `Bearer ${text}` } } : {});
    for (let i = 0; i < 10; i++) assert.equal((await status(`bad${i}`)).status, 401, `bad one ${i}`);
    const over = await status('bad10');
    assert.equal(over.status, 429);
    assert.equal((await over.json()).error.code, 'too_many_tokens');
    assert.ok(Number(over.headers.get('retry-after')) > 0);
    const c = await Client.open(front.port, { path: '/ws?token=bad' });
    assert.equal(c.status, 429);
    assert.equal((await status(good())).status, 404);
    assert.equal((await status()).status, 401);
    assert.equal(await front.metric('mixdown_auth_limited_total'), 2);
    assert.equal((front.log.match(/was refused/g) ?? []).length, 10);
    assert.equal((front.log.match(/127\.0\.0\.1 has sent 10 bad tokens/g) ?? []).length, 1);
  } finally { await front.remove(); }
});

test('API keys: made by the program, kept as a hash, an admin and an observer', async () => {
  const made = (role) => {
    const out = path.join(os.tmpdir(), `key-${process.pid}`);
    const err = fs.openSync(out, 'w+');
    const key = execFileSync(path.resolve(BUILD, 'mixdown'), ['token', '--api-key', `my-${role}`, '--role', role], { stdio: ['ignore', 'pipe', err] }).toString().trim();
    const setting = fs.readFileSync(out, 'utf8').match(/"(.*)"/)[1];
    fs.rmSync(out);
    assert.match(key, /^mk_\w{43}$/);
    assert.ok(!setting.includes(key.slice(3)));
    return { key, setting };
  };
  const admin = made('admin');
  const observer = made('observer');
  const front = await Front.start(PROGRAM, { dev: false, env: env({ MIXDOWN_AUTH_API_KEYS: `${admin.setting}, ${observer.setting}` }) });
  try {
    const call = async (key, p, method = 'GET', body) => (await front.get(p, { method, body, headers: { authorization: `Bearer ${key}` } })).status;
    for (const [key, get, post, end] of [[observer.key, 200, 403, 403], [admin.key, 200, 201, 204]]) {
      assert.equal(await call(key, '/api/v1/rooms'), get);
      assert.equal(await call(key, '/api/v1/rooms', 'POST', JSON.stringify({ roomId: 'k1' })), post);
      assert.equal(await call(key, '/api/v1/rooms/k1', 'DELETE'), end);
    }
    assert.equal(await call(observer.key, '/whip/k1', 'POST', 'v=0'), 403);
    assert.equal(await call(`${admin.key.slice(0, -1)}${admin.key.endsWith('A') ? 'B' : 'A'}`, '/api/v1/rooms'), 401);
    assert.equal(await call(admin.setting.split(':')[2], '/api/v1/rooms'), 401, 'the hash is no key');
    for (const [p, key, status] of [['/ws', admin.key, 101], ['/trunk', admin.key, 101], ['/ws', observer.key, 403], ['/trunk', observer.key, 403]]) {
      const c = await Client.open(front.port, { path: p, headers: { Authorization: `Bearer ${key}` } });
      clients.push(c);
      assert.equal(c.status, status, p);
    }
    assert.ok(!front.log.includes(admin.key) && !front.log.includes(observer.key));
  } finally { await front.remove(); }
});

describe('TLS', () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mixdown-tls-'));
  const cert = path.join(dir, 'cert.pem');
  const key = path.join(dir, 'key.pem');
  const issue = (name) => execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', `/CN=${name}`,
    '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', path.join(dir, `${name}.key`), '-out', path.join(dir, `${name}.crt`)], { stdio: 'ignore' });
  const install = (from, to) => { fs.copyFileSync(path.join(dir, from), `${to}.new`); fs.renameSync(`${to}.new`, to); };
  let front;
  before(async () => {
    ['one', 'two', 'three'].forEach(issue);
    install('one.crt', cert);
    install('one.key', key);
    front = await Front.start(PROGRAM, { dev: false, env: env({ MIXDOWN_HTTP_TLS_CERT: cert, MIXDOWN_HTTP_TLS_KEY: key }), scheme: 'https' });
    assert.equal(front.exit, undefined, front.log);
  });
  after(async () => { await front.remove(); fs.rmSync(dir, { recursive: true, force: true }); });
  const subject = () => new Promise((resolve, reject) => {
    const s = tls.connect({ host: '127.0.0.1', port: front.port, rejectUnauthorized: false }, () => { resolve(s.getPeerCertificate().subject.CN); s.destroy(); });
    s.on('error', reject);
  });
  const get = (p, agent) => new Promise((resolve, reject) => {
    https.get({ host: '127.0.0.1', port: front.port, path: p, agent, rejectUnauthorized: false }, (reply) => {
      let text = '';
      const cn = reply.socket.getPeerCertificate().subject?.CN;
      reply.on('data', (d) => { text += d; });
      reply.on('end', () => resolve({ status: reply.statusCode, text, cn }));
    }).on('error', reject);
  });

  test('HTTPS; new files are taken by new connections, old connections go on', async () => {
    assert.equal(await subject(), 'one');
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
    assert.equal((await get('/healthz', agent)).status, 200);
    install('two.key', key);
    install('two.crt', cert);
    await until(async () => (await subject()) === 'two', 'the new certificate', 60000);
    const old = await get('/healthz', agent);
    assert.deepEqual([old.status, old.cn], [200, 'one']);
    agent.destroy();
    assert.match((await get('/metrics')).text, /^mixdown_tls_reloads_total [1-9]/m);
  });

  test('what does not fit together is said, and the old one goes on; SIGHUP asks for it', async () => {
    install('three.key', key);
    await until(() => front.log.includes('cannot be used together'), 'the error', 60000);
    assert.equal(await subject(), 'two');
    fs.writeFileSync(cert, 'no certificate');
    await until(() => (front.log.match(/cannot be used together/g) ?? []).length > 1, 'the second error', 60000);
    assert.equal(await subject(), 'two');
    install('three.crt', cert);
    await until(async () => (await subject()) === 'three', 'the third certificate', 60000);
    const taken = (front.log.match(/a new certificate is in use/g) ?? []).length;
    front.child.kill('SIGHUP');
    await until(() => (front.log.match(/a new certificate is in use/g) ?? []).length > taken, 'SIGHUP to be heard', 60000);
    assert.equal((await get('/healthz')).status, 200);
    assert.equal(front.exit, undefined);
  });
});
