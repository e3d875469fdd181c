/** Says that the connection is lost, when it is tried again, and that it is back. */
import { useEffect, useState } from 'preact/hooks';
import { t } from '../i18n';
import { useClient, useSignal } from './hooks';
import { toast } from './toasts';

/** A blink of the network is nobody's business. */
const GRACE = 1_500;

export function ConnectionBanner() {
  const { session } = useClient();
  const state = useSignal(session.state);
  const isLost = state.kind === 'waiting' || (state.kind === 'connecting' && !state.isFirst);
  const [isShown, setShown] = useState(false);
  useEffect(() => {
    if (!isLost) {
      setShown((wasShown) => {
        if (wasShown) toast(t('connection.back'));
        return false;
      });
      return undefined;
    }
    const timer = setTimeout(() => setShown(true), GRACE);
    return () => clearTimeout(timer);
  }, [isLost]);
  if (!isShown || !isLost) return null;
  return (
    <div class="banner" role="status">
      <span class="pulse" aria-hidden="true" />
      {state.kind === 'waiting' ? <Countdown until={state.retryAt} /> : t('connection.connecting')}
      {state.kind === 'waiting' && (
        <button type="button" class="link" onClick={() => session.nudge()}>
          {t('connection.now')}
        </button>
      )}
    </div>
  );
}

function Countdown({ until }: { until: number }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.max(1, Math.ceil((until - now) / 1_000));
  // Read out once, not every second.
  return <span aria-live="off">{t('connection.waiting', { count: seconds })}</span>;
}
