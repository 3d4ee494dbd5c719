// What hosts choose, seen in the picture: real rooms, whose people are avatars (plain RTP participants that say
// nothing), looked at by snapshots and told apart by the colours of their avatars; layouts that are uploaded and edited.
// Usage: node --test tests/faults/picture.mjs
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import zlib from 'node:zlib';
import { Front, until } from './lib/front.mjs';

const PROGRAM = path.resolve(process.env.BUILD ?? 'build', 'mixdown');
const WIDTH = 640;
const HEIGHT = 360;
const colours = {}; // of avatars, by user
let front;

async function rest(method, where, body) {
  const reply = await front.get(`/api/v1/${where}`, { method, body: body === undefined ? undefined : JSON.stringify(body) });
  const text = await reply.text();
  return [reply.status, text ? JSON.parse(text) : null];
}

const add = (user, more = {}) => rest('POST', 'rooms/r/rtp', {
  name: user, userId: user, audio: { pt: 111, codec: 'opus', direction: 'sendonly' }, ...more,
});

// Rows of RGB, and the size, of a JPEG or a PNG.
function decode(file) {
  const words = ['-v', 'error', '-i', 'pipe:0', '-f', 'image2pipe', '-c:v', 'ppm', 'pipe:1'];
  const ppm = spawnSync('ffmpeg', words, { input: file, maxBuffer: 1 << 26 }).stdout;
  const [, width, height] = /^P6\s(\d+) (\d+)\s255\s/.exec(ppm.subarray(0, 32).toString('latin1'));
  return { file, width: Number(width), height: Number(height), rgb: ppm.subarray(ppm.length - width * height * 3) };
}

// The picture as it is now.
async function snapshot(query = `width=${WIDTH}`, room = 'r') {
  const reply = await front.get(`/api/v1/rooms/${room}/snapshot.jpg?${query}`);
  assert.deepEqual([reply.status, reply.headers.get('content-type')], [200, 'image/jpeg']);
  return decode(Buffer.from(await reply.arrayBuffer()));
}

// A PNG of one colour.
function png(width, height, rgb) {
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(data.length);
    body.copy(out, 4);
    out.writeUInt32BE(crc(body), body.length + 4);
    return out;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const row = Buffer.from([0, ...Array(width).fill(rgb).flat()]);
  return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), chunk('IHDR', head),
    chunk('IDAT', zlib.deflateSync(Buffer.concat(Array(height).fill(row)))), chunk('IEND', Buffer.alloc(0))]);
}

function crc(bytes) {
  let c = ~0;
  for (const byte of bytes) {
    c ^= byte;
    for (let k = 0; k < 8; k++) c = (c >>> 1) ^ (c & 1 ? 0xedb88320 : 0);
  }
  return ~c >>> 0;
}

// The strongest colour of a part (fractions of the picture): an avatar's, or nearly grey when there is none.
function colour(picture, [x, y, w, h]) {
  let best = { chroma: -1 };
  for (let row = Math.ceil(y * HEIGHT); row < Math.floor((y + h) * HEIGHT); row++) {
    for (let col = Math.ceil(x * WIDTH); col < Math.floor((x + w) * WIDTH); col++) {
      const rgb = [...picture.rgb.subarray((row * WIDTH + col) * 3, (row * WIDTH + col) * 3 + 3)];
      const chroma = Math.max(...rgb) - Math.min(...rgb);
      if (chroma > best.chroma) best = { chroma, rgb };
    }
  }
  return best;
}

// Who has his avatar in that part, or null.
function who(picture, part) {
  const { chroma, rgb } = colour(picture, part);
  if (chroma < 40) return null;
  const distance = (user) => Math.hypot(...colours[user].map((c, i) => c - rgb[i]));
  const nearest = Object.keys(colours).sort((a, b) => distance(a) - distance(b))[0];
  return distance(nearest) < 60 ? nearest : rgb.join();
}

async function shows(parts, users, what) {
  let seen;
  await until(async () => {
    const picture = await snapshot();
    seen = parts.map((part) => who(picture, part));
    return JSON.stringify(seen) === JSON.stringify(users);
  }, `${what}: ${users}`).catch((e) => { throw new Error(`${e.message}; seen: ${seen}`); });
}

// A grid of three: two above, one below in the middle.
const GRID = [[0, 0, 0.5, 0.5], [0.5, 0, 0.5, 0.5], [0.25, 0.5, 0.5, 0.5]];
const MAIN = [[0, 0, 1, 0.8]];
const HALVES = [[0, 0, 0.5, 0.5], [0.5, 0, 0.5, 0.5]]; // and below who is left
const halves = (left, right) => ({
  name: 'mine', title: 'Mine', variants: [{ people: '1-', cells: [
    { x: 0, y: 0, w: '1/2', h: '1/2', source: `user:${left}` }, { x: '1/2', y: 0, w: '1/2', h: '1/2', source: `user:${right}` },
    { x: 0, y: '1/2', w: 1, h: '1/2', source: 'auto' }] }],
});

describe('the picture', () => {
  before(async () => {
    front = await Front.start(PROGRAM, {});
    for (const user of ['ann', 'bob', 'cyd']) assert.equal((await add(user))[0], 201);
    await until(async () => {
      const picture = await snapshot();
      GRID.forEach((part, i) => { colours[['ann', 'bob', 'cyd'][i]] = colour(picture, part).rgb; });
      return GRID.every((part) => colour(picture, part).chroma >= 40);
    }, 'three avatars');
  });
  after(() => front.remove());

  test('a snapshot is a JPEG of the size that is asked for', async () => {
    assert.deepEqual(await snapshot('').then(({ width, height }) => [width, height]), [1280, 720]);
    const small = await snapshot('width=320');
    assert.deepEqual([small.width, small.height, small.file[0], small.file[1]], [320, 180, 0xff, 0xd8]);
    for (const [query, status] of [['width=x', 400], ['width=3', 400], ['width=99999', 400], ['view=none', 404]])
      assert.equal((await rest('GET', `rooms/r/snapshot.jpg?${query}`))[0], status, query);
    assert.equal((await rest('GET', 'rooms/none/snapshot.jpg'))[0], 404);
    assert.deepEqual(fs.readdirSync(path.join(front.data, 'snapshots')), []);
  });

  test('order and spotlight put people first', async () => {
    await shows(GRID, ['ann', 'bob', 'cyd'], 'as they came');
    await rest('PATCH', 'rooms/r', { order: ['cyd', 'ann'] });
    await shows(GRID, ['cyd', 'ann', 'bob'], 'in order');
    await rest('PATCH', 'rooms/r', { spotlight: 'bob' });
    await shows(GRID, ['bob', 'cyd', 'ann'], 'the spotlight first');
    await rest('PATCH', 'rooms/r/members/ann', { pin: 1 });
    await shows(GRID, ['ann', 'bob', 'cyd'], 'who is pinned before all');
    await rest('PATCH', 'rooms/r/members/ann', { pin: null });
    await rest('PATCH', 'rooms/r', { order: null, spotlight: null });
    await shows(GRID, ['ann', 'bob', 'cyd'], 'as they came');
  });

  test('the main cell is the spotlight\'s, and before it who is pinned to it', async () => {
    await rest('PATCH', 'rooms/r', { layout: 'speaker', spotlight: 'bob' });
    await shows(MAIN, ['bob'], 'the spotlight');
    await rest('PATCH', 'rooms/r/members/cyd', { pin: 1 });
    await shows(MAIN, ['cyd'], 'who is pinned');
    await rest('PATCH', 'rooms/r/members/ann', { pin: 1 });
    await shows(MAIN, ['ann'], 'who took the seat');
    await rest('PATCH', 'rooms/r/members/ann', { pin: null });
    await shows(MAIN, ['bob'], 'the spotlight again');
    await rest('PATCH', 'rooms/r', { layout: 'grid', spotlight: null });
    await shows(GRID, ['ann', 'bob', 'cyd'], 'all alike');
  });

  test('who only watches has no tile, and nobody without video when hosts want it so', async () => {
    assert.equal((await add('eve', { role: 'subscriber' }))[0], 201);
    assert.equal((await add('fay', { audio: { pt: 111, codec: 'opus', direction: 'recvonly' }, remote: { host: '127.0.0.1', port: 9 } }))[0], 201);
    await rest('PATCH', 'rooms/r', { hideWithoutVideo: true });
    await shows(GRID, [null, null, null], 'nobody');
    await rest('PATCH', 'rooms/r', { hideWithoutVideo: false });
    await shows(GRID, ['ann', 'bob', 'cyd'], 'three');
  });

  test('a view is a picture of its own', async () => {
    const [status, view] = await rest('POST', 'rooms/r/views', { view: 'stage', layout: 'single', width: 640, height: 360 });
    assert.deepEqual([status, view], [201, { view: 'stage', layout: 'single', width: 640, height: 360, fps: 30 }]);
    assert.equal((await rest('POST', 'rooms/r/views', { view: 'stage' }))[1].error.code, 'view_exists');
    for (const wrong of [{ view: 'main' }, { view: 'own' }, { view: 'a/b' }, {}, { view: 'x', width: 641 }, { view: 'x', colour: 1 }])
      assert.equal((await rest('POST', 'rooms/r/views', wrong))[0], 400, JSON.stringify(wrong));
    assert.equal((await rest('POST', 'rooms/r/views', { view: 'x', layout: 'none' }))[0], 404);
    assert.deepEqual((await rest('GET', 'rooms/r/views'))[1], { views: [view] });
    const stage = () => snapshot('view=stage');
    assert.deepEqual(await stage().then(({ width, height }) => [width, height]), [640, 360]);
    await until(async () => who(await stage(), [0, 0, 1, 1]) === 'ann', 'the first alone in the view');
    await shows(GRID, ['ann', 'bob', 'cyd'], 'all on the room\'s picture');
    await rest('PATCH', 'rooms/r', { spotlight: 'cyd' });
    await until(async () => who(await stage(), [0, 0, 1, 1]) === 'cyd', 'the spotlight in the view');
    await rest('PATCH', 'rooms/r', { spotlight: null });
    assert.equal((await rest('PATCH', 'rooms/r/views/stage', { layout: 'grid' }))[1].layout, 'grid');
    await until(async () => who(await stage(), GRID[1]) === 'bob', 'the view in another layout');
    assert.equal((await rest('PATCH', 'rooms/r/views/stage', { width: 320 }))[0], 400);
    assert.equal((await rest('DELETE', 'rooms/r/views/stage'))[0], 204);
    assert.equal((await rest('GET', 'rooms/r/views/stage'))[0], 404);
    assert.equal((await rest('GET', 'rooms/r/snapshot.jpg?view=stage'))[0], 404);
  });

  test('a layout is uploaded, used, and changed under the room', async () => {
    const file = path.join(front.data, 'layouts', 'mine.json');
    assert.equal((await rest('PUT', 'layouts/mine', halves('ann', 'bob')))[0], 201);
    assert.equal((await rest('PATCH', 'rooms/r', { layout: 'mine' }))[1].layout, 'mine');
    await shows(HALVES, ['ann', 'bob'], 'the uploaded layout');
    assert.equal((await rest('POST', 'rooms/r/views', { view: 'stage', layout: 'mine', width: WIDTH, height: HEIGHT }))[0], 201);
    assert.equal((await rest('PUT', 'layouts/mine', halves('cyd', 'ann')))[0], 200);
    await shows(HALVES, ['cyd', 'ann'], 'uploaded again');
    await until(async () => who(await snapshot('view=stage'), HALVES[0]) === 'cyd', 'the view, too');
    assert.equal((await rest('DELETE', 'rooms/r/views/stage'))[0], 204);
    fs.writeFileSync(file, JSON.stringify(halves('bob', 'cyd')));
    await shows(HALVES, ['bob', 'cyd'], 'the edited file');
    const broken = halves('ann', 'ann');
    broken.variants[0].cells[1].w = 2;
    fs.writeFileSync(file, JSON.stringify(broken));
    await until(() => front.log.includes('$.variants[0].cells[1].w'), 'a line in the log');
    await shows(HALVES, ['bob', 'cyd'], 'what it was');
    const [status, { error }] = await rest('PUT', 'layouts/mine', broken);
    assert.deepEqual([status, error.code], [400, 'bad_layout']);
    assert.match(error.message, /^mine: \$\.variants\[0\]\.cells\[1\]\.w: /);
    assert.equal((await rest('GET', 'layouts/mine'))[1].variants[0].cells[0].source, 'user:bob');
    fs.writeFileSync(file, JSON.stringify(halves('ann', 'cyd')));
    await shows(HALVES, ['ann', 'cyd'], 'mended');
    assert.equal((await rest('DELETE', 'layouts/mine'))[1].error.code, 'layout_in_use');
    await rest('PATCH', 'rooms/r', { layout: null });
    assert.equal((await rest('DELETE', 'layouts/mine'))[0], 204);
    assert.equal((await rest('GET', 'layouts/mine'))[0], 404);
    await shows(GRID, ['ann', 'bob', 'cyd'], 'the settings\' layout');
  });

  const backed = (name, background) => ({ ...halves('ann', 'bob'), name, background });
  const ground = (picture) => [...picture.rgb.subarray((HEIGHT - 4) * WIDTH * 3, (HEIGHT - 4) * WIDTH * 3 + 3)];
  const near = (rgb, wanted) => rgb.every((c, i) => Math.abs(c - wanted[i]) < 24);
  const RED = [200, 30, 30];
  const BLUE = [30, 30, 200];
  const picture = async (method, name, body) => {
    const reply = await front.get(`/api/v1/pictures/${name}`, { method, body });
    const bytes = Buffer.from(await reply.arrayBuffer());
    const is_json = reply.headers.get('content-type') === 'application/json';
    return [reply.status, is_json ? JSON.parse(bytes) : bytes, reply.headers.get('content-type')];
  };

  test('pictures are uploaded, and seen where layouts name them', async () => {
    const layout = backed('backed', 'ground');
    layout.variants[0].cells.splice(2); // below is the background
    const red = png(64, 36, RED);
    assert.equal((await rest('PUT', 'layouts/backed', layout))[0], 201);
    assert.equal((await rest('PATCH', 'rooms/r', { layout: 'backed' }))[0], 200);
    assert.equal((await rest('POST', 'rooms/r/views', { view: 'stage', layout: 'backed', width: WIDTH, height: HEIGHT }))[0], 201);
    const sees = (wanted, view = 'main') => until(async () => near(ground(await snapshot(`view=${view}&width=${WIDTH}`)), wanted), `the background in ${view}`);
    assert.deepEqual(await picture('PUT', 'ground', red), // after the layout that names it
      [201, { name: 'ground', type: 'image/png', width: 64, height: 36, bytes: red.length }, 'application/json']);
    await sees(RED);
    await sees(RED, 'stage');
    assert.deepEqual(await picture('GET', 'ground'), [200, red, 'image/png']);
    assert.equal((await picture('PUT', 'ground', png(64, 36, BLUE)))[0], 200);
    await sees(BLUE);
    for (const pid of front.rooms()) process.kill(pid, 'SIGKILL'); // a new process is given it
    await until(async () => (await front.get('/api/v1/rooms/r/snapshot.jpg')).status === 200, 'the room again');
    await sees(BLUE);
    await sees(BLUE, 'stage');
    assert.deepEqual((await rest('GET', 'pictures'))[1].pictures.map(({ name }) => name), ['ground']);
    const drawn = async () => { // and so does the picture of the layout
      const reply = await front.get(`/api/v1/layouts/backed.png?size=${WIDTH}x${HEIGHT}`);
      return ground(decode(Buffer.from(await reply.arrayBuffer())));
    };
    assert.ok(near(await drawn(), BLUE));
    assert.equal((await picture('DELETE', 'ground'))[0], 204);
    await sees([16, 20, 24]);
    assert.ok(near(await drawn(), [16, 20, 24]));
    assert.equal((await picture('GET', 'ground'))[0], 404);
    assert.equal((await rest('DELETE', 'rooms/r/views/stage'))[0], 204);
    await rest('PATCH', 'rooms/r', { layout: null });
    assert.equal((await rest('DELETE', 'layouts/backed'))[0], 204);
  });

  test('what is no picture, too large or badly named is refused', async () => {
    for (const [name, body, status, code] of [['a', 'GIF89a', 400, 'bad_picture'], ['a', '', 400, 'bad_picture'],
      ['A', png(16, 16, RED), 400, 'bad_picture'], ['a.png', png(16, 16, RED), 400, 'bad_picture'], ['..%2Fa', png(16, 16, RED), 404, 'not_found'],
      ['a', png(5000, 1, RED), 413, 'too_large']]) {
      const [got, answer] = await picture('PUT', name, body);
      assert.deepEqual([got, answer.error.code], [status, code], name);
    }
    assert.equal(await front.announce('/api/v1/pictures/a', 'PUT', 4 * 1024 * 1024 + 1), 413);
    assert.equal((await picture('DELETE', 'a'))[1].error.code, 'no_such_picture');
    assert.deepEqual(fs.readdirSync(path.join(front.data, 'pictures')), []);
  });

  test('an uploaded layout may be the settings\', and a new process is given it', async () => {
    fs.writeFileSync(path.join(front.data, 'layouts', 'mine.json'), JSON.stringify(halves('bob', 'ann')));
    const { data, port } = front;
    for (const pid of front.rooms()) process.kill(pid, 'SIGKILL');
    await front.stop();
    front = await Front.start(PROGRAM, { data, port, config: 'video:\n  layout: mine\n' });
    for (const user of ['ann', 'bob']) assert.equal((await add(user))[0], 201);
    await shows(HALVES, ['bob', 'ann'], 'the layout of the settings');
  });
});
