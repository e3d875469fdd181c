/** Whether somebody is there: as a dot at their picture, and in words. */
import { ago, t } from '../i18n';
import type { Availability } from '../model/presences';
import { Signal } from '../model/signal';
import type { Show } from '../xmpp/presence';
import { isOpenToUs } from '../xmpp/roster';
import { Avatar } from './Avatar';
import { useCalmSignal, useClient, useLink, useSignal } from './hooks';
import { useContact } from './people-hooks';

const NOBODY: Availability = { show: undefined, status: undefined, since: undefined };
const NEVER = new Signal(0);

/** How somebody is there; drawn again with every change. */
export function useAvailability(jid: string): Availability {
  const presences = useSignal(useClient().contacts)?.presences;
  useCalmSignal(presences?.changes ?? NEVER);
  return presences?.of(jid) ?? NOBODY;
}

export function showText(show: Show | undefined): string {
  switch (show) {
    case 'available':
      return t('presence.available');
    case 'away':
      return t('presence.away');
    case 'dnd':
      return t('presence.dnd');
    case undefined:
      return t('presence.offline');
  }
}

/** In one line: how they are there, in their own words, and when they last were. */
export function availabilityText({ show, status, since }: Availability, now: number): string {
  const presence = showText(show);
  if (status !== undefined) return t('presence.withStatus', { presence, status });
  if (show !== undefined || since === undefined) return presence;
  return t('presence.since', { time: ago(since, now) });
}

/**
 * Nobody learns of strangers whether they are there, and nothing is learnt without a connection;
 * so nothing is said of it.
 */
export function useVisible(jid: string): Availability | undefined {
  const availability = useAvailability(jid);
  const contact = useContact(jid);
  const isOnline = useLink() !== undefined;
  return isOnline && contact && isOpenToUs(contact) ? availability : undefined;
}

/** The dot is decoration: the words stand beside it. */
export function PresenceDot({ show }: { show: Show | undefined }) {
  return <span class={`dot is-${show ?? 'offline'}`} aria-hidden="true" />;
}

interface Props {
  jid: string;
  size: 'small' | 'normal';
  /** Undefined: that is not ours to know. */
  availability: Availability | undefined;
}

export function AvatarWithPresence({ jid, size, availability }: Props) {
  return (
    <span class="with-dot">
      <Avatar jid={jid} size={size} />
      {availability && <PresenceDot show={availability.show} />}
    </span>
  );
}
