import './fake/dom';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { lookOf } from '../src/model/look';
import { availablePresence, verification } from '../src/xmpp/caps';
import { proveWork } from '../src/xmpp/proof';
import { answerRequest } from '../src/xmpp/requests';
import { sha1 } from '../src/xmpp/sha1';
import { sha256 } from '../src/xmpp/sha256';
import { parse } from '../src/xmpp/xml';

const TEXTS = [
  '',
  'abc',
  'ü'.repeat(31),
  'a'.repeat(55),
  'a'.repeat(56),
  'a'.repeat(64),
  'x'.repeat(1000),
];

test('the digests are those of everybody else', () => {
  for (const text of TEXTS) {
    const hex = (name: string) => createHash(name).update(text).digest('hex');
    assert.equal(Buffer.from(sha1(text)).toString('hex'), hex('sha1'));
    const words = [...sha256(new TextEncoder().encode(text))];
    assert.equal(words.map((word) => word.toString(16).padStart(8, '0')).join(''), hex('sha256'));
  }
});

test('the verification string is that of the specification’s example', () => {
  const features = ['caps', 'disco#info', 'disco#items', 'muc'].map(
    (name) => `http://jabber.org/protocol/${name}`,
  );
  const exodus = { category: 'client', type: 'pc', name: 'Exodus 0.9.1' };
  assert.equal(verification([exodus], features), 'QgayPKawpkPSDYmwT/WM94uAlu0=');
});

test('presence announces what disco then tells', () => {
  const [, node, ver] = / node="([^"]+)" ver="([^"]+)"/.exec(availablePresence().text) ?? [];
  const ask = (attributes: string) => {
    const stanza = parse(
      `<iq xmlns='jabber:client' type='get' id='1' from='localhost'>
         <query xmlns='http://jabber.org/protocol/disco#info' ${attributes}/></iq>`,
    );
    assert.ok(stanza);
    return answerRequest(stanza)?.text ?? '';
  };
  const answer = ask(`node='${node ?? ''}#${ver ?? ''}'`);
  assert.match(answer, /^<iq xmlns="jabber:client" to="localhost" id="1" type="result">/);
  assert.match(answer, /<feature var="urn:x-folkmoot:home:0\+notify"\/>/);
  assert.doesNotMatch(answer, /microblog:0\+notify/);
  assert.match(ask(''), /type="result"/);
  assert.match(ask("node='urn:other'"), /item-not-found/);
});

test('every request gets an answer', () => {
  const answer = (xml: string) => {
    const stanza = parse(xml);
    assert.ok(stanza);
    return answerRequest(stanza)?.text;
  };
  const ping = "<iq xmlns='jabber:client' type='get' id='2'><ping xmlns='urn:xmpp:ping'/></iq>";
  assert.equal(answer(ping), '<iq xmlns="jabber:client" id="2" type="result"/>');
  const unknown = "<iq xmlns='jabber:client' type='set' id='3'><x xmlns='urn:y'/></iq>";
  assert.match(answer(unknown) ?? '', /service-unavailable/);
  assert.equal(answer("<iq xmlns='jabber:client' type='result' id='4'/>"), undefined);
});

test('colours are those that XEP-0392 gives', () => {
  assert.equal(lookOf('Romeo', undefined).hue, 327);
  assert.equal(lookOf('juliet@capulet.lit', undefined).hue, 209);
  assert.equal(lookOf('a@x', 'juliet von capulet').initials, 'JC');
});

test('work is proven', async () => {
  const proof = await proveWork('e03', 'localhost');
  assert.ok(proof.startsWith('localhost'));
  assert.ok(createHash('sha256').update(proof).digest('hex').endsWith('e03'));
});
