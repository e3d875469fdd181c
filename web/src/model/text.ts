/**
 * What in a post's text is a link, a hash tag or a mention; the screen shows each as an element
 * of its own and everything else as plain text.
 */
export type Piece =
  | { kind: 'text'; text: string }
  | { kind: 'link'; text: string; href: string }
  | { kind: 'tag'; text: string; tag: string }
  /** `handle` as written, without `@`: `juliet` or `romeo@example.net`. */
  | { kind: 'mention'; text: string; handle: string };

// One pass; each alternative must begin at a boundary (the look-behind) so that neither
// `juliet@localhost` nor `page#part` is taken apart.
const PIECES = new RegExp(
  [
    String.raw`(?<link>https?:\/\/[^\s<>"]+)`,
    String.raw`(?<![\p{L}\p{N}\p{M}_&/#])#(?<tag>(?=[\p{N}_]*[\p{L}\p{M}])[\p{L}\p{N}\p{M}_]{1,100})`,
    String.raw`(?<![\p{L}\p{N}\p{M}_@/.])@(?<mention>[\p{L}\p{N}_][\p{L}\p{N}_.-]*(?:@[\p{L}\p{N}][\p{L}\p{N}.-]*)?)`,
  ].join('|'),
  'giu',
);

/** Splits text into its pieces; joined again they are the text. */
export function split(text: string): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  const plain = (until: number) => {
    if (until > end) pieces.push({ kind: 'text', text: text.slice(end, until) });
  };
  for (const match of text.matchAll(PIECES)) {
    const { link, tag, mention } = match.groups ?? {};
    const written = link
      ? withoutTrailing(match[0])
      : mention
        ? match[0].replace(/[.-]+$/, '')
        : match[0];
    const piece = pieceOf(written, link !== undefined, tag);
    if (!piece) continue;
    plain(match.index);
    pieces.push(piece);
    end = match.index + written.length;
  }
  plain(text.length);
  return pieces;
}

function pieceOf(written: string, isLink: boolean, tag: string | undefined): Piece | undefined {
  if (tag !== undefined) return { kind: 'tag', text: written, tag: foldTag(tag) };
  if (!isLink) return { kind: 'mention', text: written, handle: written.slice(1).toLowerCase() };
  const href = safeUrl(written);
  return href === undefined ? undefined : { kind: 'link', text: written, href };
}

/** Punctuation that ends the sentence and not the address; a closing bracket only if it was opened. */
function withoutTrailing(url: string): string {
  // Counted once: whoever wrote thousands of brackets must not hold up whoever reads them.
  const counts = new Map<string, number>();
  for (const character of url) counts.set(character, (counts.get(character) ?? 0) + 1);
  let end = url.length;
  for (; end > 0; end -= 1) {
    const last = url.charAt(end - 1);
    const open = { ')': '(', ']': '[', '}': '{' }[last];
    const left = counts.get(last) ?? 0;
    const isLoose = open !== undefined && left > (counts.get(open) ?? 0);
    if (!isLoose && !`.,:;!?'"*_~»”’`.includes(last)) break;
    counts.set(last, left - 1);
  }
  return url.slice(0, end);
}

/** The address, if it is one that may be followed; never `javascript:` or the like. */
export function safeUrl(text: string): string | undefined {
  try {
    const url = new URL(text);
    return (url.protocol === 'https:' || url.protocol === 'http:') && url.hostname !== ''
      ? url.href
      : undefined;
  } catch {
    return undefined;
  }
}

/** The form in which tags are compared, and under which their nodes are named. */
export function foldTag(tag: string): string {
  return tag.normalize('NFC').toLowerCase();
}

/** The distinct tags of a text, in the order of their first appearance. */
export function tagsOf(text: string): string[] {
  const tags = split(text).flatMap((piece) => (piece.kind === 'tag' ? [piece.tag] : []));
  return [...new Set(tags)];
}

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** How many characters a reader sees. */
export function lengthOf(text: string): number {
  // Nothing in the first block combines, which is what most posts are made of.
  if (/^[\u0020-\u007e\n]*$/.test(text)) return text.length;
  return [...segmenter.segment(text)].length;
}
