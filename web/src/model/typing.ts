/** Who is typing, and what others are told of one's own typing (XEP-0085). */
import type { Link } from '../xmpp/link';
import { writeState, type ChatState } from '../xmpp/message';
import type { Clock } from './clock';
import { Signal } from './signal';

/** Somebody who stopped typing this long ago has paused. */
const PAUSED_AFTER = 6_000;
/** Nobody types this long without a word about it. */
const STALE_AFTER = 45_000;

export class Typing {
  /** Who is typing at present. */
  readonly who = new Signal<ReadonlySet<string>>(new Set());
  /** Who has spoken of chat states in this session, so that ours are welcome (§5.1). */
  private readonly talkative = new Set<string>();
  private readonly stale = new Map<string, () => void>();
  private readonly own = new Map<string, { state: ChatState; cancel: () => void }>();
  private link: Link | undefined;

  constructor(private readonly clock: Clock) {}

  connect(link: Link): void {
    this.link = link;
  }

  disconnect(): void {
    this.link = undefined;
    for (const cancel of this.stale.values()) cancel();
    for (const { cancel } of this.own.values()) cancel();
    this.stale.clear();
    this.own.clear();
    this.talkative.clear();
    this.who.set(new Set());
  }

  /** What somebody says of themselves. */
  hear(jid: string, state: ChatState): void {
    this.talkative.add(jid);
    this.stop(jid);
    if (state !== 'composing') return;
    this.who.update((all) => new Set(all).add(jid));
    this.stale.set(
      jid,
      this.clock.after(STALE_AFTER, () => this.stop(jid)),
    );
  }

  /** Somebody types no longer. */
  stop(jid: string): void {
    this.stale.get(jid)?.();
    this.stale.delete(jid);
    if (!this.who.value.has(jid)) return;
    this.who.update((all) => new Set([...all].filter((other) => other !== jid)));
  }

  /** Whether something stands in the field to somebody. */
  type(jid: string, hasText: boolean): void {
    if (!hasText) {
      this.say(jid, 'active');
      return;
    }
    this.say(jid, 'composing');
    const own = this.own.get(jid);
    own?.cancel();
    if (own) own.cancel = this.clock.after(PAUSED_AFTER, () => this.say(jid, 'paused'));
  }

  /** A message goes out, which itself says `active`. */
  rest(jid: string): void {
    this.own.get(jid)?.cancel();
    this.own.delete(jid);
  }

  private say(jid: string, state: ChatState): void {
    const own = this.own.get(jid);
    if ((own?.state ?? 'active') === state || !this.link || !this.talkative.has(jid)) return;
    own?.cancel();
    this.own.set(jid, { state, cancel: () => undefined });
    this.link.send(writeState(jid, state));
  }
}
