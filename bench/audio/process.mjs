// Starting, measuring and ending the processes of bench/audio-room.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function until(condition, what, ms = 30000) {
  const deadline = Date.now() + ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`waited ${ms} ms in vain for ${what}`);
    await sleep(50);
  }
}

export function freePort() {
  return new Promise((resolve, reject) => {
    const s = net.createServer();
    s.once('error', reject);
    s.listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => resolve(port)); });
  });
}

const TICKS_PER_S = 100; // of /proc/PID/stat, USER_HZ

// Seconds of CPU that a process has used: the scheduler's sum, not samples.
export function cpuSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}

export function residentMiB(pid) {
  return Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/^VmRSS:\s+(\d+)/m)[1]) / 1024;
}

export function childrenOf(pid) {
  return readdirSync('/proc').filter((p) => /^\d+$/.test(p)).map(Number).filter((child) => {
    try {
      const stat = readFileSync(`/proc/${child}/stat`, 'utf8');
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === pid;
    } catch { return false; }
  });
}

// A program with a folder of its own that goes when it ends.
export class Program {
  constructor(file, words, { env = {}, folder } = {}) {
    this.folder = folder ?? mkdtempSync(join(tmpdir(), 'mixdown-bench-'));
    this.said = '';
    this.child = spawn(file, words, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    this.ended = new Promise((resolve) => {
      this.child.once('error', resolve);
      this.child.once('exit', resolve);
    }).then(() => { this.hasEnded = true; });
    const keep = (data) => { this.said = (this.said + data).slice(-60000); };
    this.child.stdout.on('data', keep);
    this.child.stderr.on('data', keep);
    Program.running.add(this);
  }

  get pid() { return this.child.pid; }

  async stop() {
    if (!this.hasEnded) this.child.kill('SIGTERM');
    const killer = setTimeout(() => this.child.kill('SIGKILL'), 8000);
    await this.ended;
    clearTimeout(killer);
    Program.running.delete(this);
    if (existsSync(this.folder)) rmSync(this.folder, { recursive: true, force: true });
  }
}
Program.running = new Set();

export async function stopAll() {
  await Promise.all([...Program.running].map((p) => p.stop()));
}
