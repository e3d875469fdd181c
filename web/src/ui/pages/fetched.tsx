/** What a page asks for, and what went wrong with it. */
import { useEffect, useState } from 'preact/hooks';
import { errorText } from '../../i18n/errors';
import type { Link } from '../../xmpp/link';
import { useLink } from '../hooks';

/** So that not every letter is a request. */
const PAUSE = 250;

/** What a request gave, asked anew whenever `again` is called or the connection comes back. */
export function useFetched<T>(
  fetch: (link: Link) => Promise<T>,
  keys: readonly unknown[],
): { value: T | undefined; error: unknown; again: () => void } {
  const link = useLink();
  const [round, setRound] = useState(0);
  const [state, setState] = useState<{ value: T | undefined; error: unknown }>({
    value: undefined,
    error: undefined,
  });
  useEffect(() => {
    if (!link) return undefined;
    let isCurrent = true;
    const timer = setTimeout(() => {
      fetch(link).then(
        (value) => isCurrent && setState({ value, error: undefined }),
        (error: unknown) => isCurrent && setState({ value: undefined, error }),
      );
    }, PAUSE);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [link, round, ...keys]);
  return { ...state, again: () => setRound((before) => before + 1) };
}

export function Failure({ error }: { error: unknown }) {
  if (error === undefined) return null;
  return (
    <p class="form-error" role="alert">
      {errorText(error)}
    </p>
  );
}
