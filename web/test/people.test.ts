import './fake/dom';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nameOf, rowsOf, windowOf } from '../src/model/contact-list';
import { isMixed, skeleton, warnings } from '../src/model/lookalike';
import { readWanted } from '../src/model/lookup';
import { parseRoute, paths } from '../src/model/route';
import { findPeople } from '../src/model/people-search';
import type { Contact } from '../src/xmpp/roster';
import { StanzaError } from '../src/xmpp/errors';
import { scripted } from './fake/link';

const HERE = { domain: 'verona.example', host: 'verona.example:5443' };

test('an address is understood in all its forms', () => {
  const forms: [string, string][] = [
    ['romeo@mantua.example', 'romeo@mantua.example'],
    ['  Romeo@Mantua.example/orchard ', 'romeo@mantua.example'],
    ['@romeo@mantua.example', 'romeo@mantua.example'],
    ['@romeo', 'romeo@verona.example'],
    ['@Роза', 'роза@verona.example'],
    ['xmpp:romeo@mantua.example?roster;name=Romeo', 'romeo@mantua.example'],
    ['xmpp:friar%2Elawrence@verona.example', 'friar.lawrence@verona.example'],
    ['XMPP://guest@x/romeo@mantua.example', 'romeo@mantua.example'],
    ['https://verona.example:5443/@romeo', 'romeo@verona.example'],
    ['https://verona.example/app/@romeo', 'romeo@verona.example'],
    ['https://verona.example/@romeo@mantua.example', 'romeo@mantua.example'],
    ['https://verona.example/@romeo/12345', 'romeo@verona.example'],
    ['https://mantua.example/@romeo', 'romeo@mantua.example'],
  ];
  for (const [typed, jid] of forms) {
    assert.deepEqual(readWanted(typed, HERE), { kind: 'address', jid }, typed);
  }
});

test('whatever is no address is words', () => {
  const words = [
    'romeo',
    'Romeo Montague',
    'a@b@c',
    'ro meo@mantua',
    '@',
    '@ro<meo',
    'https://',
    'https://x.example/page',
    'romeo@',
    '@@',
    'mailto:x',
  ];
  for (const text of words) assert.deepEqual(readWanted(text, HERE), { kind: 'words', text }, text);
  assert.deepEqual(readWanted('   ', HERE), { kind: 'nothing' });
});

const PEOPLE = `<people xmlns='urn:x-folkmoot:people:0'>
  <person jid='romeo@verona.example' name='Romeo' posts='3' followers='1'/>
  <person jid='romeo2@verona.example' name='Another' posts='1' followers='0'/></people>`;

function search(typed: string, following: () => string | Error) {
  const link = scripted('juliet@verona.example', (request) => {
    if (request.includes('<people')) return request.includes('search="nobody"') ? '' : PEOPLE;
    const answer = following();
    if (answer instanceof Error) throw answer;
    return answer;
  });
  return findPeople(link, { service: 'pubsub.verona.example', here: HERE, typed });
}

const refuse = (condition: string) => () => new StanzaError(condition, 'cancel', undefined);

test('people are found by words, or exactly by their address', async () => {
  const byWords = await search('rom', refuse('gone'));
  assert.equal(byWords.kind === 'people' && byWords.people.length, 2);
  const byAddress = await search('@romeo', refuse('gone'));
  assert.deepEqual(byAddress.kind === 'people' && byAddress.people.map(({ jid }) => jid), [
    'romeo@verona.example',
  ]);
});

test('who hides from the search is found by the whole address', async () => {
  const following = "<following xmlns='urn:x-folkmoot:follow:0' is-following='false'/>";
  const found = await search('@mercutio', () => following);
  assert.deepEqual(found.kind === 'people' && found.people.map(({ jid }) => jid), [
    'mercutio@verona.example',
  ]);
});

test('nobody is told apart from somebody out of reach', async () => {
  assert.deepEqual(await search('nobody', refuse('item-not-found')), {
    kind: 'missing',
    jid: undefined,
  });
  assert.deepEqual(await search('@nobody', refuse('item-not-found')), {
    kind: 'missing',
    jid: 'nobody@verona.example',
  });
  assert.deepEqual(await search('x@mantua.example', refuse('remote-server-not-found')), {
    kind: 'elsewhere',
    jid: 'x@mantua.example',
  });
  await assert.rejects(search('@nobody', refuse('resource-constraint')));
});

test('names that look alike have one skeleton', () => {
  const alike: [string, string][] = [
    ['paypal', 'pаypаl'],
    ['juliet', 'ju1iet'],
    ['juliet', 'Juliét'],
    ['romeo', 'rom0o'.replace('0o', 'eо')],
    ['romeo', 'rοmeο'],
    ['modern', 'modem'],
    ['wolf', 'vvolf'],
    ['friar.lawrence', 'friar-lawrence'],
    ['nurse', 'nurse\u200b'],
  ];
  for (const [a, b] of alike) assert.equal(skeleton(a), skeleton(b), `${a} ${b}`);
  assert.notEqual(skeleton('romeo'), skeleton('juliet'));
  assert.notEqual(skeleton('rosa'), skeleton('rose'));
});

test('scripts that no word mixes are noticed; those that some do are not', () => {
  for (const name of ['pаypal', 'Ρomeo', 'ju𝗅iet'.replace('𝗅', 'ӏ')])
    assert.ok(isMixed(name), name);
  for (const name of [
    'Juliet',
    'Анна',
    'Анна Smith',
    '山田taro',
    'ひらがなカナ漢字',
    'élan',
    'ab12',
    '한국漢字',
  ])
    assert.ok(!isMixed(name), name);
});

test('a warning names whom somebody looks like, and is silent about themselves', () => {
  const known = [
    { jid: 'romeo@verona.example', names: ['Romeo Montague'] },
    { jid: 'nurse@verona.example', names: [] },
  ];
  const twin = { kind: 'twin', jid: 'romeo@verona.example' };
  assert.deepEqual(warnings({ jid: 'romeo@verona.example', names: [] }, known), []);
  assert.deepEqual(warnings({ jid: 'rorneo@verona.example', names: [] }, known), [twin]);
  assert.deepEqual(warnings({ jid: 'rоmeo@verona.example', names: [] }, known), [
    { kind: 'mixed' },
    twin,
  ]);
  assert.deepEqual(warnings({ jid: 'romeo@mantua.example', names: [] }, known), [twin]);
  assert.deepEqual(warnings({ jid: 'x@verona.example', names: ['Romeo  Montague'] }, known), [
    twin,
  ]);
  assert.deepEqual(warnings({ jid: 'tybalt@verona.example', names: ['Tybalt'] }, known), []);
});

function contact(index: number, groups: string[] = []): Contact {
  return {
    jid: `p${index}@verona.example`,
    name: `Person ${index}`,
    groups,
    subscription: 'both',
    isAsked: false,
  };
}

test('ten thousand contacts: those who are there first, and only a screenful drawn', () => {
  const contacts = Array.from({ length: 10_000 }, (_, index) =>
    contact(index, index % 3 === 0 ? ['Family'] : []),
  );
  const sorting = {
    query: '',
    nameOf,
    showOf: (jid: string) => (jid === 'p9999@verona.example' ? ('available' as const) : undefined),
  };
  const seventySevens = contacts.filter(({ jid }) => jid.includes('77')).length;
  const started = performance.now();
  const rows = rowsOf(contacts, sorting);
  const found = rowsOf(contacts, { ...sorting, query: 'person 77' });
  assert.ok(performance.now() - started < 2_000);
  assert.equal(rows.length, 10_002);
  assert.deepEqual(
    rows.slice(0, 2).map(({ key }) => key),
    ['#Family', 'Family#p9999@verona.example'],
  );
  assert.equal(found.filter(({ kind }) => kind === 'contact').length, seventySevens);
  assert.deepEqual(windowOf(60 * 5_000, 800, 60, rows.length), { first: 4_992, end: 5_022 });
  assert.deepEqual(windowOf(-500, 800, 60, rows.length), { first: 0, end: 13 });
  assert.deepEqual(windowOf(1e9, 800, 60, 3), { first: 3, end: 3 });
});

test('contacts are found without regard to marks, by name, address and group', () => {
  const elodie: Contact = { ...contact(1, ['Ménage']), name: 'Élodie' };
  const sorting = { nameOf, showOf: () => undefined };
  for (const query of ['elodie', 'ÉLO', 'p1@', 'menage', 'élodie verona']) {
    assert.equal(
      rowsOf([elodie, contact(2)], { ...sorting, query }).filter(({ kind }) => kind === 'contact')
        .length,
      1,
      query,
    );
  }
});

test('every conversation has an address: people here and elsewhere, and servers', () => {
  const whom = (jid: string) => parseRoute(paths.conversation(jid, 'verona.example'));
  assert.deepEqual(whom('romeo@verona.example'), { page: 'messages', whom: '@romeo' });
  assert.deepEqual(whom('роза@mantua.example'), { page: 'messages', whom: '@роза@mantua.example' });
  assert.deepEqual(whom('verona.example'), { page: 'messages', whom: 'verona.example' });
  assert.deepEqual(parseRoute(paths.messages), { page: 'messages', whom: undefined });
});
