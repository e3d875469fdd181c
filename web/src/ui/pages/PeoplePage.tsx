/** People: those worth following, and those followed already. */
import { t } from '../../i18n';
import { useClient, useSignal } from '../hooks';
import { PageHead } from '../PageHead';
import { PeopleList, PersonRow } from '../People';
import { RequestList } from '../RequestList';

export function PeoplePage() {
  const follows = useSignal(useClient().follows.state);
  const followed = [...(follows ?? [])].filter(([, state]) => state !== 'busy');
  return (
    <>
      <PageHead title={t('people.title')} subtitle={t('people.subtitle')} />
      <section class="people-page">
        <RequestList />
        <h2 class="section-head">{t('people.toFollow')}</h2>
        <PeopleList max={50} meta />
        {followed.length > 0 && (
          <>
            <h2 class="section-head">{t('people.following')}</h2>
            <ul class="people">
              {followed.map(([jid]) => (
                <PersonRow
                  key={jid}
                  person={{ jid, name: undefined, posts: 0, followers: 0 }}
                  meta={false}
                />
              ))}
            </ul>
          </>
        )}
      </section>
    </>
  );
}
