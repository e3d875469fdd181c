/** How many notifications are unread; nothing while none is. */
import { compact, plural } from '../i18n';
import { useUnread } from './title';

export function NoticeBadge() {
  const count = useUnread();
  if (count === 0) return null;
  return (
    <>
      <span class="badge" aria-hidden="true">
        {compact(count)}
      </span>
      <span class="visually-hidden">{plural('notice.count', count)}</span>
    </>
  );
}
