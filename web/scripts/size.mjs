// Fails when the built client's JavaScript outgrows what a phone should fetch: 100 KiB gzipped.
import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const LIMIT = 100 * 1024;
const folder = new URL('../dist/assets/', import.meta.url);
const scripts = readdirSync(folder).filter((name) => name.endsWith('.js'));
if (scripts.length === 0) throw new Error('dist/assets holds no script; run the build first');

const total = scripts
  .map((name) => gzipSync(readFileSync(new URL(name, folder)), { level: 9 }).length)
  .reduce((sum, size) => sum + size, 0);
const text = `JavaScript: ${(total / 1024).toFixed(1)} KiB gzipped of ${LIMIT / 1024} KiB`;
if (total > LIMIT) {
  console.error(`${text}: too large`);
  process.exit(1);
}
console.log(text);
