// The databases of earlier releases, served by today's program: everything that was in them is there.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { Server } from './lib/server.mjs';
import { find } from './lib/old_town.mjs';

const FIXTURES = resolve(import.meta.dirname, '../fixtures');
const versions = readdirSync(FIXTURES)
  .map((name) => /^schema-(\d+)\.db\.gz$/.exec(name)?.[1])
  .filter(Boolean);

test('there are fixtures', () => assert.ok(versions.length >= 2));

for (const version of versions) {
  test(`what people wrote with schema ${version} is there`, { timeout: 120_000 }, async () => {
    const server = new Server();
    try {
      mkdirSync(server.data, { recursive: true });
      writeFileSync(join(server.data, 'folkmoot.db'), gunzipSync(readFileSync(join(FIXTURES, `schema-${version}.db.gz`))), { mode: 0o600 });
      await server.start();
      assert.match(server.output, new RegExp(`of version ${version} and will be brought to version`));
      assert.match(server.output, /a copy of the database as it was is kept in/);
      assert.match(server.output, /the database is up to date after/);
      const told = JSON.parse(readFileSync(join(FIXTURES, `schema-${version}.json`), 'utf8'));
      await find(server.site, (words, input) => server.administer(words, input), told);
      assert.equal(await server.stop(), 0);
    } finally {
      await server.remove();
    }
  });
}
