/** One's own profile, devices, password, and the way out. */
import { useEffect, useState } from 'preact/hooks';
import { errorText } from '../../i18n/errors';
import { t } from '../../i18n';
import { localpart } from '../../xmpp/jid';
import { fetchAbout, fetchNick, publishAbout, publishNick } from '../../xmpp/social';
import { TextField } from '../fields';
import { useAccount, useClient, useLink, useTask } from '../hooks';
import { PageHead } from '../PageHead';
import { navigate } from '../router';
import { toast } from '../toasts';
import { AudienceForm } from './AudienceForm';
import { Devices } from './Devices';
import { PasswordForm } from './PasswordForm';

export function Settings() {
  return (
    <>
      <PageHead title={t('settings.title')} />
      <div class="settings">
        <ProfileForm />
        <AudienceForm />
        <Address />
        <Devices />
        <PasswordForm />
        <Keyboard />
        <SignOut />
      </div>
    </>
  );
}

function ProfileForm() {
  const account = useAccount();
  const { names } = useClient();
  const link = useLink();
  const { busy, error, run } = useTask();
  const [name, setName] = useState('');
  const [about, setAbout] = useState('');
  const [isTouched, setTouched] = useState(false);
  useEffect(() => {
    if (!link || isTouched) return;
    void Promise.allSettled([fetchNick(link, account), fetchAbout(link, account)]).then(
      ([nick, note]) => {
        if (nick.status === 'fulfilled') setName(nick.value ?? '');
        if (note.status === 'fulfilled') setAbout(note.value ?? '');
      },
    );
    // Once, when the connection is there; what was typed meanwhile stays.
  }, [link, account]);
  const save = async () => {
    if (!link) return;
    await publishNick(link, name.trim() || localpart(account));
    await publishAbout(link, about.trim());
    names.learn(account, name.trim() || localpart(account));
    toast(t('settings.saved'));
  };
  return (
    <section>
      <h2>{t('settings.profile')}</h2>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void run(save);
        }}
      >
        <TextField
          id="display-name"
          label={t('settings.displayName')}
          value={name}
          autocomplete="nickname"
          maxLength={60}
          onInput={(value) => {
            setTouched(true);
            setName(value);
          }}
        />
        <div class="field">
          <label for="about">{t('settings.about')}</label>
          <textarea
            id="about"
            rows={3}
            maxLength={500}
            value={about}
            onInput={(event) => {
              setTouched(true);
              setAbout(event.currentTarget.value);
            }}
          />
        </div>
        {error !== undefined && (
          <p class="form-error" role="alert">
            {errorText(error)}
          </p>
        )}
        <button type="submit" class="primary" disabled={busy || !link}>
          {t('settings.save')}
        </button>
      </form>
    </section>
  );
}

function Address() {
  return (
    <section>
      <h2>{t('settings.address')}</h2>
      <p>
        <code>{useAccount()}</code>
      </p>
      <p class="hint">{t('settings.address.text')}</p>
    </section>
  );
}

function Keyboard() {
  const keys: [string, string][] = [
    ['N', t('settings.keys.write')],
    ['J', t('settings.keys.next')],
    ['K', t('settings.keys.previous')],
    ['.', t('settings.keys.new')],
  ];
  return (
    <section class="wide-only">
      <h2>{t('settings.keys')}</h2>
      <dl class="keys">
        {keys.map(([key, text]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function SignOut() {
  const client = useClient();
  const [isBusy, setBusy] = useState(false);
  return (
    <section>
      <button
        type="button"
        class="danger"
        disabled={isBusy}
        onClick={() => {
          setBusy(true);
          void client.signOut().then(() => navigate('/', 'replace'));
        }}
      >
        {isBusy ? t('settings.signingOut') : t('settings.signOut')}
      </button>
    </section>
  );
}
