/** The choice of who may read what one posts. */
import { t } from '../i18n';
import type { Audience } from '../model/site';

interface AudienceProps {
  /** `other`: none of these. */
  audience: Audience | 'other';
  onChange: (audience: Audience) => void;
}

export function AudienceField({ audience, onChange }: AudienceProps) {
  const choices: [Audience, string, string][] = [
    ['open', t('signUp.audience.open'), t('signUp.audience.open.hint')],
    ['presence', t('signUp.audience.presence'), t('signUp.audience.presence.hint')],
  ];
  return (
    <fieldset class="choices">
      <legend>{t('signUp.audience')}</legend>
      {choices.map(([value, text, hint]) => (
        <label key={value} class={audience === value ? 'choice is-on' : 'choice'}>
          <input
            type="radio"
            name="audience"
            value={value}
            checked={audience === value}
            onChange={() => onChange(value)}
          />
          <span>
            <strong>{text}</strong>
            <span class="hint">{hint}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}
