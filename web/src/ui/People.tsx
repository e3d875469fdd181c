/** People to follow, as rows. */
import { errorText } from '../i18n/errors';
import { plural, t } from '../i18n';
import { paths } from '../model/route';
import { handleOf, localpart } from '../xmpp/jid';
import type { Person } from '../xmpp/social';
import { Avatar } from './Avatar';
import { FollowButton } from './FollowButton';
import { useClient, useName, useSignal } from './hooks';
import { A } from './router';

export function PersonRow({ person, meta }: { person: Person; meta: boolean }) {
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
      <FollowButton jid={person.jid} name={name} />
    </li>
  );
}

export function PeopleList({ max, meta }: { max: number; meta: boolean }) {
  const { people, error } = useSignal(useClient().suggestions.state);
  if (!people) {
    return error === undefined ? <Skeleton /> : <p class="note">{errorText(error)}</p>;
  }
  if (people.length === 0) return <p class="note">{t('people.empty')}</p>;
  return (
    <ul class="people">
      {people.slice(0, max).map((person) => (
        <PersonRow key={person.jid} person={person} meta={meta} />
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
