/** Somebody's page: who they are and what they posted. */
import { useEffect, useState } from 'preact/hooks';
import { plural, t } from '../../i18n';
import { paths } from '../../model/route';
import { profileSource, remoteSource, repliesSource } from '../../model/sources';
import { domainpart, handleOf, jidOf, localpart } from '../../xmpp/jid';
import { fetchAbout, fetchFollowing, type Following } from '../../xmpp/social';
import { StanzaError } from '../../xmpp/errors';
import { Avatar } from '../Avatar';
import { ContactButton, ContactMenu } from '../ContactActions';
import { FeedView } from '../FeedView';
import { FollowButton } from '../FollowButton';
import { useAccount, useClient, useFeed, useLink, useName, useSignal } from '../hooks';
import { Icon } from '../icons';
import { PageHead } from '../PageHead';
import { PostText } from '../PostText';
import { A } from '../router';

interface Props {
  handle: string;
  tab: 'posts' | 'replies';
}

export function Profile({ handle, tab }: Props) {
  const { domain } = useClient().site;
  const jid = jidOf(handle, domain);
  const isLocal = domainpart(jid) === domain;
  const name = useName(jid, localpart(jid));
  const isOwn = useAccount() === jid;
  const posts = isLocal ? profileSource(jid) : remoteSource(jid);
  const [feed, state] = useFeed(isLocal && tab === 'replies' ? repliesSource(jid) : posts);
  const isMissing = state.phase === 'failed' && state.error instanceof StanzaError;
  const emptyPosts = isOwn ? t('profile.emptyOwn') : t('profile.empty', { name });
  const empty = tab === 'replies' ? t('profile.emptyReplies') : emptyPosts;
  return (
    <>
      <PageHead title={name} hasBack={!isOwn}>
        {isOwn && (
          <A
            to={paths.settings}
            class="quiet icon-button phone-only"
            aria-label={t('nav.settings')}
          >
            <Icon name="settings" />
          </A>
        )}
      </PageHead>
      <Card jid={jid} name={name} isOwn={isOwn} />
      {isLocal && <Tabs handle={handle} />}
      {isMissing ? (
        <p class="empty">{t('profile.missing', { handle })}</p>
      ) : (
        <FeedView feed={feed} state={state} empty={<p class="empty">{empty}</p>} />
      )}
    </>
  );
}

function Tabs({ handle }: { handle: string }) {
  return (
    <nav class="tabs" aria-label={t('profile.tabs')}>
      <A to={paths.profile(handle)}>{t('profile.posts')}</A>
      <A to={paths.replies(handle)}>{t('profile.replies')}</A>
    </nav>
  );
}

function Card({ jid, name, isOwn }: { jid: string; name: string; isOwn: boolean }) {
  const { domain } = useClient().site;
  const { about, following } = useDetails(jid);
  const handle = handleOf(jid, domain);
  return (
    <section class="profile">
      <Avatar jid={jid} size="large" />
      <div class="profile-main">
        <div class="profile-names">
          <h2>
            <bdi>{name}</bdi>
          </h2>
          <p class="handle">@{handle}</p>
        </div>
        {isOwn ? (
          <A to={paths.settings} class="button quiet">
            {t('profile.edit')}
          </A>
        ) : (
          <span class="profile-actions">
            <ContactButton jid={jid} name={name} />
            <FollowButton jid={jid} name={name} />
            <ContactMenu jid={jid} name={name} label={t('contacts.menu', { name })} />
          </span>
        )}
      </div>
      {about !== undefined && (
        <p class="profile-about" dir="auto">
          <PostText text={about} />
        </p>
      )}
      <p class="profile-counts">
        {following && (
          <>
            <span>{plural('count.followers', following.followers)}</span>
            <span>{t('profile.follows', { count: following.follows })}</span>
          </>
        )}
        {domainpart(jid) === domain && (
          <a href={`/@${encodeURIComponent(localpart(jid))}`}>{t('profile.publicPage')}</a>
        )}
      </p>
    </section>
  );
}

interface Details {
  about: string | undefined;
  following: Following | undefined;
}

/** What the person says and how many follow; asked again when one's own following changes. */
function useDetails(jid: string): Details {
  const client = useClient();
  const link = useLink();
  const account = useAccount();
  const follow = useSignal(client.follows.state)?.get(jid);
  const [details, setDetails] = useState<Details & { jid: string }>({
    jid,
    about: undefined,
    following: undefined,
  });
  useEffect(() => {
    if (!link || follow === 'busy') return undefined;
    let isCurrent = true;
    const asked = jid === account ? undefined : jid;
    const parts = [fetchAbout(link, jid), fetchFollowing(link, asked)] as const;
    void Promise.allSettled(parts).then(([about, following]) => {
      if (!isCurrent) return;
      setDetails({
        jid,
        about: about.status === 'fulfilled' ? about.value : undefined,
        following: following.status === 'fulfilled' ? following.value : undefined,
      });
    });
    return () => {
      isCurrent = false;
    };
  }, [link, jid, account, follow]);
  return details.jid === jid ? details : { about: undefined, following: undefined };
}
