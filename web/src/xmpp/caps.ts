/**
 * What this client can do, announced by its hash (XEP-0115) and told on demand (XEP-0030).
 * The `+notify` features make the server send the events of the home timeline and of the
 * notifications (XEP-0163 §4).
 */
import { NODE, NS } from './ns';
import { sha1 } from './sha1';
import type { Show } from './presence';
import { x, type Xml } from './xml';

export const CAPS_NODE = 'urn:x-folkmoot:web';

/** A disco identity (XEP-0030 §3.1). */
export interface Identity {
  category: string;
  type: string;
  name: string;
}

export const IDENTITY: Identity = { category: 'client', type: 'web', name: 'Folkmoot' };

export const FEATURES: readonly string[] = [
  NS.caps,
  NS.chatStates,
  NS.discoInfo,
  NS.nick,
  NS.corrections,
  NS.markers,
  NS.ping,
  NS.reactions,
  NS.receipts,
  NS.retractions,
  `${NODE.home}+notify`,
  `${NODE.notifications}+notify`,
  `${NODE.displayed}+notify`,
];

/** The verification string, hashed (XEP-0115 §5.1). */
export function verification(identities: Identity[], features: readonly string[]): string {
  const parts = [
    ...identities.map(({ category, type, name }) => `${category}/${type}//${name}`).sort(),
    ...[...features].sort(),
  ];
  return btoa(String.fromCharCode(...sha1(parts.map((part) => `${part}<`).join(''))));
}

const VER = verification([IDENTITY], FEATURES);

/** The presence that makes this session known, and says how its user is there. */
export function availablePresence(show: Show = 'available', status?: string): Xml {
  return x(
    'presence',
    { xmlns: NS.client },
    show === 'available' ? undefined : x('show', {}, show),
    status ? x('status', {}, status) : undefined,
    x('c', { xmlns: NS.caps, hash: 'sha-1', node: CAPS_NODE, ver: VER }),
  );
}

/** The answer to a disco#info query; undefined for a node that is not ours. */
export function discoAnswer(node: string | undefined): Xml | undefined {
  if (node !== undefined && node !== `${CAPS_NODE}#${VER}`) return undefined;
  return x(
    'query',
    { xmlns: NS.discoInfo, node },
    x('identity', { category: IDENTITY.category, type: IDENTITY.type, name: IDENTITY.name }),
    ...FEATURES.map((feature) => x('feature', { var: feature })),
  );
}
