/** What the server wrote into the page of an invitation about who invites, and whom. */
export interface Invitation {
  state: 'open' | 'used' | 'expired' | 'revoked' | 'unknown';
  /** Bare JID of who invites; undefined where it is the operator, or the page does not say. */
  jid: string | undefined;
  name: string | undefined;
  /** Whether it makes an account, or only contacts. */
  makesAccounts: boolean;
  /** The only name that the account may have. */
  username: string | undefined;
  /** What an app on this device opens to add who invites (XEP-0379 §3.3). */
  xmpp: string | undefined;
}

const STATES = ['open', 'used', 'expired', 'revoked', 'unknown'] as const;

/**
 * `read` gives the content of the page's meta element of that name. A page that says nothing is
 * taken as open: the server decides when the token is used.
 */
export function readInvitation(read: (name: string) => string | undefined): Invitation {
  const meta = (name: string) => {
    const content = read(`folkmoot-invite-${name}`)?.trim() ?? '';
    return content === '' ? undefined : content;
  };
  const state = meta('state');
  const xmpp = meta('xmpp');
  return {
    state: STATES.find((one) => one === state) ?? 'open',
    jid: meta('by')?.toLowerCase(),
    name: meta('name'),
    makesAccounts: meta('accounts') !== 'false',
    username: meta('username'),
    xmpp: xmpp?.startsWith('xmpp:') === true ? xmpp : undefined,
  };
}
