/** Changing the password. */
import { useState } from 'preact/hooks';
import { errorText } from '../../i18n/errors';
import { plural, t } from '../../i18n';
import { preparePassword, SHORTEST_PASSWORD } from '../../model/password';
import { lengthOf } from '../../model/text';
import { localpart } from '../../xmpp/jid';
import { changePassword } from '../../xmpp/account';
import { PasswordField } from '../fields';
import { useAccount, useLink, useTask } from '../hooks';
import { toast } from '../toasts';

export function PasswordForm() {
  const link = useLink();
  const account = useAccount();
  const { busy, error, run } = useTask();
  const [password, setPassword] = useState('');
  const [isShort, setShort] = useState(false);
  const submit = () => {
    const tooShort = lengthOf(password) < SHORTEST_PASSWORD;
    setShort(tooShort);
    if (tooShort || !link) return;
    void run(async () => {
      await changePassword(link, preparePassword(password));
      setPassword('');
      toast(t('settings.password.changed'));
    });
  };
  return (
    <section>
      <h2>{t('settings.password')}</h2>
      <p class="hint">{t('settings.password.text')}</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <input
          type="text"
          class="visually-hidden"
          autocomplete="username"
          value={localpart(account)}
          readOnly
          tabIndex={-1}
          aria-hidden="true"
        />
        <PasswordField
          id="new-password"
          label={t('settings.password.new')}
          value={password}
          onInput={setPassword}
          autocomplete="new-password"
          error={isShort ? plural('error.password.short', SHORTEST_PASSWORD) : undefined}
        />
        {error !== undefined && (
          <p class="form-error" role="alert">
            {errorText(error)}
          </p>
        )}
        <button type="submit" disabled={busy || !link || password === ''}>
          {t('settings.password.change')}
        </button>
      </form>
    </section>
  );
}
