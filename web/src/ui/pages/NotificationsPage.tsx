/** What others did that concerns oneself, newest first; seeing it is reading it. */
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { errorText } from '../../i18n/errors';
import { ago, moment, plural, t } from '../../i18n';
import { group, type NoticeGroup } from '../../model/notice-groups';
import type { Notifications, NotificationsState } from '../../model/notifications';
import { paths } from '../../model/route';
import type { NoticeType } from '../../xmpp/notifications';
import { handleOf, localpart } from '../../xmpp/jid';
import { Avatar } from '../Avatar';
import { FollowButton } from '../FollowButton';
import { useCalmSignal, useClient, useLink, useName, useNow } from '../hooks';
import { Icon, type IconName } from '../icons';
import { PageHead } from '../PageHead';
import { PostText } from '../PostText';
import { A, navigate } from '../router';

export function NotificationsPage() {
  const { notifications } = useClient();
  const state = useCalmSignal(notifications.state);
  const upto = useReading(notifications, state);
  const groups = useMemo(() => group(state.notices, upto), [state.notices, upto]);
  return (
    <>
      <PageHead title={t('notice.title')} />
      {groups.length > 0 ? (
        <div class="feed notices" role="feed" aria-label={t('notice.title')}>
          {groups.map((each) => (
            <NoticeRow key={each.key} group={each} />
          ))}
        </div>
      ) : (
        <Nothing notifications={notifications} state={state} />
      )}
      {groups.length > 0 && <Older notifications={notifications} state={state} />}
    </>
  );
}

/**
 * Marks as read what is on the screen while somebody is there to see it. Returns up to where it
 * was read when the page was opened, so that the new ones stay marked while it is open.
 */
function useReading(notifications: Notifications, { upto, notices, phase }: NotificationsState) {
  const opened = useRef<string | undefined>(undefined);
  if (phase === 'ready') opened.current ??= upto;
  const link = useLink();
  const newest = notices[0]?.id;
  useEffect(() => {
    if (phase !== 'ready') return undefined;
    const read = () => {
      if (document.visibilityState === 'visible' && document.hasFocus()) {
        void notifications.markRead();
      }
    };
    read();
    addEventListener('focus', read);
    document.addEventListener('visibilitychange', read);
    return () => {
      removeEventListener('focus', read);
      document.removeEventListener('visibilitychange', read);
    };
  }, [notifications, link, newest, phase]);
  return opened.current ?? upto;
}

const ICONS: Record<NoticeType, IconName> = {
  like: 'heart',
  boost: 'boost',
  reply: 'reply',
  mention: 'mention',
  follow: 'person',
};
const MOST_FACES = 6;

function NoticeRow({ group: { type, people, newest, isUnread } }: { group: NoticeGroup }) {
  const { domain } = useClient().site;
  const now = useNow();
  const [first = ''] = people;
  const name = useName(first, localpart(first));
  const handle = handleOf(first, domain);
  const what = sentence(type, people.length - 1);
  const { post } = newest;
  const to = post
    ? paths.thread(handleOf(post.author, domain), post.number)
    : paths.profile(handle);
  return (
    <article
      class={`post notice is-link is-${type}${isUnread ? ' is-unread' : ''}`}
      tabIndex={0}
      aria-label={`${name} ${what}`}
      onClick={(event) => {
        if (!(event.target as Element).closest('a, button')) navigate(to);
      }}
      onKeyDown={(event) => {
        if (event.key === 'Enter' && event.target === event.currentTarget) navigate(to);
      }}
    >
      <span class="notice-icon">
        <Icon name={ICONS[type]} />
      </span>
      <div class="post-main">
        <header class="post-head">
          <span class="faces">
            {people.slice(0, MOST_FACES).map((jid) => (
              <A
                key={jid}
                to={paths.profile(handleOf(jid, domain))}
                tabIndex={-1}
                aria-hidden="true"
              >
                <Avatar jid={jid} size="small" />
              </A>
            ))}
          </span>
          {people.length === 1 && <Sentence name={name} handle={handle} what={what} />}
          <span class="post-time">
            {isUnread && <span class="visually-hidden">{t('notice.unread')} </span>}
            <A to={to}>
              <time dateTime={new Date(newest.at).toISOString()} title={moment(newest.at)}>
                {ago(newest.at, now)}
              </time>
            </A>
          </span>
        </header>
        {people.length > 1 && <Sentence name={name} handle={handle} what={what} />}
        {newest.text !== undefined && (
          <p class="notice-excerpt" dir="auto">
            <PostText text={newest.text} />
          </p>
        )}
        {type === 'follow' && <FollowButton jid={first} name={name} />}
      </div>
    </article>
  );
}

function Sentence({ name, handle, what }: { name: string; handle: string; what: string }) {
  return (
    <p class="notice-text">
      <A to={paths.profile(handle)} class="author">
        <bdi class="name">{name}</bdi>
      </A>{' '}
      {what}
    </p>
  );
}

/** What stands behind the name of whoever did it last. */
function sentence(type: NoticeType, others: number): string {
  switch (type) {
    case 'like':
      return others > 0 ? plural('notice.likes', others) : t('notice.like');
    case 'boost':
      return others > 0 ? plural('notice.boosts', others) : t('notice.boost');
    case 'reply':
      return t('notice.reply');
    case 'mention':
      return t('notice.mention');
    case 'follow':
      return t('notice.follow');
  }
}

interface StateProps {
  notifications: Notifications;
  state: NotificationsState;
}

function Older({ notifications, state: { older, isComplete, notices } }: StateProps) {
  const sentinel = useRef<HTMLDivElement>(null);
  const link = useLink();
  useEffect(() => {
    if (!sentinel.current || older !== 'idle' || isComplete) return undefined;
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) void notifications.loadOlder();
      },
      { rootMargin: '800px' },
    );
    observer.observe(sentinel.current);
    return () => observer.disconnect();
  }, [notifications, link, older, isComplete, notices]);
  if (isComplete) return <p class="feed-end">{t('notice.end')}</p>;
  return (
    <div ref={sentinel} class="feed-more">
      {older === 'failed' ? (
        <button type="button" class="quiet" onClick={() => void notifications.loadOlder()}>
          {t('error.retry')}
        </button>
      ) : (
        <span class="spinner" role="img" aria-label={t('app.loading')} />
      )}
    </div>
  );
}

function Nothing({ notifications, state }: StateProps) {
  if (state.phase === 'loading') {
    return (
      <p class="feed-more">
        <span class="spinner" role="img" aria-label={t('app.loading')} />
      </p>
    );
  }
  if (state.phase === 'ready') return <p class="empty">{t('notice.empty')}</p>;
  return (
    <div class="empty" role="alert">
      <p>{errorText(state.error)}</p>
      <button type="button" onClick={() => void notifications.catchUp()}>
        {t('error.retry')}
      </button>
    </div>
  );
}
