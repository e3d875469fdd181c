// A Folkmoot server of one's own: a loopback address, a data folder, start, kill, restart. It has a machine's smallest memory
// to live in: what it asks of the system (RLIMIT_DATA, which the kernel enforces for everybody, not only for root) and what it
// ever held resident, its own pages of code included, are both kept below the limit.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { once } from 'node:events';

// The program takes every FOLKMOOT_ name for a setting; this one is the tests' own.
const { FOLKMOOT_BINARY, ...environment } = process.env;
export const BINARY = resolve(import.meta.dirname, '../../../', FOLKMOOT_BINARY ?? 'target/debug/folkmoot');
const MEBIBYTE = 1024 * 1024;
const MEMORY = 256 * MEBIBYTE;
let used = 0;

export class Server {
  constructor(args = []) {
    used += 1;
    this.address = `127.${60 + (process.pid % 60)}.${(process.pid >> 6) % 250}.${used}`;
    this.data = mkdtempSync(join(tmpdir(), 'folkmoot-story-'));
    this.args = args;
    this.output = '';
    this.peak = 0;
  }

  get site() {
    return `http://${this.address}:5280`;
  }

  async start() {
    // prlimit becomes the program: the process is the server's own.
    this.process = spawn(
      'prlimit',
      [`--data=${MEMORY}`, BINARY, 'serve', '--domain', 'localhost', '--bind', this.address, '--data', this.data, ...this.args],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { ...environment, FOLKMOOT_SITE_URL: this.site } },
    );
    const gather = (chunk) => (this.output += chunk);
    this.process.stdout.on('data', gather);
    this.process.stderr.on('data', gather);
    const deadline = Date.now() + 30_000;
    for (;;) {
      if (this.process.exitCode !== null) throw new Error(`the server ended: ${this.output}`);
      if (Date.now() > deadline) throw new Error(`the server did not come up: ${this.output}`);
      const answer = await fetch(`${this.site}/healthz`).catch(() => null);
      if (answer?.ok) return this;
      await new Promise((next) => setTimeout(next, 50));
    }
  }

  /** Runs a command of the program on this server; gives what it says, or throws it. */
  async administer(words, input) {
    const child = spawn(BINARY, [...words, '--data', this.data], { stdio: [input ? 'pipe' : 'ignore', 'pipe', 'pipe'], env: environment });
    child.stdin?.end(`${input}\n`);
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(said);
    return said;
  }

  /** Notes the most memory that it has held so far; it can be asked only while it lives. */
  weigh() {
    const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.process.pid}/status`, 'utf8')) ?? [];
    if (kibibytes) this.peak = Math.max(this.peak, Number(kibibytes) * 1024);
  }

  /** Ends it at once, as a power failure of the process would. */
  async kill() {
    const ended = once(this.process, 'exit');
    this.weigh();
    this.process.kill('SIGKILL');
    await ended;
  }

  /** Ends it politely; resolves to its exit code. */
  async stop() {
    if (this.process.exitCode !== null) return this.process.exitCode;
    const ended = once(this.process, 'exit');
    this.weigh();
    this.process.kill('SIGTERM');
    const [code] = await ended;
    return code;
  }

  async remove() {
    if (this.process && this.process.exitCode === null && this.process.signalCode === null) await this.kill();
    rmSync(this.data, { recursive: true, force: true });
    if (!this.process) return;
    const held = `the server held at most ${Math.ceil(this.peak / MEBIBYTE)} of ${MEMORY / MEBIBYTE} MiB`;
    if (this.peak === 0 || this.peak > MEMORY) throw new Error(held);
    console.log(held);
  }
}
