/** Whom this account follows, changed at once on the screen and then on the server. */
import type { Link } from '../xmpp/link';
import { NODE } from '../xmpp/ns';
import { bare } from '../xmpp/jid';
import { subscribe, unsubscribe } from '../xmpp/pubsub';
import { fetchFollowing } from '../xmpp/social';
import { Signal } from './signal';

export type FollowState = 'following' | 'requested' | 'busy';

export class Follows {
  /** By bare JID; who is not in it is not followed. Undefined until it was fetched. */
  readonly state = new Signal<ReadonlyMap<string, FollowState> | undefined>(undefined);

  constructor(private readonly onChange: (jid: string) => void) {}

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
      const state = await subscribe(link, address, bare(link.jid));
      return state === 'pending' ? 'requested' : 'following';
    });
  }

  async unfollow(link: Link, jid: string): Promise<void> {
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
    this.onChange(jid);
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
