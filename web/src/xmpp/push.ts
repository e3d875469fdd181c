/** Which browsers are told of what comes while no page is open (`urn:x-folkmoot:web-push:0`). */
import type { Link } from './link';
import { NS } from './ns';
import { attribute, child, x } from './xml';

/** What a browser gives whoever may push to it, as the Push API writes it. */
export interface BrowserKeys {
  endpoint: string;
  p256dh: string;
  auth: string;
}

/** The key to subscribe with; undefined where the server pushes to no browsers. */
export async function fetchPushKey(link: Link): Promise<string | undefined> {
  const answer = await link.iq('get', undefined, x('web-push', { xmlns: NS.webPush }));
  return attribute(child(answer, 'web-push', NS.webPush), 'key');
}

export async function enablePush(link: Link, keys: BrowserKeys, showsText: boolean): Promise<void> {
  const { endpoint, p256dh, auth } = keys;
  const words = { xmlns: NS.webPush, endpoint, p256dh, auth, text: String(showsText) };
  await link.iq('set', undefined, x('enable', words));
}

export async function disablePush(link: Link, endpoint: string): Promise<void> {
  await link.iq('set', undefined, x('disable', { xmlns: NS.webPush, endpoint }));
}

/** Whether somebody looks (XEP-0352): what is worth it is pushed while nobody does. */
export function tellLooking(link: Link, isLooking: boolean): void {
  link.send(x(isLooking ? 'active' : 'inactive', { xmlns: NS.clientState }));
}
