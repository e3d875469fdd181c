import './fake/dom';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Feed } from '../src/model/feed';
import { homeSource, profileSource, publicSource, repliesSource } from '../src/model/sources';
import { THREAD_PAGE, type Thread } from '../src/model/thread';
import { treeAround } from '../src/model/tree';
import type { Post } from '../src/xmpp/atom';
import { NS } from '../src/xmpp/ns';
import { children, parse } from '../src/xmpp/xml';
import { settled } from './fake/dial';
import { PUBSUB } from './fake/server';
import { setUp, signIn, type World } from './fake/world';

const JULIET = 'juliet@localhost';
const ROMEO = 'romeo@localhost';

async function begin() {
  const world = setUp();
  const root = world.server.post('romeo', 'But soft');
  await signIn(world);
  const feed = world.client.open(publicSource(PUBSUB));
  await settled();
  return { ...world, root, feed };
}

const first = (feed: Feed): Post => {
  const post = feed.state.value.timeline.posts[0];
  assert.ok(post);
  return post;
};
const response = (world: World, post: Post) => {
  return world.client.conversation.responses.of(post.subject).value;
};
const shown = (thread: Thread, number: number) => {
  const tree = treeAround(thread.state.value.posts, String(number));
  return [
    ...tree.above,
    ...(tree.focus ? [tree.focus] : []),
    ...tree.below.map(({ post }) => post),
  ].map(({ text }) => text);
};

async function openThread(world: World, number: number): Promise<Thread> {
  const thread = world.client.conversation.open(ROMEO, String(number));
  await settled();
  return thread;
}

test('a like shows at once, is stored, and can be taken back', async () => {
  const world = await begin();
  const post = first(world.feed);
  const liking = world.client.conversation.toggleLike(post);
  assert.equal(response(world, post).isLiked, true);
  assert.equal(response(world, post).likes, 1);
  await liking;
  assert.equal(response(world, post).likes, 1);
  assert.equal(world.server.conversation.counts(world.root, JULIET).liked, true);
  await world.client.conversation.toggleLike(post);
  assert.equal(response(world, post).likes, 0);
  assert.equal(world.server.conversation.attached(world.root).size, 0);
});

test('a like that is refused is put back', async () => {
  const world = await begin();
  const post = first(world.feed);
  world.server.refusal = 'forbidden';
  await assert.rejects(world.client.conversation.toggleLike(post), /forbidden/);
  assert.deepEqual(response(world, post), {
    replies: 0,
    likes: 0,
    boosts: 0,
    isLiked: false,
    isBoosted: false,
  });
});

test('liking and unliking leaves one’s other attachments alone', async () => {
  const world = await begin();
  const post = first(world.feed);
  const mine = parse(
    `<attachments xmlns='${NS.attachments}'><reactions timestamp='t'><reaction>🔨</reaction><reaction>❤️</reaction></reactions>
     <rated xmlns='urn:example:stars' stars='4'><why>fine</why></rated></attachments>`,
  );
  assert.ok(mine);
  const attached = world.server.conversation.attached(world.root);
  attached.set(JULIET, mine);
  const names = () => {
    const root = attached.get(JULIET);
    return root
      ? children(root).map(({ localName, namespaceURI }) => `${localName} ${namespaceURI ?? ''}`)
      : [];
  };
  await world.client.conversation.toggleLike(post);
  assert.deepEqual(names(), [
    `noticed ${NS.attachments}`,
    `reactions ${NS.attachments}`,
    'rated urn:example:stars',
  ]);
  await world.client.conversation.toggleLike(post);
  assert.deepEqual(names(), [`reactions ${NS.attachments}`, 'rated urn:example:stars']);
  const text = attached.get(JULIET)?.textContent ?? '';
  assert.match(text, /🔨/);
  assert.doesNotMatch(text, /❤/, 'a heart is a like too');
  assert.match(text, /fine/);
});

test('a heart that another client gave as a comment is taken back as well', async () => {
  const world = await begin();
  const heart = world.server.reply('juliet', world.root, '♥');
  const post = first(world.feed);
  world.client.conversation.learn([
    {
      ...post,
      counts: { replies: 0, likes: 1, boosts: 0 },
      mine: { liked: true, boosted: undefined },
    },
  ]);
  await world.client.conversation.toggleLike(post);
  assert.ok(!world.server.posts.includes(heart));
  assert.equal(response(world, post).isLiked, false);
});

test('a boost stands above the timeline, names who boosts, and can be undone', async () => {
  const world = await begin();
  const home = world.client.open(homeSource());
  const post = first(world.feed);
  await world.client.conversation.toggleBoost(post);
  await settled();
  const boost = first(home);
  assert.equal(boost.author, ROMEO);
  assert.equal(boost.by, JULIET);
  assert.equal(boost.text, 'But soft');
  assert.deepEqual(response(world, boost), response(world, post), 'one value for both');
  assert.equal(response(world, post).boosts, 1);
  assert.equal(world.client.arrivals.value, 0, 'one’s own boost is no news');
  await world.client.conversation.toggleBoost(boost);
  await settled();
  assert.equal(response(world, post).isBoosted, false);
  assert.deepEqual(home.state.value.timeline.posts, []);
  assert.equal(world.feed.state.value.timeline.posts.length, 1, 'the original stays');
});

test('likes and boosts of one’s own are known after a reload', async () => {
  const world = setUp();
  const post = world.server.post('romeo', 'But soft');
  world.server.like('juliet', post);
  world.server.like('nurse', post);
  world.server.boost('juliet', post, 'b1');
  await signIn(world);
  const feed = world.client.open(publicSource(PUBSUB));
  await settled();
  assert.deepEqual(response(world, first(feed)), {
    replies: 0,
    likes: 2,
    boosts: 1,
    isLiked: true,
    isBoosted: true,
  });
});

test('a reply is sent below what it answers, and counted once', async () => {
  const world = await begin();
  const thread = await openThread(world, world.root.postId);
  const post = first(world.feed);
  world.client.post('Ay me', world.client.conversation.replyTo(post));
  await settled();
  assert.deepEqual(shown(thread, world.root.postId), ['But soft', 'Ay me']);
  assert.equal(response(world, post).replies, 1);
  assert.deepEqual(world.client.outbox.value?.drafts.value, []);
  assert.equal(world.client.sent.value?.text, 'Ay me');
  const mine = world.server.posts.at(-1);
  assert.deepEqual(mine?.place, { root: world.root.postId, parent: world.root.postId });
  const reply = thread.state.value.posts.get(String(mine.postId));
  assert.ok(reply);
  world.client.post('And again', world.client.conversation.replyTo(reply));
  await settled();
  assert.deepEqual(world.server.posts.at(-1)?.place, {
    root: world.root.postId,
    parent: mine.postId,
  });
  assert.equal(response(world, reply).replies, 1);
});

test('without the thread on the screen a reply is counted too', async () => {
  const world = await begin();
  const post = first(world.feed);
  world.client.post('Ay me', world.client.conversation.replyTo(post));
  await settled();
  assert.equal(response(world, post).replies, 1);
});

test('a reply that is written without a connection is sent later, once', async () => {
  const world = await begin();
  const to = world.client.conversation.replyTo(first(world.feed));
  world.network.cut();
  world.client.post('Ay me', to);
  assert.equal(world.client.outbox.value?.drafts.value[0]?.reply?.root, String(world.root.postId));
  world.server.loseAnswers = 1;
  await world.clock.advance(60_000);
  const mine = world.server.posts.filter(({ text }) => text === 'Ay me');
  assert.equal(mine.length, 1);
  assert.ok(mine[0]?.place);
});

test('a thread is live: replies, edits, deletions, counts', async () => {
  const world = await begin();
  const { server, root } = world;
  const thread = await openThread(world, root.postId);
  const one = server.reply('nurse', root, 'Madam!');
  const two = server.reply('romeo', one, 'Hush');
  await settled();
  assert.deepEqual(shown(thread, root.postId), ['But soft', 'Madam!', 'Hush']);
  assert.deepEqual([...thread.state.value.fresh], [String(one.postId), String(two.postId)]);
  assert.equal(world.client.arrivals.value, 2, 'those who listen are told');
  server.edit(one, 'Madam, Madam!');
  server.like('nurse', root);
  await settled();
  assert.deepEqual(shown(thread, root.postId), ['But soft', 'Madam, Madam!', 'Hush']);
  assert.equal(response(world, first(world.feed)).likes, 1);
  assert.equal(world.client.arrivals.value, 2, 'of what is new');
  server.retract(two);
  await settled();
  assert.deepEqual(shown(thread, root.postId), ['But soft', 'Madam, Madam!']);
  assert.ok(thread.state.value.gone.has(String(two.postId)));
});

test('a thread shows at once what the timeline knows', async () => {
  const world = await begin();
  const thread = world.client.conversation.open(ROMEO, String(world.root.postId));
  assert.deepEqual(shown(thread, world.root.postId), ['But soft']);
  await settled();
  assert.equal(thread.state.value.phase, 'ready');
});

test('a long thread is shown in pages, and whole around a reply far down', async () => {
  const world = await begin();
  const { server, root, client } = world;
  const replies = Array.from({ length: 130 }, (_, index) =>
    server.reply('romeo', root, `reply ${index + 1}`),
  );
  const thread = await openThread(world, root.postId);
  assert.equal(thread.state.value.posts.size, THREAD_PAGE);
  assert.equal(thread.state.value.isComplete, false);
  await thread.loadMore();
  await thread.loadMore();
  assert.equal(thread.state.value.posts.size, 131);
  assert.equal(thread.state.value.isComplete, true);
  client.conversation.release(thread);

  client.conversation.clear();
  const last = replies.at(-1);
  assert.ok(last);
  const far = await openThread(world, last.postId);
  assert.deepEqual(shown(far, last.postId), ['But soft', 'reply 130']);
});

test('a thread that was away is brought up to date', async () => {
  const world = await begin();
  const { server, root } = world;
  const one = server.reply('nurse', root, 'one');
  server.reply('nurse', root, 'two');
  const thread = await openThread(world, root.postId);
  world.network.cut();
  server.retract(one);
  server.reply('nurse', root, 'three');
  await world.clock.advance(2_000);
  assert.deepEqual(shown(thread, root.postId), ['But soft', 'two', 'three']);
  const [session] = server.sessions;
  assert.ok(session);
  assert.ok(session.subscriptions.has(`${PUBSUB} thread/${root.postId}`));
  world.client.conversation.release(thread);
  await settled();
  assert.ok(!session.subscriptions.has(`${PUBSUB} thread/${root.postId}`));
});

test('a thread that does not exist says so', async () => {
  const world = await begin();
  const thread = await openThread(world, 42);
  assert.equal(thread.state.value.phase, 'failed');
});

test('an edit shows everywhere, and keeps its place', async () => {
  const world = await begin();
  world.client.post('Oops #one');
  await settled();
  const mine = first(world.feed);
  const profile = world.client.open(profileSource(JULIET));
  await settled();
  await world.client.conversation.reword(mine, 'Better #two');
  await settled();
  for (const feed of [world.feed, profile, world.client.home]) {
    assert.equal(first(feed).text, 'Better #two');
    assert.ok(first(feed).updated > first(feed).published);
  }
  assert.deepEqual(world.server.posts.at(-1)?.text, 'Better #two');
  assert.equal(world.server.posts.length, 2);
});

test('a deleted post takes its boosts with it', async () => {
  const world = await begin();
  world.server.account('juliet').follows.add('nurse@localhost');
  world.client.post('Oops');
  await settled();
  const mine = world.server.posts.at(-1);
  assert.ok(mine);
  world.server.boost('nurse', mine);
  await settled();
  assert.equal(world.client.home.state.value.timeline.posts.length, 2);
  await world.client.conversation.delete(first(world.feed));
  await settled();
  assert.equal(world.client.home.state.value.timeline.posts.length, 0);
  assert.equal(world.feed.state.value.timeline.posts.length, 1);
});

test('a profile has posts, and replies apart', async () => {
  const world = await begin();
  world.server.reply('romeo', world.root, 'I mean it');
  const posts = world.client.open(profileSource(ROMEO));
  const replies = world.client.open(repliesSource(ROMEO));
  await settled();
  const texts = (feed: Feed) => feed.state.value.timeline.posts.map(({ text }) => text);
  assert.deepEqual(texts(posts), ['But soft']);
  assert.deepEqual(texts(replies), ['I mean it']);
  assert.equal(first(replies).place?.parentAuthor, ROMEO);
});
