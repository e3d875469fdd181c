// A community: founded, followed, posted into, closed with requests that are answered, and read without an account.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Person, launch } from './lib/browser.mjs';
import { Server } from './lib/server.mjs';

const server = new Server();
let browser;
before(async () => {
  await server.start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server.remove();
});

const button = (person, name) => person.page.getByRole('button', { name, exact: true });

async function found(person, { title, node, about, access }) {
  await person.page.goto(`${server.site}/app/c`);
  const form = person.page.locator('.founding');
  await form.locator('summary').click();
  await form.getByLabel('What it is called').fill(title);
  await form.getByLabel('Its name in addresses').fill(node);
  await form.getByLabel('What it is about').fill(about);
  await form.getByLabel('Who may read it').selectOption(access);
  await form.getByRole('button', { name: 'Found a community' }).click();
  await person.page.waitForURL(`**/app/c/${node}`);
  await person.page.getByRole('heading', { name: title }).waitFor();
}

async function say(person, text) {
  await person.page.getByLabel('Say something to this community').fill(text);
  await button(person, 'Post').last().click();
  await person.sees(text);
}

test('a community of two', { timeout: 240_000 }, async (t) => {
  const juliet = await Person.arrive(browser, server, 'juliet', { viewport: { width: 1280, height: 900 } });
  const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
  const romeo = await Person.arrive(browser, server, 'romeo', phone);
  await Promise.all([juliet, romeo].map((person) => person.signUp()));

  await t.test('who founds it can say something at once', async () => {
    await found(juliet, { title: 'The Garden', node: 'garden', about: 'Of #roses by any name', access: 'open' });
    await say(juliet, 'What is in a name?');
  });

  await t.test('another finds it by its tag, follows it and answers, and both see it without looking again', async () => {
    await romeo.page.goto(`${server.site}/app/c`);
    await romeo.page.getByRole('searchbox').fill('#roses');
    await romeo.page.getByRole('link', { name: 'The Garden' }).click();
    await romeo.sees('What is in a name?');
    await button(romeo, 'Follow').click();
    await button(romeo, 'Following').waitFor();
    await say(romeo, 'A rose, by any other');
    await juliet.sees('A rose, by any other');
    await romeo.goHome();
    await romeo.sees('What is in a name?');
  });

  await t.test('everybody reads it without an account and without a script', async () => {
    const page = await (await fetch(`${server.site}/c/garden`)).text();
    assert.match(page, /The Garden/);
    assert.match(page, /A rose, by any other/);
    assert.match(await (await fetch(`${server.site}/c/`)).text(), /href="\/c\/garden"/);
    assert.match(await (await fetch(`${server.site}/c/garden/feed.atom`)).text(), /What is in a name/);
  });

  await t.test('a closed one lets in whom its founder lets in', async () => {
    await found(juliet, { title: 'The Orchard', node: 'orchard', about: 'By night', access: 'authorize' });
    await say(juliet, 'Wherefore art thou?');
    assert.equal((await fetch(`${server.site}/c/orchard`)).status, 404);
    await romeo.page.goto(`${server.site}/app/c/orchard`);
    await romeo.page.getByText('What is said here is for its members.').waitFor();
    await button(romeo, 'Follow').click();
    await button(romeo, 'Requested').waitFor();
    await juliet.page.reload();
    await button(juliet, 'Let in').click();
    await juliet.page.getByText('They would like to come in').waitFor({ state: 'detached' });
    await romeo.page.reload();
    await romeo.sees('Wherefore art thou?');
  });

  await t.test('its founder gives it a picture, takes out a post and casts somebody out', async () => {
    await juliet.page.goto(`${server.site}/app/c/garden`);
    await juliet.page.getByText('Look after this community').click();
    const drawn = await juliet.page.screenshot({ clip: { x: 0, y: 0, width: 320, height: 200 } });
    await juliet.page.getByLabel('Its picture').setInputFiles({ name: 'roses.png', mimeType: 'image/png', buffer: drawn });
    await button(juliet, 'Take the picture away').waitFor();
    const picture = await fetch(`${server.site}/c/garden/avatar`);
    assert.equal(picture.status, 200);
    assert.match(picture.headers.get('content-type'), /^image\/(webp|png)$/);
    assert.equal(await juliet.page.locator('img.community-picture').first().evaluate((image) => image.complete), true);
    const post = juliet.page.locator('article', { hasText: 'A rose, by any other' });
    await post.getByRole('button', { name: 'More about this post' }).click();
    await juliet.page.getByRole('menuitem', { name: 'Remove from the community' }).click();
    await button(juliet, 'Remove from the community').last().click();
    await post.waitFor({ state: 'detached' });
    await juliet.page.getByLabel('Whose part to change').fill('romeo@localhost');
    await juliet.page.getByLabel('What they may do').selectOption('outcast');
    await button(juliet, 'Set').click();
    await juliet.page.getByLabel('What romeo@localhost may do').waitFor();
    await romeo.page.goto(`${server.site}/app/c/garden`);
    await romeo.page.getByRole('alert').waitFor();
  });
});
