/** One's own profile, devices, password, and the way out. */
import { useEffect, useState } from 'preact/hooks';
import { errorText } from '../../i18n/errors';
import { t } from '../../i18n';
import { paths } from '../../model/route';
import { localpart } from '../../xmpp/jid';
import { fetchAbout, fetchNick, publishAbout, publishNick } from '../../xmpp/social';
import { TextField } from '../fields';
import { useAccount, useClient, useLink, useTask } from '../hooks';
import { PageHead } from '../PageHead';
import { Icon, type IconName } from '../icons';
import { StatusButton } from '../StatusForm';
import { A, navigate } from '../router';
import { ShortcutTable } from '../ShortcutSheet';
import { toast } from '../toasts';
import { AppearanceForm } from './AppearanceForm';
import { AudienceForm } from './AudienceForm';
import { BlockedList } from './BlockedList';
import { ChoiceForm } from './ChoiceForm';
import { DeleteAccount } from './DeleteAccount';
import { Devices } from './Devices';
import { PasswordForm } from './PasswordForm';
import { StrangersForm } from './StrangersForm';
import { PushForm } from './PushForm';

export function Settings() {
  return (
    <>
      <PageHead title={t('settings.title')}>
        <StatusButton />
      </PageHead>
      <div class="settings">
        <ProfileForm />
        <AudienceForm />
        <ChoiceForm />
        <StrangersForm />
        <PushForm />
        <AppearanceForm />
        <Address />
        <Devices />
        <PasswordForm />
        <BlockedList />
        <More />
        <Keyboard />
        <SignOut />
        <DeleteAccount />
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

function More() {
  const places: [string, IconName, string, string][] = [
    [paths.invitations, 'invite', t('more.invitations'), t('more.invitations.text')],
    [paths.console, 'console', t('more.console'), t('more.console.text')],
  ];
  return (
    <section>
      <h2>{t('more.title')}</h2>
      <ul class="devices">
        {places.map(([to, icon, title, text]) => (
          <li key={to}>
            <Icon name={icon} />
            <A to={to} class="device-text">
              <strong>{title}</strong>
              <span class="hint">{text}</span>
            </A>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Keyboard() {
  return (
    <section class="wide-only">
      <h2>{t('keys.title')}</h2>
      <ShortcutTable />
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
