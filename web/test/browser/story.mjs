// The story of two people in two browsers, against a real server:
//   folkmoot serve --dev --bind 127.0.0.1    and then
//   node test/browser/story.mjs http://127.0.0.1:5280 [folder for screenshots]
// CHROMIUM names the browser (default: Debian's).
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const base = process.argv[2] ?? 'http://127.0.0.1:5280';
const shots = process.argv[3];
const run = Date.now().toString(36);
const PASSWORD = 'correct horse battery';
const PATIENCE = 10_000;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
const complaints = [];

async function visit(name, options) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(`${name}: ${error.stack}`));
  page.on('console', (message) => {
    const text = message.text();
    // What the story itself causes by cutting the line.
    if (message.type() === 'error' && !/WebSocket connection|ERR_/.test(text)) {
      complaints.push(`${name}: ${text}`);
    }
  });
  return page;
}

let counter = 0;
async function shoot(page, name) {
  if (!shots) return;
  const number = String(++counter).padStart(2, '0');
  await page.screenshot({ path: `${shots}/${number}-${name}.png` });
}

function step(text) {
  console.log(`· ${text}`);
}

async function signUp(page, name, screenshot) {
  await page.goto(`${base}/`);
  if (screenshot) await shoot(page, 'landing');
  await page.getByRole('link', { name: 'Create an account' }).click();
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  assert.ok(await page.getByLabel('Everyone').isChecked(), 'public is the preset');
  if (screenshot) await shoot(page, 'sign-up');
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByRole('heading', { name: 'Home' }).waitFor();
}

const posts = (page) => page.locator('.feed .post .post-text').allTextContents();
const post = (page, text) => page.locator('.feed .post', { hasText: text });

async function write(page, text) {
  await page.keyboard.press('n');
  await page.locator('dialog textarea').fill(text);
  await page.keyboard.press('Control+Enter');
}

const juliet = `juliet${run}`;
const romeo = `romeo${run}`;
const wide = { viewport: { width: 1280, height: 800 }, colorScheme: 'light' };
const narrow = {
  viewport: { width: 390, height: 844 },
  colorScheme: 'dark',
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
};
const hers = await visit('juliet', wide);
const his = await visit('romeo', narrow);

step('two people sign up, one on a desktop, one on a phone');
await signUp(hers, juliet, true);
await signUp(his, romeo, false);
await his.getByText('Welcome,').waitFor();
await shoot(his, 'newcomer');

step('a name that is taken is refused in words');
const third = await visit('third', wide);
await third.goto(`${base}/signup`);
await third.getByLabel('Name', { exact: true }).fill(juliet);
await third.getByLabel('Password', { exact: true }).fill(PASSWORD);
await third.getByRole('button', { name: 'Create account' }).click();
await third.getByText('This name is taken').waitFor();
await shoot(third, 'taken');

step('a wrong password is refused in words, the right one signs in');
await third.goto(`${base}/signin`);
await third.getByLabel('Name', { exact: true }).fill(juliet);
await third.getByLabel('Password', { exact: true }).fill('wrong wrong wrong');
await third.getByRole('button', { name: 'Sign in' }).click();
await third.getByText('Name or password is wrong').waitFor();
await third.getByLabel('Password', { exact: true }).fill(PASSWORD);
await third.getByRole('button', { name: 'Sign in' }).click();
await third.getByRole('heading', { name: 'Home' }).waitFor();

step('a post stands in the public stream of somebody else without a reload');
await his.goto(`${base}/app/public`);
await his.getByRole('heading', { name: 'Public' }).waitFor();
const first = `Good morning, everybody ${run} #moot${run}`;
await write(hers, first);
await post(hers, first).waitFor();
await post(his, first).waitFor();
await post(third, first).waitFor();
await shoot(his, 'public');

step('following brings posts home, live');
await his.goto(`${base}/app/@${juliet}`);
await his.getByRole('button', { name: `Follow ${juliet}` }).click();
await his
  .getByRole('button', { name: `Unfollow ${juliet}` })
  .first()
  .waitFor();
await shoot(his, 'profile');
await his.goto(`${base}/`);
await post(his, first).waitFor();
await write(hers, `Second of ${run}`);
await post(his, `Second of ${run}`).waitFor();

step('and the other way round');
await hers.goto(`${base}/app/@${romeo}`);
await hers.getByRole('button', { name: `Follow ${romeo}` }).click();
await hers
  .getByRole('button', { name: `Unfollow ${romeo}` })
  .first()
  .waitFor();
await hers.goto(`${base}/`);
await post(hers, first).waitFor();
await his.getByRole('button', { name: 'Write' }).click();
await his
  .locator('dialog textarea')
  .fill(`From the phone, @${juliet} #moot${run} https://x.example/`);
await shoot(his, 'compose');
await his.locator('dialog').getByRole('button', { name: 'Post' }).click();
await post(hers, 'From the phone').waitFor();
await shoot(hers, 'home');

step('the tag gathers both');
await hers
  .getByRole('link', { name: `#moot${run}` })
  .first()
  .click();
await post(hers, 'From the phone').waitFor();
await post(hers, first).waitFor();
await shoot(hers, 'tag');

step('a reload keeps the session, without a password in the storage');
await hers.goto(`${base}/`);
const kept = await hers.evaluate(() => JSON.stringify({ ...localStorage }));
assert.match(kept, /folkmoot\.device/);
assert.ok(!kept.includes(PASSWORD));
await hers.reload();
await post(hers, first).waitFor();

step('what is written and what arrives while the line is cut is there afterwards, once');
await his.context().setOffline(true);
await his.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
await his.getByText('Connection lost').waitFor({ timeout: 30_000 });
for (let index = 1; index <= 35; index++) {
  await write(hers, `Meanwhile ${index} of ${run}`);
}
await his.getByRole('button', { name: 'Write' }).click();
await his.locator('dialog textarea').fill(`Out of the dark ${run}`);
await his.locator('dialog').getByRole('button', { name: 'Post' }).click();
await his.getByText('Will be sent when the connection is back').waitFor();
await shoot(his, 'offline');
await post(hers, `Meanwhile 35 of ${run}`).waitFor();
await his.context().setOffline(false);
await his.evaluate(() => dispatchEvent(new Event('online')));
await post(hers, `Out of the dark ${run}`).waitFor();
await post(his, `Out of the dark ${run}`).waitFor();
const seen = (await posts(his)).filter((text) => text.includes(run));
assert.equal(new Set(seen).size, seen.length, 'nothing is doubled');
for (let index = 1; index <= 35; index++) {
  assert.ok(seen.includes(`Meanwhile ${index} of ${run}`), `Meanwhile ${index} is there`);
}
assert.deepEqual(await posts(hers).then((all) => all.slice(0, 5)), seen.slice(0, 5));

step('further down, new posts wait behind a button');
await his.evaluate(() => scrollTo(0, 1500));
await write(hers, `While you read ${run}`);
await his.getByRole('button', { name: '1 new post' }).waitFor();
await shoot(his, 'waiting');
await his.getByRole('button', { name: '1 new post' }).click();
await post(his, `While you read ${run}`).waitFor();

step('a deleted post disappears for both');
await post(hers, `While you read ${run}`).getByRole('button', { name: 'More' }).click();
await hers.getByRole('menuitem', { name: 'Delete' }).click();
await hers.locator('dialog').getByRole('button', { name: 'Delete' }).click();
await post(his, `While you read ${run}`).waitFor({ state: 'detached' });
await post(hers, `While you read ${run}`).waitFor({ state: 'detached' });

step('text is text');
const hostile = `<img src=x onerror=alert(1)> &amp; <b>${run}</b>`;
await write(hers, hostile);
await post(his, hostile).waitFor();
assert.equal(await his.locator('.feed img').count(), 0);

step('a display name reaches others');
await hers.goto(`${base}/settings`);
await hers.getByLabel('Display name').fill(`Juliet ${run}`);
await hers.getByLabel('About you').fill(`Of the house of #moot${run}`);
await hers.getByRole('button', { name: 'Save' }).click();
await hers.getByText('Saved').waitFor();
await his.goto(`${base}/app/@${juliet}`);
await his
  .getByRole('heading', { name: `Juliet ${run}` })
  .first()
  .waitFor();
await his.getByText('Of the house of').waitFor();
await shoot(his, 'profile-named');

step('another device is signed out from the settings');
await shoot(hers, 'settings');
const devices = hers.locator('.devices li');
assert.equal(await devices.count(), 2);
await hers.getByRole('button', { name: /^Sign out .* on / }).click();
await third.getByText('This device is not signed in any more').waitFor();
await shoot(third, 'signed-out');

step('who shares with contacts only is asked, and answers');
const nurse = `nurse${run}`;
const careful = await visit('nurse', wide);
await careful.goto(`${base}/signup`);
await careful.getByLabel('Name', { exact: true }).fill(nurse);
await careful.getByLabel('Password', { exact: true }).fill(PASSWORD);
await careful.getByLabel('Only people I approve').check();
await careful.getByRole('button', { name: 'Create account' }).click();
await careful.getByRole('heading', { name: 'Home' }).waitFor();
await write(careful, `Between us ${run}`);
await post(careful, `Between us ${run}`).waitFor();
await his.goto(`${base}/app/@${nurse}`);
await his.getByText('not for you to read').waitFor();
await his.getByRole('button', { name: `Follow ${nurse}` }).click();
await his.getByText('Requested').waitFor();
await careful.locator('.nav-link .badge').waitFor();
await careful.locator('.nav-link', { hasText: 'People' }).click();
await shoot(careful, 'request');
await careful.getByRole('button', { name: `Allow ${romeo} to follow you` }).click();
await his
  .getByRole('button', { name: `Unfollow ${nurse}` })
  .first()
  .waitFor();
await his.goto(`${base}/`);
await post(his, `Between us ${run}`).waitFor();

step('signing out forgets everything');
await hers.getByRole('button', { name: 'Sign out', exact: true }).click();
await hers.getByRole('link', { name: 'Create an account' }).waitFor();
assert.equal(await hers.evaluate(() => localStorage.length), 0);
await hers.goto(`${base}/app/public`);
await hers.getByText('Sign in to see this page here').waitFor();

assert.deepEqual(complaints, []);
console.log('done');
await browser.close();
