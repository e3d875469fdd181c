/** A connection that answers as it is told, and remembers what was sent. */
import assert from 'node:assert/strict';
import type { Link } from '../../src/xmpp/link';
import { parse, type Xml } from '../../src/xmpp/xml';

export interface ScriptedLink extends Link {
  /** Stanzas without an answer, as text. */
  readonly sent: string[];
  /** Requests: type, address, payload. */
  readonly asked: string[];
}

/** `answer` gives the result's content, or throws; undefined: empty. */
export function scripted(
  account: string,
  answer: (request: string) => string | undefined | Promise<string | undefined> = () => undefined,
): ScriptedLink {
  const sent: string[] = [];
  const asked: string[] = [];
  return {
    jid: `${account}/web`,
    sent,
    asked,
    iq: async (type, to, payload: Xml) => {
      const request = `${type} ${to ?? ''} ${payload.text}`;
      asked.push(request);
      const content = (await answer(request)) ?? '';
      return stanza(`<iq xmlns='jabber:client' type='result'>${content}</iq>`);
    },
    send: (xml) => sent.push(xml.text),
  };
}

export function stanza(text: string): Element {
  const element = parse(text);
  assert.ok(element, text);
  return element;
}

/** The part of Web Storage that is used, in memory. */
export function memory() {
  const kept = new Map<string, string>();
  return {
    kept,
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  };
}
