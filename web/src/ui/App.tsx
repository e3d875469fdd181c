/** Chooses what is on the screen: by who is signed in, and by the address. */
import { useEffect } from 'preact/hooks';
import { t } from '../i18n';
import type { Client } from '../model/client';
import { paths, type Route } from '../model/route';
import type { SessionState } from '../model/session';
import { lazy } from './lazy';
import { ClientContext, useClient, useSignal } from './hooks';
import { Logo } from './Logo';
import { Home } from './pages/Home';
import { Landing } from './pages/Landing';
import { Missing } from './pages/Missing';
import { NotificationsPage } from './pages/NotificationsPage';
import { PeoplePage } from './pages/PeoplePage';
import { Profile } from './pages/Profile';
import { RequestsPage } from './pages/RequestsPage';
import { SignIn } from './pages/SignIn';
import { SignUp } from './pages/SignUp';
import { PublicStream, TagStream } from './pages/Streams';
import { ThreadPage } from './pages/ThreadPage';
import { navigate, useRoute, useScroll } from './router';
import { Shell } from './Shell';
import { Toasts } from './toasts';

// What most visits do not need is fetched when it is wanted.
const Settings = lazy(async () => (await import('./pages/Settings')).Settings);
const CommunitiesPage = lazy(async () => (await import('./pages/Communities')).CommunitiesPage);
const CommunityPage = lazy(async () => (await import('./pages/Communities')).CommunityPage);
const ContactsPage = lazy(async () => (await import('./pages/ContactsPage')).ContactsPage);
const MessagesPage = lazy(async () => (await import('./pages/MessagesPage')).MessagesPage);
const InvitationsPage = lazy(async () => (await import('./pages/InvitationsPage')).InvitationsPage);
const InvitePage = lazy(async () => (await import('./pages/InvitePage')).InvitePage);
const ConsolePage = lazy(async () => (await import('./pages/ConsolePage')).ConsolePage);

export function App({ client }: { client: Client }) {
  return (
    <ClientContext.Provider value={client}>
      <Screen />
      <Toasts />
    </ClientContext.Provider>
  );
}

function Screen() {
  const { session } = useClient();
  const { route } = useRoute();
  const state = useSignal(session.state);
  const isResumed = state.kind !== 'signed-out' && session.hasToken;
  if (state.kind === 'online' || isShowing(state)) return <Inside account={state.jid} />;
  return isResumed ? <Splash /> : <Outside route={route} state={state} />;
}

/** Whether the timelines are already on the screen, and only the connection is gone. */
function isShowing(
  state: SessionState,
): state is Exclude<SessionState, { kind: 'signed-out' | 'online' }> {
  return state.kind !== 'signed-out' && state.kind !== 'online' && !state.isFirst;
}

function Outside({ route, state }: { route: Route; state: SessionState }) {
  const hasExpired = state.kind === 'signed-out' && state.tried === 'token';
  useEffect(() => {
    document.title = t('app.name');
  }, [route.page]);
  switch (route.page) {
    case 'home':
      return hasExpired ? <SignIn /> : <Landing />;
    case 'sign-up':
      return <SignUp route={route} />;
    case 'invite':
      return <InvitePage token={route.token} />;
    default:
      return <SignIn wanted={route} />;
  }
}

function Inside({ account }: { account: string }) {
  const { route, path } = useRoute();
  useScroll();
  const isLeft = route.page === 'sign-in' || (route.page === 'sign-up' && !route.token);
  useEffect(() => {
    if (isLeft) navigate(paths.home, 'replace');
  }, [isLeft]);
  if (route.page === 'sign-up' && route.token) return <SignUp route={route} />;
  if (route.page === 'invite') return <InvitePage token={route.token} />;
  return (
    <Shell key={account}>
      <Page key={keyOf(route, path)} route={route} />
    </Shell>
  );
}

/** What stays on the screen while the address changes: a profile between its tabs, the list of conversations. */
function keyOf(route: Route, path: string): string {
  if (route.page === 'messages') return 'messages';
  return route.page === 'profile' ? `profile/${route.handle}` : path;
}

function Page({ route }: { route: Route }) {
  switch (route.page) {
    case 'home':
    case 'sign-in':
    case 'sign-up':
    case 'invite':
      return <Home />;
    case 'public':
      return <PublicStream />;
    case 'people':
      return <PeoplePage />;
    case 'contacts':
      return <ContactsPage />;
    case 'requests':
      return <RequestsPage />;
    case 'invitations':
      return <InvitationsPage />;
    case 'messages':
      return <MessagesPage whom={route.whom} />;
    case 'console':
      return <ConsolePage />;
    case 'communities':
      return <CommunitiesPage />;
    case 'community':
      return <CommunityPage node={route.node} />;
    case 'tag':
      return <TagStream tag={route.tag} />;
    case 'profile':
      return <Profile handle={route.handle} tab={route.tab} />;
    case 'thread':
      return <ThreadPage handle={route.handle} number={route.number} />;
    case 'notifications':
      return <NotificationsPage />;
    case 'settings':
      return <Settings />;
    case 'missing':
      return <Missing />;
  }
}

/** While an earlier sign-in is resumed and nothing was shown yet. */
function Splash() {
  const { session, site } = useClient();
  const isWaiting = useSignal(session.state).kind === 'waiting';
  return (
    <div class="splash" role="status">
      <Logo size={88} />
      <p>
        {isWaiting
          ? t('app.unreachable', { domain: site.domain })
          : t('app.connecting', { domain: site.domain })}
      </p>
      {isWaiting && (
        <button type="button" class="quiet" onClick={() => session.nudge()}>
          {t('connection.now')}
        </button>
      )}
    </div>
  );
}
