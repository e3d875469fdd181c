/** Answers to what others ask of this client; every request gets one (RFC 6120 §8.2.3). */
import { discoAnswer } from './caps';
import { NS } from './ns';
import { attribute, child, x, type Xml } from './xml';

/** The answer to an iq request; undefined for any other stanza. */
export function answerRequest(stanza: Element): Xml | undefined {
  const type = attribute(stanza, 'type');
  if (stanza.localName !== 'iq' || (type !== 'get' && type !== 'set')) return undefined;
  const head = { xmlns: NS.client, to: attribute(stanza, 'from'), id: attribute(stanza, 'id') };
  if (type === 'get' && child(stanza, 'ping', NS.ping)) return x('iq', { ...head, type: 'result' });
  const query = discoQuery(stanza);
  if (query) {
    const answer = discoAnswer(attribute(query, 'node'));
    return answer ? x('iq', { ...head, type: 'result' }, answer) : refusal(head, 'item-not-found');
  }
  return refusal(head, 'service-unavailable');
}

/** Whether somebody asks what this client can do. */
export function isDiscoQuery(stanza: Element): boolean {
  return discoQuery(stanza) !== undefined;
}

function discoQuery(stanza: Element): Element | undefined {
  return attribute(stanza, 'type') === 'get' ? child(stanza, 'query', NS.discoInfo) : undefined;
}

function refusal(head: Record<string, string | undefined>, condition: string): Xml {
  const error = x('error', { type: 'cancel' }, x(condition, { xmlns: NS.stanzas }));
  return x('iq', { ...head, type: 'error' }, error);
}
