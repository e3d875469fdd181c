import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { en } from '../src/i18n/en';
import { ago, plural, t } from '../src/i18n';

const source = `${process.env.WEB_FOLDER ?? './'}src`;

function read(folder: string): string {
  return readdirSync(folder)
    .map((name) => `${folder}/${name}`)
    .filter((path) => !path.endsWith('i18n/en.ts'))
    .map((path) => {
      if (statSync(path).isDirectory()) return read(path);
      return /\.tsx?$/.test(path) ? readFileSync(path, 'utf8') : '';
    })
    .join('\n');
}

test('every text of the catalogue is used, and every key that is used exists', () => {
  const used = new Set(
    [...read(source).matchAll(/\b(?:t|plural)\(\s*'([^']+)'/g)].map((match) => match[1] ?? ''),
  );
  assert.ok(used.size > 100, 'the search itself must find something');
  const known = Object.keys(en);
  assert.deepEqual(
    known.filter((key) => !used.has(key)),
    [],
    'unused',
  );
  assert.deepEqual(
    [...used].filter((key) => !known.includes(key)),
    [],
    'unknown',
  );
});

test('every counted text has the forms of its language', () => {
  const { pluralCategories } = new Intl.PluralRules('en').resolvedOptions();
  for (const [key, text] of Object.entries(en)) {
    const forms: Record<string, string> = typeof text === 'string' ? {} : text;
    for (const [form, words] of Object.entries(forms)) {
      assert.ok(pluralCategories.includes(form as Intl.LDMLPluralRule), `${key}: ${form}`);
      assert.match(words, /\{count\}/, `${key}: ${form}`);
    }
    if (typeof text !== 'string') assert.ok('other' in forms && 'one' in forms, key);
  }
});

test('texts are filled in', () => {
  assert.equal(
    t('signUp.closed', { domain: 'x.org' }),
    'x.org does not take new accounts at present.',
  );
  assert.equal(plural('feed.new', 1), '1 new post');
  assert.equal(plural('feed.new', 1234), '1,234 new posts');
});

test('ages are short', () => {
  const now = Date.UTC(2027, 5, 15, 12);
  assert.equal(ago(now + 5_000, now), 'now', 'clocks differ');
  assert.equal(ago(now - 59_000, now), 'now');
  assert.equal(ago(now - 3 * 60_000, now), '3 min');
  assert.equal(ago(now - 5 * 3_600_000, now), '5 h');
  assert.equal(ago(now - 2 * 86_400_000, now), '2 d');
  assert.match(ago(now - 30 * 86_400_000, now), /16/);
});
