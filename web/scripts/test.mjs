// Runs the unit tests with Node's own test runner, so that no further test framework is needed.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { bundle, web } from './bundle.mjs';

const wanted = process.argv.slice(2);
const tests = readdirSync(`${web}test`)
  .filter((name) => name.endsWith('.test.ts'))
  .filter((name) => wanted.length === 0 || wanted.some((word) => name.includes(word)));

const out = await bundle(
  'tests',
  tests.map((name) => `test/${name}`),
);
const files = tests.map((name) => `${out}/${name.replace(/\.ts$/, '.js')}`);
const flags = ['--enable-source-maps', '--test', '--test-timeout=30000'];
const run = spawnSync(process.execPath, [...flags, ...files], {
  stdio: 'inherit',
  cwd: web,
  env: { ...process.env, WEB_FOLDER: web },
});
process.exit(run.status ?? 1);
