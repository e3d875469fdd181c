/** Strangers whose first messages wait for a decision, and what they wrote. */
import type { Link } from '../xmpp/link';
import {
  answerStranger,
  fetchStrangers,
  fetchWaiting,
  readStrangerNews,
  type WaitingStranger,
} from '../xmpp/message-requests';
import type { ChatMessage } from '../xmpp/message';
import { Signal } from './signal';

export interface Stranger extends WaitingStranger {
  /** What they wrote, the oldest first; undefined until it was fetched. */
  messages: readonly ChatMessage[] | undefined;
}

export class Strangers {
  /** The latest first. */
  readonly list = new Signal<readonly Stranger[]>([]);
  private link: Link | undefined;

  constructor(private readonly account: string) {}

  async connect(link: Link): Promise<void> {
    this.link = link;
    const waiting = await fetchStrangers(link);
    this.list.set(waiting.map((stranger) => ({ ...stranger, messages: undefined })));
  }

  disconnect(): void {
    this.link = undefined;
  }

  receive(stanza: Element): boolean {
    const news = readStrangerNews(stanza, this.account);
    if (!news) return false;
    for (const stranger of news) {
      const others = this.list.value.filter(({ jid }) => jid !== stranger.jid);
      this.list.set(
        stranger.count > 0 ? [{ ...stranger, messages: undefined }, ...others] : others,
      );
    }
    return true;
  }

  /** Fetches what somebody wrote. */
  async open(jid: string): Promise<void> {
    const { link } = this;
    if (!link) return;
    const messages = await fetchWaiting(link, this.account, jid);
    this.list.update((all) =>
      all.map((stranger) => (stranger.jid === jid ? { ...stranger, messages } : stranger)),
    );
  }

  async answer(link: Link, jid: string, answer: 'accept' | 'decline'): Promise<void> {
    await answerStranger(link, jid, answer);
    this.drop(jid);
  }

  /** Takes somebody out: the server has seen to it already. */
  drop(jid: string): void {
    this.list.update((all) => all.filter((stranger) => stranger.jid !== jid));
  }
}
