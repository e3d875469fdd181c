import './fake/dom';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acceptInvitation } from '../src/model/accept';
import { Contacts } from '../src/model/contacts';
import { Follows } from '../src/model/follows';
import { readInvitation } from '../src/model/invitation';
import { createInvite, fetchInvites, revokeInvite } from '../src/xmpp/invites';
import { FakeClock } from './fake/dial';
import { memory, scripted } from './fake/link';

function page(metas: Record<string, string>) {
  return readInvitation((name) => metas[name.replace('folkmoot-invite-', '')]);
}

test('the page says who invites; one that says nothing is tried', () => {
  const xmpp = 'xmpp:juliet@localhost?roster;preauth=x;ibr=y';
  assert.deepEqual(page({ state: 'open', by: 'Juliet@localhost', name: 'J', xmpp }), {
    state: 'open',
    jid: 'juliet@localhost',
    name: 'J',
    makesAccounts: true,
    username: undefined,
    xmpp,
  });
  const silent = page({});
  assert.deepEqual([silent.state, silent.jid, silent.makesAccounts], ['open', undefined, true]);
  assert.equal(page({ state: 'used', accounts: 'false' }).makesAccounts, false);
  assert.equal(page({ xmpp: 'javascript:alert(1)' }).xmpp, undefined);
});

test('links are made, listed and revoked', async () => {
  const link = scripted('juliet@localhost', (request) => {
    if (request.includes('<invites')) {
      return `<invites xmlns='urn:x-folkmoot:invite:0'>
        <invite id='3' created='2026-11-21T10:00:00Z' expires='2026-11-28T10:00:00Z' uses='5' used='1'/></invites>`;
    }
    return request.includes('<invite ')
      ? `<invite xmlns='urn:x-folkmoot:invite:0' id='3' token='t' uri='https://x.example/invite/t' expires='2026-11-28T10:00:00Z'/>`
      : undefined;
  });
  assert.equal((await createInvite(link, { uses: 5, days: 7 }))?.uri, 'https://x.example/invite/t');
  const [invite] = await fetchInvites(link);
  assert.deepEqual([invite?.uses, invite?.used], [5, 1]);
  await revokeInvite(link, '3');
  assert.deepEqual(link.asked, [
    'set  <invite xmlns="urn:x-folkmoot:invite:0" uses="5" days="7"/>',
    'get  <invites xmlns="urn:x-folkmoot:invite:0"/>',
    'set  <revoke xmlns="urn:x-folkmoot:invite:0" id="3"/>',
  ]);
});

test('accepting asks with the token, and follows', async () => {
  const link = scripted('romeo@localhost');
  const follows = new Follows({
    onChange: () => undefined,
    onClosed: () => undefined,
    onWithdrawn: () => undefined,
  });
  const contacts = new Contacts('romeo@localhost', memory(), follows, new FakeClock());
  await acceptInvitation(link, { contacts, follows }, { jid: 'juliet@localhost', token: 't' });
  assert.deepEqual(link.sent, [
    '<presence xmlns="jabber:client" to="juliet@localhost" type="subscribe"><preauth xmlns="urn:xmpp:pars:0" token="t"/></presence>',
  ]);
  assert.match(
    link.asked[0] ?? '',
    /^set juliet@localhost .*<subscribe node="urn:xmpp:microblog:0"/,
  );
  assert.equal(follows.state.value?.get('juliet@localhost'), 'following');
});
