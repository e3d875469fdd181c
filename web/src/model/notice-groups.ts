/** Notifications as they are shown: the likes of one post together, and its boosts. Pure. */
import type { Notice, NoticeType } from '../xmpp/notifications';
import { compareNumbers } from './tree';

export interface NoticeGroup {
  key: string;
  type: NoticeType;
  /** Bare JIDs, whoever did it last first. */
  people: readonly string[];
  newest: Notice;
  isUnread: boolean;
}

const GROUPED: readonly NoticeType[] = ['like', 'boost'];

/** Groups notifications, newest first; those after `upto` are unread. */
export function group(notices: readonly Notice[], upto: string): NoticeGroup[] {
  const groups = new Map<string, NoticeGroup>();
  for (const notice of notices) {
    const { id, type, by, post } = notice;
    const isGrouped = post !== undefined && GROUPED.includes(type);
    const key = isGrouped ? `${type}/${post.number}` : id;
    const isUnread = compareNumbers(id, upto) > 0;
    const before = groups.get(key);
    groups.set(key, {
      key,
      type,
      people: [...new Set([...(before?.people ?? []), by])],
      newest: before?.newest ?? notice,
      isUnread: isUnread || (before?.isUnread ?? false),
    });
  }
  return [...groups.values()];
}
