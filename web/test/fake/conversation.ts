/** Likes, boosts, replies and notifications of the server in memory. */
import { bare, parseItemUri } from '../../src/xmpp/jid';
import { NS } from '../../src/xmpp/ns';
import { attribute, child, children, copy, x, type Xml } from '../../src/xmpp/xml';
import { addressOf, uriOf, type FakeCounts, type StoredPost } from './entries';

export interface StoredNotice {
  id: number;
  owner: string;
  type: 'mention' | 'reply' | 'like' | 'boost' | 'follow';
  by: string;
  at: number;
  post: StoredPost | undefined;
}

export class FakeConversation {
  /** By the address of what they are attached to, then by whose they are. */
  readonly attachments = new Map<string, Map<string, Element>>();
  readonly notices: StoredNotice[] = [];
  readonly read = new Map<string, number>();

  constructor(private readonly posts: readonly StoredPost[]) {}

  /** The post that an XMPP URI names. */
  find(uri: string | undefined): StoredPost | undefined {
    const wanted = parseItemUri(uri ?? '');
    return this.posts.find((post) => {
      const { service, node, item } = addressOf(post);
      return wanted?.jid === service && wanted.node === node && wanted.item === item;
    });
  }

  byNumber(number: string | number): StoredPost | undefined {
    return this.posts.find((post) => post.postId === Number(number));
  }

  /** What is attached to a post: `node` is that of the attachments. */
  target(node: string): StoredPost | undefined {
    return this.find(node.slice(NS.attachments.length + 1));
  }

  attached(post: StoredPost): Map<string, Element> {
    const uri = uriOf(post);
    const kept = this.attachments.get(uri) ?? new Map<string, Element>();
    this.attachments.set(uri, kept);
    return kept;
  }

  counts(post: StoredPost, reader: string | undefined): FakeCounts {
    const of = post.of ?? post;
    const likes = [...this.attached(of)].filter(([, root]) =>
      children(root).some(({ localName }) => localName === 'noticed'),
    );
    const boosts = this.posts.filter((other) => other.of === of);
    return {
      replies: this.posts.filter(({ place }) => place?.parent === of.postId).length,
      likes: likes.length,
      boosts: boosts.length,
      liked: likes.some(([jid]) => jid === reader),
      boosted: boosts.find((other) => other.author === reader)?.item,
    };
  }

  /** The items of the attachments node that were asked for. */
  attachmentItems(node: string, wanted: Element | undefined): Xml | { condition: string } {
    const target = this.target(node);
    const jid = attribute(wanted, 'id') ?? '';
    const root = target && this.attached(target).get(jid);
    if (!root) return { condition: 'item-not-found' };
    return x(
      'pubsub',
      { xmlns: NS.pubsub },
      x('items', { node }, x('item', { id: jid }, copy(root))),
    );
  }

  readState(owner: string): Xml {
    const upto = this.read.get(owner) ?? 0;
    const unread = this.notices.filter((each) => each.owner === owner && each.id > upto).length;
    return x('item', { id: 'read' }, x('read', { xmlns: NS.notifications, upto, unread }));
  }

  /** Marks as read; whether that went forward. */
  markRead(owner: string, item: Element | undefined): boolean {
    const upto = Number(attribute(child(item, 'read', NS.notifications), 'upto'));
    if (upto <= (this.read.get(owner) ?? 0)) return false;
    this.read.set(owner, upto);
    return true;
  }
}

export function noticeItem({ id, type, by, at, post }: StoredNotice): Xml {
  return x(
    'item',
    { id },
    x(
      'notification',
      {
        xmlns: NS.notifications,
        type,
        by: bare(by),
        at: new Date(at).toISOString(),
        read: 'false',
      },
      post && x('post', { id: post.postId, uri: uriOf(post) }),
      post && x('text', {}, post.text.slice(0, 200)),
    ),
  );
}
