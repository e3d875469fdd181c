/** Everything that waits for an answer: others' requests, and one's own. */
import { useEffect } from 'preact/hooks';
import { t } from '../../i18n';
import type { Contacts } from '../../model/contacts';
import { sendPresence } from '../../xmpp/presence';
import { handleOf } from '../../xmpp/jid';
import { paths } from '../../model/route';
import { Avatar } from '../Avatar';
import { useClient, useLink, useSignal } from '../hooks';
import { PageHead } from '../PageHead';
import { useCalled, useContacts } from '../people-hooks';
import { PeopleTabs } from '../PeopleTabs';
import { RequestList } from '../RequestList';
import { A } from '../router';

export function RequestsPage() {
  const contacts = useSignal(useClient().contacts);
  return (
    <>
      <PageHead title={t('requests.page')} subtitle={t('requests.subtitle')} />
      <PeopleTabs />
      <section class="people-page">{contacts && <Requests contacts={contacts} />}</section>
    </>
  );
}

function Requests({ contacts }: { contacts: Contacts }) {
  const link = useLink();
  const { requests } = contacts;
  const isEmpty = useSignal(requests.incoming).length + useSignal(requests.applicants).length === 0;
  useEffect(() => {
    // Most blogs ask nobody; theirs is no list to show, and no failure either.
    if (link) void requests.review(link).catch(() => undefined);
  }, [link, requests]);
  return (
    <>
      <RequestList />
      {isEmpty && <p class="empty">{t('requests.none')}</p>}
      <OwnRequests />
    </>
  );
}

function OwnRequests() {
  const asked = [...(useContacts()?.values() ?? [])].filter((contact) => contact.isAsked);
  if (asked.length === 0) return null;
  return (
    <>
      <h2 class="section-head">{t('requests.own')}</h2>
      <ul class="people">
        {asked.map(({ jid }) => (
          <OwnRequest key={jid} jid={jid} />
        ))}
      </ul>
    </>
  );
}

function OwnRequest({ jid }: { jid: string }) {
  const { domain } = useClient().site;
  const link = useLink();
  const name = useCalled(jid);
  return (
    <li class="person">
      <A to={paths.profile(handleOf(jid, domain))} class="person-link">
        <Avatar jid={jid} size="normal" />
        <span class="person-text">
          <bdi class="name">{name}</bdi>
          <span class="handle">{jid}</span>
        </span>
      </A>
      <button
        type="button"
        class="quiet"
        disabled={!link}
        aria-label={t('requests.takeBackLabel', { name })}
        onClick={() => link && sendPresence(link, jid, 'unsubscribe')}
      >
        {t('requests.takeBack')}
      </button>
    </li>
  );
}
