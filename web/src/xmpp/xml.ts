/**
 * Writes XML as text and reads it from the DOM; everything between the client's own types and
 * the wire goes through here. Does not know any stanza.
 */

/** A finished piece of XML: what `x()` makes, kept apart from text that still needs escaping. */
export class Xml {
  constructor(readonly text: string) {}
}

type Attributes = Record<string, string | number | undefined>;
export type Child = Xml | string | undefined;

// What XML 1.0 §2.2 does not allow in a document; it would end the stream, so it is dropped.
const ILLEGAL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Cs}/gu;

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '\n': '&#10;',
  '\r': '&#13;',
  '\t': '&#9;',
};

function escapeText(text: string): string {
  return text.replace(ILLEGAL, '').replace(/[&<>\r]/g, (c) => ENTITIES[c] ?? c);
}

function escapeAttribute(text: string): string {
  return text.replace(ILLEGAL, '').replace(/[&<>"'\n\r\t]/g, (c) => ENTITIES[c] ?? c);
}

/** One element; attributes that are undefined and children that are undefined are left out. */
export function x(name: string, attributes: Attributes = {}, ...children: Child[]): Xml {
  let open = `<${name}`;
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined) open += ` ${key}="${escapeAttribute(String(value))}"`;
  }
  const inner = children
    .map((child) =>
      child === undefined ? '' : child instanceof Xml ? child.text : escapeText(child),
    )
    .join('');
  return new Xml(inner === '' ? `${open}/>` : `${open}>${inner}</${name}>`);
}

/** An element as it was read, with everything in it, written so that it stands by itself. */
export function copy(element: Element): Xml {
  const attributes: Attributes = { xmlns: element.namespaceURI ?? '' };
  for (const { name, value, prefix, namespaceURI } of Array.from(element.attributes)) {
    if (name === 'xmlns' || prefix === 'xmlns') continue;
    if (prefix && prefix !== 'xml') attributes[`xmlns:${prefix}`] = namespaceURI ?? '';
    attributes[name] = value;
  }
  const inner = Array.from(element.childNodes).map((node) => {
    if (node.nodeType === 1) return copy(node as Element);
    return node.nodeType === 3 || node.nodeType === 4 ? (node.nodeValue ?? '') : undefined;
  });
  return x(element.localName, attributes, ...inner);
}

/** The root element of a document, or undefined where the text is not well-formed. */
export function parse(text: string): Element | undefined {
  const root = new DOMParser().parseFromString(text, 'text/xml').documentElement as Element | null;
  if (!root || root.getElementsByTagName('parsererror').length > 0) return undefined;
  return root.localName === 'parsererror' ? undefined : root;
}

/** Child elements, in order. */
export function children(parent: Element): Element[] {
  return Array.from(parent.childNodes).filter((node): node is Element => node.nodeType === 1);
}

/** Whether the element has this local name and namespace. */
export function is(element: Element, name: string, ns: string): boolean {
  return element.localName === name && element.namespaceURI === ns;
}

/** The first child with this local name and namespace. */
export function child(parent: Element | undefined, name: string, ns: string): Element | undefined {
  return parent && children(parent).find((element) => is(element, name, ns));
}

/** All children with this local name and namespace. */
export function childrenNamed(parent: Element, name: string, ns: string): Element[] {
  return children(parent).filter((element) => is(element, name, ns));
}

/** The first child with this local name, whatever its namespace. */
export function anyChild(parent: Element | undefined, name: string): Element | undefined {
  return parent && children(parent).find((element) => element.localName === name);
}

/**
 * The last child with this local name and namespace: what a server appends stands behind
 * whatever the author may have written under the same name.
 */
export function lastChild(parent: Element, name: string, ns: string): Element | undefined {
  return childrenNamed(parent, name, ns).at(-1);
}

/** The text of the named child, trimmed; undefined where there is none or it is empty. */
export function childText(
  parent: Element | undefined,
  name: string,
  ns: string,
): string | undefined {
  const text = child(parent, name, ns)?.textContent.trim();
  return text === '' ? undefined : text;
}

/** An attribute; undefined where missing or empty. */
export function attribute(element: Element | undefined, name: string): string | undefined {
  const value = element?.getAttribute(name);
  return value === null || value === '' ? undefined : value;
}
