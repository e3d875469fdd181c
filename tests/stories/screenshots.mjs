// Makes the pictures of the README: a small town, and what Juliet sees. Run by `make screenshots`.
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { Person, launch } from './lib/browser.mjs';
import { Server } from './lib/server.mjs';

const images = resolve(import.meta.dirname, '../../docs/images');
mkdirSync(images, { recursive: true });

const TALK = [
  ['mercutio', 'If love be rough with you, be rough with love. Rehearsal for tonight at six, the yard behind the bakery. #theatre'],
  ['nurse', 'Market is moved to Thursday because of the feast. Bring baskets! #market #verona'],
  ['friar', 'The herb garden is open again. Sage, rue and rosemary to give away; ask at the gate. #garden'],
  ['benvolio', 'A lovely morning walk under the sycamores, west of the city. Who comes along tomorrow? #verona'],
  ['romeo', 'But, soft! What light through yonder window breaks? #theatre'],
  ['juliet', 'Good night, good night! Parting is such sweet sorrow, that I shall say good night till it be morrow. #verona'],
];

const server = new Server();
await server.start();
const browser = await launch();
try {
  const people = {};
  for (const [name] of TALK) {
    people[name] = await Person.arrive(browser, server, name);
    await people[name].signUp();
  }
  for (const [name, text] of TALK) await people[name].post(text);
  const { juliet } = people;
  for (const whom of ['mercutio', 'nurse', 'friar', 'romeo']) await juliet.follow(whom);
  await juliet.goHome();
  await juliet.sees('What light through yonder window');
  await juliet.page.screenshot({ path: `${images}/home.png` });

  for (const [file, colorScheme] of [['phone-light', 'light'], ['phone-dark', 'dark']]) {
    await juliet.page.emulateMedia({ colorScheme });
    await juliet.page.setViewportSize({ width: 390, height: 844 });
    await juliet.page.screenshot({ path: `${images}/${file}.png` });
  }
  const reader = await (await browser.newContext({ javaScriptEnabled: false, viewport: { width: 1000, height: 700 } })).newPage();
  await reader.goto(`${server.site}/@juliet`);
  await reader.screenshot({ path: `${images}/public-page.png` });
} finally {
  await browser.close();
  await server.remove();
}
