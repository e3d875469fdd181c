/** How many private messages wait to be read. */
import { plural } from '../i18n';
import type { Chats } from '../model/chats';
import { useClient, useSignal } from './hooks';

export function ChatBadge() {
  const chats = useSignal(useClient().chats);
  return chats ? <Badge chats={chats} /> : null;
}

function Badge({ chats }: { chats: Chats }) {
  const count = useSignal(chats.list).reduce((sum, { unread }) => sum + unread, 0);
  if (count === 0) return null;
  return (
    <span class="badge">
      <span aria-hidden="true">{count > 99 ? '99+' : count}</span>
      <span class="visually-hidden">{plural('chat.unread', count)}</span>
    </span>
  );
}
