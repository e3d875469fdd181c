/** Whom one blocks, and the way back. */
import { errorText } from '../../i18n/errors';
import { t } from '../../i18n';
import { useClient, useLink, useSignal } from '../hooks';
import { Icon } from '../icons';
import { useBlocked } from '../people-hooks';
import { toast } from '../toasts';

export function BlockedList() {
  const contacts = useSignal(useClient().contacts);
  const blocked = useBlocked();
  const link = useLink();
  if (!blocked || !contacts) return null;
  const unblock = async (jid: string) => {
    if (!link) return;
    try {
      await contacts.blocked.unblock(link, jid);
      toast(t('contacts.unblocked', { address: jid }));
    } catch (error) {
      toast(errorText(error), 'error');
    }
  };
  return (
    <section>
      <h2>{t('blocked.title')}</h2>
      <p class="hint">{t('blocked.text')}</p>
      {blocked.size === 0 && <p class="note">{t('blocked.none')}</p>}
      <ul class="devices">
        {[...blocked].sort().map((jid) => (
          <li key={jid}>
            <Icon name="block" />
            <code class="device-text breakable">{jid}</code>
            <button
              type="button"
              class="quiet"
              disabled={!link}
              aria-label={t('contacts.unblockLabel', { address: jid })}
              onClick={() => void unblock(jid)}
            >
              {t('contacts.unblock')}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
