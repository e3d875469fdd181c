// Fails when the JavaScript that the built client's first page loads outgrows what a phone should fetch: 100 KiB gzipped.
// What is fetched later, when somebody wants it, is named beside it.
import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const LIMIT = 100 * 1024;
const dist = new URL('../dist/', import.meta.url);
const scripts = readdirSync(new URL('assets/', dist)).filter((name) => name.endsWith('.js'));
const read = (name) => readFileSync(new URL(`assets/${name}`, dist));
const sizes = new Map(scripts.map((name) => [name, gzipSync(read(name), { level: 9 }).length]));

// What the page names, and what that imports before it runs; a dynamic import has its name in parentheses.
const page = readFileSync(new URL('index.html', dist), 'utf8');
const first = new Set(
  [...page.matchAll(/<script[^>]* src="\/assets\/([^"]+)"/g)].map(([, name]) => name),
);
if (first.size === 0) throw new Error('dist/index.html names no script; run the build first');
for (const name of first) {
  const text = read(name).toString();
  for (const [, imported] of text.matchAll(/(?:from|import)\s*["']\.\/([^"']+)["']/g))
    first.add(imported);
}

const kib = (names) => [...names].reduce((sum, name) => sum + (sizes.get(name) ?? 0), 0) / 1024;
const text = `JavaScript: ${kib(first).toFixed(1)} KiB gzipped of ${LIMIT / 1024} KiB first, ${kib(scripts).toFixed(1)} KiB in all`;
if (kib(first) * 1024 > LIMIT) {
  console.error(`${text}: too large`);
  process.exit(1);
}
console.log(text);
