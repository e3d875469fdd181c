import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  addLive,
  addOlder,
  compare,
  emptyTimeline,
  LONGEST,
  remove,
  synchronize,
  type Timeline,
} from '../src/model/timeline';
import type { Post } from '../src/xmpp/atom';

function post(id: number, change: Partial<Post> = {}): Post {
  return {
    uid: `a@x/${id}`,
    subject: `a@x/${id}`,
    author: 'a@x',
    authorName: undefined,
    by: 'a@x',
    isBoost: false,
    origin: { service: 'a@x', node: 'urn:xmpp:microblog:0', item: String(id) },
    id: String(id),
    number: String(id),
    heading: undefined,
    text: `post ${id}`,
    tags: [],
    published: id,
    updated: id,
    place: undefined,
    counts: undefined,
    mine: undefined,
    isClosed: false,
    ...change,
  };
}

const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => post(from + index));
const ids = (timeline: Timeline) => timeline.posts.map((each) => Number(each.id));
const start = (from: number, to: number) =>
  addOlder(emptyTimeline('post-id'), range(from, to), String(from));

test('post ids are compared as numbers beyond what floats can hold', () => {
  const a = post(1, { id: '9007199254740993' });
  const b = post(2, { id: '9007199254740992' });
  assert.ok(compare('post-id', a, b) > 0);
  assert.ok(compare('post-id', post(1, { id: '10' }), post(2, { id: '9' })) > 0);
});

test('pages join without doubles, newest first', () => {
  const timeline = addOlder(start(11, 15), range(8, 12), '8');
  assert.deepEqual(ids(timeline), [15, 14, 13, 12, 11, 10, 9, 8]);
  assert.equal(timeline.cursor, '8');
  assert.equal(addOlder(timeline, [], undefined).complete, true);
});

test('a post that arrives twice, or late, stands once in its place', () => {
  let timeline = addLive(start(1, 3), [post(6)]);
  timeline = addLive(timeline, [post(5), post(6)]);
  assert.deepEqual(ids(timeline), [6, 5, 3, 2, 1]);
});

test('an edit replaces, an older version does not come back', () => {
  let timeline = addLive(start(1, 3), [post(2, { text: 'edited', updated: 50 })]);
  assert.equal(timeline.posts[1]?.text, 'edited');
  timeline = addLive(timeline, [post(2)]);
  assert.equal(timeline.posts[1]?.text, 'edited');
});

test('an edit of a post beyond the far end leaves no hole', () => {
  assert.deepEqual(ids(addLive(start(10, 12), [post(3)])), [12, 11, 10]);
});

test('live posts push out the oldest, and paging goes on from there', () => {
  let timeline = start(1, 3);
  timeline = addLive(timeline, range(4, LONGEST + 3));
  assert.equal(timeline.posts.length, LONGEST);
  assert.equal(timeline.cursor, timeline.posts.at(-1)?.id);
  assert.equal(timeline.complete, false);
});

test('paging far down drops the newest, and new ones then wait', () => {
  let timeline = start(1000, 1000 + LONGEST - 1);
  timeline = addOlder(timeline, range(950, 999), '950');
  assert.equal(timeline.posts.length, LONGEST);
  assert.equal(timeline.detached, true);
  assert.equal(timeline.posts.at(-1)?.id, '950');
  assert.equal(addLive(timeline, [post(5000)]), timeline);
});

test('catching up adds what was missed and takes out what was retracted', () => {
  const timeline = start(1, 6);
  const now = [...range(3, 4), post(6, { text: 'edited', updated: 9 }), ...range(7, 9)];
  const result = synchronize(timeline, now);
  assert.deepEqual(ids(result), [9, 8, 7, 6, 4, 3, 2, 1]);
  assert.equal(result.posts[3]?.text, 'edited');
});

test('catching up keeps what arrived after the answer', () => {
  const timeline = addLive(start(1, 4), [post(9)]);
  assert.deepEqual(ids(synchronize(timeline, range(3, 6))), [9, 6, 5, 4, 3, 2, 1]);
});

test('a post takes its boosts with it, a boost nothing', () => {
  const boost = post(5, { uid: 'b@x/5', by: 'b@x', isBoost: true, subject: 'a@x/2', number: '2' });
  const timeline = addLive(start(1, 3), [boost]);
  assert.deepEqual(ids(remove(timeline, new Set(['a@x/2']))), [3, 1]);
  assert.deepEqual(ids(remove(timeline, new Set(['b@x/5']))), [3, 2, 1]);
});

test('removal leaves the rest as it is', () => {
  const timeline = start(1, 3);
  assert.equal(remove(timeline, new Set(['a@x/9'])), timeline);
  assert.deepEqual(ids(remove(timeline, new Set(['a@x/2']))), [3, 1]);
});
