/** Whom this account follows, changed at once on the screen and then on the server. */
import type { Link } from '../xmpp/link';
import { NODE } from '../xmpp/ns';
import { bare } from '../xmpp/jid';
import { isClosed, subscribe, unsubscribe } from '../xmpp/pubsub';
import { fetchFollowing } from '../xmpp/social';
import { Signal } from './signal';

/** `requested`: the other person has yet to agree. */
export type FollowState = 'following' | 'requested' | 'busy';

export interface FollowEvents {
  /** Somebody is followed, or no longer. */
  onChange(): void;
  /** This person's posts are for contacts only: they have to be asked. */
  onClosed(link: Link, jid: string): void;
  /** A request is taken back. */
  onWithdrawn(link: Link, jid: string): void;
}

export class Follows {
  /** By bare JID; who is not in it is not followed. Undefined until it was fetched. */
  readonly state = new Signal<ReadonlyMap<string, FollowState> | undefined>(undefined);

  constructor(private readonly events: FollowEvents) {}

  async connect(link: Link): Promise<void> {
    const { list } = await fetchFollowing(link, undefined);
    this.state.update((before) => {
      const next = new Map<string, FollowState>(list.map((jid) => [bare(jid), 'following']));
      for (const [jid, state] of before ?? []) {
        if (state === 'requested' && !next.has(jid)) next.set(jid, state);
      }
      return next;
    });
  }

  async follow(link: Link, jid: string): Promise<void> {
    await this.change(jid, async () => {
      const address = { service: jid, node: NODE.microblog };
      try {
        const state = await subscribe(link, address, bare(link.jid));
        return state === 'pending' ? 'requested' : 'following';
      } catch (error) {
        if (!isClosed(error)) throw error;
        this.events.onClosed(link, jid);
        return 'requested';
      }
    });
  }

  async unfollow(link: Link, jid: string): Promise<void> {
    if (this.state.value?.get(jid) === 'requested') this.events.onWithdrawn(link, jid);
    await this.change(jid, async () => {
      await unsubscribe(link, { service: jid, node: NODE.microblog }, bare(link.jid));
      return undefined;
    });
  }

  private async change(jid: string, run: () => Promise<FollowState | undefined>): Promise<void> {
    const before = this.state.value?.get(jid);
    if (before === 'busy') return;
    this.put(jid, 'busy');
    try {
      this.put(jid, await run());
    } catch (error) {
      this.put(jid, before);
      throw error;
    }
    this.events.onChange();
  }

  /** What became of a request, or that there is one. */
  mark(jid: string, state: 'requested' | undefined): void {
    if (this.state.value?.get(jid) !== 'following') this.put(jid, state);
  }

  private put(jid: string, state: FollowState | undefined): void {
    this.state.update((states) => {
      const next = new Map(states);
      if (state === undefined) next.delete(jid);
      else next.set(jid, state);
      return next;
    });
  }
}
