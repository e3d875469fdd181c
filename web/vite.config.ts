import { build, defineConfig, type Plugin } from 'vite';

/** A server started by hand during development; the built client needs no such setting. */
const devServer = process.env.DEV_SERVER ?? 'http://127.0.0.1:5280';

const proxy = { '/xmpp-websocket': { target: devServer, ws: true } };

/**
 * Parts of Strophe that this client never makes: connections by polling or in a worker,
 * mechanisms that it does not offer, HTML, stanzas from text. One file holds everything, so that no bundler can leave them out by itself.
 */
const UNUSED = [
  'Bosh',
  'Request',
  'WorkerWebsocket',
  'StreamManagementMirror',
  'MemoryStorageBackend',
  'SessionStorageBackend',
  'SASLAnonymous',
  'SASLExternal',
  'SASLPlain',
  'SASLSHA384',
  'SASLXOAuth2',
  'Stanza',
  'createHtml',
  'createFromHtmlElement',
  'validTag',
  'validAttribute',
  'validCSS',
  'addCookies',
  'stx',
];

function leanStrophe(): Plugin {
  return {
    name: 'lean-strophe',
    transform(code, id) {
      if (!id.endsWith('/strophe.esm.js')) return undefined;
      let lean = code;
      for (const name of UNUSED) {
        const before = lean.length;
        // What stands at the top of a file ends with the first brace that begins a line.
        const whole = new RegExp(`^(class|function) (${name})\\b[^]*?^}$`, 'm');
        lean = lean.replace(whole, (_, kind: string) =>
          kind === 'class' ? `class ${name} {}` : `function ${name}() {}`,
        );
        if (lean.length === before) throw new Error(`Strophe has no ${name} any more`);
      }
      return { code: lean, map: null };
    },
  };
}

/** The service worker is one script at the root, which not every browser lets import others. */
function pushWorker(): Plugin {
  let outDir = 'dist';
  return {
    name: 'push-worker',
    apply: (config, { command }) => command === 'build' && !config.build?.ssr,
    configResolved(config) {
      outDir = config.build.outDir;
    },
    async closeBundle() {
      await build({
        configFile: false,
        logLevel: 'warn',
        build: {
          target: 'es2022',
          outDir,
          emptyOutDir: false,
          copyPublicDir: false,
          lib: {
            entry: 'src/push/worker.ts',
            formats: ['iife'],
            name: 'worker',
            fileName: () => 'push-worker.js',
          },
        },
      });
    },
  };
}

export default defineConfig({
  base: '/',
  plugins: [leanStrophe(), pushWorker()],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: 'es2022',
    // One style sheet, and parts that need nothing else first: no code to see to either.
    cssCodeSplit: false,
    modulePreload: false,
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rolldownOptions: {
      output: {
        // What several parts share is one file: many small ones compress badly.
        codeSplitting: {
          groups: [
            { name: 'shared', test: /\/src\/(?!push\/|xmpp\/push)|\/preact\//, minShareCount: 2 },
          ],
        },
      },
    },
  },
  server: { proxy },
  preview: { proxy },
});
