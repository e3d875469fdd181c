/**
 * The signed-in client: one session, and what hangs on it. Owns the order in which things happen
 * when a connection comes or goes. Does not draw: `ui/` does.
 */
import { deleteAccount, revokeDevice } from '../xmpp/account';
import { readEvent, type NodeEvent, type Post } from '../xmpp/atom';
import { LinkLost } from '../xmpp/errors';
import { bare } from '../xmpp/jid';
import type { Credentials, Dial, Link } from '../xmpp/link';
import { readNoticeEvent } from '../xmpp/notifications';
import { answerRequest, isDiscoQuery } from '../xmpp/requests';
import { seesUs } from '../xmpp/roster';
import { Chats } from './chats';
import type { Clock } from './clock';
import { Contacts } from './contacts';
import { Conversation } from './conversation';
import { withDevice } from './device-dial';
import { Feed, type FeedSource } from './feed';
import { Follows } from './follows';
import { Keyring } from './keyring';
import { Names } from './names';
import { Notifications } from './notifications';
import { Outbox, type Draft, type Exclusive, type ReplyTo, type Storage } from './outbox';
import { Session } from './session';
import { Signal } from './signal';
import type { Site } from './site';
import { homeSource } from './sources';
import { Suggestions } from './suggestions';
import { tagsOf } from './text';
import { Traffic } from './traffic';

/** What the client needs from the machine that it runs on. */
export interface Surroundings {
  dial: Dial;
  clock: Clock;
  storage: Storage;
  exclusive: Exclusive;
  newId(): string;
  /** How this device is called in the list of devices. */
  deviceLabel: string;
  /** What programs show that do not know how a message is taken back. */
  retractionText: string;
  /** Nobody is signed in on this device any more. */
  onErase?(): void;
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
  readonly conversation: Conversation;
  readonly notifications: Notifications;
  readonly outbox = new Signal<Outbox | undefined>(undefined);
  readonly contacts = new Signal<Contacts | undefined>(undefined);
  readonly chats = new Signal<Chats | undefined>(undefined);
  readonly traffic: Traffic;
  /** A new post by somebody else has come: for those who listen instead of looking. */
  readonly arrivals = new Signal(0);
  /** The post of one's own that the server stored last. */
  readonly sent = new Signal<Draft | undefined>(undefined);
  private readonly keyring: Keyring;
  /** The server's last word on what each of one's answers is about, when it was written. */
  private readonly words = new Map<string, number>();
  /** In the order of their last use. */
  private readonly feeds = new Map<string, OpenFeed>();
  private isSigningOut = false;

  constructor(
    readonly site: Site,
    private readonly around: Surroundings,
  ) {
    this.keyring = new Keyring(around.storage);
    this.names = new Names(around.clock);
    this.traffic = new Traffic(around.clock);
    this.follows = new Follows({
      onChange: () => void this.home.refresh(),
      onClosed: (link, jid) => this.contacts.value?.requests.ask(link, jid),
      onWithdrawn: (link, jid) => this.contacts.value?.requests.withdraw(link, jid),
    });
    this.suggestions = new Suggestions(site.pubsub);
    this.notifications = new Notifications(around.clock);
    this.conversation = new Conversation(
      site,
      { clock: around.clock, newId: () => around.newId(), link: () => this.session.link },
      {
        all: () => [...this.feeds.values()].flatMap(({ feed }) => feed.posts()),
        remove: (uids) => this.feeds.forEach(({ feed }) => feed.removePosts(uids)),
        reword: (subject, change) => this.feeds.forEach(({ feed }) => feed.reword(subject, change)),
      },
    );
    const dial = withDevice(around.dial, around.deviceLabel, (device) => this.keyring.keep(device));
    this.session = new Session(dial, around.clock, {
      onOnline: (link) => this.onOnline(link),
      onOffline: () => this.onOffline(),
      onStanza: (stanza, link) => this.onStanza(stanza, link),
      onTraffic: (direction, stanza) => this.traffic.record(direction, stanza),
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
      this.erase();
      this.end();
    }
  }

  /** Deletes the account for good; whatever this browser keeps of it goes too. */
  async deleteAccount(): Promise<void> {
    const link = this.session.link;
    if (!link) return;
    this.isSigningOut = true;
    try {
      await deleteAccount(link);
    } catch (error) {
      // The server ends the stream right behind its answer, and the answer may be lost with it.
      if (!(error instanceof LinkLost)) throw error;
    } finally {
      this.isSigningOut = false;
    }
    this.keyring.forget();
    this.erase();
    this.end();
  }

  /** Another tab of this browser has changed what is kept. */
  onStorage(key: string | null): void {
    if (this.session.state.value.kind === 'signed-out' || this.isSigningOut) return;
    if (this.keyring.isMine(key) && !this.keyring.read()) this.end();
    this.outbox.value?.reload();
    if (key !== null) this.chats.value?.reload(key);
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

  /** Sends a post, or an answer to one, as soon as there is a connection. */
  post(text: string, reply?: ReplyTo): void {
    const id = this.around.newId();
    if (reply) this.words.set(id, this.conversation.responses.wordOn(reply.subject));
    this.outbox.value?.add(id, text, tagsOf(text), reply);
  }

  /** A community is followed, or no longer: other posts belong to the home timeline. */
  followedCommunity(): void {
    void this.home.refresh();
  }

  /** Whose posts are in the timelines that are kept. */
  people(): string[] {
    return [...this.feeds.values()].flatMap(({ feed }) => feed.posts().map((post) => post.author));
  }

  private begin(credentials: Credentials): void {
    this.clear();
    const account = bare(credentials.jid);
    const { storage, clock, exclusive } = this.around;
    this.outbox.set(
      new Outbox(`folkmoot.outbox.${account}`, storage, clock, exclusive, (draft) =>
        this.onSent(draft),
      ),
    );
    const contacts = new Contacts(account, storage, this.follows, clock);
    this.contacts.set(contacts);
    const chats = new Chats(account, storage, clock, exclusive, {
      isTrusted: (jid) => {
        const contact = contacts.roster.of(jid);
        return contact !== undefined && seesUs(contact);
      },
      newId: () => this.around.newId(),
      retractionText: () => this.around.retractionText,
    });
    this.chats.set(chats);
    this.session.start(credentials);
  }

  private onSent(draft: Draft): void {
    const word = this.words.get(draft.id);
    this.words.delete(draft.id);
    const { responses } = this.conversation;
    if (draft.reply) responses.replied(draft.reply.subject, word ?? -1);
    this.sent.set(draft);
  }

  private end(): void {
    this.session.stop();
    this.clear();
  }

  private clear(): void {
    this.onOffline();
    this.feeds.clear();
    this.conversation.clear();
    this.notifications.clear();
    this.sent.set(undefined);
    this.follows.state.set(undefined);
    this.suggestions.clear();
    this.outbox.set(undefined);
    this.contacts.set(undefined);
    this.chats.set(undefined);
    this.traffic.isRecording.set(false);
    this.traffic.clear();
  }

  private onOnline(link: Link): void {
    const kept = this.keyring.read();
    if (kept) this.session.renew({ kind: 'token', jid: kept.jid, token: kept.token });
    const followed = this.follows.connect(link);
    void this.contacts.value?.connect(link, followed).catch(() => undefined);
    this.names.connect(link);
    for (const { feed, users } of this.feeds.values()) {
      if (users > 0 && feed.source.key !== 'home') void feed.connect(link);
    }
    void this.home.connect(link);
    this.conversation.connect(link);
    void this.notifications.connect(link);
    this.outbox.value?.connect(link);
    this.chats.value?.connect(link);
    void this.suggestions.connect(link);
  }

  private onOffline(): void {
    this.names.disconnect();
    this.outbox.value?.disconnect();
    this.contacts.value?.disconnect();
    this.chats.value?.disconnect();
    this.notifications.disconnect();
    this.conversation.disconnect();
    for (const { feed } of this.feeds.values()) feed.disconnect();
  }

  private onRefused(): void {
    if (this.isSigningOut) return;
    // This device was signed out from elsewhere: it may be in other hands.
    if (this.keyring.read()) this.erase();
    this.keyring.forget();
    this.clear();
  }

  /** What was said in private does not stay behind. */
  private erase(): void {
    this.chats.value?.erase();
    this.contacts.value?.erase();
    this.around.onErase?.();
  }

  private onStanza(stanza: Element, link: Link): void {
    if (this.contacts.value?.receive(stanza, link)) return;
    const answer = answerRequest(stanza);
    if (answer) {
      link.send(answer);
      // Only now does the server know that this session wants the events of these nodes.
      if (isDiscoQuery(stanza)) {
        void this.home.catchUp();
        void this.notifications.catchUp();
      }
      return;
    }
    if (this.chats.value?.receive(stanza, link)) return;
    const account = bare(link.jid);
    const now = this.around.clock.now();
    const notice = readNoticeEvent(stanza, account, now);
    if (notice) {
      this.notifications.receive(notice);
      return;
    }
    const event = readEvent(stanza, account, now);
    if (event) this.onEvent(event, account);
  }

  private onEvent(event: NodeEvent, account: string): void {
    const answers = this.conversation.receive(event);
    if (answers) {
      this.spread(event.posts, undefined);
      this.announce(answers, account);
    }
    for (const { feed } of [...this.feeds.values()]) {
      const { node, service } = feed.source;
      if (node === event.node && (service ?? account) === event.from) {
        this.deliver(feed, event, account);
      }
    }
  }

  private deliver(feed: Feed, event: NodeEvent, account: string): void {
    const before = new Set(feed.posts().map((post) => post.uid));
    this.conversation.learn(event.posts);
    const gone = feed.receive(event);
    if (gone.size > 0) this.conversation.remove(gone);
    this.spread(event.posts, feed);
    this.announce(
      event.posts.filter((post) => !before.has(post.uid)),
      account,
    );
  }

  private announce(posts: readonly Post[], account: string): void {
    const others = posts.filter((post) => post.by !== account);
    if (others.length > 0) this.arrivals.update((count) => count + others.length);
  }

  /** Shows posts in the other timelines that they belong to as well. */
  private spread(posts: readonly Post[], from: Feed | undefined): void {
    for (const { feed } of this.feeds.values()) {
      const fitting = posts.filter((post) => feed !== from && feed.source.accepts(post));
      if (fitting.length > 0) feed.arrive(fitting);
    }
  }

  private keep(source: FeedSource): OpenFeed {
    const open = this.feeds.get(source.key) ?? {
      feed: new Feed(source, this.around.clock, this.conversation.learn),
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
