import assert from 'node:assert/strict';
import { test } from 'node:test';
import { complete, suggest, typingAt, type Candidate } from '../src/model/mentions';

const at = (text: string) => {
  const caret = text.indexOf('|');
  return typingAt(text.replace('|', ''), caret)?.word;
};

test('a mention is typed after an @ at the beginning of a word', () => {
  assert.equal(at('@|'), '');
  assert.equal(at('hi @ju|'), 'ju');
  assert.equal(at('(@ju|'), 'ju');
  assert.equal(at('one\n@ju|'), 'ju');
  assert.equal(at('@romeo@exam|'), 'romeo@exam');
  assert.equal(at('juliet@loc|'), undefined, 'an address');
  assert.equal(at('https://x.org/@ju|'), undefined, 'a link');
  assert.equal(at('@ju |'), undefined, 'after it');
  assert.equal(at('@ju|liet'), undefined, 'in the middle of it');
  assert.equal(at('hello|'), undefined);
});

test('what is chosen takes the place of what was typed', () => {
  const text = 'hi @ju, how';
  const typing = typingAt(text, 6);
  assert.ok(typing);
  assert.deepEqual(complete(text, typing, 'juliet'), { text: 'hi @juliet , how', caret: 11 });
  const end = typingAt('@ju', 3);
  assert.ok(end);
  assert.deepEqual(complete('@ju', end, 'juliet'), { text: '@juliet ', caret: 8 });
  const spaced = typingAt('@ju there', 3);
  assert.ok(spaced);
  assert.deepEqual(complete('@ju there', spaced, 'juliet'), { text: '@juliet there', caret: 8 });
});

const PEOPLE: Candidate[] = [
  { jid: 'a@x', handle: 'benvolio', name: 'José Benvolio' },
  { jid: 'b@x', handle: 'romeo', name: 'Romeo Montague' },
  { jid: 'c@x', handle: 'montague', name: undefined },
  { jid: 'd@x', handle: 'lady', name: 'Lady Montague' },
];
const found = (word: string, most = 9) => suggest(PEOPLE, word, most).map(({ handle }) => handle);

test('handles come before names, and accents do not matter', () => {
  assert.deepEqual(found('mon'), ['montague', 'romeo', 'lady']);
  assert.deepEqual(found('jose'), ['benvolio']);
  assert.deepEqual(found('volio'), ['benvolio']);
  assert.deepEqual(found('', 2), ['benvolio', 'romeo']);
  assert.deepEqual(found('zz'), []);
});
