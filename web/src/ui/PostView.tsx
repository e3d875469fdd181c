/** One post in a timeline. */
import { Component } from 'preact';
import { useState } from 'preact/hooks';
import { errorText } from '../i18n/errors';
import { ago, moment, t } from '../i18n';
import { paths } from '../model/route';
import type { Post } from '../xmpp/atom';
import { handleOf, localpart } from '../xmpp/jid';
import { tidy } from '../model/names';
import { Avatar } from './Avatar';
import { Dialog } from './Dialog';
import { useAccount, useClient, useName, useNow } from './hooks';
import { Menu, type MenuItem } from './Menu';
import { PostText } from './PostText';
import { A } from './router';
import { toast } from './toasts';

/** Longer texts are folded, so that one post cannot fill the screen. */
const FOLD_AT = 900;
const FOLD_LINES = 14;

interface Props {
  post: Post;
  isNew: boolean;
}

function PostView({ post, isNew }: Props) {
  const { site } = useClient();
  const fallback = tidy(post.authorName) ?? localpart(post.author);
  const name = useName(post.author, fallback);
  const handle = handleOf(post.author, site.domain);
  const [isAsking, setAsking] = useState(false);
  return (
    <article
      class={isNew ? 'post is-new' : 'post'}
      tabIndex={0}
      aria-setsize={-1}
      aria-label={name}
    >
      <A to={paths.profile(handle)} tabIndex={-1} aria-hidden="true">
        <Avatar jid={post.author} size="normal" fallback={post.authorName} />
      </A>
      <div class="post-main">
        <header class="post-head">
          <A to={paths.profile(handle)} class="author">
            <bdi class="name">{name}</bdi> <span class="handle">@{handle}</span>
          </A>
          <PostTime post={post} />
          <PostMenu post={post} onDelete={() => setAsking(true)} />
        </header>
        {post.heading !== undefined && (
          <h3 class="post-heading" dir="auto">
            {post.heading}
          </h3>
        )}
        <PostBody text={post.text} />
      </div>
      {isAsking && <DeleteDialog post={post} onClose={() => setAsking(false)} />}
    </article>
  );
}

/** Draws a post again only when it or its novelty changes. */
export class PostItem extends Component<Props> {
  override shouldComponentUpdate(next: Props): boolean {
    const { post, isNew } = this.props;
    return next.post !== post || next.isNew !== isNew;
  }

  override render() {
    return <PostView {...this.props} />;
  }
}

function PostTime({ post }: { post: Post }) {
  const now = useNow();
  const text = ago(post.published, now);
  const time = (
    <time dateTime={new Date(post.published).toISOString()} title={moment(post.published)}>
      {text}
    </time>
  );
  const isEdited = post.updated - post.published > 1_000;
  return (
    <span class="post-time">
      {post.page === undefined ? time : <a href={post.page}>{time}</a>}
      {isEdited && <span title={moment(post.updated)}> · {t('post.edited')}</span>}
    </span>
  );
}

function PostBody({ text }: { text: string }) {
  const isLong = text.length > FOLD_AT || text.split('\n').length > FOLD_LINES;
  const [isOpen, setOpen] = useState(false);
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

function PostMenu({ post, onDelete }: { post: Post; onDelete: () => void }) {
  const account = useAccount();
  const { page } = post;
  const items: MenuItem[] = [];
  if (page !== undefined) {
    items.push({ icon: 'open', text: t('post.open'), run: () => location.assign(page) });
    items.push({ icon: 'link', text: t('post.copy'), run: () => void copy(page) });
  }
  if (post.author === account) {
    items.push({ icon: 'trash', text: t('post.delete'), isDanger: true, run: onDelete });
  }
  return items.length === 0 ? null : <Menu label={t('post.menu')} items={items} />;
}

async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast(t('post.copied'));
  } catch {
    toast(t('error.generic'), 'error');
  }
}

function DeleteDialog({ post, onClose }: { post: Post; onClose: () => void }) {
  const client = useClient();
  const remove = async () => {
    onClose();
    try {
      await client.deletePost(post);
      toast(t('post.deleted'));
    } catch (error) {
      toast(errorText(error), 'error');
    }
  };
  return (
    <Dialog label={t('post.delete.title')} kind="question" onClose={onClose}>
      <h2>{t('post.delete.title')}</h2>
      <p>{t('post.delete.text')}</p>
      <div class="actions">
        <button type="button" class="quiet" onClick={onClose}>
          {t('dialog.cancel')}
        </button>
        <button type="button" class="danger" onClick={() => void remove()}>
          {t('post.delete')}
        </button>
      </div>
    </Dialog>
  );
}
