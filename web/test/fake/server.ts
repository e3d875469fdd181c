/**
 * A small XMPP server in memory, as far as the client's tests need one: nodes with RSM, live
 * events, publishing under the client's own ids. Transports are in the files beside it.
 */
import { commentsNode, NODE, NS, threadNode } from '../../src/xmpp/ns';
import { bare, itemUri, localpart } from '../../src/xmpp/jid';
import { attribute, child, childText, children, parse, x, Xml } from '../../src/xmpp/xml';
import { devices, paged, profileItem, type FakeAccount } from './answers';
import { FakeConversation, noticeItem, type StoredNotice } from './conversation';
import { DOMAIN, ownEntry, PUBSUB, virtualEntry, type StoredPost } from './entries';

export type { FakeAccount } from './answers';
export { DOMAIN, PUBSUB } from './entries';

const COMMENTS = commentsNode('');

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
  readonly conversation = new FakeConversation(this.posts);
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
    return this.store(author, text, item, published === undefined ? {} : { published });
  }

  /** Stores an answer to a post. */
  reply(author: string, parent: StoredPost, text: string, item?: string): StoredPost {
    const place = { root: parent.place?.root ?? parent.postId, parent: parent.postId };
    return this.store(author, text, item, { place });
  }

  boost(author: string, of: StoredPost, item?: string): StoredPost {
    return this.store(author, of.text, item, { of });
  }

  like(name: string, post: StoredPost): void {
    const jid = `${name}@${DOMAIN}`;
    const root = x('attachments', { xmlns: NS.attachments }, x('noticed'));
    this.attach(jid, post, parse(root.text));
  }

  private store(
    author: string,
    text: string,
    item: string | undefined,
    { published, place, of }: Partial<StoredPost>,
  ): StoredPost {
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
      place,
      of,
    };
    this.posts.push(post);
    this.notify(post, (id) => this.itemOf(post, id, undefined));
    this.recount(of ?? (place && this.conversation.byNumber(place.parent)));
    this.noticeOf(post);
    return post;
  }

  retract(post: StoredPost): void {
    const gone = [post, ...this.posts.filter((other) => other.of === post)];
    for (const each of gone) {
      this.notify(each, (id) => x('retract', { id }));
      this.posts.splice(this.posts.indexOf(each), 1);
    }
    this.recount(post.of ?? (post.place && this.conversation.byNumber(post.place.parent)));
    this.withdraw(({ post: concerned, type, by }) => {
      const isOfBoost = type === 'boost' && concerned === post.of && by === post.author;
      return concerned === post || isOfBoost;
    });
  }

  edit(post: StoredPost, text: string): void {
    post.text = text;
    post.updated = Math.max(this.now(), post.published + 2_000);
    for (const each of [post, ...this.posts.filter((other) => other.of === post)]) {
      this.notify(each, (id) => this.itemOf(each, id, undefined));
    }
  }

  /** What `name` sees when told that somebody did something. */
  notice(owner: string, type: StoredNotice['type'], by: string, post?: StoredPost): void {
    if (owner === by) return;
    const id = Math.max(this.lastId + 1, this.now() * 4096);
    this.lastId = id;
    const notice = { id, owner, type, by, at: this.now(), post };
    this.conversation.notices.push(notice);
    this.tellNotices(owner, noticeItem(notice));
  }

  private noticeOf(post: StoredPost): void {
    const parent = post.place && this.conversation.byNumber(post.place.parent);
    if (parent) this.notice(parent.author, 'reply', post.author, post);
    if (post.of) this.notice(post.of.author, 'boost', post.author, post.of);
    else {
      for (const [, name = ''] of post.text.matchAll(/@(\w+)/g)) {
        const jid = `${name}@${DOMAIN}`;
        const isTold = jid === parent?.author || !this.accounts.has(jid);
        if (!isTold) this.notice(jid, 'mention', post.author, post);
      }
    }
  }

  private withdraw(isGone: (notice: StoredNotice) => boolean): void {
    const { notices } = this.conversation;
    for (const notice of notices.filter(isGone)) {
      notices.splice(notices.indexOf(notice), 1);
      this.tellNotices(notice.owner, x('retract', { id: notice.id }));
    }
  }

  private tellNotices(owner: string, content: Xml): void {
    for (const session of this.sessions) {
      if (bare(session.jid) === owner && session.isAvailable) {
        this.event(session, owner, NODE.notifications, content);
      }
    }
  }

  private attach(jid: string, post: StoredPost, root: Element | undefined): void {
    const kept = this.conversation.attached(post);
    const before = this.conversation.counts(post, jid).liked;
    if (root) kept.set(jid, root);
    else kept.delete(jid);
    const after = this.conversation.counts(post, jid).liked;
    if (before === after) return;
    this.recount(post);
    if (after) this.notice(post.author, 'like', jid, post);
    else {
      this.withdraw(({ type, by, post: concerned }) => {
        return type === 'like' && by === jid && concerned === post;
      });
    }
  }

  /** Whoever has the thread on the screen sees the counts change. */
  private recount(post: StoredPost | undefined): void {
    if (post) this.tellThread(post, this.itemOf(post, String(post.postId), undefined));
  }

  private itemOf(post: StoredPost, id: string, reader: string | undefined): Xml {
    const parent = post.place && this.conversation.byNumber(post.place.parent);
    const counts = this.conversation.counts(post, reader);
    return x('item', { id, publisher: post.author }, virtualEntry(post, counts, parent?.author));
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
        return this.items(me, target, action, child(payload, 'set', NS.rsm));
      case 'subscribe':
        return this.subscribe(session, target, node);
      case 'unsubscribe':
        session.subscriptions.delete(`${target} ${node}`);
        this.account(localpart(me)).follows.delete(target);
        return 'done' as const;
      case 'publish':
        return this.publish(me, target, node, action);
      case 'retract': {
        const id = attribute(child(action, 'item', NS.pubsub), 'id') ?? '';
        if (node.startsWith(NS.attachments)) {
          const post = this.conversation.target(node);
          if (!post) return { condition: 'item-not-found' };
          this.attach(id, post, undefined);
          return 'done' as const;
        }
        const post = this.conversation.find(itemUri(target, node, id));
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

  private publish(me: string, target: string, node: string, action: Element) {
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
      const trouble = this.take(me, target, node, item, id);
      if (trouble) return trouble;
      if (this.loseAnswers > 0) {
        this.loseAnswers--;
        return 'lost' as const;
      }
    }
    return 'done' as const;
  }

  /** Takes what is published into the nodes of posts and of what is made of them. */
  private take(
    me: string,
    target: string,
    node: string,
    item: Element | undefined,
    id: string,
  ): { condition: string } | undefined {
    const { conversation } = this;
    if (node === NODE.notifications) {
      if (!conversation.markRead(me, item)) return { condition: 'not-acceptable' };
      this.tellNotices(me, conversation.readState(me));
      return undefined;
    }
    if (node.startsWith(NS.attachments)) {
      const post = conversation.target(node);
      const root = child(item, 'attachments', NS.attachments);
      if (!post || !root || id !== me) return { condition: 'item-not-found' };
      this.attach(me, post, root);
      return undefined;
    }
    const entry = child(item, 'entry', NS.atom);
    const text = childText(entry, 'title', NS.atom) ?? '';
    const known = conversation.find(itemUri(target, node, id));
    const via = entry && children(entry).find((link) => attribute(link, 'rel') === 'via');
    const of = conversation.find(attribute(via, 'href'));
    if (known) {
      if (known.text !== text) this.edit(known, text);
    } else if (of) this.boost(me, of, id);
    else if (node !== NODE.microblog) {
      const answered = attribute(child(entry, 'in-reply-to', NS.threading), 'href');
      const root = conversation.byNumber(node.slice(node.lastIndexOf('/') + 1));
      const parent = conversation.find(answered) ?? root;
      if (!parent) return { condition: 'item-not-found' };
      this.reply(me, parent, text, id);
    } else this.post(me, text, id);
    return undefined;
  }

  private items(me: string, target: string, asked: Element, set: Element | undefined) {
    const node = attribute(asked, 'node') ?? '';
    const wanted = child(asked, 'item', NS.pubsub);
    const account = this.accounts.get(target);
    if (node === NODE.nick || node === NODE.vcard) return profileItem(node, account);
    if (node.startsWith(NS.attachments)) return this.conversation.attachmentItems(node, wanted);
    if (target !== PUBSUB && !account) return { condition: 'item-not-found' };
    if (node === NODE.notifications) return this.noticeItems(me, wanted, set);
    if (node.startsWith('thread/') && !this.conversation.byNumber(node.slice('thread/'.length))) {
      return { condition: 'item-not-found' };
    }
    const isComments = node.startsWith(COMMENTS);
    const isOwnNode = isComments || (node === NODE.microblog && target !== PUBSUB);
    if (wanted) return this.ownItem(target, node, attribute(wanted, 'id') ?? '');
    const all = this.posts
      .filter((post) => this.belongs(post, me, target, node))
      .sort((a, b) => a.postId - b.postId);
    return paged(
      node,
      set,
      all.map((post) => {
        const id = isOwnNode ? post.item : String(post.postId);
        const own = x('item', { id, publisher: post.author }, ownEntry(post));
        return { id, item: isOwnNode ? own : this.itemOf(post, id, me) };
      }),
    );
  }

  private ownItem(target: string, node: string, id: string) {
    const post = this.conversation.find(itemUri(target, node, id));
    if (!post) return { condition: 'item-not-found' };
    const item = x('item', { id, publisher: post.author }, ownEntry(post));
    return x('pubsub', { xmlns: NS.pubsub }, x('items', { node }, item));
  }

  private noticeItems(me: string, wanted: Element | undefined, set: Element | undefined) {
    const node = NODE.notifications;
    if (wanted) {
      const state = this.conversation.readState(me);
      return x('pubsub', { xmlns: NS.pubsub }, x('items', { node }, state));
    }
    const own = this.conversation.notices.filter(({ owner }) => owner === me);
    return paged(
      node,
      set,
      own.map((notice) => ({ id: String(notice.id), item: noticeItem(notice) })),
    );
  }

  private belongs(post: StoredPost, reader: string, target: string, node: string): boolean {
    const follows = this.accounts.get(reader)?.follows;
    const [, thread] = /^thread\/(\d+)$/.exec(node) ?? [];
    if (thread !== undefined) {
      const root = this.conversation.byNumber(thread)?.place?.root ?? Number(thread);
      return !post.of && (post.postId === root || post.place?.root === root);
    }
    if (node.startsWith(COMMENTS)) {
      return String(post.place?.root) === node.slice(COMMENTS.length);
    }
    if (node === NODE.replies) return post.author === target && post.place !== undefined;
    if (post.place) return false;
    if (node === NODE.home) {
      return post.author === reader || (follows?.has(post.author) ?? false);
    }
    if (target !== PUBSUB) return post.author === target;
    if (post.of) return false;
    return node === NODE.microblog || post.tags.some((tag) => node === `tag/${tag}`);
  }

  private notify(post: StoredPost, content: (id: string) => Xml): void {
    const id = String(post.postId);
    for (const session of this.sessions) {
      const me = bare(session.jid);
      if (session.isAvailable && this.belongs(post, me, me, NODE.home)) {
        this.event(session, me, NODE.home, content(id));
      }
      for (const subscription of session.subscriptions) {
        const [service = '', node = ''] = subscription.split(' ');
        if (this.belongs(post, me, service, node)) this.event(session, service, node, content(id));
      }
    }
  }

  private tellThread(post: StoredPost, content: Xml): void {
    for (const session of this.sessions) {
      for (const subscription of session.subscriptions) {
        const [service = '', node = ''] = subscription.split(' ');
        const isThread = node.startsWith(threadNode(''));
        if (isThread && this.belongs(post, bare(session.jid), service, node)) {
          this.event(session, service, node, content);
        }
      }
    }
  }

  private event(session: FakeSession, from: string, node: string, content: Xml): void {
    session.send(
      x(
        'message',
        { xmlns: NS.client, from, to: session.jid, type: 'headline' },
        x('event', { xmlns: NS.pubsubEvent }, x('items', { node }, content)),
      ),
    );
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
