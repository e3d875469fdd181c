// `make demo`: a server for localhost with a small town in it, which talks on while somebody watches.
//   node demo/main.mjs DATA PROGRAM
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { once } from 'node:events';
import { PASSWORD, fill, live } from './fill.mjs';

const data = resolve(process.argv[2]);
const program = resolve(process.argv[3]);
const MARK = join(data, 'demo');

// Every demo begins anew; what is not a demo's is left alone.
if (existsSync(data) && readdirSync(data).length > 0 && !existsSync(MARK)) {
  console.error(`${data} holds something else than a demo: choose another folder with DATA=…`);
  process.exit(1);
}
rmSync(data, { recursive: true, force: true });
mkdirSync(data, { recursive: true, mode: 0o700 });
writeFileSync(MARK, 'Made by make demo, and removed by the next.\n');

const server = spawn(program, ['serve', '--domain', 'localhost', '--data', data], { stdio: ['ignore', 'pipe', 'inherit'] });
const stopped = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stopped.abort());
stopped.signal.addEventListener('abort', () => server.kill('SIGTERM'));
server.once('exit', (code) => {
  if (!stopped.signal.aborted) process.exit(code ?? 1);
});

async function administer(words, input) {
  const child = spawn(program, [...words, '--data', data], { stdio: ['pipe', 'ignore', 'inherit'] });
  child.stdin.end(`${input}\n`);
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`folkmoot ${words.join(' ')} failed`);
}

let said = '';
for await (const chunk of server.stdout) {
  said += chunk;
  if (/^Ready\./m.test(said)) break;
}
const site = /^ {2}open +(\S+)$/m.exec(said)?.[1];
console.log(`${said.split('\n')[0]}\n\nTwenty people move in…`);
try {
  const people = await fill(site, administer);
  console.log(`
  open      ${site}
  sign in   as marta with the password: ${PASSWORD}
            (or as jonas, aylin, piet, nadia…: they all have the same)

They talk on, something every few seconds. Ctrl-C stops it.`);
  await live(people, stopped.signal);
} catch (error) {
  // Whoever is stopped in the midst of a sentence has said what was wanted.
  if (!stopped.signal.aborted) throw error;
} finally {
  server.kill('SIGTERM');
}
if (server.exitCode === null) await once(server, 'exit');
process.exit(0);
