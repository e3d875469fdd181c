// Another stock Python client, Debian's aioxmpp, over STARTTLS: contacts, presence, blocking and what one keeps.
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

test('two people become contacts, follow, talk, block and keep things with aioxmpp', { timeout: 120_000 }, async () => {
  const script = join(import.meta.dirname, 'aioxmpp_story.py');
  const certificate = join(server.data, 'certificates/self-signed.pem');
  const told = await run('/usr/bin/python3', [script, server.address, certificate], { timeout: 100_000 }).catch((error) => error);
  assert.match(told.stdout ?? '', /the story ended well/, `${told.stdout}\n${told.stderr}\n${server.output}`);
  for (const what of ['sign in', 'publish', 'read', 'live posts', 'messages']) tried('aioxmpp', 'TCP, STARTTLS', what);
});
