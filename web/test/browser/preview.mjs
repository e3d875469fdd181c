// Serves the built client against the server in memory: node test/browser/preview.mjs, then
// open the address that it prints. Run `npm run build` first.
import { bundle, web } from '../../scripts/bundle.mjs';

process.env.WEB_FOLDER = web;
process.env.PORT ??= '5299';
const out = await bundle('preview', ['test/fake/preview.ts']);
await import(`${out}/preview.js`);
console.log(`http://localhost:${process.env.PORT}/  (name: juliet, password: correct horse)`);
