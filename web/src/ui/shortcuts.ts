/** The keys of the client: one table for whoever listens to them and for the sheet that explains. */
import { t } from '../i18n';
import { paths } from '../model/route';

export interface Shortcut {
  /** One key, or two that follow each other. */
  keys: readonly string[];
  text: string;
}

export interface ShortcutGroup {
  title: string;
  shortcuts: readonly Shortcut[];
}

/** What is done with the post that has the focus: the button that says so is pressed. */
export const POST_KEYS: Readonly<Record<string, string>> = {
  r: 'reply',
  b: 'boost',
  l: 'like',
};

/** Where one goes with `g` and a second key. */
export const PLACES: Readonly<Record<string, string>> = {
  h: paths.home,
  n: paths.notifications,
  p: paths.public,
  f: paths.people,
  m: paths.messages,
  s: paths.settings,
};

export function shortcutGroups(): ShortcutGroup[] {
  return [
    {
      title: t('keys.reading'),
      shortcuts: [
        { keys: ['J'], text: t('keys.next') },
        { keys: ['K'], text: t('keys.previous') },
        { keys: ['.'], text: t('keys.new') },
        { keys: ['Enter'], text: t('keys.open') },
      ],
    },
    {
      title: t('keys.doing'),
      shortcuts: [
        { keys: ['N'], text: t('keys.write') },
        { keys: ['R'], text: t('keys.reply') },
        { keys: ['L'], text: t('keys.like') },
        { keys: ['B'], text: t('keys.boost') },
        { keys: ['?'], text: t('keys.help') },
      ],
    },
    {
      title: t('keys.going'),
      shortcuts: [
        { keys: ['G', 'H'], text: t('nav.home') },
        { keys: ['G', 'N'], text: t('nav.notifications') },
        { keys: ['G', 'P'], text: t('nav.public') },
        { keys: ['G', 'M'], text: t('nav.messages') },
        { keys: ['G', 'F'], text: t('nav.people') },
        { keys: ['G', 'U'], text: t('nav.profile') },
        { keys: ['G', 'S'], text: t('nav.settings') },
      ],
    },
  ];
}
