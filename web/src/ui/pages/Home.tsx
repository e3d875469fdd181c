/** One's own timeline; for a newcomer, the public one and people to follow. */
import { useMemo } from 'preact/hooks';
import { t } from '../../i18n';
import { paths } from '../../model/route';
import { homeSource, publicSource } from '../../model/sources';
import { handleOf, localpart } from '../../xmpp/jid';
import { Avatar } from '../Avatar';
import { Composer } from '../Composer';
import type { Composing } from '../composing';
import { FeedView } from '../FeedView';
import { useAccount, useClient, useFeed, useName, useSignal } from '../hooks';
import { Icon } from '../icons';
import { isForTimeline, Outgoing } from '../Outgoing';
import { PageHead } from '../PageHead';
import { PeopleList } from '../People';
import { A } from '../router';

const NEW: Composing = { kind: 'new' };

export function Home() {
  const [feed, state] = useFeed(homeSource());
  const followsNobody = useSignal(useClient().follows.state)?.size === 0;
  const known = useMemo(
    () => new Set(state.timeline.posts.map((post) => post.uid)),
    [state.timeline.posts],
  );
  return (
    <>
      <PageHead title={t('home.title')} isHome>
        {/* On phones the bar below has no room for it. */}
        <A to={paths.public} class="quiet icon-button phone-only" aria-label={t('nav.public')}>
          <Icon name="public" />
        </A>
        <SelfLink />
      </PageHead>
      <Composer what={NEW} place="page" />
      <Outgoing known={known} accepts={isForTimeline} />
      <FeedView feed={feed} state={state} empty={<Newcomer followsNobody={followsNobody} />} />
      {followsNobody && state.timeline.posts.length > 0 && (
        <section class="welcome narrow-only">
          <h2>{t('people.toFollow')}</h2>
          <PeopleList max={5} meta />
        </section>
      )}
    </>
  );
}

/** On phones the way to one's own page. */
function SelfLink() {
  const account = useAccount();
  const { domain } = useClient().site;
  return (
    <A
      to={paths.profile(handleOf(account, domain))}
      class="quiet icon-button phone-only"
      aria-label={t('nav.profile')}
    >
      <Avatar jid={account} size="small" />
    </A>
  );
}

function Newcomer({ followsNobody }: { followsNobody: boolean }) {
  const account = useAccount();
  const name = useName(account, localpart(account));
  const [feed, state] = useFeed(publicSource(useClient().site.pubsub));
  return (
    <>
      <section class="welcome">
        <h2>{t('home.welcome.title', { name })}</h2>
        <p>{followsNobody ? t('home.welcome.text') : t('home.welcome.waiting')}</p>
        <div class="narrow-only">
          <PeopleList max={5} meta />
        </div>
      </section>
      <h2 class="section-head">{t('home.publicHeading')}</h2>
      <FeedView feed={feed} state={state} empty={<p class="empty">{t('home.quiet')}</p>} />
    </>
  );
}
