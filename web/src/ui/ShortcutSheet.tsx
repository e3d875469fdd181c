/** What each key does. */
import { t } from '../i18n';
import { Signal } from '../model/signal';
import { Dialog } from './Dialog';
import { useSignal } from './hooks';
import { Icon } from './icons';
import { shortcutGroups } from './shortcuts';

const isOpen = new Signal(false);

export function openShortcuts(): void {
  isOpen.set(true);
}

export function ShortcutSheet() {
  if (!useSignal(isOpen)) return null;
  const close = () => isOpen.set(false);
  return (
    <Dialog label={t('keys.title')} kind="window" onClose={close}>
      <div class="dialog-head">
        <h2>{t('keys.title')}</h2>
        <button
          type="button"
          class="quiet icon-button"
          aria-label={t('keys.close')}
          onClick={close}
        >
          <Icon name="close" />
        </button>
      </div>
      <ShortcutTable />
    </Dialog>
  );
}

export function ShortcutTable() {
  return (
    <div class="shortcuts">
      {shortcutGroups().map(({ title, shortcuts }) => (
        <section key={title}>
          <h3>{title}</h3>
          <dl class="keys">
            {shortcuts.map(({ keys, text }) => (
              <div key={text}>
                <dt>
                  {keys.map((key) => (
                    <kbd key={key}>{key}</kbd>
                  ))}
                </dt>
                <dd>{text}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
    </div>
  );
}
