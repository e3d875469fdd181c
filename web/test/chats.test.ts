import './fake/dom';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Chats } from '../src/model/chats';
import { MOST_CONVERSATIONS, MOST_MESSAGES } from '../src/model/chat-store';
import { LinkLost } from '../src/xmpp/errors';
import { FakeClock, settled } from './fake/dial';
import { memory, scripted, stanza } from './fake/link';

const ME = 'juliet@localhost';
const ROMEO = 'romeo@localhost';

function setUp(storage = memory(), trusted = [ROMEO]) {
  const clock = new FakeClock();
  let counter = 0;
  const chats = new Chats(ME, storage, clock, (task) => task(), {
    isTrusted: (jid) => trusted.includes(jid),
    newId: () => `own-${++counter}`,
    retractionText: () => 'Taken back',
  });
  const link = scripted(ME);
  const receive = (text: string) => chats.receive(stanza(text), link);
  const say = (id: string, body: string, extra = '', from = `${ROMEO}/orchard`) =>
    receive(`<message xmlns='jabber:client' type='chat' from='${from}' to='${ME}' id='${id}'>
      <body>${body}</body>${extra}</message>`);
  const bodies = (jid = ROMEO) => chats.messages(jid).value.map(({ body }) => body);
  const states = () => chats.messages(ROMEO).value.map(({ delivery }) => delivery);
  return { clock, chats, link, storage, receive, say, bodies, states };
}

const REQUEST = "<request xmlns='urn:xmpp:receipts'/>";

test('a message goes out, is taken by the server, and arrives', async () => {
  const { chats, link, receive, states } = setUp();
  chats.connect(link);
  chats.send(ROMEO, ' Art thou not Romeo? ');
  assert.deepEqual(states(), ['waiting']);
  await settled();
  assert.match(
    link.sent[0] ?? '',
    /^<message xmlns="jabber:client" to="romeo@localhost" id="own-1" type="chat"><body>Art thou not Romeo\?<\/body>/,
  );
  assert.deepEqual(states(), ['sent']);
  receive(
    `<message xmlns='jabber:client' from='mallory@localhost/x' type='chat'><received xmlns='urn:xmpp:receipts' id='own-1'/></message>`,
  );
  assert.deepEqual(states(), ['sent'], 'only the addressee confirms');
  receive(
    `<message xmlns='jabber:client' from='${ROMEO}/x' type='chat'><received xmlns='urn:xmpp:receipts' id='own-1'/></message>`,
  );
  assert.deepEqual(states(), ['delivered']);
});

test('what is written without a connection waits, survives a reload, and goes out once', async () => {
  const { chats, storage } = setUp();
  chats.send(ROMEO, 'One');
  chats.send(ROMEO, 'Two');
  const next = setUp(storage);
  next.chats.connect(next.link);
  next.chats.connect(next.link);
  await settled();
  assert.equal(next.link.sent.length, 2);
  assert.deepEqual(next.states(), ['sent', 'sent']);
});

test('without the server’s word a message is sent again, under the same id', async () => {
  const { chats, states } = setUp();
  const broken = scripted(ME, () => Promise.reject(new LinkLost()));
  chats.connect(broken);
  chats.send(ROMEO, 'Hello');
  await settled();
  assert.deepEqual(states(), ['waiting']);
  chats.disconnect();
  const link = scripted(ME);
  chats.connect(link);
  await settled();
  assert.match(link.sent[0] ?? '', /id="own-1"/);
  assert.deepEqual(states(), ['sent']);
});

test('a message that comes back says why, and can be sent again', async () => {
  const { chats, link, receive, states, storage } = setUp();
  chats.connect(link);
  chats.send(ROMEO, 'Hello');
  await settled();
  const error = `<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`;
  receive(
    `<message xmlns='jabber:client' from='mallory@localhost' type='error' id='own-1'>${error}</message>`,
  );
  assert.deepEqual(states(), ['sent'], 'others cannot spoil it');
  assert.deepEqual(
    [...storage.kept.keys()].filter((key) => key.includes('mallory')),
    [],
  );
  receive(
    `<message xmlns='jabber:client' from='${ROMEO}' type='error' id='own-1'>${error}</message>`,
  );
  assert.deepEqual(states(), ['failed']);
  assert.equal(chats.messages(ROMEO).value[0]?.error, 'service-unavailable');
  chats.retry(ROMEO, 'own-1');
  await settled();
  assert.deepEqual(states(), ['sent']);
});

test('what comes is kept, counted until it is seen, and confirmed to contacts only', () => {
  const { chats, link, say, storage, bodies } = setUp();
  say('a', 'But soft', REQUEST);
  say('b', 'What light', REQUEST, 'stranger@localhost/x');
  assert.deepEqual(link.sent, [
    `<message xmlns="jabber:client" to="${ROMEO}" type="chat"><received xmlns="urn:xmpp:receipts" id="a"/></message>`,
  ]);
  assert.equal(chats.list.value.find(({ jid }) => jid === ROMEO)?.unread, 1);
  chats.look(ROMEO);
  say('c', 'Through yonder window');
  assert.equal(chats.list.value.find(({ jid }) => jid === ROMEO)?.unread, 0);
  chats.look(undefined);
  say('d', 'breaks?');
  assert.equal(chats.list.value.find(({ jid }) => jid === ROMEO)?.unread, 1);
  assert.deepEqual(bodies(), ['But soft', 'Through yonder window', 'breaks?']);
  assert.deepEqual(setUp(storage).bodies(), bodies());
});

test('copies of others’ messages are nobody’s messages', () => {
  const { chats, receive } = setUp();
  for (const wrapper of ['sent', 'received']) {
    for (const from of ['mallory@localhost', `${ME}/other`, `${ROMEO}/x`]) {
      receive(`<message xmlns='jabber:client' from='${from}' to='${ME}/web' type='chat'>
        <${wrapper} xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>
        <message xmlns='jabber:client' from='${ROMEO}/x' to='${ME}' type='chat' id='f'><body>Forged</body></message>
        </forwarded></${wrapper}></message>`);
    }
  }
  assert.deepEqual(chats.list.value, []);
  assert.deepEqual(chats.messages(ROMEO).value, []);
});

test('headlines, group messages, events and one’s own echo are no conversation', () => {
  const { chats, receive } = setUp();
  for (const type of ['headline', 'groupchat']) {
    assert.equal(
      receive(
        `<message xmlns='jabber:client' from='${ROMEO}' type='${type}'><body>x</body></message>`,
      ),
      false,
    );
  }
  assert.equal(
    receive(`<message xmlns='jabber:client' from='${ME}/x' type='chat'><body>x</body></message>`),
    false,
  );
  assert.equal(
    receive(
      `<message xmlns='jabber:client' from='${ROMEO}'><event xmlns='http://jabber.org/protocol/pubsub#event'/></message>`,
    ),
    false,
  );
  assert.deepEqual(chats.list.value, []);
});

const delay = (from: string, stamp: string) =>
  `<delay xmlns='urn:xmpp:delay' from='${from}' stamp='${stamp}'/>`;

test('what waited on the server stands where it was said; nobody else moves a message in time', () => {
  const { chats, say, bodies, clock } = setUp();
  chats.send(ROMEO, 'Mine, now');
  say('late', 'Said last night', delay('localhost', '2026-12-31T20:00:00Z'));
  say('sly', 'I said this first', delay(ROMEO, '2020-01-01T00:00:00Z'));
  say('future', 'From tomorrow', delay('localhost', '2036-01-01T00:00:00Z'));
  assert.deepEqual(bodies(), [
    'Said last night',
    'Mine, now',
    'I said this first',
    'From tomorrow',
  ]);
  const [late, , sly, future] = chats.messages(ROMEO).value;
  assert.deepEqual([late?.isLate, sly?.isLate], [true, false]);
  assert.equal(future?.at, clock.now());
});

test('a copy that another tab has kept is not shown twice; a repeated id with other words is', async () => {
  const { say, storage, clock, bodies } = setUp();
  say('1', 'Hello');
  setUp(storage).say('1', 'Hello');
  assert.deepEqual(setUp(storage).bodies(), ['Hello']);
  say('1', 'Hello again');
  await clock.advance(120_000);
  say('1', 'Hello');
  assert.deepEqual(bodies(), ['Hello', 'Hello again', 'Hello']);
});

test('what one tab shows is read in all, whichever kept it first', () => {
  const shown = setUp();
  const hidden = setUp(shown.storage);
  shown.chats.look(ROMEO);
  hidden.say('1', 'Hello');
  shown.say('1', 'Hello');
  shown.say('2', 'Again');
  hidden.say('2', 'Again');
  hidden.chats.reload(`folkmoot.chats.${ME}`);
  assert.deepEqual(
    hidden.chats.list.value.map(({ unread }) => unread),
    [0],
  );
});

test('who is typing is shown until they stop, write, or fall silent', async () => {
  const { chats, receive, say, clock } = setUp();
  const state = (name: string) =>
    receive(
      `<message xmlns='jabber:client' from='${ROMEO}/x' type='chat'><${name} xmlns='http://jabber.org/protocol/chatstates'/></message>`,
    );
  const isTyping = () => chats.typing.who.value.has(ROMEO);
  state('composing');
  assert.ok(isTyping());
  state('paused');
  assert.ok(!isTyping());
  state('composing');
  say('1', 'Hello');
  assert.ok(!isTyping());
  state('composing');
  await clock.advance(60_000);
  assert.ok(!isTyping());
  assert.deepEqual(
    chats.list.value.map(({ unread }) => unread),
    [1],
  );
});

test('one’s own typing is told to those who tell theirs', async () => {
  const { chats, link, say, clock } = setUp();
  chats.connect(link);
  chats.type(ROMEO, 'D');
  assert.deepEqual(link.sent, []);
  say('1', 'Hello', "<active xmlns='http://jabber.org/protocol/chatstates'/>");
  chats.type(ROMEO, 'De');
  chats.type(ROMEO, 'Dear');
  await clock.advance(10_000);
  chats.type(ROMEO, 'Dear R');
  chats.type(ROMEO, '');
  assert.deepEqual(
    link.sent.map(
      (text) => /<(\w+) xmlns="http:\/\/jabber.org\/protocol\/chatstates"/.exec(text)?.[1],
    ),
    ['composing', 'paused', 'composing', 'active'],
  );
});

test('a draft is kept with its conversation until it is sent', () => {
  const { chats, storage } = setUp();
  chats.type(ROMEO, 'Dear Ro');
  assert.equal(setUp(storage).chats.list.value[0]?.draft, 'Dear Ro');
  chats.send(ROMEO, 'Dear Romeo');
  assert.equal(setUp(storage).chats.list.value[0]?.draft, '');
});

test('what is kept is bounded', () => {
  const { chats, say, storage, bodies, clock } = setUp();
  for (let index = 0; index < MOST_MESSAGES + 10; index++) say(`m${index}`, `Message ${index}`);
  assert.equal(bodies().length, MOST_MESSAGES);
  assert.equal(bodies().at(-1), `Message ${MOST_MESSAGES + 9}`);
  for (let index = 0; index < MOST_CONVERSATIONS + 5; index++) {
    void clock.advance(1_000);
    say('1', 'Hello', '', `stranger${index}@localhost/x`);
  }
  assert.equal(chats.list.value.length, MOST_CONVERSATIONS);
  assert.equal(storage.kept.size, MOST_CONVERSATIONS + 1);
  const long = 'x'.repeat(20_000);
  for (let index = 0; index < 10; index++) say(`l${index}`, long, '', 'windbag@localhost/x');
  assert.ok((storage.kept.get(`folkmoot.chats.${ME}/windbag@localhost`) ?? '').length < 100_000);
});

test('signing out leaves nothing', () => {
  const { chats, say, storage } = setUp();
  say('1', 'Hello');
  chats.send('nurse@localhost', 'Nurse!');
  chats.erase();
  assert.equal(storage.kept.size, 0);
  assert.deepEqual(chats.list.value, []);
});

test('a full storage costs no message of this page', () => {
  const storage = {
    ...memory(),
    setItem: () => {
      throw new Error('full');
    },
  };
  const { chats, say, bodies } = setUp(storage);
  say('1', 'Hello');
  chats.send(ROMEO, 'Good day');
  assert.deepEqual(bodies(), ['Hello', 'Good day']);
  assert.equal(chats.list.value[0]?.latest?.body, 'Good day');
});

const RESULT = (id: string, from: string, to: string, content: string, queryid: string) =>
  `<message xmlns='jabber:client' from='${ME}' to='${ME}/web'><result xmlns='urn:xmpp:mam:2' queryid='${queryid}' id='${id}'>
    <forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2026-12-31T23:00:00Z'/>
    <message xmlns='jabber:client' type='chat' from='${from}' to='${to}' id='m-${id}'>${content}</message></forwarded></result></message>`;

const FIN = (first: string, last: string, isComplete: boolean) =>
  `<fin xmlns='urn:xmpp:mam:2' complete='${isComplete}'><set xmlns='http://jabber.org/protocol/rsm'><first>${first}</first><last>${last}</last></set></fin>`;

/** A server with an archive of messages from Romeo, numbered from 1; asked by the ids of messages. */
function archiveOf(count: number, receive: (text: string) => void) {
  return (request: string): string | undefined => {
    const queryid = /queryid="([^"]+)"/.exec(request)?.[1];
    if (queryid === undefined) return undefined;
    const max = Number(/<max>(\d+)<\/max>/.exec(request)?.[1]);
    const before = /<before>(\d+)<\/before>/.exec(request)?.[1];
    const after = /<after>(\d+)<\/after>/.exec(request)?.[1];
    const ids = Array.from({ length: count }, (_, index) => index + 1)
      .filter((id) => before === undefined || id < Number(before))
      .filter((id) => after === undefined || id > Number(after));
    const page = after === undefined ? ids.slice(-max) : ids.slice(0, max);
    for (const id of page) {
      receive(RESULT(String(id), `${ROMEO}/x`, ME, `<body>Sigh ${id}</body>`, queryid));
    }
    return FIN(String(page[0] ?? ''), String(page.at(-1) ?? ''), page.length === ids.length);
  };
}

test('a browser that knows nothing finds the newest, and what is older on demand', async () => {
  const { chats, receive, bodies } = setUp();
  chats.connect(scripted(ME, archiveOf(180, receive)));
  await settled();
  assert.equal(bodies().length, 100);
  assert.equal(bodies().at(-1), 'Sigh 180');
  assert.equal(chats.history.reach.value.isWhole, false);
  await chats.history.older(ROMEO);
  await chats.history.older(ROMEO);
  assert.equal(bodies()[0], 'Sigh 1');
  assert.equal(bodies().length, 180);
  assert.equal(chats.history.of(ROMEO).value.isWhole, true);
  // Nothing was ever read here, and nothing said.
  assert.equal(chats.list.value[0]?.unread, 100);
});

test('what was missed is fetched from where it stopped; too much is given up for the newest', async () => {
  const first = setUp();
  first.chats.connect(scripted(ME, archiveOf(3, first.receive)));
  await settled();
  assert.deepEqual(first.bodies(), ['Sigh 1', 'Sigh 2', 'Sigh 3']);
  first.chats.look(ROMEO);
  first.chats.look(undefined);
  const next = setUp(first.storage);
  const link = scripted(ME, archiveOf(5, next.receive));
  next.chats.connect(link);
  await settled();
  assert.deepEqual(next.bodies().slice(-2), ['Sigh 4', 'Sigh 5']);
  assert.ok(link.asked.some((request) => request.includes('<after>3</after>')));
  assert.equal(next.chats.list.value[0]?.unread, 2);
  // In as many pages as it takes.
  const more = setUp(next.storage);
  more.chats.connect(scripted(ME, archiveOf(230, more.receive)));
  await settled();
  assert.equal(more.bodies().length, 230);
  const late = setUp(more.storage);
  late.chats.connect(scripted(ME, archiveOf(5_000, late.receive)));
  await settled();
  assert.equal(late.bodies()[0], 'Sigh 4901');
});

test('what one wrote and the archive has is not sent again', async () => {
  const { chats, storage } = setUp();
  chats.send(ROMEO, 'Once');
  const next = setUp(storage);
  const link = scripted(ME, (request) => {
    const queryid = /queryid="([^"]+)"/.exec(request)?.[1];
    if (queryid === undefined) return undefined;
    next.receive(
      RESULT('1', `${ME}/old`, ROMEO, '<body>Once</body>', queryid).replace('m-1', 'own-1'),
    );
    return FIN('1', '1', true);
  });
  next.chats.connect(link);
  await settled();
  assert.deepEqual(next.states(), ['sent']);
  assert.deepEqual(link.sent, []);
});

test('what is read here is told once, to the author where they are a contact and ask', async () => {
  const { chats, link, say, clock } = setUp();
  chats.connect(
    scripted(ME, (request) =>
      request.includes('disco#info')
        ? `<query xmlns='http://jabber.org/protocol/disco#info'><feature var='urn:xmpp:mds:server-assist:0'/></query>`
        : undefined,
    ),
  );
  await settled();
  const asking = scripted(ME, () => undefined);
  chats.disconnect();
  chats.connect(asking);
  await settled();
  const id = (archiveId: string) =>
    `<stanza-id xmlns='urn:xmpp:sid:0' by='${ME}' id='${archiveId}'/>`;
  chats.look(ROMEO);
  say('a', 'But soft', id('a1'));
  say('b', 'What light', id('a2'));
  await clock.advance(1_000);
  const told = asking.asked.filter((request) => request.includes('<publish '));
  assert.equal(told.length, 1);
  assert.match(told[0] ?? '', /<item id="romeo@localhost">.*id="a2"/);
  assert.deepEqual(link.sent, []);
});

test('what another device has read is read', async () => {
  const { chats, say, receive } = setUp();
  chats.connect(scripted(ME));
  await settled();
  const id = (archiveId: string) =>
    `<stanza-id xmlns='urn:xmpp:sid:0' by='${ME}' id='${archiveId}'/>`;
  say('a', 'But soft', id('a1'));
  say('b', 'What light', id('a2'));
  const event = (archiveId: string, from = ME) =>
    receive(`<message xmlns='jabber:client' type='headline' from='${from}' to='${ME}/web'>
      <event xmlns='http://jabber.org/protocol/pubsub#event'><items node='urn:xmpp:mds:displayed:0'><item id='${ROMEO}'>
      <displayed xmlns='urn:xmpp:mds:displayed:0'><stanza-id xmlns='urn:xmpp:sid:0' by='${ME}' id='${archiveId}'/></displayed></item></items></event></message>`);
  const unread = () => chats.list.value[0]?.unread;
  assert.equal(unread(), 2);
  event('a2', 'mallory@localhost');
  assert.equal(unread(), 2);
  event('a1');
  assert.equal(unread(), 1);
  event('a2');
  assert.equal(unread(), 0);
  // It never goes back.
  event('a1');
  assert.equal(unread(), 0);
});

test('strangers that wait are listed, and drop out when they are dealt with', async () => {
  const { chats, receive } = setUp();
  const link = scripted(ME, (request) =>
    request.includes('<requests')
      ? `<requests xmlns='urn:x-folkmoot:message-requests:0'><request jid='paris@localhost' count='2'/></requests>`
      : undefined,
  );
  chats.connect(link);
  await settled();
  const waiting = () => chats.strangers.list.value.map(({ jid, count }) => [jid, count]);
  assert.deepEqual(waiting(), [['paris@localhost', 2]]);
  const news = (jid: string, count: number, from = ME) =>
    receive(`<message xmlns='jabber:client' type='headline' from='${from}'><requests xmlns='urn:x-folkmoot:message-requests:0'>
      <request jid='${jid}' count='${count}'/></requests></message>`);
  news('tybalt@localhost', 1, 'mallory@localhost');
  news('nurse@localhost', 1);
  assert.deepEqual(waiting(), [
    ['nurse@localhost', 1],
    ['paris@localhost', 2],
  ]);
  await chats.accept('paris@localhost');
  news('nurse@localhost', 0);
  assert.deepEqual(waiting(), []);
  assert.ok(link.asked.some((request) => request.includes('<accept') && request.includes('paris')));
});
