// The first post: two people in two browsers, live, through a killed server.
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

test('two people sign up, follow each other, and see each other post without a reload', { timeout: 240_000 }, async (t) => {
  const juliet = await Person.arrive(browser, server, 'juliet');
  const romeo = await Person.arrive(browser, server, 'romeo', { viewport: { width: 390, height: 844 }, hasTouch: true });

  await t.test('sign up', async () => {
    await juliet.signUp();
    await romeo.signUp();
  });

  await t.test('follow each other', async () => {
    await juliet.follow('romeo');
    await romeo.follow('juliet');
    await juliet.goHome();
    await romeo.goHome();
  });

  await t.test('a post appears for the other, once, while both look', async () => {
    await juliet.post('Parting is such sweet sorrow #verona');
    await romeo.sees('Parting is such sweet sorrow');
    assert.equal(await romeo.post_named('Parting is such sweet sorrow').count(), 1);
    assert.equal(await juliet.post_named('Parting is such sweet sorrow').count(), 1);
  });

  await t.test('the tag leads to its timeline, which is live too', async () => {
    await romeo.page.goto(`${server.site}/app/tag/verona`);
    await romeo.sees('Parting is such sweet sorrow');
    await juliet.post('Good night, good night #Verona');
    await romeo.sees('Good night, good night');
    await romeo.goHome();
  });

  await t.test('what people write is text, not markup', async () => {
    await juliet.post('<img src=x onerror="window.bitten = true"> & <b>bold</b>');
    await romeo.sees('<b>bold</b>');
    assert.equal(await romeo.page.evaluate(() => window.bitten), undefined);
  });

  await t.test('a reload keeps the session, and no password is kept', async () => {
    await romeo.page.reload();
    await romeo.isHome();
    await romeo.sees('Parting is such sweet sorrow');
    const kept = await romeo.page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
    assert.ok(!kept.includes(romeo.password), 'the password is in the storage');
  });

  await t.test('the server is killed and comes back: nothing lost, nothing doubled', async () => {
    await server.kill();
    await romeo.page.getByText('Connection lost').first().waitFor();
    await juliet.page.getByText('Connection lost').first().waitFor();
    await juliet.page.getByRole('textbox', { name: 'New post' }).first().fill('Written while the line was dead');
    await juliet.page.keyboard.press('Control+Enter');
    await server.start();
    await romeo.sees('Written while the line was dead');
    for (const text of ['Parting is such sweet sorrow', 'Written while the line was dead', 'Good night, good night']) {
      assert.equal(await romeo.post_named(text).count(), 1, text);
      assert.equal(await juliet.post_named(text).count(), 1, text);
    }
  });

  await t.test('public pages need no script', async () => {
    const reader = await browser.newContext({ javaScriptEnabled: false });
    const page = await reader.newPage();
    await page.goto(`${server.site}/@juliet`);
    await page.getByText('Parting is such sweet sorrow').first().waitFor();
    await page.goto(`${server.site}/tag/verona`);
    await page.getByText('Good night, good night').first().waitFor();
    const feed = await (await fetch(`${server.site}/@juliet/feed.atom`)).text();
    assert.match(feed, /<feed[^>]*http:\/\/www\.w3\.org\/2005\/Atom/);
    assert.match(feed, /Parting is such sweet sorrow/);
    await reader.close();
  });

  await t.test('who changes the audience takes the posts out of public, and back', async () => {
    for (const [choice, status] of [
      ['Only people I approve', 404],
      ['Everyone', 200],
    ]) {
      await juliet.page.goto(`${server.site}/settings`);
      const form = juliet.page.locator('section').filter({ has: juliet.page.getByRole('heading', { name: 'Audience' }) });
      await form.getByText(choice, { exact: true }).click();
      await form.getByRole('button', { name: 'Save' }).click();
      await juliet.page.getByText('Saved', { exact: true }).first().waitFor();
      const page = await fetch(`${server.site}/@juliet/feed.atom`);
      assert.equal(page.status, status, choice);
      const tag = await (await fetch(`${server.site}/tag/verona/feed.atom`)).text();
      assert.equal(tag.includes('Good night, good night'), status === 200, choice);
    }
  });

  await t.test('a deleted post goes away for the other', async () => {
    await juliet.goHome();
    const post = juliet.post_named('Written while the line was dead').first();
    await post.getByRole('button', { name: 'More about this post' }).click();
    await juliet.page.getByRole('menuitem', { name: 'Delete' }).click();
    await juliet.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await romeo.post_named('Written while the line was dead').first().waitFor({ state: 'detached' });
  });

  assert.deepEqual([...juliet.complaints, ...romeo.complaints], []);
});

test('a start without an administrator prints a link that makes one, once', { timeout: 60_000 }, async () => {
  // The last start's: each makes a fresh one as long as nobody has used any.
  const link = [...server.output.matchAll(/https?:\/\/\S+\/welcome\/\S+/g)].at(-1)?.[0];
  assert.ok(link, server.output);
  const admin = await Person.arrive(browser, server, 'escalus');
  await admin.signUp(new URL(link).pathname);
  const late = await Person.arrive(browser, server, 'tybalt');
  await late.page.goto(server.site + new URL(link).pathname);
  await late.page.getByLabel('Name', { exact: true }).fill('tybalt');
  await late.page.getByLabel('Password', { exact: true }).fill('a used link is no use');
  await late.page.getByRole('button', { name: 'Create account' }).click();
  await late.page.getByRole('alert').first().waitFor();
});
