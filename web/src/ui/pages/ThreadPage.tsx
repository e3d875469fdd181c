/** A post with what it answers above and what was answered below, live. */
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { errorText } from '../../i18n/errors';
import { t } from '../../i18n';
import { paths } from '../../model/route';
import type { Thread, ThreadState } from '../../model/thread';
import { treeAround, type Tree } from '../../model/tree';
import { StanzaError } from '../../xmpp/errors';
import { handleOf, jidOf, localpart } from '../../xmpp/jid';
import type { Post } from '../../xmpp/atom';
import { Composer } from '../Composer';
import type { Composing } from '../composing';
import { useAccount, useCalmSignal, useClient, useName } from '../hooks';
import { Outgoing } from '../Outgoing';
import { PageHead } from '../PageHead';
import { PostItem } from '../PostView';
import { A, hasNavigated } from '../router';
import { mentionOf, ThreadRoot } from '../thread-root';

export function ThreadPage({ handle, number }: { handle: string; number: string }) {
  const { domain } = useClient().site;
  const author = jidOf(handle, domain);
  const [thread, state] = useThread(author, number);
  const name = useName(author, localpart(author));
  const tree = useMemo(() => treeAround(state.posts, number), [state.posts, number]);
  return (
    <>
      <PageHead title={t('thread.title', { name })} heading={t('thread.heading')} hasBack />
      {tree.focus ? (
        <ThreadView
          key={number}
          thread={thread}
          state={state}
          tree={tree}
          focus={tree.focus}
          number={number}
        />
      ) : (
        <Absent thread={thread} state={state} number={number} />
      )}
    </>
  );
}

/** A thread that is live as long as the page is on the screen. */
function useThread(author: string, number: string): [Thread, ThreadState] {
  const { conversation } = useClient();
  const thread = useMemo(() => conversation.peek(author, number), [conversation, author, number]);
  useEffect(() => {
    const opened = conversation.open(author, number);
    return () => conversation.release(opened);
  }, [conversation, author, number]);
  return [thread, useCalmSignal(thread.state)];
}

interface ViewProps {
  thread: Thread;
  state: ThreadState;
  tree: Tree;
  focus: Post;
  number: string;
}

function ThreadView({ thread, state, tree, focus, number }: ViewProps) {
  const account = useAccount();
  const { conversation, site } = useClient();
  const root = tree.above[0] ?? focus;
  const rootAuthor = root.place ? undefined : root.author;
  const spot = useSpot(tree.above.length);
  // The post of this thread that is being answered in place, beside the focused one.
  const [answering, setAnswering] = useState<Composing | undefined>(undefined);
  const answered = answering?.kind === 'reply' ? answering.post.subject : undefined;
  const [isAnsweringFocus, setAnsweringFocus] = useState(0);
  const onReply = useCallback(
    (what: Composing) => {
      if (what.kind !== 'reply') return;
      if (what.post.subject === focus.subject) setAnsweringFocus((times) => times + 1);
      else setAnswering(what);
    },
    [focus.subject],
  );
  const to = conversation.replyTo(focus);
  const around = { account, root: rootAuthor, domain: site.domain };
  const known = useMemo(
    () => new Set([...state.posts.values()].map((post) => post.uid)),
    [state.posts],
  );
  const rootNumber = focus.place?.root ?? number;
  const item = (post: Post, answers?: string) => (
    <>
      <PostItem
        post={post}
        isNew={state.fresh.has(post.number ?? '')}
        isFocus={post === focus}
        answers={answers}
        onReply={onReply}
      />
      {answering && answered === post.subject && (
        <Composer
          what={answering}
          place="thread"
          isFocused
          onDone={() => setAnswering(undefined)}
        />
      )}
    </>
  );
  return (
    <ThreadRoot.Provider value={rootAuthor}>
      <div class="thread">
        {tree.above.length > 0 && (
          <ol class="thread-above" aria-label={t('thread.above')}>
            {tree.above.map((post) => (
              <li key={post.uid}>{item(post)}</li>
            ))}
          </ol>
        )}
        <div class="thread-focus" ref={spot}>
          {item(focus)}
          {to && (
            <Composer
              key={isAnsweringFocus}
              what={{ kind: 'reply', to, post: focus, prefill: mentionOf(focus, around) }}
              place="thread"
              isFocused={isAnsweringFocus > 0}
            />
          )}
          <Outgoing known={known} accepts={({ reply }) => reply?.root === rootNumber} />
        </div>
        {tree.below.length > 0 && (
          <ol class="thread-below" aria-label={t('thread.below')}>
            {tree.below.map(({ post, depth, answers }) => (
              <li key={post.uid} style={{ '--depth': String(Math.min(depth, 9) - 1) }}>
                {item(post, depth > DEEPEST_SHOWN ? answers : undefined)}
              </li>
            ))}
          </ol>
        )}
        <Foot thread={thread} state={state} tree={tree} focus={focus} />
      </div>
    </ThreadRoot.Provider>
  );
}

/** Deeper replies stand no further in than this on a phone, and say whom they answer. */
const DEEPEST_SHOWN = 4;

/**
 * Keeps the post that the page is about where it is, when what it answers is put above it; and
 * tells those who listen that they are there.
 */
function useSpot(above: number) {
  const spot = useRef<HTMLDivElement>(null);
  const before = useRef<number | undefined>(undefined);
  useLayoutEffect(() => {
    const top = spot.current?.offsetTop ?? 0;
    if (before.current === undefined) {
      const kept = (history.state as { scroll?: number } | null)?.scroll;
      const isFar = above > 0 && top > innerHeight * NEAR;
      // After the page was put to its beginning, and before it is drawn.
      if (isFar && kept === undefined) queueMicrotask(() => scrollTo(0, top - HEAD));
    } else if (top !== before.current) scrollBy(0, top - before.current);
    before.current = top;
  }, [above]);
  useEffect(() => {
    if (!hasNavigated()) return;
    spot.current?.querySelector<HTMLElement>('.post')?.focus({ preventScroll: true });
  }, []);
  return spot;
}

/** As far down as this part of the window the post is seen well enough, with all above it. */
const NEAR = 0.45;
/** Room for the page's head, which lies above what scrolls. */
const HEAD = 48;

function Foot({ thread, state, tree, focus }: Omit<ViewProps, 'number'>) {
  const { domain } = useClient().site;
  const { phase, more, isComplete } = state;
  const root = tree.above[0];
  if (phase === 'loading' || more === 'loading') {
    return (
      <p class="feed-more">
        <span class="spinner" role="img" aria-label={t('app.loading')} />
      </p>
    );
  }
  return (
    <div class="thread-foot">
      {!isComplete && (
        <button type="button" onClick={() => void thread.loadMore()}>
          {more === 'failed' ? t('error.retry') : t('thread.more')}
        </button>
      )}
      {root && tree.hasMore && root.number !== undefined && (
        <A to={paths.thread(handleOf(root.author, domain), root.number)} class="button quiet">
          {t('thread.whole')}
        </A>
      )}
      {isComplete && tree.below.length === 0 && !focus.place && (
        <p class="note">{t('thread.empty')}</p>
      )}
    </div>
  );
}

function Absent({ thread, state, number }: { thread: Thread; state: ThreadState; number: string }) {
  if (state.gone.has(number)) return <p class="empty">{t('thread.gone')}</p>;
  if (state.phase === 'loading') {
    return (
      <p class="feed-more">
        <span class="spinner" role="img" aria-label={t('app.loading')} />
      </p>
    );
  }
  const isMissing = state.error === undefined || state.error instanceof StanzaError;
  return (
    <div class="empty" role="alert">
      <p>{isMissing ? t('thread.missing') : errorText(state.error)}</p>
      {isMissing ? (
        <A to={paths.home} class="button">
          {t('missing.home')}
        </A>
      ) : (
        <button type="button" onClick={() => void thread.retry()}>
          {t('error.retry')}
        </button>
      )}
    </div>
  );
}
