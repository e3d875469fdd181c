/** Invitations that one makes for others (XEP-0401, XEP-0379). Keeps no state. */
import type { Link } from './link';
import { NS } from './ns';
import { attribute, child, childrenNamed, x } from './xml';

/** A newly made invitation; what opens the door is shown this once. */
export interface NewInvite {
  id: string;
  /** The address of its page. */
  uri: string;
  /** Unix milliseconds. */
  expires: number | undefined;
}

/** An invitation that still stands. Times are Unix milliseconds. */
export interface Invite {
  id: string;
  created: number | undefined;
  expires: number | undefined;
  /** How many people it is for, and how many have come. */
  uses: number;
  used: number;
}

export async function createInvite(
  link: Link,
  { uses, days }: { uses: number; days: number },
): Promise<NewInvite | undefined> {
  const answer = await link.iq('set', undefined, x('invite', { xmlns: NS.invite, uses, days }));
  const invite = child(answer, 'invite', NS.invite);
  const id = attribute(invite, 'id');
  const uri = attribute(invite, 'uri');
  return id && uri ? { id, uri, expires: time(invite, 'expires') } : undefined;
}

export async function fetchInvites(link: Link): Promise<Invite[]> {
  const answer = await link.iq('get', undefined, x('invites', { xmlns: NS.invite }));
  const invites = child(answer, 'invites', NS.invite);
  if (!invites) return [];
  return childrenNamed(invites, 'invite', NS.invite).map((invite) => ({
    id: attribute(invite, 'id') ?? '',
    created: time(invite, 'created'),
    expires: time(invite, 'expires'),
    uses: count(invite, 'uses') ?? 1,
    used: count(invite, 'used') ?? 0,
  }));
}

export async function revokeInvite(link: Link, id: string): Promise<void> {
  await link.iq('set', undefined, x('revoke', { xmlns: NS.invite, id }));
}

function time(element: Element | undefined, name: string): number | undefined {
  const parsed = Date.parse(attribute(element, name) ?? '');
  return Number.isNaN(parsed) ? undefined : parsed;
}

function count(element: Element, name: string): number | undefined {
  const parsed = Number.parseInt(attribute(element, name) ?? '', 10);
  return Number.isNaN(parsed) ? undefined : parsed;
}
