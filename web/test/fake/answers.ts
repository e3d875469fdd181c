/** Answers of the server in memory that need nothing but what they are given. */
import { NODE, NS } from '../../src/xmpp/ns';
import { child, childText, x, type Xml } from '../../src/xmpp/xml';

export interface FakeAccount {
  nick: string | undefined;
  about: string | undefined;
  follows: Set<string>;
}

/** One page of items (XEP-0059), oldest first. */
export function paged(
  node: string,
  set: Element | undefined,
  all: readonly { id: string; item: Xml }[],
): Xml {
  const max = Number(childText(set, 'max', NS.rsm) ?? 20);
  const after = childText(set, 'after', NS.rsm);
  const before = childText(set, 'before', NS.rsm);
  const isForward = child(set, 'before', NS.rsm) === undefined;
  const index = (id: string) => all.findIndex((each) => each.id === id);
  const end = before === undefined ? all.length : Math.max(0, index(before));
  const start = after === undefined ? 0 : index(after) + 1;
  const page = isForward ? all.slice(start, start + max) : all.slice(Math.max(0, end - max), end);
  const [first] = page;
  const last = page.at(-1);
  return x(
    'pubsub',
    { xmlns: NS.pubsub },
    x('items', { node }, ...page.map(({ item }) => item)),
    x('set', { xmlns: NS.rsm }, first && x('first', {}, first.id), last && x('last', {}, last.id)),
  );
}

export function profileItem(node: string, account: FakeAccount | undefined) {
  const nick = account?.nick;
  const about = account?.about;
  if (node === NODE.nick ? nick === undefined : about === undefined) {
    return { condition: 'item-not-found' };
  }
  const payload =
    node === NODE.nick
      ? x('nick', { xmlns: NS.nick }, nick)
      : x('vcard', { xmlns: NS.vcard }, x('note', {}, x('text', {}, about)));
  const item = x('item', { id: 'current' }, payload);
  return x('pubsub', { xmlns: NS.pubsub }, x('items', { node }, item));
}

export function devices(payload: Element): Xml | 'done' {
  if (payload.localName === 'revoke') return 'done';
  if (payload.localName === 'device') {
    return x('device', { xmlns: NS.devices, id: 17, token: 'token-of-a-device' });
  }
  const day = 86_400_000;
  const ago = (days: number) => new Date(Date.now() - days * day).toISOString();
  return x(
    'devices',
    { xmlns: NS.devices },
    x('device', { id: 17, label: 'Chromium on Linux', created: ago(9), current: 'true' }),
    x('device', { id: 12, label: 'Safari on iPhone', created: ago(40), 'last-used': ago(0.1) }),
    x('device', { id: 9, label: 'Gajim on Linux', created: ago(80), 'last-used': ago(3) }),
  );
}
