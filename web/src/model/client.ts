/**
 * The signed-in client: one session, and what hangs on it. Owns the order in which things happen
 * when a connection comes or goes. Does not draw: `ui/` does.
 */
import { revokeDevice } from '../xmpp/account';
import { readEvent, type NodeEvent, type Post } from '../xmpp/atom';
import { availablePresence } from '../xmpp/caps';
import { fetchContacts, readSubscription, type Contact } from '../xmpp/contacts';
import { bare } from '../xmpp/jid';
import type { Credentials, Dial, Link } from '../xmpp/link';
import { retractPost } from '../xmpp/pubsub';
import { answerRequest, isDiscoQuery } from '../xmpp/requests';
import type { Clock } from './clock';
import { withDevice } from './device-dial';
import { Feed, type FeedSource } from './feed';
import { Follows } from './follows';
import { Keyring } from './keyring';
import { Names } from './names';
import { Outbox, type Exclusive, type Storage } from './outbox';
import { Requests } from './requests';
import { Session } from './session';
import { Signal } from './signal';
import type { Site } from './site';
import { homeSource } from './sources';
import { Suggestions } from './suggestions';
import { tagsOf } from './text';

/** What the client needs from the machine that it runs on. */
export interface Surroundings {
  dial: Dial;
  clock: Clock;
  storage: Storage;
  exclusive: Exclusive;
  newId(): string;
  /** How this device is called in the list of devices. */
  deviceLabel: string;
}

/** Timelines kept for a return, beside those on the screen. */
const MOST_FEEDS = 6;
const SIGN_OUT_PATIENCE = 3_000;

interface OpenFeed {
  feed: Feed;
  users: number;
}

export class Client {
  readonly session: Session;
  readonly names: Names;
  readonly follows: Follows;
  readonly suggestions: Suggestions;
  readonly outbox = new Signal<Outbox | undefined>(undefined);
  readonly requests = new Signal<Requests | undefined>(undefined);
  /** A new post by somebody else has come: for those who listen instead of looking. */
  readonly arrivals = new Signal(0);
  private readonly keyring: Keyring;
  /** In the order of their last use. */
  private readonly feeds = new Map<string, OpenFeed>();
  private isSigningOut = false;

  constructor(
    readonly site: Site,
    private readonly around: Surroundings,
  ) {
    this.keyring = new Keyring(around.storage);
    this.names = new Names(around.clock);
    this.follows = new Follows({
      onChange: () => void this.home.refresh(),
      onClosed: (link, jid) => this.requests.value?.ask(link, jid),
      onWithdrawn: (link, jid) => this.requests.value?.withdraw(link, jid),
    });
    this.suggestions = new Suggestions(site.pubsub);
    const dial = withDevice(around.dial, around.deviceLabel, (device) => this.keyring.keep(device));
    this.session = new Session(dial, around.clock, {
      onOnline: (link) => this.onOnline(link),
      onOffline: () => this.onOffline(),
      onStanza: (stanza, link) => this.onStanza(stanza, link),
      onRefused: () => this.onRefused(),
    });
  }

  /** Signs in with the token that an earlier visit left, if any. */
  resume(): void {
    const kept = this.keyring.read();
    if (kept) this.begin({ kind: 'token', jid: kept.jid, token: kept.token });
  }

  signIn(jid: string, password: string): void {
    this.keyring.forget();
    this.begin({ kind: 'password', jid, password });
  }

  /** Ends this device's right to sign in, and forgets the account here. */
  async signOut(): Promise<void> {
    const kept = this.keyring.read();
    const link = this.session.link;
    this.isSigningOut = true;
    try {
      if (kept?.id && link) {
        const patience = new Promise<void>((resolve) => {
          this.around.clock.after(SIGN_OUT_PATIENCE, resolve);
        });
        await Promise.race([revokeDevice(link, kept.id).catch(() => undefined), patience]);
      }
    } finally {
      this.isSigningOut = false;
      this.keyring.forget();
      this.end();
    }
  }

  /** Another tab of this browser has changed what is kept. */
  onStorage(key: string | null): void {
    if (this.session.state.value.kind === 'signed-out' || this.isSigningOut) return;
    if (this.keyring.isMine(key) && !this.keyring.read()) this.end();
    this.outbox.value?.reload();
  }

  get home(): Feed {
    return this.keep(homeSource()).feed;
  }

  /** A timeline as it was left, or a new one that still waits to be opened. */
  peek(source: FeedSource): Feed {
    return this.keep(source).feed;
  }

  /** A timeline that is about to be shown; every call needs one of `release`. */
  open(source: FeedSource): Feed {
    const open = this.keep(source);
    open.users++;
    const link = this.session.link;
    if (link && open.users === 1 && source.key !== 'home') void open.feed.connect(link);
    return open.feed;
  }

  release(feed: Feed): void {
    const open = this.feeds.get(feed.source.key);
    if (open?.feed !== feed) return;
    open.users--;
    if (open.users === 0 && feed.source.key !== 'home') void feed.leave();
  }

  post(text: string): void {
    this.outbox.value?.add(this.around.newId(), text, tagsOf(text));
  }

  async deletePost(post: Post): Promise<void> {
    const link = this.session.link;
    if (!link) return;
    await retractPost(link, post.item);
    this.removeEverywhere(new Set([post.uid]));
  }

  private begin(credentials: Credentials): void {
    this.clear();
    const account = bare(credentials.jid);
    const { storage, clock, exclusive } = this.around;
    this.outbox.set(new Outbox(`folkmoot.outbox.${account}`, storage, clock, exclusive));
    this.requests.set(new Requests(`folkmoot.requests.${account}`, storage, this.follows));
    this.session.start(credentials);
  }

  private end(): void {
    this.session.stop();
    this.clear();
  }

  private clear(): void {
    this.onOffline();
    this.feeds.clear();
    this.follows.state.set(undefined);
    this.suggestions.clear();
    this.outbox.set(undefined);
    this.requests.set(undefined);
  }

  private onOnline(link: Link): void {
    const kept = this.keyring.read();
    if (kept) this.session.renew({ kind: 'token', jid: kept.jid, token: kept.token });
    // Asked for before presence is sent, so that requests to follow come to this session too.
    const contacts = fetchContacts(link);
    link.send(availablePresence());
    this.names.connect(link);
    for (const { feed, users } of this.feeds.values()) {
      if (users > 0 && feed.source.key !== 'home') void feed.connect(link);
    }
    void this.home.connect(link);
    void this.connectPeople(link, contacts).catch(() => undefined);
    this.outbox.value?.connect(link);
    void this.suggestions.connect(link);
  }

  private async connectPeople(link: Link, contacts: Promise<Contact[]>): Promise<void> {
    // Both are under way together; neither may fail unheard while the other is awaited.
    const [roster] = await Promise.all([contacts, this.follows.connect(link)]);
    await this.requests.value?.connect(link, roster);
  }

  private onOffline(): void {
    this.names.disconnect();
    this.outbox.value?.disconnect();
    this.requests.value?.disconnect();
    for (const { feed } of this.feeds.values()) feed.disconnect();
  }

  private onRefused(): void {
    if (this.isSigningOut) return;
    this.keyring.forget();
    this.clear();
  }

  private onStanza(stanza: Element, link: Link): void {
    const answer = answerRequest(stanza);
    if (answer) {
      link.send(answer);
      // Only now does the server know that this session wants the home timeline's events.
      if (isDiscoQuery(stanza)) void this.home.catchUp();
      return;
    }
    const request = readSubscription(stanza);
    if (request) this.requests.value?.receive(link, request.jid, request.type);
    const event = readEvent(stanza, bare(link.jid), this.around.clock.now());
    if (event) this.onEvent(event, bare(link.jid));
  }

  private onEvent(event: NodeEvent, account: string): void {
    for (const { feed } of [...this.feeds.values()]) {
      const { node, service } = feed.source;
      if (node === event.node && (service ?? account) === event.from) {
        this.deliver(feed, event, account);
      }
    }
  }

  private deliver(feed: Feed, event: NodeEvent, account: string): void {
    const before = new Set(feed.knownUids());
    const gone = feed.receive(event);
    if (gone.size > 0) this.removeEverywhere(gone);
    for (const post of event.posts) {
      for (const { feed: other } of this.feeds.values()) {
        if (other !== feed && other.source.accepts(post)) other.arrive([post]);
      }
    }
    const fresh = event.posts.filter((post) => !before.has(post.uid) && post.author !== account);
    if (fresh.length > 0) this.arrivals.update((count) => count + fresh.length);
  }

  private removeEverywhere(uids: ReadonlySet<string>): void {
    for (const { feed } of this.feeds.values()) feed.removePosts(uids);
  }

  private keep(source: FeedSource): OpenFeed {
    const open = this.feeds.get(source.key) ?? {
      feed: new Feed(source, this.around.clock),
      users: 0,
    };
    this.feeds.delete(source.key);
    this.feeds.set(source.key, open);
    for (const [key, { users }] of this.feeds) {
      if (this.feeds.size <= MOST_FEEDS) break;
      if (users === 0 && key !== source.key && key !== 'home') this.feeds.delete(key);
    }
    return open;
  }
}
