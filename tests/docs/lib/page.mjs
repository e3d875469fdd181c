// What a Markdown page tells its reader to type: its ```sh fences, and the hidden notes above them.
// The notes are described in CONTRIBUTING.md.
import { readFileSync } from 'node:fs';

const KEYS = ['before', 'stays', 'types', 'says', 'exit', 'after'];
const FENCE = /^```(\S*)\s*$/;

/** The blocks of a page, in order: { line, code, notes } or { line, code, reason }. */
export function blocks(path) {
  const lines = readFileSync(path, 'utf8').split('\n');
  const found = [];
  for (let at = 0; at < lines.length; at += 1) {
    const language = FENCE.exec(lines[at])?.[1];
    if (language === undefined) continue;
    const end = lines.indexOf('```', at + 1);
    if (end < 0) throw new Error(`${path}:${at + 1}: the fence does not end`);
    if (language === 'sh') {
      found.push({ line: at + 1, code: lines.slice(at + 1, end).join('\n'), ...above(lines, at, `${path}:${at + 1}`) });
    }
    at = end;
  }
  return found;
}

function above(lines, fence, where) {
  const none = { notes: Object.fromEntries(KEYS.map((key) => [key, []])) };
  if (!lines[fence - 1]?.trimEnd().endsWith('-->')) return none;
  let start = fence - 1;
  while (start > 0 && !lines[start].startsWith('<!--')) start -= 1;
  const comment = lines.slice(start, fence).join('\n');
  const reason = /^<!-- not run: ([^]+?)\s*-->$/.exec(comment);
  if (reason) return { reason: reason[1] };
  const text = /^<!-- test\n([^]*?)-->$/.exec(comment)?.[1];
  if (text === undefined) return none;
  for (const line of text.split('\n').filter((line) => line.trim() !== '')) {
    const [, key, value] = /^\s*([a-z]+): (.*)$/.exec(line) ?? [];
    if (key && KEYS.includes(key)) none.notes[key].push(value);
    else throw new Error(`${where}: "${line.trim()}" is none of ${KEYS.join(', ')}`);
  }
  return none;
}

/** The commands in running text: `folkmoot …` and `make …`. */
export function mentions(path) {
  const prose = readFileSync(path, 'utf8').replace(/^```[^]*?^```/gm, (block) => block.replace(/[^\n]/g, ' '));
  return [...prose.matchAll(/`((?:folkmoot|make) [^`]+)`/g)].map((match) => ({
    line: prose.slice(0, match.index).split('\n').length,
    words: match[1].split(/\s+/),
  }));
}
