/** Making an account, with or without a token. */
import { useState } from 'preact/hooks';
import { signInErrorText, signUpErrorText } from '../../i18n/errors';
import { plural, t } from '../../i18n';
import { preparePassword, SHORTEST_PASSWORD } from '../../model/password';
import { paths, type Route } from '../../model/route';
import type { Audience } from '../../model/site';
import { lengthOf } from '../../model/text';
import { localpart } from '../../xmpp/jid';
import { AudienceField } from '../AudienceField';
import { AuthFrame } from '../AuthFrame';
import { PasswordField, TextField } from '../fields';
import { useAccount, useClient, useSignal } from '../hooks';
import { A, navigate } from '../router';

type SignUpRoute = Extract<Route, { page: 'sign-up' }>;

const FORBIDDEN = /[\s"&'/:<>@]/;

export function SignUp({ route }: { route: SignUpRoute }) {
  const { domain, registration } = useClient().site;
  const account = useAccount();
  const [isMade, setMade] = useState(false);
  const isOpen =
    route.token !== undefined || registration === 'open' || registration === 'approval';
  const title = route.kind === 'welcome' ? t('signUp.title.welcome') : t('signUp.title');
  if (isMade) return <Made title={title} />;
  return (
    <AuthFrame title={title}>
      {account === '' ? (
        <>
          <Introduction route={route} />
          {isOpen ? (
            <SignUpForm token={route.token} onMade={() => setMade(true)} />
          ) : (
            <p class="note">
              {registration === 'closed'
                ? t('signUp.closed', { domain })
                : t('signUp.inviteOnly', { domain })}
            </p>
          )}
          <p class="auth-other">
            {t('signUp.other')} <A to={paths.signIn}>{t('landing.signIn')}</A>
          </p>
        </>
      ) : (
        <>
          <p>{t('signUp.signedIn', { name: localpart(account) })}</p>
          <A to={paths.home} class="button primary">
            {t('missing.home')}
          </A>
        </>
      )}
    </AuthFrame>
  );
}

/** The account exists; signing in follows by itself, unless somebody has yet to agree. */
export function Made({ title }: { title: string }) {
  const { session, site } = useClient();
  const state = useSignal(session.state);
  const failure = state.kind === 'signed-out' ? state.failure : undefined;
  const isPending = failure?.kind === 'refused' && failure.condition === 'account-disabled';
  return (
    <AuthFrame title={title}>
      {failure ? (
        <>
          <p role="alert">
            {isPending ? t('signUp.pending') : signInErrorText(failure, site.domain)}
          </p>
          <A to={paths.signIn} class="button">
            {t('landing.signIn')}
          </A>
        </>
      ) : (
        <p role="status">{t('signUp.busy')}</p>
      )}
    </AuthFrame>
  );
}

function Introduction({ route }: { route: SignUpRoute }) {
  const { domain, registration } = useClient().site;
  if (route.kind === 'welcome') return <p>{t('signUp.text.welcome', { domain })}</p>;
  return registration === 'approval' ? <p>{t('signUp.approval')}</p> : null;
}

type Problem = { field: 'name' | 'password' | 'form'; text: string };

function findProblem(name: string, password: string): Problem | undefined {
  if (name === '') return { field: 'name', text: t('error.name.empty') };
  if (FORBIDDEN.test(name)) return { field: 'name', text: t('error.name.characters') };
  if (lengthOf(password) < SHORTEST_PASSWORD) {
    return { field: 'password', text: plural('error.password.short', SHORTEST_PASSWORD) };
  }
  return undefined;
}

interface FormProps {
  token: string | undefined;
  onMade: () => void;
  /** Name and password alone; who reads one's posts is as the server presets, and can be changed. */
  isShort?: boolean;
  /** A name to begin with. */
  given?: string | undefined;
}

export function SignUpForm({ token, onMade, isShort, given }: FormProps) {
  const client = useClient();
  const { domain, audience: preset } = client.site;
  const [name, setName] = useState(given ?? '');
  const [password, setPassword] = useState('');
  const [audience, setAudience] = useState<Audience>(preset);
  const [problem, setProblem] = useState<Problem | undefined>(undefined);
  const [phase, setPhase] = useState<'form' | 'busy' | 'working'>('form');

  const submit = async () => {
    const wanted = name.trim().toLowerCase();
    const found = findProblem(wanted, password);
    setProblem(found);
    if (found) return;
    setPhase('busy');
    const secret = preparePassword(password);
    try {
      // Only here: most visitors never need what makes accounts.
      const { register } = await import('../../xmpp/register');
      const wish = { name: wanted, password: secret, audience, token };
      await register(client.site.socket, domain, wish, () => setPhase('working'));
    } catch (error) {
      setProblem({ field: 'form', text: signUpErrorText(error) });
      setPhase('form');
      return;
    }
    onMade();
    // The token has served; an address without it leads home once the connection is there.
    navigate(paths.signUp, 'replace');
    client.signIn(`${wanted}@${domain}`, secret);
  };
  const isBusy = phase !== 'form';
  const problemOf = (field: Problem['field']) =>
    problem?.field === field ? problem.text : undefined;
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      {problem?.field === 'form' && (
        <p class="form-error" role="alert">
          {problem.text}
        </p>
      )}
      <TextField
        id="username"
        label={t('auth.name')}
        value={name}
        onInput={setName}
        autocomplete="username"
        suffix={`@${domain}`}
        isCode
        isFocused
        maxLength={60}
        error={problemOf('name')}
        hint={
          name.trim() === ''
            ? t('auth.name.hint')
            : t('auth.name.address', { address: `${name.trim().toLowerCase()}@${domain}` })
        }
      />
      <PasswordField
        id="password"
        label={t('auth.password')}
        value={password}
        onInput={setPassword}
        autocomplete="new-password"
        error={problemOf('password')}
        hint={t('auth.password.hint', { count: SHORTEST_PASSWORD })}
      />
      {isShort !== true && <AudienceField audience={audience} onChange={setAudience} />}
      <button type="submit" class="primary wide" disabled={isBusy}>
        {isBusy ? t('signUp.busy') : t('signUp.submit')}
      </button>
      {phase === 'working' && (
        <p class="note" role="status">
          {t('signUp.working')}
        </p>
      )}
    </form>
  );
}
