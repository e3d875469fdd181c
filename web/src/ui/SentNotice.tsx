/** Says that an answer was stored, where it is not to be seen, and counts it. */
import { useEffect } from 'preact/hooks';
import { t } from '../i18n';
import { paths } from '../model/route';
import { handleOf } from '../xmpp/jid';
import { useClient, useSignal } from './hooks';
import { navigate, useRoute } from './router';
import { toast } from './toasts';

export function SentNotice() {
  const { sent, site } = useClient();
  const { route } = useRoute();
  const draft = useSignal(sent);
  useEffect(() => {
    const reply = draft?.reply;
    if (!reply || route.page === 'thread') return;
    const to = paths.thread(handleOf(reply.author, site.domain), reply.number);
    toast(t('reply.sent'), 'note', { text: t('reply.show'), run: () => navigate(to) });
    // Each draft is sent once; where one is then does not matter.
  }, [draft]);
  return null;
}
