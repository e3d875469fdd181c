/** Ties the model to components. */
import { createContext } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';
import type { Client } from '../model/client';
import type { Feed, FeedSource, FeedState } from '../model/feed';
import { Signal } from '../model/signal';
import type { Link } from '../xmpp/link';

export const ClientContext = createContext<Client | undefined>(undefined);

export function useClient(): Client {
  const client = useContext(ClientContext);
  if (!client) throw new Error('no client around this component');
  return client;
}

/** The signal's value; draws again whenever it changes. */
export function useSignal<T>(signal: Signal<T>): T {
  const [, draw] = useState({});
  const drawn = signal.value;
  useEffect(() => {
    const stop = signal.subscribe(() => draw({}));
    // It may have changed between drawing and subscribing.
    if (!Object.is(drawn, signal.value)) draw({});
    return stop;
  }, [signal]);
  return drawn;
}

/** As `useSignal`, but draws at most once a frame, however fast the value changes. */
export function useCalmSignal<T>(signal: Signal<T>): T {
  const [, draw] = useState({});
  const drawn = signal.value;
  useEffect(() => {
    let frame = 0;
    const request = () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        draw({});
      });
    };
    const stop = signal.subscribe(request);
    if (!Object.is(drawn, signal.value)) request();
    return () => {
      cancelAnimationFrame(frame);
      stop();
    };
  }, [signal]);
  return drawn;
}

/** The present connection, if there is one. */
export function useLink(): Link | undefined {
  const state = useSignal(useClient().session.state);
  return state.kind === 'online' ? state.link : undefined;
}

/** The bare JID of who is signed in; empty while nobody is. */
export function useAccount(): string {
  const state = useSignal(useClient().session.state);
  return state.kind === 'signed-out' ? '' : state.jid;
}

/** The name to show for somebody, and the one that they gave themselves, if any. */
export function useName(jid: string, fallback: string): string {
  return useSignal(useClient().names.of(jid)) ?? fallback;
}

/** A timeline that is live as long as the component is on the screen. */
export function useFeed(source: FeedSource): [Feed, FeedState] {
  const client = useClient();
  const [feed, setFeed] = useState(() => client.peek(source));
  useEffect(() => {
    const opened = client.open(source);
    setFeed(opened);
    return () => client.release(opened);
    // The key says all about a source.
  }, [client, source.key]);
  const current = feed.source.key === source.key ? feed : client.peek(source);
  return [current, useCalmSignal(current.state)];
}

const TICK = 20_000;
const clock = new Signal(Date.now());
setInterval(() => clock.set(Date.now()), TICK);

/** The time, renewed often enough for "3 min". */
export function useNow(): number {
  return useSignal(clock);
}

/** Runs something that may fail, and says whether it is under way and what went wrong. */
export function useTask(): {
  busy: boolean;
  error: unknown;
  run: (task: () => Promise<void>) => Promise<void>;
} {
  const [state, setState] = useState<{ busy: boolean; error: unknown }>({
    busy: false,
    error: undefined,
  });
  const run = async (task: () => Promise<void>) => {
    setState({ busy: true, error: undefined });
    try {
      await task();
      setState({ busy: false, error: undefined });
    } catch (error) {
      setState({ busy: false, error });
    }
  };
  return { ...state, run };
}
