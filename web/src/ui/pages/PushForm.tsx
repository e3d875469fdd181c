/** Whether this device is told of what comes while no page is open. Permission is asked by the click alone. */
import { useState } from 'preact/hooks';
import { errorText } from '../../i18n/errors';
import { t } from '../../i18n';
import {
  NotAllowed,
  NotOffered,
  browser,
  isSupported,
  keepOnce,
  readWish,
  switchOff,
  switchOn,
} from '../../push/keep';
import { CheckBox } from '../CheckBox';
import { useAccount, useClient, useLink, useTask } from '../hooks';
import { navigate } from '../router';
import { toast } from '../toasts';

export function PushForm() {
  return (
    <section>
      <h2>{t('settings.push')}</h2>
      {isSupported() ? <Switches /> : <p class="hint">{t('settings.push.unsupported')}</p>}
    </section>
  );
}

function Switches() {
  const { session } = useClient();
  const account = useAccount();
  const link = useLink();
  const { busy, error, run } = useTask();
  const [wish, setWish] = useState(() => readWish(account, browser));
  const change = async (isOn: boolean, showsText: boolean) => {
    if (!link) return;
    try {
      await (isOn ? switchOn(link, showsText, browser) : switchOff(link, browser));
    } finally {
      setWish(readWish(account, browser));
    }
    if (isOn) keepOnce(session, navigate, browser);
    toast(t('settings.saved'));
  };
  const isDenied = Notification.permission === 'denied';
  return (
    <>
      <CheckBox
        label={t('settings.push.on')}
        hint={isDenied ? t('settings.push.denied') : t('settings.push.on.hint')}
        checked={wish !== undefined}
        disabled={busy || !link || (isDenied && !wish)}
        onChange={(isOn) => void run(() => change(isOn, wish?.showsText ?? false))}
      />
      <CheckBox
        label={t('settings.push.text')}
        hint={t('settings.push.text.hint')}
        checked={wish?.showsText ?? false}
        disabled={busy || !link || !wish}
        onChange={(showsText) => void run(() => change(true, showsText))}
      />
      {error !== undefined && (
        <p class="form-error" role="alert">
          {problem(error)}
        </p>
      )}
    </>
  );
}

function problem(error: unknown): string {
  if (error instanceof NotAllowed) return t('settings.push.denied');
  if (error instanceof NotOffered) return t('settings.push.unoffered');
  // What a browser's own push service says is for nobody.
  return error instanceof DOMException ? t('settings.push.failed') : errorText(error);
}
