/** The menu of a post, and the question before it is deleted. */
import { useState } from 'preact/hooks';
import { errorText } from '../i18n/errors';
import { t } from '../i18n';
import { publicPage } from '../model/route';
import type { Post } from '../xmpp/atom';
import { handleOf } from '../xmpp/jid';
import { openComposer } from './composing';
import { Dialog } from './Dialog';
import { useAccount, useClient } from './hooks';
import { holdPlace } from './keyboard';
import { Menu, type MenuItem } from './Menu';
import { useKeepsOrder, useThreadRoot } from './thread-root';
import { toast } from './toasts';

export function PostMenu({ post }: { post: Post }) {
  const account = useAccount();
  const root = useThreadRoot();
  const keepsOrder = useKeepsOrder();
  const address = usePublicAddress(post);
  const [isAsking, setAsking] = useState(false);
  const isOwn = post.author === account;
  const items: MenuItem[] = [];
  if (address !== undefined) {
    items.push({ icon: 'link', text: t('post.copy'), run: () => void copy(address) });
    items.push({ icon: 'open', text: t('post.open'), run: () => location.assign(address) });
  }
  if (isOwn) {
    const run = () => openComposer({ kind: 'edit', post });
    items.push({ icon: 'write', text: t('edit.action'), run });
  }
  const ask = () => setAsking(true);
  if (isOwn) items.push({ icon: 'trash', text: t('post.delete'), isDanger: true, run: ask });
  // Whoever began a thread may take out what others answered.
  else if (post.place && root === account) {
    items.push({ icon: 'trash', text: t('reply.remove'), isDanger: true, run: ask });
  } else if (keepsOrder) {
    items.push({ icon: 'trash', text: t('community.remove'), isDanger: true, run: ask });
  }
  if (items.length === 0) return null;
  return (
    <>
      <Menu label={t('post.menu')} items={items} />
      {isAsking && <DeleteDialog post={post} isOwn={isOwn} onClose={() => setAsking(false)} />}
    </>
  );
}

/** Where everybody finds a post: made from its author and number, whatever the entry says. */
function usePublicAddress({ author, number }: Post): string | undefined {
  const { domain } = useClient().site;
  if (number === undefined) return undefined;
  const page = publicPage({ page: 'thread', handle: handleOf(author, domain), number });
  return page === undefined ? undefined : `${location.origin}${page}`;
}

async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast(t('post.copied'));
  } catch {
    toast(t('error.generic'), 'error');
  }
}

interface DeleteProps {
  post: Post;
  isOwn: boolean;
  onClose: () => void;
}

function DeleteDialog({ post, isOwn, onClose }: DeleteProps) {
  const client = useClient();
  const remove = async () => {
    onClose();
    const settle = holdPlace();
    try {
      await client.conversation.delete(post);
      requestAnimationFrame(() => requestAnimationFrame(settle));
      toast(t('post.deleted'));
    } catch (error) {
      toast(errorText(error), 'error');
    }
  };
  const keepsOrder = useKeepsOrder();
  const act = keepsOrder ? t('community.remove') : t('reply.remove');
  const title = isOwn
    ? t('post.delete.title')
    : keepsOrder
      ? t('community.remove.title')
      : t('reply.remove.title');
  return (
    <Dialog label={title} kind="question" onClose={onClose}>
      <h2>{title}</h2>
      <p>{t('post.delete.text')}</p>
      <div class="actions">
        <button type="button" class="quiet" onClick={onClose}>
          {t('dialog.cancel')}
        </button>
        <button type="button" class="danger" onClick={() => void remove()}>
          {isOwn ? t('post.delete') : act}
        </button>
      </div>
    </Dialog>
  );
}
