// A stock Python client, Debian's slixmpp, over STARTTLS.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { tried } from './lib/interop.mjs';
import { Server } from './lib/server.mjs';

const run = promisify(execFile);
const server = new Server();
before(() => server.start());
after(() => server.remove());

test('two people register, follow, post, talk and see it live with slixmpp', { timeout: 120_000 }, async () => {
  const script = join(import.meta.dirname, 'slixmpp_story.py');
  // Made by the server at its first start; the client trusts it and nothing else.
  const certificate = join(server.data, 'certificates/self-signed.pem');
  const told = await run('/usr/bin/python3', [script, server.address, certificate], { timeout: 100_000 }).catch((error) => error);
  for (const [, what] of (told.stdout ?? '').matchAll(/^done: (.+)$/gm)) tried('slixmpp', 'TCP, STARTTLS', what);
  assert.match(told.stdout ?? '', /the story ended well/, `${told.stdout}\n${told.stderr}\n${server.output}`);
});
