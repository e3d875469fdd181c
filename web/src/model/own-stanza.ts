/** A stanza that somebody wrote by hand: checked before it may go out, and completed. */
import { NS } from '../xmpp/ns';
import { parse, Xml } from '../xmpp/xml';

export type Checked =
  | { kind: 'empty' }
  | { kind: 'broken' }
  /** Well-formed, but not one of the three. */
  | { kind: 'not-a-stanza'; name: string }
  /** An iq needs to say which kind of request or answer it is (RFC 6120 §8.2.3). */
  | { kind: 'iq-type' }
  | { kind: 'ready'; xml: Xml };

const STANZAS = ['message', 'presence', 'iq'];
const IQ_TYPES = ['get', 'set', 'result', 'error'];

export function checkStanza(text: string, newId: () => string): Checked {
  const typed = text.trim();
  if (typed === '') return { kind: 'empty' };
  const root = parse(typed);
  if (!root) return { kind: 'broken' };
  const isClient = root.namespaceURI === null || root.namespaceURI === NS.client;
  if (!STANZAS.includes(root.localName) || root.prefix !== null || !isClient) {
    return { kind: 'not-a-stanza', name: root.nodeName };
  }
  if (root.localName === 'iq' && !IQ_TYPES.includes(root.getAttribute('type') ?? '')) {
    return { kind: 'iq-type' };
  }
  const missing = [
    root.namespaceURI === null ? ` xmlns="${NS.client}"` : '',
    root.localName !== 'presence' && !root.getAttribute('id') ? ` id="${newId()}"` : '',
  ].join('');
  // Into the first tag, behind its name: everything else stays as it was written.
  const start = typed.indexOf('<' + root.localName) + root.localName.length + 1;
  return {
    kind: 'ready',
    xml: new Xml(
      typed.slice(start - root.localName.length - 1, start) + missing + typed.slice(start),
    ),
  };
}
