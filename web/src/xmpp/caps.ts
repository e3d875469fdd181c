/**
 * What this client can do, announced by its hash (XEP-0115) and told on demand (XEP-0030).
 * The `+notify` feature makes the server send the home timeline's events (XEP-0163 §4).
 */
import { NODE, NS } from './ns';
import { sha1 } from './sha1';
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
  NS.discoInfo,
  NS.nick,
  NS.ping,
  `${NODE.home}+notify`,
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

/** The presence that makes this session known. */
export function availablePresence(): Xml {
  return x(
    'presence',
    { xmlns: NS.client },
    // A negative priority (RFC 6121 §4.7.2.3): chat messages belong to clients that show them.
    x('priority', {}, '-1'),
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
