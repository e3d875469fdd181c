/** The generated face of somebody without a picture: a colour (XEP-0392), initials, a shape. */
import { sha1 } from '../xmpp/sha1';
import { localpart } from '../xmpp/jid';

export interface Look {
  /** Degrees on the colour wheel; the same in every client that follows XEP-0392 §5.1. */
  hue: number;
  initials: string;
  /** Which of the pebble outlines, from 0 below `SHAPES`. */
  shape: number;
}

export const SHAPES = 6;

export function lookOf(jid: string, name: string | undefined): Look {
  const hash = sha1(jid);
  const hue = (((hash[0] ?? 0) + (hash[1] ?? 0) * 256) / 65536) * 360;
  return {
    hue: Math.round(hue),
    initials: initialsOf(name ?? localpart(jid)),
    shape: (hash[2] ?? 0) % SHAPES,
  };
}

function initialsOf(name: string): string {
  const words = name.match(/[\p{L}\p{N}]+/gu) ?? [];
  const first = firstOf(words[0] ?? '?');
  const last = words.length > 1 ? firstOf(words.at(-1) ?? '') : '';
  return (first + last).toLocaleUpperCase();
}

function firstOf(word: string): string {
  return String.fromCodePoint(word.codePointAt(0) ?? 0x3f);
}
