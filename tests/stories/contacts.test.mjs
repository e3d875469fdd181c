// Contacts and private messages: two people, one on a phone, and a third who is a stranger.
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

const field = (person, name) => person.page.getByRole('textbox', { name: `Message to ${name}` });
const bubbles = (person, text) => person.page.locator('.bubble').filter({ hasText: text });

async function say(person, name, text) {
  await field(person, name).fill(text);
  await person.page.getByRole('button', { name: 'Send', exact: true }).click();
}

test('two people become contacts, talk, and are rid of a third', { timeout: 240_000 }, async (t) => {
  const juliet = await Person.arrive(browser, server, 'juliet');
  const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
  const romeo = await Person.arrive(browser, server, 'romeo', phone);
  const paris = await Person.arrive(browser, server, 'paris');
  await Promise.all([juliet, romeo, paris].map((person) => person.signUp()));

  await t.test('one is found by address, asked, and allows and adds', async () => {
    await juliet.page.goto(`${server.site}/app/people`);
    const search = juliet.page.getByRole('searchbox', { name: 'Find people' });
    await search.fill('x@elsewhere.example');
    await juliet.page.getByText('does not reach other servers yet').waitFor();
    await search.fill(`${server.site}/@romeo`);
    await juliet.page.getByRole('button', { name: 'Add romeo to your contacts' }).click();
    await juliet.page.getByLabel('Groups').fill('Verona');
    await juliet.page.getByRole('button', { name: 'Add', exact: true }).click();

    await romeo.page.goto(`${server.site}/app/requests`);
    await romeo.page.getByRole('button', { name: 'Allow juliet, and ask to see them as well' }).click();
    await romeo.page.getByRole('button', { name: 'Add', exact: true }).click();
    await romeo.page.getByText('Nobody is waiting for your answer.').waitFor();
  });

  await t.test('a name that imitates is shown letter by letter', async () => {
    await juliet.page.goto(`${server.site}/app/contacts`);
    await juliet.page.getByRole('button', { name: 'Add a contact' }).click();
    await juliet.page.getByLabel('Address', { exact: true }).fill('r\u043emeo@localhost');
    await juliet.page.getByText('Look twice at this name').waitFor();
    assert.equal(await juliet.page.locator('.look-twice mark').innerText(), '\u043e');
    await juliet.page.getByRole('button', { name: 'Cancel' }).click();
  });

  await t.test('each sees how the other is there', async () => {
    const row = juliet.page.getByRole('listitem').filter({ hasText: '@romeo' });
    await row.getByText('Available').waitFor();
    await romeo.page.goto(`${server.site}/settings`);
    await romeo.page.getByRole('button', { name: /^Change your status/ }).first().click();
    await romeo.page.getByLabel('Do not disturb').check();
    await romeo.page.getByLabel('In your words').fill('In the orchard');
    await romeo.page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await row.getByText('Do not disturb: In the orchard').waitFor();
  });

  await t.test('they talk: typing, delivered, and a reload keeps it', async () => {
    await juliet.page.goto(`${server.site}/app/messages/@romeo`);
    await say(juliet, 'romeo', 'Wherefore art thou Romeo?');
    await bubbles(juliet, 'Wherefore').getByText('Delivered').waitFor();
    await romeo.page.locator('.bottom .badge').getByText('1 unread message').waitFor({ state: 'attached' });
    await romeo.page.getByRole('link', { name: /Messages/ }).last().click();
    await romeo.page.getByRole('link', { name: /juliet/ }).first().click();
    await field(romeo, 'juliet').pressSequentially('Shall I hear more');
    await juliet.page.getByText('romeo is typing…').waitFor();
    await romeo.page.getByRole('button', { name: 'Send', exact: true }).click();
    await bubbles(juliet, 'Shall I hear more').waitFor();
    await juliet.page.reload();
    await bubbles(juliet, 'Shall I hear more').waitFor();
    assert.equal(await juliet.page.locator('.bubble').count(), 2);
  });

  await t.test('what is said to somebody away waits, and says so', async () => {
    const head = juliet.page.locator('.chat-head');
    await head.getByText('Do not disturb').waitFor();
    await romeo.page.goto('about:blank');
    await head.getByText('last there').waitFor();
    await say(juliet, 'romeo', 'Good night, good night!');
    await bubbles(juliet, 'Good night').getByText('Sent').waitFor({ state: 'attached' });
    await romeo.page.goto(`${server.site}/app/messages/@juliet`);
    await bubbles(romeo, 'Good night').getByText('Arrived later').waitFor();
    await bubbles(juliet, 'Good night').getByText('Delivered').waitFor({ state: 'attached' });
  });

  await t.test('a draft waits for its writer', async () => {
    await field(juliet, 'romeo').fill('Three words, dear');
    await juliet.page.getByRole('link', { name: 'Contacts' }).first().or(juliet.page.getByRole('link', { name: 'People' })).first().click();
    await juliet.page.goto(`${server.site}/app/messages/@romeo`);
    assert.equal(await field(juliet, 'romeo').inputValue(), 'Three words, dear');
  });

  await t.test('a stranger can be blocked, and is not told', async () => {
    await paris.page.goto(`${server.site}/app/messages/@juliet`);
    await say(paris, 'juliet', 'Come you to make confession?');
    await juliet.page.getByRole('link', { name: /paris/ }).click();
    await juliet.page.getByText('paris is not among your contacts.').waitFor();
    await juliet.page.getByRole('button', { name: 'More about this conversation' }).click();
    await juliet.page.getByRole('menuitem', { name: 'Block' }).click();
    await juliet.page.getByRole('button', { name: 'Block', exact: true }).click();
    await juliet.page.getByText('You have blocked paris').waitFor();
    await say(paris, 'juliet', 'Juliet?');
    await bubbles(paris, 'Juliet?').getByText('Not sent').waitFor();
    assert.equal(await bubbles(juliet, 'Juliet?').count(), 0);
    await juliet.page.goto(`${server.site}/settings`);
    await juliet.page.getByRole('button', { name: 'Unblock paris@localhost' }).click();
    await juliet.page.getByText('You have blocked nobody.').waitFor();
  });

  await t.test('the console shows what is said, and no token', async () => {
    await juliet.page.goto(`${server.site}/app/console`);
    await juliet.page.getByText('Send a stanza of your own').click();
    await juliet.page.getByRole('button', { name: 'Ping' }).click();
    const sending = juliet.page.locator('.console-send');
    await sending.getByRole('button', { name: 'Send', exact: true }).click();
    await juliet.page.locator('.stanza.is-in').getByText('console-').first().waitFor();
    await sending.getByRole('textbox').fill('<iq>');
    await juliet.page.getByText('This is not well-formed XML.').waitFor();
    const token = await juliet.page.evaluate(() => JSON.parse(localStorage.getItem('folkmoot.device')).token);
    assert.ok(!(await juliet.page.locator('.console').innerText()).includes(token));
  });

  await t.test('signing out leaves nothing; deleting ends the account', async () => {
    await romeo.page.goto(`${server.site}/settings`);
    await romeo.page.getByRole('button', { name: 'Sign out', exact: true }).last().click();
    await romeo.page.getByRole('link', { name: 'Create an account' }).waitFor();
    assert.equal(await romeo.page.evaluate(() => localStorage.length), 0);
    await paris.page.goto(`${server.site}/settings`);
    await paris.page.getByRole('button', { name: 'Delete my account…' }).click();
    await paris.page.getByLabel('Type paris to confirm').fill('paris');
    await paris.page.getByRole('button', { name: 'Delete everything' }).click();
    await paris.page.getByText('Your account is deleted.').waitFor();
    assert.equal(await paris.page.evaluate(() => localStorage.length), 0);
    await paris.page.goto(`${server.site}/signin`);
    await paris.page.getByLabel('Name', { exact: true }).fill('paris');
    await paris.page.getByLabel('Password', { exact: true }).fill(paris.password);
    await paris.page.getByRole('button', { name: 'Sign in' }).click();
    await paris.page.getByText('Name or password is wrong.').waitFor();
  });

  for (const { name, complaints } of [juliet, romeo, paris]) assert.deepEqual(complaints, [], name);
});
