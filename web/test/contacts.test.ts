import './fake/dom';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Contacts } from '../src/model/contacts';
import { Follows } from '../src/model/follows';
import { readGroups } from '../src/model/roster';
import { FakeClock } from './fake/dial';
import { memory, scripted, stanza } from './fake/link';

const ME = 'juliet@localhost';
const NURSE = 'nurse@localhost';
const ROMEO = 'romeo@localhost';

const ROSTER = `<query xmlns='jabber:iq:roster' ver='v1'>
  <item jid='Nurse@localhost' name='Angelica' subscription='both'><group>Home</group></item>
  <item jid='tybalt@localhost' subscription='from'/></query>`;

async function setUp() {
  let roster = ROSTER;
  const link = scripted(ME, (request) => {
    if (request.includes('jabber:iq:roster')) return roster;
    if (request.includes('<blocklist')) {
      return "<blocklist xmlns='urn:xmpp:blocking'><item jid='paris@localhost'/></blocklist>";
    }
    if (request.includes('#owner')) {
      return `<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><subscriptions node='urn:xmpp:microblog:0'>
        <subscription jid='romeo@localhost' subscription='pending'/>
        <subscription jid='nurse@localhost' subscription='subscribed'/></subscriptions></pubsub>`;
    }
    return undefined;
  });
  const storage = memory();
  const follows = new Follows({
    onChange: () => undefined,
    onClosed: () => undefined,
    onWithdrawn: () => undefined,
  });
  const clock = new FakeClock();
  const contacts = new Contacts(ME, storage, follows, clock);
  await contacts.connect(link, Promise.resolve());
  link.sent.length = 0;
  const receive = (text: string) => contacts.receive(stanza(text), link);
  return {
    link,
    contacts,
    clock,
    storage,
    receive,
    answerRosterWith: (text: string) => (roster = text),
  };
}

const push = (from: string, items: string, name = 'query', ns = 'jabber:iq:roster') =>
  `<iq xmlns='jabber:client' type='set' id='p1' ${from}><${name} xmlns='${ns}' ver='v2'>${items}</${name}></iq>`;

test('the roster is asked for before presence is sent, and read whole', async () => {
  const { contacts, link } = await setUp();
  assert.match(link.asked[0] ?? '', /^get {2}<query xmlns="jabber:iq:roster"\/>/);
  assert.deepEqual(contacts.roster.of(NURSE), {
    jid: NURSE,
    name: 'Angelica',
    groups: ['Home'],
    subscription: 'both',
    isAsked: false,
  });
  assert.deepEqual([...(contacts.blocked.jids.value ?? [])], ['paris@localhost']);
});

test('an unchanged roster is not sent again', async () => {
  const { contacts, link, answerRosterWith } = await setUp();
  answerRosterWith('');
  await contacts.connect(link, Promise.resolve());
  assert.ok(link.asked.some((request) => request.includes('ver="v1"')));
  assert.equal(contacts.roster.contacts.value?.size, 2);
});

test('pushes of the server change the roster and are confirmed', async () => {
  const { contacts, link, receive } = await setUp();
  assert.ok(receive(push('', `<item jid='${ROMEO}' subscription='to' ask='subscribe'/>`)));
  assert.equal(contacts.roster.of(ROMEO)?.isAsked, true);
  assert.ok(receive(push(`from='${ME}'`, `<item jid='${ROMEO}' subscription='remove'/>`)));
  assert.equal(contacts.roster.of(ROMEO), undefined);
  assert.deepEqual(link.sent, [
    '<iq xmlns="jabber:client" id="p1" type="result"/>',
    `<iq xmlns="jabber:client" to="${ME}" id="p1" type="result"/>`,
  ]);
});

test('what others send as if it were a push changes nothing and is not confirmed', async () => {
  const { contacts, link, receive } = await setUp();
  const before = contacts.roster.contacts.value;
  const forged = `<item jid='mallory@localhost' subscription='both' name='Nurse'/>`;
  for (const from of [ROMEO, `${ROMEO}/x`, `${ME}/other`, 'localhost', `${ME}.evil.example`]) {
    assert.equal(receive(push(`from='${from}'`, forged)), false, from);
    assert.equal(
      receive(push(`from='${from}'`, `<item jid='${NURSE}'/>`, 'block', 'urn:xmpp:blocking')),
      false,
    );
    assert.equal(receive(push(`from='${from}'`, '', 'unblock', 'urn:xmpp:blocking')), false, from);
  }
  assert.equal(contacts.roster.contacts.value, before);
  assert.deepEqual([...(contacts.blocked.jids.value ?? [])], ['paris@localhost']);
  assert.deepEqual(link.sent, []);
});

test('a push with two items, or of an unknown kind, is none', async () => {
  const { receive } = await setUp();
  assert.equal(receive(push('', `<item jid='a@b'/><item jid='c@d'/>`)), false);
  assert.equal(receive(push('', `<item jid='a@b' subscription='friends'/>`)), false);
  assert.equal(receive(push('', '')), false);
});

test('somebody is there as their best resource is; and was last seen when the last one left', async () => {
  const { contacts, receive, clock } = await setUp();
  const presence = (resource: string, content: string, attributes = '') =>
    receive(
      `<presence xmlns='jabber:client' from='${NURSE}/${resource}' ${attributes}>${content}</presence>`,
    );
  presence('kitchen', '<show>away</show>');
  presence('street', '<show>dnd</show><status>With Peter</status><priority>5</priority>');
  assert.deepEqual(contacts.presences.of(NURSE), {
    show: 'dnd',
    status: 'With Peter',
    since: undefined,
  });
  presence('kitchen', '');
  assert.equal(contacts.presences.of(NURSE).show, 'available');
  presence('kitchen', '', "type='unavailable'");
  assert.equal(contacts.presences.of(NURSE).show, 'dnd');
  presence('street', '<status>Asleep</status>', "type='unavailable'");
  assert.deepEqual(contacts.presences.of(NURSE), {
    show: undefined,
    status: 'Asleep',
    since: clock.now(),
  });
});

test('the server says since when somebody is away', async () => {
  const { contacts, receive } = await setUp();
  receive(`<presence xmlns='jabber:client' from='${NURSE}' type='unavailable'>
    <delay xmlns='urn:xmpp:delay' stamp='2026-11-21T08:00:00Z'/></presence>`);
  assert.equal(contacts.presences.of(NURSE).since, Date.UTC(2026, 10, 21, 8));
});

test('strangers’ presence is nobody’s business, and that of a former contact goes', async () => {
  const { contacts, receive } = await setUp();
  receive(`<presence xmlns='jabber:client' from='${ROMEO}/x'/>`);
  receive(`<presence xmlns='jabber:client' from='tybalt@localhost/x'/>`);
  assert.equal(contacts.presences.of(ROMEO).show, undefined);
  assert.equal(contacts.presences.of('tybalt@localhost').show, undefined);
  receive(`<presence xmlns='jabber:client' from='${NURSE}/x'/>`);
  receive(push('', `<item jid='${NURSE}' subscription='from'/>`));
  assert.equal(contacts.presences.of(NURSE).show, undefined);
});

test('a request that is answered on another device waits no longer', async () => {
  const { contacts, receive } = await setUp();
  receive(`<presence xmlns='jabber:client' from='${ROMEO}' type='subscribe'/>`);
  assert.deepEqual(contacts.requests.incoming.value, [ROMEO]);
  receive(push('', `<item jid='${ROMEO}' subscription='from'/>`));
  assert.deepEqual(contacts.requests.incoming.value, []);
});

const FORM = (from: string) => `<message xmlns='jabber:client' ${from} to='${ME}/web' id='r'>
  <x xmlns='jabber:x:data' type='form'>
    <field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#subscribe_authorization</value></field>
    <field var='pubsub#subid' type='hidden'><value>7</value></field>
    <field var='pubsub#node'><value>urn:xmpp:microblog:0</value></field>
    <field var='pubsub#subscriber_jid'><value>${ROMEO}</value></field>
    <field var='pubsub#allow' type='boolean'><value>false</value></field></x></message>`;

test('who asks to follow is shown once, only on the word of one’s own account, and answered', async () => {
  const { contacts, receive, link } = await setUp();
  const { requests } = contacts;
  assert.equal(receive(FORM("from='mallory@localhost'")), false);
  assert.deepEqual(requests.applicants.value, []);
  receive(FORM(`from='${ME}'`));
  await requests.review(link);
  const applicant = { jid: ROMEO, node: 'urn:xmpp:microblog:0' };
  assert.deepEqual(requests.applicants.value, [applicant]);
  await requests.decide(link, applicant, 'allow');
  assert.match(
    link.asked.at(-1) ?? '',
    /^set {2}<pubsub xmlns=".*#owner"><subscriptions node="urn:xmpp:microblog:0"><subscription jid="romeo@localhost" subscription="subscribed"\/>/,
  );
  assert.deepEqual(requests.applicants.value, []);
});

test('adding puts into the roster, then shows and asks', async () => {
  const { contacts, link } = await setUp();
  await contacts.roster.add(link, ROMEO, ' Romeo ', readGroups('Friends,  Verona , Friends,'));
  assert.equal(
    link.asked.at(-1),
    `set  <query xmlns="jabber:iq:roster"><item jid="${ROMEO}" name="Romeo"><group>Friends</group><group>Verona</group></item></query>`,
  );
  assert.deepEqual(
    link.sent.map((text) => /type="(\w+)"/.exec(text)?.[1]),
    ['subscribed', 'subscribe'],
  );
});

test('one’s own status is said, kept for the next visit, and goes with signing out', async () => {
  const { contacts, link, storage, clock } = await setUp();
  contacts.status.set(link, { show: 'dnd', text: ' At the ball ' });
  assert.match(link.sent[0] ?? '', /<show>dnd<\/show><status>At the ball<\/status><c /);
  const follows = new Follows({
    onChange: () => undefined,
    onClosed: () => undefined,
    onWithdrawn: () => undefined,
  });
  const next = new Contacts(ME, storage, follows, clock);
  assert.deepEqual(next.status.state.value, { show: 'dnd', text: 'At the ball' });
  next.erase();
  assert.equal(storage.kept.size, 0);
});
