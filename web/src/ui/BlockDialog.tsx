/** Blocking somebody, and telling those who run the server why, if one likes (XEP-0377). */
import { useState } from 'preact/hooks';
import { errorText } from '../i18n/errors';
import { t } from '../i18n';
import type { Report } from '../xmpp/blocking';
import { Dialog } from './Dialog';
import { useClient, useLink, useSignal } from './hooks';
import { toast } from './toasts';

interface Props {
  jid: string;
  name: string;
  onClose: () => void;
}

type Reason = Report['reason'] | 'none';

/** As many of their messages are shown to the administrators. */
const MESSAGES = 5;

export function BlockDialog({ jid, name, onClose }: Props) {
  const client = useClient();
  const link = useLink();
  const contacts = useSignal(client.contacts);
  const chats = useSignal(client.chats);
  const [reason, setReason] = useState<Reason>('none');
  const [text, setText] = useState('');
  const [isShown, setShown] = useState(true);
  const title = t('contacts.block.title', { name });
  const messages = chats?.lastOf(jid, MESSAGES) ?? [];
  const submit = async () => {
    onClose();
    if (!link || !contacts) return;
    const shown = isShown ? messages : [];
    const report = reason === 'none' ? undefined : { reason, text: text.trim(), messages: shown };
    try {
      await contacts.blocked.block(link, jid, report);
      contacts.requests.drop(jid);
      chats?.strangers.drop(jid);
      toast(report ? t('report.sent', { name }) : t('contacts.blocked', { name }));
    } catch (error) {
      toast(errorText(error), 'error');
    }
  };
  const reasons: [Reason, string][] = [
    ['none', t('report.none')],
    ['spam', t('report.spam')],
    ['abuse', t('report.abuse')],
  ];
  return (
    <Dialog label={title} kind="question" onClose={onClose}>
      <h2>
        <bdi>{title}</bdi>
      </h2>
      <p class="breakable">{t('contacts.block.text', { address: jid })}</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <fieldset class="choices">
          <legend>{t('report.what')}</legend>
          {reasons.map(([value, label]) => (
            <label key={value} class="choice">
              <input
                type="radio"
                name="reason"
                checked={reason === value}
                onChange={() => setReason(value)}
              />
              <span>{label}</span>
            </label>
          ))}
        </fieldset>
        {reason !== 'none' && (
          <>
            <div class="field">
              <label for="report-text">{t('report.text')}</label>
              <textarea
                id="report-text"
                rows={2}
                maxLength={1000}
                value={text}
                onInput={(event) => setText(event.currentTarget.value)}
              />
            </div>
            {messages.length > 0 && (
              <label class="choice">
                <input
                  type="checkbox"
                  checked={isShown}
                  onChange={(event) => setShown(event.currentTarget.checked)}
                />
                <span>{t('report.messages', { name })}</span>
              </label>
            )}
          </>
        )}
        <div class="actions">
          <button type="button" class="quiet" onClick={onClose}>
            {t('dialog.cancel')}
          </button>
          <button type="submit" class="danger" disabled={!link}>
            {t('contacts.block')}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
