/** Whether strangers' first messages wait. The change counts at once. */
import { useEffect, useState } from 'preact/hooks';
import { errorText } from '../../i18n/errors';
import { t } from '../../i18n';
import { changeStrangersWait, fetchStrangersWait } from '../../xmpp/message-requests';
import { CheckBox } from '../CheckBox';
import { useLink, useTask } from '../hooks';
import { toast } from '../toasts';

export function StrangersForm() {
  const link = useLink();
  const { busy, error, run } = useTask();
  const [isWaiting, setWaiting] = useState<boolean | undefined>(undefined);
  useEffect(() => {
    if (!link) return;
    void fetchStrangersWait(link).then(setWaiting, () => undefined);
  }, [link]);
  // Nothing is offered before it is known what holds now.
  if (isWaiting === undefined) return null;
  const change = async (next: boolean) => {
    if (!link) return;
    await changeStrangersWait(link, next);
    setWaiting(next);
    toast(t('settings.saved'));
  };
  return (
    <section>
      <h2>{t('strangers.setting')}</h2>
      <CheckBox
        label={t('strangers.setting.label')}
        hint={t('strangers.setting.hint')}
        checked={isWaiting}
        disabled={busy || !link}
        onChange={(next) => void run(() => change(next))}
      />
      {error !== undefined && (
        <p class="form-error" role="alert">
          {errorText(error)}
        </p>
      )}
    </section>
  );
}
