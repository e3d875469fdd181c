import './fake/dom';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { group } from '../src/model/notice-groups';
import { NOTICE_PAGE } from '../src/model/notifications';
import { readNoticeEvent, type Notice } from '../src/xmpp/notifications';
import { parse } from '../src/xmpp/xml';
import { settled } from './fake/dial';
import { setUp, signIn } from './fake/world';

const JULIET = 'juliet@localhost';

async function begin(before = 0) {
  const world = setUp();
  const post = world.server.post('juliet', 'Ay me');
  for (let index = 0; index < before; index++) {
    world.server.notice(JULIET, 'follow', `f${index}@localhost`);
  }
  await signIn(world);
  const state = () => world.client.notifications.state.value;
  return { ...world, post, state };
}

test('what others do arrives live, is counted, and read by being seen', async () => {
  const { server, client, post, state } = await begin();
  server.like('romeo', post);
  server.reply('nurse', post, 'Madam!');
  server.post('romeo', 'Hello @juliet');
  await settled();
  assert.deepEqual(
    state().notices.map(({ type }) => type),
    ['mention', 'reply', 'like'],
  );
  assert.equal(state().unread, 3);
  await client.notifications.markRead();
  assert.equal(state().unread, 0);
  assert.equal(server.conversation.read.get(JULIET), Number(state().notices[0]?.id));
});

test('what is unread is known after a reload', async () => {
  const { state } = await begin(3);
  assert.equal(state().unread, 3);
  assert.equal(state().notices.length, 3);
});

test('what is read in one tab is read in the other', async () => {
  const { server, state } = await begin(3);
  const newest = state().notices[0]?.id;
  assert.ok(newest);
  server.conversation.read.set(JULIET, Number(newest));
  const [session] = server.sessions;
  assert.ok(session);
  const { x } = await import('../src/xmpp/xml');
  session.send(
    x(
      'message',
      { xmlns: 'jabber:client', from: JULIET, type: 'headline' },
      x(
        'event',
        { xmlns: 'http://jabber.org/protocol/pubsub#event' },
        x(
          'items',
          { node: 'urn:x-folkmoot:notifications:0' },
          server.conversation.readState(JULIET),
        ),
      ),
    ),
  );
  await settled();
  assert.equal(state().unread, 0);
});

test('what is undone goes, and is not counted', async () => {
  const { server, post, state } = await begin();
  const reply = server.reply('romeo', post, 'Oops');
  server.like('nurse', post);
  await settled();
  server.retract(reply);
  await settled();
  assert.deepEqual(
    state().notices.map(({ type }) => type),
    ['like'],
  );
  assert.equal(state().unread, 1);
});

test('older ones come page by page, without doubles', async () => {
  const { client, state } = await begin(100);
  assert.equal(state().notices.length, NOTICE_PAGE);
  assert.equal(state().unread, 100);
  for (let page = 0; page < 4; page++) await client.notifications.loadOlder();
  assert.equal(state().notices.length, 100);
  assert.equal(state().isComplete, true);
});

test('what happened while away is caught up with', async () => {
  const { server, network, clock, state } = await begin(3);
  network.cut();
  const gone = server.conversation.notices[1];
  assert.ok(gone);
  server.conversation.notices.splice(1, 1);
  server.notice(JULIET, 'follow', 'late@localhost');
  await clock.advance(2_000);
  assert.deepEqual(
    state().notices.map(({ by }) => by),
    ['late@localhost', 'f2@localhost', 'f0@localhost'],
  );
  assert.equal(state().unread, 3);
});

test('a mark that another device is ahead of is no error, one that fails is put back', async () => {
  const { server, client, post, state } = await begin();
  server.like('romeo', post);
  await settled();
  const [notice] = state().notices;
  assert.ok(notice);
  server.conversation.read.set(JULIET, Number(notice.id) + 5);
  await client.notifications.markRead();
  assert.equal(state().unread, 0);
  server.notice(JULIET, 'follow', 'romeo@localhost');
  await settled();
  server.refusal = 'internal-server-error';
  await client.notifications.markRead();
  assert.equal(state().unread, 1);
});

const notice = (id: number, type: Notice['type'], by: string, number?: string): Notice => ({
  id: String(id),
  type,
  by,
  at: id,
  post: number === undefined ? undefined : { number, author: JULIET },
  text: undefined,
});

test('the likes of one post are one entry, its boosts another', () => {
  const groups = group(
    [
      notice(9, 'like', 'a@x', '1'),
      notice(8, 'reply', 'b@x', '5'),
      notice(7, 'boost', 'a@x', '1'),
      notice(6, 'like', 'c@x', '2'),
      notice(5, 'like', 'd@x', '1'),
      notice(4, 'like', 'a@x', '1'),
      notice(3, 'reply', 'b@x', '6'),
    ],
    '6',
  );
  assert.deepEqual(
    groups.map(({ type, people, isUnread }) => `${type} ${people.join()} ${isUnread}`),
    ['like a@x,d@x true', 'reply b@x true', 'boost a@x true', 'like c@x false', 'reply b@x false'],
  );
});

test('only one’s own account tells what happened', () => {
  const event = (from: string, item: string) => {
    const stanza = parse(
      `<message xmlns='jabber:client' from='${from}' type='headline'>
         <event xmlns='http://jabber.org/protocol/pubsub#event'>
           <items node='urn:x-folkmoot:notifications:0'>${item}</items></event></message>`,
    );
    assert.ok(stanza);
    return readNoticeEvent(stanza, JULIET, 0);
  };
  const item = `<item id='7'><notification xmlns='urn:x-folkmoot:notifications:0' type='like' by='romeo@localhost/x'
    at='2027-01-01T00:00:00Z'><post id='5' uri='xmpp:juliet@localhost?;node=n;item=i'/><text>Ay</text></notification></item>`;
  assert.equal(event('mallory@localhost', item), undefined);
  assert.deepEqual(event(JULIET, item)?.notices, [
    {
      id: '7',
      type: 'like',
      by: 'romeo@localhost',
      at: Date.UTC(2027, 0, 1),
      post: { number: '5', author: JULIET },
      text: 'Ay',
    },
  ]);
  assert.deepEqual(event(JULIET, item.replace("'like'", "'poke'"))?.notices, []);
  assert.deepEqual(event(JULIET, item.replace("'7'", "'x7'"))?.notices, []);
});
