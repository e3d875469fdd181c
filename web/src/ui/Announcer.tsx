/** Tells those who listen instead of looking that posts have arrived, not more often than bearable. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { plural } from '../i18n';
import { useClient, useSignal } from './hooks';

const PAUSE = 8_000;

export function Announcer() {
  const count = useSignal(useClient().arrivals);
  const announced = useRef(count);
  const [text, setText] = useState('');
  useEffect(() => {
    if (count <= announced.current) return undefined;
    const timer = setTimeout(
      () => {
        setText(plural('feed.announce', count - announced.current));
        announced.current = count;
      },
      text === '' ? 0 : PAUSE,
    );
    return () => clearTimeout(timer);
  }, [count]);
  return (
    <p class="visually-hidden" role="status" aria-live="polite">
      {text}
    </p>
  );
}
