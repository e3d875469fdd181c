/** How one is there oneself, kept between visits of this browser and said at each connection. */
import { availablePresence } from '../xmpp/caps';
import type { Link } from '../xmpp/link';
import type { Show } from '../xmpp/presence';
import type { Storage } from './outbox';
import { Signal } from './signal';

export interface Status {
  show: Show;
  text: string;
}

export const LONGEST_STATUS = 140;
const AVAILABLE: Status = { show: 'available', text: '' };
const SHOWS: readonly string[] = ['available', 'away', 'dnd'];

export class OwnStatus {
  readonly state: Signal<Status>;

  constructor(
    private readonly key: string,
    private readonly storage: Storage,
  ) {
    this.state = new Signal<Status>(this.load());
  }

  announce(link: Link): void {
    const { show, text } = this.state.value;
    link.send(availablePresence(show, text));
  }

  set(link: Link | undefined, status: Status): void {
    this.state.set({ show: status.show, text: status.text.trim().slice(0, LONGEST_STATUS) });
    try {
      this.storage.setItem(this.key, JSON.stringify(this.state.value));
    } catch {
      // Without storage it holds as long as this page does.
    }
    if (link) this.announce(link);
  }

  erase(): void {
    try {
      this.storage.removeItem(this.key);
    } catch {
      // Nothing was kept, then.
    }
  }

  private load(): Status {
    try {
      const kept = JSON.parse(this.storage.getItem(this.key) ?? 'null') as Partial<Status> | null;
      return kept && SHOWS.includes(kept.show ?? '') && typeof kept.text === 'string'
        ? { show: kept.show ?? 'available', text: kept.text }
        : AVAILABLE;
    } catch {
      return AVAILABLE;
    }
  }
}
