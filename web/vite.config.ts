import { defineConfig } from 'vite';

/** A server started by hand during development; the built client needs no such setting. */
const devServer = process.env.DEV_SERVER ?? 'http://127.0.0.1:5280';

const proxy = { '/xmpp-websocket': { target: devServer, ws: true } };

export default defineConfig({
  base: '/',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: 'es2022',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
  server: { proxy },
  preview: { proxy },
});
