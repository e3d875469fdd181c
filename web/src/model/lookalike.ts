/**
 * Names that look like other names: letters of several scripts in one word, and names that a
 * reader takes for somebody else's (after Unicode TS #39 §4 and §5.1, with the letters that small
 * print makes alike). Warns; forbids nothing.
 */
import { localpart } from '../xmpp/jid';

export interface Named {
  jid: string;
  /** Whatever they are called here, beside their address. */
  names: readonly string[];
}

export type Warning =
  | { kind: 'mixed' }
  /** Looks like this person, who is known already. */
  | { kind: 'twin'; jid: string };

// Letters of other scripts, and those of Latin, that are drawn like the letter before the colon.
const ALIKE = `
a:аαɑàáâãäåāăą b:ьƅв c:сϲᴄçćĉċč d:ԁɗđ e:еҽєεèéêëēėę f:ƒ g:ɡց h:һհ i:іιıɩìíîïīįї1l|!ӏlі
j:јϳ k:кκ m:мｍ n:пηոñńņ o:оοоօσ0òóôõöøōőө p:рρþ q:ԛգ r:гᴦ s:ѕꜱśŝşš t:тτţť u:υսцùúûüūů
v:νѵ w:ѡԝшω x:хχ× y:уγүýÿ z:ᴢźżž`;

const LETTERS = new Map<string, string>();
for (const group of ALIKE.trim().split(/\s+/)) {
  for (const letter of group.slice(2)) LETTERS.set(letter, group.charAt(0));
}

/** Two names with the same skeleton look the same to somebody in a hurry. */
export function skeleton(name: string): string {
  const folded = name.normalize('NFKD').toLowerCase().replace(/\p{M}/gu, '').normalize('NFC');
  const letters = folded.replace(/./gu, (letter) => LETTERS.get(letter) ?? letter);
  return letters
    .replace(/[\p{P}\p{Z}\p{Cf}\p{S}]/gu, '')
    .replace(/rn/g, 'm')
    .replace(/vv/g, 'w');
}

const SCRIPTS = [
  'Latin',
  'Cyrillic',
  'Greek',
  'Armenian',
  'Hebrew',
  'Arabic',
  'Georgian',
  'Cherokee',
  'Han',
  'Hiragana',
  'Katakana',
  'Hangul',
  'Bopomofo',
  'Thai',
  'Devanagari',
].map((script): [string, RegExp] => [script, new RegExp(`\\p{Script=${script}}`, 'u')]);

/** Scripts that stand beside each other in ordinary words (§5.2, "highly restrictive"). */
const TOGETHER = [
  ['Latin', 'Han', 'Hiragana', 'Katakana'],
  ['Latin', 'Han', 'Bopomofo'],
  ['Latin', 'Han', 'Hangul'],
];

/** Whether one word has letters of scripts that no ordinary word mixes. */
export function isMixed(name: string): boolean {
  return name.split(/[\s\p{P}]+/u).some((word) => {
    const used = SCRIPTS.filter(([, pattern]) => pattern.test(word)).map(([script]) => script);
    return used.length > 1 && !TOGETHER.some((set) => used.every((script) => set.includes(script)));
  });
}

/** What to say before this person becomes a contact. */
export function warnings(person: Named, known: Iterable<Named>): Warning[] {
  const found: Warning[] = [];
  const ownNames = [localpart(person.jid), ...person.names];
  if (ownNames.some(isMixed)) found.push({ kind: 'mixed' });
  const own = new Set(ownNames.map(skeleton).filter((name) => name !== ''));
  for (const other of known) {
    if (other.jid === person.jid) continue;
    const names = [localpart(other.jid), ...other.names];
    if (!names.some((name) => own.has(skeleton(name)))) continue;
    found.push({ kind: 'twin', jid: other.jid });
    break;
  }
  return found;
}
