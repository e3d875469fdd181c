/** Reads what somebody typed to find somebody: an address in any of its forms, or words. */
import { bare } from '../xmpp/jid';

export type Wanted =
  | { kind: 'nothing' }
  /** Bare JID. */
  | { kind: 'address'; jid: string }
  | { kind: 'words'; text: string };

export interface Here {
  /** The XMPP domain of this site. */
  domain: string;
  /** The host of its pages, with its port. */
  host: string;
}

const NAME = /^[^\s"&'/:<>@]{1,1023}$/u;
const DOMAIN = /^(?:[\p{L}\p{N}](?:[\p{L}\p{N}\p{M}.-]{0,253})|\[[0-9a-f:.]+\])$/iu;

export function readWanted(typed: string, here: Here): Wanted {
  const text = typed.trim().normalize('NFC');
  if (text === '') return { kind: 'nothing' };
  const jid = fromUri(text, here) ?? fromHandle(text, here.domain);
  return jid === undefined ? { kind: 'words', text } : { kind: 'address', jid };
}

function fromUri(text: string, here: Here): string | undefined {
  const uri = /^xmpp:(?:\/\/[^/]*\/)?([^?#]+)/i.exec(text)?.[1];
  if (uri !== undefined) return fromAddress(decode(uri));
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  const [, handle] = /^\/(?:app\/)?@([^/]+)/.exec(decode(url.pathname)) ?? [];
  if (handle === undefined) return undefined;
  const isHere = url.host === here.host || url.hostname === here.domain;
  return fromHandle(`@${handle}`, isHere ? here.domain : url.hostname);
}

/** `@juliet`, `@juliet@example.org` or `juliet@example.org`. */
function fromHandle(text: string, domain: string): string | undefined {
  const name = text.replace(/^@/, '');
  if (name.includes('@')) return fromAddress(name);
  return text.startsWith('@') && NAME.test(name) ? `${name}@${domain}`.toLowerCase() : undefined;
}

function fromAddress(text: string): string | undefined {
  const [name, domain, ...rest] = bare(text).split('@');
  if (name === undefined || domain === undefined || rest.length > 0) return undefined;
  return NAME.test(name) && DOMAIN.test(domain) ? `${name}@${domain}` : undefined;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
