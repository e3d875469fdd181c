/** Where a post is written; what was begun survives a change of page. */
import { useEffect, useRef } from 'preact/hooks';
import { plural, t } from '../i18n';
import { Signal } from '../model/signal';
import { lengthOf } from '../model/text';
import { Avatar } from './Avatar';
import { Dialog } from './Dialog';
import { useAccount, useClient, useSignal } from './hooks';
import { Icon } from './icons';

const LONGEST = 2_000;
/** From here on the number of characters left is said and not only drawn. */
const WARN_AT = 100;

const draft = new Signal('');
const isDialogOpen = new Signal(false);

export function openComposer(): void {
  isDialogOpen.set(true);
}

/** Puts text back into the composer, for instance that of a post which was refused. */
export function putBack(text: string): void {
  draft.update((before) => (before.trim() === '' ? text : `${before}\n${text}`));
}

interface Props {
  /** Inline on a page, or in a window of its own that closes after posting. */
  place: 'page' | 'dialog';
  onPosted?: () => void;
}

export function Composer({ place, onPosted }: Props) {
  const client = useClient();
  const account = useAccount();
  const text = useSignal(draft);
  const field = useRef<HTMLTextAreaElement>(null);
  const length = lengthOf(text.trim());
  const canPost = length > 0 && length <= LONGEST;

  useEffect(() => {
    if (place === 'dialog') field.current?.focus();
  }, [place]);
  useEffect(() => {
    const area = field.current;
    if (!area) return;
    area.style.height = 'auto';
    area.style.height = `${area.scrollHeight}px`;
  }, [text]);

  const submit = () => {
    if (!canPost) return;
    client.post(text.trim());
    draft.set('');
    onPosted?.();
  };
  return (
    <form
      class={`composer in-${place}`}
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <Avatar jid={account} size="normal" />
      <div class="composer-main">
        <textarea
          ref={field}
          rows={place === 'dialog' ? 5 : 1}
          dir="auto"
          aria-label={t('compose.label')}
          aria-describedby={`compose-count-${place}`}
          placeholder={t('compose.placeholder')}
          value={text}
          onInput={(event) => draft.set(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
              event.preventDefault();
              submit();
            }
          }}
        />
        <div class="composer-foot">
          <span class="hint">{t('compose.hint')}</span>
          <Counter id={`compose-count-${place}`} length={length} />
          <button type="submit" class="primary" disabled={!canPost}>
            {t('compose.submit')}
          </button>
        </div>
      </div>
    </form>
  );
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
      <span class={left <= WARN_AT ? 'count' : 'visually-hidden'}>
        {left <= WARN_AT ? text : text}
      </span>
    </span>
  );
}

/** The composer that the Write button opens on any page. */
export function ComposerDialog() {
  const isOpen = useSignal(isDialogOpen);
  if (!isOpen) return null;
  const close = () => isDialogOpen.set(false);
  return (
    <Dialog label={t('compose.label')} kind="window" onClose={close}>
      <div class="dialog-head">
        <h2>{t('compose.label')}</h2>
        <button
          type="button"
          class="quiet icon-button"
          aria-label={t('compose.close')}
          onClick={close}
        >
          <Icon name="close" />
        </button>
      </div>
      <Composer place="dialog" onPosted={close} />
    </Dialog>
  );
}
