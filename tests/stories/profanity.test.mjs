// A stock chat client at the terminal, Debian's Profanity, driven as a person would: keys in, screen out.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { tried } from './lib/interop.mjs';
import { BINARY, Server } from './lib/server.mjs';

const run = promisify(execFile);
const server = new Server();
const folder = mkdtempSync(join(tmpdir(), 'folkmoot-profanity-'));
// A terminal server of its own, so that nobody else's windows are touched.
const tmux = (...args) => run('tmux', ['-S', join(folder, 'tmux'), '-f', '/dev/null', ...args]);

before(() => server.start());
after(async () => {
  await tmux('kill-server').catch(() => {});
  await server.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** Somebody at a terminal with Profanity in it. */
class Terminal {
  constructor(name) {
    this.name = name;
    this.password = `${name}-secret`;
  }

  async start() {
    const adding = run(BINARY, ['account', 'add', `${this.name}@localhost`, '--data', server.data, '--password-stdin'], {
      env: { ...process.env, FOLKMOOT_BINARY: undefined },
    });
    adding.child.stdin.end(`${this.password}\n`);
    await adding;
    const home = join(folder, this.name);
    const program = `HOME=${home} XDG_CONFIG_HOME=${home}/config XDG_DATA_HOME=${home}/data LC_ALL=C.UTF-8 TERM=screen profanity -l DEBUG`;
    await tmux('new-session', '-d', '-s', this.name, '-x', '200', '-y', '60', program);
    await this.sees('to show complete help');
    await this.types(`/connect ${this.name}@localhost server ${server.address} tls trust`);
    await this.sees('Enter password:');
    await this.types(this.password);
    await this.sees('logged in successfully');
  }

  async types(line) {
    await tmux('send-keys', '-t', this.name, '-l', line);
    await tmux('send-keys', '-t', this.name, 'Enter');
  }

  async screen() {
    return (await tmux('capture-pane', '-p', '-J', '-S', '-500', '-t', this.name)).stdout;
  }

  /** Waits until this text is on the screen. */
  async sees(text) {
    const deadline = Date.now() + 20_000;
    for (;;) {
      const screen = await this.screen();
      if (screen.includes(text)) return screen;
      assert.ok(Date.now() < deadline, `${this.name} never saw ${text}:\n${screen}\n${this.log()}\n${server.output}`);
      await new Promise((next) => setTimeout(next, 50));
    }
  }

  log() {
    const file = join(folder, this.name, 'data/profanity/logs/profanity.log');
    try {
      return readFileSync(file, 'utf8').split('\n').slice(-40).join('\n');
    } catch {
      return 'no log';
    }
  }
}

test('two people become contacts, talk and see each other come and go with Profanity', { timeout: 120_000 }, async () => {
  const [juliet, romeo] = [new Terminal('juliet'), new Terminal('romeo')];
  await juliet.start();
  await romeo.start();

  await romeo.types('/sub request juliet@localhost');
  await juliet.sees('romeo@localhost');
  await juliet.types('/sub allow romeo@localhost');
  await juliet.types('/sub request romeo@localhost');
  await romeo.types('/sub allow juliet@localhost');
  await juliet.sees('Subscription received from romeo@localhost');
  await romeo.types('/roster');
  await romeo.sees('juliet@localhost - both');

  await romeo.types('/presence console all');
  await romeo.sees('All presence updates will appear in the console.');
  await juliet.types('/status set away "in the garden"');
  await romeo.sees('in the garden');

  await romeo.types('/msg juliet@localhost But, soft!');
  await juliet.types('/win romeo@localhost');
  await juliet.sees('But, soft!');
  await juliet.types('Ay me');
  await romeo.sees('Ay me');

  await romeo.types('/win 1');
  await romeo.types('/ping');
  await romeo.sees('Ping response from');
  await romeo.types('/serversoftware localhost');
  await romeo.sees('Folkmoot');
  for (const what of ['sign in', 'messages']) tried('Profanity', 'TCP, STARTTLS', what);
});
