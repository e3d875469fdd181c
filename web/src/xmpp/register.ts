/**
 * Makes an account on a stream of its own, before anybody is signed in (XEP-0077), with a token
 * from an invitation where there is one (XEP-0445), and with proof of work where the server
 * demands it (XEP-0158).
 */
import { LinkLost, readStanzaError, StanzaError, TimedOut } from './errors';
import { NS } from './ns';
import { proveWork } from './proof';
import { anyChild, attribute, child, childrenNamed, childText, parse, x, type Xml } from './xml';

export interface NewAccount {
  name: string;
  password: string;
  audience: 'open' | 'presence';
  token: string | undefined;
}

const PATIENCE = 20_000;

/** Registers; rejects with `StanzaError`, `TimedOut` or `LinkLost`. `onWork`: this takes a while. */
export async function register(
  url: string,
  domain: string,
  account: NewAccount,
  onWork: () => void,
): Promise<void> {
  const stream = new Stream(url, domain);
  try {
    const isOffered = await stream.open();
    // A door that is closed to everybody may still open for a token.
    if (!isOffered && !account.token) throw new StanzaError('not-allowed', 'cancel', undefined);
    if (account.token) {
      const preauth = x('preauth', { xmlns: NS.preauth, token: account.token });
      await stream.iq('set', preauth);
    }
    const offer = await stream.iq('get', x('query', { xmlns: NS.register }));
    const query = child(offer, 'query', NS.register);
    const form = await fillForm(query, domain, account, onWork);
    await stream.iq('set', form);
  } finally {
    stream.close();
  }
}

async function fillForm(
  query: Element | undefined,
  domain: string,
  { name, password, audience }: NewAccount,
  onWork: () => void,
): Promise<Xml> {
  const own = [
    x('username', {}, name),
    x('password', {}, password),
    x('audience', { xmlns: NS.registerAudience }, audience),
  ];
  const form = child(query, 'x', NS.dataForms);
  if (!form) return x('query', { xmlns: NS.register }, ...own);

  const answers: Xml[] = [];
  for (const field of childrenNamed(form, 'field', NS.dataForms)) {
    const variable = attribute(field, 'var');
    if (!variable) continue;
    const value = await answer(field, variable, { name, password, domain }, onWork);
    if (value !== undefined) answers.push(x('field', { var: variable }, x('value', {}, value)));
  }
  const submit = x('x', { xmlns: NS.dataForms, type: 'submit' }, ...answers);
  return x('query', { xmlns: NS.register }, ...own, submit);
}

async function answer(
  field: Element,
  variable: string,
  { name, password, domain }: { name: string; password: string; domain: string },
  onWork: () => void,
): Promise<string | undefined> {
  const preset = childText(field, 'value', NS.dataForms);
  if (variable === 'username') return name;
  if (variable === 'password') return password;
  if (variable !== 'SHA-256') return preset;
  onWork();
  return proveWork(attribute(field, 'label') ?? '', domain);
}

interface Waiting {
  resolve(element: Element): void;
  reject(error: Error): void;
}

/** An XMPP stream over WebSocket (RFC 7395) that never authenticates. */
class Stream {
  private readonly socket: WebSocket;
  private readonly waiting = new Map<string, Waiting>();
  private readonly timer: ReturnType<typeof setTimeout>;
  private counter = 0;

  constructor(
    url: string,
    private readonly domain: string,
  ) {
    this.socket = new WebSocket(url, 'xmpp');
    this.socket.onmessage = (message) => this.onMessage(String(message.data));
    this.socket.onclose = () => this.fail(new LinkLost());
    this.timer = setTimeout(() => {
      this.fail(new TimedOut());
      this.socket.close();
    }, PATIENCE * 6);
  }

  /** Whether the server offers registration to everybody. */
  async open(): Promise<boolean> {
    this.socket.onopen = () =>
      this.write(x('open', { xmlns: NS.framing, to: this.domain, version: '1.0' }));
    const features = await this.wait('features');
    return child(features, 'register', NS.registerFeature) !== undefined;
  }

  async iq(type: 'get' | 'set', payload: Xml): Promise<Element> {
    const id = `r${++this.counter}`;
    const answer = this.wait(id);
    this.write(x('iq', { xmlns: NS.client, type, id, to: this.domain }, payload));
    const stanza = await answer;
    if (attribute(stanza, 'type') === 'error') throw readStanzaError(stanza);
    return stanza;
  }

  close(): void {
    clearTimeout(this.timer);
    this.socket.onclose = null;
    if (this.socket.readyState === WebSocket.OPEN) this.write(x('close', { xmlns: NS.framing }));
    this.socket.close();
  }

  private wait(key: string): Promise<Element> {
    if (this.socket.readyState > WebSocket.OPEN) return Promise.reject(new LinkLost());
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.settle(key)?.reject(new TimedOut()), PATIENCE);
      this.waiting.set(key, {
        resolve: (element) => {
          clearTimeout(timer);
          resolve(element);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
    });
  }

  private settle(key: string): Waiting | undefined {
    const waiting = this.waiting.get(key);
    this.waiting.delete(key);
    return waiting;
  }

  private onMessage(data: string): void {
    const element = parse(data);
    if (!element) return;
    if (element.localName === 'features') this.settle('features')?.resolve(element);
    else if (element.localName === 'iq')
      this.settle(attribute(element, 'id') ?? '')?.resolve(element);
    else if (element.localName === 'error') this.fail(streamError(element));
    else if (element.localName === 'close') this.fail(new LinkLost());
  }

  private fail(error: Error): void {
    for (const key of [...this.waiting.keys()]) this.settle(key)?.reject(error);
  }

  private write(xml: Xml): void {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(xml.text);
  }
}

function streamError(element: Element): Error {
  const isRate = anyChild(element, 'policy-violation') ?? anyChild(element, 'resource-constraint');
  return isRate ? new StanzaError('resource-constraint', 'wait', undefined) : new LinkLost();
}
