/** Form fields with their label, hint and error tied together. */
import { useState } from 'preact/hooks';
import { t } from '../i18n';
import { Icon } from './icons';

interface FieldProps {
  id: string;
  label: string;
  value: string;
  onInput: (value: string) => void;
  hint?: string | undefined;
  error?: string | undefined;
  autocomplete?: string;
  /** Shown behind the value: `@example.org`. */
  suffix?: string;
  isCode?: boolean;
  isFocused?: boolean;
  maxLength?: number;
  placeholder?: string;
}

export function TextField(props: FieldProps) {
  const { id, label, value, onInput, hint, error, autocomplete, suffix, isCode } = props;
  return (
    <div class={error === undefined ? 'field' : 'field has-error'}>
      <label for={id}>{label}</label>
      <div class="field-box">
        <input
          id={id}
          name={id}
          value={value}
          type="text"
          autocomplete={autocomplete ?? 'off'}
          autocapitalize={isCode ? 'none' : undefined}
          spellcheck={isCode ? false : undefined}
          autofocus={props.isFocused}
          maxLength={props.maxLength}
          placeholder={props.placeholder}
          aria-invalid={error !== undefined}
          aria-describedby={`${id}-note`}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
        {suffix !== undefined && <span class="suffix">{suffix}</span>}
      </div>
      <FieldNote id={id} hint={hint} error={error} />
    </div>
  );
}

export function PasswordField({
  id,
  label,
  value,
  onInput,
  hint,
  error,
  autocomplete,
}: FieldProps) {
  const [isShown, setShown] = useState(false);
  return (
    <div class={error === undefined ? 'field' : 'field has-error'}>
      <label for={id}>{label}</label>
      <div class="field-box">
        <input
          id={id}
          name={id}
          value={value}
          {...(isShown ? { type: 'text' as const } : { type: 'password' as const })}
          autocomplete={autocomplete ?? 'current-password'}
          autocapitalize="none"
          spellcheck={false}
          aria-invalid={error !== undefined}
          aria-describedby={`${id}-note`}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
        <button
          type="button"
          class={isShown ? 'quiet icon-button is-on' : 'quiet icon-button'}
          aria-label={isShown ? t('auth.password.hide') : t('auth.password.show')}
          onClick={() => setShown(!isShown)}
        >
          <Icon name="eye" />
        </button>
      </div>
      <FieldNote id={id} hint={hint} error={error} />
    </div>
  );
}

type NoteProps = { id: string; hint: string | undefined; error: string | undefined };

function FieldNote({ id, hint, error }: NoteProps) {
  const text = error ?? hint;
  return (
    <p id={`${id}-note`} class={error === undefined ? 'hint' : 'field-error'}>
      {text}
    </p>
  );
}
