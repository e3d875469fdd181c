// What stands in the databases below tests/fixtures: told to a server of the version that made them, looked for in
// one of today. What that version did not announce is not told.
import assert from 'node:assert/strict';
import { Client, MICROBLOG, entry } from './client.mjs';

export const PEOPLE = ['juliet', 'romeo', 'nurse', 'tybalt', 'rosaline', 'ghost'];
const POSTS = [
  'Market is moved to Thursday because of the feast. Bring baskets! #market #verona',
  'Who has seen a grey cat with one white paw? She answers to Prudence. #verona',
  'Zwölf Gläser Quittengelee, zu tauschen gegen Honig. 🍯 #markt',
  'The bridge is closed until Friday <repairs> & the ferry goes every hour. #verona',
];
export const password = (name) => `${name} of schema`;
const jid = (name) => `${name}@localhost`;

/** Tells the server all of it. `administer` runs a command of that version. */
export async function tell(site, administer) {
  for (const name of PEOPLE) await administer(['account', 'add', jid(name), '--password-stdin', ...(name === 'juliet' ? ['--admin'] : [])], password(name));
  const [juliet, romeo, nurse, tybalt] = await Promise.all(
    ['juliet', 'romeo', 'nurse', 'tybalt'].map((name) => Client.connect(site, `${jid(name)}/old`, password(name))),
  );
  const announced = await juliet.ask("<iq type='get' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
  const own = await juliet.ask(`<iq type='get' to='${jid('juliet')}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`);
  const has = (feature) => announced.includes(`'${feature}'`) || own.includes(`'${feature}'`) || announced.includes(`"${feature}"`) || own.includes(`"${feature}"`);
  const told = { blocking: has('urn:xmpp:blocking'), private: has('jabber:iq:private'), vcard: has('vcard-temp') };

  // Contacts both ways, one with groups; and a request that nobody has answered.
  await juliet.ask(`<iq type='set'><query xmlns='jabber:iq:roster'><item jid='${jid('romeo')}' name='My only love'><group>Verona</group><group>Balcony</group></item></query></iq>`);
  for (const client of [juliet, romeo]) client.send('<presence/>');
  juliet.send(`<presence type='subscribe' to='${jid('romeo')}'/>`);
  await romeo.sees(/type=["']subscribe["']/);
  romeo.send(`<presence type='subscribed' to='${jid('juliet')}'/>`);
  romeo.send(`<presence type='subscribe' to='${jid('juliet')}'/>`);
  await juliet.sees(/type=["']subscribe["']/);
  juliet.send(`<presence type='subscribed' to='${jid('romeo')}'/>`);
  await romeo.sees(/from=["']juliet@localhost\/old["']/);
  tybalt.send(`<presence type='subscribe' to='${jid('nurse')}'/>`);

  // Posts: one edited, one taken back; followers; a blog for contacts only.
  for (const [at, text] of POSTS.entries()) await juliet.publish(MICROBLOG, `post-${at}`, entry(text));
  await juliet.publish(MICROBLOG, 'post-1', entry(`${POSTS[1]} Found!`));
  await juliet.publish(MICROBLOG, 'gone', entry('What I should not have said'));
  await juliet.retract(MICROBLOG, 'gone');
  await romeo.publish(MICROBLOG, 'night', entry('Good night, good night! #verona'));
  await romeo.follow(jid('juliet'));
  await nurse.follow(jid('juliet'));
  await nurse.configure(MICROBLOG, { 'pubsub#access_model': 'presence' });
  await nurse.publish(MICROBLOG, 'secret', entry('For my own people only'));
  await nurse.publish('urn:xmpp:bookmarks:1', 'square@rooms.example', "<conference xmlns='urn:xmpp:bookmarks:1' name='The square'/>");

  // Messages for somebody who is away, a device, and what one keeps for oneself.
  for (const at of [1, 2, 3]) romeo.send(`<message to='${jid('nurse')}' type='chat' id='m${at}'><body>Message ${at} for the nurse</body></message>`);
  await romeo.ask(`<iq type='get' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>`);
  await juliet.ask("<iq type='set'><device xmlns='urn:x-folkmoot:devices:0' label='Kitchen tablet'/></iq>");
  if (told.private) await juliet.ask("<iq type='set'><query xmlns='jabber:iq:private'><note xmlns='example:note'>Feed Prudence</note></query></iq>");
  if (told.vcard) await juliet.ask("<iq type='set'><vCard xmlns='vcard-temp'><FN>Juliet Capulet</FN></vCard></iq>");
  if (told.blocking) await juliet.ask(`<iq type='set'><block xmlns='urn:xmpp:blocking'><item jid='${jid('tybalt')}'/></block></iq>`);
  for (const client of [juliet, romeo, nurse, tybalt]) client.disconnect();

  await administer(['account', 'disable', jid('tybalt')]);
  await administer(['account', 'delete', jid('ghost')]);
  return told;
}

/** Looks for all of it. */
export async function find(site, administer, told) {
  const accounts = await administer(['account', 'list']);
  assert.match(accounts, /^juliet@localhost +active +administrator$/m);
  assert.match(accounts, /^tybalt@localhost +disabled$/m);
  assert.doesNotMatch(accounts, /ghost@localhost +active/);
  // The deletion that was under way is done by now, or goes on.
  assert.doesNotMatch(accounts, /rosaline@localhost +active/);
  await assert.rejects(administer(['account', 'add', jid('ghost'), '--password-stdin'], 'again'));
  await assert.rejects(Client.connect(site, `${jid('tybalt')}/new`, password('tybalt')));

  const [juliet, romeo, nurse] = await Promise.all(
    ['juliet', 'romeo', 'nurse'].map((name) => Client.connect(site, `${jid(name)}/new`, password(name))),
  );
  const posts = await romeo.items(jid('juliet'), MICROBLOG);
  for (const [at, text] of POSTS.entries()) assert.ok(posts.includes(xml(text)), `post ${at} is missing in ${posts}`);
  assert.match(posts, /one white paw\? She answers to Prudence\. #verona Found!/);
  assert.doesNotMatch(posts, /should not have said/);
  const tag = await romeo.items('pubsub.localhost', 'tag/verona');
  assert.equal(tag.match(/<item /g).length, 4, tag);
  const home = await romeo.items(jid('romeo'), 'urn:x-folkmoot:home:0');
  for (const text of ['Good night', 'Zwölf Gläser']) assert.ok(home.includes(text), home);
  const page = await (await fetch(`${site}/@juliet`)).text();
  assert.match(page, /Quittengelee/);
  assert.equal((await fetch(`${site}/@ghost`)).status, 404);

  const roster = await juliet.ask("<iq type='get'><query xmlns='jabber:iq:roster'/></iq>");
  for (const part of [/subscription=["']both["']/, /My only love/, /<group>Balcony<\/group>/]) assert.match(roster, part);
  await assert.rejects(romeo.items(jid('nurse'), MICROBLOG), /presence-subscription-required|not-authorized|item-not-found/);
  assert.match(await nurse.items(jid('nurse'), MICROBLOG), /my own people only/);
  assert.match(await nurse.items(jid('nurse'), 'urn:xmpp:bookmarks:1'), /The square/);
  nurse.send('<presence/>');
  for (const at of [1, 2, 3]) await nurse.sees(new RegExp(`Message ${at} for the nurse`));
  await nurse.sees(/type=["']subscribe["']/);
  assert.match(await juliet.ask("<iq type='get'><devices xmlns='urn:x-folkmoot:devices:0'/></iq>"), /Kitchen tablet/);
  if (told.private) assert.match(await juliet.ask("<iq type='get'><query xmlns='jabber:iq:private'><note xmlns='example:note'/></query></iq>"), /Feed Prudence/);
  if (told.vcard) assert.match(await juliet.ask("<iq type='get'><vCard xmlns='vcard-temp'/></iq>"), /Juliet Capulet/);
  if (told.blocking) assert.match(await juliet.ask("<iq type='get'><blocklist xmlns='urn:xmpp:blocking'/></iq>"), /tybalt@localhost/);

  // And life goes on.
  juliet.send('<presence/>');
  await juliet.publish(MICROBLOG, 'today', entry('We have moved house #verona'));
  assert.equal((await romeo.items('pubsub.localhost', 'tag/verona')).match(/<item /g).length, 5);
  for (const client of [juliet, romeo, nurse]) client.disconnect();
}

const xml = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
