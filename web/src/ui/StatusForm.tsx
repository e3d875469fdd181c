/** How one is there oneself: a choice, and a few words. */
import { useState } from 'preact/hooks';
import { t } from '../i18n';
import { LONGEST_STATUS, type OwnStatus } from '../model/own-status';
import { Signal } from '../model/signal';
import type { Show } from '../xmpp/presence';
import { Dialog } from './Dialog';
import { TextField } from './fields';
import { useClient, useLink, useSignal } from './hooks';
import { Icon } from './icons';
import { PresenceDot, showText } from './Presence';

const SHOWS: readonly Show[] = ['available', 'away', 'dnd'];
const isOpen = new Signal(false);

/** A dot that says how one is there, and opens the window to change it. */
export function StatusButton() {
  const contacts = useSignal(useClient().contacts);
  return contacts ? <Button status={contacts.status} /> : null;
}

function Button({ status }: { status: OwnStatus }) {
  const { show } = useSignal(status.state);
  return (
    <button
      type="button"
      class="quiet icon-button status-button"
      title={t('status.title')}
      aria-label={t('status.change', { presence: showText(show) })}
      onClick={() => isOpen.set(true)}
    >
      <PresenceDot show={show} />
    </button>
  );
}

export function StatusDialog() {
  const contacts = useSignal(useClient().contacts);
  const close = () => isOpen.set(false);
  if (!useSignal(isOpen) || !contacts) return null;
  return (
    <Dialog label={t('status.title')} kind="window" onClose={close}>
      <div class="dialog-head">
        <h2>{t('status.title')}</h2>
        <button type="button" class="quiet icon-button" aria-label={t('add.close')} onClick={close}>
          <Icon name="close" />
        </button>
      </div>
      <Form status={contacts.status} onDone={close} />
    </Dialog>
  );
}

function Form({ status, onDone }: { status: OwnStatus; onDone: () => void }) {
  const link = useLink();
  const present = useSignal(status.state);
  const [show, setShow] = useState(present.show);
  const [text, setText] = useState(present.text);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        status.set(link, { show, text });
        onDone();
      }}
    >
      <p class="hint">{t('status.text')}</p>
      <fieldset class="choices">
        <legend>{t('status.show')}</legend>
        {SHOWS.map((value) => (
          <label key={value} class={show === value ? 'choice is-on' : 'choice'}>
            <input
              type="radio"
              name="show"
              value={value}
              checked={show === value}
              onChange={() => setShow(value)}
            />
            <span class="status-choice">
              <PresenceDot show={value} />
              {showText(value)}
            </span>
          </label>
        ))}
      </fieldset>
      <TextField
        id="status-text"
        label={t('status.message')}
        value={text}
        onInput={setText}
        maxLength={LONGEST_STATUS}
        hint={t('status.message.hint')}
      />
      <div class="actions">
        <button type="button" class="quiet" onClick={onDone}>
          {t('dialog.cancel')}
        </button>
        <button type="submit" class="primary">
          {t('settings.save')}
        </button>
      </div>
    </form>
  );
}
