// A WebSocket client that can do what a browser's cannot: send any bytes as frames, and not read.
import crypto from 'node:crypto';
import net from 'node:net';

export function frame(opcode, payload, { fin = true, masked = true, rsv = 0 } = {}) {
  const body = Buffer.from(payload);
  const length = body.length < 126 ? Buffer.from([body.length])
    : body.length < 65536 ? Buffer.from([126, body.length >> 8, body.length & 255])
    : (() => { const b = Buffer.alloc(9); b[0] = 127; b.writeBigUInt64BE(BigInt(body.length), 1); return b; })();
  const head = Buffer.concat([Buffer.from([(fin ? 0x80 : 0) | (rsv << 4) | opcode]), length]);
  if (!masked) return Buffer.concat([head, body]);
  head[1] |= 0x80;
  const mask = crypto.randomBytes(4);
  for (let i = 0; i < body.length; i++) body[i] ^= mask[i & 3];
  return Buffer.concat([head, mask, body]);
}

export class Client {
  // Resolves when the upgrade was answered; `status` is the HTTP status (101: open).
  static async open(port, { path = '/ws', headers = {} } = {}) {
    const c = new Client();
    c.socket = net.connect(port, '127.0.0.1');
    c.messages = [];
    c.waiters = [];
    c.isClosed = false;
    c.closeCode = null;
    c.buffer = Buffer.alloc(0);
    c.nextId = 1;
    c.socket.on('error', () => {});
    c.socket.on('close', () => { c.isClosed = true; c.wake(); });
    const lines = Object.entries({
      Host: `127.0.0.1:${port}`, Upgrade: 'websocket', Connection: 'Upgrade',
      'Sec-WebSocket-Key': crypto.randomBytes(16).toString('base64'), 'Sec-WebSocket-Version': 13, ...headers,
    }).map(([k, v]) => `${k}: ${v}\r\n`).join('');
    c.socket.write(`GET ${path} HTTP/1.1\r\n${lines}\r\n`);
    c.socket.on('data', (d) => c.take(d));
    await c.until(() => c.status !== undefined || c.isClosed, 'an answer to the upgrade');
    return c;
  }

  take(data) {
    this.buffer = Buffer.concat([this.buffer, data]);
    if (this.status === undefined) {
      const end = this.buffer.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.status = Number(this.buffer.subarray(9, 12).toString());
      this.buffer = this.buffer.subarray(end + 4);
    }
    if (this.status === 101) while (this.takeFrame());
    this.wake();
  }

  takeFrame() {
    const b = this.buffer;
    if (b.length < 2) return false;
    const short = b[1] & 127;
    const at = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (b.length < at) return false;
    const size = short === 126 ? b.readUInt16BE(2) : short === 127 ? Number(b.readBigUInt64BE(2)) : short;
    if (b.length < at + size) return false;
    const body = b.subarray(at, at + size);
    const opcode = b[0] & 15;
    if (opcode === 1) this.messages.push(JSON.parse(body.toString()));
    if (opcode === 8) this.closeCode = size >= 2 ? body.readUInt16BE(0) : 1005;
    if (opcode === 9) this.socket.write(frame(10, body));
    this.buffer = b.subarray(at + size);
    return true;
  }

  wake() {
    const waiters = this.waiters;
    this.waiters = [];
    for (const w of waiters) w();
  }

  async until(condition, what, ms = 30000) {
    const deadline = Date.now() + ms;
    for (;;) {
      const value = condition();
      if (value) return value;
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`waited ${ms} ms in vain for ${what}; heard: ${JSON.stringify(this.messages.slice(-5))}`);
      let timer;
      await new Promise((resolve) => { this.waiters.push(resolve); timer = setTimeout(resolve, Math.min(left, 200)); });
      clearTimeout(timer);
    }
  }

  raw(bytes) { this.socket.write(bytes); }
  send(message) { this.raw(frame(1, typeof message === 'string' ? message : JSON.stringify(message))); }

  // Sends a request and gives its answer.
  async ask(action, data, more = {}) {
    const id = `q${this.nextId++}`;
    this.send({ type: 'rtc', action, id, data, ...more });
    return this.until(() => this.messages.find((m) => m.id === id), `the answer to ${action}`);
  }

  // The next event of that action (taken away), with its data.
  async event(action, fits = () => true) {
    const find = () => this.messages.findIndex((m) => m.id === undefined && m.action === action && fits(m.data));
    await this.until(() => find() >= 0, `the event ${action}`);
    return this.messages.splice(find(), 1)[0].data;
  }

  async closed() {
    await this.until(() => this.isClosed, 'the end of the connection');
    return this.closeCode;
  }

  close() { this.socket.destroy(); }
}
