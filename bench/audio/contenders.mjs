// Who is measured. Each takes a Load, starts itself with all its participants joined, and says where
// each of them sends: {pid, aims: [{host, port}], lateTicks(): number or null, stop()}.
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Program, childrenOf, freePort, sleep, until } from './process.mjs';

export const SETTINGS = { speakers: 5, kbps: 32, complexity: 4, levelExt: 1 }; // bench/audio_room.h
const PT = 111;

// --- the floor ---

export async function startFloor(build, load) {
  const port = await freePort();
  const program = new Program(`${build}/bench/audio_floor`, [load.participants.length, port, load.participants[0].port].map(String));
  await sleep(300);
  return {
    pid: program.pid,
    aims: load.participants.map(() => ({ host: '127.0.0.1', port })),
    lateTicks: () => null,
    async stop() {
      await program.stop();
      this.late = Number(program.said.match(/late=(\d+)/)?.[1] ?? NaN);
    },
  };
}

// --- Mixdown: the real server, participants by REST ---

async function post(url, body) {
  const reply = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  const text = await reply.text();
  if (reply.status !== 201) throw new Error(`POST ${url}: ${reply.status} ${text}`);
  return JSON.parse(text);
}

function rtpBody(p, i) {
  const base64 = (hex) => Buffer.from(hex, 'hex').toString('base64');
  return {
    name: `p${i}`,
    remote: { host: p.host, port: p.port },
    audio: { pt: PT, codec: 'opus', levelExt: SETTINGS.levelExt },
    srtp: { suite: 'AEAD_AES_128_GCM', keyIn: base64(p.keys[0]), keyOut: base64(p.keys[1]) },
  };
}

export async function startMixdown(build, load, env = {}) {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'mixdown-bench-'));
  const program = new Program(process.env.MIXDOWN ?? `${build}/mixdown`, ['serve', '--dev', '--listen', `127.0.0.1:${port}`, '--data', folder], {
    folder,
    env: {
      MIXDOWN_ROOM_MAX_MEMBERS: '1280', MIXDOWN_ROOM_SPARE: '0', MIXDOWN_ROOM_MAX_LOAD: '0', MIXDOWN_LOG_LEVEL: process.env.LOG_LEVEL ?? 'warn',
      MIXDOWN_AUDIO_CHANNELS: '1', MIXDOWN_AUDIO_BITRATE_KBPS: String(SETTINGS.kbps),
      MIXDOWN_AUDIO_COMPLEXITY: String(SETTINGS.complexity), MIXDOWN_AUDIO_SPEAKERS: String(SETTINGS.speakers),
      ...env,
    },
  });
  const url = `http://127.0.0.1:${port}`;
  await until(() => program.hasEnded || program.said.includes('http://'), 'the server');
  const aims = [];
  const queue = load.participants.map((p, i) => [p, i]);
  const join4 = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const [p, i] = next;
      const { host, port: to } = await post(`${url}/api/v1/rooms/bench/rtp`, rtpBody(p, i));
      aims[i] = { host, port: to };
    }
  };
  const began = Date.now();
  try {
    await Promise.all([join4(), join4(), join4(), join4()]);
  } catch (error) {
    await program.stop();
    throw new Error(`${error.message}\n${program.said}`);
  }
  return {
    pid: childrenOf(program.pid)[0],
    aims,
    joinMs: Date.now() - began,
    said: () => program.said,
    async lateTicks() { // the room tells its counters every 2 s
      await sleep(2500);
      const text = await (await fetch(`${url}/metrics`)).text();
      return Number(text.match(/^mixdown_audio_late_ticks_total (\d+)$/m)[1]);
    },
    async stop() {
      await fetch(`${url}/api/v1/rooms/bench`, { method: 'DELETE' });
      await program.stop();
    },
  };
}

// --- Janus: AudioBridge, participants by plain RTP ---

const JANUS = '/usr/lib/x86_64-linux-gnu/janus';

function writeJanusConfig(folder, port) {
  const files = {
    'janus.jcfg': `general: { configs_folder = "${folder}" plugins_folder = "${JANUS}/plugins" transports_folder = "${JANUS}/transports"
      events_folder = "${JANUS}/events" loggers_folder = "${JANUS}/loggers" debug_level = 2 session_timeout = 0 }
      plugins: { disable = "libjanus_echotest.so,libjanus_streaming.so,libjanus_videocall.so,libjanus_sip.so,libjanus_nosip.so,libjanus_videoroom.so,libjanus_voicemail.so,libjanus_recordplay.so,libjanus_textroom.so,libjanus_lua.so,libjanus_duktape.so" }
      transports: { disable = "libjanus_websockets.so,libjanus_pfunix.so,libjanus_rabbitmq.so,libjanus_mqtt.so,libjanus_nanomsg.so" }`,
    'janus.transport.http.jcfg': `general: { json = "compact" base_path = "/janus" http = true port = ${port} ip = "127.0.0.1" https = false }
      admin: { admin_http = false admin_https = false }`,
    'janus.plugin.audiobridge.jcfg': `general: { local_ip = "127.0.0.1" rtp_port_range = "50000-60000" }
      room-1: { description = "bench" sampling_rate = 48000 audiolevel_ext = true allow_rtp_participants = true
        default_bitrate = ${SETTINGS.kbps * 1000} record = false }`,
  };
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
}

// One session; what is asked is answered by events that carry the question's transaction.
class JanusSession {
  constructor(url) { Object.assign(this, { url, next: 1, waiting: new Map() }); }

  async ask(path, body) {
    const transaction = String(this.next++);
    const reply = await fetch(this.url + path, { method: 'POST', body: JSON.stringify({ ...body, transaction }) });
    const answer = await reply.json();
    if (answer.janus === 'error') throw new Error(`janus: ${JSON.stringify(answer.error)}`);
    return { ...answer, transaction };
  }

  async open() {
    this.path = `/${(await this.ask('', { janus: 'create' })).data.id}`;
    this.poll();
  }

  async poll() {
    while (!this.isClosed) {
      let events = [];
      try { events = await (await fetch(`${this.url}${this.path}?maxev=100`)).json(); } catch { await sleep(50); }
      for (const event of [events].flat()) {
        const wake = this.waiting.get(event.transaction);
        if (wake && event.plugindata) wake(event.plugindata.data);
      }
    }
  }

  async join(p, i) {
    const handle = (await this.ask(this.path, { janus: 'attach', plugin: 'janus.plugin.audiobridge' })).data.id;
    const body = { request: 'join', room: 1, display: `p${i}`, rtp: { ip: p.host, port: p.port, payload_type: PT, audiolevel_ext: SETTINGS.levelExt } };
    const transaction = String(this.next);
    const joined = new Promise((resolve) => this.waiting.set(transaction, resolve));
    await this.ask(`${this.path}/${handle}`, { janus: 'message', body });
    const late = sleep(20000).then(() => ({ error: 'no answer within 20 s' }));
    const data = await Promise.race([joined, late]);
    this.waiting.delete(transaction);
    if (!data.rtp) throw new Error(`janus: ${JSON.stringify(data).slice(0, 300)}`);
    return { host: '127.0.0.1', port: data.rtp.port };
  }
}

export async function startJanus(build, load) {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'mixdown-bench-'));
  writeJanusConfig(folder, port);
  const program = new Program('janus', ['-F', folder, '-i', '127.0.0.1', '-o'], { folder });
  const session = new JanusSession(`http://127.0.0.1:${port}/janus`);
  try {
    await until(() => program.hasEnded || fetch(`http://127.0.0.1:${port}/janus/info`).then(() => true, () => false), 'janus');
    await session.open();
    const aims = [];
    for (const [i, p] of load.participants.entries()) aims.push(await session.join(p, i));
    return {
      pid: program.pid, aims, lateTicks: () => null,
      async stop() { session.isClosed = true; await program.stop(); },
    };
  } catch (error) {
    session.isClosed = true;
    await program.stop();
    throw new Error(`${error.message}\n${program.said}`);
  }
}
