// Makes the pictures of the README: the town of `make demo`, as Marta sees it. Run by `make screenshots`.
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { PASSWORD, fill } from '../../demo/fill.mjs';
import { Person, launch } from './lib/browser.mjs';
import { Server } from './lib/server.mjs';

const images = resolve(import.meta.dirname, '../../docs/images');
mkdirSync(images, { recursive: true });

const server = new Server();
await server.start();
const browser = await launch();
try {
  const people = await fill(server.site, (words, input) => server.administer(words, input));
  const marta = await Person.arrive(browser, server, 'marta', { viewport: { width: 1280, height: 900 } });
  marta.password = PASSWORD;
  await marta.signIn();
  await marta.sees('The lady with the goose was my aunt');
  const picture = (name) => marta.page.screenshot({ path: `${images}/${name}.png` });
  await picture('home');
  await marta.page.goto(`${server.site}/app/notifications`);
  await marta.page.getByText('Wanda Kerr').first().waitFor();
  await picture('notifications');

  await marta.page.goto(server.site);
  await marta.sees('The lady with the goose was my aunt');
  for (const [name, colorScheme] of [['phone-light', 'light'], ['phone-dark', 'dark']]) {
    await marta.page.emulateMedia({ colorScheme });
    await marta.page.setViewportSize({ width: 390, height: 844 });
    await picture(name);
  }
  const reader = await (await browser.newContext({ javaScriptEnabled: false, viewport: { width: 1000, height: 760 } })).newPage();
  await reader.goto(`${server.site}/@marta`);
  await reader.screenshot({ path: `${images}/public-page.png` });
  for (const client of people.values()) client.disconnect();
} finally {
  await browser.close();
  await server.remove();
}
