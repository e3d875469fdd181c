import './fake/dom';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readEvent, readPost, writeEntry } from '../src/xmpp/atom';
import { parseItemUri } from '../src/xmpp/jid';
import { parse, x } from '../src/xmpp/xml';

const NOW = Date.UTC(2027, 0, 1);

function read(xml: string, service = 'juliet@localhost') {
  const element = parse(xml);
  assert.ok(element, 'the test itself must be well-formed');
  return readPost(element, service, NOW);
}

const ITEM = (entry: string, attributes = "id='7'") =>
  `<item xmlns='http://jabber.org/protocol/pubsub' ${attributes}>
     <entry xmlns='http://www.w3.org/2005/Atom'>${entry}</entry></item>`;

test('a post from a virtual node names its origin', () => {
  const post = read(
    ITEM(
      `<title type='text'>Hello #Rust</title><id>tag:localhost,2027:x</id>
       <published>2026-12-31T23:00:00Z</published><updated>2026-12-31T23:30:00Z</updated>
       <author><name>Juliet C.</name><uri>xmpp:juliet@localhost</uri></author>
       <category term='Rust'/>
       <link rel='alternate' href='xmpp:juliet@localhost?;node=urn%3Axmpp%3Amicroblog%3A0;item=a%2Fb'/>
       <link rel='alternate' type='text/html' href='https://localhost/@juliet/123'/>
       <origin xmlns='urn:x-folkmoot:origin:0' uri='xmpp:juliet@localhost?;node=urn%3Axmpp%3Amicroblog%3A0;item=a%2Fb'/>
       <future xmlns='urn:example:unknown'><deep/></future>`,
      "id='123' publisher='juliet@localhost'",
    ),
    'pubsub.localhost',
  );
  assert.deepEqual(post, {
    uid: 'juliet@localhost/a/b',
    author: 'juliet@localhost',
    authorName: 'Juliet C.',
    item: 'a/b',
    id: '123',
    heading: undefined,
    text: 'Hello #Rust',
    tags: ['rust'],
    published: Date.UTC(2026, 11, 31, 23),
    updated: Date.UTC(2026, 11, 31, 23, 30),
    page: 'https://localhost/@juliet/123',
  });
});

test('a post from its author’s own node has the publisher’s id', () => {
  const post = read(ITEM('<title>Hi</title>', "id='abc'"));
  assert.equal(post?.uid, 'juliet@localhost/abc');
  assert.equal(post.item, 'abc');
  assert.equal(post.published, NOW, 'without a time it is now');
});

test('a long post has its heading, a repeated beginning is none', () => {
  const long = read(ITEM("<title>On moots</title><content type='text'>They stood.</content>"));
  assert.equal(long?.heading, 'On moots');
  assert.equal(long.text, 'They stood.');
  const twin = read(ITEM('<title>They sto…</title><content>They stood.</content>'));
  assert.equal(twin?.heading, undefined);
});

test('rich text is read as text', () => {
  const xhtml = read(
    ITEM(`<content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'>
      <p>One <b>bold</b></p><p>two<br/>three</p><script>alert(1)</script></div></content>`),
  );
  assert.match(xhtml?.text ?? '', /^One bold\s+two\nthree/);
  const both = read(
    ITEM(`<content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'>rich</div></content>
      <content type='text'>plain</content>`),
  );
  assert.equal(both?.text, 'plain', 'the plain twin counts');
});

test('what is no post is not read', () => {
  assert.equal(read(ITEM('<title>feed</title>', "id='0'")), undefined);
  assert.equal(read(ITEM('<title>x</title>', '')), undefined);
  assert.equal(read("<item xmlns='urn:x' id='1'><geoloc xmlns='urn:y'/></item>"), undefined);
});

test('only web addresses become a page', () => {
  const post = read(ITEM("<title>x</title><link rel='alternate' href='javascript:alert(1)'/>"));
  assert.equal(post?.page, undefined);
});

test('an entry that is written can be read again', () => {
  const text = 'a < b & "c" \u0000\ud800 ]]> #ünï 🌳\nnext';
  const xml = x(
    'item',
    { xmlns: 'http://jabber.org/protocol/pubsub', id: '1' },
    writeEntry(text, ['ünï']),
  );
  const post = read(xml.text);
  assert.equal(post?.text, 'a < b & "c"  ]]> #ünï 🌳\nnext');
  assert.deepEqual(post.tags, ['ünï']);
});

test('events bring posts and retractions, and nothing else is an event', () => {
  const event = parse(
    `<message xmlns='jabber:client' from='romeo@localhost' type='headline'>
       <event xmlns='http://jabber.org/protocol/pubsub#event'>
         <items node='urn:x-folkmoot:home:0'>
           <item id='9'><entry xmlns='http://www.w3.org/2005/Atom'><title>x</title></entry></item>
           <retract id='8'/><unknown/></items></event></message>`,
  );
  assert.ok(event);
  const read = readEvent(event, 'romeo@localhost', NOW);
  assert.equal(read?.node, 'urn:x-folkmoot:home:0');
  assert.equal(read.from, 'romeo@localhost');
  assert.deepEqual(
    read.posts.map((post) => post.id),
    ['9'],
  );
  assert.deepEqual(read.retracted, ['8']);
  const chat = parse("<message xmlns='jabber:client'><body>hi</body></message>");
  assert.ok(chat);
  assert.equal(readEvent(chat, 'romeo@localhost', NOW), undefined);
});

test('item addresses are read encoded and bare', () => {
  const expected = { jid: 'j@x.org', node: 'urn:xmpp:microblog:0', item: 'a b' };
  assert.deepEqual(
    parseItemUri('xmpp:J@x.org?;node=urn%3Axmpp%3Amicroblog%3A0;item=a%20b'),
    expected,
  );
  assert.deepEqual(parseItemUri('xmpp:j@x.org?;node=urn:xmpp:microblog:0;item=a b'), expected);
  assert.equal(parseItemUri('https://x.org/'), undefined);
});
