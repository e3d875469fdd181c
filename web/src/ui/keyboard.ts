/** Single keys for what is done often; never while somebody types. */
import { useEffect } from 'preact/hooks';
import { paths } from '../model/route';
import { handleOf } from '../xmpp/jid';
import { openComposer } from './composing';
import { useAccount, useClient } from './hooks';
import { navigate } from './router';
import { PLACES, POST_KEYS } from './shortcuts';
import { openShortcuts } from './ShortcutSheet';

/** The second key has to follow within this time. */
const PATIENCE = 1_500;

export function useKeyboard(): void {
  const { domain } = useClient().site;
  const profile = paths.profile(handleOf(useAccount(), domain));
  useEffect(() => {
    let goingSince = -Infinity;
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (document.querySelector('dialog[open]')) return;
      const isGoing = event.timeStamp - goingSince < PATIENCE;
      goingSince = -Infinity;
      if (isGoing) {
        const place = event.key === 'u' ? profile : PLACES[event.key];
        if (place !== undefined) navigate(place);
        return;
      }
      if (event.key === 'g') goingSince = event.timeStamp;
      else if (press(event.key)) event.preventDefault();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [profile]);
}

/** Does what a key stands for; whether it stands for anything. */
function press(key: string): boolean {
  switch (key) {
    case 'n':
      openComposer();
      return true;
    case 'j':
      step(1);
      return true;
    case 'k':
      step(-1);
      return true;
    case '.':
      document.querySelector<HTMLElement>('[data-action=show-new]')?.click();
      return true;
    case '?':
      openShortcuts();
      return true;
  }
  const action = POST_KEYS[key];
  const post = document.activeElement?.closest('.post');
  if (action === undefined || !post) return false;
  post.querySelector<HTMLElement>(`[data-action=${action}]`)?.click();
  return true;
}

/** Keeps the place of the focus when the post that has it goes away: the next one gets it. */
export function holdPlace(): () => void {
  const here = document.activeElement?.closest('.post');
  const row = here?.closest('li') ?? here;
  const near = [row?.nextElementSibling, row?.previousElementSibling].map((other) =>
    other?.matches('.post') ? other : other?.querySelector('.post'),
  );
  return () => {
    if (here?.isConnected) return;
    const next = near.find((other) => other?.isConnected);
    if (next instanceof HTMLElement) next.focus({ preventScroll: true });
  };
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('input, textarea, select') !== null;
}

/** Moves the focus to the next or previous post. */
function step(direction: 1 | -1): void {
  const posts = [...document.querySelectorAll<HTMLElement>(':is(.feed, .thread) .post[tabindex]')];
  const current = posts.findIndex((post) => post.contains(document.activeElement));
  const index = current < 0 ? 0 : current + direction;
  const post = posts[Math.max(0, Math.min(posts.length - 1, index))];
  post?.focus({ preventScroll: true });
  post?.scrollIntoView({ block: 'center' });
}
