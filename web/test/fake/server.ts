/**
 * A small XMPP server in memory, as far as the client's tests need one: nodes with RSM, live
 * events, publishing under the client's own ids. Transports are in the files beside it.
 */
import { NODE, NS } from '../../src/xmpp/ns';
import { bare, localpart } from '../../src/xmpp/jid';
import { attribute, child, childText, children, x, Xml } from '../../src/xmpp/xml';

export const DOMAIN = 'localhost';
export const PUBSUB = 'pubsub.localhost';

export interface StoredPost {
  author: string;
  item: string;
  postId: number;
  text: string;
  tags: string[];
  published: number;
  updated: number;
}

export interface FakeAccount {
  nick: string | undefined;
  about: string | undefined;
  follows: Set<string>;
}

/** One session of one client. */
export interface FakeSession {
  jid: string;
  isAvailable: boolean;
  subscriptions: Set<string>;
  send(stanza: Xml): void;
}

export class FakeServer {
  readonly accounts = new Map<string, FakeAccount>();
  readonly posts: StoredPost[] = [];
  readonly sessions = new Set<FakeSession>();
  /** Every publish request that arrived, retries included. */
  readonly published: string[] = [];
  /** Answers to this many publish requests are lost, though their posts are stored. */
  loseAnswers = 0;
  /** Refuses every publish with this condition while set. */
  refusal: string | undefined;
  private lastId = 0;

  constructor(private readonly now: () => number = () => Date.now()) {}

  account(name: string, nick?: string, about?: string): FakeAccount {
    const jid = `${name}@${DOMAIN}`;
    const made = this.accounts.get(jid) ?? { nick, about, follows: new Set<string>() };
    this.accounts.set(jid, made);
    return made;
  }

  /** Stores a post and tells whoever listens. */
  post(author: string, text: string, item?: string, published?: number): StoredPost {
    const at = published ?? this.now();
    this.lastId = Math.max(this.lastId + 1, at * 4096);
    const post: StoredPost = {
      author: author.includes('@') ? author : `${author}@${DOMAIN}`,
      item: item ?? `i${this.lastId}`,
      postId: this.lastId,
      text,
      tags: [...text.matchAll(/#(\w+)/g)].map((match) => (match[1] ?? '').toLowerCase()),
      published: at,
      updated: at,
    };
    this.posts.push(post);
    this.notify(post, (id) => x('item', { id, publisher: post.author }, entryOf(post)));
    return post;
  }

  retract(post: StoredPost): void {
    this.posts.splice(this.posts.indexOf(post), 1);
    this.notify(post, (id) => x('retract', { id }));
  }

  /** Handles one stanza of a client. */
  handle(session: FakeSession, stanza: Element): void {
    if (stanza.localName === 'presence') {
      session.isAvailable = attribute(stanza, 'type') !== 'unavailable';
      return;
    }
    const type = attribute(stanza, 'type');
    if (stanza.localName !== 'iq' || (type !== 'get' && type !== 'set')) return;
    const head = {
      xmlns: NS.client,
      id: attribute(stanza, 'id'),
      from: attribute(stanza, 'to'),
      to: session.jid,
    };
    const payload = children(stanza)[0];
    const answer = payload && this.answer(session, payload, attribute(stanza, 'to'));
    if (answer === 'lost') return;
    if (answer instanceof Xml) session.send(x('iq', { ...head, type: 'result' }, answer));
    else if (answer === 'done') session.send(x('iq', { ...head, type: 'result' }));
    else {
      const condition = answer?.condition ?? 'service-unavailable';
      const error = x('error', { type: 'cancel' }, x(condition, { xmlns: NS.stanzas }));
      session.send(x('iq', { ...head, type: 'error' }, error));
    }
  }

  private answer(
    session: FakeSession,
    payload: Element,
    to: string | undefined,
  ): Xml | 'done' | 'lost' | { condition: string } | undefined {
    const me = bare(session.jid);
    const target = to ?? me;
    switch (payload.namespaceURI) {
      case NS.ping:
        return 'done';
      case NS.follow:
        return this.following(me, bare(target));
      case NS.people:
        return this.people(me);
      case NS.devices:
        return devices(payload);
      case NS.roster:
        return x('query', { xmlns: NS.roster });
      case NS.pubsub:
        return this.pubsub(session, payload, target);
      default:
        return undefined;
    }
  }

  private pubsub(session: FakeSession, payload: Element, target: string) {
    const me = bare(session.jid);
    const action = children(payload)[0];
    const node = attribute(action, 'node') ?? '';
    switch (action?.localName) {
      case 'items':
        return this.items(me, target, node, child(payload, 'set', NS.rsm));
      case 'subscribe':
        return this.subscribe(session, target, node);
      case 'unsubscribe':
        session.subscriptions.delete(`${target} ${node}`);
        this.account(localpart(me)).follows.delete(target);
        return 'done' as const;
      case 'publish':
        return this.publish(me, node, action);
      case 'retract': {
        const id = attribute(child(action, 'item', NS.pubsub), 'id');
        const post = this.posts.find((known) => known.author === me && known.item === id);
        if (!post) return { condition: 'item-not-found' };
        this.retract(post);
        return 'done' as const;
      }
      default:
        return { condition: 'feature-not-implemented' };
    }
  }

  private subscribe(session: FakeSession, target: string, node: string): Xml {
    const isPerson = node === NODE.microblog && target !== PUBSUB;
    if (isPerson) this.account(localpart(bare(session.jid))).follows.add(target);
    else session.subscriptions.add(`${target} ${node}`);
    const subscription = x('subscription', { node, subscription: 'subscribed' });
    return x('pubsub', { xmlns: NS.pubsub }, subscription);
  }

  private publish(me: string, node: string, action: Element) {
    const item = child(action, 'item', NS.pubsub);
    const id = attribute(item, 'id') ?? '';
    const account = this.account(localpart(me));
    if (node === NODE.nick) account.nick = childText(item, 'nick', NS.nick);
    else if (node === NODE.vcard) {
      const note = child(child(item, 'vcard', NS.vcard), 'note', NS.vcard);
      account.about = childText(note, 'text', NS.vcard);
    } else {
      if (this.refusal) return { condition: this.refusal };
      this.published.push(id);
      const text = childText(child(item, 'entry', NS.atom), 'title', NS.atom) ?? '';
      const isKnown = this.posts.some((post) => post.author === me && post.item === id);
      if (!isKnown) this.post(me, text, id);
      if (this.loseAnswers > 0) {
        this.loseAnswers--;
        return 'lost' as const;
      }
    }
    return 'done' as const;
  }

  private items(me: string, target: string, node: string, set: Element | undefined) {
    const account = this.accounts.get(target);
    if (node === NODE.nick || node === NODE.vcard) return profileItem(node, account);
    if (target !== PUBSUB && !account) return { condition: 'item-not-found' };
    const isOwnNode = node === NODE.microblog && target !== PUBSUB;
    const all = this.posts
      .filter((post) => this.belongs(post, me, target, node))
      .sort((a, b) => a.postId - b.postId);
    const idOf = (post: StoredPost) => (isOwnNode ? post.item : String(post.postId));
    const max = Number(childText(set, 'max', NS.rsm) ?? 20);
    const before = childText(set, 'before', NS.rsm);
    const end = before === undefined ? all.length : all.findIndex((post) => idOf(post) === before);
    const page = all.slice(Math.max(0, end - max), Math.max(0, end));
    const [first] = page;
    const last = page.at(-1);
    return x(
      'pubsub',
      { xmlns: NS.pubsub },
      x(
        'items',
        { node },
        ...page.map((post) => x('item', { id: idOf(post), publisher: post.author }, entryOf(post))),
      ),
      x(
        'set',
        { xmlns: NS.rsm },
        first && x('first', {}, idOf(first)),
        last && x('last', {}, idOf(last)),
      ),
    );
  }

  private belongs(post: StoredPost, reader: string, target: string, node: string): boolean {
    if (node === NODE.home) {
      return (
        post.author === reader || (this.accounts.get(reader)?.follows.has(post.author) ?? false)
      );
    }
    if (target !== PUBSUB) return post.author === target;
    return node === NODE.microblog || post.tags.some((tag) => node === `tag/${tag}`);
  }

  private notify(post: StoredPost, content: (id: string) => Xml): void {
    const id = String(post.postId);
    for (const session of this.sessions) {
      const me = bare(session.jid);
      const event = (from: string, node: string) =>
        session.send(
          x(
            'message',
            { xmlns: NS.client, from, to: session.jid, type: 'headline' },
            x('event', { xmlns: NS.pubsubEvent }, x('items', { node }, content(id))),
          ),
        );
      if (session.isAvailable && this.belongs(post, me, me, NODE.home)) event(me, NODE.home);
      for (const subscription of session.subscriptions) {
        const [service = '', node = ''] = subscription.split(' ');
        if (this.belongs(post, me, service, node)) event(service, node);
      }
    }
  }

  private following(me: string, target: string): Xml {
    const follows = this.accounts.get(target)?.follows ?? new Set<string>();
    const followers = [...this.accounts.values()].filter((other) => other.follows.has(target));
    return x(
      'following',
      {
        xmlns: NS.follow,
        count: follows.size,
        followers: followers.length,
        'is-following': String(this.accounts.get(me)?.follows.has(target) ?? false),
      },
      ...[...follows].map((jid) => x('follow', { jid })),
    );
  }

  private people(me: string): Xml {
    const mine = this.accounts.get(me)?.follows ?? new Set<string>();
    const strangers = [...this.accounts].filter(([jid]) => jid !== me && !mine.has(jid));
    return x(
      'people',
      { xmlns: NS.people },
      ...strangers.map(([jid, { nick }]) =>
        x('person', {
          jid,
          name: nick,
          posts: this.posts.filter((post) => post.author === jid).length,
          followers: [...this.accounts.values()].filter((other) => other.follows.has(jid)).length,
        }),
      ),
    );
  }
}

function entryOf(post: StoredPost): Xml {
  const uri = `xmpp:${post.author}?;node=${encodeURIComponent(NODE.microblog)};item=${post.item}`;
  return x(
    'entry',
    { xmlns: NS.atom },
    x('title', { type: 'text' }, post.text),
    x('published', {}, new Date(post.published).toISOString()),
    x('updated', {}, new Date(post.updated).toISOString()),
    ...post.tags.map((term) => x('category', { term })),
    x('link', {
      rel: 'alternate',
      type: 'text/html',
      href: `http://${DOMAIN}/@${localpart(post.author)}/${post.postId}`,
    }),
    x('origin', { xmlns: NS.origin, uri }),
  );
}

function profileItem(node: string, account: FakeAccount | undefined) {
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

function devices(payload: Element): Xml | 'done' {
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
