// Starts the front (the program of FRONT: `fake_room`, whose rooms are fakes, or `mixdown`).
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

export const SECRET = '0123456789abcdef0123456789abcdef';

export function freePort() {
  return new Promise((resolve, reject) => {
    const s = net.createServer();
    s.once('error', reject);
    s.listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => resolve(port)); });
  });
}

export const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

export async function until(condition, what, ms = 30000) {
  const deadline = Date.now() + ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`waited ${ms} ms in vain for ${what}`);
    await sleep(20);
  }
}

export class Front {
  static async start(program, { dev = true, env = {}, data, port, config, scheme = 'http' } = {}) {
    const f = new Front();
    f.program = program;
    f.data = data ?? fs.mkdtempSync(path.join(os.tmpdir(), 'mixdown-front-'));
    f.port = port ?? await freePort();
    const words = ['serve', '--listen', `127.0.0.1:${f.port}`, '--data', f.data];
    if (dev) words.push('--dev');
    if (config) {
      f.config = path.join(f.data, 'mixdown.yaml');
      fs.writeFileSync(f.config, config);
      words.push('--config', f.config);
    }
    f.log = '';
    f.child = spawn(program, words, { env: { ...process.env, MIXDOWN_ROOM_MAX_LOAD: '0', MIXDOWN_ROOM_OVERLOAD: 'false', ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    f.ended = new Promise((r) => f.child.once('exit', (code, signal) => { f.exit = { code, signal }; r(f.exit); }));
    f.child.stdout.on('data', (d) => { f.log += d; });
    f.child.stderr.on('data', (d) => { f.log += d; });
    await until(() => f.exit || f.log.includes(`${scheme}://localhost:`), 'the front to say its address');
    return f;
  }

  url(p) { return `http://127.0.0.1:${this.port}${p}`; }
  get(p, options) { return fetch(this.url(p), options); }
  // The status for a body of that many bytes, none of which is sent: who refuses it by its length need not read it.
  announce(p, method, length, headers = {}) {
    return new Promise((resolve, reject) => {
      const req = http.request(this.url(p), { method, headers: { ...headers, 'content-length': length } });
      req.on('response', (reply) => { resolve(reply.statusCode); req.destroy(); });
      req.on('error', reject);
      req.setTimeout(10000, () => req.destroy(new Error(`no answer to ${method} ${p}`)));
      req.flushHeaders();
    });
  }

  async json(p, options) { return (await this.get(p, options)).json(); }

  async metric(name) {
    const text = await (await this.get('/metrics')).text();
    return Number(text.match(new RegExp(`^${name} (\\S+)$`, 'm'))[1]);
  }

  // What comes back for raw bytes, until the front closes or `ms` have passed.
  raw(bytes, ms = 3000) {
    return new Promise((resolve) => {
      const s = net.connect(this.port, '127.0.0.1');
      let got = '';
      const done = () => { s.destroy(); resolve(got); };
      s.on('data', (d) => { got += d.toString('latin1'); });
      s.on('error', done);
      s.on('close', done);
      s.write(bytes);
      setTimeout(done, ms);
    });
  }

  // Pids of its room processes, by the sockets in its data folder.
  rooms() {
    return fs.readdirSync('/proc').filter((p) => /^\d+$/.test(p)).map(Number).filter((pid) => {
      try {
        const words = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        if (words[1] !== 'room') return false;
        const inode = fs.readlinkSync(`/proc/${pid}/fd/3`).match(/socket:\[(\d+)\]/)[1];
        return fs.readFileSync('/proc/net/unix', 'utf8').split('\n').some((l) => l.includes(` ${inode} `) && l.includes(this.data));
      } catch { return false; }
    });
  }

  async stop(signal = 'SIGTERM') {
    if (!this.exit) this.child.kill(signal);
    return this.ended;
  }

  async remove() {
    await this.stop('SIGKILL');
    for (const pid of this.rooms()) process.kill(pid, 'SIGKILL');
    fs.rmSync(this.data, { recursive: true, force: true });
  }
}

export function token(claims, { secret = SECRET, header = { alg: 'HS256', typ: 'JWT' } } = {}) {
  const part = (o) => Buffer.from(JSON.stringify(o)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const text = `${part(header)}.${part({ exp: now + 600, ...claims })}`;
  return `${text}.${crypto.createHmac('sha256', secret).update(text).digest('base64url')}`;
}
