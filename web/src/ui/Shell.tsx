/** The frame of the signed-in client: navigation, the page, and what stands beside it. */
import type { ComponentChildren } from 'preact';
import { t } from '../i18n';
import { paths, type Route } from '../model/route';
import { handleOf, localpart } from '../xmpp/jid';
import { Avatar } from './Avatar';
import { ComposerDialog } from './Composer';
import { openComposer } from './composing';
import { ConnectionBanner } from './ConnectionBanner';
import { ChatBadge } from './ChatBadge';
import { lazy } from './lazy';
import { StatusButton, StatusDialog } from './StatusForm';
import { adding } from './adding';
import { useAccount, useClient, useName, useSignal } from './hooks';
import { Icon, type IconName } from './icons';
import { Announcer } from './Announcer';
import { useKeyboard } from './keyboard';
import { Logo } from './Logo';
import { NoticeBadge } from './NoticeBadge';
import { PeopleList } from './People';
import { RequestBadge } from './RequestList';
import { A, useRoute } from './router';
import { SentNotice } from './SentNotice';
import { ShortcutSheet } from './ShortcutSheet';
import { Tags } from './Tags';

interface Destination {
  to: string;
  icon: IconName;
  text: string;
}

type Place = 'home' | 'public' | 'notifications' | 'messages' | 'people' | 'profile';

function useDestinations(): Record<Place, Destination> {
  const { domain } = useClient().site;
  const handle = handleOf(useAccount(), domain);
  return {
    home: { to: paths.home, icon: 'home', text: t('nav.home') },
    public: { to: paths.public, icon: 'public', text: t('nav.public') },
    notifications: { to: paths.notifications, icon: 'bell', text: t('nav.notifications') },
    messages: { to: paths.messages, icon: 'chat', text: t('nav.messages') },
    people: { to: paths.people, icon: 'people', text: t('nav.people') },
    profile: { to: paths.profile(handle), icon: 'person', text: t('nav.profile') },
  };
}

const AddContact = lazy(async () => (await import('./AddContact')).AddContact);

export function Shell({ children }: { children: ComponentChildren }) {
  useKeyboard();
  return (
    <div class="shell">
      <a href="#content" class="skip">
        {t('app.skip')}
      </a>
      <SideNavigation />
      <main id="content" class="sheet" tabIndex={-1}>
        <ConnectionBanner />
        {children}
      </main>
      <Aside />
      <BottomBar />
      <ComposerDialog />
      <ShortcutSheet />
      <Announcer />
      <AddContactWindow />
      <StatusDialog />
      <SentNotice />
    </div>
  );
}

function AddContactWindow() {
  return useSignal(adding).kind === 'closed' ? null : <AddContact />;
}

function SideNavigation() {
  const { home, public: everybody, notifications, messages, people, profile } = useDestinations();
  const settings: Destination = { to: paths.settings, icon: 'settings', text: t('nav.settings') };
  return (
    <div class="side">
      <A to={paths.home} class="wordmark">
        <Logo size={34} />
        <span class="label">{t('app.name')}</span>
      </A>
      <nav aria-label={t('nav.label')}>
        {[home, everybody, notifications, messages, people, profile, settings].map(
          (destination) => (
            <A key={destination.to} to={destination.to} class="nav-link">
              <Icon name={destination.icon} />
              <span class="label">{destination.text}</span>
              {destination === notifications && <NoticeBadge />}
              {destination === messages && <ChatBadge />}
              {destination === people && <RequestBadge />}
            </A>
          ),
        )}
      </nav>
      <button type="button" class="primary write" onClick={() => openComposer()}>
        <Icon name="write" />
        <span class="label">{t('nav.write')}</span>
      </button>
      <Self />
    </div>
  );
}

function Self() {
  const account = useAccount();
  const { domain } = useClient().site;
  const name = useName(account, localpart(account));
  const handle = handleOf(account, domain);
  return (
    <div class="self-row">
      <A to={paths.profile(handle)} class="self" aria-label={name}>
        <Avatar jid={account} size="normal" />
        <span class="self-text">
          <bdi class="name">{name}</bdi>
          <span class="handle">@{handle}</span>
        </span>
      </A>
      <StatusButton />
    </div>
  );
}

/** Where people to follow would stand twice. */
function isAboutPeople({ page }: Route): boolean {
  return page === 'people' || page === 'contacts' || page === 'requests';
}

function Aside() {
  const { route } = useRoute();
  return (
    <aside class="aside">
      {!isAboutPeople(route) && (
        <section class="panel">
          <h2>{t('people.toFollow')}</h2>
          <PeopleList max={4} meta={false} />
          <A to={paths.people} class="panel-more">
            {t('people.more')}
          </A>
        </section>
      )}
      <Tags />
      <p class="imprint">{t('app.tagline')}</p>
    </aside>
  );
}

function BottomBar() {
  const { home, notifications, messages, people } = useDestinations();
  return (
    <nav class="bottom" aria-label={t('nav.label')}>
      <BottomLink destination={home} />
      <BottomLink destination={notifications}>
        <NoticeBadge />
      </BottomLink>
      <button
        type="button"
        class="write"
        aria-label={t('nav.write')}
        onClick={() => openComposer()}
      >
        <Icon name="write" />
      </button>
      <BottomLink destination={messages}>
        <ChatBadge />
      </BottomLink>
      <BottomLink destination={people}>
        <RequestBadge />
      </BottomLink>
    </nav>
  );
}

interface BottomLinkProps {
  destination: Destination;
  children?: ComponentChildren;
}

function BottomLink({ destination, children }: BottomLinkProps) {
  return (
    <A to={destination.to} class="bottom-link">
      <Icon name={destination.icon} />
      <span>{destination.text}</span>
      {children}
    </A>
  );
}
