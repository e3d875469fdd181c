import './fake/dom';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Follows } from '../src/model/follows';
import { Requests } from '../src/model/requests';
import { readSubscription } from '../src/xmpp/presence';
import type { Contact, Subscription } from '../src/xmpp/roster';
import { StanzaError } from '../src/xmpp/errors';
import type { Link } from '../src/xmpp/link';
import { parse, type Xml } from '../src/xmpp/xml';
import { settled } from './fake/dial';

const NURSE = 'nurse@localhost';

function contact(subscription: Subscription, isAsked: boolean): Contact {
  return { jid: NURSE, name: undefined, groups: [], subscription, isAsked };
}

function setUp() {
  const sent: string[] = [];
  const world = { isOpen: false, sent };
  const link: Link = {
    jid: 'juliet@localhost/web',
    iq: (_type, _to, payload: Xml) => {
      const isSubscribing = payload.text.includes('<subscribe');
      if (isSubscribing && !world.isOpen) {
        const detail = 'presence-subscription-required';
        return Promise.reject(new StanzaError('not-authorized', 'auth', undefined, detail));
      }
      const answer = parse("<iq xmlns='jabber:client' type='result'/>");
      assert.ok(answer);
      return Promise.resolve(answer);
    },
    send: (stanza) => sent.push(stanza.text),
  };
  const kept = new Map<string, string>();
  const storage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  };
  const follows: Follows = new Follows({
    onChange: () => undefined,
    onClosed: (over, jid) => requests.ask(over, jid),
    onWithdrawn: (over, jid) => requests.withdraw(over, jid),
  });
  const requests: Requests = new Requests('requests', storage, follows);
  return { world, link, kept, follows, requests, storage };
}

test('following somebody who shares with contacts only asks them, and follows when they agree', async () => {
  const { world, link, kept, follows, requests } = setUp();
  await follows.follow(link, NURSE);
  assert.equal(follows.state.value?.get(NURSE), 'requested');
  assert.deepEqual(world.sent, [
    `<presence xmlns="jabber:client" to="${NURSE}" type="subscribe"/>`,
  ]);
  world.isOpen = true;
  requests.receive(link, NURSE, 'subscribed');
  await settled();
  assert.equal(follows.state.value.get(NURSE), 'following');
  assert.equal(kept.size, 0);
});

test('a request that is declined is over', async () => {
  const { link, kept, follows, requests } = setUp();
  await follows.follow(link, NURSE);
  requests.receive(link, NURSE, 'unsubscribed');
  assert.equal(follows.state.value?.has(NURSE), false);
  assert.equal(kept.size, 0);
});

test('a request that was granted while away is found at the next connection', async () => {
  const { world, link, follows, requests } = setUp();
  await follows.follow(link, NURSE);
  world.isOpen = true;
  await requests.connect(link, [contact('to', false)]);
  assert.equal(follows.state.value?.get(NURSE), 'following');
});

test('a request that still waits is shown as one after a reload', async () => {
  const { link, follows, requests, kept } = setUp();
  kept.set('requests', JSON.stringify([NURSE, 'gone@localhost']));
  await requests.connect(link, [contact('none', true)]);
  assert.equal(follows.state.value?.get(NURSE), 'requested');
  assert.equal(kept.get('requests'), JSON.stringify([NURSE]));
});

test('a request can be taken back', async () => {
  const { world, link, follows, kept } = setUp();
  await follows.follow(link, NURSE);
  await follows.unfollow(link, NURSE);
  assert.match(world.sent.at(-1) ?? '', /type="unsubscribe"/);
  assert.equal(follows.state.value?.has(NURSE), false);
  assert.equal(kept.size, 0);
});

test('others’ requests wait once each, until they are answered or taken back', () => {
  const { world, link, requests } = setUp();
  const stanza = parse("<presence xmlns='jabber:client' from='Romeo@localhost' type='subscribe'/>");
  assert.ok(stanza);
  const read = readSubscription(stanza);
  assert.deepEqual(read, { jid: 'romeo@localhost', type: 'subscribe' });
  requests.receive(link, read.jid, read.type);
  requests.receive(link, read.jid, read.type);
  requests.receive(link, NURSE, 'subscribe');
  assert.deepEqual(requests.incoming.value, ['romeo@localhost', NURSE]);
  requests.answer(link, 'romeo@localhost', 'allow');
  requests.receive(link, NURSE, 'unsubscribe');
  assert.deepEqual(requests.incoming.value, []);
  assert.match(world.sent[0] ?? '', /to="romeo@localhost" type="subscribed"/);
});
