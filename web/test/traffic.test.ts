import './fake/dom';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkStanza } from '../src/model/own-stanza';
import { MOST_CHARACTERS, MOST_PIECES, pretty, Traffic } from '../src/model/traffic';
import { FakeClock } from './fake/dial';
import { stanza } from './fake/link';

test('stanzas are made readable', () => {
  const element = stanza(
    `<iq xmlns='jabber:client' type='get' id="it's"><query xmlns='jabber:iq:roster'><item jid='a@b'/><group>x &lt; y</group></query></iq>`,
  );
  assert.equal(
    pretty(element),
    `<iq xmlns='jabber:client' type='get' id='it&apos;s'>
  <query xmlns='jabber:iq:roster'>
    <item jid='a@b'/>
    <group>x &lt; y</group>
  </query>
</iq>`,
  );
});

test('what opens a door is not shown', () => {
  const secrets = [
    `<device xmlns='urn:x-folkmoot:devices:0' id='17' token='SECRET'/>`,
    `<invite xmlns='urn:x-folkmoot:invite:0' id='3' token='SECRET' uri='https://x/invite/SECRET' xmpp='xmpp:a@b?roster;preauth=SECRET'/>`,
    `<preauth xmlns='urn:xmpp:pars:0' token='SECRET'/>`,
    `<query xmlns='jabber:iq:register'><username>a</username><password>SECRET</password></query>`,
    `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>SECRET</auth>`,
    `<query xmlns='jabber:iq:register'><x xmlns='jabber:x:data'><field var='password'><value>SECRET</value></field></x></query>`,
    `<x xmlns='jabber:x:data'><field var='landing-uri'><value>SECRET</value></field></x>`,
  ];
  for (const secret of secrets) {
    const text = pretty(stanza(`<iq xmlns='jabber:client' type='set'>${secret}</iq>`));
    assert.doesNotMatch(text, /SECRET/, text);
    assert.match(text, /•••/);
  }
});

test('nothing is kept before somebody looks, and only so much then', () => {
  const traffic = new Traffic(new FakeClock());
  const short = stanza(`<presence xmlns='jabber:client' from='a@b'/>`);
  traffic.record('in', short);
  assert.equal(traffic.pieces.value.length, 0);
  traffic.isRecording.set(true);
  for (let index = 0; index < MOST_PIECES + 50; index++) traffic.record('in', short);
  assert.equal(traffic.pieces.value.length, MOST_PIECES);
  const long = stanza(
    `<message xmlns='jabber:client'><body>${'x'.repeat(100_000)}</body></message>`,
  );
  for (let index = 0; index < 200; index++) traffic.record('out', long);
  const size = traffic.pieces.value.reduce((sum, { text }) => sum + text.length, 0);
  assert.ok(size <= MOST_CHARACTERS, String(size));
  traffic.clear();
  assert.deepEqual(traffic.pieces.value, []);
});

const check = (text: string) => checkStanza(text, () => 'new-id');

test('a stanza of one’s own is completed and otherwise left as it is', () => {
  const ready = (text: string) => {
    const checked = check(text);
    return checked.kind === 'ready' ? checked.xml.text : checked.kind;
  };
  assert.equal(
    ready(` <iq type='get'>\n<ping xmlns='urn:xmpp:ping'/></iq>`),
    `<iq xmlns="jabber:client" id="new-id" type='get'>\n<ping xmlns='urn:xmpp:ping'/></iq>`,
  );
  assert.equal(ready('<presence/>'), '<presence xmlns="jabber:client"/>');
  const whole = `<message xmlns='jabber:client' id='1' to='a@b'><body>x</body></message>`;
  assert.equal(ready(whole), whole);
  assert.equal(ready(`<?xml version='1.0'?><presence/>`), '<presence xmlns="jabber:client"/>');
});

test('what would end the stream, or get no answer, does not go out', () => {
  assert.equal(check('').kind, 'empty');
  for (const text of [
    'hello',
    '<iq',
    "<iq type='get'></presence>",
    '<presence/><presence/>',
    '<a:presence/>',
  ]) {
    assert.equal(check(text).kind, 'broken', text);
  }
  for (const text of [
    '<close xmlns="urn:ietf:params:xml:ns:xmpp-framing"/>',
    '<presence xmlns="urn:other"/>',
    '<x:presence xmlns:x="jabber:client"/>',
    '<query/>',
  ]) {
    assert.equal(check(text).kind, 'not-a-stanza', text);
  }
  assert.equal(check('<iq/>').kind, 'iq-type');
  assert.equal(check("<iq type='ask'/>").kind, 'iq-type');
});
