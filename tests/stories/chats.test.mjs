// Private conversations as people see them: two people, one of them with two browsers; what the archive keeps, what every
// device knows, a stranger who has to wait, and a network that fails for a moment.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Person, launch } from './lib/browser.mjs';
import { Line } from './lib/line.mjs';
import { Server } from './lib/server.mjs';

const server = new Server();
let browser;
let line;
before(async () => {
  await server.start();
  line = await Line.lay(server);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await line?.remove();
  await server.remove();
});

const field = (person, name) => person.page.getByRole('textbox', { name: `Message to ${name}` });
const row = (person, text) => person.page.locator('.bubble-row').filter({ hasText: text });
const bubbles = (person) => person.page.locator('.chat-main .bubble-text');
const open = (person, name) => person.page.goto(`${person.server.site}/app/messages/@${name}`);

async function say(person, name, text) {
  await field(person, name).fill(text);
  await person.page.getByRole('button', { name: 'Send', exact: true }).click();
}

async function menuOf(person, text) {
  const of = row(person, text);
  await of.hover();
  await of.getByRole('button', { name: 'More about this message' }).click();
}

test('conversations on several devices', { timeout: 300_000 }, async (t) => {
  const juliet = await Person.arrive(browser, server, 'juliet');
  const romeo = await Person.arrive(browser, server, 'romeo');
  const paris = await Person.arrive(browser, server, 'paris');
  await Promise.all([juliet, romeo, paris].map((person) => person.signUp()));
  const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
  // Her second device is the one whose network fails.
  const balcony = await Person.arrive(browser, { site: line.site }, 'juliet', phone);
  balcony.password = juliet.password;
  await balcony.signIn();

  await t.test('they become contacts', async () => {
    await juliet.page.goto(`${server.site}/app/contacts`);
    await juliet.page.getByRole('button', { name: 'Add a contact' }).first().click();
    await juliet.page.getByLabel('Address', { exact: true }).fill('romeo@localhost');
    await juliet.page.getByRole('button', { name: 'Add', exact: true }).click();
    await romeo.page.goto(`${server.site}/app/requests`);
    await romeo.page.getByRole('button', { name: 'Allow juliet, and ask to see them as well' }).click();
    await romeo.page.getByRole('button', { name: 'Add', exact: true }).click();
    await romeo.page.getByText('Nobody is waiting for your answer.').waitFor();
  });

  await t.test('what is said on one device is on the other, and what is read', async () => {
    await open(balcony, 'romeo');
    await open(juliet, 'romeo');
    await say(juliet, 'romeo', 'Wherefore art thou Romeo?');
    await row(balcony, 'Wherefore').waitFor();
    await balcony.page.goto(`${line.site}/app/public`);
    await juliet.page.goto(`${server.site}/app/public`);
    await open(romeo, 'juliet');
    await row(romeo, 'Wherefore').waitFor();
    await say(romeo, 'juliet', 'Shall I hear more?');
    const badge = (person, bar) => person.page.locator(`${bar} .badge`).getByText('1 unread message');
    await badge(balcony, '.bottom').waitFor({ state: 'attached' });
    await badge(juliet, '.side').waitFor({ state: 'attached' });
    await open(juliet, 'romeo');
    await row(juliet, 'Shall I hear more?').waitFor();
    await badge(balcony, '.bottom').waitFor({ state: 'detached' });
    await row(romeo, 'Shall I hear more?').getByText('Read').waitFor({ state: 'attached' });
  });

  await t.test('a browser that knows nothing finds it all in the archive', async () => {
    await juliet.page.evaluate(() => {
      for (const key of Object.keys(localStorage)) if (key !== 'folkmoot.device') localStorage.removeItem(key);
    });
    await juliet.page.reload();
    await row(juliet, 'Wherefore').waitFor();
    await row(juliet, 'Shall I hear more?').waitFor();
    await juliet.page.getByText('This is where your conversation with romeo begins.').waitFor();
    assert.equal(await bubbles(juliet).count(), 2);
  });

  await t.test('corrected, thought something of, taken back: on every device of both', async () => {
    await open(balcony, 'romeo');
    await say(juliet, 'romeo', "What's in a nam?");
    await row(romeo, "What's in a nam?").waitFor();
    await field(juliet, 'romeo').press('ArrowUp');
    await field(juliet, 'romeo').fill("What's in a name?");
    await field(juliet, 'romeo').press('Enter');
    for (const person of [juliet, balcony, romeo]) {
      await row(person, "What's in a name?").getByText('edited').waitFor();
    }
    await menuOf(romeo, "What's in a name?");
    await romeo.page.getByRole('menuitem', { name: 'React with ❤️' }).click();
    for (const person of [juliet, balcony]) await person.page.getByRole('button', { name: '❤️: romeo' }).waitFor();
    await menuOf(juliet, 'Wherefore');
    await juliet.page.getByRole('menuitem', { name: 'Take back' }).click();
    await juliet.page.getByRole('dialog').getByRole('button', { name: 'Take back' }).click();
    for (const person of [juliet, balcony, romeo]) {
      await person.page.getByText('This message was taken back.').waitFor();
      assert.equal(await row(person, 'Wherefore').count(), 0);
    }
    await juliet.page.reload();
    await juliet.page.getByText('This message was taken back.').waitFor();
    await juliet.page.getByRole('button', { name: '❤️: romeo' }).waitFor();
  });

  await t.test('the network fails for a moment: nothing is lost, nothing comes twice', async () => {
    await field(balcony, 'romeo').waitFor();
    line.cut();
    await balcony.page.locator('.banner').waitFor();
    await say(romeo, 'juliet', 'While you were gone');
    await say(balcony, 'romeo', 'While I was gone');
    await row(balcony, 'While I was gone').getByText('Waits for a connection').waitFor({ state: 'attached' });
    line.mend();
    await row(balcony, 'While you were gone').waitFor();
    await row(romeo, 'While I was gone').waitFor();
    await row(juliet, 'While I was gone').waitFor();
    await row(balcony, 'While I was gone').getByText('Waits for a connection').waitFor({ state: 'detached' });
    for (const person of [balcony, romeo, juliet]) {
      assert.equal(await row(person, 'While you were gone').count(), 1);
      assert.equal(await row(person, 'While I was gone').count(), 1);
    }
    await balcony.page.reload();
    await row(balcony, 'While I was gone').waitFor();
    assert.equal(await row(balcony, 'While I was gone').count(), 1);
  });

  await t.test('a long conversation is fetched as one scrolls back', async () => {
    for (let count = 1; count <= 130; count++) await say(romeo, 'juliet', `Sigh ${count}.`);
    await row(juliet, 'Sigh 130.').waitFor();
    await juliet.page.evaluate(() => {
      for (const key of Object.keys(localStorage)) if (key !== 'folkmoot.device') localStorage.removeItem(key);
    });
    await juliet.page.reload();
    await row(juliet, 'Sigh 130.').waitFor();
    assert.equal(await row(juliet, 'Sigh 1.').count(), 0);
    const log = juliet.page.getByRole('log');
    await log.focus();
    // Each time the beginning of what is there is reached, more comes above it, and the reader stays where they were.
    const beginning = juliet.page.getByText('This is where your conversation with romeo begins.');
    while ((await beginning.count()) === 0) {
      const before = await bubbles(juliet).count();
      await juliet.page.keyboard.press('PageDown');
      await juliet.page.keyboard.press('Home');
      // The last page may be an empty one: then there is the beginning instead.
      const grew = (count) =>
        document.querySelectorAll('.chat-main .bubble-text').length > count || document.body.innerText.includes('This is where');
      await juliet.page.waitForFunction(grew, before, { timeout: 5_000 }).catch(() => undefined);
    }
    assert.equal(await row(juliet, 'Sigh 1.').count(), 1);
  });

  await t.test('a stranger waits, is seen, and let in', async () => {
    await juliet.page.goto(`${server.site}/settings`);
    await juliet.page.getByLabel('What people I do not know write waits in message requests').click();
    await juliet.page.getByRole('checkbox', { name: 'What people I do not know', checked: true }).waitFor();
    await open(paris, 'juliet');
    await say(paris, 'juliet', 'Happily met, my lady!');
    await row(paris, 'Happily met').getByText('Sent').waitFor({ state: 'attached' });
    await juliet.page.goto(`${server.site}/app/messages`);
    await juliet.page.getByRole('link', { name: /Message requests/ }).click();
    await juliet.page.getByText('Happily met, my lady!').waitFor();
    assert.equal(await juliet.page.locator('.side .badge').count(), 0);
    await juliet.page.getByRole('button', { name: 'Accept the messages of paris' }).click();
    await field(juliet, 'paris').waitFor();
    await row(juliet, 'Happily met').waitFor();
    await say(juliet, 'paris', 'That may be, sir.');
    await row(paris, 'That may be, sir.').waitFor();
    await say(paris, 'juliet', 'That must be, love.');
    await row(juliet, 'That must be, love.').waitFor();
  });

  await t.test('who goes too far is blocked and reported', async () => {
    await juliet.page.getByRole('button', { name: 'More about this conversation' }).click();
    await juliet.page.getByRole('menuitem', { name: 'Block' }).click();
    await juliet.page.getByLabel('Yes: insults, threats, or the like').check();
    await juliet.page.getByLabel('What happened?').fill('He will not listen.');
    await juliet.page.getByRole('button', { name: 'Block', exact: true }).click();
    await juliet.page.getByText('paris is blocked and reported.').waitFor();
    const told = await server.administer(['reports']);
    assert.match(told, /juliet@localhost reports paris@localhost: abuse/);
    assert.match(told, /He will not listen\./);
    assert.match(told, /> That must be, love\./);
    const [number] = told.split(' ');
    assert.match(await server.administer(['reports', '--close', number]), /is closed/);
    assert.match(await server.administer(['reports']), /nothing was reported/);
  });

  for (const person of [juliet, balcony, romeo, paris]) assert.deepEqual(person.complaints, []);
});
