/** Starts the client: what it needs of the browser, and the first drawing. */
import { render } from 'preact';
import './styles/tokens.css';
import './styles/base.css';
import './styles/layout.css';
import './styles/posts.css';
import './styles/conversation.css';
import './styles/composer.css';
import './styles/overlays.css';
import './styles/landing.css';
import './styles/forms.css';
import './styles/people.css';
import { t } from './i18n';
import { systemClock } from './model/clock';
import { Client } from './model/client';
import { deviceLabel } from './model/device';
import { readSite } from './model/site';
import './ui/appearance';
import { App } from './ui/App';
import { WISH } from './push/wish';
import { navigate, startRouter } from './ui/router';
import { dialStrophe } from './xmpp/strophe';

const site = readSite(document, location);
const client = new Client(site, {
  dial: (credentials, events) => dialStrophe(site.socket, credentials, events),
  clock: systemClock,
  storage: localStorage,
  exclusive: (task) =>
    // Only secure pages have locks; elsewhere two tabs may send the same post, under the same id.
    'locks' in navigator ? navigator.locks.request('folkmoot.outbox', task) : task(),
  newId: () => crypto.randomUUID(),
  deviceLabel: deviceLabel(navigator.userAgent),
  retractionText: t('chat.retraction'),
  onErase: () => void push(({ browser, forget }) => forget(browser)),
});

/** Only who wants to be told while no page is open needs this part. */
async function push(use: (part: typeof import('./push/keep')) => unknown): Promise<void> {
  if (localStorage.getItem(WISH) !== null) await use(await import('./push/keep'));
}

addEventListener('online', () => client.session.nudge());
addEventListener('pagehide', () => client.session.leave());
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') client.session.nudge();
});
addEventListener('storage', (event) => client.onStorage(event.key));

startRouter();
client.resume();
void push(({ browser, keepOnce }) => keepOnce(client.session, navigate, browser));
const root = document.getElementById('app');
if (root) render(<App client={client} />, root);
