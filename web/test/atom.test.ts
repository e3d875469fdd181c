import './fake/dom';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readEvent, readPost } from '../src/xmpp/atom';
import { rewriteEntry, writeBoost, writeEntry } from '../src/xmpp/entry';
import { parseItemUri } from '../src/xmpp/jid';
import { parse, x } from '../src/xmpp/xml';

const NOW = Date.UTC(2027, 0, 1);

const HOME = 'urn:x-folkmoot:home:0';
const MICROBLOG = 'urn:xmpp:microblog:0';

function read(xml: string, service = 'juliet@localhost', node = HOME) {
  const element = parse(xml);
  assert.ok(element, 'the test itself must be well-formed');
  return readPost(element, service, node, NOW);
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
    subject: 'juliet@localhost/a/b',
    author: 'juliet@localhost',
    authorName: 'Juliet C.',
    by: 'juliet@localhost',
    isBoost: false,
    origin: { service: 'juliet@localhost', node: 'urn:xmpp:microblog:0', item: 'a/b' },
    id: '123',
    number: '123',
    heading: undefined,
    text: 'Hello #Rust',
    tags: ['rust'],
    published: Date.UTC(2026, 11, 31, 23),
    updated: Date.UTC(2026, 11, 31, 23, 30),
    place: undefined,
    counts: undefined,
    mine: undefined,
    isClosed: false,
  });
});

test('a post from its author’s own node has the publisher’s id', () => {
  const post = read(ITEM('<title>Hi</title>', "id='abc'"));
  assert.equal(post?.uid, 'juliet@localhost/abc');
  assert.equal(post.origin.item, 'abc');
  assert.equal(post.number, undefined);
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

test('of a post’s own links only the number of its own page is taken', () => {
  const number = (href: string) =>
    read(ITEM(`<title>x</title><link rel='alternate' href='${href}'/>`, "id='abc'"))?.number;
  assert.equal(number('https://localhost/@juliet/123'), '123');
  assert.equal(number('https://evil.example/@romeo/123'), undefined);
  assert.equal(number('javascript:alert(1)'), undefined);
  assert.equal(number('https://localhost/@juliet/12x'), undefined);
});

const ORIGIN = (jid: string, node: string, item: string) =>
  `<origin xmlns='urn:x-folkmoot:origin:0'
     uri='xmpp:${jid}?;node=${encodeURIComponent(node)};item=${item}'/>`;

test('a reply says where it stands, and who wrote it', () => {
  const post = read(
    ITEM(
      `<title>Aye</title>${ORIGIN('pubsub.localhost', 'urn:xmpp:microblog:0:comments/100', 'c1')}
       <thread xmlns='urn:x-folkmoot:thread:0' root='100' parent='101' parent-author='Nurse@localhost'/>
       <counts xmlns='urn:x-folkmoot:counts:0' replies='3' likes='2' boosts='-1' liked='true' boosted='b'/>`,
      "id='102' publisher='romeo@localhost/phone'",
    ),
    'pubsub.localhost',
  );
  assert.equal(post?.author, 'romeo@localhost');
  assert.equal(post.subject, 'pubsub.localhost/urn:xmpp:microblog:0:comments/100/c1');
  assert.deepEqual(post.place, { root: '100', parent: '101', parentAuthor: 'nurse@localhost' });
  assert.deepEqual(post.counts, { replies: 3, likes: 2, boosts: 0 });
  assert.deepEqual(post.mine, { liked: true, boosted: 'b' });
});

const BOOST = (extra: string) =>
  ITEM(
    `<title>Hi</title><author><name>Romeo</name><uri>xmpp:romeo@localhost</uri></author>
     <link rel='via' href='xmpp:romeo@localhost?;node=urn%3Axmpp%3Amicroblog%3A0;item=r1'/>${extra}
     ${ORIGIN('juliet@localhost', 'urn:xmpp:microblog:0', 'j1')}
     <boost xmlns='urn:x-folkmoot:boost:0' of='77'/>`,
    "id='99' publisher='juliet@localhost'",
  );

test('a boost is the original, and who boosts it', () => {
  const post = read(BOOST(''), 'juliet@localhost');
  assert.equal(post?.author, 'romeo@localhost');
  assert.equal(post.by, 'juliet@localhost');
  assert.equal(post.isBoost, true);
  assert.equal(post.uid, 'juliet@localhost/j1');
  assert.equal(post.subject, 'romeo@localhost/r1');
  assert.equal(post.number, '77');
  assert.equal(post.id, '99');
});

test('what an author wrote under our names does not count', () => {
  const forged = ITEM(
    `<title>I am Romeo</title>${ORIGIN('romeo@localhost', 'urn:xmpp:microblog:0', 'x')}
     <counts xmlns='urn:x-folkmoot:counts:0' likes='1000'/>
     ${ORIGIN('mallory@localhost', 'urn:xmpp:microblog:0', 'm')}
     <counts xmlns='urn:x-folkmoot:counts:0' likes='0'/>`,
    "id='5' publisher='mallory@localhost'",
  );
  const post = read(forged, 'pubsub.localhost');
  assert.equal(post?.author, 'mallory@localhost');
  assert.equal(post.counts?.likes, 0);
});

test('in a person’s own node nothing of an entry is the server’s word', () => {
  const post = read(
    BOOST("<counts xmlns='urn:x-folkmoot:counts:0' likes='9'/>"),
    'mallory@x',
    MICROBLOG,
  );
  assert.equal(post?.isBoost, false);
  assert.equal(post.counts, undefined);
  assert.equal(post.author, 'mallory@x', 'and nobody else speaks there');
  assert.equal(post.uid, 'mallory@x/99');
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

test('other words leave everything else of an entry as it is', () => {
  const entry = parse(
    `<entry xmlns='http://www.w3.org/2005/Atom' xmlns:geo='urn:geo'>
       <title>Old</title><content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'>Old</div></content>
       <id>tag:x</id><published>2026-01-01T00:00:00Z</published><updated>2026-01-01T00:00:00Z</updated>
       <category term='old'/><geo:point geo:lat='1'>here</geo:point>
       <in-reply-to xmlns='http://purl.org/syndication/thread/1.0' href='xmpp:a'/>
       <counts xmlns='urn:x-folkmoot:counts:0' likes='9'/></entry>`,
  );
  assert.ok(entry);
  const text = rewriteEntry(entry, 'New #one', ['one']).text;
  assert.match(text, /<title type="text">New #one<\/title><category term="one"\/>/);
  assert.match(text, /<id[^>]*>tag:x<\/id><published[^>]*>2026/);
  assert.match(text, /<point xmlns="urn:geo" xmlns:geo="urn:geo" geo:lat="1">here<\/point>/);
  assert.match(text, /<in-reply-to [^>]*href="xmpp:a"\/>/);
  assert.doesNotMatch(text, /Old|updated|counts/);
  assert.ok(parse(text));
});

test('a heading stays one', () => {
  const entry = parse(
    `<entry xmlns='http://www.w3.org/2005/Atom'><title>On moots</title><content>They stood.</content></entry>`,
  );
  assert.ok(entry);
  const item = `<item xmlns='urn:x' id='1'>${rewriteEntry(entry, 'They sat.', []).text}</item>`;
  assert.equal(read(item)?.heading, 'On moots');
  assert.equal(read(item)?.text, 'They sat.');
});

test('a boost names what is boosted', () => {
  const origin = { service: 'romeo@localhost', node: 'urn:xmpp:microblog:0', item: 'a;b' };
  const href = 'xmpp:romeo@localhost?;node=urn%3Axmpp%3Amicroblog%3A0;item=a%3Bb';
  assert.ok(writeBoost(origin, 'Hi').text.includes(`<link rel="via" href="${href}"/>`));
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
