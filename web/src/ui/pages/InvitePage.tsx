/** Where an invitation leads: who invites, and the ways in. */
import { useState } from 'preact/hooks';
import { errorText } from '../../i18n/errors';
import { t } from '../../i18n';
import { acceptInvitation } from '../../model/accept';
import { readInvitation, type Invitation } from '../../model/invitation';
import { readWanted } from '../../model/lookup';
import { paths } from '../../model/route';
import { domainpart, handleOf, localpart } from '../../xmpp/jid';
import { AuthFrame } from '../AuthFrame';
import { Avatar } from '../Avatar';
import { TextField } from '../fields';
import { useAccount, useClient, useLink, useSignal, useTask } from '../hooks';
import { QrCode } from '../QrCode';
import { A, navigate } from '../router';
import { toast } from '../toasts';
import { SignInForm } from './SignIn';
import { Made, SignUpForm } from './SignUp';
import '../../styles/invitations.css';

function metaContent(name: string): string | undefined {
  return document.querySelector<HTMLMetaElement>(`meta[name="${name}"]`)?.content;
}

type Way = 'create' | 'have' | 'elsewhere';

export function InvitePage({ token }: { token: string }) {
  const account = useAccount();
  const [invitation] = useState(() => readInvitation(metaContent));
  const [way, setWay] = useState<Way>(invitation.makesAccounts ? 'create' : 'have');
  const [isMade, setMade] = useState(false);
  const name = nameOf(invitation);
  const title = titleOf(invitation, name);
  if (isMade) return <Made title={title} />;
  return (
    <AuthFrame title={title}>
      <Who invitation={invitation} />
      {account !== '' ? (
        <Accept invitation={invitation} token={token} />
      ) : invitation.state !== 'open' ? (
        <Spent invitation={invitation} />
      ) : (
        <Ways
          way={way}
          onWay={setWay}
          invitation={invitation}
          token={token}
          onMade={() => setMade(true)}
        />
      )}
    </AuthFrame>
  );
}

function titleOf({ state, jid }: Invitation, name: string): string {
  if (jid !== undefined) return t('invited.title', { name });
  return state === 'open' ? t('invited.title.unknown') : t('invited.title.over');
}

function nameOf({ jid, name }: Invitation): string {
  return name ?? (jid === undefined ? t('invited.somebody') : localpart(jid));
}

function Who({ invitation }: { invitation: Invitation }) {
  const { domain } = useClient().site;
  const { jid } = invitation;
  const name = nameOf(invitation);
  if (jid === undefined) {
    return invitation.state === 'open' ? <p>{t('invited.text.unknown', { domain })}</p> : null;
  }
  return (
    <>
      <div class="invited-who">
        <Avatar jid={jid} size="large" fallback={name} />
        <span>
          <bdi class="name">{name}</bdi>
          <br />
          <span class="handle">{jid}</span>
        </span>
      </div>
      {invitation.state === 'open' && <p>{t('invited.text', { name, domain })}</p>}
    </>
  );
}

function Spent({ invitation }: { invitation: Invitation }) {
  const account = useAccount();
  const name = nameOf(invitation);
  const text = {
    open: t('invited.unknown'),
    used: t('invited.used', { name }),
    expired: t('invited.expired', { name }),
    revoked: t('invited.unknown'),
    unknown: t('invited.unknown'),
  }[invitation.state];
  return (
    <>
      <p class="note" role="alert">
        {text}
      </p>
      <A to={paths.home} class="button wide">
        {account === '' ? t('invited.front') : t('missing.home')}
      </A>
    </>
  );
}

interface WaysProps {
  way: Way;
  onWay: (way: Way) => void;
  invitation: Invitation;
  token: string;
  onMade: () => void;
}

function Ways({ way, onWay, invitation, token, onMade }: WaysProps) {
  const others: [Way, string][] = [
    ['create', t('invited.create')],
    ['have', t('invited.have')],
    ['elsewhere', t('invited.elsewhere')],
  ];
  return (
    <>
      {way === 'create' && (
        <SignUpForm token={token} onMade={onMade} isShort given={invitation.username} />
      )}
      {way === 'have' && <SignInForm />}
      {way === 'elsewhere' && <Elsewhere invitation={invitation} />}
      <div class="invited-ways">
        {others
          .filter(([other]) => other !== way)
          .filter(([other]) => other !== 'elsewhere' || invitation.xmpp !== undefined)
          .filter(([other]) => other !== 'create' || invitation.makesAccounts)
          .map(([other, text]) => (
            <button key={other} type="button" class="wide" onClick={() => onWay(other)}>
              {text}
            </button>
          ))}
      </div>
    </>
  );
}

/** For people who have an address on another server: their app, or that server's pages. */
function Elsewhere({ invitation }: { invitation: Invitation }) {
  const { domain } = useClient().site;
  const [address, setAddress] = useState('');
  const [checked, setChecked] = useState<string | undefined>(undefined);
  const [problem, setProblem] = useState<string | undefined>(undefined);
  const { jid, xmpp } = invitation;
  if (jid === undefined || xmpp === undefined) return null;
  const name = nameOf(invitation);
  const check = () => {
    const wanted = readWanted(address, { domain, host: location.host });
    const found =
      wanted.kind === 'address' && !address.trim().startsWith('@') ? wanted.jid : undefined;
    const isHere = found !== undefined && domainpart(found) === domain;
    setProblem(
      found === undefined
        ? t('invited.address.bad')
        : isHere
          ? t('invited.address.here')
          : undefined,
    );
    setChecked(isHere ? undefined : found);
  };
  return (
    <>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          check();
        }}
      >
        <TextField
          id="elsewhere"
          label={t('invited.address')}
          value={address}
          onInput={setAddress}
          isCode
          isFocused
          autocomplete="email"
          hint={t('invited.address.hint')}
          error={problem}
        />
        {checked === undefined && (
          <button type="submit" class="primary wide">
            {t('invited.elsewhere.go')}
          </button>
        )}
      </form>
      {checked !== undefined && (
        <div class="invited-app">
          <a href={xmpp} class="button primary wide">
            {t('invited.open')}
          </a>
          <p class="hint breakable">{t('invited.open.text', { name, address: jid })}</p>
          <QrCode text={xmpp} label={t('invites.qr')} />
          <a
            class="button wide"
            rel="noopener noreferrer"
            href={`https://${domainpart(checked)}/app/@${encodeURIComponent(localpart(jid))}@${domain}`}
          >
            {t('invited.web', { name, domain: domainpart(checked) })}
          </a>
          <p class="hint">{t('invited.web.text', { domain: domainpart(checked) })}</p>
        </div>
      )}
    </>
  );
}

/** Somebody who is signed in already. */
function Accept({ invitation, token }: { invitation: Invitation; token: string }) {
  const client = useClient();
  const account = useAccount();
  const link = useLink();
  const contacts = useSignal(client.contacts);
  const { busy, error, run } = useTask();
  const { jid } = invitation;
  const name = nameOf(invitation);
  if (jid === account) return <p class="note">{t('invited.own')}</p>;
  // Where nobody says who invites, nobody can be added.
  if (jid === undefined || invitation.state !== 'open') return <Spent invitation={invitation} />;
  const accept = async () => {
    if (!link || !contacts) return;
    await acceptInvitation(link, { contacts, follows: client.follows }, { jid, token });
    toast(t('invited.accepted', { name }));
    navigate(paths.profile(handleOf(jid, client.site.domain)), 'replace');
  };
  return (
    <>
      <p>{t('invited.signedIn', { name: localpart(account) })}</p>
      {error !== undefined && (
        <p class="form-error" role="alert">
          {errorText(error)}
        </p>
      )}
      <button
        type="button"
        class="primary wide"
        disabled={busy || !link}
        onClick={() => void run(accept)}
      >
        {busy ? t('invited.accepting') : t('invited.accept')}
      </button>
      <div class="invited-ways">
        <A to={paths.home} class="button quiet">
          {t('missing.home')}
        </A>
      </div>
    </>
  );
}
