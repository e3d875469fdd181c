/** This account's archive of messages (XEP-0313), page by page. */
import type { Link } from './link';
import { readForwarded, type ChatMessage } from './message';
import { NS } from './ns';
import { attribute, child, childText, x } from './xml';

/** `with`: one conversation; undefined: all. The page before an id (empty: the newest), or after one. */
export type ArchiveQuery = { with?: string | undefined; max: number } & (
  { before: string } | { after: string }
);

export interface ArchivePage {
  /** Oldest first; what is no conversation is left out. */
  messages: ChatMessage[];
  /** The ids of the first and the last message, left out or not; undefined where there is none. */
  first: string | undefined;
  last: string | undefined;
  /** Whether there is nothing beyond in the direction that was asked for. */
  isComplete: boolean;
}

export class Archive {
  private readonly asked = new Map<string, Element[]>();
  private counter = 0;

  constructor(private readonly account: string) {}

  /** Takes a message that answers a query; whether it was one. Only our server's count (§4.2). */
  receive(stanza: Element): boolean {
    const result = child(stanza, 'result', NS.archive);
    if (stanza.localName !== 'message' || !result) return false;
    const from = attribute(stanza, 'from')?.toLowerCase() ?? this.account;
    if (from === this.account) this.asked.get(attribute(result, 'queryid') ?? '')?.push(result);
    return true;
  }

  async fetch(link: Link, query: ArchiveQuery): Promise<ArchivePage> {
    const queryid = `a${++this.counter}`;
    const results: Element[] = [];
    this.asked.set(queryid, results);
    try {
      const answer = await link.iq('set', undefined, request(queryid, query));
      const fin = child(answer, 'fin', NS.archive);
      const set = child(fin, 'set', NS.rsm);
      const messages = results.map((result) =>
        readForwarded(
          child(result, 'forwarded', NS.forward),
          this.account,
          attribute(result, 'id'),
        ),
      );
      return {
        messages: messages.filter((message) => message !== undefined),
        first: childText(set, 'first', NS.rsm) ?? attribute(results[0], 'id'),
        last: childText(set, 'last', NS.rsm) ?? attribute(results.at(-1), 'id'),
        isComplete: results.length === 0 || attribute(fin, 'complete') === 'true',
      };
    } finally {
      this.asked.delete(queryid);
    }
  }
}

function request(queryid: string, query: ArchiveQuery) {
  const cursor = 'before' in query ? x('before', {}, query.before) : x('after', {}, query.after);
  const form =
    query.with === undefined
      ? undefined
      : x(
          'x',
          { xmlns: NS.dataForms, type: 'submit' },
          x('field', { var: 'FORM_TYPE', type: 'hidden' }, x('value', {}, NS.archive)),
          x('field', { var: 'with' }, x('value', {}, query.with)),
        );
  const set = x('set', { xmlns: NS.rsm }, x('max', {}, String(query.max)), cursor);
  return x('query', { xmlns: NS.archive, queryid }, form, set);
}
