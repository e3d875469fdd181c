/** Strangers whose first messages wait (`urn:x-folkmoot:message-requests:0`). Keeps no state. */
import type { Link } from './link';
import { readForwarded, type ChatMessage } from './message';
import { NS } from './ns';
import { attribute, child, childrenNamed, x } from './xml';

export interface WaitingStranger {
  jid: string;
  count: number;
}

const XMLNS = { xmlns: NS.messageRequests };

/** Who waits, the latest first; from now on this session is told of changes. */
export async function fetchStrangers(link: Link): Promise<WaitingStranger[]> {
  const answer = await link.iq('get', undefined, x('requests', XMLNS));
  return readAll(child(answer, 'requests', NS.messageRequests));
}

function readAll(list: Element | undefined): WaitingStranger[] {
  const requests = list ? childrenNamed(list, 'request', NS.messageRequests) : [];
  return requests.map((request) => ({
    jid: attribute(request, 'jid') ?? '',
    count: Number.parseInt(attribute(request, 'count') ?? '0', 10) || 0,
  }));
}

/** Reads what our server tells of a change; undefined for any other stanza. */
export function readStrangerNews(stanza: Element, account: string): WaitingStranger[] | undefined {
  const isOurs = attribute(stanza, 'from')?.toLowerCase() === account;
  const list = isOurs ? child(stanza, 'requests', NS.messageRequests) : undefined;
  return list && readAll(list);
}

/** What somebody wrote who waits, the oldest first. */
export async function fetchWaiting(
  link: Link,
  account: string,
  jid: string,
): Promise<ChatMessage[]> {
  const answer = await link.iq('get', undefined, x('messages', { ...XMLNS, jid }));
  const list = child(answer, 'messages', NS.messageRequests);
  const results = list ? childrenNamed(list, 'result', NS.messageRequests) : [];
  return results
    .map((result) =>
      readForwarded(child(result, 'forwarded', NS.forward), account, attribute(result, 'id')),
    )
    .filter((message) => message !== undefined);
}

export async function answerStranger(
  link: Link,
  jid: string,
  answer: 'accept' | 'decline',
): Promise<void> {
  await link.iq('set', undefined, x(answer, { ...XMLNS, jid }));
}

/** Whether strangers' first messages wait. */
export async function fetchStrangersWait(link: Link): Promise<boolean> {
  const answer = await link.iq('get', undefined, x('preferences', XMLNS));
  return attribute(child(answer, 'preferences', NS.messageRequests), 'strangers') === 'wait';
}

export async function changeStrangersWait(link: Link, isWaiting: boolean): Promise<void> {
  const strangers = isWaiting ? 'wait' : 'pass';
  await link.iq('set', undefined, x('preferences', { ...XMLNS, strangers }));
}
