/** Whom somebody may mean who has just typed `@` and a few letters. Pure. */

/** Somebody who can be mentioned. */
export interface Candidate {
  jid: string;
  /** As it is written behind the `@`. */
  handle: string;
  name: string | undefined;
}

/** The mention that is being typed: where it begins (at its `@`), and what was typed so far. */
export interface Typing {
  start: number;
  end: number;
  word: string;
}

const LONGEST = 60;
const BEFORE_CARET = /(?:^|[^\p{L}\p{N}\p{M}_@/.])@([\p{L}\p{N}_.@-]*)$/u;

/** The mention at the caret, if one is being typed there. */
export function typingAt(text: string, caret: number): Typing | undefined {
  const before = text.slice(Math.max(0, caret - LONGEST), caret);
  const word = BEFORE_CARET.exec(before)?.[1];
  if (word === undefined) return undefined;
  // In the middle of a word nobody begins a mention.
  if (/^[\p{L}\p{N}_]/u.test(text.slice(caret))) return undefined;
  return { start: caret - word.length - 1, end: caret, word };
}

/** The text with the chosen handle in place of what was typed, and where the caret then is. */
export function complete(
  text: string,
  { start, end }: Typing,
  handle: string,
): { text: string; caret: number } {
  const rest = text.slice(end);
  const mention = `@${handle}${/^\s/.test(rest) ? '' : ' '}`;
  const caret = start + mention.length + (mention.endsWith(' ') ? 0 : 1);
  return { text: text.slice(0, start) + mention + rest, caret };
}

/** The candidates that fit, best first: handles that begin so, then words of names, then parts. */
export function suggest(candidates: readonly Candidate[], word: string, most: number): Candidate[] {
  const wanted = fold(word);
  const ranked = candidates.flatMap((candidate, index) => {
    const rank = rankOf(candidate, wanted);
    return rank === undefined ? [] : [{ candidate, rank, index }];
  });
  ranked.sort((a, b) => a.rank - b.rank || a.index - b.index);
  return ranked.slice(0, most).map(({ candidate }) => candidate);
}

function rankOf({ handle, name }: Candidate, wanted: string): number | undefined {
  const words = fold(name ?? '').split(/[^\p{L}\p{N}]+/u);
  const folded = fold(handle);
  if (folded.startsWith(wanted)) return 0;
  if (words.some((part) => part.startsWith(wanted))) return 1;
  return folded.includes(wanted) && wanted.length > 1 ? 2 : undefined;
}

/** Without case and accents, so that `jose` finds José. */
function fold(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
}
