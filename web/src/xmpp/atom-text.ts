/**
 * The plain text of Atom's text constructs (RFC 4287 §3.1), whichever way they were written.
 * Keeps no markup: what people wrote is shown as text.
 */
import { NS } from './ns';
import { attribute, childrenNamed, is } from './xml';

/** The text of an entry's title, content or summary; the plain twin counts before the rich one. */
export function construct(entry: Element, name: string): string | undefined {
  const all = childrenNamed(entry, name, NS.atom);
  const plain = all.find((element) => (attribute(element, 'type') ?? 'text') === 'text');
  const chosen = plain ?? all[0];
  if (!chosen) return undefined;
  const type = attribute(chosen, 'type') ?? 'text';
  const raw =
    type === 'xhtml'
      ? flatten(chosen)
      : type === 'html'
        ? withoutMarkup(chosen.textContent)
        : chosen.textContent;
  const text = raw.replace(/\r\n?/g, '\n').trim();
  return text === '' ? undefined : text;
}

/** What is read first and what is read then; a title that only repeats the beginning is none. */
export function wordsOf(entry: Element): { heading: string | undefined; text: string } {
  const title = construct(entry, 'title');
  const content = construct(entry, 'content') ?? construct(entry, 'summary');
  const text = content ?? title ?? '';
  return {
    heading: title !== undefined && title !== text ? headingOf(title, text) : undefined,
    text,
  };
}

function headingOf(title: string, text: string): string | undefined {
  const start = title.replace(/(\.\.\.|…)$/, '').trim();
  return text.trim().startsWith(start) ? undefined : title;
}

const BLOCKS = new Set(['p', 'div', 'li', 'ul', 'ol', 'blockquote', 'pre', 'h1', 'h2', 'h3']);

/** The text of XHTML, with line breaks where its blocks end. */
function flatten(element: Element): string {
  let text = '';
  for (const node of Array.from(element.childNodes)) {
    if (node.nodeType === 3) text += (node.textContent ?? '').replace(/\s+/g, ' ');
    else if (node.nodeType === 1) {
      const inner = node as Element;
      if (is(inner, 'br', NS.xhtml)) text += '\n';
      else text += flatten(inner) + (BLOCKS.has(inner.localName) ? '\n' : '');
    }
  }
  return text;
}

/** Escaped HTML as text; an inert document parses it, nothing is ever inserted into the page. */
function withoutMarkup(html: string): string {
  const parsed = new DOMParser().parseFromString(html, 'text/html') as Document | undefined;
  return parsed?.documentElement.textContent ?? html;
}
