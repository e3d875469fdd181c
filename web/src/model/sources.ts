/** The timelines that there are, and the nodes behind them. */
import { NODE, tagNode } from '../xmpp/ns';
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

/** Somebody's own node; its ids are the publisher's, so time gives the order. */
export function profileSource(jid: string): FeedSource {
  return {
    key: `profile/${jid}`,
    service: jid,
    node: NODE.microblog,
    order: 'published',
    live: 'events',
    accepts: (post) => post.author === jid,
  };
}
