// Outside sources on loopback, each by the ffmpeg program: a colour and a tone over RTMP, SRT, HLS, RTSP, or in a file.
import { execFileSync, spawn } from 'node:child_process';
import dgram from 'node:dgram';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { freePort, until } from './front.mjs';

const generate = (colour, hz) => ['-f', 'lavfi', '-i', `color=${colour}:size=320x180:rate=25`,
  '-f', 'lavfi', '-i', `sine=frequency=${hz}:sample_rate=48000`];
const H264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-g', '25', '-pix_fmt', 'yuv420p'];

function run(args) {
  const child = spawn('ffmpeg', ['-v', 'error', '-nostdin', '-y', '-re', ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  child.said = '';
  child.stderr.on('data', (d) => { child.said += d; });
  return child;
}

class Source {
  start() { this.child = run(this.args); return this; }
  kill() {
    return new Promise((resolve) => {
      if (this.child.exitCode !== null || this.child.signalCode !== null) resolve();
      else { this.child.once('exit', resolve); this.child.kill('SIGKILL'); }
    });
  }
}

export function file(where, colour, hz, seconds = 4, more = ['-bf', '2']) {
  execFileSync('ffmpeg', ['-v', 'error', '-nostdin', '-y', ...generate(colour, hz), '-t', String(seconds), '-c:v', 'libx264', '-preset',
    'ultrafast', '-g', '25', '-pix_fmt', 'yuv420p', ...more, '-c:a', 'aac', where]);
}

// ffmpeg serves one client; `again` of the caller is start().
export async function rtmp(colour, hz) {
  const s = new Source();
  s.url = `rtmp://127.0.0.1:${await freePort()}/live/secretkey`;
  s.args = [...generate(colour, hz), ...H264, '-c:a', 'aac', '-f', 'flv', '-listen', '1', s.url];
  return s.start();
}

export async function srt(colour, hz) {
  const s = new Source();
  s.url = `srt://127.0.0.1:${await freePort()}?streamid=secretkey`;
  s.args = [...generate(colour, hz), ...H264, '-c:a', 'aac', '-f', 'mpegts', `${s.url.split('?')[0]}?mode=listener`];
  return s.start();
}

export async function hls(folder, colour, hz) {
  const s = new Source();
  const dir = path.join(folder, 'hls');
  fs.mkdirSync(dir, { recursive: true });
  const server = http.createServer((req, res) => {
    const name = path.join(dir, path.basename(new URL(req.url, 'http://x').pathname));
    if (!fs.existsSync(name)) { res.writeHead(404).end(); return; }
    res.writeHead(200, { 'content-type': name.endsWith('.m3u8') ? 'application/vnd.apple.mpegurl' : 'video/mp2t' });
    res.end(fs.readFileSync(name));
  });
  await new Promise((r) => server.listen(0, '127.0.0.1', r));
  s.url = `http://127.0.0.1:${server.address().port}/live/index.m3u8?token=secretkey`;
  s.args = [...generate(colour, hz), ...H264, '-c:a', 'aac', '-f', 'hls', '-hls_time', '1', '-hls_list_size', '6',
    '-hls_flags', 'delete_segments+temp_file', path.join(dir, 'index.m3u8')];
  s.start();
  const end = s.kill.bind(s);
  s.kill = async () => { server.closeAllConnections(); server.close(); await end(); };
  await until(() => fs.existsSync(path.join(dir, 'index.m3u8')), 'the playlist');
  return s;
}

// What RTSP (RFC 2326) needs to be watched over TCP; the RTP packets are ffmpeg's own.
export async function rtsp(folder, colour, hz) {
  const s = new Source();
  const viewers = new Set();
  const sockets = [dgram.createSocket('udp4'), dgram.createSocket('udp4')];
  const ports = [];
  for (const [i, socket] of sockets.entries()) {
    await new Promise((r) => socket.bind(0, '127.0.0.1', r));
    ports.push(socket.address().port);
    socket.on('message', (packet) => {
      const head = Buffer.from([0x24, i * 2, packet.length >> 8, packet.length & 255]);
      for (const v of viewers) if (v.writable) v.write(Buffer.concat([head, packet]));
    });
  }
  const sdp = path.join(folder, 'rtsp.sdp');
  const [video, audio] = ports.map((p) => `rtp://127.0.0.1:${p}?rtcpport=${p}&pkt_size=1200`);
  s.args = [...generate(colour, hz), '-map', '0:v', ...H264, '-an', '-f', 'rtp', '-sdp_file', `${sdp}.0`, video,
    '-map', '1:a', '-c:a', 'pcm_mulaw', '-ar', '8000', '-ac', '1', '-vn', '-f', 'rtp', audio];
  const describe = () => `v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=test\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n${
    'm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:track0\r\n'}${
    'm=audio 0 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=control:track1\r\n'}`;
  const answer = (socket, request) => {
    const method = request.split(' ')[0];
    const seq = request.match(/CSeq: *(\d+)/i)?.[1] ?? '0';
    const track = request.match(/track(\d)/)?.[1];
    const body = method === 'DESCRIBE' ? describe() : '';
    const lines = [`RTSP/1.0 200 OK`, `CSeq: ${seq}`, 'Session: 12345678'];
    if (method === 'OPTIONS') lines.push('Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN');
    if (method === 'SETUP') lines.push(`Transport: RTP/AVP/TCP;unicast;interleaved=${track * 2}-${track * 2 + 1}`);
    if (body) lines.push(`Content-Base: ${s.url}/`, 'Content-Type: application/sdp', `Content-Length: ${body.length}`);
    socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`);
    if (method === 'PLAY') viewers.add(socket);
  };
  const server = net.createServer((socket) => {
    let text = '';
    socket.on('error', () => {});
    socket.on('close', () => viewers.delete(socket));
    socket.on('data', (d) => {
      text += d.toString('latin1');
      for (let at; (at = text.indexOf('\r\n\r\n')) >= 0; text = text.slice(at + 4)) {
        const request = text.slice(0, at).replace(/^[^A-Z]*/, ''); // RTCP of the viewer goes before
        if (/^[A-Z]+ rtsp:/.test(request)) answer(socket, request);
      }
    });
  });
  await new Promise((r) => server.listen(0, '127.0.0.1', r));
  s.url = `rtsp://user:secretkey@127.0.0.1:${server.address().port}/cam`;
  s.start();
  const end = s.kill.bind(s);
  s.kill = async () => {
    server.close();
    viewers.forEach((v) => v.destroy());
    await end();
    sockets.forEach((socket) => socket.close());
  };
  return s;
}
