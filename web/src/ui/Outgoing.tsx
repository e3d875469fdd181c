/** Posts on their way, where they will appear. */
import { conditionText } from '../i18n/errors';
import { t } from '../i18n';
import { placeOf, type Draft, type Outbox } from '../model/outbox';
import { uidOf } from '../xmpp/atom';
import { localpart } from '../xmpp/jid';
import { Avatar } from './Avatar';
import { openComposer, putBack } from './composing';
import { useAccount, useClient, useLink, useName, useSignal } from './hooks';
import { Icon } from './icons';
import { PostText } from './PostText';

interface Props {
  /** What is already to be seen. */
  known: ReadonlySet<string>;
  /** Which of them belong here. */
  accepts: (draft: Draft) => boolean;
}

export function Outgoing(props: Props) {
  const outbox = useSignal(useClient().outbox);
  return outbox ? <Drafts outbox={outbox} {...props} /> : null;
}

/** Above the timeline stand new posts, and answers that need attention. */
export function isForTimeline({ reply, state }: Draft): boolean {
  return reply === undefined || state === 'refused';
}

function Drafts({ outbox, known, accepts }: Props & { outbox: Outbox }) {
  const account = useAccount();
  // The live event may be here before the server's word that the post is durable.
  const drafts = useSignal(outbox.drafts).filter(
    (draft) => accepts(draft) && !known.has(uidOf(placeOf(draft, account))),
  );
  return (
    <>
      {[...drafts].reverse().map((draft) => (
        <DraftView key={draft.id} draft={draft} outbox={outbox} account={account} />
      ))}
    </>
  );
}

interface DraftProps {
  draft: Draft;
  outbox: Outbox;
  account: string;
}

function DraftView({ draft, outbox, account }: DraftProps) {
  const isOnline = useLink() !== undefined;
  return (
    <article class={`post is-draft is-${draft.state}`} aria-busy={draft.state !== 'refused'}>
      <Avatar jid={account} size="normal" />
      <div class="post-main">
        {draft.reply && <Answering jid={draft.reply.author} />}
        <div class="post-text" dir="auto">
          <PostText text={draft.text} />
        </div>
        {draft.state === 'refused' ? (
          <Refused draft={draft} outbox={outbox} />
        ) : (
          <p class="draft-state">
            <Icon name="clock" />
            {isOnline ? t('outbox.sending') : t('outbox.waiting')}
          </p>
        )}
      </div>
    </article>
  );
}

function Answering({ jid }: { jid: string }) {
  const name = useName(jid, localpart(jid));
  return <p class="answers">{t('reply.to', { name })}</p>;
}

function Refused({ draft, outbox }: { draft: Draft; outbox: Outbox }) {
  const account = useAccount();
  const takeBack = () => {
    putBack(account, draft.text);
    outbox.discard(draft.id);
    openComposer();
  };
  return (
    <div class="draft-state is-error" role="alert">
      <Icon name="alert" />
      <span>{t('outbox.refused', { reason: conditionText(draft.error ?? '') })}</span>
      <button type="button" class="link" onClick={() => outbox.retry(draft.id)}>
        {t('outbox.retry')}
      </button>
      {/* An answer that is refused has lost its place; its words may become a post. */}
      <button type="button" class="link" onClick={takeBack}>
        {draft.reply ? t('reply.asPost') : t('outbox.edit')}
      </button>
      <button type="button" class="link" onClick={() => outbox.discard(draft.id)}>
        {t('outbox.discard')}
      </button>
    </div>
  );
}
