// Which client did what over which way: what docs/interop.md says of the stories is what they did. A story calls `tried` when
// something worked; at the end the page must say the same. WRITE_DOCS=1 writes it there.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after } from 'node:test';

const PAGE = new URL('../../../docs/interop.md', import.meta.url);
const WORKS = 'works';
const done = new Map();

/** Notes that this client did this over this way. */
export function tried(client, way, what) {
  const row = `${client} | ${way}`;
  if (!done.has(row)) done.set(row, new Set());
  done.get(row).add(what);
}

/** The page's table: its head, its columns and its rows by client and way. */
function read(page) {
  const lines = page.split('\n');
  const start = lines.findIndex((line) => line.startsWith('| Client | Way |'));
  const cells = (line) => line.split('|').slice(1, -1).map((cell) => cell.trim());
  const columns = cells(lines[start]).slice(2);
  let end = start + 2;
  const rows = new Map();
  for (; lines[end]?.startsWith('|'); end += 1) {
    const [client, way, ...marks] = cells(lines[end]);
    rows.set(`${client} | ${way}`, marks);
  }
  return { lines, start, end, columns, rows };
}

after(() => {
  try {
    compare();
  } catch (error) {
    // Thrown here it would keep the hooks after this one from ending their servers.
    console.error(error.message);
    process.exitCode = 1;
  }
});

function compare() {
  if (done.size === 0) return;
  const page = readFileSync(PAGE, 'utf8');
  const table = read(page);
  for (const [row, what] of done) {
    for (const word of what) assert.ok(table.columns.includes(word), `docs/interop.md has no column "${word}"`);
    table.rows.set(row, table.columns.map((column) => (what.has(column) ? WORKS : table.rows.get(row)?.[table.columns.indexOf(column)]?.replace(WORKS, '') ?? '')));
  }
  const written = [...table.rows].map(([row, marks]) => `| ${row} | ${marks.join(' | ')} |`);
  const lines = [...table.lines.slice(0, table.start + 2), ...written, ...table.lines.slice(table.end)];
  if (process.env.WRITE_DOCS) {
    writeFileSync(PAGE, lines.join('\n'));
    return;
  }
  assert.equal(lines.join('\n'), page, 'docs/interop.md is not what the stories did; write it again with WRITE_DOCS=1');
}
