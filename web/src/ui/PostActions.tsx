/** What one can do with a post: answer, boost, like, and what its menu holds. */
import { compact, plural, t } from '../i18n';
import { reactionErrorText } from '../i18n/errors';
import type { Post } from '../xmpp/atom';
import { openComposer, type Composing } from './composing';
import { useAccount, useClient, useLink, useSignal } from './hooks';
import { Icon, type IconName } from './icons';
import { PostMenu } from './PostMenu';
import { mentionOf, useThreadRoot } from './thread-root';
import { toast } from './toasts';

interface Props {
  post: Post;
  /** Answers in place; otherwise a window opens. */
  onReply?: ((what: Composing) => void) | undefined;
}

export function PostActions({ post, onReply }: Props) {
  const client = useClient();
  const account = useAccount();
  const link = useLink();
  const root = useThreadRoot();
  const { conversation, site } = client;
  const response = useSignal(conversation.responses.of(post.subject));
  const to = conversation.replyTo(post);
  const attempt = (run: () => Promise<void>) => {
    run().catch((error: unknown) => toast(reactionErrorText(error), 'error'));
  };
  const reply = () => {
    if (!to) return;
    const prefill = mentionOf(post, { account, root, domain: site.domain });
    (onReply ?? openComposer)({ kind: 'reply', to, post, prefill });
  };
  return (
    <div class="post-actions">
      <Action
        icon="reply"
        action="reply"
        label={t('react.reply')}
        count={response.replies}
        counted={plural('react.replies', response.replies)}
        disabled={!to}
        onClick={reply}
      />
      <Action
        icon={post.isClosed ? 'lock' : 'boost'}
        action="boost"
        label={post.isClosed ? t('react.closed') : t('react.boost')}
        count={response.boosts}
        counted={plural('react.boosts', response.boosts)}
        isOn={response.isBoosted}
        disabled={!link || (post.isClosed && !response.isBoosted)}
        onClick={() => attempt(() => conversation.toggleBoost(post))}
      />
      <Action
        icon="heart"
        action="like"
        label={t('react.like')}
        count={response.likes}
        counted={plural('react.likes', response.likes)}
        isOn={response.isLiked}
        disabled={!link}
        onClick={() => attempt(() => conversation.toggleLike(post))}
      />
      <PostMenu post={post} />
    </div>
  );
}

interface ActionProps {
  icon: IconName;
  action: string;
  label: string;
  count: number;
  counted: string;
  /** Of what is switched on and off. */
  isOn?: boolean;
  disabled: boolean;
  onClick: () => void;
}

function Action({ icon, action, label, count, counted, isOn, disabled, onClick }: ActionProps) {
  return (
    <button
      type="button"
      class={isOn ? `action is-${action} is-on` : `action is-${action}`}
      data-action={action}
      aria-pressed={isOn}
      aria-label={count > 0 ? t('react.withCount', { action: label, count: counted }) : label}
      title={label}
      disabled={disabled}
      onClick={onClick}
    >
      <Icon name={icon} />
      <span class="action-count">{count > 0 ? compact(count) : ''}</span>
    </button>
  );
}
