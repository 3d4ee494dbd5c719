// The participants: bench/audio_load, one line of JSON for each line that it is told.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export class Load {
  static async start(build, count, isSrtp) {
    const l = new Load();
    l.child = spawn(`${build}/bench/audio_load`, [String(count), isSrtp ? '1' : '0'], { stdio: ['pipe', 'pipe', 'inherit'] });
    l.answers = createInterface({ input: l.child.stdout })[Symbol.asyncIterator]();
    l.ended = new Promise((resolve) => l.child.once('exit', resolve));
    l.participants = (await l.read()).participants;
    return l;
  }

  async read() {
    const { value, done } = await this.answers.next();
    if (done) throw new Error('audio_load has ended');
    const answer = JSON.parse(value);
    if (answer.error) throw new Error(`audio_load: ${value}`);
    return answer;
  }

  tell(...words) {
    this.child.stdin.write(`${words.join(' ')}\n`);
    return this.read();
  }

  async stop() {
    this.child.stdin.end();
    await this.ended;
  }
}
