// A Java program on Smack, the library behind many Android apps: `make interop`, where Java and Maven are installed.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { tried } from '../stories/lib/interop.mjs';
import { Server } from '../stories/lib/server.mjs';

const run = promisify(execFile);
const server = new Server();
before(() => server.start());
after(() => server.remove());

test('two people register, publish, talk, resume and read what was said with Smack', { timeout: 600_000 }, async () => {
  const project = join(import.meta.dirname, 'smack');
  const certificate = join(server.data, 'certificates/self-signed.pem');
  const words = ['-q', '-B', '-Dstyle.color=never', 'compile', 'exec:java', `-Dexec.args=${server.address} ${certificate}`];
  const told = await run('mvn', words, { cwd: project, timeout: 580_000 }).catch((error) => error);
  for (const [, what] of (told.stdout ?? '').matchAll(/done: (.+)$/gm)) tried('Smack', 'TCP, STARTTLS', what);
  assert.match(told.stdout ?? '', /the story ended well/, `${told.stdout}\n${told.stderr}\n${server.output}`);
});
