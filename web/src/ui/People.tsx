/** People to follow, as rows. */
import { errorText } from '../i18n/errors';
import { plural, t } from '../i18n';
import { paths } from '../model/route';
import { handleOf, localpart } from '../xmpp/jid';
import type { Person } from '../xmpp/social';
import { Avatar } from './Avatar';
import { ContactButton } from './ContactActions';
import { FollowButton } from './FollowButton';
import { useClient, useName, useSignal } from './hooks';
import { A } from './router';

interface RowProps {
  person: Person;
  /** Whether to say how much they post and how many follow. */
  meta: boolean;
  /** Whether to offer them as a contact too. */
  contact?: boolean;
}

export function PersonRow({ person, meta, contact }: RowProps) {
  const { domain } = useClient().site;
  const name = useName(person.jid, person.name ?? localpart(person.jid));
  const handle = handleOf(person.jid, domain);
  return (
    <li class="person">
      <A to={paths.profile(handle)} class="person-link">
        <Avatar jid={person.jid} size="normal" fallback={person.name} />
        <span class="person-text">
          <bdi class="name">{name}</bdi>
          <span class="handle">@{handle}</span>
          {meta && (
            <span class="meta">
              {t('people.meta', {
                posts: plural('count.posts', person.posts),
                followers: plural('count.followers', person.followers),
              })}
            </span>
          )}
        </span>
      </A>
      {contact === true && <ContactButton jid={person.jid} name={name} />}
      <FollowButton jid={person.jid} name={name} />
    </li>
  );
}

interface ListProps {
  max: number;
  meta: boolean;
  contact?: boolean;
}

export function PeopleList({ max, meta, contact }: ListProps) {
  const { people, error } = useSignal(useClient().suggestions.state);
  if (!people) {
    return error === undefined ? <Skeleton /> : <p class="note">{errorText(error)}</p>;
  }
  if (people.length === 0) {
    return (
      <p class="note">
        {t('people.empty')} <A to={paths.invitations}>{t('people.empty.invite')}</A>
      </p>
    );
  }
  return (
    <ul class="people">
      {people.slice(0, max).map((person) => (
        <PersonRow key={person.jid} person={person} meta={meta} contact={contact === true} />
      ))}
    </ul>
  );
}

function Skeleton() {
  return (
    <ul class="people skeleton" aria-label={t('app.loading')}>
      {[0, 1, 2].map((row) => (
        <li key={row} class="person">
          <span class="avatar normal pebble-0" />
          <span class="person-text">
            <span class="bar" />
            <span class="bar short" />
          </span>
        </li>
      ))}
    </ul>
  );
}
