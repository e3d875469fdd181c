import './fake/dom';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changeAudience, fetchAudience } from '../src/xmpp/audience';
import type { Link } from '../src/xmpp/link';
import { parse, type Xml } from '../src/xmpp/xml';

function linkThatAnswers(answer: string) {
  const asked: string[] = [];
  const link: Link = {
    jid: 'juliet@localhost/web',
    iq: (type, _to, payload: Xml) => {
      asked.push(`${type} ${payload.text}`);
      const parsed = parse(answer);
      assert.ok(parsed);
      return Promise.resolve(parsed);
    },
    send: () => undefined,
  };
  return { link, asked };
}

const CONFIGURED = (model: string) =>
  `<iq xmlns='jabber:client' type='result'><pubsub xmlns='http://jabber.org/protocol/pubsub#owner'>` +
  `<configure node='urn:xmpp:microblog:0'><x xmlns='jabber:x:data' type='form'>` +
  `<field var='pubsub#title'><value>open</value></field>` +
  `<field var='pubsub#access_model'><value>${model}</value></field></x></configure></pubsub></iq>`;

test('the audience is the access model of the microblog', async () => {
  const { link } = linkThatAnswers(CONFIGURED('presence'));
  assert.equal(await fetchAudience(link), 'presence');
});

test('an access model that is not offered is told apart', async () => {
  const { link } = linkThatAnswers(CONFIGURED('whitelist'));
  assert.equal(await fetchAudience(link), 'other');
});

test('a change submits the access model and nothing else', async () => {
  const { link, asked } = linkThatAnswers("<iq xmlns='jabber:client' type='result'/>");
  await changeAudience(link, 'open');
  assert.equal(asked.length, 1);
  assert.match(
    asked[0] ?? '',
    /^set .*configure node="urn:xmpp:microblog:0".*access_model.*<value>open</s,
  );
  assert.equal((asked[0] ?? '').match(/<field/g)?.length, 2);
});
