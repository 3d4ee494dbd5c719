// WHIP as RFC 9725 says, WHEP as its draft says, and ZLMediaKit's forms: a row a sentence of theirs. Rooms are fakes.
// Usage: node --test tests/faults/whip.mjs, with BUILD (build).
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Front, token } from './lib/front.mjs';

const PROGRAM = path.resolve(process.env.BUILD ?? 'build', 'tests/tools/fake_room');
const SDP = [
  'v=0', 'o=- 1 2 IN IP4 127.0.0.1', 's=-', 't=0 0', 'a=group:BUNDLE 0 1', 'a=ice-ufrag:abcd',
  'a=ice-pwd:abcdefghijklmnopqrstuv', `a=fingerprint:sha-256 ${Array(32).fill('AB').join(':')}`, 'a=setup:actpass',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111', 'c=IN IP4 0.0.0.0', 'a=mid:0', 'a=sendrecv', 'a=rtcp-mux', 'a=rtpmap:111 opus/48000/2',
  'm=video 9 UDP/TLS/RTP/SAVPF 96', 'c=IN IP4 0.0.0.0', 'a=mid:1', 'a=sendrecv', 'a=rtcp-mux', 'a=rtpmap:96 VP8/90000', '',
].join('\r\n');
const CANDIDATE = 'candidate:1 1 udp 2130706431 127.0.0.1 40000 typ host';
const FRAGMENT = `a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=${CANDIDATE}\r\na=end-of-candidates\r\n`;
const RESTART = FRAGMENT.replace('abcd\r', 'wxyz\r').replace('abcdefghijklmnopqrstuv', 'zyxwvutsrqponmlkjihgfe');
const TRICKLE = 'application/trickle-ice-sdpfrag';
const offer = (headers = {}, body = SDP) => ({ method: 'POST', body, headers: { 'content-type': 'application/sdp', ...headers } });

let front;
before(async () => {
  front = await Front.start(PROGRAM, { dev: false, env: {
    MIXDOWN_AUTH_SECRET: '0123456789abcdef0123456789abcdef', MIXDOWN_RTC_ICE_SERVERS: 'stun:stun.example:3478',
    MIXDOWN_RTC_TURN_URLS: 'turn:turn.example:3478', MIXDOWN_RTC_TURN_SECRET: 'turn-secret', MIXDOWN_HTTP_CORS_ORIGINS: 'https://player.example' } });
  assert.equal(front.exit, undefined, front.log);
});
after(() => front.remove());

const jwt = (room, role = 'publisher', sub = 'cam') => token({ sub, name: 'Cam', mixdown: { room, role } });
const bearer = (room, role, sub) => ({ authorization: `Bearer ${jwt(room, role, sub)}` });
const call = (p, options) => front.get(p, options);

for (const kind of ['whip', 'whep']) {
  describe(kind, () => {
    const room = `room-${kind}`;
    const auth = () => bearer(room);
    async function make(more = {}) {
      const made = await call(`/${kind}/${room}`, offer({ ...auth(), ...more }));
      assert.equal(made.status, 201, await made.clone().text());
      const at = made.headers.get('location');
      const patch = (headers, body = FRAGMENT) => call(at, { method: 'PATCH', body, headers: { 'content-type': TRICKLE, ...auth(), ...headers } });
      return { made, at, etag: made.headers.get('etag'), patch, end: () => call(at, { method: 'DELETE', headers: auth() }) };
    }

    test('201: an SDP answer, a Location, a strong ETag, no cache', async () => {
      const { made, at, etag, end } = await make();
      assert.equal(made.headers.get('content-type'), 'application/sdp');
      assert.match(await made.text(), /^v=0\r\n/);
      assert.match(at, new RegExp(`^/${kind}/${room}/\\w{22}$`));
      assert.match(etag, /^"[\x21\x23-\x7e]+"$/); // a weak one would begin with W/
      assert.equal(made.headers.get('accept-patch'), TRICKLE);
      assert.match(made.headers.get('cache-control'), /no-store/);
      assert.equal((await end()).status, 200);
    });

    test('Link says which ICE servers to use', async () => {
      const { made, end } = await make();
      const links = made.headers.get('link').split(/,\s*(?=<)/);
      assert.equal(links[0], '<stun:stun.example:3478>; rel="ice-server"');
      assert.match(links[1], /^<turn:turn\.example:3478>; rel="ice-server"; username="\d+:cam"; credential="[\w+/=]+"; credential-type="password"$/);
      await end();
    });

    test('the endpoint: refusals by their status', async () => {
      const rows = [
        ['no token', { ...offer() }, 401],
        ['a token of another room', offer(bearer('elsewhere')), 403],
        ['no type', offer({ ...auth(), 'content-type': '' }), 415],
        ['another type', offer({ ...auth(), 'content-type': 'application/json' }), 415],
        ['a type that only begins so', offer({ ...auth(), 'content-type': 'application/sdpx' }), 415],
        ['an empty offer', offer(auth(), ''), kind === 'whip' ? 400 : 406],
        ['no SDP', offer(auth(), 'hello'), 400],
        ['an offer without ICE', offer(auth(), SDP.replace(/a=ice-.*\r\n/g, '')), 400],
        ['an offer without DTLS', offer(auth(), SDP.replace(/a=fingerprint.*\r\n/, '')), 400],
        ['a large offer', offer(auth(), SDP + 'a=x\r\n'.repeat(20000)), 413],
        ['GET', { headers: auth() }, 405], ['HEAD', { method: 'HEAD', headers: auth() }, 405],
        ['PUT', { ...offer(auth()), method: 'PUT' }, 405], ['PATCH', { ...offer(auth()), method: 'PATCH' }, 405],
        ['DELETE', { method: 'DELETE', headers: auth() }, 405],
      ];
      for (const [name, options, status] of rows) {
        const reply = await call(`/${kind}/${room}`, options);
        assert.equal(reply.status, status, name);
        if (status === 401) assert.match(reply.headers.get('www-authenticate'), /^Bearer/, name);
        if (status === 405) assert.match(reply.headers.get('allow'), /POST/, name);
        if (status === 415) assert.equal(reply.headers.get('accept-post'), 'application/sdp', name);
      }
      if (kind === 'whip') assert.equal((await call(`/whip/${room}`, offer(bearer(room, 'subscriber')))).status, 403);
      assert.equal((await call(`/${kind}/${room}`, offer({ ...auth(), 'content-type': 'Application/SDP; charset=utf-8' }))).status, 201, 'parameters of the type');
    });

    test('the session: methods and who may', async () => {
      const { at, end } = await make();
      for (const method of ['GET', 'HEAD', 'POST', 'PUT']) {
        const reply = await call(at, { method, headers: auth() });
        assert.equal(reply.status, 405, method);
        assert.match(reply.headers.get('allow'), /PATCH/);
      }
      for (const [method, status] of [['PATCH', 401], ['DELETE', 401]])
        assert.equal((await call(at, { method, body: method === 'PATCH' ? FRAGMENT : undefined })).status, status, method);
      assert.equal((await call(at, { method: 'DELETE', headers: bearer('elsewhere') })).status, 403);
      assert.equal((await end()).status, 200);
      assert.equal((await end()).status, 404, 'it is gone');
    });

    test('PATCH: trickle and its preconditions', async () => {
      const { etag, patch, end } = await make();
      const rows = [
        ['with its ETag', { 'if-match': etag }, FRAGMENT, 204],
        ['in a list', { 'if-match': `"x", ${etag} , "y"` }, FRAGMENT, 204],
        ['without a precondition', {}, FRAGMENT, 428],
        ['with another ETag', { 'if-match': '"other"' }, FRAGMENT, 412],
        ['a part of it', { 'if-match': etag.slice(0, -2) + '"' }, FRAGMENT, 412],
        ['a weak one', { 'if-match': `W/${etag}` }, FRAGMENT, 412],
        ['without quotes', { 'if-match': etag.slice(1, -1) }, FRAGMENT, 412],
        ['another type', { 'if-match': etag, 'content-type': 'application/sdp' }, FRAGMENT, 415],
        ['nonsense', { 'if-match': etag }, 'hello', 400],
        ['a candidate that is none', { 'if-match': etag }, FRAGMENT.replace(CANDIDATE, 'candidate:x'), 400],
      ];
      for (const [name, headers, body, status] of rows) {
        const reply = await patch(headers, body);
        assert.equal(reply.status, status, name);
        if (status === 204) assert.equal(await reply.text(), '', name);
      }
      await end();
    });

    test('PATCH: an ICE restart ends the ETag', async () => {
      const { etag, patch, end } = await make();
      const restarted = await patch({ 'if-match': '*' }, RESTART);
      assert.equal(restarted.status, 200, await restarted.clone().text());
      assert.equal(restarted.headers.get('content-type'), TRICKLE);
      const body = await restarted.text();
      assert.match(body, /a=ice-ufrag:\S+\r\n/);
      assert.match(body, /a=ice-pwd:\S{22,}\r\n/);
      assert.match(body, /a=candidate:/);
      const renewed = restarted.headers.get('etag');
      assert.match(renewed, /^"[^"]+"$/);
      assert.notEqual(renewed, etag);
      assert.equal((await patch({ 'if-match': etag })).status, 412, 'what was trickled before the restart comes too late');
      assert.equal((await patch({ 'if-match': renewed }, RESTART)).status, 204);
      assert.equal((await patch({ 'if-match': '*' }, RESTART.replace(/a=ice-.*\r\n/g, ''))).status, 400, 'no credentials');
      await end();
    });

    test('OPTIONS: CORS, and what is taken', async () => {
      const { at, end } = await make();
      for (const [p, accept, type] of [[`/${kind}/${room}`, 'accept-post', 'application/sdp'], [at, 'accept-patch', TRICKLE]]) {
        const reply = await call(p, { method: 'OPTIONS', headers: { origin: 'https://player.example', 'access-control-request-method': 'POST' } });
        assert.ok([200, 204].includes(reply.status), p); // without a token: a preflight has none
        const also = accept === 'accept-patch' && kind === 'whep' ? 'application/sdp, ' : '';
        assert.equal(reply.headers.get(accept), also + type, p);
        assert.equal(reply.headers.get('access-control-allow-origin'), 'https://player.example');
        assert.match(reply.headers.get('access-control-allow-headers'), /Authorization.*Content-Type.*If-Match/);
      }
      const made = await call(`/${kind}/${room}`, offer({ ...auth(), origin: 'https://player.example' }));
      assert.match(made.headers.get('access-control-expose-headers'), /Location.*ETag.*Link/);
      const foreign = await call(`/${kind}/${room}`, { method: 'OPTIONS', headers: { origin: 'https://evil.example' } });
      assert.equal(foreign.headers.get('access-control-allow-origin'), null);
      await end();
    });
  });
}

describe('an offer of ours (WHEP)', () => {
  const room = 'room-ours';
  const auth = () => bearer(room, 'subscriber', 'eve');
  const ANSWER = SDP.replace('a=setup:actpass', 'a=setup:active').replaceAll('a=sendrecv', 'a=recvonly');
  const seats = async () => (await (await call(`/api/v1/rooms/${room}/members`, { headers: bearer(room, 'host') })).json()).members;
  const direction = (to) => SDP.replaceAll('a=sendrecv', `a=${to}`);
  const OTHER = SDP.replace('opus/48000/2', 'G722/8000').replace('VP8/90000', 'H265/90000');
  async function ask(options = offer(auth(), ''), where = room) {
    const reply = await call(`/whep/${where}`, options);
    const at = reply.headers.get('location');
    const patch = (body, headers = {}) => call(at, { method: 'PATCH', body, headers: { 'content-type': 'application/sdp', ...auth(), ...headers } });
    return { reply, at, patch, sdp: await reply.text(), end: () => call(at, { method: 'DELETE', headers: auth() }) };
  }

  test('406 with an offer, to be answered by PATCH', async () => {
    for (const [name, options] of [
      ['no body', offer(auth(), '')], ['no body, no type', { method: 'POST', headers: auth() }],
      ['nothing is to be received', offer(auth(), direction('sendonly'))], ['inactive', offer(auth(), direction('inactive'))],
      ['no codec in common', offer(auth(), OTHER)],
    ]) {
      const { reply, at, sdp, patch, end } = await ask(options);
      assert.equal(reply.status, 406, `${name}: ${sdp}`);
      assert.equal(reply.headers.get('content-type'), 'application/sdp', name);
      assert.match(at, new RegExp(`^/whep/${room}/\\w{22}$`), name);
      assert.match(reply.headers.get('etag'), /^"[^"]+"$/);
      assert.equal(reply.headers.get('accept-patch'), `application/sdp, ${TRICKLE}`);
      assert.match(reply.headers.get('cache-control'), /no-store/);
      assert.match(reply.headers.get('link'), /rel="ice-server"/);
      assert.match(sdp, /^v=0\r\n/);
      assert.match(sdp, /a=setup:actpass\r\n/);
      assert.equal(sdp.match(/a=sendonly\r\n/g).length, 2, 'sound and picture');
      assert.doesNotMatch(sdp, /a=(sendrecv|recvonly|inactive)/);
      const answered = await patch(ANSWER);
      assert.equal(answered.status, 204, await answered.clone().text());
      assert.equal(await answered.text(), '');
      assert.equal((await patch(ANSWER)).status, 415, 'once');
      assert.equal((await patch(FRAGMENT, { 'content-type': TRICKLE, 'if-match': reply.headers.get('etag') })).status, 204, 'trickle follows');
      assert.equal((await end()).status, 200);
    }
    assert.deepEqual(await seats(), []);
  });

  test('a part that can be met is met', async () => {
    const { reply, end } = await ask(offer(auth(), SDP.replace('VP8/90000', 'H265/90000')));
    assert.equal(reply.status, 201);
    await end();
  });

  test('what is no answer changes nothing', async () => {
    const { reply, at, patch, end } = await ask();
    const etag = reply.headers.get('etag');
    for (const [name, body, headers, status] of [
      ['nonsense', 'hello', {}, 400], ['nothing', '', {}, 400], ['an offer', SDP, {}, 400],
      ['one line of two', ANSWER.replace(/m=video[^]*/, '').replace('BUNDLE 0 1', 'BUNDLE 0'), {}, 400],
      ['another type', ANSWER, { 'content-type': 'application/json' }, 415],
      ['another ETag', ANSWER, { 'if-match': '"other"' }, 412],
      ['candidates first', FRAGMENT, { 'content-type': TRICKLE, 'if-match': etag }, 409],
      ['a restart first', RESTART, { 'content-type': TRICKLE, 'if-match': '*' }, 409],
      ['no token', ANSWER, { authorization: '' }, 401],
      ['a token of another room', ANSWER, bearer('elsewhere'), 403],
    ]) {
      const got = await patch(body, headers);
      assert.equal(got.status, status, `${name}: ${await got.clone().text()}`);
      if (status === 415) assert.equal(got.headers.get('accept-patch'), `application/sdp, ${TRICKLE}`);
    }
    assert.equal((await patch(ANSWER, { 'if-match': etag })).status, 204);
    await end();
    assert.equal((await call(at, { method: 'PATCH', body: ANSWER, headers: { 'content-type': 'application/sdp', ...auth() } })).status, 404);
  });

  test('another front takes the answer', async () => {
    const env = { MIXDOWN_HTTP_CORS_ORIGINS: 'https://player.example' };
    const first = await Front.start(PROGRAM, { env });
    let second;
    try {
      const made = await first.get('/whep/handed', { method: 'POST' });
      assert.equal(made.status, 406, await made.clone().text());
      await first.stop('SIGKILL');
      second = await Front.start(PROGRAM, { env, data: first.data });
      const patch = () => second.get(made.headers.get('location'), { method: 'PATCH', body: ANSWER, headers: { 'content-type': 'application/sdp' } });
      const adopted = async () => (await patch()).status;
      let status = await adopted();
      for (let i = 0; i < 600 && status === 404; i++, status = await adopted()) await new Promise((r) => setTimeout(r, 100));
      assert.equal(status, 204);
      assert.equal(await adopted(), 415, 'once');
    } finally {
      await (second ?? first).remove();
    }
  });

  test('who may not watch gets no offer, who publishes neither', async () => {
    assert.equal((await call(`/whep/${room}`, { method: 'POST' })).status, 401);
    assert.equal((await call(`/whep/${room}`, { method: 'POST', headers: bearer('elsewhere') })).status, 403);
    assert.equal((await call(`/whip/${room}`, { method: 'POST', headers: bearer(room) })).status, 415);
    assert.equal((await call(`/whip/${room}`, offer(bearer(room), OTHER))).status, 400);
    const zlm = `/index/api/whep?${new URLSearchParams({ stream: room, token: jwt(room) })}`;
    assert.equal((await call(zlm, offer({}, OTHER))).status, 400, 'ZLMediaKit knows no PATCH');
    assert.deepEqual(await seats(), []);
  });
});

test('503 comes with Retry-After', async () => {
  const full = await Front.start(PROGRAM, { env: { MIXDOWN_ROOM_MAX_ROOMS: '1' } });
  try {
    assert.equal((await full.get('/whip/one', offer())).status, 201);
    const reply = await full.get('/whip/two', offer());
    assert.equal(reply.status, 503);
    assert.match(reply.headers.get('retry-after'), /^\d+$/);
  } finally { await full.remove(); }
});

describe('ZLMediaKit', () => {
  const api = (what, args) => `/index/api/${what}?${new URLSearchParams(args)}`;
  const plain = (body = SDP) => ({ method: 'POST', body, headers: { 'content-type': 'text/plain;charset=utf-8' } });
  const post = async (args, options = plain()) => {
    const reply = await call(api('webrtc', { app: 'live', ...args }), options);
    assert.equal(reply.status, 200);
    assert.match(reply.headers.get('content-type'), /^application\/json/);
    return reply.json();
  };
  const end = (id, tok) => call(api('delete_webrtc', { id, token: tok }), { method: 'DELETE' });
  const members = async (room) => (await (await call(`/api/v1/rooms/${room}/members`, { headers: bearer(room, 'host') })).json()).members;

  test('push, play and echo answer {code, sdp, id, type}', async () => {
    for (const [type, role] of [['push', 'publisher'], ['play', 'subscriber']]) {
      const got = await post({ stream: 'z1', type, token: jwt('z1', 'publisher', type), name: type });
      assert.deepEqual([got.code, got.type], [0, 'answer']);
      assert.match(got.sdp, /^v=0\r\n/);
      assert.deepEqual((await members('z1')).map((m) => [m.userId, m.name, m.role]), [[type, type, role]]);
      assert.equal((await end(got.id, 'x'.repeat(22))).status, 401);
      assert.equal((await end(got.id, '')).status, 401);
      assert.equal((await members('z1')).length, 1);
      assert.equal((await end(got.id, got.token)).status, 200);
      assert.equal((await end(got.id, got.token)).status, 404);
    }
    const echo = await post({ stream: 'z1', type: 'echo', token: jwt('z1') });
    assert.equal(echo.code, 0, JSON.stringify(echo));
    assert.deepEqual(await members('z1'), [], 'an echo is in a room of its own');
    assert.equal((await end(echo.id, echo.token)).status, 200);
  });

  test('refusals are codes below 0, with HTTP 200', async () => {
    const good = { stream: 'z2', type: 'push', token: jwt('z2') };
    for (const [name, args, code, options] of [
      ['no token', { ...good, token: '' }, -100], ['a token of another room', { ...good, token: jwt('z3') }, -100],
      ['a subscriber pushes', { ...good, token: jwt('z2', 'subscriber') }, -100], ['a type that is none', { ...good, type: 'pull' }, -300],
      ['no type', { stream: 'z2', token: jwt('z2') }, -300], ['no stream', { type: 'push', token: jwt('z2') }, -300],
      ['a stream that is no room', { ...good, stream: '../z' }, -300], ['no SDP', good, -300, plain('hello')],
    ]) {
      const got = await post(args, options);
      assert.equal(got.code, code, `${name}: ${JSON.stringify(got)}`);
      assert.ok(got.msg, name);
      assert.equal(got.sdp, undefined, name);
    }
    assert.equal((await call(api('webrtc', good), { method: 'GET' })).status, 405);
  });

  test('whip and whep: 201, a Location to DELETE', async () => {
    for (const kind of ['whip', 'whep']) {
      const made = await call(api(kind, { app: 'live', stream: 'z4', token: jwt('z4') }), offer());
      assert.equal(made.status, 201, await made.clone().text());
      assert.equal(made.headers.get('content-type'), 'application/sdp');
      const at = new URL(made.headers.get('location'));
      assert.equal(at.origin, front.url('').replace('localhost', '127.0.0.1'));
      assert.equal(at.pathname, '/index/api/delete_webrtc');
      assert.equal((await members('z4')).length, 1);
      assert.equal((await call(at.pathname + at.search.replace(/token=.*/, 'token=no'), { method: 'DELETE' })).status, 401);
      assert.equal((await call(at.pathname + at.search, { method: 'PATCH', body: FRAGMENT })).status, 405, 'RFC 9725: no trickle here');
      assert.equal((await call(at.pathname + at.search, { method: 'DELETE' })).status, 200);
      assert.equal((await members('z4')).length, 0);
      assert.equal((await call(api(kind, { stream: 'z4' }), offer())).status, 401);
      assert.equal((await call(api(kind, { stream: 'z4', token: jwt('z4') }), plain())).status, 415);
    }
    const behind = await call(api('whip', { stream: 'z4', token: jwt('z4') }), offer({ 'x-forwarded-proto': 'https' }));
    assert.match(behind.headers.get('location'), /^https:/);
    assert.equal((await end('nobody', 'x')).status, 404);
  });
});
