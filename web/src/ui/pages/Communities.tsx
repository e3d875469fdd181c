/** Communities: one's own and those to be found, founding one, and the page of one. */
import { useState } from 'preact/hooks';
import { ago, plural, t } from '../../i18n';
import { paths } from '../../model/route';
import { communitySource } from '../../model/sources';
import { tagsOf } from '../../model/text';
import {
  answerRequest,
  fetchAvatar,
  fetchCommunities,
  fetchCommunity,
  fetchRequests,
  found,
  keepsOrder,
  type Community,
} from '../../xmpp/communities';
import { writeEntry } from '../../xmpp/entry';
import { bare } from '../../xmpp/jid';
import { publishItem, subscribe, unsubscribe } from '../../xmpp/pubsub';
import { FeedView } from '../FeedView';
import { useClient, useFeed, useLink, useNow, useTask } from '../hooks';
import { PageHead } from '../PageHead';
import { PeopleTabs } from '../PeopleTabs';
import { A, navigate } from '../router';
import { KeepsOrder } from '../thread-root';
import { Keeping } from './CommunityKeeping';
import { Failure, useFetched } from './fetched';

const LONGEST = 2_000;

export function CommunitiesPage() {
  const { pubsub } = useClient().site;
  const [typed, setTyped] = useState('');
  const wanted = typed.trim();
  const own = useFetched((link) => fetchCommunities(link, pubsub, 'mine'), []);
  const all = useFetched((link) => fetchCommunities(link, pubsub, { search: wanted }), [wanted]);
  return (
    <>
      <PageHead title={t('community.title')} subtitle={t('community.subtitle')} />
      <PeopleTabs />
      <section class="people-page">
        <form class="search" role="search" onSubmit={(event) => event.preventDefault()}>
          <input
            type="search"
            maxLength={100}
            aria-label={t('community.search')}
            placeholder={t('community.search')}
            value={typed}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
        </form>
        <Failure error={all.error} />
        {wanted === '' && <Founding />}
        {wanted === '' && own.value && own.value.length > 0 && (
          <>
            <h2 class="section-head">{t('community.mine')}</h2>
            <CommunityList all={own.value} />
          </>
        )}
        <h2 class="section-head">{t('community.all')}</h2>
        {all.value?.length === 0 && <p class="note">{t('community.none')}</p>}
        <CommunityList all={all.value ?? []} />
      </section>
    </>
  );
}

function CommunityList({ all }: { all: readonly Community[] }) {
  const now = useNow();
  return (
    <ul class="people">
      {all.map((one) => (
        <li key={one.node} class="person">
          <A to={paths.community(one.node)} class="person-link">
            <Picture of={one} />
            <span class="person-text">
              <bdi class="name">{one.title}</bdi>
              <span class="handle">
                {plural('community.members', one.members)} · {ago(one.active, now)}
              </span>
              {one.description !== undefined && <span class="note">{one.description}</span>}
            </span>
          </A>
        </li>
      ))}
    </ul>
  );
}

/** Decoration only: the name always stands beside it. */
function Picture({ of }: { of: Community }) {
  const { node, avatar } = of;
  if (avatar === undefined) return null;
  if (of.access !== 'open') return <ClosedPicture of={of} />;
  const source = `/c/${encodeURIComponent(node)}/avatar?${avatar}`;
  return <img class="community-picture" src={source} alt="" loading="lazy" />;
}

/** Of one that not everybody may read: by the connection, since the page's address tells nobody of it. */
function ClosedPicture({ of: { node, avatar } }: { of: Community }) {
  const { pubsub } = useClient().site;
  const { value } = useFetched((link) => fetchAvatar(link, pubsub, node), [node, avatar]);
  return value === undefined ? null : <img class="community-picture" src={value} alt="" />;
}

function Founding() {
  const client = useClient();
  const { pubsub } = client.site;
  const link = useLink();
  const { busy, error, run } = useTask();
  const submit = (form: HTMLFormElement) => {
    const data = new FormData(form);
    const text = (name: string) => {
      const value = data.get(name);
      return typeof value === 'string' ? value.trim() : '';
    };
    const node = text('node').toLowerCase();
    void run(async () => {
      if (!link) return;
      const wanted = { node, title: text('title'), description: text('description') };
      await found(link, pubsub, { ...wanted, access: text('access') });
      await subscribe(link, { service: pubsub, node }, bare(link.jid));
      client.followedCommunity();
      navigate(paths.community(node));
    });
  };
  return (
    <details class="founding">
      <summary>{t('community.found')}</summary>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          submit(event.currentTarget);
        }}
      >
        <label>
          {t('community.name')}
          <input name="title" required maxLength={100} />
        </label>
        <label>
          {t('community.node')}
          <input name="node" required maxLength={60} pattern="[A-Za-z0-9._\-]+" />
        </label>
        <label>
          {t('community.about')}
          <textarea name="description" rows={2} maxLength={1000} />
        </label>
        <label>
          {t('community.access')}
          <select name="access">
            <option value="open">{t('community.open')}</option>
            <option value="authorize">{t('community.authorize')}</option>
            <option value="whitelist">{t('community.whitelist')}</option>
          </select>
        </label>
        <Failure error={error} />
        <button type="submit" class="primary" disabled={busy || !link}>
          {t('community.found')}
        </button>
      </form>
    </details>
  );
}

export function CommunityPage({ node }: { node: string }) {
  const { pubsub } = useClient().site;
  const { value, error, again } = useFetched((link) => fetchCommunity(link, pubsub, node), [node]);
  return (
    <>
      <PageHead title={value?.title ?? node} hasBack>
        {value && <JoinButton community={value} onDone={again} />}
      </PageHead>
      <Failure error={error} />
      {value && (
        <section class="people-page">
          <Picture of={value} />
          <p class="note">{plural('community.members', value.members)}</p>
          {value.description !== undefined && <p class="breakable">{value.description}</p>}
          {value.rules !== undefined && (
            <details>
              <summary>{t('community.rules')}</summary>
              <p class="breakable">{value.rules}</p>
            </details>
          )}
          {keepsOrder(value.role) && <Keeping community={value} onDone={again} />}
          {value.requests > 0 && <Applicants node={node} onDone={again} />}
          {value.mayPost && <Writing node={node} />}
          {!value.isRead && <p class="note">{t('community.closed')}</p>}
        </section>
      )}
      {value?.isRead && (
        <KeepsOrder.Provider value={keepsOrder(value.role)}>
          <Posts node={node} />
        </KeepsOrder.Provider>
      )}
    </>
  );
}

function Posts({ node }: { node: string }) {
  const [feed, state] = useFeed(communitySource(useClient().site.pubsub, node));
  return <FeedView feed={feed} state={state} empty={<p class="empty">{t('community.empty')}</p>} />;
}

function JoinButton({ community, onDone }: { community: Community; onDone: () => void }) {
  const client = useClient();
  const { pubsub } = client.site;
  const link = useLink();
  const { busy, error, run } = useTask();
  const { node, subscription } = community;
  const change = () =>
    void run(async () => {
      if (!link) return;
      const place = { service: pubsub, node };
      if (subscription === undefined) await subscribe(link, place, bare(link.jid));
      else await unsubscribe(link, place, bare(link.jid));
      client.followedCommunity();
      onDone();
    });
  const text = {
    subscribed: t('follow.following'),
    pending: t('follow.requested'),
    none: t('follow.follow'),
  }[subscription ?? 'none'];
  return (
    <>
      <Failure error={error} />
      <button
        type="button"
        class={subscription === undefined ? 'follow' : 'follow is-on'}
        aria-pressed={subscription === 'subscribed'}
        disabled={!link || busy}
        onClick={change}
      >
        {text}
      </button>
    </>
  );
}

function Writing({ node }: { node: string }) {
  const { pubsub } = useClient().site;
  const link = useLink();
  const [text, setText] = useState('');
  // Chosen once for a text, so that a second try is no second post.
  const [item, setItem] = useState(() => crypto.randomUUID());
  const { busy, error, run } = useTask();
  const words = text.trim();
  const submit = () =>
    void run(async () => {
      if (!link || words === '') return;
      const entry = writeEntry(words, tagsOf(words));
      await publishItem(link, { service: pubsub, node, item }, entry);
      setText('');
      setItem(crypto.randomUUID());
    });
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <textarea
        rows={2}
        maxLength={LONGEST}
        aria-label={t('community.write')}
        placeholder={t('community.write')}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <Failure error={error} />
      <button type="submit" class="primary" disabled={!link || busy || words === ''}>
        {t('compose.submit')}
      </button>
    </form>
  );
}

function Applicants({ node, onDone }: { node: string; onDone: () => void }) {
  const { pubsub } = useClient().site;
  const link = useLink();
  const { value, error, again } = useFetched((to) => fetchRequests(to, pubsub, node), [node]);
  const task = useTask();
  const answer = (jid: string, allow: boolean) =>
    void task.run(async () => {
      if (!link) return;
      await answerRequest(link, pubsub, node, jid, allow);
      again();
      onDone();
    });
  return (
    <>
      <h2 class="section-head">{t('community.requests')}</h2>
      <Failure error={error ?? task.error} />
      <ul class="people">
        {(value ?? []).map((jid) => (
          <li key={jid} class="person">
            <span class="person-text">
              <bdi class="name">{jid}</bdi>
            </span>
            <button type="button" disabled={!link} onClick={() => answer(jid, true)}>
              {t('community.admit')}
            </button>
            <button type="button" class="quiet" disabled={!link} onClick={() => answer(jid, false)}>
              {t('community.refuse')}
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}
