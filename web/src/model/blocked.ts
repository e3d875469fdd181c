/** Whom this account blocks, as the server keeps it. */
import { block, fetchBlocked, readBlockPush, unblock, type Report } from '../xmpp/blocking';
import type { Link } from '../xmpp/link';
import { Signal } from './signal';

export class Blocked {
  /** Addresses and domains; undefined until it was fetched. */
  readonly jids = new Signal<ReadonlySet<string> | undefined>(undefined);

  async connect(link: Link): Promise<void> {
    this.jids.set(new Set(await fetchBlocked(link)));
  }

  clear(): void {
    this.jids.set(undefined);
  }

  /** Takes a push; whether it was one. */
  receive(stanza: Element, account: string): boolean {
    const push = readBlockPush(stanza, account);
    if (!push) return false;
    const isAll = push.change === 'unblock' && push.jids.length === 0;
    this.change(push.change, isAll ? [...(this.jids.value ?? [])] : push.jids);
    return true;
  }

  async block(link: Link, jid: string, report?: Report): Promise<void> {
    await block(link, jid, report);
    this.change('block', [jid]);
  }

  async unblock(link: Link, jid: string): Promise<void> {
    await unblock(link, jid);
    this.change('unblock', [jid]);
  }

  private change(change: 'block' | 'unblock', jids: readonly string[]): void {
    this.jids.update((before) => {
      const next = new Set(before);
      for (const jid of jids) {
        if (change === 'block') next.add(jid);
        else next.delete(jid);
      }
      return next;
    });
  }
}
