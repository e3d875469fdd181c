/** What is being written: in the window that opens on any page, and what was begun elsewhere. */
import type { ReplyTo } from '../model/outbox';
import { Signal } from '../model/signal';
import type { Post } from '../xmpp/atom';

/** A new post, an answer, or other words for a post. */
export type Composing =
  | { kind: 'new' }
  /** `prefill` mentions whom one answers, where they would not be told otherwise. */
  | { kind: 'reply'; to: ReplyTo; post: Post; prefill: string }
  | { kind: 'edit'; post: Post };

/** What the window shows; undefined while it is closed. */
export const composing = new Signal<Composing | undefined>(undefined);

export function openComposer(what: Composing = { kind: 'new' }): void {
  composing.set(what);
}

/** What was begun survives a change of page. */
const drafts = new Map<string, Signal<string>>();
const MOST_DRAFTS = 50;

/** The text that is being written for something by an account. */
export function draftOf(account: string, what: Composing): Signal<string> {
  const key = `${account} ${what.kind === 'new' ? 'new' : `${what.kind} ${what.post.subject}`}`;
  const draft = drafts.get(key) ?? new Signal(startOf(what));
  drafts.delete(key);
  drafts.set(key, draft);
  const [oldest] = drafts.keys();
  if (drafts.size > MOST_DRAFTS && oldest !== undefined) drafts.delete(oldest);
  return draft;
}

/** How a text begins before anything is written. */
export function startOf(what: Composing): string {
  switch (what.kind) {
    case 'new':
      return '';
    case 'reply':
      return what.prefill;
    case 'edit':
      return what.post.text;
  }
}

/** Puts text back into the composer, for instance that of a post which was refused. */
export function putBack(account: string, text: string): void {
  const draft = draftOf(account, { kind: 'new' });
  draft.update((before) => (before.trim() === '' ? text : `${before}\n${text}`));
}
