import assert from 'node:assert/strict';
import { test } from 'node:test';
import { innerPath, parseRoute, paths, publicPage } from '../src/model/route';

test('every page is found at the address that leads to it', () => {
  assert.deepEqual(parseRoute(paths.thread('romeo', '123')), {
    page: 'thread',
    handle: 'romeo',
    number: '123',
  });
  assert.deepEqual(parseRoute(paths.thread('romeo@example.net', '123')), {
    page: 'thread',
    handle: 'romeo@example.net',
    number: '123',
  });
  assert.deepEqual(parseRoute(paths.replies('Romeo')), {
    page: 'profile',
    handle: 'romeo',
    tab: 'replies',
  });
  assert.deepEqual(parseRoute(paths.profile('romeo')), {
    page: 'profile',
    handle: 'romeo',
    tab: 'posts',
  });
  assert.deepEqual(parseRoute(paths.notifications), { page: 'notifications' });
  assert.deepEqual(parseRoute('/app/@romeo/12x'), { page: 'missing' });
  assert.deepEqual(parseRoute('/app/@romeo/12345678901234567'), { page: 'missing' });
});

test('who is not signed in finds the public page of a thread', () => {
  assert.equal(publicPage(parseRoute('/app/@romeo/123')), '/@romeo/123');
  assert.equal(publicPage(parseRoute('/app/@romeo@example.net/123')), undefined);
});

test('addresses of this site’s public pages stay in the client, no others', () => {
  const inner = (href: string) => innerPath(href, 'https://moot.example');
  assert.equal(inner('https://moot.example/@romeo/123'), '/app/@romeo/123');
  assert.equal(inner('https://moot.example/@romeo'), '/app/@romeo');
  assert.equal(inner('https://moot.example/tag/verona'), '/app/tag/verona');
  assert.equal(inner('https://moot.example/@romeo/feed.atom'), undefined);
  assert.equal(inner('https://moot.example/@romeo/123/x'), undefined);
  assert.equal(inner('https://moot.example/settings'), undefined);
  assert.equal(inner('https://moot.example.evil.net/@romeo'), undefined);
  assert.equal(inner('http://moot.example/@romeo'), undefined);
});
