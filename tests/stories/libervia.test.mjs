// Debian's Libervia, a social network client of another project: what it writes is read here, and the other way round.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { Server } from './lib/server.mjs';

const run = promisify(execFile);
const MICROBLOG = 'urn:xmpp:microblog:0';
const PEOPLE = { juliet: "juliet's secret", romeo: "romeo's secret" };

const server = new Server();
const home = mkdtempSync(join(tmpdir(), 'folkmoot-libervia-'));
// Debian's own interpreter, whatever else is installed.
const environment = { PATH: '/usr/bin:/bin', HOME: home, LANG: 'C.UTF-8' };
let bus;
let backend;
let log = '';

before(async () => {
  await server.start();
  for (const [name, password] of Object.entries(PEOPLE)) {
    await server.administer(['account', 'add', `${name}@localhost`, '--password-stdin'], password);
  }
  mkdirSync(join(home, 'local'));
  const hosts = JSON.stringify({ localhost: { host: server.address, port: 5222 } });
  writeFileSync(join(home, '.libervia.conf'), `[DEFAULT]\nlocal_dir = ${join(home, 'local')}\nhosts_dict = ${hosts}\n`);
  bus = spawn('dbus-daemon', ['--session', '--nofork', '--print-address'], { env: environment, stdio: ['ignore', 'pipe', 'ignore'] });
  const [address] = await once(bus.stdout, 'data');
  environment.DBUS_SESSION_BUS_ADDRESS = address.toString().trim();
  backend = spawn('/usr/bin/libervia-backend', ['fg'], { env: environment, cwd: home });
  for (const stream of [backend.stdout, backend.stderr]) stream.on('data', (chunk) => (log += chunk));
  while (!log.includes('Backend is ready')) {
    assert.equal(backend.exitCode, null, log);
    await Promise.race([once(backend.stdout, 'data'), once(backend, 'exit')]);
  }
  for (const [name, password] of Object.entries(PEOPLE)) {
    await libervia('profile', 'create', name, '-j', `${name}@localhost`, '-x', password, '-p', '');
    // The server's certificate is its own; this client trusts only those of authorities.
    await libervia('param', 'set', 'Connection', 'check_certificate', 'false', '-p', name);
    await libervia('profile', 'connect', '-c', '-p', name);
  }
});
after(async () => {
  for (const process of [backend, bus]) {
    if (!process || process.exitCode !== null) continue;
    const ended = once(process, 'exit');
    process.kill();
    await ended;
  }
  rmSync(home, { recursive: true, force: true });
  await server.remove();
});

/** Runs a command of its command line; gives what it printed. */
async function libervia(...words) {
  const { stdout } = await run('/usr/bin/libervia-cli', words, { env: environment, cwd: home, timeout: 60_000 }).catch((error) => {
    throw new Error(`libervia-cli ${words.join(' ')}: ${error.stdout} ${error.stderr}\n${server.output}\n${log.slice(-2_000)}`);
  });
  return stdout;
}

/** The same with something on its standard input. */
async function write(text, ...words) {
  const child = spawn('/usr/bin/libervia-cli', words, { env: environment, cwd: home });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  child.stdin.end(`${text}\n`);
  const [code] = await once(child, 'close');
  assert.equal(code, 0, said);
  return said;
}

/** The items of a node as somebody reads them. */
const items = (reader, service, node) => libervia('pubsub', 'get', '-p', reader, '-s', service, '-n', node, '--no-cache');

test('posts, follows and comments of Libervia are read by everybody', { timeout: 180_000 }, async () => {
  const published = await write('My ears have not yet drunk a hundred words', 'blog', 'set', '-p', 'juliet', '-t', 'love', '-C');
  const [, id] = /Item published with ID (\S+)/.exec(published) ?? [];
  assert.ok(id, published);
  const page = await (await fetch(`${server.site}/@juliet`)).text();
  assert.match(page, /My ears have not yet drunk a hundred words/);
  assert.match(page, /love/);

  await libervia('pubsub', 'subscribe', '-p', 'romeo', '-s', 'juliet@localhost', '-n', MICROBLOG);
  const post = await items('romeo', 'juliet@localhost', MICROBLOG);
  assert.match(post, /My ears have not yet drunk/);
  const [, comments] = /comments(?:%2F|\/)(\d+)/.exec(post) ?? [];
  assert.ok(comments, `the link leads to the comments of a post's number: ${post}`);

  const node = `${MICROBLOG}:comments/${comments}`;
  await write('Neither, fair saint', 'blog', 'set', '-p', 'romeo', '-s', 'pubsub.localhost', '-n', node);
  assert.match(await items('juliet', 'pubsub.localhost', node), /Neither, fair saint/);
  const thread = await (await fetch(`${server.site}/@juliet/${comments}`)).text();
  assert.match(thread, /Neither, fair saint/, thread);
});
