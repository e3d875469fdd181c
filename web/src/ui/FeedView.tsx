/** A timeline on the screen: posts, older ones on scrolling, new ones on arrival or on demand. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { errorText } from '../i18n/errors';
import { plural, t } from '../i18n';
import type { Feed, FeedState } from '../model/feed';
import type { Post } from '../xmpp/atom';
import { useLink } from './hooks';
import { Icon } from './icons';
import { PostItem } from './PostView';

/** Above this the reader is at the top, and new posts may push the others down. */
const TOP = 160;
const MOST_GLOWING = 5;

interface Props {
  feed: Feed;
  state: FeedState;
  empty: ComponentChildren;
}

export function FeedView({ feed, state, empty }: Props) {
  useHolding(feed, state);
  const fresh = useFresh(feed, state);
  const { phase, timeline, held } = state;
  const list = usePositions(timeline.posts);
  if (phase === 'loading' && timeline.posts.length === 0) return <Skeleton />;
  if (phase === 'failed') return <Failed feed={feed} error={state.error} />;
  if (timeline.posts.length === 0 && held.length === 0) return <>{empty}</>;
  return (
    <>
      <NewPill feed={feed} count={held.length} detached={timeline.detached} />
      <div
        ref={list}
        class="feed"
        role="feed"
        aria-label={t('feed.label')}
        aria-busy={phase === 'loading'}
      >
        {timeline.posts.map((post) => (
          <PostItem
            key={post.uid}
            post={post}
            isNew={fresh.has(post.uid)}
            answers={post.place?.parentAuthor}
          />
        ))}
      </div>
      <Older feed={feed} state={state} />
    </>
  );
}

/** While the reader is further down, new posts wait; back at the top they appear. */
function useHolding(feed: Feed, { held, timeline }: FeedState): void {
  const canReveal = held.length > 0 && !timeline.detached;
  useEffect(() => {
    const onScroll = () => {
      const isAway = scrollY > TOP;
      feed.hold(isAway);
      if (!isAway && canReveal) void feed.reveal();
    };
    onScroll();
    addEventListener('scroll', onScroll, { passive: true });
    return () => {
      removeEventListener('scroll', onScroll);
      feed.hold(false);
    };
  }, [feed, canReveal]);
}

/** The posts that came after the first ones were shown; they enter with a glow. */
function useFresh(feed: Feed, { phase, timeline }: FeedState): ReadonlySet<string> {
  const seen = useRef<{ feed: Feed; uids: Set<string> } | undefined>(undefined);
  const fresh = useRef(new Set<string>());
  if (phase === 'ready') {
    if (seen.current?.feed !== feed) {
      seen.current = { feed, uids: new Set(timeline.posts.map((post) => post.uid)) };
      fresh.current = new Set();
    }
    const { uids } = seen.current;
    const firstKnown = timeline.posts.findIndex((post) => uids.has(post.uid));
    // A whole page of them, after an absence, would be a fire and no glow.
    if (firstKnown <= MOST_GLOWING) {
      timeline.posts
        .slice(0, Math.max(0, firstKnown))
        .forEach((post) => fresh.current.add(post.uid));
    }
    timeline.posts.forEach((post) => uids.add(post.uid));
  }
  return fresh.current;
}

/**
 * Numbers the posts for those who listen. Written past the drawing, because every new post moves
 * all others, which else need not be drawn again.
 */
function usePositions(posts: readonly Post[]) {
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    Array.from(list.current?.children ?? []).forEach((post, index) =>
      post.setAttribute('aria-posinset', String(index + 1)),
    );
  }, [posts]);
  return list;
}

function NewPill({ feed, count, detached }: { feed: Feed; count: number; detached: boolean }) {
  if (count === 0 && !detached) return null;
  return (
    <div class="pill-rail">
      <button
        type="button"
        class="pill"
        data-action="show-new"
        onClick={() => {
          void feed.reveal();
          scrollTo({ top: 0 });
        }}
      >
        <Icon name="up" />
        {count > 0 ? plural('feed.new', count) : t('feed.newest')}
      </button>
    </div>
  );
}

function Older({ feed, state }: { feed: Feed; state: FeedState }) {
  const sentinel = useRef<HTMLDivElement>(null);
  const link = useLink();
  const { older, timeline } = state;
  useEffect(() => {
    if (!sentinel.current || older !== 'idle' || timeline.complete) return undefined;
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) void feed.loadOlder();
      },
      { rootMargin: '1200px' },
    );
    observer.observe(sentinel.current);
    return () => observer.disconnect();
  }, [feed, link, older, timeline]);
  if (timeline.complete) return <p class="feed-end">{t('feed.end')}</p>;
  return (
    <div ref={sentinel} class="feed-more">
      {older === 'failed' ? (
        <button type="button" class="quiet" onClick={() => void feed.loadOlder()}>
          {t('feed.older')}
        </button>
      ) : (
        <span class="spinner" role="img" aria-label={t('app.loading')} />
      )}
    </div>
  );
}

function Failed({ feed, error }: { feed: Feed; error: unknown }) {
  return (
    <div class="empty" role="alert">
      <p>{errorText(error)}</p>
      <button type="button" onClick={() => void feed.refresh()}>
        {t('error.retry')}
      </button>
    </div>
  );
}

function Skeleton() {
  return (
    <div class="feed skeleton" aria-label={t('app.loading')} aria-busy="true">
      {[0, 1, 2, 3, 4].map((row) => (
        <div key={row} class="post">
          <span class={`avatar normal pebble-${row}`} />
          <div class="post-main">
            <span class="bar short" />
            <span class="bar" />
            <span class="bar" />
          </div>
        </div>
      ))}
    </div>
  );
}
