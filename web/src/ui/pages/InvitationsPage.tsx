/** Invitations: make a link, hand it on, see which still stand, take one back. */
import { useCallback, useEffect, useState } from 'preact/hooks';
import { errorText } from '../../i18n/errors';
import { ago, dateOnly, plural, t } from '../../i18n';
import { StanzaError } from '../../xmpp/errors';
import {
  createInvite,
  fetchInvites,
  revokeInvite,
  type Invite,
  type NewInvite,
} from '../../xmpp/invites';
import { useClient, useLink, useNow, useTask } from '../hooks';
import { Icon } from '../icons';
import { PageHead } from '../PageHead';
import { PeopleTabs } from '../PeopleTabs';
import { QrCode } from '../QrCode';
import { toast } from '../toasts';
import '../../styles/invitations.css';

const USES = [1, 5, 20] as const;
const DAYS = [1, 7, 30] as const;

export function InvitationsPage() {
  const link = useLink();
  const [invites, setInvites] = useState<Invite[] | undefined>(undefined);
  const load = useCallback(async () => {
    if (!link) return;
    // A server without invitations says so when one is to be made.
    setInvites(await fetchInvites(link).catch(() => undefined));
  }, [link]);
  useEffect(() => void load(), [load]);
  return (
    <>
      <PageHead title={t('invites.title')} subtitle={t('invites.subtitle')} />
      <PeopleTabs />
      <div class="settings">
        <Making onMade={() => void load()} />
        {invites && <Open invites={invites} onChange={load} />}
      </div>
    </>
  );
}

function Making({ onMade }: { onMade: () => void }) {
  const link = useLink();
  const { busy, error, run } = useTask();
  const [uses, setUses] = useState<number>(USES[0]);
  const [days, setDays] = useState<number>(DAYS[1]);
  const [made, setMade] = useState<NewInvite | undefined>(undefined);
  const make = async () => {
    if (!link) return;
    setMade(await createInvite(link, { uses, days }));
    onMade();
  };
  return (
    <section>
      <p>{t('invites.text')}</p>
      <form
        class="invite-form"
        onSubmit={(event) => {
          event.preventDefault();
          void run(make);
        }}
      >
        <label>
          {t('invites.uses')}
          <select
            class="select"
            value={uses}
            onChange={(event) => setUses(Number(event.currentTarget.value))}
          >
            {USES.map((count) => (
              <option key={count} value={count}>
                {plural('invites.uses.count', count)}
              </option>
            ))}
          </select>
        </label>
        <label>
          {t('invites.days')}
          <select
            class="select"
            value={days}
            onChange={(event) => setDays(Number(event.currentTarget.value))}
          >
            {DAYS.map((count) => (
              <option key={count} value={count}>
                {plural('invites.days.count', count)}
              </option>
            ))}
          </select>
        </label>
        <button type="submit" class="primary" disabled={busy || !link}>
          {busy ? t('invites.making') : t('invites.make')}
        </button>
      </form>
      {error !== undefined && (
        <p class="form-error" role="alert">
          {refusalText(error)}
        </p>
      )}
      {made && <Made key={made.id} made={made} />}
    </section>
  );
}

function refusalText(error: unknown): string {
  const isRefused =
    error instanceof StanzaError && ['not-allowed', 'forbidden'].includes(error.condition);
  return isRefused ? t('invites.refused') : errorText(error);
}

function Made({ made }: { made: NewInvite }) {
  const { domain } = useClient().site;
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(made.uri);
      toast(t('invites.copied'));
    } catch {
      // Pages that came over plain HTTP have no clipboard; the text is marked to be copied by hand.
      document.querySelector<HTMLInputElement>('#invite-link')?.select();
    }
  };
  const canShare = 'share' in navigator;
  return (
    <div class="invite-made">
      <QrCode text={made.uri} label={t('invites.qr')} />
      <div class="invite-link">
        <label for="invite-link">{t('invites.link')}</label>
        <input
          id="invite-link"
          class="plain-input"
          readOnly
          value={made.uri}
          onFocus={(event) => event.currentTarget.select()}
        />
        <p class="hint">
          {t('invites.once')}{' '}
          {made.expires !== undefined && t('invites.until', { date: dateOnly(made.expires) })}
        </p>
        <div class="invite-actions">
          <button type="button" class="primary" onClick={() => void copy()}>
            <Icon name="link" />
            {t('invites.copy')}
          </button>
          {canShare && (
            <button
              type="button"
              onClick={() => {
                const text = t('invites.shareText', { domain });
                // Closing the system's own window is no failure.
                void navigator.share({ text, url: made.uri }).catch(() => undefined);
              }}
            >
              {t('invites.share')}
            </button>
          )}
        </div>
      </div>
    </div>
  );
}

interface OpenProps {
  invites: readonly Invite[];
  onChange: () => Promise<void>;
}

function Open({ invites, onChange }: OpenProps) {
  const link = useLink();
  const now = useNow();
  const revoke = async (invite: Invite) => {
    if (!link) return;
    try {
      await revokeInvite(link, invite.id);
      toast(t('invites.revoked'));
    } catch (error) {
      toast(errorText(error), 'error');
    }
    await onChange();
  };
  return (
    <section>
      <h2>{t('invites.open')}</h2>
      {invites.length === 0 && <p class="note">{t('invites.none')}</p>}
      <ul class="devices">
        {invites.map((invite) => {
          const time = invite.created === undefined ? '' : ago(invite.created, now);
          return (
            <li key={invite.id}>
              <Icon name="invite" />
              <span class="device-text">
                <strong>{t('invites.used', { used: invite.used, uses: invite.uses })}</strong>
                <span class="hint">
                  {[
                    time === '' ? undefined : t('invites.made', { time }),
                    invite.expires === undefined
                      ? undefined
                      : t('invites.until', { date: dateOnly(invite.expires) }),
                  ]
                    .filter((part) => part !== undefined)
                    .join(' · ')}
                </span>
              </span>
              <button
                type="button"
                class="quiet"
                disabled={!link}
                aria-label={t('invites.revokeLabel', { time })}
                onClick={() => void revoke(invite)}
              >
                {t('invites.revoke')}
              </button>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
