/** Who began the thread on the screen, as far as it is known; and whom an answer mentions. */
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Post } from '../xmpp/atom';
import { handleOf } from '../xmpp/jid';

/** Bare JID; undefined outside threads. */
export const ThreadRoot = createContext<string | undefined>(undefined);

export function useThreadRoot(): string | undefined {
  return useContext(ThreadRoot);
}

/** Whether one keeps order where the posts on the screen stand. */
export const KeepsOrder = createContext(false);

export function useKeepsOrder(): boolean {
  return useContext(KeepsOrder);
}

interface Around {
  account: string;
  root: string | undefined;
  domain: string;
}

/** The mention that an answer begins with: of its addressee, unless the thread is theirs. */
export function mentionOf(post: Post, { account, root, domain }: Around): string {
  const isRoot = post.place === undefined || post.author === root;
  return isRoot || post.author === account ? '' : `@${handleOf(post.author, domain)} `;
}
