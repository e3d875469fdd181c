import './fake/dom';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  apply,
  deliver,
  readUpTo,
  unreadAfter,
  unreadSinceOwn,
  type Log,
} from '../src/model/chat-log';
import { readCarbon, readForwarded, readMessage } from '../src/xmpp/message';
import { child } from '../src/xmpp/xml';
import { NS } from '../src/xmpp/ns';
import { stanza } from './fake/link';

const ME = 'juliet@localhost';
const ROMEO = 'romeo@localhost';
let clock = 1_000;

function inner(from: string, to: string, id: string, content: string) {
  return `<message xmlns='jabber:client' type='chat' from='${from}/x' to='${to}' id='${id}'>${content}</message>`;
}

/** As the archive tells it, each a second after the last. */
function said(who: 'me' | 'romeo', id: string, content: string, archiveId = `a-${id}`) {
  const [from, to] = who === 'me' ? [ME, ROMEO] : [ROMEO, ME];
  clock += 1_000;
  const delay = `<delay xmlns='urn:xmpp:delay' stamp='${new Date(clock).toISOString()}'/>`;
  const text = `<forwarded xmlns='urn:xmpp:forward:0'>${delay}${inner(from, to, id, content)}</forwarded>`;
  const message = readForwarded(stanza(text), ME, archiveId);
  assert.ok(message);
  return message;
}

const body = (text: string) => `<body>${text}</body>`;
const around = { now: 10_000_000, newId: () => 'made-up', isLive: false, account: ME };

function logOf(...messages: ReturnType<typeof said>[]): Log {
  return messages.reduce<Log>((log, message) => apply(log, message, around).log, []);
}

test('whatever the way, a message is there once', () => {
  const text = said('romeo', '1', body('But soft'));
  const log = logOf(text, text, said('me', '2', body('Ay me')));
  assert.deepEqual(
    log.map((message) => [message.body, message.delivery]),
    [
      ['But soft', undefined],
      ['Ay me', 'sent'],
    ],
  );
  // One's own that waits is the one that the archive has.
  const waiting: Log = [
    { id: '9', body: 'Hist!', at: 5, delivery: 'waiting', isLate: false, error: undefined },
  ];
  const next = apply(waiting, said('me', '9', body('Hist!')), around).log;
  assert.deepEqual(
    next.map(({ delivery, archiveId }) => [delivery, archiveId]),
    [['sent', 'a-9']],
  );
});

test('corrections change what their author said, and only that', () => {
  const replace = (id: string) => `<replace xmlns='urn:xmpp:message-correct:0' id='${id}'/>`;
  const log = logOf(
    said('romeo', '1', body('nam')),
    said('romeo', '2', body('name') + replace('1')),
    said('me', '3', body('forged') + replace('1')),
  );
  assert.deepEqual(
    log.map((message) => [message.body, message.isEdited === true]),
    [
      ['name', true],
      // Nothing of one's own has this id: it is something new.
      ['forged', true],
    ],
  );
  // Read backwards: the correction stands where the original would.
  const late = apply(
    logOf(said('romeo', '2', body('name') + replace('1'))),
    said('romeo', '1', body('nam')),
    around,
  ).log;
  assert.deepEqual(
    late.map((message) => message.body),
    ['name'],
  );
});

test('what is taken back is gone, and stays gone', () => {
  const retract = (id: string) =>
    `<retract xmlns='urn:xmpp:message-retract:1' id='${id}'/><fallback xmlns='urn:xmpp:fallback:0'/><body>hidden</body>`;
  const reaction = `<reactions xmlns='urn:xmpp:reactions:0' id='1'><reaction>👍</reaction></reactions>`;
  const log = logOf(
    said('romeo', '1', body('Never said')),
    said('me', 'x', reaction),
    said('romeo', '2', retract('1')),
    said('me', 'y', reaction),
  );
  assert.equal(log.length, 1);
  assert.deepEqual([log[0]?.body, log[0]?.isRetracted, log[0]?.reactions], ['', true, undefined]);
  // Nobody takes back what another said.
  const other = logOf(said('romeo', '1', body('Mine')), said('me', '2', retract('1')));
  assert.equal(other[0]?.body, 'Mine');
  // What the archive has of it.
  const grave = logOf(
    said('romeo', '1', `<retracted xmlns='urn:xmpp:message-retract:1' id='2' stamp='x'/>`),
  );
  assert.deepEqual(
    grave.map(({ body: text, isRetracted }) => [text, isRetracted]),
    [['', true]],
  );
});

test('reactions are those that somebody said last', () => {
  const react = (...emojis: string[]) =>
    `<reactions xmlns='urn:xmpp:reactions:0' id='1'>${emojis.map((one) => `<reaction>${one}</reaction>`).join('')}</reactions><body>fallback</body>`;
  const log = logOf(
    said('me', '1', body('O')),
    said('romeo', '2', react('👍', '👍', '❤️')),
    said('me', '3', react('😂')),
  );
  assert.deepEqual(log[0]?.reactions, { [ROMEO]: ['👍', '❤️'], [ME]: ['😂'] });
  const without = apply(log, said('romeo', '4', react()), around).log;
  assert.deepEqual(without[0]?.reactions, { [ME]: ['😂'] });
  assert.equal(apply([], said('romeo', '5', react('👍')), around).isOrphan, true);
});

test('delivered and read only get better', () => {
  const log = logOf(
    said('me', '1', body('a')),
    said('me', '2', body('b')),
    said('me', '3', body('c')),
  );
  const states = (of: Log) => of.map(({ delivery }) => delivery);
  const read = readUpTo(deliver(log, ['3'], 'delivered'), '2');
  assert.deepEqual(states(read), ['read', 'read', 'delivered']);
  assert.deepEqual(states(deliver(read, ['1', '3'], 'sent')), ['read', 'read', 'delivered']);
  assert.equal(readUpTo(log, 'unknown'), log);
  // What came back stays so, whatever else is heard, until it is tried again.
  const failed = log.map((message) => ({ ...message, delivery: 'failed' as const }));
  assert.deepEqual(states(deliver(failed, ['1'], 'sent')), ['failed', 'failed', 'failed']);
  assert.deepEqual(states(deliver(failed, ['1'], 'waiting')), ['waiting', 'failed', 'failed']);
});

test('unread is what came after what was read anywhere', () => {
  const log = logOf(
    said('romeo', '1', body('a')),
    said('me', '2', body('b')),
    said('romeo', '3', body('c')),
    said('romeo', '4', body('d')),
  );
  assert.equal(unreadAfter(log, 'a-1'), 2);
  assert.equal(unreadAfter(log, 'a-2'), 2);
  assert.equal(unreadAfter(log, 'a-4'), 0);
  assert.equal(unreadAfter(log, 'elsewhere'), undefined);
  assert.equal(unreadSinceOwn(log), 2);
});

test('copies, ids and times count from our own server alone', () => {
  const copy = (from: string) =>
    stanza(`<message xmlns='jabber:client' from='${from}' to='${ME}/web' type='chat'>
      <sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>${inner(ME, ROMEO, '1', body('Hi'))}</forwarded></sent></message>`);
  assert.equal(readCarbon(copy(`${ROMEO}/x`), ME), undefined);
  assert.equal(readMessage(copy(`${ROMEO}/x`), ME), undefined);
  const carbon = readCarbon(copy(ME), ME);
  assert.deepEqual([carbon?.peer, carbon?.isOwn, carbon?.body], [ROMEO, true, 'Hi']);
  const ids = `<stanza-id xmlns='urn:xmpp:sid:0' by='${ROMEO}' id='forged'/><stanza-id xmlns='urn:xmpp:sid:0' by='${ME}' id='true'/>`;
  const message = readMessage(stanza(inner(ROMEO, ME, '1', body('Hi') + ids)), ME);
  assert.equal(message?.archiveId, 'true');
  assert.ok(child(copy(ME), 'sent', NS.carbons));
});
