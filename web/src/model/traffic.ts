/**
 * What goes over the wire, for those who want to see it: the latest stanzas in both directions,
 * made readable, without what opens a door. Only stanzas come here; signing in is over by then.
 */
import { children } from '../xmpp/xml';
import type { Clock } from './clock';
import { Signal } from './signal';

export type Direction = 'in' | 'out';

export interface Piece {
  id: number;
  /** Unix milliseconds. */
  at: number;
  direction: Direction;
  /** `message`, `presence` or `iq`. */
  kind: string;
  /** Indented, one element a line. */
  text: string;
}

export const MOST_PIECES = 400;
/** Of one stanza. */
const LONGEST_PIECE = 16_000;
/** Of all together. */
export const MOST_CHARACTERS = 1_000_000;

export class Traffic {
  /** Oldest first. */
  readonly pieces = new Signal<readonly Piece[]>([]);
  readonly isRecording = new Signal(false);
  private counter = 0;
  private characters = 0;

  constructor(private readonly clock: Clock) {}

  record(direction: Direction, stanza: Element): void {
    if (!this.isRecording.value) return;
    const whole = pretty(stanza);
    const text = whole.length > LONGEST_PIECE ? `${whole.slice(0, LONGEST_PIECE)}…` : whole;
    const id = ++this.counter;
    const piece = { id, at: this.clock.now(), direction, kind: stanza.localName, text };
    const next = [...this.pieces.value, piece];
    this.characters += text.length;
    while (next.length > MOST_PIECES || this.characters > MOST_CHARACTERS) {
      this.characters -= next.shift()?.text.length ?? 0;
    }
    this.pieces.set(next);
  }

  clear(): void {
    this.characters = 0;
    this.pieces.set([]);
  }
}

/** Attributes that carry a token: of devices, of invitations, of both ends of a registration. */
const SECRET_ATTRIBUTES = ['token', 'uri', 'xmpp', 'preauth'];
const SECRET_NAMESPACES = [
  'urn:x-folkmoot:devices:0',
  'urn:x-folkmoot:invite:0',
  'urn:xmpp:pars:0',
];
const SECRET_ELEMENTS = ['password', 'key', 'auth', 'response', 'challenge', 'success'];
const HIDDEN = '•••';

/** The stanza as text to read; what opens a door is not in it. */
export function pretty(element: Element, depth = 0, outer: string | null = null): string {
  const indent = '  '.repeat(depth);
  const parts = attributesOf(element, outer);
  const open = [element.nodeName, ...parts].join(' ');
  const inner = children(element);
  const text = isSecretElement(element) ? HIDDEN : textOf(element);
  if (inner.length === 0 || text === HIDDEN) {
    return text === '' ? `${indent}<${open}/>` : `${indent}<${open}>${text}</${element.nodeName}>`;
  }
  const lines = inner.map((one) => pretty(one, depth + 1, element.namespaceURI));
  const words = text === '' ? [] : [`${indent}  ${text}`];
  return [`${indent}<${open}>`, ...words, ...lines, `${indent}</${element.nodeName}>`].join('\n');
}

function attributesOf(element: Element, outer: string | null): string[] {
  const isSecret = SECRET_NAMESPACES.includes(element.namespaceURI ?? '');
  const namespace =
    element.namespaceURI !== outer && !element.prefix
      ? [`xmlns='${escape(element.namespaceURI ?? '')}'`]
      : [];
  const others = Array.from(element.attributes)
    .filter(({ name }) => name !== 'xmlns')
    .map(({ name, value }) => {
      const shown = isSecret && SECRET_ATTRIBUTES.includes(name) ? HIDDEN : escape(value);
      return `${name}='${shown}'`;
    });
  return [...namespace, ...others];
}

function isSecretElement(element: Element): boolean {
  return (
    element.namespaceURI?.startsWith('urn:ietf:params:xml:ns:xmpp-sasl') === true ||
    (element.namespaceURI === 'jabber:iq:register' &&
      SECRET_ELEMENTS.includes(element.localName)) ||
    isSecretField(element)
  );
}

/** The same in the shape of a form. */
function isSecretField(element: Element): boolean {
  if (element.namespaceURI !== 'jabber:x:data' || element.localName !== 'field') return false;
  const isSecret = /password|token|preauth|uri$/i.test(element.getAttribute('var') ?? '');
  return isSecret || element.getAttribute('type') === 'text-private';
}

function textOf(element: Element): string {
  return Array.from(element.childNodes)
    .filter((node) => node.nodeType === 3 || node.nodeType === 4)
    .map((node) => node.textContent ?? '')
    .filter((text) => children(element).length === 0 || text.trim() !== '')
    .map(escape)
    .join('');
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', "'": '&apos;' };

function escape(text: string): string {
  return text.replace(/[&<>']/g, (character) => ENTITIES[character] ?? character);
}
