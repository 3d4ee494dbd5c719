// nginx with its RTMP module, on loopback, from a folder of its own; never the machine's service.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { freePort, until } from './front.mjs';

const MODULE = '/usr/lib/nginx/modules/ngx_rtmp_module.so';

const answers = (port) => new Promise((resolve) => {
  const s = net.connect(port, '127.0.0.1');
  s.once('connect', () => { s.destroy(); resolve(true); });
  s.once('error', () => resolve(false));
});

export class Rtmp {
  static async create() {
    const r = new Rtmp();
    r.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mixdown-rtmp-'));
    r.port = await freePort();
    fs.writeFileSync(path.join(r.folder, 'nginx.conf'), `
load_module ${MODULE};
daemon off;
worker_processes 1;
pid ${r.folder}/pid;
error_log ${r.folder}/error.log warn;
events {}
rtmp { server { listen 127.0.0.1:${r.port}; chunk_size 4096; application live { live on; drop_idle_publisher 4s; record all; record_path ${r.folder}; record_unique on; } } }
`);
    await r.start();
    return r;
  }

  async start() {
    const words = ['-p', this.folder, '-c', 'nginx.conf', '-g', process.getuid() === 0 ? 'user root;' : ''];
    this.child = spawn('/usr/sbin/nginx', words, { stdio: 'ignore' });
    this.ended = new Promise((r) => this.child.once('exit', r));
    await until(() => answers(this.port), 'nginx to listen');
  }

  get url() { return `rtmp://127.0.0.1:${this.port}/live`; }

  // Files that it recorded, the oldest first.
  files() {
    return fs.readdirSync(this.folder).filter((f) => f.endsWith('.flv')).map((f) => path.join(this.folder, f))
      .sort((a, b) => fs.statSync(a).birthtimeMs - fs.statSync(b).birthtimeMs);
  }

  // Its master and its worker.
  pids() {
    const { pid } = this.child;
    const children = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(/\s+/).filter(Boolean);
    return [pid, ...children.map(Number)];
  }

  signal(name) { for (const pid of this.pids()) process.kill(pid, name); }

  async kill() {
    this.signal('SIGKILL');
    await this.ended;
  }

  async remove() {
    if (this.child.exitCode === null && this.child.signalCode === null) await this.kill();
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}
