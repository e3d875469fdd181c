import './fake/dom';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Feed } from '../src/model/feed';
import { homeSource, profileSource, publicSource, tagSource } from '../src/model/sources';
import { LONGEST } from '../src/model/timeline';
import { settled } from './fake/dial';
import { PUBSUB } from './fake/server';
import { setUp, signIn, type World } from './fake/world';

const texts = (feed: Feed) => feed.state.value.timeline.posts.map((post) => post.text);
const held = (feed: Feed) => feed.state.value.held.map((post) => post.text);

async function openPublic(world: World): Promise<Feed> {
  const feed = world.client.open(publicSource(PUBSUB));
  await settled();
  return feed;
}

test('the password is replaced by a token, and signing out forgets it', async () => {
  const world = setUp();
  await signIn(world);
  const device = world.kept.get('folkmoot.device') ?? '';
  assert.match(device, /token-of-a-device/);
  assert.doesNotMatch([...world.kept.values()].join(), /secret/);
  await world.client.signOut();
  assert.equal(world.kept.size, 0);
  assert.equal(world.client.session.state.value.kind, 'signed-out');
});

test('a reload signs in with the token', async () => {
  const world = setUp();
  world.kept.set(
    'folkmoot.device',
    JSON.stringify({ jid: 'juliet@localhost', id: '17', token: 'abc' }),
  );
  world.client.resume();
  await settled();
  assert.deepEqual(world.network.dialled, [
    { kind: 'token', jid: 'juliet@localhost', token: 'abc' },
  ]);
  assert.equal(world.client.session.state.value.kind, 'online');
});

test('signing out in one tab signs out the other', async () => {
  const world = setUp();
  await signIn(world);
  world.kept.delete('folkmoot.device');
  world.client.onStorage('folkmoot.device');
  assert.equal(world.client.session.state.value.kind, 'signed-out');
});

test('posts of somebody followed arrive live, once', async () => {
  const world = setUp();
  world.server.account('juliet').follows.add('romeo@localhost');
  await signIn(world);
  const home = world.client.open(homeSource());
  world.server.post('romeo', 'But soft');
  await settled();
  assert.deepEqual(texts(home), ['But soft']);
  assert.equal(world.client.arrivals.value, 1);
});

test('one’s own post is in the timeline once, and nowhere pending', async () => {
  const world = setUp();
  await signIn(world);
  const home = world.client.open(homeSource());
  world.client.post('Hello #World');
  await settled();
  assert.deepEqual(texts(home), ['Hello #World']);
  assert.deepEqual(home.state.value.timeline.posts[0]?.uid, 'juliet@localhost/own-1');
  assert.deepEqual(world.client.outbox.value?.drafts.value, []);
  assert.equal(world.client.arrivals.value, 0);
});

test('paging reaches the beginning without doubles', async () => {
  const world = setUp(75);
  await signIn(world);
  const feed = await openPublic(world);
  assert.equal(texts(feed).length, 30);
  for (let page = 0; page < 3; page++) await feed.loadOlder();
  assert.equal(texts(feed).length, 75);
  assert.equal(new Set(texts(feed)).size, 75);
  assert.equal(feed.state.value.timeline.complete, true);
  assert.equal(texts(feed).at(-1), 'post 1');
});

test('what was posted, edited and retracted while away is caught up with', async () => {
  const world = setUp(5);
  await signIn(world);
  const feed = await openPublic(world);
  const gone = world.server.posts[3];
  assert.ok(gone);
  world.network.cut();
  world.server.retract(gone);
  const edited = world.server.posts[2];
  assert.ok(edited);
  edited.text = 'post 3, better';
  edited.updated += 5_000_000;
  for (let index = 6; index <= 100; index++) world.server.post('romeo', `post ${index}`);
  await world.clock.advance(1_000);
  const expected = Array.from({ length: 100 }, (_, index) => `post ${100 - index}`)
    .filter((text) => text !== 'post 4')
    .map((text) => (text === 'post 3' ? 'post 3, better' : text));
  assert.deepEqual(texts(feed), expected);
});

test('live posts during catching up neither double nor hide the gap', async () => {
  const world = setUp(5);
  await signIn(world);
  const feed = await openPublic(world);
  world.network.cut();
  for (let index = 6; index <= 45; index++) world.server.post('romeo', `post ${index}`);
  world.client.session.nudge();
  // The connection is up, the subscription stands, the first page is under way; then it breaks.
  for (let turn = 0; turn < 6; turn++) await Promise.resolve();
  world.server.post('romeo', 'post 46');
  world.network.cut();
  for (let index = 47; index <= 90; index++) world.server.post('romeo', `post ${index}`);
  await world.clock.advance(5_000);
  assert.deepEqual(
    texts(feed),
    Array.from({ length: 90 }, (_, index) => `post ${90 - index}`),
  );
});

test('too much missed to bridge starts anew, and paging reaches the rest', async () => {
  const world = setUp(5);
  await signIn(world);
  const feed = await openPublic(world);
  world.network.cut();
  const total = 5 + LONGEST + 100;
  for (let index = 6; index <= total; index++) world.server.post('romeo', `post ${index}`);
  await world.clock.advance(1_000);
  assert.equal(texts(feed)[0], `post ${total}`);
  assert.ok(texts(feed).length <= LONGEST);
  while (!feed.state.value.timeline.complete) await feed.loadOlder();
  assert.equal(texts(feed).at(-1), 'post 1');
  assert.equal(texts(feed).length, LONGEST);
  assert.equal(feed.state.value.timeline.detached, true);
  await feed.reveal();
  assert.equal(texts(feed)[0], `post ${total}`, 'and the newest are one step away');
});

test('while the reader is further down, new posts wait', async () => {
  const world = setUp(5);
  await signIn(world);
  const feed = await openPublic(world);
  feed.hold(true);
  const post = world.server.post('romeo', 'a');
  world.server.post('romeo', 'b');
  world.server.retract(post);
  await settled();
  assert.deepEqual(held(feed), ['b']);
  world.network.cut();
  world.server.post('romeo', 'c');
  await world.clock.advance(1_000);
  assert.deepEqual(held(feed), ['b', 'c']);
  assert.equal(texts(feed)[0], 'post 5');
  await feed.reveal();
  assert.deepEqual(texts(feed).slice(0, 3), ['c', 'b', 'post 5']);
  assert.deepEqual(held(feed), []);
});

test('events from strangers who claim a node are ignored', async () => {
  const world = setUp(1);
  await signIn(world);
  const feed = await openPublic(world);
  const [session] = world.server.sessions;
  assert.ok(session);
  const { x } = await import('../src/xmpp/xml');
  const forged = (from: string, node: string) =>
    session.send(
      x(
        'message',
        { xmlns: 'jabber:client', from, type: 'headline' },
        x(
          'event',
          { xmlns: 'http://jabber.org/protocol/pubsub#event' },
          x(
            'items',
            { node },
            x(
              'item',
              { id: '99999999999999' },
              x('entry', { xmlns: 'http://www.w3.org/2005/Atom' }, x('title', {}, 'forged')),
            ),
          ),
        ),
      ),
    );
  forged('mallory@localhost', 'urn:xmpp:microblog:0');
  forged('mallory@localhost', 'urn:x-folkmoot:home:0');
  await settled();
  assert.deepEqual(texts(feed), ['post 1']);
  assert.deepEqual(texts(world.client.home), []);
});

test('deleting takes a post out of every timeline', async () => {
  const world = setUp();
  await signIn(world);
  const feed = await openPublic(world);
  const profile = world.client.open(profileSource('juliet@localhost'));
  world.client.post('Oops #tag');
  await settled();
  const tag = world.client.open(tagSource(PUBSUB, 'tag'));
  await settled();
  const post = tag.state.value.timeline.posts[0];
  assert.ok(post);
  await world.client.conversation.delete(post);
  await settled();
  for (const each of [feed, profile, tag, world.client.home]) assert.deepEqual(texts(each), []);
});

test('following brings the earlier posts home, unfollowing takes them away', async () => {
  const world = setUp(3);
  await signIn(world);
  assert.deepEqual(texts(world.client.home), []);
  const link = world.client.session.link;
  assert.ok(link);
  await world.client.follows.follow(link, 'romeo@localhost');
  await settled();
  assert.deepEqual(texts(world.client.home), ['post 3', 'post 2', 'post 1']);
  assert.equal(world.client.follows.state.value?.get('romeo@localhost'), 'following');
  await world.client.follows.unfollow(link, 'romeo@localhost');
  await settled();
  assert.deepEqual(texts(world.client.home), []);
});

test('names are fetched once for many posts', async () => {
  const world = setUp(2);
  await signIn(world);
  const name = world.client.names.of('romeo@localhost');
  world.client.names.of('romeo@localhost');
  await settled();
  assert.equal(name.value, 'Romeo M.');
});

test('only as many timelines are kept as a reader goes back to', async () => {
  const world = setUp(1);
  await signIn(world);
  for (let index = 0; index < 30; index++) {
    const feed = world.client.open(tagSource(PUBSUB, `t${index}`));
    await settled();
    world.client.release(feed);
  }
  await settled();
  const [session] = world.server.sessions;
  assert.equal(session?.subscriptions.size, 0, 'and none of them is subscribed to');
  assert.equal(world.client.peek(homeSource()), world.client.home);
});
