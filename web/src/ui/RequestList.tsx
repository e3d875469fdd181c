/** Those who wait for an answer: to become contacts, or to follow. */
import type { ComponentChildren } from 'preact';
import { errorText } from '../i18n/errors';
import { t } from '../i18n';
import type { Contacts } from '../model/contacts';
import { paths } from '../model/route';
import type { Applicant } from '../xmpp/approval';
import { handleOf } from '../xmpp/jid';
import { isOpenToUs } from '../xmpp/roster';
import { openAdd } from './adding';
import { Avatar } from './Avatar';
import { ContactMenu } from './ContactActions';
import { useClient, useLink, useSignal } from './hooks';
import { useCalled, useContact } from './people-hooks';
import { A } from './router';
import { toast } from './toasts';

export function RequestList() {
  const contacts = useSignal(useClient().contacts);
  return contacts ? <List contacts={contacts} /> : null;
}

function List({ contacts }: { contacts: Contacts }) {
  const incoming = useSignal(contacts.requests.incoming);
  const applicants = useSignal(contacts.requests.applicants);
  return (
    <>
      {incoming.length > 0 && (
        <>
          <h2 class="section-head">{t('requests.contacts')}</h2>
          <p class="hint">{t('requests.contacts.text')}</p>
          <ul class="people">
            {incoming.map((jid) => (
              <ContactRequest key={jid} jid={jid} contacts={contacts} />
            ))}
          </ul>
        </>
      )}
      {applicants.length > 0 && (
        <>
          <h2 class="section-head">{t('requests.applicants')}</h2>
          <ul class="people">
            {applicants.map((applicant) => (
              <FollowRequest
                key={`${applicant.jid} ${applicant.node}`}
                applicant={applicant}
                contacts={contacts}
              />
            ))}
          </ul>
        </>
      )}
    </>
  );
}

function ContactRequest({ jid, contacts }: { jid: string; contacts: Contacts }) {
  const link = useLink();
  const name = useCalled(jid);
  const contact = useContact(jid);
  const isNew = !contact || (!isOpenToUs(contact) && !contact.isAsked);
  return (
    <RequestRow jid={jid} name={name}>
      <button
        type="button"
        class="quiet"
        disabled={!link}
        aria-label={t('requests.declineLabel', { name })}
        onClick={() => link && contacts.requests.answer(link, jid, 'decline')}
      >
        {t('requests.decline')}
      </button>
      <button
        type="button"
        class={isNew ? 'quiet' : 'follow'}
        disabled={!link}
        aria-label={t('requests.allowLabel', { name })}
        onClick={() => link && contacts.requests.answer(link, jid, 'allow')}
      >
        {t('requests.allow')}
      </button>
      {isNew && (
        <button
          type="button"
          class="follow"
          disabled={!link}
          aria-label={t('requests.allowBothLabel', { name })}
          // Adding allows as well, after a look at whom they might be taken for.
          onClick={() => openAdd(jid)}
        >
          {t('requests.allowBoth')}
        </button>
      )}
    </RequestRow>
  );
}

function FollowRequest({ applicant, contacts }: { applicant: Applicant; contacts: Contacts }) {
  const link = useLink();
  const { jid } = applicant;
  const name = useCalled(jid);
  const answer = (verdict: 'allow' | 'decline') => {
    if (!link) return;
    contacts.requests
      .decide(link, applicant, verdict)
      .catch((error: unknown) => toast(errorText(error), 'error'));
  };
  return (
    <RequestRow jid={jid} name={name}>
      <button
        type="button"
        class="quiet"
        disabled={!link}
        aria-label={t('requests.declineLabel', { name })}
        onClick={() => answer('decline')}
      >
        {t('requests.decline')}
      </button>
      <button
        type="button"
        class="follow"
        disabled={!link}
        aria-label={t('requests.allowLabel', { name })}
        onClick={() => answer('allow')}
      >
        {t('requests.allow')}
      </button>
    </RequestRow>
  );
}

interface RowProps {
  jid: string;
  name: string;
  children: ComponentChildren;
}

/** With the whole address: it is the one thing that nobody can imitate. */
function RequestRow({ jid, name, children }: RowProps) {
  const { domain } = useClient().site;
  return (
    <li class="person request">
      <A to={paths.profile(handleOf(jid, domain))} class="person-link">
        <Avatar jid={jid} size="normal" />
        <span class="person-text">
          <bdi class="name">{name}</bdi>
          <span class="handle breakable">{jid}</span>
        </span>
      </A>
      <span class="request-actions">
        {children}
        <ContactMenu jid={jid} name={name} label={t('requests.menu', { name })} />
      </span>
    </li>
  );
}

/** How many wait; nothing while nobody does. */
export function RequestBadge() {
  const contacts = useSignal(useClient().contacts);
  return contacts ? <Badge contacts={contacts} /> : null;
}

function Badge({ contacts }: { contacts: Contacts }) {
  const incoming = useSignal(contacts.requests.incoming).length;
  const count = incoming + useSignal(contacts.requests.applicants).length;
  return count === 0 ? null : <span class="badge">{count}</span>;
}
