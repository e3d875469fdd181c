/** The contacts: who is there, in groups; only the rows on the screen are drawn. */
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { plural, t } from '../../i18n';
import { rowsOf, windowOf, type Row } from '../../model/contact-list';
import type { Contacts } from '../../model/contacts';
import { paths } from '../../model/route';
import { handleOf, localpart } from '../../xmpp/jid';
import { isOpenToUs, seesUs, type Contact } from '../../xmpp/roster';
import { openAdd } from '../adding';
import { ContactMenu } from '../ContactActions';
import { useCalmSignal, useClient, useNow, useSignal } from '../hooks';
import { Icon } from '../icons';
import { PageHead } from '../PageHead';
import { PeopleTabs } from '../PeopleTabs';
import { useCalled, useContacts } from '../people-hooks';
import { availabilityText, AvatarWithPresence, useVisible } from '../Presence';
import { A } from '../router';
import '../../styles/contacts.css';

const ROW = 64;

export function ContactsPage() {
  const contacts = useSignal(useClient().contacts);
  const all = useContacts();
  const [query, setQuery] = useState('');
  const count = all?.size ?? 0;
  return (
    <>
      <PageHead title={t('contacts.title')} subtitle={plural('contacts.subtitle', count)}>
        <button
          type="button"
          class="quiet icon-button"
          title={t('contacts.add')}
          aria-label={t('contacts.add')}
          onClick={() => openAdd(undefined)}
        >
          <Icon name="plus" />
        </button>
      </PageHead>
      <PeopleTabs />
      {count > 8 && (
        <div class="search in-list">
          <Icon name="search" />
          <input
            type="search"
            aria-label={t('contacts.filter')}
            placeholder={t('contacts.filter')}
            value={query}
            onInput={(event) => setQuery(event.currentTarget.value)}
          />
        </div>
      )}
      {all && count === 0 && (
        <div class="empty">
          <p>{t('contacts.none')}</p>
          <button type="button" class="primary" onClick={() => openAdd(undefined)}>
            {t('contacts.add')}
          </button>
        </div>
      )}
      {contacts && all && count > 0 && <List contacts={contacts} all={all} query={query} />}
    </>
  );
}

interface ListProps {
  contacts: Contacts;
  all: ReadonlyMap<string, Contact>;
  query: string;
}

function List({ contacts, all, query }: ListProps) {
  const { names } = useClient();
  const changes = useCalmSignal(contacts.presences.changes);
  const rows = useMemo(
    () =>
      rowsOf(all.values(), {
        query,
        showOf: (jid) => contacts.presences.of(jid).show,
        // Names are asked for as rows come into view; ten thousand at once nobody needs.
        nameOf: (contact) => contact.name ?? names.peek(contact.jid) ?? localpart(contact.jid),
      }),
    [all, query, changes],
  );
  if (rows.length === 0) return <p class="empty">{t('contacts.noMatch')}</p>;
  return <Windowed rows={rows} />;
}

/** Draws what is on the screen, and a little around it. */
function Windowed({ rows }: { rows: readonly Row[] }) {
  const list = useRef<HTMLUListElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(innerHeight);
  useLayoutEffect(() => {
    let frame = 0;
    const measure = () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        if (!list.current) return;
        // In steps of rows, so that not every pixel draws anew.
        setTop(Math.floor(-list.current.getBoundingClientRect().top / ROW) * ROW);
        setHeight(innerHeight);
      });
    };
    addEventListener('scroll', measure, { passive: true });
    addEventListener('resize', measure);
    measure();
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener('scroll', measure);
      removeEventListener('resize', measure);
    };
  }, []);
  const { first, end } = windowOf(top, height, ROW, rows.length);
  return (
    <ul
      ref={list}
      class="contacts"
      aria-label={t('contacts.title')}
      style={{ height: `${rows.length * ROW}px` }}
    >
      {rows.slice(first, end).map((row, index) => (
        <Place key={row.key} index={first + index} count={rows.length}>
          {row.kind === 'group' ? (
            <h2>
              {t('contacts.group', {
                name: row.name ?? t('contacts.ungrouped'),
                count: row.count,
              })}
            </h2>
          ) : (
            <ContactRow contact={row.contact} />
          )}
        </Place>
      ))}
    </ul>
  );
}

interface PlaceProps {
  index: number;
  count: number;
  children: ComponentChildren;
}

function Place({ index, count, children }: PlaceProps) {
  return (
    <li
      style={{ top: `${index * ROW}px`, height: `${ROW}px` }}
      aria-setsize={count}
      aria-posinset={index + 1}
    >
      {children}
    </li>
  );
}

function ContactRow({ contact }: { contact: Contact }) {
  const { domain } = useClient().site;
  const now = useNow();
  const name = useCalled(contact.jid);
  const availability = useVisible(contact.jid);
  const handle = handleOf(contact.jid, domain);
  return (
    <div class="contact">
      <A to={paths.conversation(contact.jid, domain)} class="person-link">
        <AvatarWithPresence jid={contact.jid} size="normal" availability={availability} />
        <span class="person-text">
          <span class="contact-name">
            <bdi class="name">{name}</bdi> <span class="handle">@{handle}</span>
          </span>
          <span class="meta" dir="auto">
            {availability ? availabilityText(availability, now) : relation(contact)}
          </span>
        </span>
      </A>
      <ContactMenu jid={contact.jid} name={name} label={t('contacts.menu', { name })} />
    </div>
  );
}

/** What stands in the way of seeing each other. */
function relation(contact: Contact): string {
  // Without a connection there is nothing to say.
  if (isOpenToUs(contact)) return '';
  if (contact.isAsked) return t('contacts.asked');
  return seesUs(contact) ? t('contacts.oneWay') : t('contacts.unseen');
}
