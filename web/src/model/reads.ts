/** Up to where conversations were read, agreed upon by all devices of the account (XEP-0490). */
import {
  fetchDisplayed,
  fetchOwnFeatures,
  publishDisplayed,
  readDisplayedEvent,
  writeDisplayed,
  type Displayed,
} from '../xmpp/displayed';
import type { Link } from '../xmpp/link';
import { NS } from '../xmpp/ns';
import type { Message } from './chat-store';
import type { Clock } from './clock';

/** What is read in one go is told once. */
const PAUSE = 700;

export class Reads {
  private link: Link | undefined;
  private canAssist = false;
  private readonly waiting = new Map<string, { message: Message; isOpen: () => boolean }>();
  private cancel: (() => void) | undefined;

  constructor(
    private readonly account: string,
    private readonly clock: Clock,
  ) {}

  /** What all devices have read so far. */
  async connect(link: Link): Promise<Displayed[]> {
    this.link = link;
    const [features, displayed] = await Promise.all([
      fetchOwnFeatures(link).catch(() => new Set<string>()),
      // Before anything was read, there is no such node.
      fetchDisplayed(link).catch(() => []),
    ]);
    this.canAssist = features.has(NS.displayedAssist);
    if (this.waiting.size > 0) this.plan();
    return displayed;
  }

  disconnect(): void {
    this.link = undefined;
    this.cancel?.();
    this.cancel = undefined;
  }

  receive(stanza: Element): Displayed[] | undefined {
    return readDisplayedEvent(stanza, this.account);
  }

  /** Everything up to a message was seen; its author learns it where `isOpen`, asked when it is told. */
  tell(jid: string, message: Message, isOpen: () => boolean): void {
    this.waiting.set(jid, { message, isOpen });
    this.plan();
  }

  private plan(): void {
    this.cancel ??= this.clock.after(PAUSE, () => {
      this.cancel = undefined;
      this.flush();
    });
  }

  private flush(): void {
    const { link } = this;
    if (!link) return;
    for (const [jid, { message, isOpen }] of this.waiting) {
      this.waiting.delete(jid);
      const { archiveId, id } = message;
      if (archiveId === undefined) continue;
      const displayed = { jid, archiveId };
      if (this.canAssist && isOpen()) link.send(writeDisplayed(this.account, displayed, id));
      else void publishDisplayed(link, this.account, displayed).catch(() => undefined);
    }
  }
}
