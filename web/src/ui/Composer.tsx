/** Where a post, an answer or an edit is written; what was begun survives a change of page. */
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { errorText } from '../i18n/errors';
import { plural, t } from '../i18n';
import { lengthOf } from '../model/text';
import { localpart } from '../xmpp/jid';
import type { Post } from '../xmpp/atom';
import { Avatar } from './Avatar';
import { composing, draftOf, startOf, type Composing } from './composing';
import { Dialog } from './Dialog';
import { useAccount, useClient, useName, useSignal, useTask } from './hooks';
import { Icon } from './icons';
import { MentionField } from './MentionField';
import { PostText } from './PostText';
import { toast } from './toasts';

const LONGEST = 2_000;
/** From here on the number of characters left is said and not only drawn. */
const WARN_AT = 100;

interface Props {
  what: Composing;
  /** Inline on a page, below a post of a thread, or in a window of its own. */
  place: 'page' | 'thread' | 'dialog';
  isFocused?: boolean;
  onDone?: () => void;
}

export function Composer({ what, place, isFocused, onDone }: Props) {
  const client = useClient();
  const account = useAccount();
  const draft = draftOf(account, what);
  const text = useSignal(draft);
  const id = useId();
  const field = useRef<HTMLTextAreaElement>(null);
  const { busy, error, run } = useTask();
  // In a thread the mention of whom one answers comes with the focus; until then the field is empty.
  const [isTouched, setTouched] = useState(place !== 'thread' || isFocused === true);
  const length = lengthOf(text.trim());
  const isBegun = text.trim() !== startOf(what).trim();
  const canPost = isBegun && length > 0 && length <= LONGEST && !busy;

  useEffect(() => {
    const area = field.current;
    if (!area || (place !== 'dialog' && !isFocused)) return;
    area.focus();
    area.setSelectionRange(area.value.length, area.value.length);
  }, [place, isFocused]);
  useEffect(() => {
    const area = field.current;
    if (isTouched && area === document.activeElement) {
      area?.setSelectionRange(area.value.length, area.value.length);
    }
  }, [isTouched]);

  const submit = () => {
    if (!canPost) return;
    const words = text.trim();
    if (what.kind === 'edit') {
      void run(async () => {
        await client.conversation.reword(what.post, words);
        draft.set(words);
        toast(t('edit.done'));
        onDone?.();
      });
      return;
    }
    client.post(words, what.kind === 'reply' ? what.to : undefined);
    draft.set(startOf(what));
    onDone?.();
  };
  const words = wordsFor(what);
  return (
    <form
      class={`composer in-${place}${isBegun ? ' is-begun' : ''}`}
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <Avatar jid={account} size={place === 'thread' ? 'small' : 'normal'} />
      <div class="composer-main">
        <MentionField
          field={field}
          id={id}
          label={words.label}
          placeholder={words.placeholder}
          rows={place === 'dialog' ? 4 : 1}
          describedBy={`${id}-count`}
          value={isTouched || isBegun ? text : ''}
          onFocus={() => setTouched(true)}
          onChange={(value) => draft.set(value)}
          onSubmit={submit}
        />
        {error !== undefined && (
          <p class="form-error" role="alert">
            {errorText(error)}
          </p>
        )}
        <div class="composer-foot">
          <span class="hint">{t('compose.hint')}</span>
          <Counter id={`${id}-count`} length={length} />
          <button type="submit" class="primary" disabled={!canPost}>
            {words.submit}
          </button>
        </div>
      </div>
    </form>
  );
}

function wordsFor({ kind }: Composing): { label: string; placeholder: string; submit: string } {
  switch (kind) {
    case 'new':
      return {
        label: t('compose.label'),
        placeholder: t('compose.placeholder'),
        submit: t('compose.submit'),
      };
    case 'reply':
      return {
        label: t('reply.label'),
        placeholder: t('reply.placeholder'),
        submit: t('reply.submit'),
      };
    case 'edit':
      return { label: t('edit.label'), placeholder: '', submit: t('edit.submit') };
  }
}

const CIRCUMFERENCE = 2 * Math.PI * 9;

/** How full the post is: a ring that fills, and numbers when it gets tight. */
function Counter({ id, length }: { id: string; length: number }) {
  const left = LONGEST - length;
  const text = left < 0 ? plural('compose.tooLong', -left) : plural('compose.remaining', left);
  const filled = Math.min(1, length / LONGEST) * CIRCUMFERENCE;
  const tone = left < 0 ? 'counter is-over' : left <= WARN_AT ? 'counter is-near' : 'counter';
  return (
    <span class={tone} id={id} title={text}>
      <svg viewBox="0 0 24 24" aria-hidden="true">
        <circle cx="12" cy="12" r="9" />
        <circle
          cx="12"
          cy="12"
          r="9"
          class="fill"
          stroke-dasharray={`${filled} ${CIRCUMFERENCE}`}
        />
      </svg>
      <span class={left <= WARN_AT ? 'count' : 'visually-hidden'}>{text}</span>
    </span>
  );
}

/** The window in which one writes on any page. */
export function ComposerDialog() {
  const what = useSignal(composing);
  if (!what) return null;
  const close = () => composing.set(undefined);
  const { label } = wordsFor(what);
  return (
    <Dialog label={label} kind="window" onClose={close}>
      <div class="dialog-head">
        <h2>{label}</h2>
        <button
          type="button"
          class="quiet icon-button"
          aria-label={t('compose.close')}
          onClick={close}
        >
          <Icon name="close" />
        </button>
      </div>
      {what.kind === 'reply' && <Answered post={what.post} />}
      <Composer what={what} place="dialog" onDone={close} />
    </Dialog>
  );
}

/** What is answered, so that one need not remember it. */
function Answered({ post }: { post: Post }) {
  const name = useName(post.author, localpart(post.author));
  return (
    <div class="answered">
      <Avatar jid={post.author} size="small" fallback={post.authorName} />
      <div>
        <bdi class="name">{name}</bdi>
        <p class="post-text" dir="auto">
          <PostText text={post.text} />
        </p>
      </div>
    </div>
  );
}
