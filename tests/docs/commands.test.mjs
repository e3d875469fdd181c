// Every command that the documents tell a reader to type, typed: each page on a machine of its own.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { Machine } from './lib/machine.mjs';
import { blocks, mentions } from './lib/page.mjs';

const ROOT = resolve(import.meta.dirname, '../..');
const BINARY = resolve(ROOT, process.env.FOLKMOOT_BINARY ?? 'target/debug/folkmoot');
const AT_HOME = ['README.md', 'CONTRIBUTING.md'];
const pages = [
  ...AT_HOME,
  ...readdirSync(join(ROOT, 'docs'), { recursive: true })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
].sort();

for (const page of pages) {
  const path = join(ROOT, page);
  const commands = blocks(path);
  if (commands.some((block) => !block.reason)) test(`${page} says what works`, { timeout: 1_200_000 }, (t) => typed(t, page, commands));
}

async function typed(t, page, commands) {
  const machine = await Machine.start(page.replace(/^docs\/|\.md$/g, '').replace(/\W+/g, '-').toLowerCase());
  try {
    const folder = AT_HOME.includes(page) ? ROOT : '/srv/page';
    await succeeds(
      machine,
      `install -m 755 ${BINARY} /usr/bin/folkmoot
      command -v sudo >/dev/null || { printf '#!/bin/sh\\nexec "$@"\\n' > /usr/local/bin/sudo; chmod 755 /usr/local/bin/sudo; }
      mkdir -p ${folder} && cd ${folder}`,
    );
    for (const block of commands.filter((one) => !one.reason)) {
      const name = `${page}:${block.line} ${block.code.split('\n').find((line) => line && !line.startsWith('#'))}`;
      await t.test(name, () => follows(machine, block));
    }
  } finally {
    await machine.remove();
  }
}

async function follows(machine, { code, notes }) {
  for (const script of notes.before) await succeeds(machine, script);
  let result;
  if (notes.stays.length > 0) result = await machine.stay(code, new RegExp(notes.stays[0], 'm'));
  else if (notes.types.length > 0) result = await machine.type(code, notes.types);
  else result = await machine.run(code);
  assert.equal(String(result.code), notes.exit[0] ?? '0', `${code}\n${result.output}`);
  for (const pattern of notes.says) assert.match(result.output, new RegExp(pattern, 'm'));
  for (const script of notes.after) await succeeds(machine, script);
}

async function succeeds(machine, script) {
  const { code, output } = await machine.run(script);
  assert.equal(code, 0, `${script}\n${output}`);
}

test('commands in running text exist, with their options', () => {
  const makefile = readFileSync(join(ROOT, 'Makefile'), 'utf8');
  const help = new Map();
  const helpOf = (words) => {
    const key = words.join(' ');
    if (!help.has(key)) help.set(key, spawnSync(BINARY, [...words, '--help'], { encoding: 'utf8' }));
    return help.get(key);
  };
  for (const page of pages) {
    for (const { line, words } of mentions(join(ROOT, page))) {
      const where = `${page}:${line} \`${words.join(' ')}\``;
      if (words[0] === 'make') {
        assert.match(makefile, new RegExp(`^${words[1]}:`, 'm'), `${where}: the Makefile has no such target`);
        continue;
      }
      // Words up to the first that is an option, a place holder or an address are commands.
      const end = words.findIndex((word, at) => at > 0 && !/^[a-z-]+$/.test(word));
      const options = words.filter((word) => word.startsWith('--')).map((word) => word.split('=')[0]);
      const command = words.slice(1, end < 0 ? undefined : end).filter((word) => !word.startsWith('--'));
      const told = helpOf(command);
      assert.equal(told.status, 0, `${where}: ${told.stderr}`);
      for (const option of options) assert.ok(told.stdout.includes(option), `${where}: there is no ${option}`);
    }
  }
});
