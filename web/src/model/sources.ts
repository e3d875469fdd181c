/** The timelines that there are, and the nodes behind them. */
import { communityNode, NODE, tagNode } from '../xmpp/ns';
import type { FeedSource } from './feed';

export function homeSource(): FeedSource {
  return {
    key: 'home',
    service: undefined,
    node: NODE.home,
    order: 'post-id',
    live: 'events',
    accepts: () => false,
  };
}

export function publicSource(pubsub: string): FeedSource {
  return {
    key: 'public',
    service: pubsub,
    node: NODE.microblog,
    order: 'post-id',
    live: 'subscribe',
    accepts: () => false,
  };
}

export function tagSource(pubsub: string, tag: string): FeedSource {
  return {
    key: `tag/${tag}`,
    service: pubsub,
    node: tagNode(tag),
    order: 'post-id',
    live: 'subscribe',
    accepts: () => false,
  };
}

/** What is posted in a community. */
export function communitySource(pubsub: string, name: string): FeedSource {
  return {
    key: `c/${name}`,
    service: pubsub,
    node: communityNode(name),
    order: 'post-id',
    live: 'subscribe',
    accepts: () => false,
  };
}

/** What somebody of this server posted and boosted. */
export function profileSource(jid: string): FeedSource {
  return {
    key: `profile/${jid}`,
    service: jid,
    node: NODE.posts,
    order: 'post-id',
    live: 'events',
    accepts: (post) => post.by === jid && post.place === undefined,
  };
}

/** What somebody of this server answered, wherever the one who reads may read it. */
export function repliesSource(jid: string): FeedSource {
  return {
    key: `replies/${jid}`,
    service: jid,
    node: NODE.replies,
    order: 'post-id',
    live: 'events',
    accepts: (post) => post.by === jid && post.place !== undefined,
  };
}

/** The own node of somebody elsewhere; its ids are the publisher's, so time gives the order. */
export function remoteSource(jid: string): FeedSource {
  return {
    key: `remote/${jid}`,
    service: jid,
    node: NODE.microblog,
    order: 'published',
    live: 'events',
    accepts: (post) => post.by === jid && post.place === undefined,
  };
}
