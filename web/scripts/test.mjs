// Bundles the unit tests with Vite (TypeScript and JSX as in the build) and runs them with
// Node's own test runner, so that no further test framework is needed.
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const web = fileURLToPath(new URL('..', import.meta.url));
const out = `${web}node_modules/.cache/folkmoot-tests`;
const wanted = process.argv.slice(2);
const tests = readdirSync(`${web}test`)
  .filter((name) => name.endsWith('.test.ts'))
  .filter((name) => wanted.length === 0 || wanted.some((word) => name.includes(word)));

rmSync(out, { recursive: true, force: true });
await build({
  root: web,
  logLevel: 'warn',
  build: {
    ssr: true,
    outDir: out,
    target: 'node20',
    sourcemap: true,
    copyPublicDir: false,
    rolldownOptions: {
      input: Object.fromEntries(tests.map((name) => [name.replace(/\.ts$/, ''), `test/${name}`])),
    },
  },
});
const files = tests.map((name) => `${out}/${name.replace(/\.ts$/, '.js')}`);
const run = spawnSync(
  process.execPath,
  ['--enable-source-maps', '--test', '--test-timeout=30000', ...files],
  {
    stdio: 'inherit',
    cwd: web,
    env: { ...process.env, FOLKMOOT_WEB: web },
  },
);
process.exit(run.status ?? 1);
