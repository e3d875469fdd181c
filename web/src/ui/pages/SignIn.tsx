/** Signing in with name and password. */
import { useState } from 'preact/hooks';
import { signInErrorText } from '../../i18n/errors';
import { t } from '../../i18n';
import { preparePassword } from '../../model/password';
import { paths, publicPage, type Route } from '../../model/route';
import { jidOf } from '../../xmpp/jid';
import { AuthFrame } from '../AuthFrame';
import { PasswordField, TextField } from '../fields';
import { useClient, useSignal } from '../hooks';
import { A } from '../router';

/** `wanted`: the page that the visitor came for, where it is another one. */
export function SignIn({ wanted }: { wanted?: Route }) {
  const { registration } = useClient().site;
  const page = wanted && publicPage(wanted);
  return (
    <AuthFrame title={t('signIn.title')}>
      {wanted && wanted.page !== 'sign-in' && (
        <p class="note">
          {t('signIn.needed')} {page !== undefined && <a href={page}>{t('signIn.publicPage')}</a>}
        </p>
      )}
      <SignInForm />
      {registration !== 'closed' && (
        <p class="auth-other">
          {t('signIn.other')} <A to={paths.signUp}>{t('landing.signUp')}</A>
        </p>
      )}
    </AuthFrame>
  );
}

export function SignInForm() {
  const client = useClient();
  const { domain } = client.site;
  const state = useSignal(client.session.state);
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const isBusy = state.kind !== 'signed-out';
  const failure = state.kind === 'signed-out' ? state.failure : undefined;
  const isExpired = state.kind === 'signed-out' && state.tried === 'token';
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (name.trim() === '' || password === '') return;
        client.signIn(jidOf(name.trim(), domain), preparePassword(password));
      }}
    >
      {failure && (
        <p class="form-error" role="alert">
          {isExpired && failure.kind === 'refused'
            ? t('error.signIn.expired')
            : signInErrorText(failure, domain)}
        </p>
      )}
      <TextField
        id="username"
        label={t('auth.name')}
        value={name}
        onInput={setName}
        autocomplete="username"
        suffix={name.includes('@') ? '' : `@${domain}`}
        isCode
        isFocused
      />
      <PasswordField
        id="password"
        label={t('auth.password')}
        value={password}
        onInput={setPassword}
        autocomplete="current-password"
      />
      <button type="submit" class="primary wide" disabled={isBusy}>
        {isBusy ? t('signIn.busy') : t('signIn.submit')}
      </button>
    </form>
  );
}
