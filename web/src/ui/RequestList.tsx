/** Those who want to follow and wait for an answer. */
import { t } from '../i18n';
import { paths } from '../model/route';
import type { Requests } from '../model/requests';
import { handleOf, localpart } from '../xmpp/jid';
import { Avatar } from './Avatar';
import { useClient, useLink, useName, useSignal } from './hooks';
import { A } from './router';

export function RequestList() {
  const requests = useSignal(useClient().requests);
  return requests ? <List requests={requests} /> : null;
}

function List({ requests }: { requests: Requests }) {
  const incoming = useSignal(requests.incoming);
  if (incoming.length === 0) return null;
  return (
    <>
      <h2 class="section-head">{t('requests.title')}</h2>
      <ul class="people">
        {incoming.map((jid) => (
          <Row key={jid} jid={jid} requests={requests} />
        ))}
      </ul>
    </>
  );
}

function Row({ jid, requests }: { jid: string; requests: Requests }) {
  const { domain } = useClient().site;
  const link = useLink();
  const name = useName(jid, localpart(jid));
  const handle = handleOf(jid, domain);
  const answer = (isWelcome: boolean) => {
    if (link) requests.answer(link, jid, isWelcome);
  };
  return (
    <li class="person">
      <A to={paths.profile(handle)} class="person-link">
        <Avatar jid={jid} size="normal" />
        <span class="person-text">
          <bdi class="name">{name}</bdi>
          <span class="handle">@{handle}</span>
        </span>
      </A>
      <button
        type="button"
        class="quiet"
        disabled={!link}
        aria-label={t('requests.declineLabel', { name })}
        onClick={() => answer(false)}
      >
        {t('requests.decline')}
      </button>
      <button
        type="button"
        class="follow"
        disabled={!link}
        aria-label={t('requests.allowLabel', { name })}
        onClick={() => answer(true)}
      >
        {t('requests.allow')}
      </button>
    </li>
  );
}

/** How many wait; nothing while nobody does. */
export function RequestBadge() {
  const requests = useSignal(useClient().requests);
  return requests ? <Badge requests={requests} /> : null;
}

function Badge({ requests }: { requests: Requests }) {
  const count = useSignal(requests.incoming).length;
  return count === 0 ? null : <span class="badge">{count}</span>;
}
