// The conversation around posts: two people, one on a phone, who like, boost, answer, change and delete.
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

const action = (post, name) => post.locator(`[data-action=${name}]`);
const isOn = (post, name) => post.locator(`[data-action=${name}][aria-pressed=true]`).waitFor();
const isOff = (post, name) => post.locator(`[data-action=${name}][aria-pressed=false]`).waitFor();
const focused = (person) => person.page.locator('.post.is-focus');
const below = (person, text) => person.page.locator('.thread-below .post').filter({ hasText: text });
const reply = (person) => person.page.locator('.thread-focus').getByRole('textbox', { name: 'Your reply' });

/** Opens the conversation of a post by a click on its text. */
async function open(person, text) {
  await person.post_named(text).first().locator('.post-text').click({ position: { x: 4, y: 4 } });
  await focused(person).filter({ hasText: text }).waitFor();
}

async function choose(person, post, item) {
  await post.getByRole('button', { name: 'More about this post' }).click();
  await person.page.getByRole('menuitem', { name: item }).click();
}

test('what two people make of a post', { timeout: 300_000 }, async (t) => {
  const juliet = await Person.arrive(browser, server, 'juliet', { viewport: { width: 1280, height: 900 } });
  const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
  const romeo = await Person.arrive(browser, server, 'romeo', phone);
  await Promise.all([juliet, romeo].map((person) => person.signUp()));
  await juliet.follow('romeo');
  await romeo.follow('juliet');
  await juliet.goHome();
  await romeo.goHome();

  await t.test('at least ten short posts are whole on the screen', async () => {
    for (let number = 1; number <= 12; number += 1) await juliet.post(`A short post, the ${number}th`);
    const whole = await juliet.page.evaluate(
      () =>
        [...document.querySelectorAll('.feed > .post')].filter(
          (post) => post.getBoundingClientRect().bottom <= innerHeight,
        ).length,
    );
    assert.ok(whole >= 10, `${whole} posts`);
  });

  await t.test('a like and a boost show at once and outlast a reload', async () => {
    await juliet.post('Three words, dear @romeo, and good night');
    await romeo.sees('Three words');
    const post = romeo.post_named('Three words').first();
    await action(post, 'like').click();
    await post.getByRole('button', { name: 'Like, 1 like' }).waitFor();
    await action(post, 'boost').click();
    await isOn(post, 'boost');
    await juliet.page.getByText('romeo boosted').first().waitFor();
    await romeo.page.reload();
    await romeo.sees('Three words');
    await isOn(post, 'like');
    await isOn(post, 'boost');
  });

  await t.test('an answer is below the post for both, live', async () => {
    await open(juliet, 'Three words');
    await open(romeo, 'Three words');
    await reply(romeo).fill('So thrive my soul!');
    await romeo.page.locator('.thread-focus').getByRole('button', { name: 'Reply', exact: true }).last().click();
    await below(romeo, 'So thrive').waitFor();
    await below(juliet, 'So thrive').waitFor();
    await focused(juliet).getByRole('button', { name: 'Reply, 1 reply' }).waitFor();
  });

  await t.test('what happened is counted, told, and read on all devices', async () => {
    await juliet.page.waitForFunction(() => document.title.startsWith('(4) '));
    const other = await juliet.context.newPage();
    await other.goto(`${server.site}/app/notifications`);
    for (const text of ['replied to you', 'boosted your post', 'liked your post', 'followed you']) {
      await other.getByText(text).waitFor();
    }
    await juliet.page.waitForFunction(() => !document.title.startsWith('('));
    await other.getByText('So thrive my soul!').click();
    await other.locator('.thread-above').getByText('Three words').waitFor();
    await other.close();
  });

  await t.test('an answer to an answer mentions whom it answers, and stands below it', async () => {
    await below(juliet, 'So thrive').locator('.post-text').click({ position: { x: 4, y: 4 } });
    await focused(juliet).filter({ hasText: 'So thrive' }).waitFor();
    await reply(juliet).focus();
    await juliet.page.keyboard.type('good night!');
    assert.equal(await reply(juliet).inputValue(), '@romeo good night!');
    await juliet.page.keyboard.press('Control+Enter');
    await below(romeo, 'good night!').filter({ hasNotText: 'Three words' }).first().waitFor();
    await below(romeo, 'So thrive').getByRole('button', { name: 'Reply, 1 reply' }).waitFor();
  });

  await t.test('other words are seen by both, and marked', async () => {
    await choose(juliet, below(juliet, 'good night!'), 'Edit');
    await juliet.page.getByRole('dialog').getByRole('textbox').fill('@romeo a thousand times good night!');
    await juliet.page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await below(romeo, 'a thousand times').getByText('edited').first().waitFor();
  });

  await t.test('an answer that is written while the server is away arrives once', async () => {
    await server.kill();
    await juliet.page.getByText('Connection lost').first().waitFor();
    await reply(juliet).fill('Sleep dwell upon thine eyes');
    await juliet.page.keyboard.press('Control+Enter');
    await juliet.page.getByText('Will be sent when the connection is back').waitFor();
    await server.start();
    await below(juliet, 'Sleep dwell').waitFor();
    await below(romeo, 'Sleep dwell').waitFor();
    for (const person of [juliet, romeo]) assert.equal(await person.page.getByText('Sleep dwell').count(), 1);
  });

  await t.test('people are suggested while an @ is typed', async () => {
    await juliet.goHome();
    const box = juliet.page.getByRole('textbox', { name: 'New post' }).first();
    await box.pressSequentially('Hey @ro');
    await juliet.page.getByRole('option', { name: /romeo/ }).waitFor();
    await juliet.page.keyboard.press('Enter');
    assert.equal(await box.inputValue(), 'Hey @romeo ');
    await box.pressSequentially('art thou there?');
    await juliet.page.keyboard.press('Control+Enter');
    await romeo.page.getByRole('link', { name: /^Notifications/ }).first().click();
    await romeo.page.getByText('mentioned you').first().waitFor();
  });

  await t.test('the keyboard does it too', async () => {
    await juliet.page.evaluate(() => document.activeElement.blur());
    await juliet.page.keyboard.press('?');
    await juliet.page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
    await juliet.page.keyboard.press('Escape');
    await juliet.page.keyboard.press('j');
    await juliet.page.keyboard.press('l');
    await isOn(juliet.page.locator('.feed > .post').first(), 'like');
    await juliet.page.keyboard.press('g');
    await juliet.page.keyboard.press('n');
    await juliet.page.getByRole('heading', { name: 'Notifications' }).waitFor();
  });

  await t.test('a like and a boost are taken back', async () => {
    await romeo.goHome();
    const post = romeo.post_named('Three words').first();
    await action(post, 'like').click();
    await isOff(post, 'like');
    await action(post, 'boost').click();
    await isOff(post, 'boost');
    await juliet.page.getByText('boosted your post').waitFor({ state: 'detached' });
    await juliet.page.getByText('liked your post').waitFor({ state: 'detached' });
  });

  await t.test('who is not signed in reads the conversation without a script', async () => {
    await open(romeo, 'Three words');
    const reader = await browser.newContext({ javaScriptEnabled: false });
    const page = await reader.newPage();
    await page.goto(romeo.page.url().replace('/app/', '/'));
    await page.getByText('So thrive my soul!').first().waitFor();
    await page.getByText('a thousand times good night!').first().waitFor();
    await reader.close();
  });

  await t.test('a deleted post is gone, with all that was below it', async () => {
    await juliet.goHome();
    const post = juliet.post_named('Three words').last();
    await choose(juliet, post, 'Delete');
    await juliet.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await romeo.page.getByText('This post was deleted.').waitFor();
    assert.equal(await romeo.page.getByText('So thrive').count(), 0);
    await romeo.page.goto(`${server.site}/app/@romeo/replies`);
    await romeo.page.getByText('No replies yet.').waitFor();
  });

  assert.deepEqual([...juliet.complaints, ...romeo.complaints], []);
});
