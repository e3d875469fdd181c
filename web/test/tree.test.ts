import assert from 'node:assert/strict';
import { test } from 'node:test';
import { treeAround } from '../src/model/tree';
import type { Post } from '../src/xmpp/atom';

function post(number: number, parent?: number, root = 1): Post {
  return {
    uid: String(number),
    subject: String(number),
    author: `a${number}@x`,
    authorName: undefined,
    by: `a${number}@x`,
    isBoost: false,
    origin: { service: 'x', node: 'n', item: String(number) },
    id: String(number),
    number: String(number),
    heading: undefined,
    text: '',
    tags: [],
    published: number,
    updated: number,
    place:
      parent === undefined
        ? undefined
        : { root: String(root), parent: String(parent), parentAuthor: undefined },
    counts: undefined,
    isClosed: false,
    mine: undefined,
  };
}

const mapOf = (posts: Post[]) => new Map(posts.map((each) => [each.id, each]));
const shape = (posts: Post[], number: number) => {
  const tree = treeAround(mapOf(posts), String(number));
  return {
    above: tree.above.map(({ id }) => Number(id)),
    below: tree.below.map(({ post: { id }, depth }) => `${depth}:${id}`),
    hasMore: tree.hasMore,
  };
};

const THREAD = [post(1), post(2, 1), post(3, 1), post(4, 2), post(5, 3), post(6, 4), post(10, 2)];

test('replies follow what they answer, oldest first', () => {
  assert.deepEqual(shape(THREAD, 1), {
    above: [],
    below: ['1:2', '2:4', '3:6', '2:10', '1:3', '2:5'],
    hasMore: false,
  });
});

test('around a reply stand its ancestors and its own replies', () => {
  assert.deepEqual(shape(THREAD, 4), { above: [1, 2], below: ['1:6'], hasMore: true });
});

test('the order of arrival does not matter', () => {
  assert.deepEqual(shape([...THREAD].reverse(), 1), shape(THREAD, 1));
});

test('whom a deeper reply answers is said', () => {
  const { below } = treeAround(mapOf(THREAD), '1');
  assert.deepEqual(
    below.map(({ answers }) => answers),
    [undefined, 'a2@x', 'a4@x', 'a2@x', undefined, 'a3@x'],
  );
});

test('a reply whose parent is not here stands below the root', () => {
  assert.deepEqual(shape([post(1), post(7, 5)], 1).below, ['1:7']);
});

test('circles and replies from the future hold nobody up', () => {
  const posts = [post(1, 2), post(2, 1), post(3, 3), post(4, 9), post(9, 4)];
  assert.deepEqual(shape(posts, 1), {
    above: [],
    below: ['1:2', '1:3', '1:4', '2:9'],
    hasMore: false,
  });
});

test('a thread of a thousand in one line is no problem', () => {
  const posts = [post(1), ...Array.from({ length: 999 }, (_, index) => post(index + 2, index + 1))];
  const tree = treeAround(mapOf(posts), '1');
  assert.equal(tree.below.length, 999);
  assert.equal(tree.below.at(-1)?.depth, 999);
  assert.equal(treeAround(mapOf(posts), '1000').above.length, 500);
});

test('without the post there is nothing', () => {
  assert.equal(treeAround(mapOf(THREAD), '99').focus, undefined);
});
