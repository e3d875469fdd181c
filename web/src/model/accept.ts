/** Accepting an invitation with an account that exists: contacts and followers of each other. */
import type { Link } from '../xmpp/link';
import { sendPreauthorized } from '../xmpp/presence';
import type { Contacts } from './contacts';
import type { Follows } from './follows';

export async function acceptInvitation(
  link: Link,
  { contacts, follows }: { contacts: Contacts; follows: Follows },
  { jid, token }: { jid: string; token: string },
): Promise<void> {
  // The server lets both in at once (XEP-0379 §4); following then needs nobody's leave.
  sendPreauthorized(link, jid, token);
  if (contacts.roster.of(jid)?.subscription === 'both') return;
  await follows.follow(link, jid);
}
