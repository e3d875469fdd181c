/** One post, in a timeline or in its thread. */
import { Component } from 'preact';
import { useState } from 'preact/hooks';
import { ago, moment, t } from '../i18n';
import { tidy } from '../model/names';
import { paths } from '../model/route';
import type { Post } from '../xmpp/atom';
import { handleOf, localpart } from '../xmpp/jid';
import { Avatar } from './Avatar';
import type { Composing } from './composing';
import { useClient, useName, useNow } from './hooks';
import { Icon } from './icons';
import { PostActions } from './PostActions';
import { PostText } from './PostText';
import { A, navigate } from './router';

/** Longer texts are folded, so that one post cannot fill the screen. */
const FOLD_AT = 900;
const FOLD_LINES = 14;

interface Props {
  post: Post;
  isNew: boolean;
  /** The post that a page is about stands out, and its text is whole. */
  isFocus?: boolean;
  /** Bare JID of whom it answers, where the page does not show it. */
  answers?: string | undefined;
  onReply?: ((what: Composing) => void) | undefined;
}

function PostView({ post, isNew, isFocus, answers, onReply }: Props) {
  const { site } = useClient();
  const fallback = tidy(post.authorName) ?? localpart(post.author);
  const name = useName(post.author, fallback);
  const handle = handleOf(post.author, site.domain);
  const page = post.number === undefined ? undefined : paths.thread(handle, post.number);
  const open = isFocus || page === undefined ? undefined : () => navigate(page);
  return (
    <article
      class={`post${isNew ? ' is-new' : ''}${isFocus ? ' is-focus' : ''}${open ? ' is-link' : ''}`}
      tabIndex={0}
      aria-setsize={-1}
      aria-label={name}
      onClick={(event) => {
        if (open && isPlainClick(event)) open();
      }}
      onKeyDown={(event) => {
        if (event.key === 'Enter' && event.target === event.currentTarget) open?.();
      }}
    >
      {post.isBoost && <Booster by={post.by} />}
      <A to={paths.profile(handle)} class="face" tabIndex={-1} aria-hidden="true">
        <Avatar jid={post.author} size="normal" fallback={post.authorName} />
      </A>
      <div class="post-main">
        <header class="post-head">
          <A to={paths.profile(handle)} class="author">
            <bdi class="name">{name}</bdi> <span class="handle">@{handle}</span>
          </A>
          <PostTime post={post} page={page} />
        </header>
        {answers !== undefined && <Answers jid={answers} />}
        {post.heading !== undefined && (
          <h3 class="post-heading" dir="auto">
            {post.heading}
          </h3>
        )}
        <PostBody text={post.text} isWhole={isFocus === true} />
        {isFocus && <Exactly post={post} />}
        <PostActions post={post} onReply={onReply} />
      </div>
    </article>
  );
}

/** Draws a post again only when something about it changes. */
export class PostItem extends Component<Props> {
  override shouldComponentUpdate(next: Props): boolean {
    const { post, isNew, isFocus, answers, onReply } = this.props;
    return (
      next.post !== post ||
      next.isNew !== isNew ||
      next.isFocus !== isFocus ||
      next.answers !== answers ||
      next.onReply !== onReply
    );
  }

  override render() {
    return <PostView {...this.props} />;
  }
}

/** A click on nothing in particular, by somebody who is not marking text. */
function isPlainClick(event: MouseEvent): boolean {
  const target = event.target as Element;
  if (event.defaultPrevented || event.button !== 0) return false;
  if (target.closest('a, button, form, dialog, [role=menu]')) return false;
  return (getSelection()?.toString() ?? '') === '';
}

function Booster({ by }: { by: string }) {
  const { site } = useClient();
  const name = useName(by, localpart(by));
  return (
    <p class="post-context">
      <Icon name="boost" />
      <A to={paths.profile(handleOf(by, site.domain))}>
        <bdi>{t('react.boostedBy', { name })}</bdi>
      </A>
    </p>
  );
}

function Answers({ jid }: { jid: string }) {
  const { site } = useClient();
  const name = useName(jid, localpart(jid));
  return (
    <p class="answers">
      <A to={paths.profile(handleOf(jid, site.domain))}>
        <bdi>{t('reply.to', { name })}</bdi>
      </A>
    </p>
  );
}

/** A boost's time of change is that of the boost. */
function isEdited(post: Post): boolean {
  return !post.isBoost && post.updated - post.published > 1_000;
}

function PostTime({ post, page }: { post: Post; page: string | undefined }) {
  const now = useNow();
  const time = (
    <time dateTime={new Date(post.published).toISOString()} title={moment(post.published)}>
      {ago(post.published, now)}
    </time>
  );
  return (
    <span class="post-time">
      {isEdited(post) && (
        <span title={t('post.editedAt', { time: moment(post.updated) })}>
          {t('post.edited')} ·{' '}
        </span>
      )}
      {page === undefined ? time : <A to={page}>{time}</A>}
    </span>
  );
}

/** When it was written and changed, to the second, where there is room for it. */
function Exactly({ post }: { post: Post }) {
  return (
    <p class="post-exact">
      {moment(post.published)}
      {isEdited(post) && ` · ${t('post.editedAt', { time: moment(post.updated) })}`}
    </p>
  );
}

function PostBody({ text, isWhole }: { text: string; isWhole: boolean }) {
  const isLong = text.length > FOLD_AT || text.split('\n').length > FOLD_LINES;
  const [isOpen, setOpen] = useState(isWhole);
  const isFolded = isLong && !isOpen;
  return (
    <>
      <div class={isFolded ? 'post-text is-folded' : 'post-text'} dir="auto">
        <PostText text={text} />
      </div>
      {isFolded && (
        <button type="button" class="link" onClick={() => setOpen(true)}>
          {t('post.more')}
        </button>
      )}
    </>
  );
}
