/** The title of the window: where one is, and how much waits to be read. */
import { useEffect } from 'preact/hooks';
import { t } from '../i18n';
import type { Summary } from '../model/chat-store';
import { Signal } from '../model/signal';
import { useClient, useSignal } from './hooks';

const NO_CHATS = new Signal<readonly Summary[]>([]);

/** How much waits to be read. */
export function useUnread(): number {
  const { notifications, chats } = useClient();
  const list = useSignal(useSignal(chats)?.list ?? NO_CHATS);
  return useSignal(notifications.state).unread + list.reduce((sum, { unread }) => sum + unread, 0);
}

export function useTitle(title: string): void {
  const unread = useUnread();
  useEffect(() => {
    const name = t('app.name');
    document.title =
      unread > 0
        ? t('app.title.unread', { count: unread, title, name })
        : t('app.title', { title, name });
  }, [title, unread]);
}
