/** People: to be found by name or address, worth following, and followed already. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { errorText } from '../../i18n/errors';
import { plural, t } from '../../i18n';
import { findPeople, type Found } from '../../model/people-search';
import { openAdd } from '../adding';
import { useClient, useLink, useSignal } from '../hooks';
import { Icon } from '../icons';
import { PageHead } from '../PageHead';
import { PeopleList, PersonRow } from '../People';
import { PeopleTabs } from '../PeopleTabs';
import { RequestList } from '../RequestList';

/** So that not every letter is a request. */
const PAUSE = 250;

export function PeoplePage() {
  const [typed, setTyped] = useState('');
  const { found, error, isBusy } = useSearch(typed);
  return (
    <>
      <PageHead title={t('people.title')} subtitle={t('people.subtitle')} />
      <PeopleTabs />
      <section class="people-page">
        <SearchField typed={typed} onTyped={setTyped} />
        <div role="status" class="search-state">
          {isBusy && <p class="note">{t('search.busy')}</p>}
          {!isBusy && <Outcome found={found} />}
        </div>
        {error !== undefined && !isBusy && (
          <p class="form-error" role="alert">
            {errorText(error)}
          </p>
        )}
        {found.kind === 'people' && (
          <ul class="people">
            {found.people.map((person) => (
              <PersonRow key={person.jid} person={person} meta={person.posts > 0} contact />
            ))}
          </ul>
        )}
        {typed.trim() === '' && <WithoutSearch />}
      </section>
    </>
  );
}

function WithoutSearch() {
  const follows = useSignal(useClient().follows.state);
  const followed = [...(follows ?? [])].filter(([, state]) => state !== 'busy');
  return (
    <>
      <RequestList />
      <h2 class="section-head">{t('people.toFollow')}</h2>
      <PeopleList max={50} meta contact />
      {followed.length > 0 && (
        <>
          <h2 class="section-head">{t('people.following')}</h2>
          <ul class="people">
            {followed.map(([jid]) => (
              <PersonRow
                key={jid}
                person={{ jid, name: undefined, posts: 0, followers: 0 }}
                meta={false}
                contact
              />
            ))}
          </ul>
        </>
      )}
    </>
  );
}

interface SearchFieldProps {
  typed: string;
  onTyped: (typed: string) => void;
}

function SearchField({ typed, onTyped }: SearchFieldProps) {
  const field = useRef<HTMLInputElement>(null);
  return (
    <form class="search" role="search" onSubmit={(event) => event.preventDefault()}>
      <Icon name="search" />
      <input
        ref={field}
        type="search"
        enterkeyhint="search"
        autocapitalize="none"
        autocomplete="off"
        spellcheck={false}
        maxLength={500}
        aria-label={t('search.label')}
        placeholder={t('search.placeholder')}
        title={t('search.hint')}
        value={typed}
        onInput={(event) => onTyped(event.currentTarget.value)}
      />
      {typed !== '' && (
        <button
          type="button"
          class="quiet icon-button"
          aria-label={t('search.clear')}
          onClick={() => {
            onTyped('');
            field.current?.focus();
          }}
        >
          <Icon name="close" />
        </button>
      )}
    </form>
  );
}

function Outcome({ found }: { found: Found }) {
  const { domain } = useClient().site;
  switch (found.kind) {
    case 'nothing':
      return null;
    case 'people':
      return <p class="note">{plural('search.found', found.people.length)}</p>;
    case 'elsewhere':
      return <p class="note breakable">{t('search.elsewhere', { address: found.jid, domain })}</p>;
    case 'missing': {
      const { jid } = found;
      return jid === undefined ? (
        <p class="note">{t('search.missing')}</p>
      ) : (
        <>
          <p class="note breakable">{t('search.missing.address', { address: jid })}</p>
          <button type="button" onClick={() => openAdd(jid)}>
            <Icon name="plus" />
            {t('add.button')}
          </button>
        </>
      );
    }
  }
}

interface Search {
  found: Found;
  error: unknown;
  isBusy: boolean;
}

const NOTHING: Search = { found: { kind: 'nothing' }, error: undefined, isBusy: false };

function useSearch(typed: string): Search {
  const { site } = useClient();
  const link = useLink();
  const [search, setSearch] = useState<Search>(NOTHING);
  useEffect(() => {
    if (typed.trim() === '' || !link) {
      setSearch(NOTHING);
      return undefined;
    }
    setSearch((before) => ({ ...before, error: undefined, isBusy: true }));
    let isCurrent = true;
    const settle = (next: Omit<Search, 'isBusy'>) => {
      if (isCurrent) setSearch({ ...next, isBusy: false });
    };
    const timer = setTimeout(() => {
      const here = { domain: site.domain, host: location.host };
      findPeople(link, { service: site.pubsub, here, typed }).then(
        (found) => settle({ found, error: undefined }),
        (error: unknown) => settle({ found: { kind: 'nothing' }, error }),
      );
    }, PAUSE);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [typed, link]);
  return search;
}
