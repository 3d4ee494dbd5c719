// Recordings to S3-compatible storage: whole, signed, and in the end there, whatever fails on the way.
// Rooms are fakes; recordings are files that the front finds at its start. Usage: node --test tests/faults/upload.mjs
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { Front, until } from './lib/front.mjs';
import { Storage } from './lib/s3.mjs';

const PROGRAM = path.resolve(process.env.BUILD ?? 'build', 'tests/tools/fake_room');
const MIB = 1024 * 1024;
const STEM = 'stage-20261121-014157-123';
const things = [];

after(async () => {
  for (const thing of things) await (thing.remove ? thing.remove() : thing.stop());
});

async function storage(options) {
  const s = await new Storage(options).start();
  things.push(s);
  return s;
}

// A data folder with a recording of that many bytes and what lies beside it.
function folder(bytes) {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'mixdown-upload-'));
  const dir = path.join(data, 'recordings');
  fs.mkdirSync(dir);
  const film = crypto.randomBytes(bytes);
  fs.writeFileSync(path.join(dir, `${STEM}.mp4`), film);
  fs.writeFileSync(path.join(dir, `${STEM}.vtt`), 'WEBVTT\n\n');
  fs.writeFileSync(path.join(dir, `${STEM}.track-ann.ogg`), 'OggS');
  fs.writeFileSync(path.join(dir, 'other.txt'), 'not ours');
  return { data, dir, film };
}

async function start(s, data, env = {}, port) {
  const front = await Front.start(PROGRAM, {
    data, port,
    env: {
      MIXDOWN_STORAGE_S3_ENDPOINT: s.endpoint, MIXDOWN_STORAGE_S3_BUCKET: s.bucket, MIXDOWN_STORAGE_S3_REGION: s.region,
      MIXDOWN_STORAGE_S3_ACCESS_KEY: s.accessKey, MIXDOWN_STORAGE_S3_SECRET_KEY: s.secretKey,
      MIXDOWN_STORAGE_S3_PREFIX: 'archive/', MIXDOWN_STORAGE_S3_PART_MB: '5', MIXDOWN_STORAGE_S3_TIMEOUT_S: '5', ...env,
    },
  });
  things.push(front);
  assert.equal(front.exit, undefined, front.log);
  return front;
}

// The application's server: what it is told.
async function application() {
  const told = [];
  const server = http.createServer(async (req, res) => {
    const parts = [];
    for await (const part of req) parts.push(part);
    told.push(JSON.parse(Buffer.concat(parts)));
    res.end('{}');
  });
  await new Promise((r) => server.listen(0, '127.0.0.1', r));
  things.push({ stop: () => { server.closeAllConnections(); server.close(); } });
  const uploads = () => told.filter((t) => t.event.startsWith('recording.upload'));
  return { uploads, env: { MIXDOWN_HOOKS_URL: `http://127.0.0.1:${server.address().port}/` } };
}

const upload = async (front) => {
  const { recordings } = await front.json('/api/v1/recordings');
  return recordings[0]?.upload ?? {};
};

const done = (front) => until(async () => (await upload(front)).status === 'done', 'the upload to be done', 60000);
const puts = (s) => s.requests.filter((r) => r.method === 'PUT' && r.query.includes('partNumber'));

function isThere(s, film) {
  assert.deepEqual(s.forged, []);
  assert.ok(s.objects.get(`archive/${STEM}.mp4`)?.equals(film), 'the film is not there as it was');
  assert.equal(s.types.get(`archive/${STEM}.mp4`), 'video/mp4');
  assert.equal(s.objects.get(`archive/${STEM}.vtt`)?.toString(), 'WEBVTT\n\n');
  assert.equal(s.objects.get(`archive/${STEM}.track-ann.ogg`)?.toString(), 'OggS');
  assert.equal(s.objects.size, 3);
  assert.equal(s.uploads.size, 0, 'parts were left over');
}

describe('recordings to S3', () => {
  test('all of a recording goes there, in parts and signed, and the local files stay', async () => {
    const s = await storage();
    const { data, dir, film } = folder(12 * MIB + 345);
    const app = await application();
    const front = await start(s, data, app.env);
    await done(front);
    isThere(s, film);
    await until(() => app.uploads().length > 0, 'the application to be told', 60000);
    const { recordings: [{ id }] } = await front.json('/api/v1/recordings');
    const [{ event, roomId, data: what }] = app.uploads();
    assert.deepEqual([event, roomId, what.id, what.upload.status], ['recording.uploaded', 'stage', id, 'done']);
    assert.deepEqual(puts(s).map((r) => r.bytes), [5 * MIB, 5 * MIB, 2 * MIB + 345]);
    const { bytes, sent } = await upload(front);
    assert.deepEqual([bytes, sent], [film.length + 8 + 4, film.length + 8 + 4]);
    assert.equal(fs.readdirSync(dir).length, 4);
    assert.equal(await front.metric('mixdown_uploads_total'), 3);
    assert.equal(await front.metric('mixdown_uploads_bytes_total'), film.length + 12);
    assert.equal(await front.metric('mixdown_uploads_waiting'), 0);
    assert.ok(!front.log.includes(s.secretKey) && !front.log.includes('Signature='), 'a secret is in the log');
    // Nothing is done twice.
    await front.stop();
    const before = s.requests.length;
    const again = await start(s, data, app.env);
    await until(async () => (await again.get('/readyz')).status === 200, 'the front to be ready');
    assert.equal(app.uploads().length, 1);
    assert.equal((await upload(again)).status, 'done');
    assert.equal(s.requests.length, before);
  });

  test('errors, cut connections and silence are outlasted; parts that are there are not sent again', async () => {
    const s = await storage();
    const { data, film } = folder(16 * MIB);
    const failures = { 1: [500, 'cut'], 2: ['hang', 503], 3: [] };
    s.plan = ({ method, query }) => {
      const part = method === 'PUT' && /partNumber=(\d)/.exec(query)?.[1];
      return (part && failures[part]?.shift()) || null;
    };
    const front = await start(s, data);
    await done(front);
    isThere(s, film);
    assert.deepEqual(puts(s).filter((r) => r.status === 200).map((r) => r.bytes), [5 * MIB, 5 * MIB, 5 * MIB, MIB]);
    // libcurl itself sends again what was cut on a connection that it had used before.
    assert.ok(await front.metric('mixdown_uploads_retries_total') >= 3);
    assert.equal(await front.metric('mixdown_uploads_failed_total'), 0);
  });

  test('the front is killed half-way: the next one goes on where it was', async () => {
    const s = await storage();
    const { data, film } = folder(21 * MIB);
    s.plan = ({ query }) => (query.includes('partNumber=3') ? 'hang' : null);
    const first = await start(s, data);
    await until(async () => (await upload(first)).sent === 10 * MIB, 'two parts to be there', 60000);
    assert.equal((await upload(first)).status, 'uploading');
    await first.stop('SIGKILL');
    s.plan = () => null;
    const next = await start(s, data);
    await done(next);
    isThere(s, film);
    assert.equal(s.requests.filter((r) => r.query.startsWith('?uploads')).length, 1);
    assert.deepEqual(puts(s).map((r) => r.query.match(/partNumber=(\d)/)[1]), ['1', '2', '3', '4', '5']);
  });

  test('the storage dies and forgets the parts: all begins anew, and nothing is lost', async () => {
    const s = await storage();
    const { data, dir, film } = folder(11 * MIB);
    s.plan = ({ query }) => (query.includes('partNumber=2') ? 'hang' : null);
    const front = await start(s, data, { MIXDOWN_STORAGE_S3_KEEP_LOCAL: 'false' });
    await until(async () => (await upload(front)).sent === 5 * MIB, 'a part to be there', 60000);
    await s.stop();
    await until(async () => (await front.metric('mixdown_uploads_retries_total')) >= 2, 'it to be tried in vain', 60000);
    assert.ok(fs.existsSync(path.join(dir, `${STEM}.mp4`)), 'the film must stay until it is there');
    assert.notEqual((await upload(front)).error, undefined);
    s.uploads.clear();
    s.plan = () => null;
    await s.start(s.port);
    await done(front);
    isThere(s, film);
    // Now it may go.
    await until(() => fs.readdirSync(dir).join() === 'other.txt', 'the local files to be deleted');
    const { recordings: [{ id, status }] } = await front.json('/api/v1/recordings');
    assert.equal(status, 'ready');
    assert.equal((await front.get(`/api/v1/recordings/${id}/file`)).status, 404);
  });

  test('completed, and then killed before it was noted: it is seen that it is there', async () => {
    const s = await storage();
    const { data, film } = folder(6 * MIB);
    s.plan = ({ method }) => (method === 'HEAD' ? 'hang' : null);
    const first = await start(s, data);
    await until(() => s.objects.has(`archive/${STEM}.mp4`), 'the film to be there', 60000);
    await first.stop('SIGKILL');
    s.plan = () => null;
    const next = await start(s, data);
    await done(next);
    isThere(s, film);
    assert.equal(puts(s).length, 2);
  });

  test('wrong keys are a failure that is told, and tried again when asked', async () => {
    const s = await storage();
    const { data, film } = folder(1000);
    const app = await application();
    const front = await start(s, data, { MIXDOWN_STORAGE_S3_SECRET_KEY: 'not-the-one', ...app.env });
    await until(async () => (await front.metric('mixdown_uploads_failed_total')) >= 3, 'it to fail', 60000);
    const told = await upload(front);
    assert.equal(told.status, 'failed');
    assert.equal(told.error, 'HTTP 403 SignatureDoesNotMatch');
    await until(() => app.uploads().length > 0, 'the application to be told', 60000);
    assert.deepEqual(app.uploads().map((t) => [t.event, t.data.upload.error]), [['recording.upload_failed', told.error]]);
    assert.equal(s.objects.size, 0);
    s.secretKey = 'not-the-one';
    s.forged = [];
    const { recordings: [{ id }] } = await front.json('/api/v1/recordings');
    assert.equal((await front.get(`/api/v1/recordings/${id}/upload`, { method: 'POST' })).status, 202);
    await done(front);
    isThere(s, film);
    // What it had to say is not in the log, nor in the settings as they are shown.
    assert.ok(!front.log.includes('not-the-one'));
    assert.equal((await front.get(`/api/v1/recordings/${id}`, { method: 'DELETE' })).status, 204);
  });

  test('an endpoint without the rest ends serve with 2', async () => {
    const front = await Front.start(PROGRAM, { env: { MIXDOWN_STORAGE_S3_ENDPOINT: 'http://127.0.0.1:1' } });
    things.push(front);
    assert.equal((await front.ended).code, 2);
    assert.match(front.log, /storage\.s3_endpoint.*s3_bucket/);
    const bad = await Front.start(PROGRAM, { env: { MIXDOWN_STORAGE_S3_ENDPOINT: 'ftp://x' } });
    things.push(bad);
    assert.equal((await bad.ended).code, 2);
  });
});
