/** Where one is seen: in the public stream, and by who searches. Each change counts at once. */
import { useEffect, useState } from 'preact/hooks';
import { errorText } from '../../i18n/errors';
import { t } from '../../i18n';
import { changeChoice, fetchChoice, type Choice } from '../../xmpp/choice';
import { CheckBox } from '../CheckBox';
import { useLink, useTask } from '../hooks';
import { toast } from '../toasts';

export function ChoiceForm() {
  const link = useLink();
  const { busy, error, run } = useTask();
  const [choice, setChoice] = useState<Choice | undefined>(undefined);
  useEffect(() => {
    if (!link) return;
    void fetchChoice(link).then(setChoice, () => undefined);
  }, [link]);
  // Nothing is offered before it is known what holds now.
  if (choice === undefined) return null;
  const change = async (next: Choice) => {
    if (!link) return;
    await changeChoice(link, next);
    setChoice(next);
    toast(t('settings.saved'));
  };
  const boxes: [keyof Choice, string, string][] = [
    ['inStream', t('settings.choice.stream'), t('settings.choice.stream.hint')],
    ['inSearch', t('settings.choice.search'), t('settings.choice.search.hint')],
  ];
  return (
    <section>
      <h2>{t('settings.choice')}</h2>
      {boxes.map(([name, label, hint]) => (
        <CheckBox
          key={name}
          label={label}
          hint={hint}
          checked={choice[name]}
          disabled={busy || !link}
          onChange={(checked) => void run(() => change({ ...choice, [name]: checked }))}
        />
      ))}
      {error !== undefined && (
        <p class="form-error" role="alert">
          {errorText(error)}
        </p>
      )}
    </section>
  );
}
