/** Somebody's page: who they are and what they posted. */
import { useEffect, useState } from 'preact/hooks';
import { plural, t } from '../../i18n';
import { paths } from '../../model/route';
import { profileSource } from '../../model/sources';
import { domainpart, handleOf, jidOf, localpart } from '../../xmpp/jid';
import { fetchAbout, fetchFollowing, type Following } from '../../xmpp/social';
import { StanzaError } from '../../xmpp/errors';
import { Avatar } from '../Avatar';
import { FeedView } from '../FeedView';
import { FollowButton } from '../FollowButton';
import { useAccount, useClient, useFeed, useLink, useName, useSignal } from '../hooks';
import { Icon } from '../icons';
import { PageHead } from '../PageHead';
import { PostText } from '../PostText';
import { A } from '../router';

export function Profile({ handle }: { handle: string }) {
  const { domain } = useClient().site;
  const jid = jidOf(handle, domain);
  const name = useName(jid, localpart(jid));
  const isOwn = useAccount() === jid;
  const [feed, state] = useFeed(profileSource(jid));
  const isMissing = state.phase === 'failed' && state.error instanceof StanzaError;
  const empty = isOwn ? t('profile.emptyOwn') : t('profile.empty', { name });
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
      {isMissing ? (
        <p class="empty">{t('profile.missing', { handle })}</p>
      ) : (
        <FeedView feed={feed} state={state} empty={<p class="empty">{empty}</p>} />
      )}
    </>
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
          <FollowButton jid={jid} name={name} />
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
