/** Addresses without reloading: the History API, links that use it, and the place on the page. */
import type { ComponentChildren } from 'preact';
import { useLayoutEffect } from 'preact/hooks';
import { parseRoute, type Route } from '../model/route';
import { Signal } from '../model/signal';
import { useSignal } from './hooks';

interface Place {
  path: string;
  /** How far down the page was when it was left. */
  scroll: number;
}

const place = new Signal<Place>({ path: location.pathname, scroll: 0 });

/** Begins to follow the browser's back and forward buttons. */
export function startRouter(): void {
  history.scrollRestoration = 'manual';
  addEventListener('popstate', (event) => {
    const state = event.state as { scroll?: number } | null;
    place.set({ path: location.pathname, scroll: state?.scroll ?? 0 });
  });
}

/** Whether the reader came here from another page of the client. */
export function hasNavigated(): boolean {
  return isElsewhere;
}

let isElsewhere = false;

export function navigate(path: string, how: 'push' | 'replace' = 'push'): void {
  isElsewhere = true;
  if (how === 'push') {
    history.replaceState({ scroll: scrollY }, '');
    history.pushState({}, '', path);
  } else {
    history.replaceState({}, '', path);
  }
  place.set({ path: location.pathname, scroll: 0 });
}

export function useRoute(): { route: Route; path: string } {
  const { path } = useSignal(place);
  return { route: parseRoute(path), path };
}

/** Puts the page where it was left, once what stands there is drawn. */
export function useScroll(): void {
  const { path, scroll } = useSignal(place);
  useLayoutEffect(() => scrollTo(0, scroll), [path, scroll]);
}

interface LinkProps {
  to: string;
  children: ComponentChildren;
  class?: string;
  tabIndex?: number;
  'aria-label'?: string;
  'aria-hidden'?: 'true';
}

/** A link within the client; opens in a new tab as any other link does. */
export function A({ to, children, ...rest }: LinkProps) {
  const isHere = useSignal(place).path === to;
  return (
    <a
      href={to}
      aria-current={isHere ? 'page' : undefined}
      {...rest}
      onClick={(event) => {
        const isPlain =
          event.button === 0 &&
          !event.metaKey &&
          !event.ctrlKey &&
          !event.shiftKey &&
          !event.altKey;
        if (!isPlain) return;
        event.preventDefault();
        if (isHere) scrollTo({ top: 0, behavior: 'smooth' });
        else navigate(to);
      }}
    >
      {children}
    </a>
  );
}
