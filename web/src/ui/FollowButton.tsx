/** Follow, unfollow, or take back a request. */
import { errorText } from '../i18n/errors';
import { t } from '../i18n';
import { useAccount, useClient, useLink, useSignal } from './hooks';
import { toast } from './toasts';

export function FollowButton({ jid, name }: { jid: string; name: string }) {
  const { follows } = useClient();
  const states = useSignal(follows.state);
  const account = useAccount();
  const link = useLink();
  if (!states || jid === account) return null;

  const state = states.get(jid);
  const change = async () => {
    if (!link) return;
    try {
      if (state === undefined) await follows.follow(link, jid);
      else await follows.unfollow(link, jid);
    } catch (error) {
      toast(errorText(error), 'error');
    }
  };
  const [text, label] = {
    following: [t('follow.following'), t('follow.labelUnfollow', { name })],
    requested: [t('follow.requested'), t('follow.labelRequested', { name })],
    busy: ['…', t('follow.label', { name })],
    none: [t('follow.follow'), t('follow.label', { name })],
  }[state ?? 'none'];
  return (
    <button
      type="button"
      class={state === undefined ? 'follow' : 'follow is-on'}
      aria-label={label}
      aria-pressed={state === 'following'}
      disabled={!link || state === 'busy'}
      onClick={() => void change()}
    >
      {text}
      {state === 'following' && (
        <span class="on-hover" aria-hidden="true">
          {t('follow.unfollow')}
        </span>
      )}
    </button>
  );
}
