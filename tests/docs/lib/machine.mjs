// A throw-away copy of this machine (see machine.sh) in which a page's commands, or a package's, can do what they like.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MAKE = join(import.meta.dirname, 'machine.sh');
const PATIENCE = 120_000;
/** What a reader is told to wait for may have to be built first. */
const PATIENCE_TO_START = 1_800_000;

/** What every script of a machine begins with: where the last one was, what it had set, and `stop`. */
const PRELUDE = `
set -euo pipefail
mkdir -p /run/page
if [ -e /run/page/state ]; then set +u; . /run/page/state; set -u; fi
[ ! -e /run/page/folder ] || cd "$(cat /run/page/folder)"
stop() {
  local file group
  for file in /run/page/staying.*; do
    [ -e "$file" ] || continue
    group=$(cat "$file")
    rm "$file"
    kill -TERM -- "-$group" 2>/dev/null || true
    while kill -0 -- "-$group" 2>/dev/null; do command sleep 0.02; done
  done
}
set -a
`;
const KEEP = `
set +a
pwd > /run/page/folder
export -p | grep -vE '^declare -x (PWD|OLDPWD|SHLVL|_)=' > /run/page/state
`;

/** Where a reader's own tools are. */
const OWN = Object.fromEntries(
  ['CARGO_HOME', 'RUSTUP_HOME', 'RUSTFLAGS', 'DEB'].filter((name) => process.env[name]).map((name) => [name, process.env[name]]),
);

export class Machine {
  static async start(name) {
    if (process.getuid() !== 0) throw new Error('these tests make machines of their own and need root: sudo -E make test-docs');
    const machine = new Machine();
    machine.folder = mkdtempSync(join(tmpdir(), 'folkmoot-machine-'));
    machine.complaints = '';
    machine.maker = spawn(MAKE, [machine.folder, name], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [machine.maker.stdout, machine.maker.stderr]) stream.on('data', (text) => (machine.complaints += text));
    machine.staying = 0;
    const told = `${machine.folder}.init`;
    await machine.until(() => existsSync(told) && readFileSync(told, 'utf8').endsWith('\n'));
    machine.init = readFileSync(told, 'utf8').trim();
    await machine.until(async () => (await machine.enter('[ "$(systemctl is-active machine.target)" = active ]')).code === 0);
    return machine;
  }

  /** Polls what nothing announces. */
  async until(condition) {
    const deadline = Date.now() + PATIENCE;
    while (!(await condition())) {
      if (this.maker.exitCode !== null || Date.now() > deadline) throw new Error(`no machine came up: ${this.complaints}`);
      await new Promise((next) => setTimeout(next, 20));
    }
  }

  spawn(script, wrap = []) {
    return spawn(
      'nsenter',
      ['-t', this.init, '-m', '-p', '-n', '-i', '-u', '-C', '--', ...wrap, 'bash', '-c', script],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          PATH: `${process.env.PATH}:/usr/sbin:/sbin`,
          HOME: '/root',
          USER: 'root',
          LANG: 'C.UTF-8',
          TERM: 'dumb',
          PAGER: 'cat',
          DEBIAN_FRONTEND: 'noninteractive',
          CI: 'true',
          ...OWN,
        },
      },
    );
  }

  async enter(script, wrap) {
    const child = this.spawn(script, wrap);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
    let isLate = false;
    const patience = setTimeout(() => {
      isLate = true;
      // With its first process the machine ends, and so does whatever hangs in it.
      this.maker.kill('SIGTERM');
    }, PATIENCE);
    const [code] = await once(child, 'close');
    clearTimeout(patience);
    return { code: isLate ? `none: it did not end in ${PATIENCE / 1000} seconds` : code, output };
  }

  /** Runs a script to its end, where the last one left off. */
  run(script, wrap) {
    return this.enter(`${PRELUDE}\n${script}\n${KEEP}`, wrap);
  }

  /** Runs a script at a terminal, where somebody types these lines, each at a prompt. */
  type(script, lines) {
    const terminal = ['/usr/bin/python3', join(import.meta.dirname, 'type.py'), ...lines.flatMap((line) => ['--line', line]), '--'];
    return this.run(script, terminal);
  }

  /** Starts a script that stays, and waits until what it says matches. */
  async stay(script, ready) {
    this.staying += 1;
    const child = this.spawn(`${PRELUDE}\necho $$ > /run/page/staying.${this.staying}\n${script}`, ['setsid', '--wait']);
    let output = '';
    return new Promise((resolve) => {
      const gather = (text) => {
        output += text;
        if (ready.test(output)) done(0);
      };
      const done = (code) => {
        clearTimeout(patience);
        resolve({ code, output });
      };
      const patience = setTimeout(() => done('none: it was never ready'), PATIENCE_TO_START);
      child.stdout.on('data', gather);
      child.stderr.on('data', gather);
      child.on('close', (code) => done(`${code}: it ended`));
    });
  }

  async remove() {
    if (this.maker.exitCode === null) {
      const ended = once(this.maker, 'close');
      this.maker.kill('SIGTERM');
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
    rmSync(`${this.folder}.init`, { force: true });
  }
}
