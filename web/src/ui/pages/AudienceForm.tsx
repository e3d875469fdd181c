/** Who may read one's posts, to be changed at any time. */
import { useEffect, useState } from 'preact/hooks';
import { errorText } from '../../i18n/errors';
import { t } from '../../i18n';
import type { Audience } from '../../model/site';
import { changeAudience, fetchAudience } from '../../xmpp/audience';
import { AudienceField } from '../AudienceField';
import { useLink, useTask } from '../hooks';
import { toast } from '../toasts';

export function AudienceForm() {
  const link = useLink();
  const { busy, error, run } = useTask();
  const [saved, setSaved] = useState<Audience | 'other' | undefined>(undefined);
  const [chosen, setChosen] = useState<Audience | undefined>(undefined);
  useEffect(() => {
    if (!link) return;
    void fetchAudience(link).then(setSaved, () => undefined);
  }, [link]);
  const audience = chosen ?? saved;
  // Nothing is offered before it is known what holds now.
  if (audience === undefined) return null;
  const save = async () => {
    if (!link || audience === 'other') return;
    await changeAudience(link, audience);
    setSaved(audience);
    toast(t('settings.saved'));
  };
  return (
    <section>
      <h2>{t('settings.audience')}</h2>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void run(save);
        }}
      >
        {audience === 'other' && <p class="note">{t('settings.audience.other')}</p>}
        <AudienceField audience={audience} onChange={setChosen} />
        <p class="hint">{t('settings.audience.text')}</p>
        {error !== undefined && (
          <p class="form-error" role="alert">
            {errorText(error)}
          </p>
        )}
        <button type="submit" class="primary" disabled={busy || !link || audience === saved}>
          {t('settings.save')}
        </button>
      </form>
    </section>
  );
}
