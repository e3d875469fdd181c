/** What the page knows about the server that sent it, before any connection. */

export type Registration = 'open' | 'approval' | 'invite' | 'closed';
export type Audience = 'open' | 'presence';

export interface Site {
  /** The XMPP domain. */
  domain: string;
  /** The pubsub service's JID. */
  pubsub: string;
  registration: Registration;
  /** Who may read a new account's posts, unless chosen otherwise. */
  audience: Audience;
  /** The WebSocket's address. */
  socket: string;
}

const REGISTRATIONS: readonly Registration[] = ['open', 'approval', 'invite', 'closed'];

export function readSite(page: Document, location: Location): Site {
  const meta = (name: string) =>
    page.querySelector<HTMLMetaElement>(`meta[name="folkmoot-${name}"]`)?.content.trim() ?? '';
  const domain = (meta('domain') || location.hostname).toLowerCase();
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  return {
    domain,
    pubsub: meta('pubsub').toLowerCase() || `pubsub.${domain}`,
    registration: REGISTRATIONS.find((policy) => policy === meta('registration')) ?? 'open',
    audience: meta('audience') === 'presence' ? 'presence' : 'open',
    socket: `${scheme}://${location.host}/xmpp-websocket`,
  };
}
