import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lengthOf, safeUrl, split, tagsOf } from '../src/model/text';

const marked = (text: string) =>
  split(text)
    .filter((piece) => piece.kind !== 'text')
    .map((piece) => `${piece.kind}:${piece.text}`);

test('links end before the punctuation of the sentence', () => {
  assert.deepEqual(marked('see https://x.org/a_(b)). Or (http://y.org/?q=1), ok'), [
    'link:https://x.org/a_(b)',
    'link:http://y.org/?q=1',
  ]);
  assert.deepEqual(marked('https://x.org/#part and https://x.org/@me'), [
    'link:https://x.org/#part',
    'link:https://x.org/@me',
  ]);
});

test('only the web is linked', () => {
  assert.deepEqual(marked('javascript:alert(1) data:text/html,x ftp://x.org file:///etc'), []);
  assert.deepEqual(marked('http:// https://'), []);
  assert.equal(safeUrl('javascript:alert(1)'), undefined);
  assert.equal(safeUrl('http://x.org/"><script>'), 'http://x.org/%22%3E%3Cscript%3E');
});

test('tags are words in any script, not numbers or parts of words', () => {
  assert.deepEqual(marked('#rust, #Ünïcode_1! #日本語 (#ok) #1 c#sharp a#b &#39; ##x'), [
    'tag:#rust',
    'tag:#Ünïcode_1',
    'tag:#日本語',
    'tag:#ok',
  ]);
  assert.deepEqual(tagsOf('#Rust and #rust and #ΣΊΣΥΦΟΣ'), ['rust', 'σίσυφος']);
});

test('mentions are names, and addresses elsewhere', () => {
  assert.deepEqual(marked('@juliet: hi @romeo@example.net. mail a@b.org @.'), [
    'mention:@juliet',
    'mention:@romeo@example.net',
  ]);
});

test('the pieces joined are the text', () => {
  const text = '<b>#a</b> @b https://c.org/<script>alert(1)</script> &amp; 🙂';
  assert.equal(
    split(text)
      .map((piece) => piece.text)
      .join(''),
    text,
  );
});

test('hostile input takes no time', () => {
  const start = performance.now();
  split('#'.repeat(20_000) + '@a.'.repeat(10_000) + 'http://('.repeat(5_000));
  split(`http://a.example/${')'.repeat(20_000)}`);
  split(`http://a.example/${'.)'.repeat(10_000)}`);
  assert.ok(performance.now() - start < 1_000);
});

test('length is what a reader sees', () => {
  assert.equal(lengthOf('abc\nd'), 5);
  assert.equal(lengthOf('👩‍👩‍👧é'), 2);
});
