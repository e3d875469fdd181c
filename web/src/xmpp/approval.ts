/** People who wait for leave to subscribe to a node of one's own (XEP-0060 §8.6, §8.8). */
import type { Link } from './link';
import { bare } from './jid';
import { NODE, NS } from './ns';
import { isFromAccount } from './roster';
import { attribute, child, childrenNamed, childText, x } from './xml';

/** Somebody who would like to subscribe. */
export interface Applicant {
  jid: string;
  node: string;
}

/** Reads the form that asks; undefined for anything that does not come from one's own account. */
export function readApplication(stanza: Element, account: string): Applicant | undefined {
  if (stanza.localName !== 'message' || attribute(stanza, 'type') === 'error') return undefined;
  const form = child(stanza, 'x', NS.dataForms);
  if (!form || attribute(form, 'type') !== 'form' || !isFromAccount(stanza, account)) {
    return undefined;
  }
  const fields = childrenNamed(form, 'field', NS.dataForms);
  const value = (name: string) =>
    childText(
      fields.find((field) => attribute(field, 'var') === name),
      'value',
      NS.dataForms,
    );
  if (value('FORM_TYPE') !== NS.subscribeAuthorization) return undefined;
  const jid = value('pubsub#subscriber_jid');
  const node = value('pubsub#node');
  return jid && node ? { jid: bare(jid), node } : undefined;
}

/** Those who wait for one's own blog (§8.8.1): the form is sent only to who is there at the time. */
export async function fetchApplicants(link: Link): Promise<Applicant[]> {
  const request = x('subscriptions', { node: NODE.microblog });
  const answer = await link.iq('get', undefined, x('pubsub', { xmlns: NS.pubsubOwner }, request));
  const list = child(child(answer, 'pubsub', NS.pubsubOwner), 'subscriptions', NS.pubsubOwner);
  if (!list) return [];
  return childrenNamed(list, 'subscription', NS.pubsubOwner).flatMap((subscription) => {
    const jid = attribute(subscription, 'jid');
    const isPending = attribute(subscription, 'subscription') === 'pending';
    return jid && isPending ? { jid: bare(jid), node: NODE.microblog } : [];
  });
}

/** Answers somebody (§8.8.2); unlike a form sent back, this says whether it worked. */
export async function decide(
  link: Link,
  { jid, node }: Applicant,
  verdict: 'subscribed' | 'none',
): Promise<void> {
  const subscription = x('subscription', { jid, subscription: verdict });
  const subscriptions = x('subscriptions', { node }, subscription);
  await link.iq('set', undefined, x('pubsub', { xmlns: NS.pubsubOwner }, subscriptions));
}
