// Bundles TypeScript that runs in Node, with the same settings as the client itself.
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

export const web = fileURLToPath(new URL('..', import.meta.url));

/** Bundles files below web/ into a folder of the cache; returns that folder. */
export async function bundle(name, files) {
  const out = `${web}node_modules/.cache/folkmoot-${name}`;
  rmSync(out, { recursive: true, force: true });
  const entry = (file) => file.replace(/^.*\//, '').replace(/\.ts$/, '');
  await build({
    root: web,
    logLevel: 'warn',
    build: {
      ssr: true,
      outDir: out,
      target: 'node20',
      sourcemap: true,
      copyPublicDir: false,
      rolldownOptions: { input: Object.fromEntries(files.map((file) => [entry(file), file])) },
    },
  });
  return out;
}
