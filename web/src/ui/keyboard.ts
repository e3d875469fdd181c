/** Single keys for what is done often; never while somebody types. */
import { useEffect } from 'preact/hooks';
import { openComposer } from './Composer';

export function useKeyboard(): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (document.querySelector('dialog[open]')) return;
      switch (event.key) {
        case 'n':
          event.preventDefault();
          openComposer();
          return;
        case 'j':
          step(1);
          return;
        case 'k':
          step(-1);
          return;
        case '.':
          document.querySelector<HTMLElement>('[data-action=show-new]')?.click();
          return;
      }
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('input, textarea, select') !== null;
}

/** Moves the focus to the next or previous post. */
function step(direction: 1 | -1): void {
  const posts = [...document.querySelectorAll<HTMLElement>('.feed > .post')];
  const current = posts.findIndex((post) => post.contains(document.activeElement));
  const index = current < 0 ? 0 : current + direction;
  const post = posts[Math.max(0, Math.min(posts.length - 1, index))];
  post?.focus({ preventScroll: true });
  post?.scrollIntoView({ block: 'center' });
}
