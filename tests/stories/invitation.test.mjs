// The first day: somebody opens an invitation on a phone and has said something a minute later.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Person, launch } from './lib/browser.mjs';
import { Server } from './lib/server.mjs';

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
const DESKTOP = { viewport: { width: 1280, height: 900 } };
// Nobody comes in here but by an invitation.
const server = new Server(['--set', 'registration.policy=invite']);
let browser;
before(async () => {
  await server.start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server.remove();
});

/** Somebody with a device of their own who opens a link; what they type into is noted. */
async function visit(name, link, device) {
  const person = await Person.arrive(browser, server, name, device);
  await person.context.addInitScript(() => {
    window.typedInto = new Set();
    addEventListener('input', ({ target }) => window.typedInto.add(target), true);
  });
  await person.page.goto(link);
  return person;
}

async function createAccount(person) {
  await person.page.getByLabel('Name', { exact: true }).fill(person.name);
  await person.page.getByLabel('Password', { exact: true }).fill(person.password);
  await person.page.getByRole('button', { name: 'Create account' }).click();
}

/** How many of the inviter's posts are whole on the screen, as it stands. */
async function postsOnScreen(person) {
  await person.sees('the 12th');
  return person.page.evaluate(
    () =>
      [...document.querySelectorAll('.feed > .post')].filter((post) => {
        const { top, bottom } = post.getBoundingClientRect();
        return top >= 0 && bottom <= innerHeight && post.innerText.includes('@juliet');
      }).length,
  );
}

/** Writes a post on a phone, and waits until it is the server's: until then it is a draft. */
async function write(person, text) {
  await person.page.getByRole('button', { name: 'Write', exact: true }).tap();
  await person.page.getByRole('textbox', { name: 'New post' }).fill(text);
  await person.page.getByRole('button', { name: 'Post', exact: true }).tap();
  await person.page.locator('.post:not(.is-draft)').filter({ hasText: text }).waitFor();
}

async function makeLink(person) {
  await person.page.goto(`${server.site}/app/invitations`);
  await person.page.getByRole('button', { name: 'Make a link' }).click();
  const link = await person.page.getByLabel('Your invitation link').inputValue();
  assert.ok(link.startsWith(`${server.site}/invite/`), link);
  return link;
}

async function inviteByCommand(...words) {
  const said = await server.administer(['invite', '--from', 'juliet@localhost', ...words]);
  return /https?:\/\/\S+\/invite\/\S+/.exec(said)[0];
}

/** Both see that the other is there, which only contacts do. */
async function areContacts(...people) {
  for (const [one, other] of [people, people.toReversed()]) {
    await one.page.goto(`${server.site}/app/contacts`);
    const row = one.page.getByRole('listitem').filter({ hasText: `@${other.name}` });
    await row.getByText('Available').waitFor();
  }
}

test('an invitation leads to a first post within a minute', { timeout: 300_000 }, async (t) => {
  const juliet = await Person.arrive(browser, server, 'juliet', DESKTOP);
  for (const name of ['juliet', 'benvolio']) {
    await server.administer(['account', 'add', `${name}@localhost`, '--password-stdin'], `${name} keeps a secret`);
  }
  await juliet.signIn();
  for (let number = 1; number <= 12; number += 1) await juliet.post(`A day in Verona, the ${number}th`);

  let romeo;
  let used;
  // It lives for a second, and is opened when all else has been done.
  const expired = await inviteByCommand('--expires', '1s');
  await t.test('from the link on a phone: three fields, contacts, followers, heard', async () => {
    used = await makeLink(juliet);
    await juliet.page.getByText('0 of 1 used').first().waitFor();
    await juliet.goHome();

    const opened = Date.now();
    romeo = await visit('romeo', used, PHONE);
    await romeo.page.getByRole('heading', { name: 'juliet invites you' }).waitFor();
    await createAccount(romeo);
    await romeo.isHome();
    const posts = await postsOnScreen(romeo);
    assert.ok(posts >= 4, `${posts} posts on the phone's screen`);
    await write(romeo, 'He jests at scars that never felt a wound');
    const seconds = (Date.now() - opened) / 1000;
    t.diagnostic(`${seconds.toFixed(1)} s from the link to the acknowledged post`);
    assert.ok(seconds <= 60, `${seconds} s`);
    const fields = await romeo.page.evaluate(() => window.typedInto.size);
    assert.ok(fields > 1 && fields <= 3, `${fields} fields`);

    await juliet.sees('He jests at scars');
    await juliet.post('What man art thou that, thus bescreened in night?');
    await romeo.sees('What man art thou');
    await areContacts(juliet, romeo);
  });

  await t.test('from a link of the command line on a desktop: ten posts; who comes second is told so', async () => {
    const link = await inviteByCommand();
    const mercutio = await visit('mercutio', link, DESKTOP);
    const tybalt = await visit('tybalt', link, DESKTOP);
    await tybalt.page.getByRole('heading', { name: 'juliet invites you' }).waitFor();
    await createAccount(mercutio);
    await mercutio.isHome();
    const posts = await postsOnScreen(mercutio);
    t.diagnostic(`${posts} posts on the desktop's screen`);
    assert.ok(posts >= 10, `${posts} posts`);
    await areContacts(juliet, mercutio);

    await createAccount(tybalt);
    await tybalt.page.getByRole('alert').filter({ hasText: 'Ask for a new one' }).waitFor();
    assert.doesNotMatch(await server.administer(['account', 'list']), /tybalt/);
    assert.deepEqual([...mercutio.complaints, ...tybalt.complaints], []);
  });

  await t.test('somebody with an account signs in and accepts', async () => {
    const benvolio = await visit('benvolio', await makeLink(juliet), PHONE);
    await benvolio.page.getByRole('button', { name: 'I have an account here' }).click();
    await benvolio.page.getByLabel('Name', { exact: true }).fill(benvolio.name);
    await benvolio.page.getByLabel('Password', { exact: true }).fill(benvolio.password);
    await benvolio.page.getByRole('button', { name: 'Sign in' }).click();
    await benvolio.page.getByRole('button', { name: 'Accept', exact: true }).click();
    await benvolio.page.getByText('You and juliet are contacts now').waitFor();
    await benvolio.goHome();
    await benvolio.sees('the 12th');
    await juliet.goHome();
    await write(benvolio, 'Good-morrow, cousin');
    await juliet.sees('Good-morrow, cousin');
    await areContacts(juliet, benvolio);
    assert.deepEqual(benvolio.complaints, []);
  });

  await t.test('somebody from another server is handed to their app, without a script too', async () => {
    const link = await makeLink(juliet);
    const paris = await visit('paris', link, PHONE);
    await paris.page.getByRole('button', { name: 'I use another server' }).click();
    const address = paris.page.getByLabel('Your address');
    await address.fill('paris');
    await paris.page.getByRole('button', { name: 'Go on' }).click();
    await paris.page.getByText('That is no address').waitFor();
    await address.fill('paris@mantua.example');
    await paris.page.getByRole('button', { name: 'Go on' }).click();
    const app = paris.page.getByRole('link', { name: 'Open in your XMPP app' });
    const token = new URL(link).pathname.split('/').at(-1);
    const uri = await app.getAttribute('href');
    assert.match(uri, /^xmpp:juliet@localhost\?roster;/);
    assert.ok(uri.includes(`preauth=${token}`), uri);
    const reader = await browser.newContext({ ...PHONE, javaScriptEnabled: false });
    const page = await reader.newPage();
    await page.goto(link);
    assert.equal(await page.locator('a[href^="xmpp:"]').first().getAttribute('href'), uri);
    await reader.close();
    assert.deepEqual(paris.complaints, []);
  });

  await t.test('a link that is used, over, taken back or made up leads to a friendly page', async () => {
    const revoked = await makeLink(juliet);
    // The newest stands first.
    await juliet.page.getByRole('button', { name: /^Revoke the invitation/ }).first().click();
    await juliet.page.getByText('Invitation revoked').waitFor();
    assert.equal((await fetch(expired)).status, 410);
    for (const [link, text] of [
      [used, 'This invitation has been used up.'],
      [expired, 'This invitation is no longer valid.'],
      [revoked, 'This invitation is not valid, or not any more.'],
      [`${server.site}/invite/wherefore-art-thou`, 'This invitation is not valid, or not any more.'],
    ]) {
      const visitor = await visit('rosaline', link, PHONE);
      await visitor.page.getByRole('alert').filter({ hasText: text }).waitFor();
      assert.equal(await visitor.page.getByLabel('Password', { exact: true }).count(), 0, text);
      await visitor.page.getByRole('link', { name: 'To the front page' }).waitFor();
      assert.deepEqual(visitor.complaints, []);
      await visitor.context.close();
    }
  });

  assert.deepEqual([...juliet.complaints, ...romeo.complaints], []);
});
