/** Posts on their way, above the timeline that they will appear in. */
import { conditionText } from '../i18n/errors';
import { t } from '../i18n';
import type { Draft, Outbox } from '../model/outbox';
import { Avatar } from './Avatar';
import { openComposer, putBack } from './Composer';
import { useAccount, useClient, useLink, useSignal } from './hooks';
import { Icon } from './icons';
import { PostText } from './PostText';

interface Props {
  /** What is already to be seen below. */
  known: ReadonlySet<string>;
}

export function Outgoing({ known }: Props) {
  const outbox = useSignal(useClient().outbox);
  return outbox ? <Drafts outbox={outbox} known={known} /> : null;
}

function Drafts({ outbox, known }: Props & { outbox: Outbox }) {
  const account = useAccount();
  // The live event may be here before the server's word that the post is durable.
  const drafts = useSignal(outbox.drafts).filter((draft) => !known.has(`${account}/${draft.id}`));
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

function Refused({ draft, outbox }: { draft: Draft; outbox: Outbox }) {
  const takeBack = () => {
    putBack(draft.text);
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
      <button type="button" class="link" onClick={takeBack}>
        {t('outbox.edit')}
      </button>
      <button type="button" class="link" onClick={() => outbox.discard(draft.id)}>
        {t('outbox.discard')}
      </button>
    </div>
  );
}
